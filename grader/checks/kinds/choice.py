"""`choice`: one or several of a list of options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from grader.checks.answers.answers import AnswerPlace, judge_answer
from grader.checks.answers.choicetext import options_in
from grader.checks.arrays import read
from grader.checks.base import Context
from grader.checks.reading import in_words, shown
from grader.checks.verdicts import Failure, NearMiss, failed, graded, passed
from grader.domain.evidence import Sequence, Tensor, Value
from grader.domain.questions import Judging, Verdict
from grader.domain.rubric import CheckSpec, Place

Option = bool | int | str


@dataclass(frozen=True, kw_only=True)
class ChoiceSpec(CheckSpec):
    """The options in `answer` are those of `expected`.

    With the scoring `all` it is all or nothing; with `each` a right option earns its share, and
    each wrong one takes as much off again, or more where naming all would earn something.
    """

    kind: Literal["choice"] = "choice"
    answer: AnswerPlace
    expected: tuple[Option, ...]
    options: tuple[Option, ...]
    scoring: Literal["all", "each"] = "all"

    def __post_init__(self) -> None:
        options = _names(self.options)
        if len(options) < 2 or len({name.lower() for name in options}) < len(options):
            raise ValueError("options are at least two, and no two alike")
        if any(not name.strip() for name in options):
            raise ValueError("an option is empty")
        if not self.expected or len(set(self.expected)) < len(self.expected):
            raise ValueError("expected names at least one option, and none twice")
        for name in _names(self.expected):
            if name not in options:
                raise ValueError(f"expected names {name}, which is not among the options")
        if self.scoring == "each" and len(self.expected) == len(self.options):
            raise ValueError("where all options are right, naming all of them tells nothing")


def places(spec: ChoiceSpec) -> tuple[Place, ...]:
    """The answer that stands at the end: a choice that was changed is no second guess."""
    return (Place(end=True),)


def judge(spec: ChoiceSpec, context: Context) -> Judging:
    """Read the answer as options and compare; the message never tells the right ones."""
    return (yield from judge_answer(spec, spec.answer, context, lambda value: _judged(spec, value)))


def _judged(spec: ChoiceSpec, value: Value) -> Verdict:
    subject, options = spec.answer.subject, _names(spec.options)
    chosen = _chosen(value, options)
    if chosen is None:
        said = f"“{shown(value)}”" if isinstance(value, str) else in_words(value)
        message = f"{subject} is {said}; {_listed(options)} can be chosen."
        hint = "Write only the letters, with commas between them."
        return failed(spec, Failure(message, NearMiss("unclear", hint=hint)))
    right = frozenset(_names(spec.expected))
    words = ", ".join(name for name in options if name in chosen)
    detail = {"chosen": [name for name in options if name in chosen]}
    if chosen == right:
        return passed(f"{subject} is right: {words}.", detail)
    message = f"{subject} is {words}, which is not right."
    if spec.scoring == "each":
        # So much that naming all of them earns nothing, as naming none does.
        off = max(1 / len(right), 1 / (len(options) - len(right)))
        earned = len(chosen & right) / len(right) - off * len(chosen - right)
        return graded(spec, max(0.0, earned), Failure(message, NearMiss("wrong-choice"), detail))
    return failed(spec, Failure(message, NearMiss("wrong-choice"), detail))


def _chosen(value: Value, options: tuple[str, ...]) -> frozenset[str] | None:
    """The options that a value names; None where one of its parts names none."""
    match value:
        case bool() | int():
            return options_in(str(value), options)
        case str():
            return options_in(value, options)
        case Tensor(shape=()):
            array = read(value)
            return None if array is None else options_in(str(array.item()), options)
        case Sequence(cut=False) if value.items:
            found = [
                None if isinstance(item, Sequence) else _chosen(item, options)
                for item in value.items
            ]
            if all(one is not None for one in found):
                return frozenset().union(*(one for one in found if one is not None))
    return None


def _names(options: tuple[Option, ...]) -> tuple[str, ...]:
    return tuple(str(option) for option in options)


def _listed(options: tuple[str, ...]) -> str:
    return f"{', '.join(options[:-1])} and {options[-1]}"
