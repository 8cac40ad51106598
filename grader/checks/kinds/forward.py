"""`forward`: a function's results are those of the reference, for inputs drawn fresh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from grader.checks.arrays import Array, family, read
from grader.checks.base import Context
from grader.checks.calling.activations import with_other_activations
from grader.checks.calling.calls import (
    Argument,
    Call,
    Inputs,
    Variant,
    call_probe,
    called,
    changed_inputs,
    drawn_cases,
    reference_results,
    reference_tensor,
    reference_values,
)
from grader.checks.calling.inputs import (
    Draw,
    check_names,
    check_sizes,
    check_tolerance,
    is_fresh,
)
from grader.checks.calling.nearmiss import Case, Explanation, explains, named
from grader.checks.calling.unmade import unmade
from grader.checks.exhibits import of_mismatch
from grader.checks.looks import (
    Asking,
    ReferenceFault,
    ask,
    ask_reference,
    at_each_look,
    wherever_defined,
)
from grader.checks.numbers.compare import Expected, compare, relative_error
from grader.checks.reading import array, shown
from grader.checks.verdicts import Failure, NearMiss, failed, graded, passed, raised
from grader.domain.evidence import Raised, Sequence, Tensor, Value
from grader.domain.questions import Judging, Look, Verdict
from grader.domain.rubric import CheckSpec, Place


@dataclass(frozen=True, kw_only=True)
class ForwardSpec(CheckSpec):
    """Call `function(*args)` once for each of `cases`, with all `inputs` bound as globals.

    A str in `args` is the name of an input. All cases must be right, unless `partial` gives each
    its share. `near_misses` names mistakes by functions of the reference, called alike.
    """

    kind: Literal["forward"] = "forward"
    function: str
    args: tuple[Argument, ...] = ()
    inputs: Mapping[str, Draw] = field(default_factory=dict)
    cases: tuple[Mapping[str, int], ...] = ({},)
    partial: bool = False
    dtype: str | None = None  # of the result; None: that of the reference's
    tolerance: float | None = None  # relative; None: by dtype
    may_change_inputs: bool = False
    near_misses: Mapping[str, Variant] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_tolerance(self.tolerance)
        if self.dtype is not None and family(self.dtype) is None:
            raise ValueError(f"there is no dtype {self.dtype}")
        check_sizes(self.inputs.values(), self.cases)
        check_names(self.inputs, self.args, "args")


def places(spec: ForwardSpec) -> tuple[Place, ...]:
    """Where to look by default: every state in which the function may be as it was meant."""
    return wherever_defined(spec.function)


def judge(spec: ForwardSpec, context: Context) -> Judging:
    """Ask both for every case; name the mistake where all cases agree on one."""
    drawn = drawn_cases(spec.inputs, spec.cases, context.rng)
    asked = [(inputs, spec.args) for inputs in drawn]
    answer = yield from ask_reference(call_probe(spec.function, asked, spec.limit_s))
    wanted = [reference_tensor(value) for value in reference_values(answer, len(drawn))]
    expected = [
        Expected(array=array(one), dtype=spec.dtype or one.dtype, relative=spec.tolerance)
        for one in wanted
    ]
    if not any(want.array.any() for want in expected):
        raise ReferenceFault("its results are all zeros, which tells right from wrong in nothing")

    def at_look(look: Look) -> Asking[Verdict]:
        found = yield from called(spec.function, asked, spec.limit_s)
        if isinstance(found, Failure):
            return failed(spec, found)
        seen = [
            _Seen(sizes, inputs, want, call)
            for sizes, inputs, want, call in zip(spec.cases, drawn, expected, found, strict=True)
        ]
        return (yield from _judged(spec, context, seen))

    return (yield from at_each_look(spec, context, at_look))


@dataclass(frozen=True)
class _Seen:
    """One case: what was asked, what should come back, and what did."""

    sizes: Mapping[str, int]
    inputs: Inputs
    want: Expected
    call: Call

    @property
    def values(self) -> Array | None:
        """What came back, where it is a tensor that can be read."""
        value = self.call.values[0]
        return read(value) if isinstance(value, Tensor) else None


def _judged(spec: ForwardSpec, context: Context, seen: list[_Seen]) -> Asking[Verdict]:
    failures = [_failure(spec, context, one) for one in seen]
    wrong = [at for at, failure in enumerate(failures) if failure is not None]
    detail = {"cases": [_detail(one) for one in seen]}
    if not wrong:
        return passed(f"{spec.function}() is right in {_cases(len(seen))}.", detail)
    first = failures[wrong[0]]
    assert first is not None
    near_miss = first.near_miss or (yield from _named(spec, seen))
    message = first.message
    if len(wrong) < len(seen):
        message += f" {len(seen) - len(wrong)} of {_cases(len(seen))} are right"
        given = ", ".join(f"{name} = {n}" for name, n in seen[wrong[0]].sizes.items())
        message += f"; this one has {given}." if given else "."
    fraction = 1 - len(wrong) / len(seen) if spec.partial else 0.0
    return graded(spec, fraction, Failure(message, near_miss, detail, first.exhibits))


def _cases(count: int) -> str:
    return "1 case" if count == 1 else f"{count} cases"


def _failure(spec: ForwardSpec, context: Context, seen: _Seen) -> Failure | None:
    """What is wrong with one case; the near-misses that need only this one are named here."""
    value = seen.call.values[0]
    if isinstance(value, Raised):
        return raised(context, value, f"{spec.function}()")
    if seen.call.inputs_changed and not spec.may_change_inputs:
        return changed_inputs(spec.function, seen.call)
    if (failure := unmade(value, f"{spec.function}()", "a tensor")) is not None:
        return failure
    mismatch = compare(value, seen.want, f"The result of {spec.function}()")
    if mismatch is None:
        return None
    exhibits = of_mismatch(f"{spec.function}()", mismatch, fresh=is_fresh(spec.inputs.values()))
    return Failure(mismatch.message, _of_type(value, seen.want), exhibits=exhibits)


def _of_type(value: Value, want: Expected) -> NearMiss | None:
    """The name of a result that isn't even a tensor."""
    if value is None:
        return NearMiss("returns-none")
    if isinstance(value, Sequence):
        right = any(compare(item, want, "") is None for item in value.items)
        return NearMiss("returns-several", "One of its items is right." if right else "")
    if not isinstance(value, Tensor) or (value.library != "torch" and want.array.ndim):
        return NearMiss("not-a-tensor")
    return None


