"""What a figure shows, as a `figures` probe tells it, and whether that is certain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grader.checks.arrays import Array
from grader.checks.numbers.compare import within
from grader.checks.reading import BadEvidence, array, count, listing, mapping, text

_SAME = 1e-4  # relative: what plotting in another dtype may change


@dataclass(frozen=True)
class Series:
    """What is drawn once: points, a line, bars (y over their middles), a histogram (its edges)."""

    kind: str
    x: Array | None
    y: Array | None


@dataclass(frozen=True)
class Axes:
    """One pair of axes with its labels."""

    title: str
    xlabel: str
    ylabel: str
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Figure:
    """A figure: the code cell that made it, its own title, and its axes."""

    cell: int
    title: str
    axes: tuple[Axes, ...]


@dataclass(frozen=True)
class Wanted:
    """Numbers that a figure should show: y over x, or in their order where x is None."""

    x: Array | None
    y: Array


def together(points: Sequence[Series]) -> Series:
    """Classes drawn one after the other are one set of points."""
    xs = [one.x for one in points if one.x is not None]
    ys = [one.y for one in points if one.y is not None]
    return Series("scatter", np.concatenate(xs), np.concatenate(ys))


def shows(series: Series, wanted: Wanted) -> bool:
    """Whether what is drawn are these numbers, in any order of the points."""
    x, y = series.x, series.y
    assert x is not None
    assert y is not None
    if series.kind == "hist" and wanted.x is None and _counts(x, y, wanted.y):
        return True
    if x.size != y.size or y.size != wanted.y.size:
        return False
    if series.kind in ("bar", "hist"):
        return _agree(y, wanted.y)
    got = np.stack([x, y])
    if wanted.x is None:  # epochs are counted from 0 or from 1, or one in a hundred is drawn
        over, heights = _in_order(got)
        return bool((np.diff(over) > 0).all()) and _agree(heights, wanted.y)
    want = np.stack([wanted.x, wanted.y])
    return _agree(got, want) or _agree(_in_order(got), _in_order(want))


def _counts(edges: Array, heights: Array, values: Array) -> bool:
    """Whether bars are the counts, or the density, of the values between their edges."""
    if edges.size != heights.size + 1 or not (np.diff(edges) > 0).all():
        return False
    tiny = 1e-9 * float(np.abs(edges).max())
    if values.min() < edges[0] - tiny or values.max() > edges[-1] + tiny:
        return False
    # Edges are read from what is drawn: a value on one may have rounded to either side.
    return any(_counted(edges + shift, heights, values, tiny) for shift in (0.0, tiny, -tiny))


def _counted(edges: Array, heights: Array, values: Array, tiny: float) -> bool:
    within_ends = np.clip(values, edges[0] + tiny, edges[-1] - tiny)
    counts = np.histogram(within_ends, edges)[0]
    return _agree(heights, counts) or _agree(heights, counts / (counts.sum() * np.diff(edges)))


def _in_order(points: Array) -> Array:
    sorted_: Array = points[:, np.lexsort(points[::-1])]
    return sorted_


def _agree(got: Array, want: Array) -> bool:
    return got.shape == want.shape and bool(within(got, want, _SAME).all())


def figure_of(item: object) -> Figure:
    """A figure as a probe tells of it; raises BadEvidence."""
    entry = mapping(item)
    axes = tuple(_axes(one) for one in listing(entry, "axes"))
    return Figure(count(entry, "cell"), text(entry, "title"), axes)


def _axes(item: object) -> Axes:
    entry = mapping(item)
    title, xlabel, ylabel = (text(entry, name) for name in ("title", "xlabel", "ylabel"))
    series = tuple(_series(one) for one in listing(entry, "series"))
    return Axes(title, xlabel, ylabel, series)


def _series(item: object) -> Series:
    entry = mapping(item)
    x, y = (None if entry.get(key) is None else _flat(entry.get(key)) for key in ("x", "y"))
    return Series(text(entry, "kind"), x, y)


def _flat(value: object) -> Array:
    found = array(value)
    if found.ndim != 1 or found.dtype.kind != "f":
        raise BadEvidence("points are no list of numbers")
    return found
