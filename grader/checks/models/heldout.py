"""A trained model on data that only the grader has: what `accuracy` and `metric` share.

The inputs go into the submission's sandbox in a drawn order, into a fork that ends with the
answer; the targets never do. What comes back is measured here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from grader.checks.arrays import Array, read
from grader.checks.base import Context
from grader.checks.looks import Asking, ReferenceFault, ask_reference, ask_student, at_each_look
from grader.checks.models.goals import Goal, Threshold
from grader.checks.models.recorded import NOTHING, Recorded, recorded
from grader.checks.models.rubricdata import Data
from grader.checks.models.trials import Trials, check_trials, finite
from grader.checks.numbers.metrics import Outputs, Unfit
from grader.checks.reading import (
    BadEvidence,
    described,
    flag,
    in_words,
    listing,
    mapping,
    shown,
    text,
)
from grader.checks.verdicts import (
    Failure,
    NearMiss,
    cell_number,
    failed,
    graded,
    missing,
    passed,
    raised,
    unanswered,
)
from grader.domain.evidence import Answer, Raised, Tensor, Value
from grader.domain.questions import Judging, Look, Probe, Verdict
from grader.domain.rubric import CheckSpec, Place

_ROWS = 1000  # that a model is given at once: what a convolution makes of them has to fit


@dataclass(frozen=True, kw_only=True)
class HeldOutSpec(CheckSpec):
    """`model` is a trained module, or a function, that predicts for the rows of `data`.

    With `trained`, its weights must come from training in the run. Missing the best threshold, up
    to `seeds` re-runs of the training follow, each at most `rerun_limit_s` of wall time; no
    further one begins once they have used `budget_s` of CPU time.
    """

    model: str
    data: Data
    thresholds: tuple[Threshold, ...]
    between: Literal["steps", "linear"] = "steps"  # what is earned between two thresholds
    outputs: Outputs = "auto"
    trained: bool = False
    seeds: int = 0
    rerun_limit_s: float = 60.0
    budget_s: float = 240.0
    leaderboard: bool = False

    def __post_init__(self) -> None:
        check_trials(self.seeds, self.look)


def places(spec: HeldOutSpec) -> tuple[Place, ...]:
    """Where to look by default: the end and, where training matters, after cells that trained."""
    end = Place(end=True)
    return (Place(trained=True), end) if spec.trained or spec.seeds else (end,)


@dataclass(frozen=True)
class Scored:
    """A model's number on the held-out data."""

    value: float
    prints: frozenset[bytes] = frozenset()
    losses: Recorded = NOTHING


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """What a model is measured by: rows and targets in a drawn order, and how."""

    spec: HeldOutSpec
    context: Context
    inputs: Array
    targets: Array
    measure: Callable[[Array, Array], float]  # of predictions for targets; raises Unfit

    def probe(self) -> Probe:
        """Ask for the predictions."""
        payload = {
            "name": self.spec.model,
            "inputs": self.inputs,
            "rows": _ROWS,
            "losses": True,
        }
        return Probe("predict", payload, self.spec.limit_s)

    def measured(self, answer: Answer, limit_s: float) -> Asking[Scored | Failure]:
        """The number of the model that answered, or why it has none."""
        yield from ()
        name = self.spec.model
        failure = unanswered(answer, name, limit_s)
        if failure is not None:
            return failure
        evidence = mapping(answer.evidence)
        if not flag(evidence, "found"):
            return missing(name)
        if self.spec.trained and not flag(evidence, "is_module"):
            return Failure(f"{name} is not a torch.nn.Module.", NearMiss("not-a-module"))
        if not flag(evidence, "callable"):
            message = f"{name} is a {shown(text(evidence, 'class'), 40)}, not a model."
            return Failure(message, NearMiss("not-callable"))
        predictions = self._predictions(evidence)
        if isinstance(predictions, Failure):
            return predictions
        try:
            value = self.measure(predictions, self.targets)
        except Unfit as why:
            return Failure(f"What {name} predicts does not fit: {why}.", NearMiss("predictions"))
        return Scored(value, _prints(evidence, predictions), recorded(evidence))

    def _predictions(self, evidence: Any) -> Array | Failure:
        """What came out, for all rows in one array."""
        batches = -(-len(self.inputs) // _ROWS)
        outcomes = [described(one) for one in listing(evidence, "outputs")]
        arrays: list[Array] = []
        for outcome in outcomes:
            if isinstance(outcome, Raised):
                return raised(self.context, outcome, f"{self.spec.model} on held-out data")
            values = _numbers(outcome)
            if values is None:
                message = f"{self.spec.model} gives {in_words(outcome)}, no predictions."
                return Failure(message, NearMiss("predictions"))
            arrays.append(values)
        if len(arrays) != batches:
            raise BadEvidence("not one result for each batch")
        if len({one.shape[1:] for one in arrays}) != 1 or any(not one.ndim for one in arrays):
            message = f"{self.spec.model} does not give one prediction for each row."
            return Failure(message, NearMiss("predictions"))
        return np.concatenate(arrays)


def judged(
    spec: HeldOutSpec,
    context: Context,
    goal: Goal,
    measure: Callable[[Array, Array], float],
    worth: Callable[[Array], None] = lambda targets: None,
) -> Judging:
    """Measure at each look; train again under further seeds where that is needed.

    `worth` raises ReferenceFault for targets that tell nothing.
    """
    answer = yield from ask_reference(spec.data.probe(spec.limit_s))
    inputs, targets = spec.data.read(answer)
    if not len(inputs):
        raise ReferenceFault("there are no rows to predict for")
    try:
        worth(targets)
    except Unfit as why:
        raise ReferenceFault(str(why)) from None
    order = context.rng.permutation(len(inputs))
    measuring = HeldOut(
        spec=spec, context=context, inputs=inputs[order], targets=targets[order], measure=measure
    )
    trials = Trials(
        model=spec.model,
        goal=goal,
        measuring=measuring,
        context=context,
        seeds=spec.seeds,
        rerun_limit_s=spec.rerun_limit_s,
        budget_s=spec.budget_s,
    )

    def at_look(look: Look) -> Asking[Verdict]:
        answer = yield from ask_student(measuring.probe())
        measured = yield from measuring.measured(answer, spec.limit_s)
        if not isinstance(measured, Failure):
            trials.add(look, measured)
        elif not trials.runs:
            return failed(spec, measured)
        doubt = yield from trials.settled(look, trained=spec.trained)
        return failed(spec, doubt) if doubt is not None else _verdict(spec, trials)

    return (yield from at_each_look(spec, context, at_look))


def _verdict(spec: HeldOutSpec, trials: Trials[Scored]) -> Verdict:
    goal, best = trials.goal, trials.best
    key = goal.name.partition(" on ")[0]
    detail = {
        "runs": [
            {"cell_number": cell_number(trials.context, run.cell), key: finite(run.value)}
            for run in trials.runs[-50:]
        ],
        **trials.detail(key),
    }
    exhibits = trials.exhibits(spec.points, is_loss=False)
    if best is None:
        message = f"The {goal.name} is not a number: what {spec.model} predicts is not finite."
        return failed(spec, Failure(message, NearMiss("diverged"), detail, exhibits))
    if spec.leaderboard:
        detail["leaderboard"] = {"name": key, "value": best.value, "higher": goal.upwards}
    if trials.earned == 1:
        return passed(trials.words(), detail, exhibits)
    failure = Failure(trials.words(), NearMiss("threshold-missed"), detail, exhibits)
    return graded(spec, trials.earned, failure)


def _numbers(value: Value) -> Array | None:
    """A result as an array; None where it is none of numbers."""
    found = read(value) if isinstance(value, Tensor) else None
    return found if found is not None and found.dtype.kind in "fiub" else None


def _prints(evidence: Any, predictions: Array) -> frozenset[bytes]:
    """Digests of the weights, and of predictions that are finer than classes."""
    weights = evidence.get("weights")
    found = {weights} if isinstance(weights, bytes) and weights else set()
    if found and (predictions != np.rint(predictions)).any():
        found.add(hashlib.sha256(np.ascontiguousarray(predictions).tobytes()).digest())
    return frozenset(found)
