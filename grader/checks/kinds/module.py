"""`module`: a model class is the reference's network, however it is written.

Parameters are matched by structure, known values are copied in, and results are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from grader.checks.arrays import Array, read
from grader.checks.base import Context
from grader.checks.calling.activations import with_other_activations
from grader.checks.calling.calls import reference_tensor, widened
from grader.checks.calling.inputs import Draw, check_sizes, check_tolerance, draw
from grader.checks.calling.nearmiss import Case, explains, named, placed
from grader.checks.calling.unmade import unmade
from grader.checks.exhibits import of_mismatch
from grader.checks.looks import (
    Asking,
    ReferenceFault,
    ask_reference,
    ask_student,
    at_each_look,
    sound,
    wherever_defined,
)
from grader.checks.models.modules import (
    Module,
    Output,
    fits,
    in_words,
    module_of,
    module_probe,
    named_structure,
    reference_module,
)
from grader.checks.numbers.compare import Expected, Mismatch, compare, relative_error
from grader.checks.reading import array, shown
from grader.checks.verdicts import Failure, NearMiss, failed, graded, passed, raised
from grader.domain.evidence import Raised, Sequence, Tensor
from grader.domain.questions import Judging, Look, Probe, Verdict
from grader.domain.rubric import CheckSpec, Place

Part = Literal["parameters", "forward", "gradients"]


@dataclass(frozen=True, kw_only=True)
class ModuleSpec(CheckSpec):
    """The class `name`, made with `args`, is the reference's class of that name.

    Each of `inputs`, for each of `cases`, is passed to a model alone; so is its first row, as a
    batch of one. `parts` splits the points: parameters match in number and shape, results are
    the reference's for known parameters, and gradients reach every parameter.
    """

    kind: Literal["module"] = "module"
    name: str
    args: tuple[int | float | bool | None, ...] = ()
    inputs: tuple[Draw, ...]
    cases: tuple[Mapping[str, int], ...] = ({},)
    parts: Mapping[Part, float] = field(
        default_factory=lambda: {"parameters": 1.0, "forward": 2.0, "gradients": 1.0}
    )
    tolerance: float | None = None  # relative; None: by dtype

    def __post_init__(self) -> None:
        check_tolerance(self.tolerance)
        check_sizes(self.inputs, self.cases)
        if not self.inputs or not self.cases:
            raise ValueError("a module needs an input and a case")
        if any(share < 0 for share in self.parts.values()) or not sum(self.parts.values()) > 0:
            raise ValueError("the parts must be shares that add up to more than 0")


def places(spec: ModuleSpec) -> tuple[Place, ...]:
    """Where to look by default: every state in which the class may be as it was meant."""
    return wherever_defined(spec.name)


@dataclass(frozen=True)
class _Input:
    """What is passed to the models, and whether it is a batch of one cut from another."""

    array: Array
    first_row: bool = False


def judge(spec: ModuleSpec, context: Context) -> Judging:
    """Give both models the same drawn parameters, and compare what they make of the inputs."""
    inputs = list(_inputs(spec, context.rng))
    arrays = [one.array for one in inputs]
    seed = int(context.rng.integers(1 << 31))

    def probe(inputs: list[Array], parameters: list[tuple[str, Array]], seed: int = seed) -> Probe:
        return module_probe(
            spec.name,
            spec.limit_s,
            make=True,
            inputs=inputs,
            parameters=parameters,
            args=spec.args,
            seed=seed,
        )

    # Names and shapes alone, for which every attempt asks alike.
    bare = reference_module((yield from ask_reference(probe([], [], seed=0))), 0)
    drawn = [(one.name, _drawn(one.shape, context.rng)) for one in bare.parameters]
    answer = yield from ask_reference(probe(arrays, drawn))
    reference = reference_module(answer, len(arrays))
    expected = [_expected(spec, outcome) for outcome in _only_matching(reference)]

    def at_look(look: Look) -> Asking[Verdict]:
        answer = yield from ask_student(probe(arrays, drawn))
        found = module_of(answer, context, spec.name, spec.limit_s, len(arrays))
        if isinstance(found, Module) and found.wide and isinstance(found.own[0], Raised):
            # Who has gone over to float64 can't pass float32 through the model.
            answer = yield from ask_student(probe([widened(one) for one in arrays], drawn))
            found = module_of(answer, context, spec.name, spec.limit_s, len(arrays))
        if isinstance(found, Failure):
            return failed(spec, found)
        forward = _forward(spec, context, found, inputs, expected)
        if forward is not None and forward.near_miss is None:
            asked = probe(arrays, drawn)
            near_miss = yield from _other_activations(asked, found, inputs, expected)
            forward = replace(forward, near_miss=near_miss)
        return _judged(spec, found, reference, forward, expected)

    return (yield from at_each_look(spec, context, at_look))


def _drawn(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Values of a parameter: large enough to show, small enough to leave sigmoids unsaturated."""
    return (0.7 * rng.standard_normal(shape)).astype(np.float32)


