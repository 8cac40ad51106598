"""`autograd_function`: a torch.autograd.Function computes the reference's function, both ways.

Its backward pass is held against central differences of the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from grader.checks.arrays import Array
from grader.checks.base import Context
from grader.checks.calling.calls import Argument, drawn_cases, reference_evidence, reference_tensor
from grader.checks.calling.inputs import (
    Draw,
    check_names,
    check_sizes,
    check_tolerance,
    draw_all,
    is_fresh,
)
from grader.checks.exhibits import cause_words, gradient_panel, gradient_part, of_mismatch
from grader.checks.gradients.derivatives import (
    FURTHER_DRAWS,
    Derivative,
    Point,
    Target,
    check_differentiable,
    derivative_probe,
    derivatives,
    difference_text,
    in_place,
    planned,
    read_derivative,
    tells,
)
from grader.checks.gradients.gradcauses import GradientCase, named_gradients
from grader.checks.looks import (
    Asking,
    ReferenceFault,
    ask_reference,
    ask_student,
    at_each_look,
    sound,
    wherever_defined,
)
from grader.checks.numbers.compare import Expected, compare
from grader.checks.numbers.differences import FINE, Differences, Finding, Shifts
from grader.checks.reading import BadEvidence, array, listing
from grader.checks.verdicts import Failure, NearMiss, failed, graded, passed, raised
from grader.domain.evidence import Raised
from grader.domain.exhibits import Exhibit, Found
from grader.domain.questions import Judging, Look, Verdict
from grader.domain.rubric import CheckSpec, Place

Part = Literal["forward", "backward"]
_TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class AutogradFunctionSpec(CheckSpec):
    """`name.apply(*args)` is the reference's `reference(*args)`; its backward is the derivative.

    A gradient arrives from above that is drawn, too. `parts` splits the points; the backward
    pass's are shared by the inputs `wrt`, by default all floating ones among `args`.
    """

    kind: Literal["autograd_function"] = "autograd_function"
    name: str
    reference: str
    args: tuple[Argument, ...]
    inputs: Mapping[str, Draw]
    cases: tuple[Mapping[str, int], ...] = ({},)
    wrt: tuple[str, ...] = ()
    parts: Mapping[Part, float] = field(default_factory=lambda: {"forward": 1.0, "backward": 2.0})
    tolerance: float | None = None  # relative; None: 1e-4

    def __post_init__(self) -> None:
        check_tolerance(self.tolerance)
        check_sizes(self.inputs.values(), self.cases)
        check_names(self.inputs, self.args, "args")
        check_differentiable(self.inputs, self.wrt)
        if not self.differentiated:
            raise ValueError("no floating input is among args: there is no gradient to look at")
        if any(share < 0 for share in self.parts.values()) or not sum(self.parts.values()) > 0:
            raise ValueError("the parts must be shares that add up to more than 0")

    @property
    def differentiated(self) -> tuple[str, ...]:
        """The inputs whose gradients are looked at."""
        names = [one for one in self.args if isinstance(one, str)]
        return self.wrt or tuple(
            name
            for name in dict.fromkeys(names)
            if (self.inputs[name].dtype or "float32").startswith("float")
            and self.inputs[name].integers is None
        )


def places(spec: AutogradFunctionSpec) -> tuple[Place, ...]:
    """Where to look by default: every state in which the class may be as it was meant."""
    return wherever_defined(spec.name)


@dataclass(frozen=True)
class _Wanted:
    """What the reference says at one point."""

    point: Point
    value: Array
    differences: Differences


def judge(spec: AutogradFunctionSpec, context: Context) -> Judging:
    """Sweep the reference where it can be differentiated; then ask for value and gradients."""
    wanted: list[_Wanted] = []
    for inputs in drawn_cases(spec.inputs, spec.cases, context.rng):
        wanted.append((yield from _wanted(spec, context, Point.drawn(inputs, context.rng))))
    for _ in range(FURTHER_DRAWS):
        if _all_told(spec, wanted):
            break
        inputs = draw_all(spec.inputs, spec.cases[0], context.rng)
        wanted.append((yield from _wanted(spec, context, Point.drawn(inputs, context.rng))))
    if not _all_told(spec, wanted):
        raise ReferenceFault("nothing can be told of its gradients: they are flat, or have kinks")

    def at_look(look: Look) -> Asking[Verdict]:
        found = yield from _found(spec, context, wanted)
        if isinstance(found, Failure):
            return failed(spec, found)
        return _judged(spec, context, wanted, found)

    return (yield from at_each_look(spec, context, at_look))


def _wanted(spec: AutogradFunctionSpec, context: Context, point: Point) -> Asking[_Wanted]:
    target = Target(kind="function", name=spec.reference, args=spec.args)
    shifts = planned(point, spec.differentiated, {}, context.rng, FINE)
    probe = derivative_probe(target, [(point, shifts)], (), spec.limit_s)
    evidence = reference_evidence((yield from ask_reference(probe)))
    try:
        found = read_derivative(listing(evidence, "cases", 1)[0])
        differences = found.differences(shifts)
        value = array(reference_tensor(sound(found.value)))
    except BadEvidence as error:
        raise ReferenceFault(str(error)) from None
    if differences is None:
        raise ReferenceFault("it can't be swept")
    return _Wanted(point, value, differences)


def _all_told(spec: AutogradFunctionSpec, wanted: list[_Wanted]) -> bool:
    """Whether every gradient has a point at which it is neither flat nor at kinks."""

    def tells(one: _Wanted, name: str) -> bool:
        chosen, _ = one.differences.smooth(name)
        enough = 2 * len(chosen) >= len(one.differences.tables[name][0])
        return enough and not one.differences.is_flat(name)

    return all(any(tells(one, name) for one in wanted) for name in spec.differentiated)


def _found(
    spec: AutogradFunctionSpec, context: Context, wanted: list[_Wanted]
) -> Asking[list[Derivative] | Failure]:
    """The submission's values and gradients; in float32 where it does not work in float64."""
    target = Target(kind="apply", name=spec.name, args=spec.args)
    cases = [(one.point, Shifts()) for one in wanted]
    found: list[Derivative] | Failure = []
    for wide in (True, False):
        probe = derivative_probe(target, cases, spec.differentiated, spec.limit_s, wide=wide)
        answer = yield from ask_student(probe)
        found = derivatives(answer, target, context, len(cases), spec.limit_s)
        if isinstance(found, Failure) or not any(
            isinstance(one.value, Raised) or one.failed is not None for one in found
        ):
            break
    return found


