"""What becomes of grades in an LMS where an account had been taken for somebody else there."""

from __future__ import annotations

import pytest

from grader.db import deliveries
from grader.db.deliveries import Sending
from grader.db.models import ContextMember, DeliveryState, Passback, PlatformPerson
from grader.services.gradesout import grades_out
from grader.services.identities import list_identities, separate
from grader.services.passback import catch_up
from grader.services.site import Site
from tests.lms._linked import Linked, linked_to_canvas, linked_to_moodle, subject
from tests.sites import People

KINDS = {"moodle": linked_to_moodle, "canvas": linked_to_canvas}


@pytest.fixture(params=KINDS)
def linked(request: pytest.FixtureRequest, site: Site, people: People) -> Linked:
    """ada's account is joined to somebody of the LMS, whom she is not."""
    made = KINDS[request.param](site, people)
    made.grade(made.ada, 7.5)
    made.release(made.ada)
    return made


def separated(linked: Linked) -> int:
    """An administrator takes ada's account and who that is apart; who that is from now on."""
    ada = linked.ada.actor.person_id
    (one,) = list_identities(linked.site, linked.people.admin.actor, ada)
    separate(linked.site, linked.people.admin.actor, one.id, ada)
    with linked.site.database.reading() as session:
        return session.get_one(PlatformPerson, one.id).person_id


def become(linked: Linked, known_as: str) -> None:
    """ada's account is joined to whom she is, whom the LMS has listed."""
    ada = linked.ada.actor.person_id
    with linked.site.database.writing() as session:
        issuer = session.query(PlatformPerson).first()
        assert issuer is not None
        session.add(PlatformPerson(issuer=issuer.issuer, subject=known_as, person_id=ada))
        session.add(ContextMember(context_id=linked.context_id, person_id=ada))
    if isinstance(linked.lms.students, set):
        linked.lms.students.add(known_as)
    else:
        linked.lms.students[known_as] = {}


def points(linked: Linked, known_as: str) -> float | None:
    """What stands there, on our scale of ten."""
    found, scale = linked.lms.points(known_as), linked.column().max_score
    return None if found is None or scale is None else found * 10 / scale


def test_a_grade_in_another_one_s_cell_is_told_and_goes_to_whose_it_is_once_they_are_known(
    linked: Linked,
) -> None:
    linked.settle()
    wrong = subject(linked.ada)
    other = separated(linked)
    linked.settle()
    (row,) = linked.rows()
    assert (row.person_id, row.score, row.sent_score) == (other, None, 7.5)
    staff, course_id = linked.people.ta.actor, linked.people.course_id
    (told,) = grades_out(linked.site, staff, course_id).held.items
    assert told.passback.note is not None
    assert told.passback.note.startswith("7.5 of 10 was sent there as the grade of ada, who was")
    become(linked, "2000")
    assert catch_up(linked.site) == 1
    linked.settle()
    row = linked.row(linked.ada)
    assert (row.state, row.sent_score) == (DeliveryState.DELIVERED, 7.5)
    # Nothing is taken away there by itself.
    assert (points(linked, "2000"), points(linked, wrong)) == (7.5, 7.5)


def test_what_was_never_sent_is_forgotten_and_what_is_on_its_way_is_known_for_ours(
    linked: Linked,
) -> None:
    separated(linked)
    assert linked.rows() == []
    become(linked, "2000")
    catch_up(linked.site)
    linked.wait()
    with linked.site.database.writing() as session:
        (held,) = deliveries.claim(session, Passback, 20)
        tried = {"scores": [[7.5, 10.0, 10.0]]}
        assert deliveries.keep(session, Passback, held, tried=tried)
    other = separated(linked)
    (row,) = linked.rows()
    assert (row.person_id, row.tried, row.score) == (other, tried, None)
    with linked.site.database.writing() as session:
        late = Sending(held.id, held.fence, held.wanted, held.tries)
        assert not deliveries.arrived(session, Passback, late)
