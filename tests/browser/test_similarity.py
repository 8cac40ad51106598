"""Comparing an assignment's submissions, in the browser and by a real worker."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser._classroom import (
    CORPUS,
    Classroom,
    Lookers,
    shifts,
    violations,
    watch_shifts,
)


def test_a_ta_compares_finds_a_pair_and_looks_at_both(room: Classroom, look: Lookers) -> None:
    work = {"bob": "right-numpy-backprop", "cleo": "right-while-loop"}
    for who, name in work.items():
        room.hand_in(who, CORPUS / "uw-cse447-a0" / name / "submission.ipynb")
    page = look.as_(room.people["tom"])
    page.goto(f"/assignments/{room.assignment_id}/similarity")
    expect(page.get_by_role("heading", name="Nothing was compared yet")).to_be_visible()
    page.get_by_role("button", name="Compare the submissions").click()
    watch_shifts(page)
    pair = page.get_by_role("row").filter(has_text="Bob")
    expect(pair).to_contain_text("Cleo", timeout=120_000)  # comes by itself
    assert shifts(page) == []
    page.get_by_label("Name").fill("nobody")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="No such pair")).to_be_visible()
    page.get_by_label("Name").fill("cle")
    page.keyboard.press("Enter")
    pair.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Bob")
    parts = page.get_by_role("navigation", name="Parts that both have").get_by_role("link")
    parts.last.focus()
    page.keyboard.press("Enter")
    last = parts.count()
    for side in ("first", "second"):
        expect(page.locator(f"#{side}-{last}")).to_be_in_viewport()
    assert violations(page) == []
