"""Whatever is handed in, reading it ends in cells or in a NotASubmission, and soon."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.errors import NotASubmission
from grader.notebooks.names import definitions, python_source
from grader.notebooks.read import MAX_CELLS, parse
from tests.unit._builders import code, notebook

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["code", "markdown", "heading", "# chainrule: a", "%%time", "z1 ="]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "cells",
                    "worksheets",
                    "nbformat",
                    "metadata",
                    "cell_type",
                    "source",
                    "input",
                    "tags",
                    "level",
                    "kernelspec",
                    "language_info",
                    "name",
                    "language",
                    "version",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)
LINES = st.sampled_from(
    [
        "",
        "# %%",
        "# %% [md]",
        "# In[1]:",
        "# words",
        "#",
        "x = 1",
        "def f():",
        "    return (",
        "    # in",
        ")",
        "x = [",
        "]",
        "@d",
        "class",
        "else:",
        "lambda: (y :=",
        "f'{x",
        "'''",
        '"""',
        "\\",
        "!ls \\",
        "x = !ls",
        "obj?",
        "%time",
        "%%time",
        "# chainrule: a",
        "\x00",
        "\x0c",
        "\u2028",
        "",
    ]
)


def survives(name: str, data: bytes) -> None:
    """Reads all that the pipeline reads of a submission."""
    try:
        submission = parse(name, data)
    except NotASubmission:
        return
    json.dumps([cell.source for cell in submission.cells], ensure_ascii=False).encode()
    definitions([python_source(cell.source) for cell in submission.cells if cell.kind == "code"])


@given(st.binary(max_size=200), st.sampled_from(["a.ipynb", "a.py", "a.txt", ""]))
def test_any_bytes(data: bytes, name: str) -> None:
    survives(name, data)


@given(JSON)
@settings(max_examples=300)
def test_any_json(document: object) -> None:
    survives("a.ipynb", json.dumps(document).encode())


@given(st.lists(JSON, max_size=4), JSON)
def test_any_cells_and_metadata(cells: list[object], metadata: object) -> None:
    survives("a.ipynb", notebook(*cells, metadata=metadata))


@given(st.binary(min_size=1), st.integers(0, 400))
def test_a_notebook_with_bytes_written_over_it(patch: bytes, at: int) -> None:
    data = notebook(code("x = 1"), code("def f(): ..."))
    survives("a.ipynb", data[:at] + patch + data[at + len(patch) :])


@given(st.integers(0, 400))
def test_a_notebook_that_is_cut_off(length: int) -> None:
    data = notebook(code("x = 1"), code("def f(): ..."))
    survives("a.ipynb", data[:length])


@given(st.lists(LINES, max_size=25))
@settings(max_examples=300)
def test_any_python_file(lines: list[str]) -> None:
    survives("a.py", "\n".join(lines).encode())


@given(st.lists(LINES, max_size=25))
@settings(max_examples=300)
def test_no_line_of_a_python_file_is_lost_or_run_twice(lines: list[str]) -> None:
    numbered = [f"x{number} = 0\n{line}" for number, line in enumerate(lines)]
    source = "\n".join([*numbered, "z1 ="])  # so that it never parses as a whole
    sources = [cell.source for cell in parse("a.py", source.encode()).cells]

    for number in range(len(lines)):
        assert sum(text.count(f"x{number} = 0") for text in sources) == 1


@given(st.lists(LINES, max_size=12))
@settings(max_examples=300)
def test_python_source_keeps_lines_where_they_are(lines: list[str]) -> None:
    source = "\n".join(lines)
    plain = python_source(source)

    assert plain is None or plain.count("\n") == source.count("\n")


@pytest.mark.parametrize(
    "source",
    [
        "(\n" * 100_000,
        "'''\na\n" * 20_000,
        "x = [\n" * 2_500 + "z =",
        "\\\n" * 100_000,
        "z =\n" + "# words\n\n" * 5_000,
    ],
    ids=["brackets", "strings", "open lists", "continued lines", "comments"],
)
def test_files_of_very_many_pieces_are_refused(source: str) -> None:
    with pytest.raises(NotASubmission, match=f"more than {MAX_CELLS} cells"):
        parse("a.py", source.encode())


@pytest.mark.parametrize(
    "source",
    [
        "-" * 200_000 + "1",
        "x" + ".a" * 100_000,
        "x = " + "(" * 1_000 + ")" * 1_000,
        " " * 500_000 + "chainrule:",
        "if a:\n" + "  %x\n" * 50_000,
        "%" * 500_000,
        "x = " * 100_000 + "1",
        "a?\n" * 100_000,
        "if a: pass\n" + "elif a: pass\n" * 3_000,
    ],
    ids=["signs", "dots", "parentheses", "spaces", "magics", "percents", "targets", "help", "elif"],
)
def test_code_that_is_hard_on_parsers_is_survived(source: str) -> None:
    survives("a.ipynb", notebook(code(source)))


@pytest.mark.parametrize("filler", ["[],", '{"":0},', "[", "0,", '"ab",'])
def test_json_of_too_many_values_is_refused_before_it_is_decoded(filler: str) -> None:
    start = '{"nbformat": 4, "metadata": {}, "cells": [], "x": ['
    text = start + filler * ((8 << 20) // len(filler)) + "0]}"

    tracemalloc.start()
    try:
        with pytest.raises(NotASubmission, match="more values than a notebook needs"):
            parse("a.ipynb", text.encode())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200 << 20


def test_commas_and_brackets_in_text_are_no_values() -> None:
    source = 'print("[{,", [1, 2])\\n# \\\\"[[[' * 5000
    document = f'{{"cells": [{{"cell_type": "code", "source": "{json_text(source)}"}}]}}'

    assert source in parse("a.ipynb", document.encode()).cells[0].source


def json_text(text: str) -> str:
    return json.dumps(text)[1:-1]
