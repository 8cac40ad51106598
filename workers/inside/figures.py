"""What the figures of a run show, as bounded plain data.

The inline backend closes every figure when its cell ends, or at `plt.show()`, so that each is
looked at just before it is closed or cleared, and again at the end of each cell while it stays
open. Nothing is asked of a figure but what matplotlib's own classes say, and whatever raises is
left out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from .wire import Array

_FIGURES = 30  # of a run; where there are more, the earliest go of the cell that makes most
_AXES = 16
_SERIES = 24  # of one axes
_POINTS = 20_000  # of one series
_ROOM = 1 << 20  # bytes of all points
_TEXT = 200

_asarray, _ascontiguous, _ravel = np.asarray, np.ascontiguousarray, np.ravel
_float64 = np.float64
_allclose, _diff, _array = np.allclose, np.diff, np.array

Record = dict[str, Any]


@dataclass
class _Kept:
    """A figure's record, and the bytes of its points."""

    record: Record
    size: int


@dataclass
class _State:
    """The records of this process; a fork has its own."""

    cell: int = -1
    kept: list[_Kept] = field(default_factory=list)
    open: dict[int, _Kept] = field(default_factory=dict)  # by the id of an open figure
    managers: Callable[[], list[Any]] | None = None
    close: Callable[[Any], None] = lambda manager: None
    reader: _Reader | None = None


_state = _State()


def install() -> None:
    """Record figures from here on, where matplotlib is loaded; once, before the first fork."""
    if "matplotlib.pyplot" not in sys.modules:
        return
    from matplotlib._pylab_helpers import Gcf
    from matplotlib.figure import Figure

    axes_of, clear = Figure.get_axes, Figure.clear
    destroy, destroy_all = Gcf.destroy.__func__, Gcf.destroy_all.__func__  # type: ignore[attr-defined]
    managers = Gcf.get_all_fig_managers

    def closing(cls: Any, num: Any) -> None:
        found = [one for one in managers() if one is num or one.num == num]
        _keep(found, closed=True)
        destroy(cls, num)

    def closing_all(cls: Any) -> None:
        _keep(managers(), closed=True)
        destroy_all(cls)

    def clearing(figure: Any, *args: Any, **kwargs: Any) -> None:
        drawn = [one for one in managers() if one.canvas.figure is figure and axes_of(figure)]
        _keep(drawn, closed=True)
        clear(figure, *args, **kwargs)

    Figure.clear = clearing  # type: ignore[assignment,method-assign]
    Gcf.destroy = classmethod(closing)  # type: ignore[assignment,method-assign]
    Gcf.destroy_all = classmethod(closing_all)  # type: ignore[assignment,method-assign]
    _state.managers, _state.reader = managers, _Reader()
    _state.close = lambda manager: destroy(Gcf, manager)


def begin_cell(index: int) -> None:
    """What is made from here on is of code cell `index`."""
    _state.cell = index


def end_cell() -> None:
    """Look at the figures that the cell left open."""
    if _state.managers is not None and (found := _state.managers()):
        _keep(found, closed=False)


@contextmanager
def unrecorded() -> Iterator[None]:
    """Figures that are made meanwhile are closed and leave no record."""
    kept, still_open = list(_state.kept), dict(_state.open)
    before = {id(one) for one in _open_figures()}
    try:
        yield
    finally:
        for manager in _open_figures():
            if id(manager) not in before:
                _state.close(manager)
        _state.kept, _state.open = kept, still_open


def _open_figures() -> list[Any]:
    return list(_state.managers()) if _state.managers is not None else []


def recorded() -> list[Record]:
    """All figures so far, in order, as wire data; see docs/protocol.md."""
    return [one.record for one in _state.kept]


def _keep(managers: Iterable[Any], *, closed: bool) -> None:
    reader = _state.reader
    assert reader is not None
    for manager in managers:
        try:
            figure = manager.canvas.figure
            known = _state.open.get(id(figure))
            reader.room = room = _ROOM - sum(one.size for one in _state.kept if one is not known)
            record = reader.figure(figure)
        except Exception:  # a figure of the student's own kind; what it shows is not known
            continue
        if known is None:
            known = _Kept({"cell": _state.cell}, 0)
            _make_room()
            _state.kept.append(known)
        known.record = {"cell": known.record["cell"], **record}
        known.size = room - reader.room
        if closed:
            _state.open.pop(id(figure), None)
        else:
            _state.open[id(figure)] = known


def _make_room() -> None:
    """Who draws anew in every step of a loop leaves room for the figures of other cells."""
    if len(_state.kept) < _FIGURES:
        return
    cells = [one.record["cell"] for one in _state.kept]
    gone = _state.kept.pop(cells.index(max(cells, key=cells.count)))
    _state.open = {key: one for key, one in _state.open.items() if one is not gone}


