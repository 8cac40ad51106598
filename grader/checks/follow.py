"""Follow-through: gradients that are right for the student's own forward pass.

The student's function is swept in float64 around the drawn parameters; the loss is computed here;
central differences are held against what the student's backward pass returned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar

import numpy as np

from grader.checks.arrays import Array
from grader.checks.calls import Argument, Inputs, arguments
from grader.checks.compare import fitted, within
from grader.checks.losses import Loss, loss
from grader.checks.reading import BadEvidence, array, mapping
from grader.domain.evidence import Answer, AnswerStatus
from grader.domain.questions import Probe

# Two steps: at a kink between them the differences disagree, and so do those to either side.
_STEPS = (1e-4, 1e-5)
_COORDINATES = 24  # of one parameter
_SMOOTH = 3e-3  # how far differences may disagree, relative to the gradient's size


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


class Finding(Enum):
    """Whether a gradient is that of the student's own function."""

    AGREES = 1
    DIFFERS = 2
    OPEN = 3  # nothing to tell by: flat, at a kink, or the function can't be swept


@dataclass
class Sweep:
    """The shifts around one case's inputs, and what to make of the answer."""

    follow: Follow
    inputs: Inputs
    shifts: list[tuple[str, int, float]] = field(default_factory=list)
    coordinates: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def planned(
        cls, follow: Follow, inputs: Inputs, names: Sequence[str], rng: np.random.Generator
    ) -> Sweep:
        """Shifts for the parameters `names`, and for the argument that the function is given."""
        sweep = cls(follow, inputs)
        for name in [*names, *sweep._given()]:
            size = inputs[name].size
            chosen = np.arange(size)
            if size > _COORDINATES:
                chosen = np.sort(rng.choice(size, _COORDINATES, replace=False))
            sweep.coordinates[name] = [int(at) for at in chosen]
            sweep.shifts += [
                (name, at, sign * step)
                for at in sweep.coordinates[name]
                for step in _STEPS
                for sign in (1, -1)
            ]
        return sweep

    def _given(self) -> list[str]:
        return [name for name in self.follow.args if isinstance(name, str)][:1]

    def probe(self, limit_s: float) -> Probe:
        """The question to the submission."""
        payload = {
            "function": self.follow.function,
            "bind": dict(self.inputs),
            "args": arguments(self.follow.args),
            "shifts": [{"name": name, "index": at, "delta": by} for name, at, by in self.shifts],
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
        if stacked.shape != (len(self.shifts), *target.shape):
            return None
        try:
            at = loss(self.follow.loss, base, target)
            shifted = [loss(self.follow.loss, outputs, target) for outputs in stacked]
        except ValueError:
            return None
        return Differences(at, self._tables(np.asarray(shifted)), self._given())

    def _tables(self, losses: Array) -> dict[str, tuple[list[int], Array]]:
        """By name: coordinates, and losses of shape (coordinates, steps, 2)."""
        tables, begin = {}, 0
        for name, chosen in self.coordinates.items():
            end = begin + 2 * len(_STEPS) * len(chosen)
            table = losses[begin:end].reshape(len(chosen), len(_STEPS), 2)
            tables[name] = (chosen, table)
            begin = end
        return tables


@dataclass(frozen=True)
class Differences:
    """What a sweep tells: `at` is the loss in the middle."""

    at: float
    tables: Mapping[str, tuple[list[int], Array]]
    given: Sequence[str]

    @property
    def depends_on_argument(self) -> bool:
        """Whether the function looks at what it is given; one that doesn't is followed nowhere."""
        return not self.given or all(
            bool((np.abs(self._slopes(name)[0]) > self._flat()).any()) for name in self.given
        )

    def finding(
        self, name: str, gradient: Array, shape: tuple[int, ...], relative: float
    ) -> Finding:
        """Hold the student's gradient of a parameter of `shape` against the differences."""
        gradient = fitted(gradient, shape)
        if gradient.shape != shape or gradient.dtype.kind not in "fiub":
            return Finding.DIFFERS
        slopes, smooth = self._slopes(name)
        chosen = np.asarray(self.tables[name][0])[smooth]
        if 2 * len(chosen) < len(smooth):
            return Finding.OPEN
        got, want = gradient.astype(np.float64).ravel()[chosen], slopes[smooth]
        if np.abs(want).max(initial=0.0) <= self._flat():
            flat = bool((np.abs(got) <= self._flat()).all())
            return Finding.OPEN if flat else Finding.DIFFERS
        return Finding.AGREES if within(got, want, relative).all() else Finding.DIFFERS

    def _flat(self) -> float:
        """A slope that is no more than rounding."""
        return 1e-7 * (1 + abs(self.at))

    def _slopes(self, name: str) -> tuple[Array, Array]:
        """Slopes by the smaller step, and where they can be trusted."""
        losses = self.tables[name][1]
        steps = np.asarray(_STEPS)
        with np.errstate(all="ignore"):
            central = (losses[..., 0] - losses[..., 1]) / (2 * steps)
            bend = np.abs(losses[..., 0] + losses[..., 1] - 2 * self.at) / steps
            slopes = central[:, -1]
            finite = slopes[np.isfinite(slopes)]
            allowed = _SMOOTH * float(np.abs(finite).max(initial=0.0)) + self._flat()
            smooth = (np.abs(central[:, 0] - slopes) <= allowed) & (bend[:, -1] <= allowed)
        return slopes, smooth & np.isfinite(slopes)
