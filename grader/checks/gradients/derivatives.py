"""Asking for derivatives: what autograd finds, and how a weighted sum of the result changes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from grader.checks.arrays import Array
from grader.checks.base import Context
from grader.checks.calling.calls import Argument, Inputs, arguments
from grader.checks.calling.inputs import Draw, check_names
from grader.checks.numbers.differences import Differences, Fineness, Shifts
from grader.checks.reading import (
    BadEvidence,
    array,
    described,
    flag,
    listing,
    mapping,
    shown,
)
from grader.checks.verdicts import Failure, NearMiss, missing, raised, unanswered
from grader.domain.evidence import Answer, Raised, Value
from grader.domain.questions import Probe

FURTHER_DRAWS = 8  # where nothing can be told: all flat, or at kinks
_PARAMETERS = 100  # of a module
_LARGEST = 1 << 28  # entries of one of them
_WEIGHTS = 257  # a prime: rows of a result get different ones


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is differentiated: a function, a module made with `make`, or an autograd.Function."""

    kind: Literal["function", "instance", "apply"]
    name: str
    args: tuple[Argument, ...]
    make: tuple[Argument, ...] = ()
    seed: int = 0

    @property
    def call(self) -> str:
        """How a message calls it."""
        return f"{self.name}.apply()" if self.kind == "apply" else f"{self.name}()"


@dataclass(frozen=True)
class Point:
    """One case: its inputs, and the weights of the result's entries."""

    inputs: Inputs
    weights: Array

    @classmethod
    def drawn(cls, inputs: Inputs, rng: np.random.Generator) -> Point:
        """Weights of either sign, none near zero."""
        sizes = rng.uniform(0.5, 1.5, _WEIGHTS)
        return cls(inputs, np.where(rng.integers(0, 2, _WEIGHTS) > 0, sizes, -sizes))


@dataclass(frozen=True, kw_only=True)
class Derivative:
    """What one case says.

    `total` is the weighted sum under autograd and `base` without; `gradients` has None where
    autograd finds no way; `failed` is what backpropagation raised. `shapes` are the parameters'.
    """

    value: Value | Raised
    shapes: Mapping[str, tuple[int, ...]]
    total: float | None
    gradients: Mapping[str, Array | None]
    failed: Raised | None
    base: float | None
    shifted: Array | None
    unswept: Raised | None

    def differences(self, shifts: Shifts) -> Differences | None:
        """What the shifts did; None where the function could not be swept."""
        if self.base is None or self.shifted is None:
            return None
        if self.shifted.shape != (len(shifts.payload()),) or self.shifted.dtype != np.float64:
            raise BadEvidence("not one number for each shift")
        return shifts.differences(self.base, self.shifted)


def derivative_probe(
    target: Target,
    cases: Sequence[tuple[Point, Shifts]],
    wrt: Sequence[str],
    limit_s: float,
    *,
    wide: bool = True,
) -> Probe:
    """Ask for the derivatives at these points; in float64, or where not `wide` in float32."""
    payload = {
        "target": target.kind,
        "name": target.name,
        "make": list(target.make),
        "seed": target.seed,
        "dtype": "float64" if wide else "float32",
        "wrt": list(wrt),
        "cases": [
            {
                "bind": dict(point.inputs),
                "args": arguments(target.args),
                "weights": point.weights,
                "shifts": shifts.payload(),
            }
            for point, shifts in cases
        ],
    }
    return Probe("derivative", payload, limit_s)


_OTHER = {
    "function": ("not-callable", "a function"),
    "instance": ("not-a-module", "a class of torch.nn.Module"),
    "apply": ("not-a-function", "a class of torch.autograd.Function"),
}


