"""Who was added by hand and comes by the LMS as well becomes one person, and two again, by
themselves."""

from __future__ import annotations

import re
from typing import Any

import pytest

from grader.db.models import (
    AuditEntry,
    Context,
    ContextMember,
    Course,
    Enrolment,
    Extension,
    Launch,
    PlatformPerson,
    Release,
    Role,
    Submission,
    Token,
)
from grader.db.types import now
from grader.errors import Conflict, Forbidden, NotFound
from grader.services import passwordlinks
from grader.services.access import Actor, Right
from grader.services.gradefiles import Reason, who_is_known
from grader.services.identities import list_identities, separate
from grader.services.people import change_person
from grader.services.site import Site
from tests.coursework import assignment_of
from tests.lmsplatform import INSTRUCTOR, LEARNER, Browser
from tests.lti._linked import link, person, role
from tests.sites import People
from tests.web._pages import text_of

PASSWORD = "correct horse battery"


def join(browser: Browser, email: str = "ada@example.org", password: str = PASSWORD) -> Any:
    """The form, sent as it stands there."""
    return send(browser, "/account/join", email=email, password=password)


def send(browser: Browser, path: str, **fields: str) -> Any:
    """A form of ours with the proof of this session."""
    token = re.search(r'name="csrf" value="([^"]+)"', browser.client.get("/account/join").text)
    token = token or re.search(r'name="csrf" value="([^"]+)"', browser.client.get("/account").text)
    assert token
    return browser.post({"csrf": token[1], **fields}, path, **{"sec-fetch-site": "same-origin"})


@pytest.fixture
def ada(site: Site, people: People, linked: int) -> int:
    """Added by hand, with a password."""
    change_person(site, people.admin.actor, people.ada.actor.person_id, password=PASSWORD)
    return people.ada.actor.person_id


def test_a_student_joins_the_two_and_is_in_the_files_again(
    browser: Browser, site: Site, people: People, ada: int
) -> None:
    browser.come("s1", [LEARNER], name="Ada L.", email="ada@example.org")
    former = person(site, "s1").id
    known = who_is_known(site, people.instructor.actor, people.course_id)
    assert {one.person_id: one.reason for one in known.left_out} == dict.fromkeys(
        (ada, former), Reason.SAME_ADDRESS
    )
    assert 'href="/account/join"' in browser.client.get("/account").text
    assert "You have come from your course's page as Ada L." in text_of(
        browser.client.get("/account/join")
    )
    wrong = join(browser, password="no")
    assert wrong.status_code == 422
    assert "The address or the password is not right" in text_of(wrong)
    joined = join(browser)
    assert joined.headers["location"] == "/account?done=joined"
    assert "The two are one person" in text_of(browser.client.get("/account?done=joined"))
    assert person(site, "s1").id == ada
    with site.database.reading() as session:
        assert session.get(Enrolment, (people.course_id, former)) is None
    assert not who_is_known(site, people.instructor.actor, people.course_id).left_out


def test_who_has_handed_in_as_who_comes_from_the_lms_is_told_that_it_stays(
    browser: Browser, site: Site, people: People, ada: int
) -> None:
    browser.come("s1", [LEARNER], name="Ada L.", email="ada@example.org")
    work = assignment_of(site, people.course_id, people.instructor.actor.person_id, slug="a0")
    work.hand_in(person(site, "s1").id)
    refused = join(browser)
    assert refused.status_code == 422
    assert "can't be moved" in text_of(refused)
    assert person(site, "s1").id != ada


@pytest.mark.parametrize("noted", ["team", "extension", "release"])
def test_what_staff_have_noted_of_who_comes_from_the_lms_is_never_lost(
    noted: str, browser: Browser, site: Site, people: People, ada: int
) -> None:
    browser.come("s1", [LEARNER], name="Ada L.", email="ada@example.org")
    former = person(site, "s1").id
    work = assignment_of(site, people.course_id, people.instructor.actor.person_id, slug="a0")
    whose = {"assignment_id": work.assignment_id, "person_id": former}
    author, of_team = people.instructor.actor.person_id, work.hand_in(people.bob.actor.person_id)
    with site.database.writing() as session:
        if noted == "team":
            session.get_one(Enrolment, (people.course_id, former)).team = "red"
        elif noted == "extension":
            session.add(Extension(**whose, due_at=now(), reason="", author_id=author))
        else:
            worth = {"score": 1.0, "max_score": 10.0, "author_id": author}
            session.add(Release(**whose, **worth, released_at=now(), submission_id=of_team))
    refused = join(browser)
    assert refused.status_code == 422
    assert "a team, more time or a grade" in text_of(refused)
    assert person(site, "s1").id == former


