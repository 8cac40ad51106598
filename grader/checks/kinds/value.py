"""`value`: a number, an array of numbers or a table of truth values, from a variable or in words.

The message never tells the right value: the answer is fixed, and a student may hand in again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from grader.checks.answers.answers import AnswerPlace, judge_answer, places_of
from grader.checks.answers.valuereading import Given, array_of, read_answer
from grader.checks.arrays import Array
from grader.checks.base import Context
from grader.checks.calling.calls import reference_evidence
from grader.checks.looks import Asking, ReferenceFault, ask_reference, sound
from grader.checks.numbers.compare import within
from grader.checks.reading import BadEvidence, described, in_words, mapping
from grader.checks.verdicts import Failure, NearMiss, failed, graded, passed
from grader.domain.evidence import Value
from grader.domain.questions import Judging, Probe, Verdict
from grader.domain.rubric import CheckSpec, Place

Number = bool | int | float
Row = tuple[Number, ...]
Table = tuple[Row, ...]

_TEXT_TOLERANCE = 5e-3  # three digits, rounded
_TOLERANCE = 1e-4  # of what was computed, as for float32
_SHOWN_ERROR = 0.05  # of what is still called a rounding


@dataclass(frozen=True, kw_only=True)
class ValueSpec(CheckSpec):
    """The value in `answer` is `expected`, or that of the reference's variable `reference`.

    `tolerance` is relative to the expected value and `absolute` is not; either will do. Without
    `shape_matters` only the numbers count, in their order. With `partial_elements` each element
    earns its share.
    """

    kind: Literal["value"] = "value"
    answer: AnswerPlace
    expected: Number | Row | Table | tuple[Table, ...] | None = None
    reference: str | None = None
    tolerance: float | None = None
    absolute: float = 0.0
    shape_matters: bool = True
    partial_elements: bool = False

    def __post_init__(self) -> None:
        if (self.expected is None) is (self.reference is None):
            raise ValueError("a value needs exactly one of expected and reference")
        if self.tolerance is not None and not 0 <= self.tolerance < 1:
            raise ValueError("a tolerance is relative: from 0 to below 1")
        if not 0 <= self.absolute < math.inf:
            raise ValueError("an absolute tolerance is 0 or more")
        if self.expected is not None:
            try:
                size = np.asarray(self.expected).size
            except ValueError:
                raise ValueError("the rows of expected have different lengths") from None
            if not size:
                raise ValueError("expected is empty: there would be nothing to compare")


def places(spec: ValueSpec) -> tuple[Place, ...]:
    """Where the answer is; one truth value at the end: a changed one would be a second guess."""
    if isinstance(spec.expected, bool):
        return (Place(end=True),)
    return places_of(spec.answer)


def judge(spec: ValueSpec, context: Context) -> Judging:
    """Read the answer as numbers or truth values, and compare element by element."""
    want = np.asarray(spec.expected) if spec.reference is None else (yield from _reference(spec))
    return (
        yield from judge_answer(
            spec, spec.answer, context, lambda value: _judged(spec, want, value)
        )
    )


def _reference(spec: ValueSpec) -> Asking[Array]:
    """What the reference's variable holds."""
    name = spec.reference or ""
    answer = yield from ask_reference(Probe("values", {"names": [name]}, spec.limit_s))
    try:
        held = mapping(reference_evidence(answer).get("values"))
        if name not in held:
            raise ReferenceFault(f"the reference does not define {name}")
        value = sound(described(held[name]))
    except BadEvidence as error:
        raise ReferenceFault(str(error)) from None
    array = array_of(value)
    if array is None or not array.size:
        raise ReferenceFault(f"{name} of the reference is {in_words(value)}, not numbers")
    return array


