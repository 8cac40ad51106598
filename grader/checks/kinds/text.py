"""`text`: a word or a short text, one of several, or one that fits a pattern."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from grader.checks.answers.answers import AnswerPlace, judge_answer
from grader.checks.answers.patterns import MAX_TEXT, check_pattern, fits
from grader.checks.base import Context
from grader.checks.reading import in_words, shown
from grader.checks.verdicts import Failure, NearMiss, failed, passed
from grader.domain.evidence import Value
from grader.domain.questions import Judging, Verdict
from grader.domain.rubric import CheckSpec, Place

_MARKS = " `*\"'“”‘’"


@dataclass(frozen=True, kw_only=True)
class TextSpec(CheckSpec):
    """The text in `answer` is one of `expected`, or fits `pattern` as a whole.

    Unless `exact`, case, spaces, quotation and emphasis marks and a full stop make no difference.
    """

    kind: Literal["text"] = "text"
    answer: AnswerPlace
    expected: tuple[str, ...] = ()
    pattern: str | None = None
    exact: bool = False

    def __post_init__(self) -> None:
        if bool(self.expected) is (self.pattern is not None):
            raise ValueError("a text needs exactly one of expected and pattern")
        if any(not (one if self.exact else _normal(one)) for one in self.expected):
            raise ValueError("an expected text is empty")
        if self.pattern is not None:
            check_pattern(self.pattern)
            if fits(self.pattern, "", exact=self.exact):
                raise ValueError("an empty answer would fit the pattern")


def places(spec: TextSpec) -> tuple[Place, ...]:
    """The answer that stands at the end: one that was changed is no second guess."""
    return (Place(end=True),)


def judge(spec: TextSpec, context: Context) -> Judging:
    """Compare the answer; the message never tells the right one."""
    return (yield from judge_answer(spec, spec.answer, context, lambda value: _judged(spec, value)))


def _judged(spec: TextSpec, value: Value) -> Verdict:
    subject = spec.answer.subject
    if not isinstance(value, str):
        message = f"{subject} is {in_words(value)}; a text was expected."
        return failed(spec, Failure(message, NearMiss("unclear", hint="Write it in quotes.")))
    if len(value) > MAX_TEXT:
        message = f"{subject} has more than {MAX_TEXT} characters; a short one was expected."
        return failed(spec, Failure(message, NearMiss("unclear", hint="Write only the answer.")))
    given = value if spec.exact else _normal(value)
    if spec.pattern is not None:
        right = fits(spec.pattern, given, exact=spec.exact)
    elif spec.exact:
        right = given in spec.expected
    else:
        right = given.casefold() in (_normal(one).casefold() for one in spec.expected)
    if right:
        return passed(f"{subject} is right.")
    message = f"{subject}, “{shown(value)}”, is not right."
    return failed(spec, Failure(message, NearMiss("wrong-text")))


def _normal(text: str) -> str:
    return " ".join(text.split()).strip(_MARKS).rstrip(_MARKS + ".")
