"""`training`: a model was trained until its loss fell below a threshold.

Trained weights are loaded into the reference's architecture, and the loss is computed here. Luck
is no part of the grade: where the run as written misses, the training cells run again under
further seeds, and the best counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from grader.checks.arrays import read
from grader.checks.base import Context
from grader.checks.looks import Asking, ask, ask_student, at_each_look
from grader.checks.models.goals import Goal, Threshold, check_thresholds
from grader.checks.models.modules import module_probe, reference_module
from grader.checks.models.rubricdata import Data
from grader.checks.models.trained import Measured, Measuring
from grader.checks.models.trials import Trials, check_trials, finite
from grader.checks.numbers.losses import Loss
from grader.checks.reading import mapping
from grader.checks.verdicts import Failure, NearMiss, cell_number, failed, graded, passed
from grader.domain.evidence import AnswerStatus, Tensor
from grader.domain.questions import Judging, Look, Probe, Verdict
from grader.domain.rubric import CheckSpec, Place


@dataclass(frozen=True, kw_only=True)
class TrainingSpec(CheckSpec):
    """The name `model` holds a trained model of the class `architecture`.

    Missing the best threshold, up to `seeds` re-runs follow, each at most `rerun_limit_s` of wall
    time; no further one begins once they have used `budget_s` of CPU time.
    """

    kind: Literal["training"] = "training"
    model: str
    data: Data
    architecture: str
    args: tuple[int | float | bool | None, ...] = ()  # of the class
    loss: Loss
    thresholds: tuple[Threshold, ...]
    seeds: int = 16
    rerun_limit_s: float = 60.0
    budget_s: float = 240.0

    def __post_init__(self) -> None:
        check_thresholds(self.thresholds, upwards=False)
        check_trials(self.seeds, self.look)


def places(spec: TrainingSpec) -> tuple[Place, ...]:
    """Where to look by default: after cells that trained, and at the end."""
    return (Place(trained=True), Place(end=True))


def judge(spec: TrainingSpec, context: Context) -> Judging:
    """Measure at each look; at the last, train again under further seeds where that is needed."""
    measuring = yield from _measuring(spec, context)
    trials = Trials(
        model=spec.model,
        goal=Goal(name=_name(spec), thresholds=spec.thresholds),
        measuring=measuring,
        context=context,
        seeds=spec.seeds,
        rerun_limit_s=spec.rerun_limit_s,
        budget_s=spec.budget_s,
    )

    def at_look(look: Look) -> Asking[Verdict]:
        answer = yield from ask_student(measuring.probe())
        measured = yield from measuring.measured(answer, spec.limit_s)
        if isinstance(measured, Failure):
            if not trials.runs:
                return failed(spec, measured)
        else:
            missed = trials.goal.fraction(measured.value) < 1
            other = missed and (yield from _other_data(spec, measuring))
            trials.add(look, replace(measured, other_data=other))
        untrained = yield from trials.settled(look, trained=True)
        if untrained is not None:
            exhibits = trials.exhibits(spec.points, is_loss=True) if trials.runs else ()
            return failed(spec, replace(untrained, detail=_detail(trials), exhibits=exhibits))
        return _verdict(spec, trials)

    return (yield from at_each_look(spec, context, at_look))


def _measuring(spec: TrainingSpec, context: Context) -> Asking[Measuring]:
    """The reference's data and architecture."""
    bare = module_probe(spec.architecture, spec.limit_s, make=True, args=spec.args)
    replies = yield from ask(reference=(spec.data.probe(spec.limit_s), bare))
    inputs, targets = spec.data.read(replies.reference[0])
    architecture = reference_module(replies.reference[1], 0)
    return Measuring(
        model=spec.model,
        architecture=spec.architecture,
        args=spec.args,
        loss=spec.loss,
        inputs=inputs,
        targets=targets,
        order=context.rng.permutation(len(inputs)),
        structure=[(one.name, one.shape) for one in architecture.parameters],
        trivial=max(one.limit for one in spec.thresholds),
        context=context,
        limit_s=spec.limit_s,
    )


def _other_data(spec: TrainingSpec, measuring: Measuring) -> Asking[bool]:
    """Whether the submission's data are not the reference's, as far as can be seen."""
    names = [spec.data.inputs, spec.data.targets]
    answer = yield from ask_student(Probe("values", {"names": names}, spec.limit_s))
    if answer.status is not AnswerStatus.ANSWERED:
        return False
    held = mapping(mapping(answer.evidence).get("values"))
    for name, want in zip(names, (measuring.inputs, measuring.targets), strict=True):
        value = held.get(name)
        got = read(value) if isinstance(value, Tensor) else None
        if got is not None and (got.shape != want.shape or not np.allclose(got, want, atol=1e-5)):
            return True
    return False


def _verdict(spec: TrainingSpec, trials: Trials[Measured]) -> Verdict:
    best, detail = trials.best, _detail(trials)
    exhibits = trials.exhibits(spec.points, is_loss=True)
    if best is None:
        message = f"The {_name(spec)} is not a number: the weights of {spec.model} are not finite."
        return failed(spec, Failure(message, NearMiss("diverged"), detail, exhibits))
    fraction = trials.earned
    words = [trials.words()]
    if fraction == 1:
        return passed(" ".join(words), detail, exhibits)
    near_miss = NearMiss("threshold-missed")
    own = (trials.own or best).measured
    assert own is not None
    if own.other_data:
        near_miss = NearMiss("other-data", "Your data are not those of the assignment.")
    elif own.own is not None and abs(own.own - own.value) > 1e-3 * (1 + own.value):
        words.append(
            f"That is the loss of the assignment's network with your weights; your own model "
            f"has {own.own:.4g}."
        )
        near_miss = NearMiss("other-architecture")
    return graded(spec, fraction, Failure(" ".join(words), near_miss, detail, exhibits))


def _name(spec: TrainingSpec) -> str:
    return spec.loss.replace("_", " ")


def _detail(trials: Trials[Measured]) -> dict[str, object]:
    runs = [(run.cell, run.measured) for run in trials.runs[-50:]]
    return {
        "runs": [
            {
                "cell_number": cell_number(trials.context, cell),
                "loss": finite(one.value),
                "own": finite(one.own),
            }
            for cell, one in runs
            if one is not None
        ],
        **trials.detail("loss"),
    }
