"""Inputs as a rubric writes them: `{normal: [N, 3], scale: 0.5}`, drawn fresh for each attempt."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from grader.checks.arrays import Array

Shape = tuple[int | str, ...]  # a str names a size that the case gives
Row = tuple[float, ...]
DType = Literal["float32", "float64", "int64", "bool"]
_LARGEST = 1_000_000  # elements


@dataclass(frozen=True, kw_only=True)
class Draw:
    """How one array is drawn: exactly one of the five, each with the shape, or the values.

    normal: mean 0 and standard deviation `scale`. uniform: from `low` to `high`. bernoulli: 0 or
    1, each half of the time. integers: `low` up to, not including, `high`. values: constants.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    normal: Shape | None = None
    uniform: Shape | None = None
    bernoulli: Shape | None = None
    integers: Shape | None = None
    values: float | Row | tuple[Row, ...] | None = None
    scale: float = 1.0
    low: float = 0.0
    high: float = 1.0
    dtype: DType | None = None  # float32; int64 for integers

    def __post_init__(self) -> None:
        shapes = [self.normal, self.uniform, self.bernoulli, self.integers]
        if sum(given is not None for given in [*shapes, self.values]) != 1:
            raise ValueError(
                "an input needs exactly one of normal, uniform, bernoulli, integers, values"
            )
        if any(isinstance(size, int) and size < 1 for size in self.shape):
            raise ValueError("every dimension of an input is at least 1")
        if not self.low < self.high:
            raise ValueError("low must be below high")
        if self.integers is not None and math.ceil(self.low) >= math.ceil(self.high):
            raise ValueError("no integer lies between low and high")
        if self.values is not None:
            try:
                np.asarray(self.values, dtype=np.float64)
            except ValueError:
                raise ValueError("the rows of values have different lengths") from None

    @property
    def shape(self) -> Shape:
        """The shape as written; empty for `values`."""
        return self.normal or self.uniform or self.bernoulli or self.integers or ()


Sizes = Mapping[str, int]


def draw(spec: Draw, sizes: Sizes, rng: np.random.Generator) -> Array:
    """One array, of the spec's shape with the case's sizes put in."""
    shape = tuple(sizes[size] if isinstance(size, str) else size for size in spec.shape)
    array: Array
    if spec.values is not None:
        array = np.asarray(spec.values)
    elif spec.uniform is not None:
        array = rng.uniform(spec.low, spec.high, shape)
    elif spec.bernoulli is not None:
        array = rng.integers(0, 2, shape)
    elif spec.integers is not None:
        array = rng.integers(math.ceil(spec.low), math.ceil(spec.high), shape)
    else:
        array = spec.scale * rng.standard_normal(shape)
    default = "int64" if spec.integers is not None else "float32"
    return np.asarray(array, dtype=spec.dtype or default)  # drawn without a shape it is a number


def draw_all(
    inputs: Mapping[str, Draw], sizes: Sizes, rng: np.random.Generator
) -> dict[str, Array]:
    """All inputs of one case, by name."""
    return {name: draw(spec, sizes, rng) for name, spec in inputs.items()}


def is_fresh(inputs: Iterable[Draw]) -> bool:
    """Whether something is drawn, so that the right result can't be learned by heart."""
    return any(spec.values is None for spec in inputs)


def check_sizes(inputs: Iterable[Draw], cases: Iterable[Sizes]) -> None:
    """Raise ValueError where a case lacks a size that a shape names, or asks for too much."""
    specs, given = list(inputs), list(cases)
    if not given:
        raise ValueError("cases is empty: there would be nothing to look at")
    for case in given:
        for name, size in case.items():
            if size < 1:
                raise ValueError(f"the size {name} must be at least 1")
        for spec in specs:
            lacking = [size for size in spec.shape if isinstance(size, str) and size not in case]
            if lacking:
                raise ValueError(f"a case does not give the size {lacking[0]}")
            known = (case[size] if isinstance(size, str) else size for size in spec.shape)
            if math.prod(known) > _LARGEST:
                raise ValueError(f"an input has more than {_LARGEST} elements")


def check_tolerance(tolerance: float | None) -> None:
    """Raise ValueError for a tolerance that nothing, or everything, would meet."""
    if tolerance is not None and not 0 < tolerance < 1:
        raise ValueError("a tolerance is relative: above 0 and below 1")


def check_names(known: Iterable[str], used: Iterable[object], what: str) -> None:
    """Raise ValueError where a str of `used` is not the name of an input."""
    inputs = set(known)
    for name in used:
        if isinstance(name, str) and name not in inputs:
            raise ValueError(f"{what} names {name}, which is not among the inputs")
