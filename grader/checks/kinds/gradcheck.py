"""`gradcheck`: what autograd finds through the student's own code is the code's derivative.

The derivative is taken by central differences of the same code, in float64, away from kinks. A
graph that was cut, a backward pass that is wrong and a change in place all show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from grader.checks.arrays import Array
from grader.checks.base import Context
from grader.checks.calling.calls import Argument, drawn_cases
from grader.checks.calling.inputs import Draw, check_names, check_sizes, check_tolerance, draw_all
from grader.checks.calling.unmade import unmade
from grader.checks.exhibits import cause_words, gradient_panel, gradient_part
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
    tells,
)
from grader.checks.gradients.gradcauses import GradientCase, named_gradients
from grader.checks.looks import Asking, ask_student, at_each_look, wherever_defined
from grader.checks.numbers.differences import COARSE, FINE, Differences, Finding, Fineness, Shifts
from grader.checks.reading import in_words
from grader.checks.verdicts import Failure, NearMiss, failed, graded, passed, raised
from grader.domain.evidence import Raised
from grader.domain.exhibits import Exhibit, Found
from grader.domain.questions import Judging, Look, Verdict
from grader.domain.rubric import CheckSpec, Place

_ROUGHLY = 5e-2  # how near coarse differences come
_SAME = {FINE: 1e-6, COARSE: 1e-3}  # the result with and without autograd


@dataclass(frozen=True, kw_only=True)
class GradcheckSpec(CheckSpec):
    """Autograd's gradients of `function(*args)`, or of `module(*make)(*args)`, are right for it.

    For the inputs `wrt`, and for a module's parameters as well. Each has an equal share.
    """

    kind: Literal["gradcheck"] = "gradcheck"
    function: str | None = None
    module: str | None = None
    make: tuple[int | float | bool | None, ...] = ()
    args: tuple[Argument, ...]
    inputs: Mapping[str, Draw]
    cases: tuple[Mapping[str, int], ...] = ({},)
    wrt: tuple[str, ...] = ()
    tolerance: float = 1e-4  # relative

    def __post_init__(self) -> None:
        if bool(self.function) is bool(self.module):
            raise ValueError("gradcheck needs exactly one of function and module")
        if self.make and not self.module:
            raise ValueError("make is what a module is made with: it needs a module")
        check_tolerance(self.tolerance)
        check_sizes(self.inputs.values(), self.cases)
        check_names(self.inputs, self.args, "args")
        check_differentiable(self.inputs, self.wrt)
        if not self.wrt and not self.module:
            raise ValueError("wrt names no input")


def places(spec: GradcheckSpec) -> tuple[Place, ...]:
    """Where to look by default: every state in which it may be as it was meant."""
    return wherever_defined(spec.function or spec.module or "")


@dataclass(frozen=True)
class _Seen:
    """One point: what was found, and what the differences say."""

    point: Point
    found: Derivative
    differences: Differences

    def shape(self, name: str) -> tuple[int, ...]:
        """That of an input or a parameter."""
        return self.found.shapes[name] if name in self.found.shapes else self._input(name).shape

    def gradient(self, name: str) -> Array:
        """By autograd; zeros where it finds no way."""
        found = self.found.gradients.get(name)
        return np.zeros(self.shape(name)) if found is None else found

    def _input(self, name: str) -> Array:
        return self.point.inputs[name]


def judge(spec: GradcheckSpec, context: Context) -> Judging:
    """Differentiate at every drawn point; where nothing can be told, at further ones."""
    rng = context.rng
    target = Target(
        kind="instance" if spec.module else "function",
        name=spec.module or spec.function or "",
        args=spec.args,
        make=spec.make,
        seed=int(rng.integers(1 << 31)),
    )
    points = [Point.drawn(one, rng) for one in drawn_cases(spec.inputs, spec.cases, rng)]

    def at_look(look: Look) -> Asking[Verdict]:
        fineness = FINE
        seen = yield from _seen(spec, context, target, points, fineness)
        if isinstance(seen, Failure) or any(_rough(one) for one in seen):
            # It does not work in float64, or has float32 somewhere inside.
            fineness = COARSE
            again = yield from _seen(spec, context, target, points, fineness)
            if isinstance(seen, Failure) or not isinstance(again, Failure):
                seen = again
        if isinstance(seen, Failure):
            return failed(spec, seen)
        for _ in range(FURTHER_DRAWS):
            if not any(_open(spec, seen, name) for name in _names(spec, seen)):
                break
            further = [Point.drawn(draw_all(spec.inputs, spec.cases[0], rng), rng)]
            more = yield from _seen(spec, context, target, further, fineness)
            if isinstance(more, Failure):
                return failed(spec, more)
            seen += more
        return _judged(spec, target, seen)

    return (yield from at_each_look(spec, context, at_look))


def _names(spec: GradcheckSpec, seen: list[_Seen]) -> list[str]:
    return [*spec.wrt, *seen[0].found.shapes]


def _seen(
    spec: GradcheckSpec,
    context: Context,
    target: Target,
    points: list[Point],
    fineness: Fineness,
) -> Asking[list[_Seen] | Failure]:
    """What the submission says at these points, or why that is wrong as a whole."""
    wide = fineness is FINE

    def asked(cases: list[tuple[Point, Shifts]]) -> Asking[list[Derivative] | Failure]:
        probe = derivative_probe(target, cases, spec.wrt, spec.limit_s, wide=wide)
        answer = yield from ask_student(probe)
        return derivatives(answer, target, context, len(cases), spec.limit_s)

    shapes: Mapping[str, tuple[int, ...]] = {}
    if target.kind == "instance":
        first = yield from asked([(points[0], Shifts())])
        if isinstance(first, Failure):
            return first
        shapes = first[0].shapes
    cases = [(one, planned(one, spec.wrt, shapes, context.rng, fineness)) for one in points]
    found = yield from asked(cases)
    if isinstance(found, Failure):
        return found
    seen = []
    for (point, shifts), one in zip(cases, found, strict=True):
        failure = _failure(context, target, one, _SAME[fineness])
        differences = one.differences(shifts)
        if failure is not None or differences is None or one.shapes != shapes:
            words = f"{target.call} gave nothing that can be differentiated."
            return failure or Failure(words, NearMiss("not-differentiable"))
        seen.append(_Seen(point, one, differences))
    return seen


def _failure(
    context: Context, target: Target, found: Derivative, tolerance: float
) -> Failure | None:
    """Why one call is wrong as a whole."""
    for error, what in (
        (found.value, target.call),
        (found.failed, f"Backpropagation through {target.call}"),
        (found.unswept, f"{target.call}, called again,"),
    ):
        if isinstance(error, Raised):
            failure = raised(context, error, what)
            return Failure(failure.message, NearMiss("in-place")) if in_place(error) else failure
    if (lazy := unmade(found.value, target.call, "a tensor")) is not None:
        return lazy
    if found.total is None or found.base is None:
        words = f"{target.call} returned {in_words(found.value)}; a tensor was expected."  # type: ignore[arg-type]
        return Failure(words, NearMiss("returns-none" if found.value is None else "not-a-tensor"))
    if not np.isfinite(found.total):
        return Failure(f"The result of {target.call} is not finite.", NearMiss("not-finite"))
    if abs(found.total - found.base) > tolerance * (1 + abs(found.base)):
        words = f"{target.call} gives another result when its inputs require gradients."
        return Failure(words, NearMiss("other-under-autograd"))
    return None


def _rough(seen: _Seen) -> bool:
    """Whether the differences are those of numbers with float32 inside."""
    return any(seen.differences.is_rough(name) for name in seen.differences.tables)


def _finding(spec: GradcheckSpec, seen: _Seen, name: str) -> Finding:
    return seen.differences.finding(
        name, seen.gradient(name), seen.shape(name), _tolerance(spec, seen)
    )


def _tolerance(spec: GradcheckSpec, seen: _Seen) -> float:
    fine = seen.differences.fineness is FINE
    return spec.tolerance if fine else max(spec.tolerance, _ROUGHLY)


def _open(spec: GradcheckSpec, seen: list[_Seen], name: str) -> bool:
    return all(_finding(spec, one, name) is Finding.OPEN for one in seen)


# -- the verdict ------------------------------------------------------------------------------


def _judged(spec: GradcheckSpec, target: Target, seen: list[_Seen]) -> Verdict:
    names = _names(spec, seen)
    findings = {name: [_finding(spec, one, name) for one in seen] for name in names}
    right = [
        name
        for name in names
        if Finding.AGREES in findings[name] and Finding.DIFFERS not in findings[name]
    ]
    wrong = [name for name in names if name not in right]
    detail = {"gradients": {name: name in right for name in names}, "points": len(seen)}
    if not wrong:
        words = f"Autograd finds the right gradient of {target.call} for {', '.join(names)}."
        return passed(words, detail, _panel(spec, seen, {}))
    words = f"{', '.join(right)}: right. " if right else ""
    telling = [(name, _told(target, seen, findings[name], name)) for name in wrong]
    words += " ".join(failure.message for _, failure in telling[:3])
    near_miss = telling[0][1].near_miss or _named(seen, wrong) or NearMiss("wrong-backward")
    causes = {name: cause_words(one.near_miss or near_miss) for name, one in telling}
    exhibits = _panel(spec, seen, causes)
    return graded(spec, len(right) / len(names), Failure(words, near_miss, detail, exhibits))


def _panel(
    spec: GradcheckSpec, seen: list[_Seen], causes: Mapping[str, str | None]
) -> tuple[Exhibit, ...]:
    """All gradients beside their tolerances; `causes` says what is wrong with those that are."""
    parts = []
    for name in _names(spec, seen):
        errors = [
            one.differences.error(name, one.found.gradients.get(name), one.shape(name))
            for one in seen
        ]
        known = [error for error in errors if error is not None]
        outcome: Found = "wrong" if name in causes else "right"
        error, tolerance = max(known, default=None), _tolerance(spec, seen[0])
        parts.append(gradient_part(name, error, tolerance, outcome, causes.get(name)))
    return gradient_panel(parts)


def _told(target: Target, seen: list[_Seen], findings: list[Finding], name: str) -> Failure:
    """What is wrong with one gradient."""
    if Finding.DIFFERS not in findings:
        if all(one.differences.is_flat(name) for one in seen):
            words = f"The result of {target.call} does not depend on {name}."
            return Failure(words, NearMiss("independent"))
        words = f"The result of {target.call} changes in jumps when {name} changes a little."
        return Failure(words, NearMiss("not-smooth"))
    first = seen[findings.index(Finding.DIFFERS)]
    if first.found.gradients.get(name) is None:
        words = f"Autograd finds no way from the result of {target.call} back to {name}."
        return Failure(words, NearMiss("detached"))
    gradient = first.gradient(name)
    if gradient.shape != first.shape(name):
        return Failure(f"The gradient of {name} has shape {gradient.shape}.", NearMiss("shape"))
    return Failure(difference_text(name, gradient, first.differences))


def _named(seen: list[_Seen], wrong: list[str]) -> NearMiss | None:
    cases = []
    for one in seen:
        got, want = {}, {}
        if any(one.gradient(name).shape != one.shape(name) for name in wrong):
            return None
        for name in wrong:
            chosen, slopes = one.differences.smooth(name)
            got[name], want[name] = one.gradient(name).ravel()[chosen], slopes
        if not tells(want):
            continue
        given = next(iter(one.point.inputs.values()))
        cases.append(GradientCase(got=got, again={}, want=want, batch=len(np.atleast_1d(given))))
    return named_gradients(cases, wrong)
