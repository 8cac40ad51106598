"""What a student does: hands in, watches, reads the result, and asks a TA about it."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Page, expect

from grader.domain.outcomes import Outcome
from grader.services.assignments import change_assignment
from tests.answered import answer
from tests.browser._classroom import (
    PHONE,
    SAMPLE,
    Classroom,
    Lookers,
    go_to,
    shifts,
    slow_sample,
    violations,
    watch_shifts,
)
from tests.unit._builders import check, code, exercise, notebook

JUDGED = re.compile(r"15 of 20 points")
SOON = 60_000  # for what a worker does

# What is said of exercises while judging goes on.
WATCH_VERDICTS = """() => {
  window.verdicts = [];
  new MutationObserver(() => {
    const said = document.querySelectorAll(".to-be-judged > .verdict");
    window.verdicts.push(...[...said].map((one) => one.textContent));
  }).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""

# The first file that is looked into waits, until it is let go and has had its time.
SLOW = """() => {
  window.waiting = [];
  const read = Blob.prototype.arrayBuffer;
  let left = 1;
  Blob.prototype.arrayBuffer = async function () {
    const found = await read.call(this);
    if (left) {
      left = 0;
      document.body.dataset.waits = "";
      await new Promise((go) => waiting.push(go));
    }
    return found;
  };
}"""
LET_GO = """async () => {
  waiting.pop()();
  for (let turn = 0; turn < 5; turn += 1) await new Blob(["x"]).arrayBuffer();
}"""


def drop(page: Page, name: str, content: bytes) -> None:
    """Drop a file where files are handed in."""
    transfer = page.evaluate_handle(
        """([name, content]) => {
          const transfer = new DataTransfer();
          const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
          transfer.items.add(new File([bytes], name));
          return transfer;
        }""",
        [name, base64.b64encode(content).decode()],
    )
    page.locator("[data-drop]").dispatch_event("drop", {"dataTransfer": transfer})


def zipped(*names: str) -> bytes:
    """A zip of files of that name."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x = 1\n")
    return file.getvalue()


def posts(page: Page) -> list[str]:
    """The addresses to which the page will have sent something."""
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.url) if one.method == "POST" else None)
    return sent


def test_a_student_hands_in_reads_the_result_and_asks_and_the_ta_answers(
    look: Lookers, room: Classroom
) -> None:
    page = look.as_(room.people["ada"])
    page.goto(f"/courses/{room.course_id}")
    page.get_by_role("link", name="Backpropagation by hand").first.click()
    page.wait_for_url(f"**/assignments/{room.assignment_id}")  # with the script that hears a drop
    drop(page, "a0.ipynb", slow_sample())
    expect(page.get_by_text("a0.ipynb (")).to_contain_text("It is graded.")
    page.get_by_role("button", name="Hand in").click()

    expect(page.get_by_role("heading", name="Submission 1 of 1")).to_be_visible()
    watch_shifts(page)
    page.evaluate(WATCH_VERDICTS)
    expect(page.locator("[data-words]")).to_have_text("Cell 1 of 52 runs.", timeout=SOON)
    assert violations(page) == []
    # One answer is lost; the next one comes while the page is held, and waits until it is not.
    result = re.compile(r"/submissions/\d+$")
    page.route(result, lambda route: route.abort(), times=1)
    page.get_by_role("heading", level=1).hover()
    page.mouse.down()
    page.wait_for_event("response", lambda one: bool(result.search(one.url)), timeout=SOON)
    page.mouse.up()
    expect(page.get_by_text(JUDGED).first).to_be_visible(timeout=SOON)
    assert shifts(page) == []  # nor was it loaded anew
    assert "Passed" in page.evaluate("window.verdicts")  # before there was a result
    look.forgive_connection()
    expect(page.locator("#announcement")).to_contain_text("15 of 20 points")
    expect(page.get_by_text("Next: The backward pass by hand")).to_be_visible()

    failed = page.locator("details.exercise[open]")
    expect(failed).to_have_count(1)
    expect(failed.get_by_text("Hint:")).to_be_visible()
    # The evidence is beside it: how far off each gradient is, and where, and by what.
    expect(failed.locator(".gradients .bar.wrong").first).to_be_visible()
    expect(failed.locator(".difference .heat .mark").first).to_be_visible()
    expect(failed.locator(".difference").first).to_contain_text(
        re.compile(r"Largest error at .*expected .*, received ")
    )
    training = page.locator(".exercise > summary").filter(has_text="Training")
    training.click()
    expect(page.locator(".loss-chart .threshold").first).to_be_attached()
    expect(page.locator(".loss-chart .label").first).to_contain_text(re.compile(r"\d: \d+ points?"))
    expect(page.locator(".loss-chart .run.counting")).to_have_count(1)
    training.click()
    failed.get_by_text("Ask for a regrade").click()
    failed.get_by_label("What should be looked at again").fill("The mask is there, I think.")
    failed.get_by_role("button", name="Send the request").click()
    expect(page.get_by_role("heading", name="Regrade request")).to_be_visible()

    tom = look.as_(room.people["tom"])
    tom.goto(f"/assignments/{room.assignment_id}/requests")
    tom.get_by_role("link", name="Next request").click()
    expect(tom.get_by_text("The mask is there, I think.")).to_be_visible()
    tom.get_by_label("Your answer").fill("It is commented out.")
    tom.get_by_role("button", name="Answer").click()
    expect(tom.get_by_text("The staff wrote last.")).to_be_visible()
    assert violations(tom) == []

    page.reload()
    expect(page.get_by_text("It is commented out.")).to_be_visible()
    page.get_by_label("Add something").fill("Then you are right.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Then you are right.")).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Withdraw the request").click()
    expect(page.get_by_text("Withdrawn")).to_be_visible()


def test_what_cannot_be_graded_is_refused_before_it_is_sent(
    look: Lookers, room: Classroom, tmp_path: Path
) -> None:
    page = look.as_(room.people["ada"])
    page.goto(f"/assignments/{room.assignment_id}")
    sent = posts(page)
    for name, content, why in (
        ("report.pdf", b"%PDF", "report.pdf: only .ipynb and .py files can be graded."),
        ("a0.ipynb", b"{", "a0.ipynb is no notebook that can be read"),
        ("print.ipynb", b"%PDF-1.7 x", "print.ipynb is a PDF; hand in the notebook"),
        ("empty.ipynb", b"", "empty.ipynb is empty"),
        ("new.ipynb", notebook(code("")), "new.ipynb is empty: no cell of it holds anything"),
        ("none.zip", zipped("notes.txt"), "There is no notebook (.ipynb) and no Python file (.py)"),
        ("big.py", b"#" * (17 << 20), "big.py is 17.0 MiB, and 16.0 MiB is the most"),
    ):
        (tmp_path / name).write_bytes(content)
        page.get_by_label("A notebook").set_input_files(tmp_path / name)
        expect(page.get_by_role("alert")).to_contain_text(why)
        page.get_by_role("button", name="Hand in").click()
        expect(page.get_by_label("A notebook")).to_be_focused()
        expect(page.get_by_role("alert")).to_contain_text(why)
    assert sent == []


def test_of_several_files_the_student_says_which_is_graded(
    look: Lookers, room: Classroom, tmp_path: Path
) -> None:
    page = look.as_(room.people["ada"])
    page.goto(f"/assignments/{room.assignment_id}")
    for name in ("one.py", "two.py", "notes.txt"):
        (tmp_path / name).write_text("x = 1\n")
    page.get_by_label("A notebook").set_input_files(sorted(tmp_path.iterdir()))
    page.get_by_role("button", name="Hand in").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose which one")
    page.get_by_label("two.py").check()
    expect(page.get_by_role("status").get_by_text("two.py")).to_contain_text(
        "The 2 other files are left out."
    )
    page.get_by_role("button", name="Hand in").click()
    expect(page.get_by_role("heading", name="Submission 1 of 1")).to_be_visible()
    expect(page.get_by_text("two.py").first).to_be_visible()

    page.goto(f"/assignments/{room.assignment_id}")
    sent = posts(page)
    drop(page, "hw.zip", zipped("hw/one.py", "hw/two.py", "hw/.hidden/three.py", "hw/notes.txt"))
    page.get_by_role("button", name="Hand in").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose which one")
    expect(page.get_by_role("radio")).to_have_count(2)
    assert sent == []  # it was asked before anything was sent

    # Of two zips the one chosen later is asked about, whichever is looked into last.
    page.evaluate(SLOW)
    drop(page, "slow.zip", zipped("slow/one.py", "slow/two.py"))
    expect(page.locator("body[data-waits]")).to_be_attached()
    drop(page, "hw.zip", zipped("hw/one.py", "hw/two.py"))
    expect(page.get_by_role("group", name="Which one in hw.zip")).to_be_visible()
    page.evaluate(LET_GO)
    expect(page.get_by_role("radio")).to_have_count(2)
    page.get_by_label("hw/one.py").check()
    expect(page.get_by_text("hw.zip (")).to_contain_text("hw/one.py is graded")
    page.get_by_role("button", name="Hand in").click()
    expect(page.get_by_role("heading", name="Submission 2 of 2")).to_be_visible()
    expect(page.get_by_text("one.py").first).to_be_visible()


def test_it_all_works_without_a_script(look: Lookers, room: Classroom) -> None:
    page = look.as_(room.people["ada"], PHONE, java_script_enabled=False)
    page.goto(f"/assignments/{room.assignment_id}")
    page.get_by_role("button", name="Hand in").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose a notebook")
    page.get_by_label("A notebook").set_input_files(SAMPLE)
    page.get_by_role("button", name="Hand in").click()
    expect(page.get_by_text("Not judged yet")).to_be_visible()
    expect(page.get_by_text(JUDGED).first).to_be_visible(timeout=SOON)  # the page loads itself anew


def test_the_result_appears_also_where_events_do_not_come_through(
    look: Lookers, room: Classroom
) -> None:
    page = look.as_(room.people["ada"])
    page.route("**/events", lambda route: route.fulfill(status=403))
    page.goto(f"/submissions/{room.hand_in('ada', slow_sample())}")
    expect(page.get_by_text("Not judged yet")).to_be_visible()
    # Nor does one question, as where a phone changes its network.
    page.route("**/progress", lambda route: route.abort(), times=1)
    expect(page.get_by_text(JUDGED).first).to_be_visible(timeout=SOON)
    look.forgive_connection()


def test_a_folder_goes_in_by_its_notebook(look: Lookers, room: Classroom, tmp_path: Path) -> None:
    for name in ("hw/report.py", "hw/data/points.csv", "hw/.hidden/x.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    page = look.as_(room.people["ada"])
    page.goto(f"/assignments/{room.assignment_id}")
    page.get_by_text("A whole folder instead").click()
    page.get_by_label("Folder").set_input_files(tmp_path / "hw")
    expect(page.get_by_role("status").get_by_text("hw/report.py")).to_contain_text("left out")
    page.get_by_role("button", name="Hand in").click()
    expect(page.get_by_role("heading", name="Submission 1 of 1")).to_be_visible()
    expect(page.get_by_text("report.py").first).to_be_visible()


def test_the_history_says_what_counts_what_lateness_took_and_what_changed(
    look: Lookers, room: Classroom
) -> None:
    ada, due = room.people["ada"], datetime(2025, 12, 31, 12, tzinfo=UTC)
    late = {"late": {"penalty": 0.1}, "counts": "best"}
    change_assignment(
        room.site, room.people["ines"], room.assignment_id, {"due_at": due, "policy": late}
    )
    wrong = check(outcome=Outcome.FAILED, score=0.0, max_score=4.0, message="Off by 2.")
    first, second = (
        answer(room.site, room.assignment_id, ada.person_id, exercise(one, id="ex1-forward"))
        for one in (wrong, check())
    )
    page = look.as_(ada)
    page.goto(f"/assignments/{room.assignment_id}")
    expect(page.get_by_text("Wed 31 Dec 2025, 13:00")).to_be_visible()  # in the course's zone
    expect(page.get_by_text("Times are in Europe/Berlin.")).to_be_visible()
    dots = page.locator(".strip a")
    expect(dots).to_have_count(2)
    expect(page.locator(".strip .due")).to_be_attached()
    page.goto(f"/submissions/{first}")
    expect(page.get_by_text("Submission 2 counts: it has the most points")).to_be_visible()
    page.get_by_role("link", name="Submission 2", exact=True).first.click()
    page.wait_for_url(f"**/submissions/{second}")
    expect(page.get_by_text("1 day late: 10 % of the points are taken off")).to_be_visible()
    expect(page.get_by_text("with that taken off: 3.6")).to_be_visible()
    expect(page.locator("h1 .counts")).to_have_text("counts")
    page.get_by_role("link", name="What changed").click()
    expect(page.get_by_role("row").filter(has_text="0 → 4")).to_be_visible()


def test_a_student_needs_no_mouse(look: Lookers, room: Classroom) -> None:
    page = look.as_(room.people["ada"])
    # The browser is told early to hand choosers over: told just before the key, it may be too late.
    page.on("filechooser", lambda _: None)
    page.goto("/courses")
    go_to(page, "Deep Learning")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/courses/{room.course_id}")
    go_to(page, "Backpropagation by hand")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/assignments/{room.assignment_id}")
    go_to(page, "A notebook (.ipynb)")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(SAMPLE)
    expect(page.get_by_text("sample.ipynb (")).to_be_visible()
    go_to(page, "Hand in")
    page.keyboard.press("Enter")
    expect(page.get_by_text(JUDGED).first).to_be_visible(timeout=SOON)
    go_to(page, "Ask for a regrade of The backward pass")
    page.keyboard.press("Enter")
    go_to(page, "What should be looked at again")
    page.keyboard.type("The mask is there, I think.")
    go_to(page, "Send the request")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Regrade request")).to_be_visible()
    go_to(page, "theme", back=True)
    page.keyboard.press("Space")
    expect(page.locator("html")).to_have_attribute("data-theme", re.compile("dark|light"))
