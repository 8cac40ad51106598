"""How far each gradient is off: bars on a log axis with the tolerance drawn in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from grader.web.pages.pictures.drawing import LogScale, finite, percent, short, tag, written

_WORDS = {"right": "right", "followed": "right for your own forward pass", "wrong": "wrong"}


def gradients(exhibit: Mapping[str, Any]) -> Markup:
    """A row for each gradient: its relative error beside its tolerance, and what is wrong, which
    is said once where it is the same of all."""
    parts = exhibit["parts"]
    if not parts:
        return tag("p", "No gradient was compared.", class_="hint")
    scale = _scale(parts)
    causes = [one["cause"] for one in parts if one["cause"]]
    shared = causes[0] if len(causes) > 1 and len(set(causes)) == 1 else None
    rows = [_row(one, scale, one["cause"] if shared is None else None) for one in parts]
    heads = ("Gradient of", "Relative error")
    head = tag("thead", tag("tr", *(tag("th", one, scope="col") for one in heads)))
    table = tag("table", head, tag("tbody", *rows))
    note = "Bars have a logarithmic scale; the upright line is the tolerance."
    said = [] if shared is None else [tag("span", short(shared, 200), class_="cause")]
    caption = tag("figcaption", *said, tag("span", note))
    return tag("figure", tag("div", table, class_="scroll"), caption, class_="picture gradients")


def _scale(parts: Sequence[Mapping[str, Any]]) -> LogScale:
    """From well below the tolerances to the largest error."""
    limits = [limit for one in parts if (limit := finite(one["tolerance"])) and limit > 0]
    errors = [error for one in parts if (error := finite(one["error"])) and error > 0]
    low = min(limits, default=1e-4) / 1000
    high = max([*errors, max(limits, default=1e-4) * 100])
    found = LogScale.around([low, min(high, low * 1e12)], room=1.0)
    assert found is not None
    return found


def _row(one: Mapping[str, Any], scale: LogScale, cause: str | None) -> Markup:
    outcome = one["outcome"] if one["outcome"] in _WORDS else "wrong"
    name = [tag("code", short(one["name"]))]
    if cause:
        name.append(tag("span", short(cause, 200), class_="cause"))
    error, limit = finite(one["error"]), finite(one["tolerance"])
    numbers = "not comparable" if error is None else written(error)
    if limit is not None and error is not None:
        numbers += f", tolerance {written(limit)}"
    found = tag("span", _WORDS[outcome], class_=f"found {outcome}")
    told = tag("span", found, ": ", numbers, class_="numbers")
    bar = _bar(error, limit, outcome, scale)
    return tag("tr", tag("th", *name, scope="row"), tag("td", bar, told, class_="measure"))


def _bar(error: float | None, limit: float | None, outcome: str, scale: LogScale) -> Markup:
    """The number beside it says the same."""
    drawn = [tag("rect", width="100%", height="12", y="4", class_="track")]
    if error is not None:
        share = max(0.01, scale.at(error))
        drawn.append(tag("rect", width=percent(share), height="12", y="4", class_=f"bar {outcome}"))
    if limit is not None and limit > 0:
        x = percent(scale.at(limit))
        drawn.append(tag("line", x1=x, x2=x, y1="0", y2="20", class_="threshold"))
    return tag("svg", *drawn, class_="bar-chart", aria_hidden="true")
