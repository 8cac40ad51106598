"""Grading by hand in the browser: by keys alone, in groups, and by several people at once."""

from __future__ import annotations

import re
from collections.abc import Sequence

from playwright.sync_api import Page, Route, expect
from sqlalchemy import select

from grader.db.models import Mark, Override, Submission
from grader.domain.outcomes import Outcome
from grader.domain.results import CheckResult, ExerciseResult
from grader.services import desk
from grader.services.access import Actor
from grader.services.release import release
from grader.services.rubricitems import add_item
from grader.services.site import Site
from tests.answered import answer
from tests.browser._classroom import AS_SEEN, Classroom, Lookers, overflows, violations

EXERCISE = "ex3-loss-increase"
CAN = "It can rise: a step that is too large leads past the minimum. I saw it with rate {}."
NEVER = "It never rises, for {} times I have seen it go down."


def in_words(text: str | None) -> ExerciseResult:
    """An answer of two points that waits for a person."""
    check = CheckResult(
        id="answer",
        kind="manual",
        outcome=Outcome.PENDING,
        score=0.0,
        max_score=2.0,
        message="A person grades this.",
        detail={"answer": text},
        title="an explanation in words",
    )
    return ExerciseResult(id=EXERCISE, title="Could the loss increase?", checks=(check,))


def answers(site: Site, room: Classroom, texts: Sequence[str | None]) -> list[int]:
    """What as many new students have answered, judged already; the submissions."""
    names = [f"student-{n}" for n in range(len(texts))]
    room.join(*names)
    return [
        answer(site, room.assignment_id, room.people[name].person_id, in_words(text))
        for name, text in zip(names, texts, strict=True)
    ]


def items(site: Site, room: Classroom) -> None:
    for label, points in (("Says that it can rise", 2.0), ("Says that it never rises", 0.5)):
        add_item(
            site, room.people["ines"], room.assignment_id, EXERCISE, label=label, points=points
        )


def graded(site: Site, ids: Sequence[int]) -> dict[int, tuple[float, str, int]]:
    """By submission the points that stand, the comment and who gave them."""
    with site.database.reading() as session:
        rows = session.execute(
            select(Mark.submission_id, Override.score, Mark.comment, Mark.author_id)
            .join(Override, Override.id == Mark.override_id)
            .join(Submission, Submission.id == Mark.submission_id)
            .where(Submission.id.in_(ids), Mark.revoked_at.is_(None))
        )
        return {row[0]: (row[1], row[2], row[3]) for row in rows}


def at_desk(look: Lookers, room: Classroom, who: str | Actor, **options: object) -> Page:
    actor = room.people[who] if isinstance(who, str) else who
    page = look.as_(actor, **options)  # type: ignore[arg-type]
    page.goto(f"/assignments/{room.assignment_id}/grading/{EXERCISE}")
    return page


def has_open(page: Page) -> int:
    """The submission of the answer that is open."""
    found = re.search(r"answer=(\d+)", page.url)
    assert found, page.url
    return int(found[1])


def counts(page: Page, words: str) -> None:
    expect(page.locator(".count")).to_contain_text(words)


def test_sixty_answers_are_graded_by_keys_alone_without_a_page_load(
    site: Site, room: Classroom, look: Lookers
) -> None:
    texts = [(CAN, NEVER)[n % 2].format(n) for n in range(60)]
    ids = answers(site, room, texts)
    items(site, room)
    page = at_desk(look, room, "tom")
    loads: list[str] = []
    page.on("domcontentloaded", lambda _: loads.append("a document"))
    page.on("load", lambda _: loads.append("a page"))
    page.on("request", lambda one: loads.append(one.url) if one.is_navigation_request() else None)
    press, text = page.keyboard.press, page.locator(".finding .text")
    press("n")
    for done in range(60):
        counts(page, f"{done} of 60 graded")
        said = text.inner_text()
        press("1" if "can rise" in said else "2")
        if done % 20 == 0:
            press("c")
            page.keyboard.type("Say why, 1 or 2 words: j, k, n?")
            press("Escape")
        press("Enter")
    counts(page, "60 of 60 graded, 0 left")
    expect(page.get_by_role("heading", name="All 60 are graded")).to_be_focused()
    assert loads == []
    found = graded(site, ids)
    tom = room.people["tom"].person_id
    assert {key: (score, who) for key, (score, _, who) in found.items()} == {
        key: (2.0 if "can rise" in text else 0.5, tom) for key, text in zip(ids, texts, strict=True)
    }
    said_to = [comment for _, comment, _ in found.values() if comment]
    assert said_to == ["Say why, 1 or 2 words: j, k, n?"] * 3
    press("u")
    counts(page, "59 of 60 graded, 1 left")
    assert loads == []
    assert len(graded(site, ids)) == 59


