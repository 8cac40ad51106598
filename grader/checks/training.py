"""`training`: a model was trained until its loss fell below a threshold.

Trained weights are loaded into the reference's architecture, and the loss is computed here. Luck
is no part of the grade: where the run as written misses, the training cells run again under
further seeds, and the best counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from grader.checks.arrays import read
from grader.checks.base import Context
from grader.checks.calls import reference_evidence, reference_tensor
from grader.checks.copied import may_be_copied
from grader.checks.looks import Asking, ReferenceFault, ask, ask_student, at_each_look, sound
from grader.checks.losses import Loss
from grader.checks.modules import module_probe, reference_module
from grader.checks.reading import BadEvidence, array, described, mapping
from grader.checks.trained import Measured, Measuring
from grader.checks.verdicts import Failure, NearMiss, failed, graded, passed, place
from grader.domain.evidence import Answer, AnswerStatus, Tensor
from grader.domain.questions import Judging, Look, Probe, Rerun, Verdict
from grader.domain.rubric import CheckSpec, Place


@dataclass(frozen=True, kw_only=True)
class Data:
    """Names of the reference's data: what goes into the model, and what should come out."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    inputs: str
    targets: str


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A loss below `below` earns `fraction` of the points."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    below: float
    fraction: float


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
        if not any(threshold.fraction == 1 for threshold in self.thresholds):
            raise ValueError("one of the thresholds must earn the fraction 1")
        if any(not 0 < threshold.fraction <= 1 for threshold in self.thresholds):
            raise ValueError("a threshold's fraction must be above 0 and at most 1")
        if not 0 <= self.seeds <= 100:
            raise ValueError("seeds must be between 0 and 100")
        if any(not (one.trained or one.end) for one in self.look):
            raise ValueError("a training check looks where a model was trained, and at the end")

    def fraction(self, loss: float) -> float:
        """What a loss earns."""
        earned = (one.fraction for one in self.thresholds if loss < one.below)
        return max(earned, default=0.0)

    @property
    def full(self) -> float:
        """Below this loss, all points are earned."""
        return max(one.below for one in self.thresholds if one.fraction == 1)


def places(spec: TrainingSpec) -> tuple[Place, ...]:
    """Where to look by default: after each cell that trained, and at the end."""
    return (Place(trained=True), Place(end=True))


@dataclass(frozen=True)
class _Run:
    """One trained model: where it was found, under which further seed, and its loss."""

    cell: int
    measured: Measured
    seed: int | None = None
    other_data: bool = False


@dataclass
class _Record:
    """What has been seen so far."""

    runs: list[_Run] = field(default_factory=list)
    reruns: list[_Run] = field(default_factory=list)
    trained_at: int | None = None  # the best cell that trained
    broken: bool = False  # a re-run ended as running the cells the first time did not

    def until(self, counted: _Run | None) -> int:
        """The last cell that a re-run repeats: where the model was trained, or what counts."""
        cells = [self.trained_at, counted.cell if counted and counted.seed is None else None]
        return max((cell for cell in cells if cell is not None), default=-1)

    def best(self, enough: float) -> _Run | None:
        """The run that counts: the one as written if its loss is below `enough`, else the best."""
        own = min(_finite(self.runs), key=_loss_of, default=None)
        if own is not None and own.measured.loss < enough:
            return own
        return min(_finite([*self.runs, *self.reruns]), key=_loss_of, default=None)


def judge(spec: TrainingSpec, context: Context) -> Judging:
    """Measure at each look; at the last, train again under further seeds where that is needed."""
    measuring = yield from _measuring(spec, context)
    record = _Record()

    def at_look(look: Look) -> Asking[Verdict]:
        answer = yield from ask_student(measuring.probe())
        measured = yield from measuring.measured(answer, spec.limit_s)
        if isinstance(measured, Failure):
            if not record.runs:
                return failed(spec, measured)
        else:
            missed = spec.fraction(measured.loss) < 1
            other = missed and (yield from _other_data(spec, measuring))
            record.runs.append(_Run(look.cell, measured, None, other))
            if not look.end:
                record.trained_at = _best_cell(record.runs)
        if record.trained_at is None:
            return _untrained(spec, record)
        best = record.best(spec.full)
        earned = spec.fraction(best.measured.loss) if best else 0.0
        if look.last and look.alive and earned < 1:
            yield from _again(spec, context, measuring, record, tries=spec.seeds)
        elif earned and look.alive and may_be_copied(context.code, record.until(best)):
            yield from _again(spec, context, measuring, record, tries=1)
        return _copied(spec, record) or _verdict(spec, context, record)

    return (yield from at_each_look(spec, context, at_look))


def _measuring(spec: TrainingSpec, context: Context) -> Asking[Measuring]:
    """The reference's data and architecture."""
    names = [spec.data.inputs, spec.data.targets]
    values = Probe("values", {"names": names}, spec.limit_s)
    bare = module_probe(spec.architecture, spec.limit_s, make=True, args=spec.args)
    replies = yield from ask(reference=(values, bare))
    try:
        held = mapping(reference_evidence(replies.reference[0]).get("values"))
        tensors = [reference_tensor(sound(described(held.get(name)))) for name in names]
    except BadEvidence as error:
        raise ReferenceFault(str(error)) from None
    inputs, targets = (array(tensor) for tensor in tensors)
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
        trivial=max(one.below for one in spec.thresholds),
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