def _inputs(spec: ModuleSpec, rng: np.random.Generator) -> list[_Input]:
    found = []
    for sizes in spec.cases:
        for one in spec.inputs:
            drawn = draw(one, sizes, rng)
            found.append(_Input(drawn))
            if drawn.ndim > 1 and len(drawn) > 1:
                found.append(_Input(drawn[:1], first_row=True))
    return found


def _only_matching(reference: Module) -> tuple[Output, ...]:
    """The reference's results with its parameters in order: the first matching is that."""
    if not reference.outputs:
        raise ReferenceFault("its model does not take its own parameters")
    return reference.outputs[0]


def _expected(spec: ModuleSpec, outcome: Output) -> Expected:
    tensor = reference_tensor(sound(outcome))
    return Expected(array=array(tensor), dtype=tensor.dtype, relative=spec.tolerance)


def _judged(
    spec: ModuleSpec,
    found: Module,
    reference: Module,
    forward: Failure | None,
    expected: list[Expected],
) -> Verdict:
    failures: dict[Part, Failure | None] = {
        "parameters": _parameters(spec, found, reference),
        "forward": forward,
        "gradients": _gradients(spec, found),
    }
    total = sum(spec.parts.values())
    earned = sum(share for part, share in spec.parts.items() if failures[part] is None)
    wrong = [one for part in spec.parts if (one := failures[part]) is not None]
    detail = {
        "parts": {part: failures[part] is None for part in spec.parts},
        "parameters": [[shown(one.name, 60), list(one.shape[:8])] for one in found.parameters[:40]],
        "modules": [shown(name, 60) for name in found.modules[:40]],
        "relative_errors": _errors(found, expected),
    }
    if not wrong:
        return passed(f"{spec.name} is the network that the assignment asks for.", detail)
    near_miss = next((one.near_miss for one in wrong if one.near_miss), None)
    messages = list(dict.fromkeys(one.message for one in wrong if one.message))
    exhibits = forward.exhibits if forward else ()
    failure = Failure(" ".join(messages), near_miss, detail, exhibits)
    return graded(spec, earned / total, failure)


def _parameters(spec: ModuleSpec, found: Module, reference: Module) -> Failure | None:
    if fits(found.shapes, reference.shapes):
        return None
    message = (
        f"The parameters of {spec.name} have the shapes {in_words(found.shapes)}; "
        f"{in_words(reference.shapes)} were expected."
    )
    return Failure(message, named_structure(found.shapes, reference.shapes))


def _forward(
    spec: ModuleSpec,
    context: Context,
    found: Module,
    inputs: list[_Input],
    expected: list[Expected],
) -> Failure | None:
    """Right where some matching of the parameters gives the reference's results."""
    if (unusable := _unusable(spec, context, found.own[0])) is not None:
        return unusable
    if not found.outputs:
        return Failure("Its results can't be compared, because the parameters don't match.")
    wrong = [_mismatches(spec, context, outcomes, expected) for outcomes in found.outputs]
    fewest = min(wrong, key=len)
    if not fewest:
        return None
    failure, mismatch = next(iter(fewest.values()))
    failure = replace(failure, exhibits=of_mismatch(f"{spec.name}()", mismatch, fresh=True))
    if all(inputs[at].first_row for at in fewest):
        message = f"With a batch of one row: {failure.message}"
        return replace(failure, message=message, near_miss=NearMiss("batch-of-one"))
    near_misses = (named(cases) for cases in _matched(found, inputs, expected))
    return replace(failure, near_miss=next(filter(None, near_misses), failure.near_miss))