def separated(browser: Browser) -> Any:
    """The button beside the one identity on the page of the account."""
    path = re.search(
        r'action="(/account/identities/\d+/separate)"', browser.client.get("/account").text
    )
    assert path
    return send(browser, path[1])


def test_who_has_joined_sees_it_and_takes_the_two_apart_again_with_all_work_kept(
    browser: Browser, site: Site, people: People, ada: int
) -> None:
    browser.come("s1", [LEARNER], name="Ada L.")
    assert join(browser).status_code == 303
    form = browser.lms.launch(browser.asked("s1"), "s1", [LEARNER], email="ada@lms.example")
    framed = text_of(browser.post(form, **{"sec-fetch-dest": "iframe"}))
    assert "You are known as ada" in framed
    assert "an account here, to which who you are in Moodle of the faculty was joined" in framed
    work = assignment_of(site, people.course_id, people.instructor.actor.person_id, slug="a0")
    submission_id = work.hand_in(ada)
    shown = text_of(browser.client.get("/account"))
    assert "Moodle of the faculty https://lms.example" in shown
    done = separated(browser)
    assert done.headers["location"] == "/account?done=separated"
    # This browser goes on as the account.
    assert "The two are separate" in text_of(browser.client.get("/account?done=separated"))
    other = person(site, "s1")
    assert (other.email, other.contact, other.name) == (None, "ada@lms.example", "ada")
    with site.database.reading() as session:
        assert session.get_one(Submission, submission_id).person_id == ada
        assert session.get_one(Enrolment, (people.course_id, ada)).role is Role.STUDENT
        assert session.query(Launch).filter_by(person_id=ada).count() == 0
        entry = session.query(AuditEntry).filter_by(action="person.separated").one()
    assert (entry.actor_id, entry.subject_id) == (ada, ada)
    assert entry.detail == {"issuer": "https://lms.example", "separated_id": other.id}
    assert role(site, people, "s1") is Role.STUDENT
    # Who comes next is that one, and may join again.
    browser.come("s1", [LEARNER], name="Ada L.")
    assert "Ada L." in text_of(browser.client.get("/account"))
    assert join(browser).status_code == 303
    assert person(site, "s1").id == ada


def test_other_sessions_of_the_account_end_with_the_separating(
    browser: Browser, site: Site, people: People, ada: int
) -> None:
    browser.come("s1", [LEARNER])
    join(browser)
    cookies = dict(browser.client.cookies)
    assert separated(browser).status_code == 303
    assert dict(browser.client.cookies) != cookies
    browser.client.cookies.clear()
    for name, value in cookies.items():
        browser.client.cookies.set(name, value)
    assert browser.client.get("/account", follow_redirects=False).status_code == 303


