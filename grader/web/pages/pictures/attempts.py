"""Attempts along time: a dot for each, with the due date as a line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from grader.web.pages.pictures.drawing import own, percent, tag

_APART = 0.075  # dots nearer than this share of the width get a lane of their own
_LANES, _LANE = 4, 24  # how many, and how many pixels each is high

Attempt = tuple[datetime, str, str | None, bool]


def attempt_strip(attempts: Sequence[Attempt], due_at: datetime | None, zone: str) -> Markup:
    """A dot for each attempt (when, what it is called, where it is, whether it counts)."""
    if not attempts:
        return tag("p", "No attempts yet.", class_="hint")
    ordered = sorted(attempts, key=lambda one: one[0])
    moments = [at for at, *_ in ordered] + ([due_at] if due_at else [])
    first, last = min(moments), max(moments)

    def share(at: datetime) -> float:
        return (at - first) / (last - first) if last > first else 0.5

    lanes = _lanes([share(at) for at, *_ in ordered])
    height = (max(lanes) + 1) * _LANE
    drawn = [tag("line", x1="0", x2="100%", y1=height, y2=height, class_="base")]
    if due_at is not None:
        drawn += _due(share(due_at), _said(due_at, zone), height)
    if last > first:
        drawn += [
            tag("text", _day(first, zone), x="0", y=height, dy="1.5em", class_="tick"),
            tag("text", _day(last, zone), x="100%", y=height, dy="1.5em", class_="tick before"),
        ]
    else:
        drawn.append(
            tag("text", _day(first, zone), x="50%", y=height, dy="1.5em", class_="tick middle")
        )
    for (at, label, href, counts), lane in zip(ordered, lanes, strict=True):
        y = height - lane * _LANE - _LANE / 2
        drawn.append(_dot(share(at), y, f"{label}, {_said(at, zone)}", href, counts))
    counting = next((label for _, label, _, counts in ordered if counts), None)
    told = f"{len(ordered)} attempt{'' if len(ordered) == 1 else 's'} over time"
    title = f"{told}; {counting} counts" if counting else told
    chart = tag(
        "svg",
        tag("title", title),
        *drawn,
        role="group",
        aria_label=title,
        height=height + 48,
        class_="chart strip",
    )
    return tag("figure", chart, _legend(ordered), class_="picture attempts")


def _legend(attempts: Sequence[Attempt]) -> Markup:
    kinds = {counts for *_, counts in attempts}
    parts = [tag("span", "counts", class_="spot counting")] if True in kinds else []
    if False in kinds:
        words = "does not count" if True in kinds else "handed in"
        parts.append(tag("span", words, class_="spot"))
    return tag("figcaption", *parts)


def _lanes(shares: Sequence[float]) -> list[int]:
    """For each dot a lane in which nothing is too near before it."""
    ends: list[float] = []
    found = []
    for share in shares:
        free = next((at for at, end in enumerate(ends) if share - end >= _APART), None)
        if free is None and len(ends) < _LANES:
            free = len(ends)
            ends.append(share)
        elif free is None:
            free = min(range(len(ends)), key=lambda at: ends[at])
        ends[free] = share
        found.append(free)
    return found


def _dot(share: float, y: float, words: str, href: str | None, counts: bool) -> Markup:
    """One attempt; the ring around the one that counts tells it from the others."""
    x = percent(share)
    parts = [tag("title", words + (" (counts)" if counts else ""))]
    parts.append(tag("circle", cx=x, cy=y, r=12, class_="reach"))
    if counts:
        parts.append(tag("circle", cx=x, cy=y, r=9, class_="ring"))
    parts.append(tag("circle", cx=x, cy=y, r=5, class_="dot counting" if counts else "dot"))
    link = own(href)
    if link is None:
        return tag("g", *parts)
    return tag("a", *parts, href=link, aria_label=words + (", counts" if counts else ""))


def _due(share: float, words: str, height: int) -> list[Markup]:
    x = percent(share)
    side = "label before" if share > 0.5 else "label"
    return [
        tag("line", x1=x, x2=x, y1="-6", y2=height + 4, class_="due"),
        tag("text", f"due {words}", x=x, y="-10", class_=side),
    ]


def _said(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%a %d %b, %H:%M}"


def _day(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%d %b}"
