"""Where the error of a tensor lies: a heat map, the largest marked, with both values there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from grader.web.pages.pictures.drawing import (
    finite,
    picture,
    shape_text,
    short,
    spoken,
    tag,
    written,
)

# The share of the largest error from which on a cell has each level of colour.
_LEVELS = (0.01, 0.1, 0.3, 0.55, 0.8)
_ACROSS, _DOWN = 384, 240  # pixels of the picture
_LEAST, _MOST = 6, 40  # and of a cell of it
_LONE = 24  # the height of a lone row, and the width of a lone column


def difference(exhibit: Mapping[str, Any]) -> Markup:
    """The error, received less expected, over the tensor as rows and columns."""
    blocks = [[finite(value) for value in row] for row in exhibit["blocks"]]
    columns = max((len(row) for row in blocks), default=0)
    name, shape = short(exhibit["name"]), shape_text(exhibit["shape"])
    if not columns:
        return tag("p", f"{name} has no values.", class_="hint")
    largest = exhibit["largest"]
    most = max((abs(value) for row in blocks for value in row if value is not None), default=0.0)
    side = max(_LEAST, min(_MOST, _ACROSS // columns, _DOWN // len(blocks)))
    width, height = (max(side, min(_LONE, 96 // count)) for count in (columns, len(blocks)))
    where = shape_text(largest["index"])
    heat = picture(
        f"Where {name} differs",
        _told(exhibit, blocks, most),
        tag("rect", width=columns * width, height=len(blocks) * height, class_="zero"),
        *_cells(blocks, most, width, height),
        _mark(exhibit, blocks, width, height),
        class_="heat",
        viewBox=f"-2 -2 {columns * width + 4} {len(blocks) * height + 4}",
        width=columns * width + 4,
        height=len(blocks) * height + 4,
    )
    values = Markup("expected {}, received {}").format(
        tag("code", short(largest["expected"])), tag("code", short(largest["received"]))
    )
    words = Markup("{} of shape {}. Largest error at {}: {}.").format(
        tag("code", name), shape, tag("code", where), values
    )
    caption = tag("figcaption", _scale(blocks, most), tag("span", words), _grouping(exhibit))
    return tag("figure", heat, caption, class_="picture difference")


def _cells(
    blocks: Sequence[Sequence[float | None]], most: float, width: int, height: int
) -> list[Markup]:
    """One path for each level of colour, of stretches of a row that have it."""
    paths: dict[str, list[str]] = {}
    for y, row in enumerate(blocks):
        start = 0
        levels = [_level(value, most) for value in row]
        for x in range(1, len(levels) + 1):
            if x == len(levels) or levels[x] != levels[start]:
                across = (x - start) * width
                stretch = f"M{start * width} {y * height}h{across}v{height}h-{across}z"
                paths.setdefault(levels[start], []).append(stretch)
                start = x
    paths.pop("zero", None)
    return [tag("path", d="".join(stretches), class_=name) for name, stretches in paths.items()]


def _level(value: float | None, most: float) -> str:
    if value is None:
        return "lost"
    level = sum(abs(value) >= share * most for share in _LEVELS) if most else 0
    if not level:
        return "zero"
    return f"{'over' if value > 0 else 'under'}-{level}"


def _mark(
    exhibit: Mapping[str, Any], blocks: Sequence[Sequence[float | None]], width: int, height: int
) -> Markup:
    """An outline around the largest error; both values there on hover."""
    largest = exhibit["largest"]
    row, column = largest.get("row", -1), largest.get("column", -1)
    if not (0 <= row < len(blocks) and 0 <= column < len(blocks[row])):
        return Markup()
    place = {"x": column * width, "y": row * height, "width": width, "height": height}
    told = tag(
        "title",
        f"{shape_text(largest['index'])}: expected {short(largest['expected'])}, "
        f"received {short(largest['received'])}",
    )
    return tag("rect", **place, class_="halo") + tag("rect", told, **place, class_="mark")


def _scale(blocks: Sequence[Sequence[float | None]], most: float) -> Markup:
    """What the colours mean, from the lowest to the highest."""
    names = [f"under-{level}" for level in (5, 4, 3, 2, 1)]
    names += ["zero", *(f"over-{level}" for level in (1, 2, 3, 4, 5))]
    steps = [
        tag("rect", x=8 * at, y=0, width=8, height=12, class_=name) for at, name in enumerate(names)
    ]
    bar = tag("svg", *steps, width=88, height=12, class_="steps", aria_hidden="true")
    parts = [
        tag("span", f"−{written(most)} too low"),
        bar,
        tag("span", f"{written(most)} too high"),
    ]
    if any(value is None for row in blocks for value in row):
        swatch = tag("rect", width=12, height=12, class_="lost")
        parts.append(tag("svg", swatch, width=12, height=12, class_="steps", aria_hidden="true"))
        parts.append(tag("span", "not finite"))
    return tag("span", *parts, class_="scale")


def _grouping(exhibit: Mapping[str, Any]) -> Markup:
    rows, columns = exhibit["rows"], exhibit["columns"]
    if (rows, columns) == (len(exhibit["blocks"]), len(exhibit["blocks"][0])):
        return Markup()
    words = f"Each cell is the largest error of a block of the {rows:,} by {columns:,} values."
    return tag("span", words)


def _told(exhibit: Mapping[str, Any], blocks: Sequence[Sequence[float | None]], most: float) -> str:
    largest = exhibit["largest"]
    cells = [value for row in blocks for value in row]
    far = sum(value is None or abs(value) >= _LEVELS[0] * most > 0 for value in cells)
    what = "values" if len(cells) == exhibit["rows"] * exhibit["columns"] else "blocks of values"
    words = (
        f"Error of {short(exhibit['name'])}, shape {shape_text(exhibit['shape'])}: "
        f"{far:,} of {len(cells):,} {what} differ by at least a hundredth of the largest error. "
        f"That is at index {shape_text(largest['index'])}: expected {spoken(largest['expected'])}, "
        f"received {spoken(largest['received'])}."
    )
    if most:
        words += f" The largest error is {spoken(most)}."
    return words
