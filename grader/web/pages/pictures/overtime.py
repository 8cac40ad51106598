"""What came in over time, and with which scores: two pictures over the same days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from grader.web.pages.pictures.drawing import picture, plot, tag, written

_WIDE = 0.86  # of a column's room
_LINE = 26  # thousandths of the height


@dataclass(frozen=True)
class Span:
    """Days from `first` on: how many arrived, and the quartiles of their scores if any has one."""

    first: date
    count: int
    quartiles: tuple[float, float, float] | None = None


def arrivals(spans: Sequence[Span]) -> Markup:
    """How many arrived in each."""
    most = max((one.count for one in spans), default=0)
    if not most:
        return Markup()
    columns = [
        _column(at, spans, 0.0, one.count / most, "column", f"{_day(one)}: {one.count:,}")
        for at, one in enumerate(spans)
    ]
    told = f"At most {most:,} at a time. The table below has all numbers."
    chart = picture("Submissions over time", told, plot(*columns))
    words = f"at most {most:,} submission{'' if most == 1 else 's'}"
    return _figure(spans, chart, words)


def scores_over_time(spans: Sequence[Span], highest: float) -> Markup:
    """The median score of each, and where the middle half of the scores lies."""
    scored = [one for one in spans if one.quartiles is not None]
    if not scored or highest <= 0:
        return Markup()
    drawn = []
    for at, one in enumerate(spans):
        if one.quartiles is None:
            continue
        low, median, high = (min(1.0, max(0.0, value / highest)) for value in one.quartiles)
        drawn.append(_column(at, spans, low, high, "half", _words(one)))
        line = min(1 - _LINE / 1000, max(0.0, median - _LINE / 2000))
        drawn.append(_column(at, spans, line, line + _LINE / 1000, "median", _words(one)))
    first, last = scored[0], scored[-1]
    told = f"{_words(first)}. {_words(last)}. " if first is not last else f"{_words(first)}. "
    told += "The table below has all numbers."
    chart = picture("Scores over time", told, plot(*drawn))
    return _figure(spans, chart, f"median and middle half, of {written(highest)}")


def _column(
    at: int, spans: Sequence[Span], low: float, high: float, kind: str, words: str
) -> Markup:
    width = 1000 / len(spans)
    return tag(
        "rect",
        tag("title", words),
        x=f"{at * width + width * (1 - _WIDE) / 2:.1f}",
        width=f"{width * _WIDE:.1f}",
        y=f"{1000 * (1 - high):.1f}",
        height=f"{1000 * (high - low):.1f}",
        class_=kind,
    )


def _figure(spans: Sequence[Span], chart: Markup, words: str) -> Markup:
    ends = [tag("span", f"{one.first:%d %b %Y}") for one in (spans[0], spans[-1])]
    caption = tag("figcaption", ends[0], tag("span", words), ends[1])
    return tag("figure", chart, caption, class_="over-time")


def _day(one: Span) -> str:
    return f"{one.first:%a %d %b %Y}"


def _words(one: Span) -> str:
    assert one.quartiles is not None
    low, median, high = map(written, one.quartiles)
    return f"{_day(one)}: median {median}, the middle half from {low} to {high}"
