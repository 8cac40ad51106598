"""What the LMS does not let in: for how long it is tried, and what has it sent after all."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from grader.db.models import Context, DeliveryState, Person, Platform, ResourceLink, Trouble
from grader.lms import ags
from grader.lms.messages import Message
from grader.lms.outside import Answer
from grader.services.launching import enter
from grader.services.platforms import Registration, change_platform, disable_platform
from grader.services.site import Site
from tests.lms import _moodle
from tests.lms._linked import SCOPES, Linked, linked_by_rest, linked_to_moodle, subject
from tests.lms._moodle import never_arrives, saying
from tests.sites import People


@pytest.fixture
def moodle(site: Site, people: People) -> Linked:
    return linked_to_moodle(site, people)


def platform(linked: Linked) -> Platform:
    with linked.site.database.reading() as session:
        return session.query(Platform).one()


def launched(linked: Linked, **said: Any) -> None:
    """ada opens the course from the LMS, which says that of it."""
    nothing = dict.fromkeys(Message.__annotations__)
    some = {"context_title": "", "target": "https://here.example/", "grade_scopes": ()}
    message = Message(**{**nothing, **some, **said})
    with linked.site.database.writing() as session:
        context = session.get_one(Context, linked.context_id)
        enter(session, context, session.get_one(Person, linked.ada.actor.person_id), message)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("make", [linked_to_moodle, linked_by_rest])
def test_one_answer_that_lets_nobody_in_is_no_reason_to_give_up(
    status: int, make: Any, site: Site, people: People
) -> None:
    linked = make(site, people)
    linked.lms.faults += [saying(status)] * 2
    linked.grade(people.ada, 7)
    linked.release()
    linked.send()
    assert linked.row(people.ada).state is DeliveryState.WAITING
    linked.settle()
    assert linked.row(people.ada).state is DeliveryState.DELIVERED


@pytest.mark.parametrize("make", [linked_to_moodle, linked_by_rest])
def test_outages_are_no_refusals(make: Any, site: Site, people: People) -> None:
    linked = make(site, people)
    linked.grade(people.ada, 7)
    linked.release()
    outages = [saying(500), never_arrives, saying(503), never_arrives, saying(502)]
    for fault in (*outages, saying(401), saying(500), saying(403), never_arrives, saying(401)):
        linked.lms.faults[:] = [fault, fault]  # where a new token is asked for, once more
        linked.wait()
        linked.send()
        assert linked.row(people.ada).trouble is None
    assert linked.row(people.ada).refusals == 3
    linked.lms.faults[:] = [saying(403)] * 2
    linked.wait()
    linked.send()
    assert linked.row(people.ada).trouble is Trouble.LOCKED


def test_refusals_are_counted_anew_for_what_is_wanted_anew(moodle: Linked) -> None:
    moodle.grade(moodle.ada, 7)
    moodle.release()
    for points in (8, 9):
        for _ in range(3):
            moodle.lms.faults[:] = [saying(401)] * 2
            moodle.wait()
            moodle.send()
        assert moodle.row(moodle.ada).refusals == 3
        moodle.grade(moodle.ada, points)
        moodle.release()
    assert moodle.row(moodle.ada).trouble is None
    moodle.lms.faults.clear()
    moodle.settle()
    assert moodle.lms.points(subject(moodle.ada)) == 9
    assert moodle.row(moodle.ada).refusals == 0


def test_what_a_disabled_platform_kept_out_is_sent_when_it_is_enabled(moodle: Linked) -> None:
    root, row = moodle.people.admin.actor, platform(moodle)
    disable_platform(moodle.site, root, row.id, disabled=True)
    moodle.grade(moodle.ada, 7)
    moodle.release()
    moodle.settle()
    assert moodle.row(moodle.ada).trouble is Trouble.LOCKED
    disable_platform(moodle.site, root, row.id, disabled=False)
    moodle.settle()
    assert moodle.lms.points(subject(moodle.ada)) == 7


def test_what_another_registration_lets_in_is_sent(moodle: Linked) -> None:
    root, row = moodle.people.admin.actor, platform(moodle)
    moodle.lms.faults += [saying(401)] * 20
    moodle.grade(moodle.ada, 7)
    moodle.release()
    moodle.settle()
    assert moodle.row(moodle.ada).trouble is Trouble.LOCKED
    moodle.lms.faults.clear()
    same = {name: getattr(row, name) for name in Registration.__annotations__}
    given = Registration(**{**same, "token_url": "https://lms.example/tokens"})
    change_platform(moodle.site, root, row.id, given)
    moodle.settle()
    assert moodle.lms.points(subject(moodle.ada)) == 7


def test_what_lacked_a_scope_is_sent_when_a_launch_brings_it(moodle: Linked) -> None:
    with moodle.site.database.writing() as session:
        session.execute(update(Context).values(scopes=f"{ags.LINE_ITEMS} {ags.SCORES}"))
    moodle.grade(moodle.ada, 7)
    moodle.release()
    moodle.settle()
    assert moodle.row(moodle.ada).trouble is Trouble.LOCKED
    launched(moodle)
    moodle.settle()
    assert moodle.row(moodle.ada).trouble is Trouble.LOCKED
    launched(moodle, grade_scopes=tuple(SCOPES.split()))
    moodle.settle()
    assert moodle.lms.points(subject(moodle.ada)) == 7


def test_what_had_no_column_is_sent_when_a_launch_tells_one(moodle: Linked) -> None:
    moodle.lms.columns[5] = _moodle.Column("Link", 10)
    with moodle.site.database.writing() as session:
        session.execute(update(Context).values(scopes=f"{ags.RESULTS} {ags.SCORES}"))
    moodle.grade(moodle.ada, 7)
    moodle.release()
    moodle.settle()
    assert moodle.row(moodle.ada).trouble is Trouble.GONE
    url = f"{_moodle.HOST}/mod/lti/services.php/2/lineitems/5/lineitem?type_id=1"
    launched(moodle, link_id="link-1", line_item_url=url)
    moodle.settle()
    assert moodle.lms.points(subject(moodle.ada)) == 7


def test_where_columns_may_not_be_seen_a_refusal_is_about_the_student(moodle: Linked) -> None:
    moodle.lms.columns[5] = _moodle.Column("Link", 10)
    url = f"{_moodle.HOST}/mod/lti/services.php/2/lineitems/5/lineitem?type_id=1"
    with moodle.site.database.writing() as session:
        session.execute(update(Context).values(scopes=f"{ags.RESULTS} {ags.SCORES}"))
        session.execute(update(ResourceLink).values(line_item_url=url))
    moodle.lms.faults += [lambda _: Answer(404, {}, b"")]
    moodle.grade(moodle.ada, 7)
    moodle.release()
    moodle.send()
    assert moodle.row(moodle.ada).trouble is Trouble.NO_STUDENT
    assert moodle.column().gone_at is None


def told(moodle: Linked, number: int) -> str:
    """The address of a further column, as a launch tells it."""
    moodle.lms.columns[number] = _moodle.Column("Link", 10)
    return f"{_moodle.HOST}/mod/lti/services.php/2/lineitems/{number}/lineitem?type_id=1"


def test_where_columns_may_not_be_seen_nobody_is_given_up_for_one_403(moodle: Linked) -> None:
    with moodle.site.database.writing() as session:
        session.execute(update(Context).values(scopes=f"{ags.RESULTS} {ags.SCORES}"))
        session.execute(update(ResourceLink).values(line_item_url=told(moodle, 5)))
    moodle.lms.faults += [saying(403)]
    moodle.grade(moodle.ada, 7)
    moodle.release()
    moodle.send()
    assert moodle.row(moodle.ada).trouble is None
    moodle.settle()
    assert moodle.lms.points(subject(moodle.ada)) == 7


def test_where_columns_may_not_be_seen_the_one_that_a_launch_tells_of_counts(
    moodle: Linked,
) -> None:
    with moodle.site.database.writing() as session:
        session.execute(update(Context).values(scopes=f"{ags.RESULTS} {ags.SCORES}"))
        session.execute(update(ResourceLink).values(line_item_url=told(moodle, 5)))
    moodle.grade(moodle.ada, 7)
    moodle.release()
    moodle.settle()
    del moodle.lms.columns[5]
    launched(moodle, link_id="link-1", line_item_url=told(moodle, 6))
    moodle.grade(moodle.ada, 8)
    moodle.release()
    moodle.settle()
    assert moodle.row(moodle.ada).state is DeliveryState.DELIVERED
    assert moodle.lms.points(subject(moodle.ada)) == 8


def test_an_lms_that_says_no_is_silent_no_more(moodle: Linked) -> None:
    moodle.lms.faults += [never_arrives]
    moodle.grade(moodle.ada, 7)
    moodle.release()
    moodle.send()
    assert platform(moodle).failing_since is not None
    moodle.lms.faults += [saying(422)]
    moodle.wait()
    moodle.send()
    assert moodle.row(moodle.ada).state is DeliveryState.STUCK
    assert platform(moodle).failing_since is None
