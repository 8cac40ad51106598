"""Exhibits in the result document: plain values, and all of a document together bounded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from typing_extensions import TypedDict

from grader.domain.exhibits import (
    Difference,
    Exhibit,
    Found,
    Gradients,
    Losses,
    LossRun,
    Shapes,
)
from grader.safetext import storable

_MAX_NUMBERS = 40_000  # in the exhibits of one document


class LargestDocument(TypedDict):
    """The element that is farthest off: where it is in the tensor and in the blocks."""

    index: list[int]
    row: int
    column: int
    expected: str
    received: str


class DifferenceDocument(TypedDict):
    """Received less expected, over a tensor as `rows` and `columns`; null is not finite.

    A block holds the error of largest magnitude among the values that it stands for.
    """

    kind: Literal["difference"]
    name: str
    shape: list[int]
    rows: int
    columns: int
    blocks: list[list[float | None]]
    largest: LargestDocument


class ShapesDocument(TypedDict):
    """A tensor of another shape than expected; a str is any size, everywhere the same."""

    kind: Literal["shapes"]
    name: str
    expected: list[int | str]
    received: list[int]


class LossRunDocument(TypedDict):
    """The losses of every `every`th of `steps` backward passes, by the submission's own word.

    `final` is the loss of the trained model as the grader computed it.
    """

    label: str
    losses: list[float | None]
    every: int
    steps: int
    final: float | None
    counts: bool


class LossThresholdDocument(TypedDict):
    """A loss below `loss` earns `points`."""

    loss: float
    points: float


class LossDocument(TypedDict):
    """How the loss fell: as the submission ran, and under further seeds."""

    kind: Literal["loss"]
    runs: list[LossRunDocument]
    thresholds: list[LossThresholdDocument]


class GradientPartDocument(TypedDict):
    """How far one gradient is off, in the measure of its tolerance."""

    name: str
    error: float | None
    tolerance: float
    outcome: Found
    cause: str | None


class GradientsDocument(TypedDict):
    """The gradients that were looked at."""

    kind: Literal["gradients"]
    parts: list[GradientPartDocument]


ExhibitDocument = DifferenceDocument | ShapesDocument | LossDocument | GradientsDocument

PARTS: tuple[Any, ...] = (
    LargestDocument,
    DifferenceDocument,
    ShapesDocument,
    LossRunDocument,
    LossThresholdDocument,
    LossDocument,
    GradientPartDocument,
    GradientsDocument,
)


class ExhibitDocuments:
    """Makes the exhibits of one document, as many as there is room for."""

    def __init__(self) -> None:
        self._left = _MAX_NUMBERS

    def of(self, exhibits: Sequence[Exhibit]) -> list[ExhibitDocument]:
        """Those of one check; what finds no room is left out."""
        found = []
        for one in exhibits:
            if one.numbers <= self._left:
                self._left -= one.numbers
                found.append(_plain(one))
        return found


def _plain(exhibit: Exhibit) -> ExhibitDocument:
    match exhibit:
        case Difference():
            return _difference(exhibit)
        case Shapes():
            return {
                "kind": "shapes",
                "name": storable(exhibit.name),
                "expected": list(exhibit.expected),
                "received": list(exhibit.received),
            }
        case Losses():
            return {
                "kind": "loss",
                "runs": [_run(run) for run in exhibit.runs],
                "thresholds": [
                    {"loss": one.loss, "points": one.points} for one in exhibit.thresholds
                ],
            }
        case Gradients():
            return _gradients(exhibit)


def _difference(exhibit: Difference) -> DifferenceDocument:
    largest = exhibit.largest
    return {
        "kind": "difference",
        "name": storable(exhibit.name),
        "shape": list(exhibit.shape),
        "rows": exhibit.rows,
        "columns": exhibit.columns,
        "blocks": [[_finite(value) for value in row] for row in exhibit.blocks],
        "largest": {
            "index": list(largest.index),
            "row": largest.row,
            "column": largest.column,
            "expected": storable(largest.expected),
            "received": storable(largest.received),
        },
    }


def _run(run: LossRun) -> LossRunDocument:
    return {
        "label": storable(run.label),
        "losses": [_finite(value) for value in run.losses],
        "every": run.every,
        "steps": run.steps,
        "final": _finite(run.final),
        "counts": run.counts,
    }


def _gradients(exhibit: Gradients) -> GradientsDocument:
    return {
        "kind": "gradients",
        "parts": [
            {
                "name": storable(part.name),
                "error": _finite(part.error),
                "tolerance": part.tolerance,
                "outcome": part.outcome,
                "cause": None if part.cause is None else storable(part.cause),
            }
            for part in exhibit.parts
        ],
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
