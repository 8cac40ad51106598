"""Where a student's answer is, and getting it: a variable, words in a notebook, a form field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from grader.checks.answers.answertext import MAX_ANSWER, answer_below, is_placeholder
from grader.checks.base import Context
from grader.checks.looks import Asking, ask_student, at_each_look, wherever_defined
from grader.checks.reading import described, mapping, shown
from grader.checks.verdicts import Failure, NearMiss, failed, missing, unanswered
from grader.domain.evidence import Raised, Text, Thing, Value
from grader.domain.questions import Look, Probe, Verdict
from grader.domain.rubric import CheckSpec, Place


@dataclass(frozen=True, kw_only=True)
class AnswerPlace:
    """Where the answer is: in a variable, in words at a marker or below a heading, or in a field.

    In words, `label` picks one of several answers: that of the line that begins with it, such as
    `X.shape = (100, 2)` or `b) the loss: 0.25`.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    variable: str | None = None
    marker: str | None = None
    heading: str | None = None
    label: str | None = None
    field: str | None = None

    def __post_init__(self) -> None:
        words = self.marker or self.heading
        if sum(map(bool, (self.variable, words, self.field))) != 1:
            raise ValueError(
                "an answer needs exactly one way to be found by: a variable, a marker or a heading "
                "(or both of these), or a field"
            )
        if self.label is not None and not (words and any(map(str.isalnum, self.label))):
            raise ValueError(
                "a label is the beginning of a line of words: it has letters or digits, and needs "
                "a marker or a heading"
            )

    @property
    def subject(self) -> str:
        """What a message calls the answer: it begins the sentence."""
        if self.variable:
            return self.variable
        if self.field:
            return f"Your answer “{self.field}”"
        return f"Your answer to “{self.label}”" if self.label else "Your answer"


def places_of(where: AnswerPlace) -> tuple[Place, ...]:
    """Where to look by default: a variable may be used again later, words stay as they are."""
    return wherever_defined(where.variable) if where.variable else (Place(end=True),)


def answer_at(where: AnswerPlace, context: Context, limit_s: float) -> Asking[Value | Failure]:
    """The student's answer: text, or whatever the variable holds; a Failure where there is none.

    A placeholder is no answer. Text has at most MAX_ANSWER characters.
    """
    if not where.variable:
        return text_at(where, context) or _no_text(where)
    answer = yield from ask_student(Probe("values", {"names": [where.variable]}, limit_s))
    failure = unanswered(answer, where.variable, limit_s)
    if failure is not None:
        return failure
    held = mapping(answer.evidence.get("values"))
    if where.variable not in held:
        return missing(where.variable)
    value = described(held[where.variable])
    if isinstance(value, Text):
        value = value.value
    if isinstance(value, str):
        value = value.strip()[:MAX_ANSWER]
    if value is None or isinstance(value, Raised) or _is_blank(value):
        message = f"{where.variable} holds no answer yet."
        return Failure(message, NearMiss("no-answer"))
    return value


def text_at(where: AnswerPlace, context: Context) -> str | None:
    """The answer in words or from a field; None where there is none, or only a placeholder."""
    if where.field:
        given = context.answers.get(where.field, "").strip()
        return None if is_placeholder(given) else given[:MAX_ANSWER]
    found = answer_below(context.cells, where.marker, where.heading, where.label)
    return found[:MAX_ANSWER] if found else None


def _is_blank(value: Value) -> bool:
    if isinstance(value, str):
        return is_placeholder(value)
    return isinstance(value, Thing) and value.type == "ellipsis"


def _no_text(where: AnswerPlace) -> Failure:
    if where.field:
        message = f"The field “{shown(where.field)}” is not filled in."
    else:
        to = f" to “{where.label}”" if where.label else ""
        message = f"No answer{to} was found in the cell marked {where.marker}."
        if where.heading:
            how = "write it into a cell of its own there, or after “Answer:”"
            message = f"No answer{to} was found below “{where.heading}”: {how}."
    return Failure(message, NearMiss("no-answer"))


def judge_answer(
    spec: CheckSpec, where: AnswerPlace, context: Context, judged: Callable[[Value], Verdict]
) -> Asking[Verdict]:
    """At each look find the answer and judge it with `judged`; no answer fails."""

    def at_look(look: Look) -> Asking[Verdict]:
        found = yield from answer_at(where, context, spec.limit_s)
        return failed(spec, found) if isinstance(found, Failure) else judged(found)

    return (yield from at_each_look(spec, context, at_look))