def _best_cell(runs: list[_Run]) -> int:
    return min(_finite(runs), key=_loss_of, default=runs[-1]).cell


def _finite(runs: Iterable[_Run]) -> list[_Run]:
    return [run for run in runs if math.isfinite(run.measured.loss)]


def _loss_of(run: _Run) -> float:
    return run.measured.loss


def _untrained(spec: TrainingSpec, record: _Record) -> Verdict:
    message = f"No training of {spec.model} was seen."
    return failed(spec, Failure(message, NearMiss("no-training"), _detail(record, None)))


def _copied(spec: TrainingSpec, record: _Record) -> Verdict | None:
    """A failure where the best run's weights come out the same, to the bit, under another seed."""
    best = record.best(spec.full)
    if best is None or not spec.fraction(best.measured.loss) or not best.measured.weights:
        return None
    others = (run for run in record.reruns if run is not best)
    differ = all(run.measured.weights != best.measured.weights for run in others)
    if differ and not (record.broken and best.seed is None):
        return None
    message = f"The weights of {spec.model} do not come from the training: every seed ends in them."
    return failed(spec, Failure(message, NearMiss("not-trained"), _detail(record, None)))


def _again(
    spec: TrainingSpec, context: Context, measuring: Measuring, record: _Record, tries: int
) -> Asking[None]:
    """Run the training cells again, each time from the state before them, until one passes."""
    spent = 0.0
    until = record.until(record.best(spec.full))
    for _ in range(tries):
        if spent >= spec.budget_s or record.trained_at is None:
            return
        seed = int(context.rng.integers(1, 1 << 31))
        rerun = Rerun(seed, until, measuring.probe(), spec.rerun_limit_s)
        answer = yield from ask_student(rerun)
        spent += _cost(spec, answer)
        measured = yield from measuring.measured(answer, spec.rerun_limit_s)
        if isinstance(measured, Failure):
            measured = Measured(math.nan)
        record.broken |= answer.status in (AnswerStatus.DIED, AnswerStatus.MALFORMED)
        record.reruns.append(_Run(until, measured, seed))
        if spec.fraction(measured.loss) == 1:
            return


def _cost(spec: TrainingSpec, answer: Answer) -> float:
    if answer.status is AnswerStatus.TIME_LIMIT:
        return max(spec.rerun_limit_s, answer.cpu_s)
    return answer.cpu_s


def _verdict(spec: TrainingSpec, context: Context, record: _Record) -> Verdict:
    best = record.best(spec.full)
    detail = _detail(record, best)
    if best is None:
        message = f"The {_name(spec)} is not a number: the weights of {spec.model} are not finite."
        return failed(spec, Failure(message, NearMiss("diverged"), detail))
    loss = best.measured.loss
    fraction = spec.fraction(loss)
    words = [_words(spec, context, record, best)]
    if fraction == 1:
        return passed(" ".join(words), detail)
    own = min(_finite(record.runs), key=_loss_of, default=best)
    near_miss = NearMiss("threshold-missed")
    if own.other_data:
        near_miss = NearMiss("other-data", "Your data are not those of the assignment.")
    elif own.measured.own is not None and abs(own.measured.own - own.measured.loss) > 1e-3 * (
        1 + own.measured.loss
    ):
        words.append(
            f"That is the loss of the assignment's network with your weights; your own model "
            f"has {own.measured.own:.4g}."
        )
        near_miss = NearMiss("other-architecture")
    return graded(spec, fraction, Failure(" ".join(words), near_miss, detail))


def _words(spec: TrainingSpec, context: Context, record: _Record, best: _Run) -> str:
    """What was reached, and which run it was."""
    loss = best.measured.loss
    needed = f"below {spec.full:g}" if loss < spec.full else f"not below {spec.full:g}"
    reached = f"The {_name(spec)} is {loss:.4g}, {needed}"
    where = place(context, best.cell, None)
    if not record.reruns or (best.seed is None and spec.fraction(loss) == 1):
        return f"{reached} (after {where})." if where else f"{reached}."
    tries = len(record.reruns)
    seeds = "1 further seed" if tries == 1 else f"{tries} further seeds"
    own = min(_finite(record.runs), key=_loss_of, default=None)
    as_written = f"{own.measured.loss:.4g}" if own else "no finite loss"
    if best.seed is None:
        return f"{reached}. Trained again under {seeds}, it did no better; your own run counts."
    number = next(n for n, run in enumerate(record.reruns, 1) if run is best)
    return (
        f"{reached}. As you ran it, it came to {as_written}; trained again under {seeds}, "
        f"the best of them, number {number}, counts."
    )


def _name(spec: TrainingSpec) -> str:
    return spec.loss.replace("_", " ")


def _detail(record: _Record, best: _Run | None) -> dict[str, object]:
    return {
        "runs": [
            {"cell": run.cell, "loss": _json(run.measured.loss), "own": _json(run.measured.own)}
            for run in record.runs[-50:]
        ],
        "reruns": [{"seed": run.seed, "loss": _json(run.measured.loss)} for run in record.reruns],
        "counted": None if best is None else {"cell": best.cell, "seed": best.seed},
    }


def _json(loss: float | None) -> float | None:
    return loss if loss is not None and math.isfinite(loss) else None
