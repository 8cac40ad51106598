"""The loss over a training: each run a line, with the thresholds that it had to reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from grader.web.pages.pictures.drawing import (
    LogScale,
    finite,
    percent,
    picture,
    plot,
    short,
    spoken,
    tag,
    written,
)
from grader.web.pages.words import points

_HEIGHT = 200  # of the plot, as static/pictures.css has it
_LINE = 15  # between two labels
_POINTS = 400  # of one line; what is more is thinned
_ALL_POINTS = 2400  # of all lines together


@dataclass(frozen=True)
class _Run:
    """One run: `values` of every `every`th step, None where it is no finite number."""

    label: str
    values: Sequence[float | None]
    every: int
    steps: int
    final: float | None  # as the grader computed it
    counts: bool

    @property
    def end(self) -> float | None:
        """The loss that the run came to."""
        return self.final if self.final is not None else self.last

    @property
    def last(self) -> float | None:
        """The last value seen."""
        return None if self.seen is None else self.values[self.seen]

    @property
    def seen(self) -> int | None:
        """The place of the last value seen."""
        places = range(len(self.values) - 1, -1, -1)
        return next((at for at in places if self.values[at] is not None), None)

    @property
    def is_lost(self) -> bool:
        """Whether the loss was no finite number in the end."""
        return bool(self.values) and self.values[-1] is None

    @property
    def first(self) -> float | None:
        """The first value seen."""
        return next((value for value in self.values if value is not None), None)


def loss_curve(exhibit: Mapping[str, Any]) -> Markup:
    """The runs of a training on a log axis; the one that counts is bold."""
    runs = [_run(one) for one in exhibit["runs"]]
    limits = [(float(one["loss"]), float(one["points"])) for one in exhibit["thresholds"]]
    drawn = [value for run in runs for value in (*run.values, run.final) if value is not None]
    scale = LogScale.around([*drawn, *(limit for limit, _ in limits)])
    if scale is None or not any(value >= 0 for value in drawn):
        return tag("p", "No loss above zero was seen in this training.", class_="hint")
    most = max((run.steps for run in runs), default=0)
    order = sorted(runs, key=lambda run: run.counts)  # the bold one over the others
    room = min(_POINTS, _ALL_POINTS // len(runs))
    paths = [_path(run, scale, most, room) for run in order]
    chart = picture(
        "Loss over the training",
        _told(runs, limits),
        _axis(scale, most),
        plot(*paths),
        *_thresholds(limits, scale),
        *_ends(order, scale, most),
        class_="chart loss-chart",
    )
    return tag("figure", chart, _legend(runs), class_="picture loss")


def _run(one: Mapping[str, Any]) -> _Run:
    values = [finite(value) for value in one["losses"]]
    every = one.get("every", 1)
    return _Run(
        label=short(one["label"]),
        values=values,
        every=every,
        steps=one.get("steps", every * len(values)),
        final=finite(one.get("final")),
        counts=bool(one["counts"]),
    )


def _path(run: _Run, scale: LogScale, most: int, room: int) -> Markup:
    """The line, broken where the loss was no finite number."""
    commands, pen = [], "M"
    for at, value in _thinned(run.values, room):
        if value is None:
            pen = "M"
            continue
        x = 1000 * _across(run, at, most)
        commands.append(f"{pen}{x:.1f} {1000 * (1 - scale.at(value)):.1f}")
        pen = "L"
    return tag("path", d="".join(commands), class_="run counting" if run.counts else "run")


def _across(run: _Run, at: int, most: int) -> float:
    """Where a value stands along the axis of steps."""
    return min(1.0, at * run.every / (most - 1)) if most > 1 else 0.0


def _thinned(values: Sequence[float | None], room: int) -> list[tuple[int, float | None]]:
    """At most `room` values with their places: of each stretch the least and the largest."""
    if len(values) <= room:
        return list(enumerate(values))
    stretches = max(1, room // 2)
    found: list[tuple[int, float | None]] = []
    for number in range(stretches):
        start = number * len(values) // stretches
        stretch = range(start, (number + 1) * len(values) // stretches)
        seen = [(value, at) for at in stretch if (value := values[at]) is not None]
        if not seen:
            found.append((start, None))
            continue
        found += sorted({(at, value) for value, at in (min(seen), max(seen))})
    return found


# -- what is written beside the lines --------------------------------------------------------


def _axis(scale: LogScale, most: int) -> Markup:
    lines = [
        tag("line", x1="0", x2="100%", y1=(y := percent(1 - scale.at(tick))), y2=y, class_="grid")
        + tag("text", written(tick), x=-8, y=y, dy="0.35em", class_="tick before")
        for tick in scale.ticks()
    ]
    steps = [tag("text", "1", x="0", y="100%", dy="1.6em", class_="tick")] if most > 1 else []
    if most:
        words = f"{most:,} backward pass{'es' if most != 1 else ''}"
        steps.append(tag("text", words, x="100%", y="100%", dy="1.6em", class_="tick before"))
    return tag("g", *lines, *steps, aria_hidden="true")


def _thresholds(limits: Sequence[tuple[float, float]], scale: LogScale) -> list[Markup]:
    """Each threshold as a line with its points, the labels apart from each other."""
    found = []
    lowest = float("inf")
    for limit, worth in sorted(limits):
        y = 1 - scale.at(limit)
        found.append(
            tag("line", x1="0", x2="100%", y1=percent(y), y2=percent(y), class_="threshold")
        )
        label = min(_HEIGHT * y - 5, lowest - _LINE)
        lowest = label
        words = f"{written(limit)}: {points(worth)} point{'' if worth == 1 else 's'}"
        # Most curves are steep before it and have their end behind it.
        found.append(tag("text", words, x="76%", y=f"{label:.1f}", class_="label before"))
    return found


def _ends(runs: Sequence[_Run], scale: LogScale, most: int) -> list[Markup]:
    """A dot where each run ended, with the value of the one that counts."""
    found = []
    for run in runs:
        if run.end is None:
            continue
        across = 1.0
        if most and run.steps:
            across = (
                run.steps / most if run.final is not None else _across(run, run.seen or 0, most)
            )
        x, y = percent(across), percent(1 - scale.at(run.end))
        name = tag("title", f"{run.label}: {written(run.end)}")
        kind = "end counting" if run.counts else "end"
        found.append(tag("circle", name, cx=x, cy=y, r=5 if run.counts else 3, class_=kind))
        if run.counts:
            anchor = "label before" if across > 0.5 else "label"
            found.append(
                tag("text", written(run.end), x=x, y=y, dy="-0.8em", class_=f"{anchor} value")
            )
    return found


def _legend(runs: Sequence[_Run]) -> Markup:
    others = sum(not run.counts for run in runs)
    parts = []
    for run in runs:
        if run.counts:
            end = f": {written(run.end)}" if run.end is not None else ""
            parts.append(tag("span", f"{run.label} counts{end}", class_="key counting"))
            if run.is_lost:
                parts.append(tag("span", "its loss was no finite number in the end"))
            elif not run.values:
                parts.append(tag("span", "no loss was seen on the way"))
    if others == len(runs):
        words = "1 run" if others == 1 else f"{others} runs"
        parts.append(tag("span", f"{words}, of which none counts", class_="key"))
    elif others:
        words = "1 other run" if others == 1 else f"{others} other runs"
        parts.append(tag("span", words, class_="key"))
    return tag("figcaption", *parts)


def _told(runs: Sequence[_Run], limits: Sequence[tuple[float, float]]) -> str:
    sentences = []
    for run in runs:
        words = run.label + (", which counts" if run.counts else "")
        if run.first is not None and run.last is not None:
            words += f": from {spoken(run.first)} to {spoken(run.last)} in {run.steps:,} steps"
        if run.final is not None:
            words += f"; the loss of the trained model is {spoken(run.final)}"
        if run.is_lost:
            words += "; it was no finite number in the end"
        sentences.append(words + ".")
    for limit, worth in sorted(limits, reverse=True):
        sentences.append(f"{points(worth)} points for a loss below {spoken(limit)}.")
    return " ".join(sentences)
