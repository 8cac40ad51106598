"""What a training function did, as a `learning` probe tells it, and what is wrong with that.

The probe's events in their order: forward passes of the model, backward passes through them,
steps of optimisers, and changes of the parameters' values.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from grader.checks.arrays import Array
from grader.checks.numbers.metrics import Unfit, metric
from grader.checks.reading import BadEvidence, array, count, flag, listing
from grader.checks.verdicts import Failure, NearMiss

Expectation = Literal[
    "loss_decreases",
    "zeroes_gradients",
    "moves_parameters",
    "steps_each_batch",
    "train_mode",
    "eval_mode",
    "no_grad",
    "leaves_held_out",
]
# Of the loss before: whoever takes steps downhill gets below it, however few and small they are.
# How many steps there have to be, other expectations say.
_ENOUGH = 0.998
_METRICS: Mapping[str, Literal["mean_squared_error", "binary_cross_entropy", "cross_entropy"]] = {
    "regression": "mean_squared_error",
    "binary": "binary_cross_entropy",
    "multiclass": "cross_entropy",
}


@dataclass(frozen=True)
class Forward:
    """One forward pass: in training mode, with gradients on, and of how many rows of which data."""

    training: bool
    grad: bool
    train_rows: int
    held_out_rows: int


@dataclass(frozen=True)
class Update:
    """What lies between two changes of the parameters: backward passes, and then steps.

    `forwards` are the passes that were gone back through; `stale` holds for each batch the
    parameters whose gradients were not zero when its backward pass began; `steps` counts those of
    optimisers.
    """

    forwards: tuple[int, ...]
    stale: tuple[frozenset[int], ...]
    steps: int
    moved: frozenset[int]


@dataclass(frozen=True)
class Lesson:
    """What a training function did, in order; `rows` is how many training rows it was given."""

    forwards: Mapping[int, Forward]
    updates: tuple[Update, ...]
    parameters: int
    covered: int
    rows: int
    before: float
    after: float
    cut: bool

    @property
    def backwards(self) -> list[Forward]:
        """The forward passes that were gone back through."""
        numbers = dict.fromkeys(n for update in self.updates for n in update.forwards)
        return [self.forwards[number] for number in numbers]

    @property
    def moved(self) -> frozenset[int]:
        """The parameters that were changed, by number."""
        return frozenset().union(*(update.moved for update in self.updates))

    @property
    def evaluations(self) -> list[Forward]:
        """The forward passes of held-out data."""
        return [one for one in self.forwards.values() if one.held_out_rows]

    def detail(self) -> dict[str, object]:
        """For staff."""
        return {
            "loss_before": self.before if math.isfinite(self.before) else None,
            "loss_after": self.after if math.isfinite(self.after) else None,
            "forward_passes": len(self.forwards),
            "backward_passes": len(self.backwards),
            "steps": sum(update.steps for update in self.updates),
            "parameters_moved": [len(self.moved), self.parameters],
            "rows_trained": self.covered,
        }


def lesson(evidence: Mapping[str, object], targets: Array, task: str, rows: int) -> Lesson:
    """Read a probe's answer; raises BadEvidence. `rows` is 0 where coverage says nothing."""
    parameters, cut = count(evidence, "parameters"), flag(evidence, "cut")
    forwards, updates = _story(listing(evidence, "events"))
    if cut:  # within the last one, perhaps
        updates = updates[:-1]
    return Lesson(
        forwards=forwards,
        updates=updates,
        parameters=parameters,
        covered=count(evidence, "covered"),
        rows=rows,
        before=_loss(task, array(evidence.get("before")), targets),
        after=_loss(task, array(evidence.get("after")), targets),
        cut=cut,
    )


def _loss(task: str, predictions: Array, targets: Array) -> float:
    try:
        return metric(_METRICS[task], predictions, targets, "logits")
    except Unfit as why:
        raise BadEvidence(str(why)) from None


def _story(events: list[object]) -> tuple[dict[int, Forward], tuple[Update, ...]]:
    forwards: dict[int, Forward] = {}
    updates: list[Update] = []
    passed: list[int] = []
    stale: list[frozenset[int]] = []
    begun, steps = True, 0
    moved: set[int] = set()

    def close() -> None:
        nonlocal steps
        updates.append(Update(tuple(passed), tuple(stale), steps, frozenset(moved)))
        for seen in (passed, stale, moved):
            seen.clear()
        steps = 0

    for event in events:
        match event:
            case ["forward", int(n), bool(training), bool(grad), int(train), int(held_out)]:
                forwards[n] = Forward(training, grad, train, held_out)
                begun = True
            case ["backward", int(n), list(which)] if n in forwards and _numbers(which):
                if moved or steps:
                    close()
                if begun:
                    stale.append(frozenset(which))
                begun = False
                passed.append(n)
            case ["step"]:
                steps += 1
            case ["moved", list(which)] if _numbers(which):
                moved.update(which)
            case _:
                raise BadEvidence("an event is none")
    close()
    return forwards, tuple(update for update in updates if update.forwards or update.moved)


