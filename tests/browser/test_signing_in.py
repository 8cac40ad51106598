"""Signing in and out, in the browser."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser._classroom import AS_SEEN, Classroom, Lookers, overflows, violations
from tests.serving import Serving


def test_the_printed_password_signs_in_and_out_again(service: Serving, look: Lookers) -> None:
    found = re.search(r"(student@demo\.example)\s+(\S+)", service.printed)
    assert found
    page = look.as_(None)
    page.goto("/courses")
    expect(page).to_have_url(re.compile(r"/sign-in\?then="))
    page.get_by_label("Address").fill(found[1])
    page.get_by_label("Password").fill("not it, surely")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not right")
    expect(page.get_by_label("Address")).to_have_value(found[1])
    page.get_by_label("Password").fill(found[2])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Courses")).to_be_visible()
    page.get_by_role("link", name="Demo").first.click()
    page.go_back()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/courses")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_page_that_is_not_there_is_sound(look: Lookers, room: Classroom) -> None:
    for size, scheme in AS_SEEN:
        page = look.as_(room.people["ada"], size, color_scheme=scheme)
        page.goto("/no-such-page")
        assert violations(page) == []
        assert not overflows(page)
