"""The losses of trainings, as the submission's process recorded them: for a picture, no judgement.

What is not as it should be is therefore left out instead of being held against anybody.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from grader.domain.exhibits import (
    MAX_LOSSES,
    MAX_PARTS,
    MAX_RUNS,
    Exhibit,
    Losses,
    LossRun,
    LossThreshold,
)

_OTHERS = 100  # losses of a run that doesn't count
_MOST_STEPS = 1 << 40


@dataclass(frozen=True)
class Recorded:
    """The losses of every `every`th of `steps` backward passes."""

    values: tuple[float | None, ...] = ()
    every: int = 1
    steps: int = 0


NOTHING = Recorded()


def recorded(evidence: Mapping[str, object]) -> Recorded:
    """What a probe's evidence says of the training before it."""
    found = evidence.get("losses")
    if not isinstance(found, dict):
        return NOTHING
    values, every, steps = found.get("values"), found.get("every"), found.get("steps")
    if not isinstance(values, list) or not 0 < len(values) <= MAX_LOSSES:
        return NOTHING
    if not all(type(value) is float for value in values):
        return NOTHING
    if type(every) is not int or type(steps) is not int:
        return NOTHING
    if not 0 < every <= steps <= _MOST_STEPS or len(values) > -(-steps // every):
        return NOTHING
    return Recorded(tuple(_plain(value) for value in values), every, steps)


def _plain(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None


@dataclass(frozen=True, kw_only=True)
class Told:
    """One training as it is to be shown; `final` is what the grader computed, None for nothing."""

    label: str
    recorded: Recorded
    final: float | None
    counts: bool


def loss_exhibit(
    trainings: Sequence[Told], thresholds: Sequence[tuple[float, float]] = ()
) -> tuple[Exhibit, ...]:
    """The trainings, the first ones and the one that counts; `thresholds` are losses and points.

    Nothing where no training left more than one number.
    """
    if not any(one.recorded.steps > 1 for one in trainings):
        return ()
    chosen = list(trainings[:MAX_RUNS])
    if counting := [one for one in trainings[MAX_RUNS:] if one.counts]:
        chosen[-1] = counting[0]
    runs = tuple(_run(one) for one in chosen)
    limits = (LossThreshold(loss=loss, points=points) for loss, points in thresholds[:MAX_PARTS])
    return (Losses(runs=runs, thresholds=tuple(limits)),)


def _run(one: Told) -> LossRun:
    found = one.recorded
    if not one.counts and len(found.values) > _OTHERS:
        step = -(-len(found.values) // _OTHERS)
        found = replace(found, values=found.values[::step], every=found.every * step)
    return LossRun(
        label=one.label,
        losses=found.values,
        every=found.every,
        steps=found.steps,
        final=None if one.final is None else _plain(one.final),
        counts=one.counts,
    )