def _other_activations(
    probe: Probe, found: Module, inputs: list[_Input], expected: list[Expected]
) -> Asking[NearMiss | None]:
    """The name of a mistake in the activations that gives just these results."""
    matched = list(_matched(found, inputs, expected))
    if not matched:
        return None
    answers = yield from with_other_activations(
        probe, lambda one: _only_matching(reference_module(one, len(inputs)))
    )
    explained = (
        placed(one.near_miss, cases)
        for one in answers
        for cases in matched
        if explains(cases, one.results)
    )
    return next(explained, None)


def _unusable(spec: ModuleSpec, context: Context, outcome: Output) -> Failure | None:
    """Why a model's result is no tensor."""
    if isinstance(outcome, Raised):
        failure = raised(context, outcome, f"{spec.name}'s forward")
        if outcome.type == "NotImplementedError":
            return Failure(failure.message, NearMiss("no-forward"))
        return failure
    if isinstance(outcome, Tensor):
        return None
    if outcome is None:
        return Failure(f"{spec.name}'s forward returns None.", NearMiss("returns-none"))
    if (lazy := unmade(outcome, f"{spec.name}'s forward", "a tensor")) is not None:
        return lazy
    cause = "returns-several" if isinstance(outcome, Sequence) else "not-a-tensor"
    return Failure(f"{spec.name}'s forward does not return a tensor.", NearMiss(cause))


def _mismatches(
    spec: ModuleSpec, context: Context, outcomes: tuple[Output, ...], expected: list[Expected]
) -> dict[int, tuple[Failure, Mismatch | None]]:
    """What is wrong for one matching, by the number of the input."""
    wrong = {}
    for at, (outcome, want) in enumerate(zip(outcomes, expected, strict=True)):
        failure, mismatch = _unusable(spec, context, outcome), None
        if failure is None and not isinstance(outcome, Raised):
            subject = f"With known parameters, the result of {spec.name}"
            mismatch = compare(outcome, want, subject)
            failure = Failure(mismatch.message) if mismatch else None
        if failure is not None:
            wrong[at] = failure, mismatch
    return wrong


def _matched(found: Module, inputs: list[_Input], expected: list[Expected]) -> Iterator[list[Case]]:
    """What came out for all inputs, for each matching in which something did."""
    for outcomes in found.outputs:
        cases = [
            Case(one.array, got, want.array)
            for outcome, one, want in zip(outcomes, inputs, expected, strict=True)
            if isinstance(outcome, Tensor) and (got := read(outcome)) is not None
        ]
        if len(cases) == len(inputs):
            yield cases


def _errors(found: Module, expected: list[Expected]) -> list[float | None]:
    """The relative error for each input, for the matching that the model does best with."""
    best: list[float | None] = []
    for outcomes in found.outputs[:24]:
        errors = []
        for outcome, want in zip(outcomes, expected, strict=True):
            got = read(outcome) if isinstance(outcome, Tensor) else None
            errors.append(None if got is None else relative_error(got, want.array))
        if not best or _worst(errors) < _worst(best):
            best = errors
    return best


def _worst(errors: list[float | None]) -> float:
    return max((np.inf if error is None else error for error in errors), default=np.inf)


def _gradients(spec: ModuleSpec, found: Module) -> Failure | None:
    """Gradients of the result reach every parameter."""
    if not found.parameters:
        return Failure("")
    if not isinstance(found.own[0], Tensor):
        return Failure("Without a result, no gradient reaches a parameter.")
    lacking = [name for name in found.without_gradient if name]
    if not lacking:
        return None
    if len(lacking) >= len(found.parameters):
        message = f"No gradient gets from the result of {spec.name} to its parameters."
        return Failure(message, NearMiss("detached"))
    names = ", ".join(shown(name, 60) for name in lacking[:6])
    return Failure(f"No gradient reaches {names}.", NearMiss("unused-parameters"))
