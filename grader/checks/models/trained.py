"""The loss of a trained model, from its weights or, where they don't fit, its predictions."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grader.checks.arrays import Array, read
from grader.checks.base import Context
from grader.checks.calling.nearmiss import agree
from grader.checks.looks import Asking, ReferenceFault, ask_reference, ask_student
from grader.checks.models.modules import (
    Module,
    Output,
    Shape,
    fits,
    module_of,
    module_probe,
    reference_module,
)
from grader.checks.models.recorded import NOTHING, Recorded
from grader.checks.numbers.losses import Loss, loss
from grader.checks.verdicts import Failure, NearMiss
from grader.domain.evidence import Answer, Tensor
from grader.domain.questions import Probe


@dataclass(frozen=True)
class Measured:
    """A model's loss, and that of its own predictions where they could be had.

    NaN where the model's weights or predictions are not finite.
    """

    value: float
    own: float | None = None
    prints: frozenset[bytes] = frozenset()  # a digest of the parameters' values
    other_data: bool = (
        False  # where it was measured, the submission's data were not the reference's
    )
    losses: Recorded = NOTHING  # of the training before it


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """What the loss of a model is measured by.

    `inputs` (rows first) and `targets` are the reference's, `order` is a drawn order of the rows,
    `structure` names and shapes of the reference's parameters. A model that was never trained
    must not have a loss below `trivial`.
    """

    model: str
    architecture: str
    args: Sequence[object]
    loss: Loss
    inputs: Array
    targets: Array
    order: Array
    structure: Sequence[tuple[str, Shape]]
    trivial: float
    context: Context
    limit_s: float

    def probe(self) -> Probe:
        """Ask for the submission's model: its weights, and its predictions in two orders."""
        inputs = [self.inputs, self.inputs[self.order]]
        return module_probe(self.model, self.limit_s, make=False, inputs=inputs, losses=True)

    def measured(self, answer: Answer, limit_s: float) -> Asking[Measured | Failure]:
        """The loss of the model that `probe` found, or why it has none."""
        found = module_of(answer, self.context, self.model, limit_s, 2)
        if isinstance(found, Failure):
            return found
        own = self._loss(found.own[0])
        if not fits(found.shapes, [shape for _, shape in self.structure]):
            return (yield from self._by_predictions(found, own))
        weights = [
            read(one.value) if isinstance(one.value, Tensor) else None for one in found.parameters
        ]
        if any(
            values is None or values.shape != one.shape or values.dtype.kind != "f"
            for values, one in zip(weights, found.parameters, strict=True)
        ):
            return Failure(f"The weights of {self.model} cannot be read.", NearMiss("unreadable"))
        value = yield from self._by_weights(found, weights)
        return Measured(value, own, _digest(found), losses=found.losses)

    def _by_weights(self, found: Module, weights: list[Array | None]) -> Asking[float]:
        """The loss of the reference's architecture with these weights, as they match best."""
        known = [
            (one.name, np.asarray(w)) for one, w in zip(found.parameters, weights, strict=True)
        ]
        if not all(np.isfinite(values).all() for _, values in known):
            return math.nan
        with np.errstate(over="ignore"):
            parameters = [(name, values.astype(np.float32)) for name, values in known]
        probe = module_probe(
            self.architecture,
            self.limit_s,
            make=True,
            inputs=[self.inputs],
            parameters=parameters,
            args=self.args,
        )
        made = reference_module((yield from ask_reference(probe)), 1)
        losses = [self._loss(outcomes[0]) for outcomes in made.outputs]
        if not losses or any(one is None for one in losses):
            raise ReferenceFault("its architecture gives no predictions with a model's weights")
        finite = [one for one in losses if one is not None and math.isfinite(one)]
        return min(finite, default=math.nan)

    def _by_predictions(self, found: Module, own: float | None) -> Asking[Measured | Failure]:
        """The loss of what the model itself predicts, where that can be believed.

        The class is then not the reference's, which is another check's matter. Predictions have
        to follow the rows that are passed in, and must not come from the class untrained.
        """
        other = Failure(
            f"{self.model} is not a {self.architecture} as the assignment describes it.",
            NearMiss("wrong-structure"),
        )
        if own is None or found.type != self.architecture:
            return other
        if not math.isfinite(own):
            return Measured(own, own, losses=found.losses)
        first, second = (_array(outcome) for outcome in found.own)
        if first is None or second is None or not agree(second, first[self.order]):
            message = f"The predictions of {self.model} do not follow the rows of its input."
            return Failure(message, NearMiss("ignores-input"))
        if own < self.trivial:
            probe = module_probe(
                self.architecture, self.limit_s, make=True, inputs=[self.inputs], args=self.args
            )
            answer = yield from ask_student(probe)
            fresh = module_of(answer, self.context, self.architecture, self.limit_s, 1)
            untrained = None if isinstance(fresh, Failure) else self._loss(fresh.own[0])
            if untrained is None:
                return other
            if untrained < self.trivial:
                message = f"A {self.architecture} that was never trained has a loss as low."
                return Failure(message, NearMiss("untrained-meets-threshold"))
        return Measured(own, own, _digest(found), losses=found.losses)

    def _loss(self, outcome: Output) -> float | None:
        """The loss of predictions; None where they are none of the right shape."""
        predictions = _array(outcome)
        if predictions is None or predictions.dtype.kind != "f":
            return None
        try:
            return loss(self.loss, predictions, self.targets)
        except ValueError:
            return None


def _digest(found: Module) -> frozenset[bytes]:
    digest = hashlib.sha256()
    for one in found.parameters:
        if isinstance(one.value, Tensor) and one.value.data is not None:
            digest.update(one.value.data)
    return frozenset({digest.digest()})


def _array(outcome: Output) -> Array | None:
    return read(outcome) if isinstance(outcome, Tensor) else None
