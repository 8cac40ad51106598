"""Numbers that a trained model has to reach, and what reaching them earns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A number below `below`, or above `above`, earns `fraction` of the points."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    below: float | None = None
    above: float | None = None
    fraction: float

    def __post_init__(self) -> None:
        if (self.below is None) == (self.above is None):
            raise ValueError("a threshold needs exactly one of below and above")
        if not 0 <= self.fraction <= 1:
            raise ValueError("a threshold's fraction must be between 0 and 1")

    @property
    def limit(self) -> float:
        """The number itself."""
        limit = self.above if self.below is None else self.below
        assert limit is not None
        return limit


def check_thresholds(
    thresholds: Sequence[Threshold], upwards: bool, *, linear: bool = False
) -> None:
    """Raise ValueError where no threshold earns everything, or one is on the wrong side."""
    if not any(one.fraction == 1 for one in thresholds):
        raise ValueError("one of the thresholds must earn the fraction 1")
    if any((one.above is None) == upwards for one in thresholds):
        side, better = ("above", "higher") if upwards else ("below", "lower")
        raise ValueError(f"the {better} the better here: give each threshold as `{side}`")
    if not linear and any(one.fraction == 0 for one in thresholds):
        raise ValueError("a threshold's fraction must be above 0 and at most 1")


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What is to be reached: the number called `name`; more is better where it goes `upwards`.

    With `linear`, what is earned rises evenly between one threshold and the next.
    """

    name: str
    thresholds: tuple[Threshold, ...]
    upwards: bool = False
    linear: bool = False

    def fraction(self, value: float) -> float:
        """What a number earns; NaN earns nothing."""
        earned = [one.fraction for one in self.thresholds if self._reached(value, one.limit)]
        if earned and self.linear:
            earned += [self._between(value, one, other) for one, other in self._neighbours()]
        return max(earned, default=0.0)

    @property
    def full(self) -> float:
        """Where all points are earned."""
        limits = [one.limit for one in self.thresholds if one.fraction == 1]
        return min(limits) if self.upwards else max(limits)

    @property
    def least(self) -> float:
        """Where the first points are earned."""
        limits = [one.limit for one in self.thresholds]
        return min(limits) if self.upwards else max(limits)

    def rank(self, value: float) -> float:
        """Higher for a better number."""
        return value if self.upwards else -value

    def words(self, value: float) -> str:
        """What was reached, as the beginning of a sentence."""
        side = "above" if self.upwards else "below"
        needed = side if self._reached(value, self.full) else f"not {side}"
        return f"The {self.name} is {value:.4g}, {needed} {self.full:g}"

    def _reached(self, value: float, limit: float) -> bool:
        return value > limit if self.upwards else value < limit

    def _neighbours(self) -> list[tuple[Threshold, Threshold]]:
        return list(pairwise(sorted(self.thresholds, key=lambda one: one.limit)))

    def _between(self, value: float, low: Threshold, high: Threshold) -> float:
        if not low.limit <= value <= high.limit or low.limit == high.limit:
            return 0.0
        share = (value - low.limit) / (high.limit - low.limit)
        return low.fraction + share * (high.fraction - low.fraction)