def _named(spec: ForwardSpec, seen: list[_Seen]) -> Asking[NearMiss | None]:
    cases = [
        Case(_argument(spec, one.inputs), one.values, one.want.array)
        for one in seen
        if one.values is not None
    ]
    if len(cases) < len(seen):
        return None
    asked: list[Explanation] = []
    if all(case.got.shape == case.want.shape for case in cases):
        what_ifs = list(_what_ifs(spec, seen))
        probes = (call_probe(one.function, one.cases, spec.limit_s) for one in what_ifs)
        replies = yield from ask(reference=tuple(probes))
        for one, answer in zip(what_ifs, replies.reference, strict=True):
            values = reference_values(answer, len(seen))
            results = [array(reference_tensor(value)) for value in values]
            asked.append(Explanation(one.near_miss, results))
    return named(cases, asked) or (yield from _other_activations(spec, seen, cases))


def _other_activations(
    spec: ForwardSpec, seen: list[_Seen], cases: list[Case]
) -> Asking[NearMiss | None]:
    """The name of a mistake in the activations that gives just these results."""
    probe = call_probe(spec.function, [(one.inputs, spec.args) for one in seen], spec.limit_s)
    found = yield from with_other_activations(probe, lambda one: reference_results(one, len(seen)))
    return next((one.near_miss for one in found if explains(cases, one.results)), None)


def _argument(spec: ForwardSpec, inputs: Inputs) -> Array:
    """The first argument that is an array."""
    return next((inputs[name] for name in spec.args if isinstance(name, str)), np.zeros(0))


@dataclass(frozen=True)
class _WhatIf:
    """A call of the reference that shows what a mistake would give."""

    near_miss: NearMiss
    function: str
    cases: list[tuple[Inputs, tuple[Argument, ...]]]


def _what_ifs(spec: ForwardSpec, seen: list[_Seen]) -> Iterator[_WhatIf]:
    """The rubric's own near-misses, other inputs in an argument's place, inputs left out."""
    drawn = [one.inputs for one in seen]
    for cause, variant in spec.near_misses.items():
        cases = [(inputs, spec.args) for inputs in drawn]
        yield _WhatIf(NearMiss(cause, hint=variant.hint), variant.function, cases)
    others = [name for name in spec.inputs if name not in spec.args]
    for name in (one for one in spec.args if isinstance(one, str)):
        for other in others:
            if all(inputs[name].shape == inputs[other].shape for inputs in drawn):
                swapped = tuple(other if one == name else one for one in spec.args)
                words = f"It is computed from the global {other} and not from the argument."
                near_miss = NearMiss("argument-ignored", words)
                yield _WhatIf(near_miss, spec.function, [(inputs, swapped) for inputs in drawn])
    biases = [name for name in others if sum(n > 1 for n in drawn[0][name].shape) <= 1]
    for left_out in [*([name] for name in others), *([biases] if len(biases) > 1 else [])]:
        cases = [(_without(inputs, left_out), spec.args) for inputs in drawn]
        near_miss = NearMiss("unused", f"It is what comes out without {' and '.join(left_out)}.")
        yield _WhatIf(near_miss, spec.function, cases)


def _without(inputs: Inputs, names: list[str]) -> Inputs:
    return {**inputs, **{name: np.zeros_like(inputs[name]) for name in names}}


def _detail(seen: _Seen) -> dict[str, object]:
    value, got = seen.call.values[0], seen.values
    detail: dict[str, object] = {"sizes": dict(seen.sizes)}
    if isinstance(value, Tensor) and got is not None:
        detail["dtype"] = shown(value.dtype, 20)
        detail["relative_error"] = relative_error(got, seen.want.array)
        detail["tolerance"] = seen.want.tolerance(value.dtype)
    return detail
