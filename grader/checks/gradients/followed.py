"""Which wrong gradients are right for the student's own forward pass: asking for the sweeps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from grader.checks.arrays import family
from grader.checks.calling.calls import Inputs, called
from grader.checks.calling.inputs import draw_all
from grader.checks.calling.nearmiss import agree
from grader.checks.gradients.follow import Sweep
from grader.checks.gradients.gradspec import GradientSpec, Seen, by_name, values
from grader.checks.looks import Asking, ask, ask_student
from grader.checks.numbers.compare import Expected, dtype_differs
from grader.checks.numbers.differences import Differences, Finding
from grader.checks.verdicts import Failure
from grader.domain.evidence import Raised, Tensor, Value

_FURTHER_DRAWS = 8  # where every case lies flat, so that nothing can be told by following it


def followed_gradients(
    spec: GradientSpec, rng: np.random.Generator, seen: list[Seen], wrong: list[str]
) -> Asking[list[str]]:
    """Those of `wrong` that are right, in every case, for the student's own forward pass.

    A case may lie flat, as where every relu of the last layer is dead: then another is drawn.
    """
    follow = spec.follow
    steady = [name for name in wrong if all(_same_twice(one, name) for one in seen)]
    if follow is None or not steady:
        return []
    sweeps = [Sweep.planned(follow, one.inputs, steady, rng) for one in seen]
    replies = yield from ask(student=tuple(sweep.probe(spec.limit_s) for sweep in sweeps))
    findings: dict[str, list[Finding]] = {name: [] for name in steady}
    depends = False
    for one, sweep, answer in zip(seen, sweeps, replies.student, strict=True):
        differences = sweep.differences(answer)
        if differences is None:
            return []
        depends |= differences.depends_on_argument
        _note(spec, findings, differences, one.inputs, one.first)
    for _ in range(_FURTHER_DRAWS):
        hopeful = [name for name in steady if Finding.DIFFERS not in findings[name]]
        if not hopeful or (depends and all(Finding.AGREES in findings[n] for n in hopeful)):
            break
        inputs = draw_all(spec.inputs, spec.cases[0], rng)
        sweep = Sweep.planned(follow, inputs, steady, rng)
        gradients = yield from _called(spec, inputs)
        differences = sweep.differences((yield from ask_student(sweep.probe(spec.limit_s))))
        if gradients is None or differences is None:
            return []
        depends |= differences.depends_on_argument
        _note(spec, findings, differences, inputs, gradients)
    return [
        name
        for name in steady
        if depends and Finding.AGREES in findings[name] and Finding.DIFFERS not in findings[name]
    ]


def _same_twice(seen: Seen, name: str) -> bool:
    first, second = values(seen.first[name]), values(seen.second[name])
    return first is not None and second is not None and agree(first, second)


def _called(spec: GradientSpec, inputs: Inputs) -> Asking[dict[str, Value] | None]:
    """The gradients that a call with these inputs returns."""
    found = yield from called(spec.function, [(inputs, spec.args)], spec.limit_s)
    if isinstance(found, Failure) or isinstance(found[0].values[0], Raised):
        return None
    gradients = by_name(spec, found[0].values[0])
    return None if isinstance(gradients, Failure) else gradients


def _note(
    spec: GradientSpec,
    findings: dict[str, list[Finding]],
    differences: Differences,
    inputs: Inputs,
    gradients: Mapping[str, Value],
) -> None:
    for name, found in findings.items():
        value = gradients[name]
        gradient = values(value)
        misshapen = gradient is None or (
            spec.shape == "exact" and gradient.shape != inputs[name].shape
        )
        if gradient is None or misshapen or not isinstance(value, Tensor):
            found.append(Finding.DIFFERS)
            continue
        want = Expected(array=inputs[name], dtype=str(inputs[name].dtype), relative=spec.tolerance)
        # The derivative of an integer has no dtype of its own.
        if family(want.dtype) == "float" and dtype_differs(value.dtype, want, name) is not None:
            found.append(Finding.DIFFERS)
            continue
        relative = want.tolerance(value.dtype)
        found.append(differences.finding(name, gradient, inputs[name].shape, relative))
