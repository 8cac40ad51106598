"""An answer as an array of numbers or of truth values, whatever it was given as."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grader.checks.answers.numerals import numbers_in
from grader.checks.answers.truthtext import truths_in
from grader.checks.arrays import Array, read
from grader.checks.reading import in_words, is_unordered, shown
from grader.checks.verdicts import Failure, NearMiss
from grader.domain.evidence import Sequence, Tensor, Value

_ELEMENTS = 100_000


@dataclass(frozen=True)
class Given:
    """An answer: arrays of one shape, one for each way in which it may be meant.

    `shaped` says whether the answer tells its shape, `in_words` that it was read from a text.
    """

    readings: tuple[Array, ...]
    shaped: bool = True
    in_words: bool = False


def read_answer(value: Value, want: Array, subject: str) -> Given | Failure:
    """The answer, to be held against `want`, of whose dtype only the kind is asked."""
    truth = want.dtype.kind == "b"
    if isinstance(value, str):
        return _truths(value, want, subject) if truth else _numbers(value, want, subject)
    array = array_of(value)
    if array is None or (truth and not _is_truth(array)) or (array.dtype.kind == "b" and not truth):
        wanted = "truth values were" if truth else "numbers were"
        return Failure(f"{subject} is {in_words(value)}; {wanted} expected.", NearMiss("unclear"))
    return Given((array.astype(bool) if truth else array,))


def array_of(value: Value) -> Array | None:
    """A number, a tensor, an array or a regular list of these as one array; None for others."""
    nested = _nested(value)
    if nested is None:
        return None
    try:
        array = np.asarray(nested)
    except (ValueError, OverflowError):  # ragged
        return None
    if array.dtype.kind == "O" and _all_integers(array):
        array = array.astype(np.float64)
    return array if array.dtype.kind in "biuf" and array.size <= _ELEMENTS else None


def _nested(value: Value) -> object:
    match value:
        case bool() | float():
            return value
        case int():
            return value if abs(value) < 1 << 900 else None
        case Tensor():
            return read(value)
        case Sequence(cut=False) if not is_unordered(value):
            items = [_nested(item) for item in value.items]
            return None if any(item is None for item in items) else items
    return None


def _all_integers(array: Array) -> bool:
    return all(isinstance(one, int) for one in array.flat)


def _is_truth(array: Array) -> bool:
    return array.dtype.kind == "b" or bool(np.isin(array, (0, 1)).all())


def _truths(text: str, want: Array, subject: str) -> Given | Failure:
    found = truths_in(text, want.size)
    if found is None:
        many = "True or False" if want.size == 1 else f"{want.size} times True or False"
        return _unclear(text, subject, many)
    return Given((np.asarray(found),), shaped=False, in_words=True)


def _numbers(text: str, want: Array, subject: str) -> Given | Failure:
    found = numbers_in(text, want.size)
    if not found.items:
        return _unclear(text, subject, "a number" if want.size == 1 else "numbers")
    readings = [
        np.asarray([one.readings[way] for one in found.items], dtype=np.float64) for way in (0, -1)
    ]
    if found.shape is not None:
        readings = [one.reshape(found.shape) for one in readings]
    return Given(tuple(readings), shaped=found.shape is not None, in_words=True)


def _unclear(text: str, subject: str, wanted: str) -> Failure:
    message = f"{subject}, “{shown(text)}”, cannot be read as {wanted}."
    return Failure(message, NearMiss("unclear", hint="Write only the answer."))
