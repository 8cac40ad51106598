"""Evidence as a test reads it: numpy arrays and plain Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from grader.checks.arrays import read
from grader.checks.reading import in_words
from grader.domain.evidence import Mapped, Sequence, Tensor, Text, Thing, Value
from workers.tests_runner.steps import Step
from workers.tests_runner.torchvalues import as_torch

_Known = dict[str, object]


class Array(np.ndarray[Any, Any]):
    """A tensor's values, and what else is known of it.

    `dtype_name` ("bfloat16", for which numpy has no dtype), `device`, `layout`, `requires_grad`,
    `has_graph`, `library` ("torch" or "numpy") and `subclass` are those of the submission's own
    tensor; what is computed from it has none.
    """

    _known: _Known

    def __array_finalize__(self, origin: object) -> None:
        self._known = {}

    def __getattr__(self, name: str) -> object:
        if name in _FACTS:
            try:
                return self._known[name]
            except KeyError:
                raise AttributeError(
                    f"{name} is known of the submission's own tensors, and not of what a test "
                    "makes of them"
                ) from None
        raise AttributeError(f"an array has no attribute {name}")


_FACTS = ("dtype_name", "device", "layout", "requires_grad", "has_graph", "library", "subclass")


class Unreadable(Exception):
    """A value that cannot be read; the message says what it is."""


def converted(
    value: Value, step: Step, handle: Callable[[Thing, Step], object], *, native: bool = False
) -> object:
    """`value`, which `step` gave, in Python; what has no value in itself becomes a `handle`.

    With `native` arrays are plain ones and tensors are torch's. Raises Unreadable.
    """

    def inside(item: Value, key: object) -> object:
        return converted(item, Step("item", (step, key)), handle, native=native)

    match value:
        case Thing():
            return handle(value, step)
        case Tensor():
            return _native(value) if native else _array(value)
        case Text():
            raise Unreadable(f"is a text of {value.length} characters, too long to be read")
        case Sequence(cut=True) | Mapped(cut=True):
            raise Unreadable(f"is {in_words(value)}, too long to be read")
        case Sequence(type="set" | "frozenset"):
            return _hashable(
                set, [converted(item, step, _no_handle, native=native) for item in value.items]
            )
        case Sequence(type="list"):
            return [inside(item, at) for at, item in enumerate(value.items)]
        case Sequence():
            return tuple(inside(item, at) for at, item in enumerate(value.items))
        case Mapped():
            keys = [converted(key, step, _no_handle, native=native) for key, _ in value.items]
            items = [inside(item, key) for (_, item), key in zip(value.items, keys, strict=True)]
            return _hashable(dict, list(zip(keys, items, strict=True)))
    return value


def _values(tensor: Tensor) -> np.ndarray[Any, Any]:
    values = read(tensor)
    if values is None:
        raise Unreadable(f"is {in_words(tensor)} that cannot be read: {tensor.unread or 'no data'}")
    return values.copy()


def _native(tensor: Tensor) -> object:
    """A numpy array, a number of numpy's, or a torch tensor: as in the submission."""
    values = _values(tensor)
    if tensor.library == "torch":
        return as_torch(values, tensor.dtype, tensor.requires_grad)
    return values if tensor.shape else values[()]


def _array(tensor: Tensor) -> Array:
    array = _values(tensor).view(Array)
    array._known = {"dtype_name": tensor.dtype} | {
        name: getattr(tensor, name) for name in _FACTS if name != "dtype_name"
    }
    return array


def _hashable(make: Callable[[list[Any]], object], items: list[Any]) -> object:
    try:
        return make(items)
    except TypeError:
        raise Unreadable("has entries that cannot be read") from None


def _no_handle(thing: Thing, _: Step) -> object:
    raise Unreadable(f"has {in_words(thing)} where a plain value was expected")
