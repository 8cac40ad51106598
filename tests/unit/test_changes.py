"""The difference between the cells of two submissions."""

from __future__ import annotations

from grader.domain.rubric import Cell
from grader.notebooks.changes import changes


def cells(*sources: str) -> list[Cell]:
    return [Cell(kind="code", source=one, name=f"cell {n}") for n, one in enumerate(sources, 1)]


def told(before: list[Cell], after: list[Cell]) -> list[list[tuple[str, str]]]:
    return [[(line.kind, line.text) for line in one.lines] for one in changes(before, after).cells]


def test_equal_cells_are_counted_and_not_shown() -> None:
    found = changes(cells("a = 1", "b = 2"), cells("a = 1", "b = 2"))
    assert (found.cells, found.same) == ([], 2)


def test_a_changed_line_stands_between_those_that_are_the_same() -> None:
    assert told(cells("a = 1\nb = 2\nc = 3"), cells("a = 1\nb = 4\nc = 3")) == [
        [("same", "a = 1"), ("removed", "b = 2"), ("added", "b = 4"), ("same", "c = 3")]
    ]


def test_a_cell_that_is_new_or_gone_is_told_from_one_that_changed() -> None:
    (found,) = changes(cells("a = 1"), cells("a = 1", "b = 2")).cells
    assert found.before is None
    assert found.after is not None
    assert [line.kind for line in found.lines] == ["added"]
    (found,) = changes(cells("a = 1", "b = 2"), cells("b = 2")).cells
    assert found.after is None


def test_many_lines_that_are_the_same_are_left_out() -> None:
    same = "\n".join(f"x{n} = {n}" for n in range(50))
    (lines,) = told(cells(f"{same}\nold"), cells(f"{same}\nnew"))
    assert lines[0] == ("left_out", "47 lines that are the same")
    assert lines[1:4] == [("same", f"x{n} = {n}") for n in (47, 48, 49)]
    assert lines[4:] == [("removed", "old"), ("added", "new")]


def test_what_is_too_long_is_not_compared() -> None:
    long = "\n".join(map(str, range(1001)))
    (found,) = changes(cells(long), cells(f"{long}\nmore")).cells
    assert found.lines == []
    many = cells(*map(str, range(401)))
    assert changes(many, cells("0")).is_whole
