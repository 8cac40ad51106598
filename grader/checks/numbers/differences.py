"""Central differences: the shifts around a point, and what a number's changes say of a gradient.

The number is computed elsewhere, once for each shift. Where it has a kink, two steps disagree, and
so do the differences to either side; nothing is said of such a coordinate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from grader.checks.arrays import Array
from grader.checks.numbers.compare import fitted, measured_error, within

_COORDINATES = 24  # of one array
_ROUGH = 1e-5  # of the gradient's size: a curve bends less between two fine steps


@dataclass(frozen=True)
class Fineness:
    """How finely differences are taken, for what a number is computed in.

    `steps` are two, the smaller one last; `smooth` is how far differences may disagree, relative
    to the gradient's size; `flat` a slope, relative to the number, that is no more than rounding.
    """

    steps: tuple[float, float]
    smooth: float
    flat: float


FINE = Fineness((1e-4, 1e-5), 3e-3, 1e-7)  # float64
COARSE = Fineness((1e-2, 5e-3), 0.1, 1e-4)  # float32


class Finding(Enum):
    """Whether a gradient is that of the function that was swept."""

    AGREES = 1
    DIFFERS = 2
    OPEN = 3  # nothing to tell by: flat, or at a kink


@dataclass
class Shifts:
    """Which entries of which arrays are shifted, in this order, and by how much."""

    fineness: Fineness = FINE
    coordinates: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def planned(
        cls, sizes: Mapping[str, int], rng: np.random.Generator, fineness: Fineness = FINE
    ) -> Shifts:
        """Shifts of the arrays with these numbers of entries: of all entries, or some drawn."""
        planned = cls(fineness)
        for name, size in sizes.items():
            if size <= _COORDINATES:
                planned.coordinates[name] = list(range(size))
            else:
                drawn = rng.choice(size, _COORDINATES, replace=False)
                planned.coordinates[name] = sorted(int(at) for at in drawn)
        return planned

    def payload(self) -> list[dict[str, object]]:
        """As a probe takes them."""
        return [
            {"name": name, "index": at, "delta": sign * step}
            for name, chosen in self.coordinates.items()
            for at in chosen
            for step in self.fineness.steps
            for sign in (1, -1)
        ]

    def differences(self, at: float, shifted: Array, given: Sequence[str] = ()) -> Differences:
        """What the number says: `at` without a shift, and one entry of `shifted` for each.

        Raises ValueError where these are not as many.
        """
        tables, begin = {}, 0
        for name, chosen in self.coordinates.items():
            end = begin + 2 * len(self.fineness.steps) * len(chosen)
            table = shifted[begin:end].reshape(len(chosen), len(self.fineness.steps), 2)
            tables[name] = (chosen, table)
            begin = end
        return Differences(at, tables, given, self.fineness)


@dataclass(frozen=True)
class Differences:
    """What a sweep tells: `at` is the number in the middle, `given` what it should depend on.

    A table holds coordinates, and the numbers there, of shape (coordinates, steps, 2).
    """

    at: float
    tables: Mapping[str, tuple[list[int], Array]]
    given: Sequence[str] = ()
    fineness: Fineness = FINE

    @property
    def depends_on_argument(self) -> bool:
        """Whether the number depends on what is given."""
        return not self.given or all(not self.is_flat(name) for name in self.given)

    def is_flat(self, name: str) -> bool:
        """Whether nothing changes with this array."""
        return not bool((np.abs(self._slopes(name)[0]) > self._flat()).any())

    def is_rough(self, name: str) -> bool:
        """Whether the two steps mostly disagree more than a curve bends: by rounding, or kinks."""
        central = self._central(name)
        with np.errstate(all="ignore"):
            apart = np.abs(central[:, 0] - central[:, -1])
            largest = np.abs(central[:, -1]).max(initial=0.0)
            rough = apart > _ROUGH * largest + self._flat()
        return 2 * int(np.count_nonzero(rough)) > len(rough)

    def finding(
        self, name: str, gradient: Array, shape: tuple[int, ...], relative: float
    ) -> Finding:
        """Hold a gradient of an array of `shape` against the differences."""
        gradient = fitted(gradient, shape)
        if gradient.shape != shape or gradient.dtype.kind not in "fiub":
            return Finding.DIFFERS
        chosen, want = self.smooth(name)
        if 2 * len(chosen) < len(self.tables[name][0]):
            return Finding.OPEN
        got = gradient.astype(np.float64).ravel()[chosen]
        if np.abs(want).max(initial=0.0) <= self._flat():
            flat = bool((np.abs(got) <= self._flat()).all())
            return Finding.OPEN if flat else Finding.DIFFERS
        return Finding.AGREES if within(got, want, relative).all() else Finding.DIFFERS

    def error(self, name: str, gradient: Array | None, shape: tuple[int, ...]) -> float | None:
        """How far a gradient is from the differences; None where that can't be said."""
        if gradient is None or fitted(gradient, shape).shape != shape:
            return None
        chosen, want = self.smooth(name)
        if gradient.dtype.kind not in "fiub" or not len(chosen):
            return None
        return measured_error(gradient.astype(np.float64).ravel()[chosen], want)

    def smooth(self, name: str) -> tuple[Array, Array]:
        """The coordinates without a kink, and the slopes there."""
        slopes, smooth = self._slopes(name)
        return np.asarray(self.tables[name][0], dtype=np.int64)[smooth], slopes[smooth]

    def _flat(self) -> float:
        """A slope that is no more than rounding."""
        return self.fineness.flat * (1 + abs(self.at))

    def _slopes(self, name: str) -> tuple[Array, Array]:
        """Slopes by the smaller step, and where they can be trusted."""
        numbers = self.tables[name][1]
        steps = np.asarray(self.fineness.steps)
        central = self._central(name)
        with np.errstate(all="ignore"):
            bend = np.abs(numbers[..., 0] + numbers[..., 1] - 2 * self.at) / steps
            slopes = central[:, -1]
            finite = slopes[np.isfinite(slopes)]
            largest = float(np.abs(finite).max(initial=0.0))
            allowed = self.fineness.smooth * largest + self._flat()
            smooth = (np.abs(central[:, 0] - slopes) <= allowed) & (bend[:, -1] <= allowed)
        return slopes, smooth & np.isfinite(slopes)

    def _central(self, name: str) -> Array:
        """Slopes by either step, of shape (coordinates, steps)."""
        numbers = self.tables[name][1]
        with np.errstate(all="ignore"):
            central: Array = (numbers[..., 0] - numbers[..., 1]) / (
                2 * np.asarray(self.fineness.steps)
            )
        return central