@pytest.mark.parametrize("noted", ["nothing", "team", "release"])
def test_roles_that_the_lms_gave_go_and_what_staff_have_noted_stays(
    noted: str, browser: Browser, site: Site, people: People, ada: int
) -> None:
    author = people.instructor.actor.person_id
    with site.database.writing() as session:
        session.add(Course(slug="second", title="Second"))
        session.flush()
        second = session.query(Course).filter_by(slug="second").one().id
    link(site, second, author, "course-8")
    course = {"context_id": "course-8", "context_title": "Second"}
    browser.come("s1", [LEARNER], course=course)
    join(browser)
    work = assignment_of(site, second, author, slug="a1")
    of_bob = work.hand_in(people.bob.actor.person_id)
    with site.database.writing() as session:
        enrolment = session.get_one(Enrolment, (second, ada))
        assert enrolment.by_lms
        if noted == "team":
            enrolment.team = "red"
        if noted == "release":
            whose = {"assignment_id": work.assignment_id, "person_id": ada, "submission_id": of_bob}
            worth = {"score": 1.0, "max_score": 10.0, "author_id": author, "released_at": now()}
            session.add(Release(**whose, **worth))
    assert separated(browser).status_code == 303
    other = person(site, "s1").id
    with site.database.reading() as session:
        mine = session.get(Enrolment, (second, ada))
        its = session.get_one(Enrolment, (second, other))
        assert session.query(ContextMember).one().person_id == other
        # By hand she is in the other course, whatever an LMS says.
        assert session.get_one(Enrolment, (people.course_id, ada)).role is Role.STUDENT
    assert (its.role, its.by_lms, its.team) == (Role.STUDENT, True, None)
    if noted == "nothing":
        assert mine is None
    else:
        assert mine is not None
        assert (mine.role, mine.by_lms) == (Role.STUDENT, False)
        assert mine.team == ("red" if noted == "team" else None)


def test_of_a_course_s_last_instructor_the_one_who_comes_from_the_lms_manages_it(
    browser: Browser, site: Site, people: People, ada: int
) -> None:
    browser.come("t1", [INSTRUCTOR])
    join(browser)
    with site.database.writing() as session:
        session.add(Course(slug="second", title="Second"))
        session.flush()
        second = session.query(Course).filter_by(slug="second").one().id
        session.query(Context).update({"course_id": second})
    browser.come("t1", [INSTRUCTOR])
    assert separated(browser).status_code == 303
    with site.database.reading() as session:
        managing = session.query(Enrolment).filter_by(course_id=second).all()
    assert [(one.person_id, one.role) for one in managing] == [
        (person(site, "t1").id, Role.INSTRUCTOR)
    ]


def test_identities_are_for_whose_they_are_and_for_admins(
    browser: Browser, site: Site, people: People, ada: int
) -> None:
    browser.come("s1", [LEARNER])
    alone = person(site, "s1")
    (one,) = list_identities(site, Actor(alone.id, alone.name))
    assert (one.platform, one.issuer, one.subject) == (
        "Moodle of the faculty",
        "https://lms.example",
        "s1",
    )
    with pytest.raises(Conflict, match="no account to separate"):
        separate(site, Actor(alone.id, alone.name), one.id)
    join(browser)
    for stranger in (people.bob.actor, people.instructor.actor):
        with pytest.raises(Forbidden):
            list_identities(site, stranger, ada)
        with pytest.raises(Forbidden):
            separate(site, stranger, one.id, ada)
        with pytest.raises(NotFound):
            separate(site, stranger, one.id)
    reading = Actor(ada, "ada", scopes=frozenset({Right.READ}))
    with pytest.raises(Forbidden, match="lacks the scope submit"):
        separate(site, reading, one.id)
    with pytest.raises(NotFound):
        separate(site, people.admin.actor, one.id, 99)
    separate(site, people.admin.actor, one.id, ada)
    with site.database.reading() as session:
        assert session.query(PlatformPerson).filter_by(person_id=ada).count() == 0
        entry = session.query(AuditEntry).filter_by(action="person.separated").one()
    assert (entry.actor_id, entry.subject_id) == (people.admin.actor.person_id, ada)


def test_staff_of_an_lms_become_no_account_that_another_course_s_link_has_opened(
    browser: Browser, site: Site, people: People, linked: int
) -> None:
    with site.database.writing() as session:
        session.query(Token).delete()
    olaf, otto = people.outside_instructor.actor, people.outsider.actor.person_id
    made = passwordlinks.make_link(site, olaf, people.other_course_id, otto)
    passwordlinks.choose_password(site, made.url.partition("#")[2], PASSWORD)
    browser.come("t1", [INSTRUCTOR], name="Otto")
    refused = join(browser, email=people.outsider.email)
    assert refused.status_code == 422
    assert "Ask an administrator to set a password for the account first" in text_of(refused)
    assert person(site, "t1").id != otto
    change_person(site, people.admin.actor, otto, password=PASSWORD)
    assert join(browser, email=people.outsider.email).headers["location"] == "/account?done=joined"
