"""A small example of what a function gets wrong: simpler inputs for which it is still wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from grader.checks.arrays import Array
from grader.checks.calling.given import Given, Input
from grader.checks.calling.given import Value as InputValue
from grader.checks.looks import Asking
from grader.domain.evidence import Raised, Value
from grader.domain.exhibits import Exhibit


@dataclass(frozen=True)
class Example:
    """A call that went wrong: what came back, what should have, and what there is to say of it."""

    got: Value | Raised
    want: Value
    message: str
    exhibits: tuple[Exhibit, ...] = ()


_ROUNDS = 12
_TRIED = 16  # in one round

Wrong = Callable[[list[Given]], Asking[list[Example | None]]]


def smallest(
    inputs: Mapping[str, Input], given: Given, found: Example, wrong: Wrong
) -> Asking[tuple[Given, Example]]:
    """The simplest inputs found for which `wrong` still gives an example, beginning with `given`.

    `wrong` says of each candidate what is wrong with it, or None. Every round goes on from the
    first one that has something; what has been tried is not tried again.
    """
    tried: set[bytes] = set()
    for _ in range(_ROUNDS):
        candidates: list[Given] = []
        for one in smaller(inputs, given):
            if _mark(one) not in tried and len(candidates) < _TRIED:
                tried.add(_mark(one))
                candidates.append(one)
        if not candidates:
            break
        examples = yield from wrong(candidates)
        better = [pair for pair in zip(candidates, examples, strict=True) if pair[1] is not None]
        if not better:
            break
        given, example = better[0]
        assert example is not None
        found = example
    return given, found


def _mark(given: Given) -> bytes:
    """The same for the same values."""
    parts = [
        str(value.shape).encode() + value.tobytes()
        if isinstance(value, np.ndarray)
        else repr(value).encode()
        for value in given.values.values()
    ]
    return b"|".join(parts)


def smaller(inputs: Mapping[str, Input], given: Given) -> Iterator[Given]:
    """Simpler inputs of the same kind, the simplest first: of fewer entries, or of small integers.

    They stay within what the rubric draws. Entries that were different stay different, and keep
    their sign: otherwise an example could show a tie, which may be settled either way. An edge
    case, or one of another dtype, keeps its values.
    """
    for name, size in given.sizes.items():
        for less in sorted({1, 2, size // 2, size - 1}):
            if 0 < less < size:
                yield _cut(inputs, given, name, less)
    for name, spec in inputs.items() if not given.special else ():
        value = given.values[name]
        if isinstance(value, np.ndarray) and spec.values is None and value.size:
            for simple in _simpler(spec, value):
                if simple.tobytes() != value.tobytes():
                    yield replace(given, values={**given.values, name: simple})


def _cut(inputs: Mapping[str, Input], given: Given, size: str, length: int) -> Given:
    values: dict[str, InputValue] = {}
    for name, value in given.values.items():
        places = tuple(slice(length) if one == size else slice(None) for one in inputs[name].sizes)
        if isinstance(value, np.ndarray) and inputs[name].shape:
            value = value[places].copy()
        elif isinstance(value, str) and places and inputs[name].text == size:
            value = value[:length]
        values[name] = value
    return replace(given, values=values, sizes={**given.sizes, size: length})


def _simpler(spec: Input, value: Array) -> Iterator[Array]:
    low, high = _bounds(spec)
    if value.dtype.kind == "b":
        yield np.zeros_like(value)
        return
    if value.dtype.kind in "iu":
        for one in (np.zeros_like(value), np.sign(value), value // 2):
            yield np.clip(one, low, high).astype(value.dtype)
        return
    if not np.isfinite(value).all():
        return
    sizes = np.unique(np.abs(value), return_inverse=True)[1].reshape(value.shape) + 1
    for one in (np.sign(value) * sizes, np.round(value), np.round(value, 1)):
        simple = one.astype(value.dtype)
        inside = bool(((simple >= low) & (simple <= high)).all())
        if inside and len(np.unique(simple)) == len(np.unique(value)):
            yield simple


def _bounds(spec: Input) -> tuple[float, float]:
    """The smallest and the largest entry that the rubric can draw."""
    if spec.uniform is not None:
        return spec.low, spec.high
    if spec.integers is not None:
        return np.ceil(spec.low), np.ceil(spec.high) - 1
    return (0.0, 1.0) if spec.bernoulli is not None else (-np.inf, np.inf)
