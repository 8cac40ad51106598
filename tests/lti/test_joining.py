"""Who was added by hand and comes by the LMS as well becomes one person, by themselves."""

from __future__ import annotations

import re
from typing import Any

import pytest

from grader.db.models import Enrolment, Extension, Release
from grader.db.types import now
from grader.services.gradefiles import Reason, who_is_known
from grader.services.people import change_person
from grader.services.site import Site
from tests.coursework import assignment_of
from tests.lmsplatform import LEARNER, Browser
from tests.lti._linked import person
from tests.sites import People
from tests.web._pages import text_of

PASSWORD = "correct horse battery"


def join(browser: Browser, email: str = "ada@example.org", password: str = PASSWORD) -> Any:
    """The form, sent as it stands there."""
    token = re.search(r'name="csrf" value="([^"]+)"', browser.client.get("/account/join").text)
    assert token
    form = {"csrf": token[1], "email": email, "password": password}
    return browser.post(form, "/account/join", **{"sec-fetch-site": "same-origin"})


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
