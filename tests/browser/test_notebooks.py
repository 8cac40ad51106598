"""The executed notebook in its frame, as its owner and their TA look at it."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser._classroom import Classroom, Lookers, overflows, violations


def colour_of_the_frame(page: Page) -> str:
    frame = next(one for one in page.frames if "/notebook/frame" in one.url)
    found: str = frame.evaluate("getComputedStyle(document.body).backgroundColor")
    return found


def test_a_student_opens_it_on_a_phone_and_finds_the_cell_of_an_exercise_by_the_keyboard(
    room: Classroom, look: Lookers
) -> None:
    number = room.judged("ada")
    page = look.as_(room.people["ada"])
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/submissions/{number}")
    page.get_by_text("The notebook as it ran").click()
    frame = page.frame_locator("iframe[title^='Executed notebook']")
    expect(frame.get_by_text("From the chain rule to PyTorch")).to_be_visible()
    page.get_by_role("link", name="cell 31", exact=True).press("Enter")
    expect(page.locator("iframe")).to_be_in_viewport(ratio=0.9)
    expect(page.locator("iframe")).to_be_focused()
    expect(frame.locator("#cell-31")).to_be_in_viewport()
    expect(frame.locator("#cell-31")).to_contain_text("Partial")
    expect(frame.locator("#cell-31")).to_contain_text("The backward pass by hand")
    assert violations(page) == []


def test_the_frame_has_the_theme_that_was_chosen_and_stands_where_it_stood(
    room: Classroom, look: Lookers
) -> None:
    number = room.judged("bob")
    page = look.as_(room.people["tom"], color_scheme="light")
    page.goto(f"/submissions/{number}/notebook")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Part 1: tensors")).to_be_visible()
    assert colour_of_the_frame(page) == "rgb(255, 255, 255)"
    page.get_by_role("button", name="Dark theme").click()
    expect(page.locator("iframe")).to_have_attribute("src", re.compile(r"theme=dark"))
    expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
    assert colour_of_the_frame(page) == "rgb(26, 32, 42)"
    page.get_by_role("link", name="cell 26", exact=True).click()
    expect(page.locator("iframe")).to_be_in_viewport(ratio=0.9)
    expect(frame.locator("#cell-26")).to_be_in_viewport()
    expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
    assert not overflows(page)


def test_staff_comment_on_the_cell_they_look_at_and_go_back_to_it(
    room: Classroom, look: Lookers
) -> None:
    number = room.judged("bob")
    page = look.as_(room.people["tom"])
    page.goto(f"/submissions/{number}?list=state%3Dgraded")
    page.get_by_text("The notebook as it ran").click()
    frame = page.frame_locator(".executed-frame")
    dialog = page.get_by_role("dialog", name="Comment on a cell")
    for text in ("Where is the 2?", "And the mean?"):  # the same cell twice
        frame.get_by_role("link", name="Comment on cell 26").press("Enter")
        expect(dialog.get_by_label("Cell")).to_have_value("26")
        expect(dialog.get_by_label("Comment")).to_be_focused()
        page.keyboard.type(text)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator(".comment-text").last).to_have_text(text)
        expect(dialog).to_have_count(0)
        expect(page.locator(".executed-frame")).to_be_focused()
    assert page.url.endswith(f"/submissions/{number}?list=state%3Dgraded")
    frame.locator("#cell-1").scroll_into_view_if_needed()
    page.get_by_role("link", name="Cell 26", exact=True).first.click()
    expect(frame.locator("#cell-26")).to_be_in_viewport()
    assert violations(page) == []
