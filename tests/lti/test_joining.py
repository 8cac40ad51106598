"""Who was added by hand and comes by the LMS as well becomes one person, and two again, by
themselves."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from grader.db.models import (
    AuditEntry,
    BrowserSession,
    Context,
    ContextMember,
    Course,
    Enrolment,
    Extension,
    GradeColumn,
    Launch,
    Passback,
    Person,
    PlatformPerson,
    Release,
    Role,
    Submission,
    Token,
)
from grader.db.types import now
from grader.errors import Conflict, Forbidden, NotFound, NotSignedIn
from grader.services import passwordlinks
from grader.services.access import Actor, Right
from grader.services.gradefiles import Reason, who_is_known
from grader.services.identities import list_identities, separate
from grader.services.lmspeople import UNNAMED
from grader.services.people import actor_of_token, change_person, issue_token
from grader.services.release import release
from grader.services.site import Site
from tests.coursework import assignment_of
from tests.lmsplatform import INSTRUCTOR, LEARNER, Browser
from tests.lti._linked import link, person, role
from tests.sites import People
from tests.web._pages import reader, text_of

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


def separated_by_admin(site: Site, people: People, person_id: int) -> None:
    """An administrator does it."""
    (one,) = list_identities(site, people.admin.actor, person_id)
    separate(site, people.admin.actor, one.id, person_id)


def test_who_has_joined_sees_it_and_takes_the_two_apart_again_and_is_asked_who_they_are(
    browser: Browser, site: Site, people: People, ada: int
) -> None:
    browser.come("s1", [LEARNER], name="Ada L.")
    assert join(browser).status_code == 303
    form = browser.lms.launch(browser.asked("s1"), "s1", [LEARNER], email="ada@lms.example")
    framed = text_of(browser.post(form, **{"sec-fetch-dest": "iframe"}))
    assert "You are known as ada" in framed
    assert "an account here, to which who you are in Moodle of the faculty was joined" in framed
    shown = text_of(browser.client.get("/account"))
    assert "Moodle of the faculty https://lms.example" in shown
    done = separated(browser)
    assert done.headers["location"] == "/sign-in?done=separated"
    # This browser may be of either of the two: it goes on as none of them.
    told = text_of(browser.client.get("/sign-in?done=separated"))
    assert "The two are separate" in told
    assert "Open it again from your course's page in the LMS, or sign in" in told
    assert browser.client.get("/account", follow_redirects=False).status_code == 303
    other = person(site, "s1")
    assert (other.email, other.contact, other.name) == (None, "ada@lms.example", UNNAMED)
    with site.database.reading() as session:
        assert session.get_one(Enrolment, (people.course_id, ada)).role is Role.STUDENT
        assert session.query(Launch).filter_by(person_id=ada).count() == 0
        assert session.query(BrowserSession).filter_by(person_id=ada).count() == 0
        entry = session.query(AuditEntry).filter_by(action="person.separated").one()
    assert (entry.actor_id, entry.subject_id) == (ada, ada)
    assert entry.detail == {"issuer": "https://lms.example", "separated_id": other.id, "tokens": []}
    assert role(site, people, "s1") is Role.STUDENT
    # Who comes next is that one, and may join again.
    browser.come("s1", [LEARNER], name="Ada L.")
    assert "Ada L." in text_of(browser.client.get("/account"))
    assert join(browser).status_code == 303
    assert person(site, "s1").id == ada


def test_who_has_handed_in_is_separated_by_an_administrator_alone_with_all_work_kept(
    browser: Browser, site: Site, client: TestClient, people: People, ada: int
) -> None:
    browser.come("s1", [LEARNER])
    join(browser)
    work = assignment_of(site, people.course_id, people.instructor.actor.person_id, slug="a0")
    submission_id = work.hand_in(ada)
    shown = browser.client.get("/account")
    assert "only an administrator of Chainrule can separate you" in text_of(shown)
    assert "/separate" not in shown.text
    (one,) = list_identities(site, people.ada.actor)
    with pytest.raises(Conflict, match="a second place beside it"):
        separate(site, people.ada.actor, one.id)
    client.cookies.clear()
    member = f"/courses/{people.course_id}/people/{ada}"
    ines = reader(site, client, people.instructor.actor)
    assert "Who they are in LMSs" not in text_of(ines.get(member))
    path = f"{member}/identities/{one.id}/separate"
    assert ines.post(path).status_code == 403
    client.cookies.clear()
    root = reader(site, client, people.admin.actor)
    assert f'action="{path}"' in root.get(member).text
    assert root.post(path).headers["location"].endswith("/people?done=separated")
    with site.database.reading() as session:
        assert session.get_one(Submission, submission_id).person_id == ada
        assert session.get_one(Enrolment, (people.course_id, ada)).role is Role.STUDENT
    assert person(site, "s1").id != ada


def test_sessions_and_tokens_of_the_account_end_with_the_separating(
    browser: Browser, site: Site, people: People, ada: int
) -> None:
    browser.come("s1", [LEARNER])
    join(browser)
    rights = frozenset({Right.SUBMIT})
    token = issue_token(site, people.ada.actor, "t", rights, timedelta(days=365)).secret
    cookies = dict(browser.client.cookies)
    assert separated(browser).status_code == 303
    browser.client.cookies.clear()
    for name, value in cookies.items():
        browser.client.cookies.set(name, value)
    assert browser.client.get("/account", follow_redirects=False).status_code == 303
    with pytest.raises(NotSignedIn):
        actor_of_token(site, token)


@pytest.mark.parametrize("framed", [False, True])
def test_a_session_begins_while_the_launch_is_held_so_that_separating_ends_it(
    framed: bool, browser: Browser, site: Site, linked: int
) -> None:
    form = browser.lms.launch(browser.asked("s1"), "s1", [LEARNER])
    if framed:
        shown = browser.post(form, **{"sec-fetch-dest": "iframe"}).text
        form = {"ticket": re.findall(r'name="ticket" value="([^"]+)"', shown)[0]}
    seen: list[str] = []

    def hear(_: Any, __: Any, statement: str, *___: Any) -> None:
        seen.append(" ".join(statement.split()[:3]))

    def end(_: Any) -> None:
        seen.append("COMMIT")

    event.listen(site.database.engine, "before_cursor_execute", hear)
    event.listen(site.database.engine, "commit", end)
    try:
        if framed:
            answer = browser.post(form, "/lti/open", **{"sec-fetch-site": "same-origin"})
        else:
            answer = browser.post(form)
    finally:
        event.remove(site.database.engine, "before_cursor_execute", hear)
        event.remove(site.database.engine, "commit", end)
    assert answer.status_code == 303
    used = seen.index("UPDATE launch SET")
    assert "INSERT INTO browser_session" in seen[used : seen.index("COMMIT", used)]


def test_an_address_goes_along_with_who_is_separated_where_it_can_be_of_nobody_else(
    browser: Browser, site: Site, people: People, ada: int
) -> None:
    browser.come("s1", [LEARNER])
    join(browser)
    with site.database.writing() as session:
        session.get_one(Person, ada).contact = "ada@second.example"
        session.add(PlatformPerson(issuer="https://second.example", subject="x", person_id=ada))
    assert separated(browser).status_code == 303
    with site.database.reading() as session:
        assert (person(site, "s1").contact, session.get_one(Person, ada).contact) == (None, None)


def test_what_stands_in_the_lms_goes_along_with_who_it_is_of_and_back(
    browser: Browser, site: Site, people: People, linked: int, ada: int
) -> None:
    browser.come("s1", [LEARNER])
    join(browser)
    staff = people.instructor.actor
    work = assignment_of(site, people.course_id, staff.person_id, slug="a0")
    work.hand_in(ada, scores=(4.0, 3.5))
    with site.database.writing() as session:
        column = {"assignment_id": work.assignment_id, "context_id": linked}
        session.add(GradeColumn(**column, address="x", max_score=10.0))
    release(site, staff, work.assignment_id, [ada])

    def rows() -> list[tuple[Any, ...]]:
        with site.database.reading() as session:
            found = session.query(Passback).all()
        return [(one.person_id, one.score, one.sent_score, one.note is None) for one in found]

    assert rows() == [(ada, 7.5, None, True)]
    with site.database.writing() as session:
        session.query(Passback).update({"sent_score": 7.5, "sent_max_score": 10.0})
    separated_by_admin(site, people, ada)
    other = person(site, "s1").id
    assert rows() == [(other, None, 7.5, False)]
    browser.client.cookies.clear()
    browser.come("s1", [LEARNER])
    assert join(browser).status_code == 303
    assert rows() == [(ada, 7.5, 7.5, True)]


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
    if noted == "nothing":
        assert separated(browser).status_code == 303
    else:
        separated_by_admin(site, people, ada)
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
