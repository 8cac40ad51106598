"""The rubric's side of a gradient check, and what a backward function may return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from grader.checks.arrays import Array, read
from grader.checks.calling.calls import Argument, Inputs, Variant
from grader.checks.calling.inputs import Draw, check_names, check_sizes, check_tolerance
from grader.checks.calling.unmade import unmade
from grader.checks.gradients.follow import Follow
from grader.checks.numbers.compare import Expected, Mismatch, compare
from grader.checks.reading import in_words, is_unordered, shown
from grader.checks.verdicts import Failure, NearMiss
from grader.domain.evidence import Mapped, Sequence, Tensor, Value
from grader.domain.rubric import CheckSpec


@dataclass(frozen=True, kw_only=True)
class GradientSpec(CheckSpec):
    """`function(*args)` returns the gradients of the reference's `oracle(*args)` for `wrt`.

    As a tuple or list in that order, a dict by name, or one tensor. Points are split evenly, or
    by `weights`. `shape: squeeze` lets a gradient's dimensions of 1 be missing or added.
    `near_misses` names mistakes by functions of the reference that return gradients alike. With
    `by_hand`, the calls that are judged are watched for autograd as well: a `source` check sees
    the code, and the function at one moment.
    """

    kind: Literal["gradient"] = "gradient"
    function: str
    args: tuple[Argument, ...] = ()
    inputs: Mapping[str, Draw]
    cases: tuple[Mapping[str, int], ...] = ({},)
    oracle: str
    wrt: tuple[str, ...]
    weights: Mapping[str, float] = field(default_factory=dict)
    shape: Literal["squeeze", "exact"] = "squeeze"
    tolerance: float | None = None  # relative; None: by dtype
    may_change_inputs: bool = False
    by_hand: bool = False  # calling autograd earns nothing
    follow: Follow | None = None
    near_misses: Mapping[str, Variant] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_tolerance(self.tolerance)
        check_sizes(self.inputs.values(), self.cases)
        check_names(self.inputs, self.args, "args")
        check_names(self.inputs, self.wrt, "wrt")
        check_names(self.wrt, self.weights, "weights")
        if not self.wrt or not sum(map(self.weight, self.wrt)) > 0:
            raise ValueError("wrt names no parameter that carries weight")
        if any(weight < 0 for weight in self.weights.values()):
            raise ValueError("a weight is negative")
        if self.follow is not None:
            check_names(self.inputs, [*self.follow.args, self.follow.target], "follow")

    def weight(self, name: str) -> float:
        """The parameter's share of the points, before division by their sum."""
        return self.weights.get(name, 0.0 if self.weights else 1.0)


@dataclass(frozen=True)
class Seen:
    """One case: what was bound, what was expected, and the gradients of two calls by parameter."""

    inputs: Inputs
    want: Mapping[str, Expected]
    first: Mapping[str, Value]
    second: Mapping[str, Value]

    def mismatch(self, name: str) -> Mismatch | None:
        """How the gradient differs, in the first call or else in the second."""
        subject = f"The gradient of {name}"
        return compare(self.first[name], self.want[name], subject) or compare(
            self.second[name], self.want[name], f"{subject}, in a second call,"
        )


def by_name(spec: GradientSpec, value: Value) -> dict[str, Value] | Failure:
    """What one call returned, by parameter; or why it is not the gradients."""
    count = len(spec.wrt)
    if isinstance(value, Sequence) and is_unordered(value) and count > 1:
        what = f"{spec.function}() returned a {shown(value.type, 30)}"
        return Failure(f"{what}, which has no order: return a tuple.", NearMiss("returns-set"))
    if isinstance(value, Sequence) and len(value.items) == count and not value.cut:
        return dict(zip(spec.wrt, value.items, strict=True))
    if isinstance(value, Mapped):
        found = {key: item for key, item in value.items if isinstance(key, str)}
        if all(name in found for name in spec.wrt):
            return {name: found[name] for name in spec.wrt}
    if isinstance(value, Tensor) and count == 1:
        return {spec.wrt[0]: value}
    wanted = "a tuple or a list" if count > 1 else "a tensor"
    if (failure := unmade(value, f"{spec.function}()", wanted)) is not None:
        return failure
    expected = f"the gradients of {', '.join(spec.wrt)} were expected"
    message = f"{spec.function}() returned {in_words(value)}; {expected}."
    return Failure(message, NearMiss("returns-none" if value is None else "wrong-count"))


def values(value: Value) -> Array | None:
    """A gradient's values, in the shape in which it came back; None where it is no tensor."""
    return read(value) if isinstance(value, Tensor) and value.library == "torch" else None
