"""The report that a person reads in a terminal: the answer first, then why, then the run.

It is made from the result document; what is made from a student's is the student's report. Whatever
comes from a student is shown as plain text; nothing in it is taken for markup, and no control
character reaches the terminal.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.domain.outcomes import Outcome, RunStatus
from grader.domain.results import CellOutput
from grader.nextstep import ENDED, next_step
from grader.notebooks.read import Submission
from grader.resultdoc import CheckDocument, ExerciseDocument, ResultDocument
from grader.safetext import one_line, printable

_WORDS = {
    Outcome.PASSED: ("passed", "green"),
    Outcome.PARTIAL: ("partial", "yellow"),
    Outcome.FAILED: ("failed", "red"),
    Outcome.SKIPPED: ("skipped", "dim"),
    Outcome.PENDING: ("waits", "cyan"),
    Outcome.NOT_JUDGED: ("not judged", "magenta"),
}
_WORD_WIDTH = max(len(word) for word, _ in _WORDS.values())
_SEEN = {
    "hidden": "students see title and points only",
    "after_due": "students see more than title and points after the due date",
}
_ERRORS_SHOWN = 5
_EVIDENCE_SHOWN = 6
_EVIDENCE_CHARS = 160


def print_report(
    result: ResultDocument,
    submission: Submission,
    console: Console,
    outputs: Sequence[CellOutput] = (),
) -> None:
    """Print the report of one judging of `submission`, whose cells wrote `outputs`."""
    is_for_staff = result["seed"] is not None
    console.print(_heading(result), Text(), _answer(result), sep="\n")
    for exercise in result["exercises"]:
        console.print(Text(), _exercise(exercise, is_for_staff), sep="\n")
    console.print(Text(), _run(result, submission, outputs), sep="\n")


def report_text(
    result: ResultDocument,
    submission: Submission,
    outputs: Sequence[CellOutput] = (),
    width: int = 80,
) -> str:
    """The same report as text without colours, `width` columns wide."""
    file = io.StringIO()
    console = Console(file=file, width=width, color_system=None, legacy_windows=False)
    print_report(result, submission, console, outputs)
    return "\n".join(line.rstrip() for line in file.getvalue().split("\n"))


def points(number: float) -> str:
    """Points as people write them: 4, 2.5."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


def _heading(result: ResultDocument) -> Text:
    return Text.assemble(
        (one_line(result["submission"]["name"], 100), "bold"),
        (f"  {one_line(result['assignment'], 100)}", "dim"),
    )


def _answer(result: ResultDocument) -> RenderableType:
    score = Text(f"{points(result['score'])} of {points(result['max_score'])} points", "bold")
    if result["pending"]:
        verb = "waits" if result["pending"] == 1 else "wait"
        score.append(f"; {points(result['pending'])} more {verb} for a person", "cyan")
    return Group(score, _labelled("Next: ", "bold", next_step(result)))


def _exercise(exercise: ExerciseDocument, is_for_staff: bool) -> RenderableType:
    parts: list[RenderableType] = [
        _row(
            exercise["outcome"],
            one_line(exercise["title"]),
            exercise["score"],
            exercise["max_score"],
            "bold",
        )
    ]
    for check in exercise["checks"]:
        parts.append(_indented(Group(*_check(check, len(exercise["checks"]) > 1, is_for_staff))))
    return Group(*parts)


def _row(outcome: Outcome, title: str, score: float, of: float, style: str = "") -> Table:
    word, colour = _WORDS[outcome]
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(width=_WORD_WIDTH, no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True)
    is_open = outcome in (Outcome.PENDING, Outcome.NOT_JUDGED)
    given = "–" if is_open and not score else points(score)
    earned = f"{given} of {points(of)}" if of else ""
    table.add_row(Text(word, colour), Text(title, style), Text(earned, style))
    return table


def _check(check: CheckDocument, several: bool, is_for_staff: bool) -> Iterator[RenderableType]:
    """Under an exercise of one check, the row above has said its outcome already."""
    if several:
        yield _row(check["outcome"], one_line(check["id"], 100), check["score"], check["max_score"])
    if is_for_staff and check["visibility"] != "visible":
        yield _indented(Text(_SEEN[check["visibility"]], "dim"))
    yield _indented(Text(printable(check["message"])))
    if check["hint"]:
        yield _indented(_labelled("Hint: ", "yellow", printable(check["hint"])))
    if check["outcome"] in (Outcome.FAILED, Outcome.PARTIAL, Outcome.NOT_JUDGED):
        for line in _evidence(check):
            yield _indented(Text(line, "dim"))


def _evidence(check: CheckDocument) -> Iterator[str]:
    """What staff know a wrong answer by, as far as it fits a line; the document has all of it."""
    detail = check["detail"]
    plain = {key: value for key, value in detail.items() if isinstance(value, str | int | float)}
    for key, value in list(plain.items())[:_EVIDENCE_SHOWN]:
        yield one_line(f"{key.replace('_', ' ')}: {value}", _EVIDENCE_CHARS)
    if len(detail) > min(len(plain), _EVIDENCE_SHOWN):
        yield "values and errors: in the JSON document"


def _run(
    result: ResultDocument, submission: Submission, outputs: Sequence[CellOutput]
) -> RenderableType:
    run = result["run"]
    lines: list[RenderableType] = []
    completed = run["status"] == RunStatus.COMPLETED
    status = f"Run: {ENDED[run['status']]}"
    lines.append(Text(status, "" if completed else "bold red"))
    if run["message"] and not completed:
        lines.append(_indented(Text(printable(run["message"]))))
    code = [cell.name for cell in submission.cells if cell.kind == "code"]
    failed = [out for out in outputs if out.error is not None]
    given = sum(out.given for out in failed)
    as_given = f" ({given} as in the starter)" if given else ""
    lines.append(
        _indented(
            Text(
                f"{run['cells_run']} of {len(code)} code cells run in {run['wall_s']:.1f} s, "
                f"{run['cells_failed']} raised{as_given}"
            )
        )
    )
    # Unlike the time above these take in what checks have asked for, in whichever sandbox.
    used = f"{run['cpu_s']:.1f} s of CPU, {_mebibytes(run['peak_memory_bytes'])}"
    lines.append(_indented(Text(f"checks and further trainings included: {used}")))
    own = [out for out in failed if not out.given]  # a handout may raise on purpose
    for out in own[:_ERRORS_SHOWN]:
        name = code[out.index] if out.index < len(code) else "a cell"
        lines.append(_indented(Text(f"{name}: {one_line(out.error or '')}", "dim")))
    if len(own) > _ERRORS_SHOWN:
        lines.append(_indented(Text(f"and {len(own) - _ERRORS_SHOWN} more", "dim")))
    sandbox = run["sandbox"]
    lines.append(_indented(Text(f"{len(sandbox['layers'])} layers of the sandbox held", "dim")))
    if count := sandbox["gpus"]:
        devices = "1 GPU" if count == 1 else f"{count} GPUs"
        how = ", probes answered in sequence" if sandbox["in_sequence"] else ""
        lines.append(_indented(Text(f"with {devices} to itself{how}", "dim")))
    if result["seed"] is not None:
        lines.append(_indented(Text(f"inputs were drawn from seed {result['seed']}", "dim")))
    return Group(*lines)


def _mebibytes(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"


def _labelled(label: str, style: str, words: str) -> Text:
    return Text.assemble((label, style), words)


def _indented(part: RenderableType) -> Padding:
    return Padding(part, (0, 0, 0, 2))
