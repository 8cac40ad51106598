"""What a formula is worth at many points, in numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from grader.checks.answers.formula import Formula, Number, Variable
from grader.checks.arrays import Array


def _sigmoid(x: Array) -> Array:
    return np.where(x < 0, np.exp(x) / (1 + np.exp(x)), 1 / (1 + np.exp(-x)))


_OPERATIONS: dict[str, Callable[..., Array]] = {
    "sum": lambda *terms: sum(terms[1:], terms[0]),
    "product": lambda *factors: np.prod(np.stack(np.broadcast_arrays(*factors)), axis=0),
    "inverse": lambda x: 1 / x,
    "negative": np.negative,
    "power": np.power,
    "abs": np.abs,
    "cot": lambda x: 1 / np.tan(x),
    "sec": lambda x: 1 / np.cos(x),
    "csc": lambda x: 1 / np.sin(x),
    "max": np.maximum,
    "min": np.minimum,
    "sigmoid": _sigmoid,
    "relu": lambda x: np.maximum(x, 0),
    "softplus": lambda x: np.logaddexp(x, 0),
    **{
        name: getattr(np, name)
        for name in (
            "exp", "log", "log2", "log10", "sqrt", "cbrt", "sign", "sin", "cos", "tan", "arcsin",
            "arccos", "arctan", "arcsinh", "sinh", "cosh", "tanh", "square",
        )
    },
}  # fmt: skip


def evaluated(formula: Formula, points: Mapping[str, Array]) -> Array:
    """Its value at each of the points, which are float64 arrays of one shape by canonical name.

    NaN or infinite where it has none; nothing is raised.
    """
    with np.errstate(all="ignore"):
        return np.broadcast_to(_value(formula, points), next(iter(points.values())).shape)


def _value(formula: Formula, points: Mapping[str, Array]) -> Array:
    if isinstance(formula, Number):
        return np.asarray(formula.value, dtype=np.float64)
    if isinstance(formula, Variable):
        return points[formula.name]
    operation = _OPERATIONS[formula.name]
    return operation(*(_value(part, points) for part in formula.parts))
