"""The fields of a form come with a submission: in a notebook's metadata, in a file's comments."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.notebooks.fields import MAX_CHARS, MAX_FIELDS, fields_of_lines, fields_of_metadata
from grader.notebooks.read import parse


def of_notebook(answers: Any) -> Any:
    document = {"cells": [], "nbformat": 4, "metadata": {"chainrule": {"answers": answers}}}
    return parse("a.ipynb", json.dumps(document).encode()).answers


def test_a_notebook_has_them_in_its_metadata() -> None:
    assert of_notebook({"q1": "B, E", "q2": "(100, 2)"}) == {"q1": "B, E", "q2": "(100, 2)"}


def test_a_file_has_them_in_comments_and_the_last_one_of_a_name_counts() -> None:
    source = (
        b"import torch\r\n# chainrule: answer q1 = A\r\n#chainrule:answer q2=x = 3 \r\n"
        b"def f():\r\n    # chainrule: answer q3 = inside\r\n    pass\r\n"
        b"# chainrule: answer q1 = B, E\r\n# chainrule: ex1\r\n"
    )
    submission = parse("a.py", source)
    assert submission.answers == {"q1": "B, E", "q2": "x = 3"}
    assert "q1" not in {marker for cell in submission.cells for marker in cell.markers}


def test_numbers_are_text_and_what_else_there_is_does_not_count() -> None:
    given = {"a": 3, "b": 0.25, "c": True, "d": None, "e": ["x"], "f": {}, "no name": "x", "": "x"}
    assert of_notebook(given) == {"a": "3", "b": "0.25", "c": "True"}


@pytest.mark.parametrize("answers", [None, [], "x", 3, {"q1": []}])
def test_metadata_without_any_has_none(answers: Any) -> None:
    assert of_notebook(answers) == {}
    assert fields_of_metadata(answers) == {}


def test_they_are_bounded() -> None:
    many = {f"q{number}": "x" * 9_000 for number in range(1_000)}
    found = of_notebook(many)
    assert len(found) == MAX_FIELDS
    assert {len(text) for text in found.values()} == {MAX_CHARS}


def test_a_lone_surrogate_becomes_storable() -> None:
    assert of_notebook({"q1": "\ud800"})["q1"].encode() == b"?"


@given(st.text(alphabet=st.characters(codec="utf-8")) | st.just("# chainrule: answer a =\n"))
def test_any_lines_are_read(text: str) -> None:
    assert all(isinstance(value, str) for value in fields_of_lines(f"{text}\n# chainrule: {text}"))
