"""Building verdicts: hints, how the answer to a probe can fail, and where in the notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from grader.checks.base import Context
from grader.checks.reading import shown
from grader.domain.evidence import Answer, AnswerStatus, Raised
from grader.domain.exhibits import Exhibit
from grader.domain.hints import hint_for
from grader.domain.outcomes import Outcome
from grader.domain.questions import Verdict
from grader.domain.rubric import Cell, CheckSpec


@dataclass(frozen=True)
class NearMiss:
    """A wrong answer that is wrong in a way that has a name.

    `words` is a sentence about this very answer; `variant` picks a more exact hint among the
    built-in ones, and `hint` is a hint of its own.
    """

    cause: str
    words: str = ""
    variant: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Failure:
    """Why a check failed: a sentence and exhibits for the student, the cause, detail for staff."""

    message: str
    near_miss: NearMiss | None = None
    detail: Mapping[str, object] = field(default_factory=dict)
    exhibits: tuple[Exhibit, ...] = ()


def passed(
    message: str,
    detail: Mapping[str, object] | None = None,
    exhibits: tuple[Exhibit, ...] = (),
) -> Verdict:
    """All points."""
    return Verdict(Outcome.PASSED, 1.0, message, detail=detail or {}, exhibits=exhibits)


def failed(spec: CheckSpec, failure: Failure) -> Verdict:
    """No points."""
    return graded(spec, 0.0, failure)


def graded(spec: CheckSpec, fraction: float, failure: Failure) -> Verdict:
    """A fraction of the points, below all of them."""
    outcome = Outcome.PARTIAL if fraction > 0 else Outcome.FAILED
    name = failure.near_miss
    if name is None:
        return Verdict(
            outcome,
            fraction,
            failure.message,
            detail=failure.detail,
            exhibits=failure.exhibits,
        )
    return Verdict(
        outcome,
        fraction,
        f"{failure.message} {name.words}".strip(),
        hint_for(spec.hints, name.cause, name.variant, name.hint),
        name.cause,
        failure.detail,
        failure.exhibits,
    )


def unanswered(answer: Answer, what: str, limit_s: float) -> Failure | None:
    """Why a probe of `what` got no answer from the submission; None where it did."""
    detail = {"status": str(answer.status), "probe": shown(answer.detail, 500)}
    match answer.status:
        case AnswerStatus.ANSWERED:
            return None
        case AnswerStatus.TIME_LIMIT:
            message, cause = f"{what} took longer than {limit_s:g} s and was stopped.", "time-limit"
        case AnswerStatus.DIED:
            message, cause = f"The process ended while {what} ran.", "died"
        case AnswerStatus.NOT_RUN:
            message, cause = f"The run had ended before {what} could be looked at.", "not-run"
        case _:
            return Failure(f"What {what} gave cannot be read.", NearMiss("unreadable"), detail)
    return Failure(message, NearMiss(cause), detail)


def missing(name: str) -> Failure:
    """A name that the submission does not define, or no longer."""
    return Failure(f"{name} is not defined when your notebook is run.", NearMiss("missing"))


def raised(context: Context, error: Raised, what: str) -> Failure:
    """The student's code raised."""
    words = f"{what} raised {shown(error.type)}"
    if error.message:
        words += f": {shown(error.message, 300)}"
    where = place(context, error.cell, error.line)
    return Failure(f"{words}{f' ({where})' if where else ''}.", NearMiss("raised"))


def place(context: Context, cell: int | None, line: int | None) -> str:
    """Where a person finds a line of a code cell: "cell 7, line 3"; empty where unknown."""
    code = code_cells(context)
    if cell is None or not 0 <= cell < len(code):
        return ""
    found = code[cell]
    if line is None or not 0 < line < 1_000_000:
        return found.name
    if found.line is not None:
        return f"line {found.line + line - 1}"
    return f"{found.name}, line {line}"


def cell_number(context: Context, cell: int) -> int | None:
    """The number of a code cell among all cells, from 1, as people are told it; None: unknown."""
    numbers = [number for number, one in enumerate(context.cells, 1) if one.kind == "code"]
    return numbers[cell] if 0 <= cell < len(numbers) else None


def code_cells(context: Context) -> list[Cell]:
    """The cells that `context.code` belongs to."""
    return [cell for cell in context.cells if cell.kind == "code"]