def test_keys_pressed_faster_than_answers_come_are_not_lost(
    site: Site, room: Classroom, look: Lookers
) -> None:
    ids = answers(site, room, [CAN.format(n) for n in range(4)])
    items(site, room)
    page = at_desk(look, room, "tom")
    for key in ("n", *("1", "Enter") * 3, "2", "c", *"n1k", "Escape", "Enter"):
        page.keyboard.press(key)
    counts(page, "4 of 4 graded")
    found = sorted((score, comment) for score, comment, _ in graded(site, ids).values())
    assert found == [(0.5, "n1k"), (2.0, ""), (2.0, ""), (2.0, "")]


def test_the_desk_goes_on_where_the_mouse_is_down_and_where_the_connection_fails(
    site: Site, room: Classroom, look: Lookers
) -> None:
    ids = answers(site, room, [CAN.format(n) for n in range(3)])
    items(site, room)
    page = at_desk(look, room, "tom")
    page.keyboard.press("n")
    expect(page.locator("#answer-title")).to_be_focused()
    page.keyboard.press("1")

    held: list[Route] = []
    page.route("**/mark", lambda route: held.append(route), times=1)
    with page.expect_request("**/mark"):
        page.get_by_role("button", name="Save, and next").click()
    page.locator(".finding .text").hover()
    page.mouse.down()
    held[0].continue_()
    counts(page, "1 of 3 graded")
    page.mouse.up()

    page.route("**/mark", lambda route: route.abort(), times=1)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").get_by_text("The connection failed.")).to_be_visible()
    assert len(graded(site, ids)) == 1
    # What stands before the service answers in its place, and nothing of that is put on the page.
    page.route("**/mark", lambda route: route.fulfill(status=502, body=""), times=1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").get_by_text("The service did not answer.")).to_be_visible()
    look.forgive_connection()
    page.keyboard.press("Enter")
    counts(page, "2 of 3 graded")
    expect(page.get_by_role("alert").filter(visible=True)).to_have_count(0)


def test_two_graders_at_once_are_never_handed_the_same_answer(
    site: Site, room: Classroom, look: Lookers
) -> None:
    ids = answers(site, room, [CAN.format(n) for n in range(6)])
    items(site, room)
    tom, tara = at_desk(look, room, "tom"), at_desk(look, room, "tara")
    for page in (tom, tara):
        page.keyboard.press("n")
        expect(page).to_have_url(re.compile("answer="))
    for _ in range(3):
        assert has_open(tom) != has_open(tara)
        for page in (tom, tara):
            was = page.url
            page.keyboard.press("1")
            page.keyboard.press("Control+Enter")
            expect(page).not_to_have_url(was)
    counts(tara, "6 of 6 graded")
    people = room.people["tom"].person_id, room.people["tara"].person_id
    assert sorted(who for _, _, who in graded(site, ids).values()) == sorted(people * 3)


def test_like_answers_are_graded_together_follow_the_rubric_and_are_undone_together(
    site: Site, room: Classroom, look: Lookers
) -> None:
    ids = answers(
        site,
        room,
        ["It can diverge.", "it can **diverge**!", "It can divrge.", "It never diverges."],
    )
    page = at_desk(look, room, "tom")
    page.get_by_role("link", name=re.compile("It can diverge.*3 left of 3, 3 wordings")).click()
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name=re.compile(r"of 3 like answers"))).to_be_focused()
    page.get_by_label("New item", exact=True).fill("Says that it can rise")
    page.get_by_label("Points of the new item").fill("2")
    page.keyboard.press("Enter")
    expect(page.get_by_label("New item", exact=True)).to_be_focused()
    page.locator("#answer-title").focus()
    page.keyboard.press("1")
    expect(page.locator("#sum")).to_have_text("2")
    page.keyboard.press("g")
    confirm = page.get_by_role("dialog", name="Grade 3 answers alike?")
    expect(confirm).to_contain_text("2 answers like it")
    confirm.get_by_role("button", name="Save for 3 answers").click()
    counts(page, "3 of 4 graded")
    assert [score for score, _, _ in graded(site, ids).values()] == [2.0] * 3
    expect(page.locator("#said")).to_contain_text("Saved")
    page.get_by_text("Change the rubric").click()
    page.get_by_label("Points of item 1").fill("1.5")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Changed; 3 answers follow")).to_be_visible()
    assert [score for score, _, _ in graded(site, ids).values()] == [1.5] * 3
    page.locator("#answer-title").focus()
    page.keyboard.press("u")
    counts(page, "0 of 4 graded, 4 left")
    assert graded(site, ids) == {}
    page.go_back()
    expect(page.locator("#desk")).to_be_visible()


