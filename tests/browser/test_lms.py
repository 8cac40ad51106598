"""Launches from an LMS in a real browser: in a window, in frames of another site, and choosing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from grader.db.models import Context, Deployment, Person, Platform
from grader.services.access import Actor
from grader.services.site import Site
from tests.browser._classroom import PHONE, Classroom, Lookers, overflows, violations
from tests.browser._lms import LmsSite, lms_site
from tests.lmsplatform import INSTRUCTOR, LEARNER
from tests.serving import Serving
from tests.waiting import wait_until


@pytest.fixture
def lms(service: Serving, site: Site, room: Classroom) -> Iterator[LmsSite]:
    """An LMS that is registered, and a course of it that is linked to the room's."""
    with lms_site(service.url) as made:
        with site.database.writing() as session:
            root = Person(email=f"root-{room.course_id}@example.org", name="Root", is_admin=True)
            session.add(root)
        platform_id = made.register(site, Actor(root.id, root.name, is_admin=True))
        with site.database.writing() as session:
            deployment = session.query(Deployment).filter_by(platform_id=platform_id).one()
            session.add(
                Context(
                    deployment_id=deployment.id,
                    context_id="course-7",
                    title="Deep Learning (LMS)",
                    course_id=room.course_id,
                    linked_by=room.people["ines"].person_id,
                )
            )
        made.enrol(
            "s1",
            [LEARNER],
            name="Stu Dent",
            custom={"chainrule_assignment": str(room.assignment_id)},
        )
        made.enrol("t1", [INSTRUCTOR], name="Tea Cher", deep_linking=True)
        yield made


def lands(page: Page, room: Classroom) -> None:
    """The student's assignment is there, and the student is somebody."""
    expect(page).to_have_url(re.compile(rf"/assignments/{room.assignment_id}$"))
    expect(page.get_by_role("link", name="Stu Dent")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_a_student_lands_on_the_assignment(lms: LmsSite, look: Lookers, room: Classroom) -> None:
    page = look.as_(None)
    page.goto(lms.course("s1"))
    page.get_by_role("link", name="Open the assignment").click()
    lands(page, room)


def test_in_a_frame_of_another_site_the_platform_keeps_the_state_and_a_window_opens(
    lms: LmsSite, look: Lookers, room: Classroom
) -> None:
    page = look.as_(None)
    page.goto(lms.course("s1", frame=True, storage=True))
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="You are known as Stu Dent")).to_be_visible()
    with page.expect_popup() as opened:
        frame.get_by_role("button", name="Open Chainrule").click()
    lands(opened.value, room)
    # The ticket is used up.
    with page.expect_popup() as again:
        frame.get_by_role("button", name="Open Chainrule").click()
    expect(again.value.get_by_text("This was opened already")).to_be_visible()
    # A launch that took too long on its way is refused, with the reason, in the frame.
    lms.late_by = timedelta(hours=2)
    page.reload()
    expect(frame.get_by_role("heading", name="This could not be opened")).to_be_visible()
    expect(frame.get_by_text("has expired (exp): is a clock wrong?")).to_be_visible()


def test_in_a_frame_without_cookies_or_storage_the_launch_goes_on_in_a_window(
    lms: LmsSite, look: Lookers, room: Classroom
) -> None:
    page = look.as_(None)
    page.goto(lms.course("s1", frame=True))
    frame = page.frame_locator("iframe")
    with page.expect_popup() as opened:
        frame.get_by_role("link", name="Open Chainrule in a new window").click()
    lands(opened.value, room)


def test_an_instructor_chooses_an_assignment_within_the_lms(
    lms: LmsSite, look: Lookers, room: Classroom
) -> None:
    for size in ((1440, 900), PHONE):
        lms.brought.clear()
        page = look.as_(None, size)
        page.goto(lms.course("t1", frame=True, storage=True))
        frame = page.frame_locator("iframe")
        frame.get_by_label("Backpropagation by hand").check()
        inner = next(one for one in page.frames if "/lti/launch" in one.url)
        assert not inner.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
        frame.get_by_role("button", name="Add to the course").click()
        wait_until(lambda: lms.brought)
        (item,) = lms.brought
        assert item["custom"] == {"chainrule_assignment": str(room.assignment_id)}
        assert item["lineItem"]["resourceId"] == f"chainrule-assignment-{room.assignment_id}"


def test_the_page_that_connects_a_course_is_sound(
    lms: LmsSite, look: Lookers, site: Site, room: Classroom
) -> None:
    lms.enrol(
        "t2",
        [INSTRUCTOR],
        name="Second Teacher",
        course={"context_id": "course-8", "context_title": "Optimisation, winter term"},
    )
    for size, scheme in (((1440, 900), "light"), (PHONE, "dark")):
        page = look.as_(None, size, color_scheme=scheme)
        page.goto(lms.course("t2"))
        page.get_by_role("link", name="Open the assignment").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Optimisation, winter term")
        assert violations(page) == []
        assert not overflows(page)
    page.get_by_role("button", name="Make the course and connect it").click()
    expect(page.get_by_role("status").first).to_contain_text("The course is connected.")
    with site.database.reading() as session:
        assert session.query(Platform).filter_by(client_id=lms.lms.client_id).count() == 1
