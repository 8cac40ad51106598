"""Notebooks are read as people and tools write them, and refused with what to do about it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from grader.errors import NotASubmission
from grader.notebooks.read import MAX_CELLS, MAX_CODE_CHARS, MAX_FILE_BYTES, parse, read_submission
from tests.unit._builders import code, notebook, words

PYTHON_3 = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}


def sources(data: bytes, name: str = "a.ipynb") -> list[str]:
    return [cell.source for cell in parse(name, data).cells]


def refusal(data: bytes, name: str = "a.ipynb") -> str:
    with pytest.raises(NotASubmission) as caught:
        parse(name, data)
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert "\n" not in message
    return message


def test_cells_come_in_order_with_the_names_that_people_count_by() -> None:
    cells = parse("a.ipynb", notebook(words("# Hello"), code("x = 1"), code("y = 2"))).cells

    assert [(cell.kind, cell.source, cell.name) for cell in cells] == [
        ("markdown", "# Hello", "cell 1"),
        ("code", "x = 1", "cell 2"),
        ("code", "y = 2", "cell 3"),
    ]


def test_the_file_is_named_by_the_hash_of_its_bytes() -> None:
    info = parse("A.IPYNB", notebook()).info

    assert (info.name, info.format) == ("A.IPYNB", "ipynb")
    assert len(info.sha256) == 64
    assert info.sha256 != parse("a.ipynb", notebook(code(""))).info.sha256


@pytest.mark.parametrize("source", ["a = 1\nb = 2", ["a = 1\n", "b = 2"], "a = 1\r\nb = 2"])
def test_source_is_a_string_or_a_list_with_any_line_ends(source: str | list[str]) -> None:
    assert sources(notebook(code(source))) == ["a = 1\nb = 2"]


def test_a_byte_order_mark_is_no_part_of_the_notebook() -> None:
    assert sources(b"\xef\xbb\xbf" + notebook(code("x"))) == ["x"]


def test_a_notebook_needs_no_ids_no_kernel_and_no_metadata() -> None:
    data = json.dumps({"cells": [{"cell_type": "code", "source": "x"}]}).encode()

    assert sources(data) == ["x"]


def test_colab_metadata_and_stored_outputs_are_of_no_interest() -> None:
    picture = {"output_type": "display_data", "data": {"image/png": "A" * 4_000_000}}
    colab = {"colab": {"provenance": []}, "accelerator": "GPU", **PYTHON_3}

    assert sources(notebook(code("x", outputs=[picture]), metadata=colab)) == ["x"]


def test_format_3_has_worksheets_inputs_and_headings() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["Exercise 3"]},
        {"cell_type": "code", "language": "python", "input": ["x = 1\n", "y = 2"]},
        {"cell_type": "markdown", "source": "yes"},
    ]
    data = notebook(nbformat=3, cells=None, worksheets=[{"cells": cells}])

    assert sources(data) == ["## Exercise 3", "x = 1\ny = 2", "yes"]


def test_raw_cells_are_words() -> None:
    [cell] = parse("a.ipynb", notebook({"cell_type": "raw", "source": "answer"})).cells

    assert cell.kind == "markdown"


def test_lone_surrogates_are_replaced() -> None:
    assert sources(notebook(code("s = '\ud800'"))) == ["s = '?'"]


@pytest.mark.parametrize(
    ("cell", "markers"),
    [
        (code("# chainrule: ex1-forward\ndef forward(x): ..."), ("ex1-forward",)),
        (code("x = 1\n  #chainrule:ex2  \n"), ("ex2",)),
        (words("<!-- chainrule: ex3 -->\nbecause"), ("ex3",)),
        (code("x", metadata={"tags": ["chainrule:ex4", "other", 3]}), ("ex4",)),
        (code("# chainrule: a\n# chainrule: b\n# chainrule: a"), ("a", "b")),
        (code("print('chainrule: ex1')  # chainrule: ex1"), ()),
        (code("# chainrule: two words"), ()),
    ],
)
def test_markers_are_comment_lines_and_tags(
    cell: dict[str, object], markers: tuple[str, ...]
) -> None:
    assert parse("a.ipynb", notebook(cell)).cells[0].markers == markers


@pytest.mark.parametrize(
    ("metadata", "kernel"),
    [
        ({"kernelspec": {"name": "ir", "display_name": "R"}}, "R"),
        ({"kernelspec": {"name": "julia-1.9", "language": "julia"}}, "julia"),
        ({"language_info": {"name": "scala"}}, "scala"),
        ({"kernelspec": {"name": "python2", "language": "python"}}, "Python 2"),
        ({"language_info": {"name": "python", "version": "2.7.15"}}, "Python 2"),
    ],
)
def test_other_kernels_are_refused_by_name(metadata: dict[str, object], kernel: str) -> None:
    message = refusal(notebook(code("x"), metadata=metadata))

    assert f"kernel is {kernel}" in message
    assert "choose a Python 3 kernel" in message


@pytest.mark.parametrize(
    "metadata",
    [
        PYTHON_3,
        {"kernelspec": {"name": "conda-env-torch-py", "language": "python"}},
        {"kernelspec": {"name": "python3"}, "language_info": {"name": "python", "version": "2.7"}},
        {"kernelspec": "odd", "language_info": 3},
    ],
)
def test_python_3_is_not_refused(metadata: dict[str, object]) -> None:
    assert sources(notebook(code("x"), metadata=metadata)) == ["x"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"PK\x03\x04rest", "zip archive"),
        (b"%PDF-1.7", "a PDF"),
        (b"\n<!DOCTYPE html><html>", "an HTML page"),
        (b"\xff\xfe{\x00", "UTF-16"),
        (b'{"a":\n "\xe9"}', "line 2 of it is not UTF-8"),
        (b'{"cells": [{"cell_type": "co', "cut off"),
        (b'{"cells": [}', "not valid JSON"),
        (b"[1, 2]", "JSON object"),
        (b'{"metadata": {}}', "no list of cells"),
        (b'{"nbformat": 2, "worksheets": []}', "notebook format 2"),
        (b'{"nbformat": 3}', "worksheets"),
        (b'{"nbformat": 3, "worksheets": [4]}', "worksheet"),
        (b"import torch\nx = 1\n", "as a .py file"),
        (b'{"cells": [\n<<<<<<< HEAD\n', "merge conflict"),
        (b'{"cells": [' + b"9" * 5000 + b"]}", "too long"),
        (b"[" * 90_000, "nested too deeply"),
        (b'{"cells": 3}', "no list of cells"),
    ],
)
def test_what_is_no_notebook_is_refused_with_the_reason(data: bytes, words: str) -> None:
    assert words in refusal(data)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (7, "cell 2 is no JSON object"),
        (code(3), "source of cell 2"),  # type: ignore[arg-type]
        (code(["a", 3]), "source of cell 2"),  # type: ignore[list-item]
        ({"cell_type": "video", "source": ""}, "cell 2 has the unknown type 'video'"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named(cell: object, words: str) -> None:
    assert words in refusal(notebook(code("x"), cell))


def test_bounds_are_named_with_what_to_do() -> None:
    assert "clear its outputs" in refusal(b"{" * (MAX_FILE_BYTES + 1))
    assert f"more than {MAX_CELLS} cells" in refusal(notebook(*[code("")] * (MAX_CELLS + 1)))
    assert "of code" in refusal(notebook(code("x" * (MAX_CODE_CHARS + 1))))
    assert "of code" in refusal(b"x" * (MAX_CODE_CHARS + 1), "a.py")


def test_words_may_be_as_long_as_the_file() -> None:
    pasted = f"![](data:image/png;base64,{'A' * (MAX_CODE_CHARS + 1)})"

    assert sources(notebook(words(pasted))) == [pasted]


def test_only_the_two_suffixes_are_graded() -> None:
    assert "only .ipynb and .py" in refusal(notebook(), "a.json")
    assert "name it .ipynb" in refusal(notebook(code("x")), "a.py")


def test_a_hostile_file_name_reaches_no_terminal() -> None:
    with pytest.raises(NotASubmission) as caught:
        parse("\x1b[2J\nowned\u202e.ipynb", b"")

    assert str(caught.value).startswith("\\x1b[2J owned\\u202e.ipynb: ")


def test_files_are_read_from_disk(tmp_path: Path) -> None:
    path = tmp_path / "mine.ipynb"
    path.write_bytes(notebook(code("x")))

    assert read_submission(path).info.name == "mine.ipynb"
    assert read_submission(path, "group/mine.ipynb").info.name == "group/mine.ipynb"


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.py"
    os.mkfifo(pipe)
    with pytest.raises(NotASubmission, match="is a folder"):
        read_submission(tmp_path)
    with pytest.raises(NotASubmission, match="does not exist"):
        read_submission(tmp_path / "no.py")
    with pytest.raises(NotASubmission, match="no regular file"):
        read_submission(pipe)
