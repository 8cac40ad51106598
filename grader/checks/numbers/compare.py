"""Comparing one result with the reference's, in the order in which a person would look.

exists -> type -> rank -> shape -> dtype -> finite -> values. Nothing is ever broadcast.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from grader.checks.arrays import Array, family, read, relative_tolerance, wide_enough
from grader.checks.reading import in_words, shown
from grader.domain.evidence import Tensor, Value


class Stage(StrEnum):
    """The first respect in which two values differ."""

    EXISTS = "exists"
    TYPE = "type"
    RANK = "rank"
    SHAPE = "shape"
    DTYPE = "dtype"
    FINITE = "finite"
    VALUES = "values"


@dataclass(frozen=True)
class Mismatch:
    """How a result differs from what was expected; `message` is a sentence for the student.

    `largest_error`, `index`, `got` and `expected` are of the element that is farthest off; `pair`
    are all values, as received and as expected, where both are arrays.
    """

    stage: Stage
    message: str
    largest_error: float | None = None
    index: tuple[int, ...] | None = None
    got: str | None = None
    expected: str | None = None
    pair: tuple[Array, Array] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a result is held against.

    `relative` is the tolerance where the rubric gives one; otherwise it follows from the dtypes.
    With `squeeze`, dimensions of 1 may be missing or added.
    """

    array: Array
    dtype: str
    relative: float | None = None
    squeeze: bool = False

    def tolerance(self, dtype: str) -> float:
        """The relative tolerance for a result of `dtype`."""
        if self.relative is not None:
            return self.relative
        return relative_tolerance(dtype, self.dtype)


def compare(value: Value, want: Expected, subject: str) -> Mismatch | None:
    """How `value` differs from `want`, or None where it does not.

    `subject` begins the messages: "Your result", "The gradient of W1".
    """
    if value is None:
        return Mismatch(Stage.EXISTS, f"{subject} is None; a tensor was expected.")
    typed = numeric(value, scalar=want.array.ndim == 0)
    if isinstance(typed, str):
        return Mismatch(Stage.TYPE, f"{subject} {typed}.")
    array, dtype = typed
    array = fitted(array, want.array.shape) if want.squeeze else array
    mismatch = _shapes_differ(array, want.array, subject)
    mismatch = mismatch or dtype_differs(dtype, want, subject)
    mismatch = mismatch or _values_differ(array, dtype, want, subject)
    return None if mismatch is None else replace(mismatch, pair=(array, want.array))


def dtype_differs(dtype: str, want: Expected, subject: str) -> Mismatch | None:
    """Whether a result of `dtype` is less precise than what is expected, or of another family."""
    if wide_enough(dtype, want.dtype):
        return None
    words = f"{subject} has dtype {dtype}; {want.dtype} was expected."
    return Mismatch(Stage.DTYPE, words, got=dtype, expected=want.dtype)


def numeric(value: Value, scalar: bool = False) -> tuple[Array, str] | str:
    """The values and dtype of a torch tensor, or why it is none, as the rest of a sentence.

    Where a single number is expected (`scalar`), numbers of Python and numpy will do too.
    """
    if isinstance(value, Tensor):
        if value.library != "torch" and not scalar:
            return "is a numpy array; a torch tensor was expected"
        array = read(value)
        if array is None:
            why = shown(value.unread or f"its dtype is {value.dtype}", 120)
            return f"is a tensor that cannot be read: {why}"
        return array, value.dtype
    if scalar and isinstance(value, bool | int | float | complex):
        if isinstance(value, int) and abs(value) >= 1 << 63:
            return "is a number out of range"
        array = np.asarray(value)
        return array, str(array.dtype)
    return f"is {in_words(value)}; a tensor was expected"