def test_comments_are_kept_and_used_again(site: Site, room: Classroom, look: Lookers) -> None:
    ids = answers(site, room, [CAN.format(1), CAN.format(2)])
    page = at_desk(look, room, "tom")
    page.keyboard.press("n")
    page.keyboard.press("c")
    page.keyboard.type("Which <rate>?")
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.get_by_role("button", name="Keep the comment that I am writing").click()
    expect(page.get_by_text("Kept in the library.")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    page.locator("#answer-title").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing is given yet: pick a rubric item")).to_be_visible()
    assert graded(site, ids) == {}
    page.get_by_label("Besides").fill("0")
    page.keyboard.press("Enter")
    counts(page, "1 of 2 graded")
    expect(page.locator("#answer-title")).to_be_focused()
    page.keyboard.press("b")
    page.get_by_label("Search").fill("no such words")
    expect(page.get_by_role("button", name="Which <rate>?", exact=True)).to_be_hidden()
    page.get_by_label("Search").fill("RATE which")
    page.get_by_role("button", name="Which <rate>?", exact=True).click()
    expect(page.locator("#comment")).to_be_focused()
    page.get_by_label("Besides").fill("0")
    page.keyboard.press("Control+Enter")
    counts(page, "2 of 2 graded")
    assert [comment for _, comment, _ in graded(site, ids).values()] == ["Which <rate>?"] * 2


def test_a_comment_on_a_cell_is_read_by_the_student_once_the_grade_is_released(
    site: Site, room: Classroom, look: Lookers
) -> None:
    first, second = answers(site, room, [CAN.format(1), CAN.format(2)])
    items(site, room)
    page = at_desk(look, room, "tom")
    page.keyboard.press("j")
    page.wait_for_url(re.compile("answer="))
    one = has_open(page)
    page.keyboard.press("j")
    counts(page, "0 of 2 graded")
    expect(page).not_to_have_url(re.compile(rf"answer={one}\b"))
    page.keyboard.press("k")
    expect(page).to_have_url(re.compile(rf"answer={one}\b"))
    page.get_by_text("The notebook, and comments on its cells").click()
    frame = page.frame_locator(".executed-frame")
    frame.get_by_role("link", name="Comment on cell 1").click()
    dialog = page.get_by_role("dialog", name="Comment on a cell")
    expect(dialog.get_by_label("Cell")).to_have_value("1")
    expect(dialog.get_by_label("Comment")).to_be_focused()
    assert violations(page) == []
    page.keyboard.type("Which <b>rate</b>?")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".comment-text")).to_have_text("Which <b>rate</b>?")
    expect(page.locator(".executed-frame")).to_be_focused()  # back at the cell
    page.locator("#answer-title").focus()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    counts(page, "1 of 2 graded")

    whose = f"student-{[first, second].index(one)}"
    student = look.as_(room.people[whose])
    student.goto(f"/submissions/{one}")
    expect(student.get_by_text("Which <b>rate</b>?")).to_have_count(0)
    release(site, room.people["ines"], room.assignment_id)
    student.reload()
    expect(student.get_by_text("Which <b>rate</b>?")).to_be_visible()
    student.get_by_role("link", name="Cell 1", exact=True).press("Enter")
    expect(student.locator(".executed-frame")).to_be_in_viewport(ratio=0.9)
    expect(student.frame_locator(".executed-frame").locator("#cell-1")).to_be_in_viewport()
    expect(student.frame_locator(".executed-frame").get_by_role("link")).to_have_count(0)


def test_names_are_hidden_everywhere_while_grading(
    site: Site, room: Classroom, look: Lookers
) -> None:
    answers(site, room, [CAN.format(1), CAN.format(2)])
    page = look.as_(room.people["ines"])
    page.goto(f"/assignments/{room.assignment_id}/grading")
    page.get_by_role("button", name="Hide names while grading").click()
    expect(page.get_by_text("Names are hidden from everybody")).to_be_visible()
    for who in ("ines", "tom"):
        page = at_desk(look, room, who)
        page.keyboard.press("n")
        counts(page, "names are hidden")
        expect(page.locator(".finding .text")).to_be_visible()
        assert "student-" not in page.content().lower()
        assert f'/submissions/{has_open(page)}"' not in page.content()


def test_an_answer_at_the_desk_and_its_keys_are_for_everybody(
    site: Site, room: Classroom, look: Lookers
) -> None:
    answers(site, room, [CAN.format(1), CAN.format(1), None])
    items(site, room)
    there = desk.get_desk(site, room.people["tom"], room.assignment_id, EXERCISE)
    for size, scheme in AS_SEEN:
        page = at_desk(look, room, "tom", size=size, color_scheme=scheme)
        page.goto(f"/assignments/{room.assignment_id}/grading/{EXERCISE}?answer={there.order[0]}")
        assert violations(page) == []
        assert not overflows(page)
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Next ungraded")
        assert violations(page) == []


def test_students_have_no_desk(room: Classroom, look: Lookers) -> None:
    page = at_desk(look, room, "ada")
    expect(page.get_by_role("heading", name="This is not yours to do")).to_be_visible()
