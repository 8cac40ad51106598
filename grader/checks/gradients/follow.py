"""Follow-through: gradients that are right for the student's own forward pass.

The student's function is swept in float64 around the drawn parameters; the loss is computed here;
central differences are held against what the student's backward pass returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from grader.checks.calling.calls import Argument, Inputs, arguments
from grader.checks.numbers.differences import Differences, Shifts
from grader.checks.numbers.losses import Loss, loss
from grader.checks.reading import BadEvidence, array, mapping
from grader.domain.evidence import Answer, AnswerStatus
from grader.domain.questions import Probe


@dataclass(frozen=True, kw_only=True)
class Follow:
    """The student's own forward pass: `loss(function(*args), target)` is what they differentiate.

    `target` is the name of an input, as each str of `args` is.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    function: str
    args: tuple[Argument, ...]
    loss: Loss
    target: str


@dataclass
class Sweep:
    """The shifts around one case's inputs, and what to make of the answer."""

    follow: Follow
    inputs: Inputs
    shifts: Shifts

    @classmethod
    def planned(
        cls, follow: Follow, inputs: Inputs, names: Sequence[str], rng: np.random.Generator
    ) -> Sweep:
        """Shifts for the parameters `names`, and for the argument that the function is given."""
        given = _given(follow)
        sizes = {name: inputs[name].size for name in [*names, *given]}
        return cls(follow, inputs, Shifts.planned(sizes, rng))

    def probe(self, limit_s: float) -> Probe:
        """The question to the submission."""
        payload = {
            "function": self.follow.function,
            "bind": dict(self.inputs),
            "args": arguments(self.follow.args),
            "shifts": self.shifts.payload(),
        }
        return Probe("sweep", payload, limit_s)

    def differences(self, answer: Answer) -> Differences | None:
        """The gradients by central differences; None where the function can't be swept."""
        if answer.status is not AnswerStatus.ANSWERED:
            return None
        try:
            evidence = mapping(answer.evidence)
            base, stacked = array(evidence.get("base")), array(evidence.get("stacked"))
        except BadEvidence:
            return None
        target = self.inputs[self.follow.target]
        if stacked.shape != (len(self.shifts.payload()), *target.shape):
            return None
        try:
            at = loss(self.follow.loss, base, target)
            shifted = [loss(self.follow.loss, outputs, target) for outputs in stacked]
        except ValueError:
            return None
        return self.shifts.differences(at, np.asarray(shifted), _given(self.follow))


def _given(follow: Follow) -> list[str]:
    return [name for name in follow.args if isinstance(name, str)][:1]
