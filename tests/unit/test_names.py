"""Where names are bound is read from the code, magics or not."""

from __future__ import annotations

from textwrap import dedent

import pytest

from grader.domain.rubric import Cell, Place
from grader.notebooks.names import definitions, place_of, python_source


def bound(*sources: str) -> dict[str, list[int]]:
    return definitions([python_source(dedent(source)) for source in sources])


@pytest.mark.parametrize("source", ["", "x = 1", "await f()", "def f(): return", "x = '!a'"])
def test_plain_python_stays_as_it_is(source: str) -> None:
    assert python_source(source) == source


@pytest.mark.parametrize(
    ("source", "plain"),
    [
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("!pip install torch\nx = 1", "pass\nx = 1"),
        ("if a:\n    !ls\n    x = 1", "if a:\n    pass\n    x = 1"),
        ("files = !ls\nhere, n = %pwd", "files = None\nhere, n = None"),
        ("torch.relu?\n??x", "pass\npass"),
        ("%time m = f()", "m = f()"),
        ("!wget a \\\n  b\nx = 1", "pass\n\nx = 1"),
        ("%%time\nx = 1", "\nx = 1"),
        ("%%capture out\n%%time\nx = 1", "\n\nx = 1"),
        ("    x = 1\n    y = 2", "x = 1\ny = 2"),
        ("s = '''\n!no escape\n'''\n!ls", "s = '''\n!no escape\n'''\npass"),
    ],
)
def test_magics_and_escapes_are_replaced_line_for_line(source: str, plain: str) -> None:
    assert python_source(source) == plain


@pytest.mark.parametrize(
    "source",
    ["z1 = ", "%%bash\nls", "%%html\n<b>", "%%writefile a.py\nx = 1", "def f(:", "x = (", "a\0b"],
)
def test_what_is_no_python_is_none(source: str) -> None:
    assert python_source(source) is None


def test_what_does_not_parse_binds_nothing() -> None:
    assert bound("x = 1", "y = ", "x = 2") == {"x": [0, 2]}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f(a): b = 1", {"f"}),
        ("async def f(): ...", {"f"}),
        ("class C:\n    d = 1", {"C"}),
        ("a, (b, *c) = 1, (2, 3)", {"a", "b", "c"}),
        ("a = b = 1", {"a", "b"}),
        ("a: int = 1", {"a"}),
        ("a: int", set()),
        ("a += 1", {"a"}),
        ("for i, j in x: k = 1", {"i", "j", "k"}),
        ("while (n := f()): pass", {"n"}),
        ("with f() as a, g() as (b, c): d = 1", {"a", "b", "c", "d"}),
        ("import a.b, c as d\nfrom e import f as g, h", {"a", "d", "g", "h"}),
        ("if x:\n    a = 1\nelse:\n    b = 1", {"a", "b"}),
        ("try:\n    a = 1\nexcept E as e:\n    b = 1\nfinally:\n    c = 1", {"a", "b", "c"}),
        ("match x:\n    case [a, *b]: c = 1\n    case {'k': d, **e}: pass", set("abcde")),
        ("a = [i for i in x if (b := i)]", {"a", "b"}),
        ("f = lambda: (a := 1)", {"f"}),
        ("W.grad = None\nW[0] = 1\ndel q", set()),
        ("%%time\na = 1", {"a"}),
    ],
)
def test_everything_that_binds_at_top_level_counts(source: str, names: set[str]) -> None:
    assert set(bound(source)) == names


def test_a_cell_counts_once_for_a_name() -> None:
    assert bound("x = 1\nx = 2", "y = 1", "x = 3") == {"x": [0, 2], "y": [1]}


CODE = (
    Cell(kind="code", source="def f(): ...", name="cell 1", markers=("ex1",)),
    Cell(kind="code", source="x = 1", name="cell 2"),
    Cell(kind="code", source="def f(): ...", name="cell 4", markers=("ex1",)),
)
DEFINED = definitions([cell.source for cell in CODE])


@pytest.mark.parametrize(
    ("place", "cell"),
    [
        (Place(first_definition="f"), 0),
        (Place(last_definition="f"), 2),
        (Place(last_definition="x"), 1),
        (Place(first_definition="nowhere"), None),
        (Place(last_definition="nowhere"), None),
        (Place(marker="ex1"), 2),
        (Place(marker="ex2"), None),
        (Place(end=True), None),
        (Place(trained=True), None),
    ],
)
def test_places_are_code_cells(place: Place, cell: int | None) -> None:
    assert place_of(place, CODE, DEFINED) == cell