def _judged(spec: ValueSpec, want: Array, value: Value) -> Verdict:
    subject = spec.answer.subject
    given = read_answer(value, want, subject)
    if isinstance(given, Failure):
        return failed(spec, given)
    shape = given.readings[0].shape
    size = math.prod(shape)
    alone = given.in_words and want.size == 1  # `[0.25]` is 0.25, and `1/4, that is 0.25` as well
    if spec.shape_matters and given.shaped and shape != want.shape and not alone:
        message = f"{subject} has shape {shape}; {want.shape} was expected."
        return failed(spec, Failure(message, NearMiss("element-shape")))
    if size != want.size and not (alone and size):
        message = f"{subject} holds {_count(size)}; {_count(want.size)} {_was(want.size)} expected."
        return failed(spec, Failure(message, NearMiss("element-count")))
    right = _right(spec, want, given)
    if right.all():
        return passed(f"{subject} is right.")
    if size != want.size:
        message = f"{subject} holds {_count(size)}; only one was expected."
        return failed(spec, Failure(message, NearMiss("element-count")))
    return _wrong(spec, want, given, right)


def _right(spec: ValueSpec, want: Array, given: Given) -> Array:
    """For each element whether it is right; a number in words may be meant in two ways."""
    flat = want.reshape(-1)
    right = np.zeros(given.readings[0].size, dtype=bool)
    for reading in given.readings:
        got = reading.reshape(-1)
        flat = np.broadcast_to(flat, got.shape) if flat.size == 1 else flat
        right |= _near(spec, got, flat, given.in_words)
    return right


def _near(spec: ValueSpec, got: Array, want: Array, in_words: bool) -> Array:
    if want.dtype.kind == "b":
        same: Array = got == want
        return same
    counted = want.dtype.kind in "iu"
    usual = _TEXT_TOLERANCE if in_words and not counted else _TOLERANCE
    tolerance = usual if spec.tolerance is None else spec.tolerance
    with np.errstate(all="ignore"):
        close: Array = np.abs(got.astype(float) - want.astype(float)) <= spec.absolute
        if tolerance:
            near = within(got, want, tolerance)
            if counted and spec.tolerance is None:  # a count is right or wrong
                near &= (got == want) | (got != np.round(got))
            close |= near
    right: Array = close | (got == want)
    return right


def _wrong(spec: ValueSpec, want: Array, given: Given, right: Array) -> Verdict:
    subject, got = spec.answer.subject, given.readings[-1].reshape(-1)
    detail = {"right": int(right.sum()), "of": int(right.size)}
    if right.size == 1:
        message = f"{subject} is {_shown(got[0])}, which is not right."
    else:
        at = int(np.argmin(right))
        index = [int(one) for one in np.unravel_index(at, want.shape)]
        message = (
            f"{subject}: {int(right.sum())} of {right.size} elements are right; "
            f"{_shown(got[at])} at {index} is not."
        )
    failure = Failure(message, _named(spec, want, given), detail)
    fraction = float(right.mean()) if spec.partial_elements else 0.0
    return graded(spec, fraction, failure)


def _named(spec: ValueSpec, want: Array, given: Given) -> NearMiss | None:
    """The name of a mistake that explains all of the answer."""
    if want.dtype.kind == "b":
        inverted = ~given.readings[0].reshape(want.shape)
        return NearMiss("inverted") if np.array_equal(inverted, want) else None
    got = given.readings[-1].reshape(want.shape).astype(float)
    if not (want.any() and np.isfinite(got).all()):
        return None

    def explains(mended: Array) -> bool:
        return bool(_near(spec, mended, want, given.in_words).all())

    if explains(-got):
        return NearMiss("sign", "Its sign is the other way round.", hint="Check the sign.")
    if explains(got * 2) or explains(got / 2):
        words = "half" if explains(got * 2) else "twice"
        return NearMiss(
            "factor", f"It is {words} of what it should be.", hint="Check factors of 2."
        )
    if explains(got / 100) or explains(got * 100):
        return NearMiss("percent")
    if got.ndim == 2 and explains(got.reshape(want.shape[::-1]).T):
        return NearMiss("transposed-value")
    if within(got, want, _SHOWN_ERROR).all():
        return NearMiss("imprecise")
    return None


def _count(size: int) -> str:
    return "1 value" if size == 1 else f"{size} values"


def _was(size: int) -> str:
    return "was" if size == 1 else "were"


def _shown(value: object) -> str:
    return str(value) if isinstance(value, bool | np.bool_) else f"{value:.6g}"
