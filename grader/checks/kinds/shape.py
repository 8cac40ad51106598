"""`shape`: a shape that the student states, in any usual spelling, also with symbols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from grader.checks.answers.answers import AnswerPlace, judge_answer, places_of
from grader.checks.answers.shapetext import Sizes, same_shape, shapes_in, written
from grader.checks.arrays import family, read
from grader.checks.base import Context
from grader.checks.reading import in_words, is_unordered, shown
from grader.checks.verdicts import Failure, NearMiss, failed, passed
from grader.domain.evidence import Sequence, Tensor, Value
from grader.domain.questions import Judging, Verdict
from grader.domain.rubric import CheckSpec, Place


@dataclass(frozen=True, kw_only=True)
class ShapeSpec(CheckSpec):
    """The shape in `answer` is `shape` or one of `alternatives`; a str in these is a symbol."""

    kind: Literal["shape"] = "shape"
    answer: AnswerPlace
    shape: tuple[int | str, ...]
    alternatives: tuple[tuple[int | str, ...], ...] = ()

    def __post_init__(self) -> None:
        for size in (one for shape in (self.shape, *self.alternatives) for one in shape):
            if isinstance(size, int) and size < 0:
                raise ValueError("no size is below 0; a size that is not fixed is a symbol")
            if isinstance(size, str) and not size.isidentifier():
                raise ValueError(f"a symbol is a letter or a word, such as n; {size!r} is neither")


@dataclass(frozen=True)
class _Given:
    """A shape that was given; `measured` where it is that of an actual tensor."""

    sizes: Sizes
    measured: bool = False


def places(spec: ShapeSpec) -> tuple[Place, ...]:
    """Where the answer is."""
    return places_of(spec.answer)


def judge(spec: ShapeSpec, context: Context) -> Judging:
    """Read the answer as a shape and compare; the message never tells the right one."""
    return (yield from judge_answer(spec, spec.answer, context, lambda value: _judged(spec, value)))


def _judged(spec: ShapeSpec, value: Value) -> Verdict:
    given = _given(value, spec.answer.subject)
    if isinstance(given, Failure):
        return failed(spec, given)
    subject, words = spec.answer.subject, shown(written(given.sizes), 80)
    right = (spec.shape, *spec.alternatives)
    if any(same_shape(given.sizes, one, measured=given.measured) for one in right):
        return passed(f"{subject} is right: {words}.")
    return failed(
        spec, Failure(f"{subject} is {words}, which is not right.", _near(given.sizes, spec.shape))
    )


def _given(value: Value, subject: str) -> _Given | Failure:
    match value:
        case str():
            found = shapes_in(value)
            if len(found) == 1:
                return _Given(found[0])
            if found:
                several = " and ".join(shown(written(one), 80) for one in found[:3])
                message = f"{subject} names more than one shape: {several}. Write only one."
                return Failure(message, NearMiss("unclear"))
            message = f"{subject}, “{shown(value)}”, cannot be read as a shape."
            return Failure(message, NearMiss("unclear", hint="Write it like (3, 4)."))
        case Tensor():
            return _Given(value.shape, measured=True)
        case Sequence(cut=False) if len(value.items) < 2 or not is_unordered(value):
            sizes = tuple(_size(item) for item in value.items)
            if all(size is not None for size in sizes):
                return _Given(tuple(size for size in sizes if size is not None))
        case int() if not isinstance(value, bool):
            return _Given((value,))
    message = f"{subject} is {in_words(value)}; a shape was expected."
    return Failure(message, NearMiss("unclear", hint="Write it like (3, 4)."))


def _size(item: Value) -> int | str | None:
    match item:
        case bool():
            return None
        case int():
            return item
        case str() if item.strip().isidentifier() and len(item) < 40:
            return item.strip()
        case Tensor(shape=()) if family(item.dtype) == "int":
            values = read(item)
            return None if values is None else int(np.asarray(values).item())
    return None


def _near(sizes: Sizes, wanted: Sizes) -> NearMiss | None:
    if len(sizes) != len(wanted):
        return NearMiss("wrong-rank")
    if same_shape(tuple(reversed(sizes)), wanted, measured=False):
        return NearMiss("transposed-shape")
    return NearMiss("wrong-shape")