class _Reader:
    """Reads figures by the methods of matplotlib's own classes, bound before student code ran."""

    def __init__(self) -> None:
        from matplotlib.axes import Axes
        from matplotlib.collections import PathCollection
        from matplotlib.container import BarContainer
        from matplotlib.figure import Figure
        from matplotlib.image import AxesImage
        from matplotlib.lines import Line2D
        from matplotlib.patches import Rectangle

        self.room = 0  # bytes of points that may still be read
        base: Any = Axes
        self._axes_of = Figure.get_axes
        self._texts = (
            ("title", base.get_title),
            ("xlabel", base.get_xlabel),
            ("ylabel", base.get_ylabel),
        )
        self._lines, self._points = base.get_lines, PathCollection
        self._bars, self._image = BarContainer, AxesImage
        self._style = Line2D.get_linestyle
        self._xdata, self._ydata = Line2D.get_xdata, Line2D.get_ydata
        self._offsets = PathCollection.get_offsets
        self._upright = (Rectangle.get_x, Rectangle.get_width, Rectangle.get_height)
        self._lying = (Rectangle.get_y, Rectangle.get_height, Rectangle.get_width)

    def figure(self, figure: Any) -> Record:
        """A figure's record, without the cell."""
        return {
            "title": _text(lambda: figure._suptitle.get_text()),
            "axes": [self._one(axes) for axes in islice(self._axes_of(figure), _AXES)],
        }

    def _one(self, axes: Any) -> Record:
        texts = {name: _text(lambda get=get: get(axes)) for name, get in self._texts}  # type: ignore[misc]
        series = list(islice(self._series(axes), _SERIES))
        return {**texts, "series": series}

    def _series(self, axes: Any) -> Iterator[Record]:
        for container in list(axes.containers):
            if isinstance(container, self._bars):
                yield from _guarded(lambda c=container: self._of_bars(c))  # type: ignore[misc]
        for line in list(self._lines(axes)):
            yield from _guarded(lambda one=line: self._of_line(one))  # type: ignore[misc]
        for one in list(axes.collections):
            if isinstance(one, self._points):
                yield from _guarded(lambda one=one: self._of_points(one))  # type: ignore[misc]
        for one in list(axes.images):
            if isinstance(one, self._image):
                yield from _guarded(lambda: {"kind": "image", "x": None, "y": None})

    def _of_line(self, line: Any) -> Record:
        style = self._style(line)
        kind = "scatter" if style in ("None", "none", " ", "") else "line"
        x, y = self._xdata(line, orig=False), self._ydata(line, orig=False)
        return {"kind": kind, "x": self._numbers(x), "y": self._numbers(y)}

    def _of_points(self, points: Any) -> Record:
        offsets = _asarray(self._offsets(points), dtype=_float64)
        return {
            "kind": "scatter",
            "x": self._numbers(offsets[:, 0]),
            "y": self._numbers(offsets[:, 1]),
        }

    def _of_bars(self, container: Any) -> Record:
        """Bars by their middles and heights; those without gaps as a histogram, by their edges."""
        bars = list(islice(container.patches, _POINTS))
        lying = container.orientation == "horizontal"
        at, width, height = self._lying if lying else self._upright
        starts, widths, heights = (
            _array([float(get(bar)) for bar in bars]) for get in (at, width, height)
        )
        if len(bars) > 1 and _allclose(_diff(starts), widths[:-1], rtol=1e-6, atol=0):
            edges = [*starts.tolist(), float(starts[-1] + widths[-1])]
            return {"kind": "hist", "x": self._numbers(edges), "y": self._numbers(heights)}
        return {"kind": "bar", "x": self._numbers(starts + widths / 2), "y": self._numbers(heights)}

    def _numbers(self, values: Any) -> Array | None:
        """Numbers as an array of one dimension; None where they are too many, or none."""
        found = as_numbers(values)
        if found is None or len(found.data) > self.room:
            return None
        self.room -= len(found.data)
        return found


def _guarded(read: Callable[[], Record]) -> Iterator[Record]:
    try:
        yield read()
    except Exception:  # of a kind of its own, or with data that is no numbers
        return


def _text(read: Callable[[], Any]) -> str:
    try:
        return str.__str__(read())[:_TEXT]
    except Exception:  # there is none
        return ""


def as_numbers(values: Any) -> Array | None:
    """Any sequence of numbers, flat and in float64; None where it is none, or too long."""
    flat = _ravel(_asarray(values, dtype=_float64))
    if flat.shape[0] > _POINTS:
        return None
    data = _ascontiguous(flat, "<f8").tobytes()
    return Array("float64", (len(data) // 8,), data)