def fitted(array: Array, shape: tuple[int, ...]) -> Array:
    """`array` in `shape` where the two differ in dimensions of 1 only; unchanged otherwise."""
    if squeezed(array.shape) == squeezed(shape):
        return array.reshape(shape)
    return array


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without its dimensions of 1."""
    return tuple(size for size in shape if size != 1)


def relative_error(got: Array, want: Array) -> float | None:
    """The largest error relative to the largest expected magnitude; None where shapes differ."""
    if got.shape != want.shape:
        return None
    if not got.size:
        return 0.0
    with np.errstate(all="ignore"):
        worst = float(np.max(np.abs(_wide(got) - _wide(want))))
        error = worst / (_scale(want) or 1.0)
    return error if np.isfinite(error) else None


def _shapes_differ(got: Array, want: Array, subject: str) -> Mismatch | None:
    if got.shape == want.shape:
        return None
    words = f"{subject} has shape {got.shape}; {want.shape} was expected."
    stage = Stage.SHAPE if got.ndim == want.ndim else Stage.RANK
    return Mismatch(stage, words, got=str(got.shape), expected=str(want.shape))


def _values_differ(got: Array, dtype: str, want: Expected, subject: str) -> Mismatch | None:
    if family(want.dtype) not in ("float", "complex"):
        return _worst(got != want.array, got, want.array, subject)
    return _not_finite(got, want.array, subject) or _worst(
        ~within(got, want.array, want.tolerance(dtype)), got, want.array, subject
    )


def within(got: Array, want: Array, relative: float) -> Array:
    """Where `got` is as near to `want` as `relative` allows; both of one shape.

    The tolerance of an element is `relative` of its own magnitude, and a tenth of that of the
    largest one, because an error made in summing does not shrink with the sum.
    """
    with np.errstate(all="ignore"):
        wide = _wide(want)
        tolerance = relative * np.abs(wide) + 0.1 * relative * _scale(want)
        near = np.abs(_wide(got) - wide) <= tolerance
    same: Array = (got == want) | (np.isnan(got) & np.isnan(want))
    return np.where(np.isfinite(want), near, same)


def measured_error(got: Array, want: Array) -> float | None:
    """The error as `within` measures it: it is right where this is at most the tolerance.

    None where the two have other shapes, or it is not finite.
    """
    if got.shape != want.shape or "c" in (got.dtype.kind, want.dtype.kind):
        return None
    error = float(np.max(_shares(got, want), initial=0.0))
    return error if np.isfinite(error) else None


def told_error(got: Array, want: Array) -> float | None:
    """The error of what is wrong, as anybody computes it: where it is farthest beyond what is
    allowed, relative to the element alone. Never less than `measured_error`, so that it stands
    above the tolerance; that one itself where the element is 0.
    """
    error = measured_error(got, want)
    if not error:
        return error
    at = np.unravel_index(int(np.argmax(_shares(got, want))), want.shape)
    with np.errstate(all="ignore"):
        wide = _wide(want)[at]
        alone = float(np.abs(_wide(got)[at] - wide) / np.abs(wide))
    return alone if np.isfinite(alone) else error


def _shares(got: Array, want: Array) -> Array:
    """Of each element its distance over what `within` would allow at a tolerance of 1."""
    with np.errstate(all="ignore"):
        wide = _wide(want)
        away = np.abs(_wide(got) - wide)
        shares: Array = np.where(away == 0, 0.0, away / (np.abs(wide) + 0.1 * _scale(want)))
    return shares


def _not_finite(got: Array, want: Array, subject: str) -> Mismatch | None:
    unexpected = ~np.isfinite(got) & np.isfinite(want)
    if not unexpected.any():
        return None
    index = _first(unexpected)
    name = "NaN" if np.isnan(got[index]) else "an infinite value"
    words = f"{subject} contains {name}{_place(index)}; {_number(want[index])} was expected."
    return Mismatch(Stage.FINITE, words, None, index, _number(got[index]), _number(want[index]))


def _worst(wrong: Array, got: Array, want: Array, subject: str) -> Mismatch | None:
    if not wrong.any():
        return None
    with np.errstate(all="ignore"):
        error = np.where(wrong, np.abs(_wide(got) - _wide(want)), -1.0)
    error = np.where(np.isnan(error), np.inf, error)
    index = tuple(int(at) for at in np.unravel_index(int(np.argmax(error)), error.shape))
    largest = float(error[index])
    have, expected = _number(got[index]), _number(want[index])
    words = f"{subject} is off by up to {largest:.3g}: {have}{_place(index)}, expected {expected}."
    return Mismatch(
        Stage.VALUES, words, largest if np.isfinite(largest) else None, index, have, expected
    )


def _first(where: Array) -> tuple[int, ...]:
    return tuple(int(at) for at in np.unravel_index(int(np.argmax(where)), where.shape))


def _place(index: tuple[int, ...]) -> str:
    return f" at {list(index)}" if index else ""


def _wide(array: Array) -> Array:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _scale(want: Array) -> float:
    """The largest finite magnitude."""
    sizes = np.abs(_wide(want))
    finite = sizes[np.isfinite(sizes)]
    return float(finite.max()) if finite.size else 0.0


def _number(value: object) -> str:
    kind = np.asarray(value).dtype.kind
    if kind in "fc":
        return f"{value:.6g}"
    return str(value)