def _numbers(values: list[object]) -> bool:
    return all(type(one) is int for one in values)


def _loss_decreases(seen: Lesson) -> Failure | None:
    if not math.isfinite(seen.after):
        return Failure("leaves a loss that is not a number", NearMiss("diverged"))
    if seen.after < _ENOUGH * seen.before:
        return None
    words = f"does not bring the loss down: {seen.before:.3g} before, {seen.after:.3g} after"
    rising = seen.after > seen.before
    return Failure(words, NearMiss("loss-not-decreasing", variant="rising" if rising else ""))


def _zeroes_gradients(seen: Lesson) -> Failure | None:
    begun = [update.stale for update in seen.updates if update.stale]
    # Without any step, the batches themselves have to tell.
    stale = [batches[0] for batches in begun] if len(begun) > 1 else [*itertools.chain(*begun)]
    if len(stale) < 2:
        words = "makes a single step, so that nothing can be seen of gradients between steps"
        return Failure(words, NearMiss("single-step"))
    # Who leaves a parameter out of the optimiser need not care for its gradient.
    if not any(one & seen.moved if seen.moved else one for one in stale):
        return None
    words = "begins a backward pass while gradients of the step before are still there"
    return Failure(words, NearMiss("gradients-not-zeroed"))


def _moves_parameters(seen: Lesson) -> Failure | None:
    still = seen.parameters - len(seen.moved)
    if not still:
        return None
    words = "changes no parameter of the model"
    if still < seen.parameters:
        words = f"leaves {still} of {seen.parameters} parameters as they were"
    return Failure(words, NearMiss("parameters-not-moved"))


def _steps_each_batch(seen: Lesson) -> Failure | None:
    begun = [update for update in seen.updates if update.stale]
    batches = sum(len(update.stale) for update in begun)
    taken = sum(1 for update in begun if update.moved)
    if taken < batches:
        words = f"changes the parameters {taken} times for {batches} backward passes"
        return Failure(words, NearMiss("step-not-each-batch"))
    if any(update.steps > 1 for update in begun):
        words = "makes more than one step of the optimiser for a batch"
        return Failure(words, NearMiss("step-not-each-batch"))
    if not seen.cut and seen.covered < seen.rows:
        words = f"trains on {seen.covered} of the {seen.rows} rows of its training data"
        return Failure(words, NearMiss("rows-left-out"))
    return None


def _train_mode(seen: Lesson) -> Failure | None:
    wrong = sum(not one.training for one in seen.backwards)
    if not wrong:
        return None
    words = f"trains in eval mode: {wrong} of {len(seen.backwards)} passes"
    return Failure(words, NearMiss("not-in-train-mode"))


def _eval_mode(seen: Lesson) -> Failure | None:
    if not seen.evaluations:
        return Failure("never runs the model on the held-out data", NearMiss("not-evaluated"))
    if not any(one.training for one in seen.evaluations):
        return None
    return Failure("evaluates in training mode", NearMiss("not-in-eval-mode"))


def _no_grad(seen: Lesson) -> Failure | None:
    if not seen.evaluations:
        return Failure("never runs the model on the held-out data", NearMiss("not-evaluated"))
    if not any(one.grad for one in seen.evaluations):
        return None
    return Failure("evaluates with gradients switched on", NearMiss("gradients-in-evaluation"))


def _leaves_held_out(seen: Lesson) -> Failure | None:
    if not any(one.held_out_rows for one in seen.backwards):
        return None
    return Failure("trains on the held-out data", NearMiss("trains-on-held-out"))


EXPECTATIONS: Mapping[Expectation, Callable[[Lesson], Failure | None]] = {
    "loss_decreases": _loss_decreases,
    "zeroes_gradients": _zeroes_gradients,
    "moves_parameters": _moves_parameters,
    "steps_each_batch": _steps_each_batch,
    "train_mode": _train_mode,
    "eval_mode": _eval_mode,
    "no_grad": _no_grad,
    "leaves_held_out": _leaves_held_out,
}
