"""The report says the score and the next step first, and shows a student's text as text."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from grader import gradescope
from grader.domain.outcomes import Outcome, RunStatus
from grader.domain.results import CellOutput, Result
from grader.notebooks.read import Submission, parse
from grader.report import print_report, report_text
from grader.resultdoc import document
from tests.unit._builders import check, code, exercise, notebook, result, words

FAILED = check(
    "gradients",
    Outcome.PARTIAL,
    1.5,
    6.0,
    "W1 is not what it should be.",
    "The 2 of the squared error is missing.",
    {"largest_error": 0.5, "at": [0, 1], "cause": "factor"},
)
SKIPPED = check("after", Outcome.SKIPPED, 0.0, 1.0, "Not looked at.")
FAULTY = check(outcome=Outcome.NOT_JUDGED, score=0.0, detail={"fault": "there is no `f`"})
WAITING = check("answer", Outcome.PENDING, 0.0, 2.0, "A person reads it.")


def submission(*sources: str) -> Submission:
    return parse("mine.ipynb", notebook(words("# Title"), *map(code, sources)))


def report(judged: Result, *sources: str, width: int = 80) -> str:
    return report_text(document(judged), submission(*sources), judged.outputs, width)


def test_the_answer_comes_first() -> None:
    judged = result(
        exercise(),
        exercise(FAILED, SKIPPED, id="ex2", title="Backward"),
        exercise(WAITING, id="ex3", title="In words"),
    )

    lines = report(judged).splitlines()

    assert lines[0] == "mine.ipynb  two-layers"
    assert lines[2] == "5.5 of 13 points; 2 more wait for a person"
    assert lines[3] == "Next: Backward: The 2 of the squared error is missing."


@pytest.mark.parametrize("outcome", [Outcome.PENDING, Outcome.NOT_JUDGED])
def test_what_nobody_could_judge_yet_is_no_zero(outcome: Outcome) -> None:
    text = report(result(exercise(check("answer", outcome, 0.0, 2.0, "Later."), id="ex3")))

    assert any(line.endswith("Forward  – of 2") for line in map(_spaced, text.splitlines()))


def _spaced(line: str) -> str:
    return re.sub(r" {2,}", "  ", line)


def test_every_exercise_and_check_is_there_with_why() -> None:
    text = report(result(exercise(), exercise(FAILED, SKIPPED, id="ex2", title="Backward")))
    lines = [" ".join(line.split()) for line in text.splitlines()]

    at = lines.index("passed Forward 4 of 4")
    assert lines[at + 1] == "Every value agrees."
    at = lines.index("partial Backward 1.5 of 7")
    assert lines[at + 1 : at + 8] == [
        "partial gradients 1.5 of 6",
        "W1 is not what it should be.",
        "Hint: The 2 of the squared error is missing.",
        "largest error: 0.5",
        "cause: factor",
        "values and errors: in the JSON document",
        "skipped after 0 of 1",
    ]


@pytest.mark.parametrize(
    ("judged", "step"),
    [
        (result(), "Nothing is left to do."),
        (result(exercise(WAITING)), "Nothing is wrong; a person reads the rest."),
        (
            result(exercise(check(outcome=Outcome.NOT_JUDGED, score=0.0))),
            "Grade it again: a part could not be judged, through a fault of ours.",
        ),
        (
            result(exercise(FAULTY)),
            "Look at the bundle; ex1/values was not judged: there is no `f`.",
        ),
        (
            result(exercise(FAULTY, check(outcome=Outcome.NOT_JUDGED, score=0.0))),
            "Grade it again: a part could not be judged, through a fault of ours.",
        ),
        (
            result(exercise(FAILED), status=RunStatus.INTERNAL_ERROR),
            "Grade it again: this was a failure of ours, not the student's.",
        ),
        (
            result(exercise(FAILED), status=RunStatus.TIME_LIMIT, message="Cell 3 never ended"),
            "Cell 3 never ended. What comes after that cannot be judged.",
        ),
        (result(exercise(WAITING, FAILED)), "Forward: The 2 of the squared error is missing."),
    ],
)
def test_there_is_one_next_step(judged: Result, step: str) -> None:
    assert f"Next: {step}" in report(judged).splitlines()


def test_the_run_is_told_last_with_the_cells_that_raised() -> None:
    outputs = (
        CellOutput(index=0),
        CellOutput(index=1, error="ValueError: no"),
    )
    lines = report(result(outputs=outputs), "x", "y", "z").splitlines()

    assert lines[-5:] == [
        "  2 of 3 code cells run in 1.2 s, 1 raised",
        "  checks and further trainings included: 1.5 s of CPU, 100 MiB",
        "  cell 3: ValueError: no",
        "  2 layers of the sandbox held",
        "  inputs were drawn from seed 7",
    ]


def test_what_the_starter_raises_is_not_held_against_the_student() -> None:
    outputs = (
        CellOutput(index=0, error="ZeroDivisionError: on purpose", given=True),
        CellOutput(index=1, error="ValueError: no"),
    )
    text = report(replace(result(outputs=outputs), run=replace(result().run, cells_failed=2)), "x")

    assert "2 raised (1 as in the starter)\n" in text
    assert "ValueError: no" in text
    assert "on purpose" not in text


def test_a_run_that_was_cut_off_says_why() -> None:
    text = report(result(status=RunStatus.MEMORY_LIMIT, message="More than 1 GiB was needed."))

    assert "Run: stopped at the memory limit\n  More than 1 GiB was needed." in text


def test_it_fits_the_width_and_needs_no_colour() -> None:
    long = check(message="word " * 60, hint="hint " * 60, outcome=Outcome.FAILED, score=0.0)
    text = report(result(exercise(long, title="A title " * 20)))

    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text


def test_what_a_student_wrote_is_neither_markup_nor_control() -> None:
    hostile = "[bold red]x[/] \x1b]0;owned\x07 \x9b31m \u202eright :smile: [link=http://a]b[/link]"
    failed = check(outcome=Outcome.FAILED, score=0.0, message=hostile, detail={"got": hostile})
    judged = result(
        exercise(failed),
        name="\x1b[2J.ipynb",
        status=RunStatus.STUDENT_ERROR,
        message=hostile,
        outputs=[CellOutput(index=0, error=hostile)],
    )
    file = io.StringIO()
    colourful = Console(file=file, width=300, color_system=None, force_terminal=True)

    print_report(document(judged), submission("x"), colourful, judged.outputs)

    text = file.getvalue()
    assert (
        "[bold red]x[/] \\x1b]0;owned\\x07 \\x9b31m \\u202eright :smile: [link=http://a]b" in text
    )
    assert "\\x1b[2J.ipynb" in text
    assert text.replace("\n", "").isprintable()


def test_gradescope_is_told_in_which_cell_the_run_ended() -> None:
    made = result(
        status=RunStatus.STUDENT_ERROR, message="cell 3: the process was ended by SIGSEGV"
    )

    assert gradescope.results(document(made), [])["output"].splitlines()[0] == (
        "Your code did not run to its end. Cell 3: the process was ended by SIGSEGV."
    )