def derivatives(
    answer: Answer, target: Target, context: Context, cases: int, limit_s: float
) -> list[Derivative] | Failure:
    """What the submission answered, or why there is nothing."""
    failure = unanswered(answer, target.call, limit_s)
    if failure is not None:
        return failure
    evidence = mapping(answer.evidence)
    if evidence.get("found") is None:
        return missing(target.name)
    error = described(evidence.get("raised"))
    if isinstance(error, Raised):
        return raised(context, error, target.call)
    if not flag(evidence, "fits"):
        cause, kind = _OTHER[target.kind]
        return Failure(f"{target.name} is not {kind}.", NearMiss(cause))
    return [read_derivative(one) for one in listing(evidence, "cases", cases)]


def read_derivative(item: object) -> Derivative:
    """One case of the evidence."""
    case = mapping(item)
    gradients = mapping(case.get("gradients", {}))
    shapes = mapping(case.get("shapes", {}))
    shifted = case.get("shifted")
    return Derivative(
        value=described(case.get("value")),
        shapes={shown(name, 80): _shape(shapes, name) for name in list(shapes)[:_PARAMETERS]},
        total=_number(case.get("total")),
        gradients={name: None if one is None else array(one) for name, one in gradients.items()},
        failed=_raised(case.get("failed")),
        base=_number(case.get("base")),
        shifted=None if shifted is None else _floats(shifted),
        unswept=_raised(case.get("unswept")),
    )


def _shape(shapes: Mapping[str, object], name: str) -> tuple[int, ...]:
    sizes = listing(shapes, name)
    if any(type(size) is not int or size < 0 for size in sizes):
        raise BadEvidence("a shape is no list of counts")
    shape = tuple(size for size in sizes if isinstance(size, int))
    if len(shape) > 64 or math.prod(shape) > _LARGEST:
        raise BadEvidence("a parameter that is too large")
    return shape


def _floats(value: object) -> Array:
    values = array(value)
    if values.dtype.kind != "f":
        raise BadEvidence("an array of floats was expected")
    return values


def _number(value: object) -> float | None:
    return value if isinstance(value, float) else None


def _raised(value: object) -> Raised | None:
    return value if isinstance(value, Raised) else None


def in_place(error: Raised) -> bool:
    """Whether autograd complains of a tensor that was changed in place."""
    return "inplace operation" in error.message or "in-place operation" in error.message


def planned(
    point: Point,
    names: Sequence[str],
    shapes: Mapping[str, tuple[int, ...]],
    rng: np.random.Generator,
    fineness: Fineness,
) -> Shifts:
    """Shifts of the inputs `names` and of the parameters of these shapes."""
    sizes = {name: point.inputs[name].size for name in names}
    sizes |= {name: math.prod(shape) for name, shape in shapes.items()}
    return Shifts.planned(sizes, rng, fineness)


def check_differentiable(inputs: Mapping[str, Draw], wrt: Sequence[str]) -> None:
    """Raise ValueError where `wrt` names what is no input, or has no gradient."""
    check_names(inputs, wrt, "wrt")
    for name in wrt:
        draw = inputs[name]
        kind = draw.dtype or ("int64" if draw.integers is not None else "float32")
        if not kind.startswith("float"):
            raise ValueError(f"wrt names {name}, which has no gradient: its dtype is {kind}")


def difference_text(name: str, gradient: Array, differences: Differences) -> str:
    """The entry at which a gradient is farthest from the differences."""
    chosen, slopes = differences.smooth(name)
    got = gradient.astype(np.float64).ravel()[chosen]
    errors = np.nan_to_num(np.abs(got - slopes), nan=np.inf)
    worst = int(np.argmax(errors))
    place = [int(at) for at in np.unravel_index(int(chosen[worst]), gradient.shape)]
    where = f" at {place}" if place else ""
    return (
        f"The gradient of {name} is {got[worst]:.6g}{where}, but the result changes at a rate of "
        f"{slopes[worst]:.6g}."
    )


def tells(want: Mapping[str, Array]) -> bool:
    """Whether gradients are enough to name a mistake by: one number is a multiple of another."""
    return sum(int(np.count_nonzero(one)) for one in want.values()) > 1