# -- the verdict ------------------------------------------------------------------------------


def _judged(
    spec: AutogradFunctionSpec, context: Context, wanted: list[_Wanted], found: list[Derivative]
) -> Verdict:
    forward = next(
        (
            failure
            for want, one in zip(wanted, found, strict=True)
            if (failure := _forward(spec, context, want, one)) is not None
        ),
        None,
    )
    backward = _backward(spec, context, wanted, found)
    right = len(spec.differentiated) - len(backward)
    shares = {
        "forward": 0.0 if forward else 1.0,
        "backward": right / len(spec.differentiated),
    }
    detail: dict[str, object] = {
        "parts": shares,
        "gradients": {name: name not in backward for name in spec.differentiated},
        "points": len(wanted),
    }
    if forward is None and not backward:
        panel = _panel(spec, wanted, found, {})
        return passed(f"{spec.name} is right, forwards and backwards.", detail, panel)
    told = [*([forward] if forward else []), *backward.values()]
    failures = list({failure.message: failure for failure in told}.values())
    words = [] if forward else ["The forward pass is right."]
    words += [failure.message for failure in failures[:3]]
    words += ["The backward pass is right."] if not backward else []
    near_miss = next((one.near_miss for one in failures if one.near_miss), None)
    if near_miss is None and backward and forward is None:
        near_miss = _named(wanted, found, list(backward))
    total = sum(spec.parts.values())
    earned = sum(spec.parts.get(part, 0.0) * shares[part] for part in shares)  # type: ignore[call-overload]
    causes = {name: cause_words(one.near_miss or near_miss) for name, one in backward.items()}
    exhibits = (*(forward.exhibits if forward else ()), *_panel(spec, wanted, found, causes))
    if earned >= total:  # what is wrong carries no weight
        return passed(" ".join(words), detail, exhibits)
    return graded(spec, earned / total, Failure(" ".join(words), near_miss, detail, exhibits))


