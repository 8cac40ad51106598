"""What a TA does with the submissions of an assignment, in the browser, with real grading."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Page, expect

from grader.db.models import AttemptState, Extension, Release
from grader.services import overrides
from grader.services.assignments import change_assignment
from grader.services.submissions import get_submission
from tests.answered import answer
from tests.browser._classroom import (
    CORPUS,
    PHONE,
    Classroom,
    Lookers,
    go_to,
    overflows,
    shifts,
    violations,
    watch_shifts,
)
from tests.unit._builders import exercise

RIGHT = CORPUS / "uw-cse447-a0" / "right-starter"
WRONG = CORPUS / "uw-cse447-a0" / "wrong-backprop-no-relu-mask"


def content(folder: Path) -> tuple[bytes, str]:
    """A submission of the corpus and its name."""
    (found,) = folder.glob("submission.*")
    return found.read_bytes(), found.name


def handed_in(room: Classroom) -> dict[str, int]:
    """What three students hand in: one is right, two are not; all of it is judged."""
    wrong, right = content(WRONG), content(RIGHT)
    ids = {
        "ada": room.hand_in("ada", wrong[0], wrong[1]),
        "bob": room.hand_in("bob", wrong[0], wrong[1]),
        "cleo": room.hand_in("cleo", right[0], right[1]),
    }
    room.await_judged(*ids.values())
    return ids


def who_is_listed(page: Page) -> list[str]:
    return page.locator("table.submissions tbody th").all_inner_texts()


def test_a_ta_goes_from_the_course_to_a_cause_gives_points_regrades_and_releases(
    room: Classroom, look: Lookers
) -> None:
    ids = handed_in(room)
    page = look.as_(room.people["tom"])
    page.goto(f"/courses/{room.course_id}")
    row = page.get_by_role("row", name=re.compile("Backpropagation by hand"))
    expect(row).to_contain_text("3 of 3")
    expect(page.get_by_text("Next: Grade 3 submissions in Backprop")).to_be_visible()
    row.get_by_role("link", name="Backpropagation by hand").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Backpropagation by hand")
    assert violations(page) == []

    expect(page.get_by_role("heading", name="Over time")).to_be_visible()
    expect(page.locator(".over-time .column")).to_have_count(1)
    expect(page.get_by_role("row", name=re.compile("The backward pass")).first).to_be_visible()
    expect(page.get_by_role("heading", name="Flagged")).to_be_visible()

    # The bar of the histogram and the cause lead to the same two.
    lower = page.locator(".histogram a").first
    expect(lower).to_have_attribute("aria-label", re.compile("^2 from"))
    lower.click()
    expect(page).to_have_url(re.compile("least=.*latest=1"))
    assert sorted(who_is_listed(page)) == ["Ada", "Bob"]
    page.go_back()
    page.get_by_role("table", name=re.compile("Causes")).get_by_role("link", name="2").first.click()
    expect(page.locator(".chip")).to_be_visible()
    assert sorted(who_is_listed(page)) == ["Ada", "Bob"]
    assert violations(page) == []

    # One of them is opened, and points are given with a reason.
    page.get_by_role("link", name="Ada").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Ada")
    assert violations(page) == []
    for name in ("The run", "Judge it again bit for bit", "Judgings", "All submissions of Ada"):
        expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.locator(".heat").first).to_be_visible()
    expect(page.locator(".gradients .bar.wrong").first).to_be_visible()
    page.keyboard.press("o")
    page.get_by_label("Points", exact=True).fill("99")
    page.get_by_label("For", exact=True).select_option(index=1)
    page.locator("#give").get_by_label("Reason").fill("The idea is right")
    page.get_by_role("button", name="Give", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("From 0 to")
    page.get_by_label("Points", exact=True).fill("5.5")
    page.get_by_role("button", name="Give", exact=True).click()
    expect(page.get_by_role("cell", name="The idea is right")).to_be_visible()
    expect(page.locator(".trail")).to_contain_text("Tom gave points")
    (given, author) = overrides.list_overrides(room.site, room.people["tom"], ids["ada"])[0]
    assert (given.score, author) == (5.5, "Tom")

    # By keyboard to the one before it in the list, and on to it again, and back to the list.
    page.keyboard.press("k")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Bob")
    page.keyboard.press("j")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Ada")
    page.keyboard.press("u")
    expect(page.locator(".chip")).to_be_visible()

    # Both are judged again, which is seen without loading the page.
    page.evaluate("window.stayed = true")
    page.get_by_label("Select all on this page").check()
    expect(page.locator("[data-chosen]")).to_have_text("2 selected")
    page.get_by_role("button", name="Judge again").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Judge 2 submissions again?")
    assert violations(page) == []
    dialog.get_by_label("Reason").fill("The check was too strict")
    dialog.get_by_role("button", name="Judge again").click()
    expect(page.locator("#messages")).to_contain_text("2 submissions will be judged again.")
    expect(dialog).to_be_hidden()
    states = page.locator('td[id^="state-"]')
    expect(states.first).to_contain_text(re.compile("Waits|Runs"))
    watch_shifts(page)
    for at in range(2):
        expect(states.nth(at)).to_contain_text(re.compile("Needs a person|Graded"), timeout=60_000)
    assert page.evaluate("window.stayed")
    assert shifts(page) == []
    for who in ("ada", "bob"):
        attempt = get_submission(room.site, room.people["tom"], ids[who]).attempt
        assert attempt is not None
        assert (attempt.purpose, attempt.state) == ("regrade", AttemptState.DONE)

    # What is complete is released, and what is not is told.
    for who in ("ada", "cleo"):
        overrides.give(
            room.site,
            room.people["tom"],
            ids[who],
            exercise="ex3-loss-increase",
            score=2.0,
            reason="well said",
        )
    page.goto(f"/assignments/{room.assignment_id}/submissions")
    page.locator("[data-all]").check()
    page.get_by_role("button", name="Release").click()
    expect(dialog.get_by_role("heading")).to_have_text("Release the grades of 3 students?")
    dialog.get_by_role("button", name="Release").click()
    expect(page.locator("#messages")).to_contain_text("2 grades released.")
    expect(page.locator("#messages")).to_contain_text("1 that have points that wait for a person")
    with room.site.database.reading() as session:
        released = session.query(Release).filter_by(assignment_id=room.assignment_id).count()
    assert released == 2


def test_the_table_is_narrowed_sorted_and_saved_without_loading_the_page(
    room: Classroom, look: Lookers
) -> None:
    ids = handed_in(room)
    page = look.as_(room.people["ines"])
    page.goto(f"/assignments/{room.assignment_id}/submissions")
    page.evaluate("window.stayed = true")
    page.keyboard.press("/")
    page.keyboard.type("cle")
    expect(page.locator("#count")).to_contain_text("1 submission match")
    assert who_is_listed(page) == ["Cleo"]
    expect(page).to_have_url(re.compile(r"submissions\?q=cle$"))
    page.locator("#q").fill("")
    expect(page.locator("#count")).to_contain_text("3 submissions")
    page.get_by_role("link", name="Person", exact=True).click()
    expect(page.get_by_role("columnheader", name="Person")).to_have_attribute(
        "aria-sort", "ascending"
    )
    assert who_is_listed(page) == ["Ada", "Bob", "Cleo"]
    page.get_by_label("Exercise", exact=True).select_option("ex2-backprop:passed")
    expect(page.locator("#count")).to_contain_text("1 submission match")
    assert who_is_listed(page) == ["Cleo"]
    assert page.evaluate("window.stayed")
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    lines = Path(saved.value.path()).read_text().splitlines()
    assert [line.split(",")[:2] for line in lines[1:]] == [[str(ids["cleo"]), "Cleo"]]

    # On a phone the filters are folded, and say how many are in use.
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    state = page.get_by_label("State", exact=True)
    expect(state).to_be_hidden()
    page.locator("summary", has_text="Filters (2 in use)").press("Enter")
    expect(state).to_be_visible()
    page.goto(f"/assignments/{room.assignment_id}/submissions?q=cle")
    expect(state).to_be_hidden()
    page.goto(f"/assignments/{room.assignment_id}/submissions?state=graded")
    expect(state).to_be_visible()

    # What is asked for and not waited for is no error.
    page.route("**/submissions?q=slow*", lambda _: None)
    with page.expect_request("**/submissions?q=slow*"):
        page.locator("#q").fill("slow")
    with page.expect_response("**/submissions?q=cle*"):
        page.locator("#q").fill("cle")
    with page.expect_request("**/submissions?q=slow*"):
        page.locator("#q").fill("slow")
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_role("heading", name="Backpropagation by hand", level=1)).to_be_visible()


def test_the_keys_of_a_page_are_listed_and_can_be_switched_off(
    room: Classroom, look: Lookers
) -> None:
    room.judged("ada")
    page = look.as_(room.people["tom"])
    page.goto(f"/assignments/{room.assignment_id}/submissions")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("Search")
    assert violations(page) == []
    dialog.get_by_label("Keys act on this device").uncheck()
    dialog.get_by_role("button", name="Close").click()
    page.keyboard.press("n")
    page.keyboard.press("?")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Keys act on this device").check()
    page.keyboard.press("Escape")
    page.locator("#q").press("n")
    expect(page.locator("#q")).to_have_value("n")
    page.locator("#q").fill("")
    page.locator("#q").blur()
    page.keyboard.press("n")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Ada")


def test_staff_s_pages_are_sound_where_nothing_has_been_handed_in(
    room: Classroom, look: Lookers
) -> None:
    page = look.as_(room.people["tom"], PHONE)
    assignment = f"/assignments/{room.assignment_id}"
    for address in (f"/courses/{room.course_id}", assignment, f"{assignment}/submissions"):
        page.goto(address)
        assert violations(page) == []
        assert not overflows(page)


def test_on_a_phone_a_row_is_a_sheet_that_is_still_a_row_of_a_table(
    room: Classroom, look: Lookers
) -> None:
    answers = [answer(room.site, room.assignment_id, room.people["ada"].person_id, exercise())]
    page = look.as_(room.people["tom"], PHONE)
    page.goto(f"/courses/{room.course_id}")
    row = page.get_by_role("row", name=re.compile("Backpropagation by hand"))
    expect(row.get_by_role("rowheader")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Need a person")).to_be_attached()
    page.goto(f"/assignments/{room.assignment_id}/submissions")
    row = page.locator(f"#row-{answers[0]}")
    row.scroll_into_view_if_needed()
    for seen in (row.get_by_role("checkbox"), row.locator(".state"), row.locator(".score-number")):
        expect(seen).to_be_in_viewport(ratio=1)
    page.get_by_role("link", name="by judged score", exact=True).click()
    expect(page.get_by_role("columnheader", name="Points")).to_have_attribute(
        "aria-sort", re.compile("ending")
    )


def test_a_ta_gives_some_more_time_without_a_mouse(room: Classroom, look: Lookers) -> None:
    due = datetime(2126, 1, 1, tzinfo=UTC)
    change_assignment(room.site, room.people["ines"], room.assignment_id, {"due_at": due})
    for who in ("ada", "bob"):
        answer(room.site, room.assignment_id, room.people[who].person_id, exercise())
    page = look.as_(room.people["tom"])
    page.goto(f"/courses/{room.course_id}")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    go_to(page, "Backpropagation by hand")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/assignments/{room.assignment_id}")
    go_to(page, "Submissions")
    page.keyboard.press("Enter")
    page.wait_for_url("**/submissions")
    go_to(page, "Select Ada")
    page.keyboard.press("Space")
    expect(page.locator("[data-chosen]")).to_have_text("1 selected")
    go_to(page, "More time", back=True)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Due at")).to_be_focused()
    page.keyboard.type("02032126")
    page.keyboard.press("ArrowRight")
    page.keyboard.type("0930AM")
    go_to(page, "Reason")
    page.keyboard.type("Was ill")
    page.keyboard.press("Enter")
    expect(page.locator("#messages")).to_contain_text("1 ")
    given = get_extension(room)
    assert given == {room.people["ada"].person_id: datetime(2126, 2, 3, 8, 30, tzinfo=UTC)}


def get_extension(room: Classroom) -> dict[int, datetime]:
    """By person the due dates that were given."""
    with room.site.database.reading() as session:
        rows = session.query(Extension).filter_by(assignment_id=room.assignment_id)
        return {one.person_id: one.due_at for one in rows}
