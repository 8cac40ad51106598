"""Exhibits: what a check shows beside its words, so that a person sees where something is wrong.

They never decide anything. Each is bounded; checks make them by `grader.checks.exhibits`, pages
draw them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MAX_SIDE = 64  # rows, and columns, of an error map
MAX_LOSSES = 500  # of one run
MAX_RUNS = 32
MAX_PARTS = 100
MAX_DIMENSIONS = 16
MAX_TEXT = 200  # characters

Found = Literal["right", "followed", "wrong"]


@dataclass(frozen=True, kw_only=True)
class Largest:
    """The element that is farthest off, and where that is: in the tensor, and in the blocks."""

    index: tuple[int, ...]
    row: int
    column: int
    expected: str
    received: str


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where the error of a tensor lies: received less expected, laid out as rows and columns.

    Of a tensor with more than `MAX_SIDE` of either, each block holds the error of largest
    magnitude. None is an error that is not finite.
    """

    name: str
    shape: tuple[int, ...]
    rows: int
    columns: int
    blocks: tuple[tuple[float | None, ...], ...]
    largest: Largest

    def __post_init__(self) -> None:
        _bounded(len(self.shape) <= MAX_DIMENSIONS, "dimensions")
        _bounded(len(self.name) <= MAX_TEXT, "characters of a name")
        _bounded(0 < len(self.blocks) <= MAX_SIDE, "rows of blocks")
        widths = {len(row) for row in self.blocks}
        _bounded(len(widths) == 1 and 0 < max(widths) <= MAX_SIDE, "columns of blocks")

    @property
    def numbers(self) -> int:
        """How many it holds."""
        return len(self.blocks) * len(self.blocks[0])


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """A tensor that has another shape than expected; a str is any size, everywhere the same."""

    name: str
    expected: tuple[int | str, ...]
    received: tuple[int, ...]

    def __post_init__(self) -> None:
        _bounded(len(self.name) <= MAX_TEXT, "characters of a name")
        _bounded(max(len(self.expected), len(self.received)) <= MAX_DIMENSIONS, "dimensions")

    @property
    def numbers(self) -> int:
        """How many it holds."""
        return len(self.expected) + len(self.received)


@dataclass(frozen=True, kw_only=True)
class LossRun:
    """The losses of one training, by the student's process's own word.

    They are those of every `every`th of `steps` backward passes; None where one was not finite.
    `final` is the loss of the trained model as the grader computed it.
    """

    label: str
    losses: tuple[float | None, ...]
    every: int
    steps: int
    final: float | None
    counts: bool

    def __post_init__(self) -> None:
        _bounded(len(self.label) <= MAX_TEXT, "characters of a label")
        _bounded(len(self.losses) <= MAX_LOSSES, "losses of a run")


@dataclass(frozen=True, kw_only=True)
class LossThreshold:
    """A loss below `loss` earns `points`."""

    loss: float
    points: float


@dataclass(frozen=True, kw_only=True)
class Losses:
    """How the loss fell in the run as written, and in re-runs under further seeds."""

    runs: tuple[LossRun, ...]
    thresholds: tuple[LossThreshold, ...] = ()

    def __post_init__(self) -> None:
        _bounded(0 < len(self.runs) <= MAX_RUNS, "runs")
        _bounded(len(self.thresholds) <= MAX_PARTS, "thresholds")

    @property
    def numbers(self) -> int:
        """How many it holds."""
        return sum(len(run.losses) for run in self.runs)


@dataclass(frozen=True, kw_only=True)
class GradientPart:
    """How far one gradient is off, relative to its tolerance; None where that can't be said."""

    name: str
    error: float | None
    tolerance: float
    outcome: Found
    cause: str | None = None

    def __post_init__(self) -> None:
        _bounded(len(self.name) <= MAX_TEXT, "characters of a name")
        _bounded(self.cause is None or len(self.cause) <= MAX_TEXT, "characters of a cause")


@dataclass(frozen=True, kw_only=True)
class Gradients:
    """The gradients that were looked at."""

    parts: tuple[GradientPart, ...]

    def __post_init__(self) -> None:
        _bounded(0 < len(self.parts) <= MAX_PARTS, "gradients")

    @property
    def numbers(self) -> int:
        """How many it holds."""
        return 2 * len(self.parts)


Exhibit = Difference | Shapes | Losses | Gradients


def _bounded(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"an exhibit has too many {what}, or none")
