"""What is different between two submissions, cell by cell and line by line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from grader.domain.rubric import Cell

# Comparing takes the product of the lengths at worst: what is longer is told apart as a whole.
_MOST_CELLS = 400
_MOST_LINES = 1000
_AROUND = 3  # lines that are the same, shown about each change

Kind = Literal["same", "removed", "added", "left_out"]


@dataclass(frozen=True)
class Line:
    """A line of the earlier cell, the later or both; or so many that are the same, left out."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class CellChange:
    """A cell that is not the same in both; None where one of them does not have it.

    `lines` is empty where the cell is too long to be compared line by line.
    """

    before: Cell | None
    after: Cell | None
    lines: Sequence[Line]


@dataclass(frozen=True)
class Changes:
    """The cells that changed, and how many did not. `is_whole`: too many cells to tell apart."""

    cells: Sequence[CellChange]
    same: int
    is_whole: bool = False


def changes(before: Sequence[Cell], after: Sequence[Cell]) -> Changes:
    """What was done to the cells of one submission to make the other's."""
    if max(len(before), len(after)) > _MOST_CELLS:
        return Changes([], 0, is_whole=True)
    matcher = SequenceMatcher(
        None, [(cell.kind, cell.source) for cell in before], [(c.kind, c.source) for c in after]
    )
    found: list[CellChange] = []
    same = 0
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            same += i2 - i1
            continue
        olds: list[Cell | None] = [*before[i1:i2]]
        news: list[Cell | None] = [*after[j1:j2]]
        longest = max(len(olds), len(news))
        olds += [None] * (longest - len(olds))
        news += [None] * (longest - len(news))
        found += [CellChange(a, b, _lines(a, b)) for a, b in zip(olds, news, strict=True)]
    return Changes(found, same)


def _lines(before: Cell | None, after: Cell | None) -> list[Line]:
    old = before.source.split("\n") if before else []
    new = after.source.split("\n") if after else []
    if max(len(old), len(new)) > _MOST_LINES:
        return []
    return list(_told(old, new))


def _told(old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new).get_opcodes():
        if tag == "equal":
            yield from _around(old[i1:i2], is_first=i1 == 0, is_last=i2 == len(old))
            continue
        yield from (Line("removed", text) for text in old[i1:i2])
        yield from (Line("added", text) for text in new[j1:j2])


def _around(lines: Sequence[str], *, is_first: bool, is_last: bool) -> Iterator[Line]:
    head = 0 if is_first else _AROUND
    tail = 0 if is_last else _AROUND
    hidden = len(lines) - head - tail
    if hidden <= 1:
        yield from (Line("same", text) for text in lines)
        return
    yield from (Line("same", text) for text in lines[:head])
    yield Line("left_out", f"{hidden} lines that are the same")
    yield from (Line("same", text) for text in lines[len(lines) - tail :])