def _panel(
    spec: AutogradFunctionSpec,
    wanted: list[_Wanted],
    found: list[Derivative],
    causes: Mapping[str, str | None],
) -> tuple[Exhibit, ...]:
    """All gradients beside their tolerances; those in `causes` are wrong, and may have a name."""
    parts = []
    for name in spec.differentiated:
        errors = [
            want.differences.error(name, one.gradients.get(name), want.point.inputs[name].shape)
            for want, one in zip(wanted, found, strict=True)
        ]
        known = [error for error in errors if error is not None]
        outcome: Found = "wrong" if name in causes else "right"
        error = max(known, default=None)
        parts.append(gradient_part(name, error, _tolerance(spec), outcome, causes.get(name)))
    return gradient_panel(parts)


def _tolerance(spec: AutogradFunctionSpec) -> float:
    return _TOLERANCE if spec.tolerance is None else spec.tolerance


def _forward(
    spec: AutogradFunctionSpec, context: Context, want: _Wanted, found: Derivative
) -> Failure | None:
    if isinstance(found.value, Raised):
        return _raised(context, found.value, f"{spec.name}.apply()")
    expected = Expected(
        array=want.value, dtype="float32", relative=spec.tolerance
    )  # the student's may be in either precision
    mismatch = compare(found.value, expected, f"The result of {spec.name}.apply()")
    if mismatch is None:
        return None
    fresh = is_fresh(spec.inputs.values())
    exhibits = of_mismatch(f"{spec.name}.apply()", mismatch, fresh=fresh)
    return Failure(mismatch.message, exhibits=exhibits)


def _backward(
    spec: AutogradFunctionSpec,
    context: Context,
    wanted: list[_Wanted],
    found: list[Derivative],
) -> dict[str, Failure]:
    """By input what is wrong with its gradient; those that are right are left out."""
    failures: dict[str, Failure] = {}
    for want, one in zip(wanted, found, strict=True):
        for name in spec.differentiated:
            failure = _gradient(spec, context, want, one, name)
            if failure is not None:
                failures.setdefault(name, failure)
    return failures


def _gradient(
    spec: AutogradFunctionSpec, context: Context, want: _Wanted, found: Derivative, name: str
) -> Failure | None:
    what = f"The backward pass of {spec.name}"
    if isinstance(found.value, Raised):
        return Failure("Without a result there is no backward pass.")
    if found.failed is not None:
        return _raised(context, found.failed, what)
    if found.total is None:
        return Failure("Without a tensor as the result there is no backward pass.")
    shape = want.point.inputs[name].shape
    gradient = found.gradients.get(name)
    got = np.zeros(shape) if gradient is None else gradient
    if want.differences.finding(name, got, shape, _tolerance(spec)) is not Finding.DIFFERS:
        return None
    if gradient is None:
        return Failure(f"{what} gives no gradient for {name}.", NearMiss("no-gradient"))
    if got.shape != shape:
        words = f"The gradient of {name} has shape {got.shape}; {shape} was expected."
        return Failure(words, NearMiss("shape"))
    return Failure(difference_text(name, got, want.differences))


def _raised(context: Context, error: Raised, what: str) -> Failure:
    failure = raised(context, error, what)
    return Failure(failure.message, NearMiss("in-place")) if in_place(error) else failure


def _named(wanted: list[_Wanted], found: list[Derivative], wrong: list[str]) -> NearMiss | None:
    cases = []
    for want, one in zip(wanted, found, strict=True):
        got, right = {}, {}
        for name in wrong:
            gradient = one.gradients.get(name)
            if gradient is None or gradient.shape != want.point.inputs[name].shape:
                return None
            chosen, slopes = want.differences.smooth(name)
            got[name], right[name] = gradient.astype(np.float64).ravel()[chosen], slopes
        if not tells(right):
            continue
        rows = len(np.atleast_1d(next(iter(want.point.inputs.values()))))
        cases.append(GradientCase(got=got, again={}, want=right, batch=rows))
    return named_gradients(cases, wrong) or NearMiss("wrong-backward")
