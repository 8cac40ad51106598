"""Grades on their way to an LMS, as staff see them and decide about them."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.db.models import (
    CanvasCourse,
    CanvasPerson,
    Context,
    Enrolment,
    Person,
    Platform,
    Role,
)
from grader.db.session import moment
from grader.lms.outside import NotAllowed
from grader.services.site import Site
from tests.databases import KINDS
from tests.lms._linked import Linked, linked_to_moodle, subject
from tests.lms._moodle import never_arrives
from tests.sites import People
from tests.web._pages import Reader, reader, text_of

on_one_database = pytest.mark.parametrize("database_url", KINDS[:1], indirect=True)

ROUTES = {
    "GET /courses/{course_id}/grades-out": "grade",
    "POST /courses/{course_id}/grades-out": "grade",
}


@pytest.fixture
def linked(site: Site, people: People) -> Linked:
    """ada's grade has arrived, and was changed there; bob's has arrived."""
    made = linked_to_moodle(site, people)
    made.grade(people.ada, 7)
    made.grade(people.bob, 5)
    made.release()
    made.settle()
    made.lms.give(1, subject(people.ada), 9.5)
    made.grade(people.ada, 8)
    made.release()
    made.settle()
    return made


@pytest.fixture
def tom(site: Site, client: TestClient, people: People) -> Reader:
    return reader(site, client, people.ta.actor)


def forbidden(answer: Any) -> Any:
    """Nothing is sent to that address."""
    raise NotAllowed("only https:// is allowed")


def where(people: People) -> str:
    return f"/courses/{people.course_id}/grades-out"


def decide(tom: Reader, people: People, decision: str, **which: Any) -> Any:
    return tom.post(where(people), decision=decision, **which)


def test_a_course_that_is_linked_to_nothing_says_how_it_could_be(
    tom: Reader, people: People
) -> None:
    assert "Nothing goes out of this course" in text_of(tom.get(where(people)))


@on_one_database
def test_what_waits_for_an_lms_that_is_disabled_is_shown_with_why(
    linked: Linked, site: Site, client: TestClient, tom: Reader, people: People
) -> None:
    with site.database.writing() as session:
        session.query(Context).one().memberships_url = "https://lms.example/members"
    ines = reader(site, client, people.instructor.actor)
    lms = f"/courses/{people.course_id}/lms"
    assert "Bring its people now" in text_of(ines.get(lms))
    with site.database.writing() as session:
        session.query(Platform).one().disabled_at = moment(session)
    assert "Bring its people now" not in text_of(ines.get(lms))
    assert "Nobody comes in from there, its people are not brought" in text_of(ines.get(lms))
    linked.grade(people.bob, 6)
    linked.release(people.bob)
    linked.settle()
    shown = text_of(tom.get(where(people)))
    assert "Disabled This LMS is switched off here: nothing is sent to it." in shown
    assert "the platform is switched off here" in shown.replace("The platform", "the platform")
    assert tom.get(f"{where(people)}?trouble=locked").text.count('class="state failed">Stuck') == 1
    release = tom.get(f"/assignments/{linked.work.assignment_id}/release")
    assert "Deep Learning 26 (disabled here)." in text_of(release)


@on_one_database
def test_a_course_of_canvas_without_a_column_leads_to_where_one_is_chosen(
    site: Site, client: TestClient, tom: Reader, people: People
) -> None:
    with site.database.writing() as session:
        linked = CanvasCourse(
            course_id=people.course_id,
            base_url="https://canvas.example",
            canvas_id="7",
            title="Deep Learning 26",
            token="t",
            author_id=people.instructor.actor.person_id,
        )
        session.add(linked)
        session.flush()
        link_id = linked.id
    shown = text_of(tom.get(where(people)))
    assert "Nothing goes out of this course" not in shown
    assert "Canvas: Deep Learning 26. Nobody is confirmed there, and no column is chosen" in shown
    assert "An instructor of the course does that." in shown
    ines = reader(site, client, people.instructor.actor)
    page = ines.get(where(people))
    assert f'href="/courses/{people.course_id}/canvas/{link_id}">Say who is who' in page.text
    with site.database.writing() as session:
        person_id = people.ada.actor.person_id
        session.add(CanvasPerson(canvas_course_id=link_id, person_id=person_id, user_id="7"))
    shown = text_of(ines.get(where(people)))
    assert "1 student is confirmed there, and no column is chosen for any assignment." in shown
    assert "Choose columns" in shown
    told = client.get(f"/api/v1{where(people)}", headers=people.ta.headers).json()
    assert told["idle"] == [
        {
            "platform": "Canvas",
            "course": "Deep Learning 26",
            "canvas_link_id": link_id,
            "confirmed": 1,
        }
    ]


@on_one_database
def test_a_course_of_an_lms_without_a_column_says_how_one_comes(
    tom: Reader, people: People, linked: Linked
) -> None:
    assert "nothing goes there yet" not in text_of(tom.get(where(people)))
    with linked.site.database.writing() as session:
        context = session.query(Context).one()
        session.add(
            Context(
                deployment_id=context.deployment_id,
                context_id="another",
                title="Deep Learning, evening",
                course_id=people.course_id,
                linked_by=people.instructor.actor.person_id,
            )
        )
    shown = text_of(tom.get(where(people)))
    assert "Our LMS: Deep Learning, evening. A column is found or made when" in shown


@on_one_database
def test_who_is_unknown_there_since_they_are_here_twice_is_told(
    tom: Reader, people: People, linked: Linked
) -> None:
    with linked.site.database.writing() as session:
        for email, contact in ((None, "eve@example.org"), ("eve@example.org", None)):
            person = Person(email=email, contact=contact, name="Eve")
            session.add(person)
            session.flush()
            key = {"course_id": people.course_id, "person_id": person.id}
            session.add(Enrolment(**key, role=Role.STUDENT))
            eve = person.id
    linked.work.hand_in(eve, scores=(4.0, 6.0))
    linked.release()
    shown = text_of(tom.get(where(people)))
    assert "2 students have an address that somebody else here has" in shown


@on_one_database
def test_a_refusal_of_our_own_rules_is_told_from_the_lms_s(
    tom: Reader, people: People, linked: Linked
) -> None:
    linked.lms.faults.append(forbidden)
    linked.grade(people.bob, 6)
    linked.release(people.bob)
    linked.send()
    shown = text_of(tom.get(where(people)))
    assert "Refused there, or by a rule of Chainrule 1 grade" in shown
    assert "Chainrule sends nothing there, by its own rules: only https:// is allowed." in shown


def test_the_page_says_what_has_arrived_what_is_stuck_and_why(
    tom: Reader, people: People, linked: Linked
) -> None:
    shown = text_of(tom.get(where(people)))
    assert "Our LMS: Deep Learning 26" in shown
    assert "Somebody changed this grade there to 9.5 of 10." in shown
    assert "Changed there by somebody 1 grade" in shown
    assert "Write ours" in shown
    narrowed = text_of(tom.get(where(people), trouble="no_student"))
    assert "ada@example.org" not in narrowed


@pytest.mark.parametrize("which", ["id", "trouble"])
def test_staff_write_ours_over_or_leave_theirs(
    tom: Reader, people: People, linked: Linked, which: str
) -> None:
    one = {"id": linked.row(people.ada).id} if which == "id" else {"trouble": "changed"}
    assert decide(tom, people, "again", **one).status_code == 303
    linked.settle()
    assert linked.lms.points(subject(people.ada)) == 9.5
    assert decide(tom, people, "overwrite", **one).status_code == 303
    linked.settle()
    assert linked.lms.points(subject(people.ada)) == 8
    assert "Nothing is held up" in text_of(tom.get(where(people)))


def test_what_is_left_stays_and_is_noted(tom: Reader, people: People, linked: Linked) -> None:
    shown = decide(tom, people, "leave", id=linked.row(people.ada).id)
    assert shown.headers["location"].endswith("?done=leave")
    linked.settle()
    assert linked.lms.points(subject(people.ada)) == 9.5
    assert "Left as it is there." in text_of(tom.get(where(people)))


def test_what_is_changed_again_after_staff_have_looked_is_asked_about_again(
    tom: Reader, people: People, linked: Linked
) -> None:
    decide(tom, people, "overwrite", id=linked.row(people.ada).id)
    linked.lms.give(1, subject(people.ada), 2.5)
    linked.settle()
    assert linked.lms.points(subject(people.ada)) == 2.5
    assert "to 2.5 of 10" in text_of(tom.get(where(people)))


def test_a_grade_of_another_course_is_not_there(
    site: Site, client: TestClient, people: People, linked: Linked
) -> None:
    olaf = reader(site, client, people.outside_instructor.actor)
    other = f"/courses/{people.other_course_id}/grades-out"
    assert olaf.get(where(people)).status_code == 404
    row_id = linked.row(people.ada).id
    assert olaf.post(other, decision="overwrite", id=row_id).status_code == 404
    assert olaf.post(other, decision="again").status_code == 422
    ada = reader(site, client, people.ada.actor)
    assert ada.get(where(people)).status_code == 403
    assert ada.post(where(people), decision="again", id=row_id).status_code == 403


def test_a_grade_that_nobody_has_changed_is_not_written_over(
    tom: Reader, people: People, linked: Linked
) -> None:
    assert decide(tom, people, "overwrite", id=linked.row(people.bob).id).status_code == 404


@on_one_database
def test_what_can_not_be_decided_is_said_on_the_page(
    tom: Reader, people: People, linked: Linked
) -> None:
    linked.lms.faults.append(never_arrives)
    linked.grade(people.bob, 6)
    linked.release(people.bob)
    linked.send()
    refused = decide(tom, people, "overwrite", id=linked.row(people.bob).id)
    assert refused.status_code == 422
    assert "Nobody has changed this grade there: it can be tried again." in text_of(refused)
    linked.change(people.bob, sent_score=None)
    refused = decide(tom, people, "leave", id=linked.row(people.bob).id)
    assert "No grade of ours nor of anybody else is known to be there" in text_of(refused)
    refused = decide(tom, people, "again")
    assert refused.status_code == 422
    assert "Say which grades, or for which reason they are stuck." in text_of(refused)


def test_the_page_of_releases_says_where_grades_go(
    tom: Reader, people: People, linked: Linked
) -> None:
    shown = text_of(tom.get(f"/assignments/{linked.work.assignment_id}/release"))
    assert "Released grades go to Our LMS: Deep Learning 26." in shown
    assert "1 grade has arrived, 1 stuck" in shown
    gradebook = text_of(tom.get(f"/courses/{people.course_id}/gradebook"))
    assert "1 grade is stuck on the way to the LMS" in gradebook


def test_the_audit_log_says_who_decided(
    site: Site, client: TestClient, tom: Reader, people: People, linked: Linked
) -> None:
    decide(tom, people, "overwrite", id=linked.row(people.ada).id)
    ines = reader(site, client, people.instructor.actor)
    shown = text_of(ines.get(f"/courses/{people.course_id}/audit"))
    assert "had ada's grade in the LMS written over" in shown


def test_the_api_says_and_does_the_same(client: TestClient, people: People, linked: Linked) -> None:
    path, headers = f"/api/v1{where(people)}", people.ta.headers
    found = client.get(path, headers=headers).json()
    (column,), (held,) = found["columns"], found["items"]
    assert (column["sent"], column["stuck"], column["course"]) == (1, 1, "Deep Learning 26")
    assert (held["trouble"], held["found"], held["score"]) == ("changed", 9.5, 8)
    assert found["troubles"] == {"changed": 1}
    body = {"decision": "overwrite", "ids": [held["id"]]}
    assert client.post(path, json=body, headers=headers).json() == {"decided": 1}
    linked.settle()
    assert client.get(path, headers=headers).json()["items"] == []


def test_an_lms_that_does_not_answer_is_said_on_the_page(
    tom: Reader, people: People, linked: Linked
) -> None:
    assert "Silent" not in text_of(tom.get(where(people)))
    linked.lms.faults.append(never_arrives)
    linked.grade(people.bob, 6)
    linked.release(people.bob)
    linked.send()
    assert "Silent It has not answered as it should: just now" in text_of(tom.get(where(people)))
    linked.wait()
    shown = text_of(tom.get(where(people)))
    assert "in a moment Try again bob" in shown  # the next try is due, and not said to be past
