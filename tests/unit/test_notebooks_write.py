"""The executed notebook is valid whatever the student's process said, and bounded."""

from __future__ import annotations

import json
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.domain.outcomes import Outcome
from grader.domain.results import CellOutput
from grader.notebooks import write
from grader.notebooks.read import parse
from grader.notebooks.write import (
    errors_of,
    executed_notebook,
    numbered_cuts,
    numbered_errors,
    retold,
)
from grader.resultdoc import document
from tests.unit._builders import check, code, exercise, notebook, result, words

STREAM = {"output_type": "stream", "name": "stdout", "text": "hello\n"}
ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["a", "b"]}


def written(*outputs: CellOutput, cells: tuple[Any, ...] = (code("x = 1"),)) -> dict[str, Any]:
    submission = parse("a.ipynb", notebook(*cells))
    read: dict[str, Any] = json.loads(executed_notebook(submission, result(outputs=outputs)))
    nbformat.validate(read)
    return read


def outputs_of(*raw: Any) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = written(CellOutput(index=0, outputs=raw))["cells"][0]["outputs"]
    return kept


def test_cells_keep_their_order_and_get_what_they_wrote() -> None:
    cells = (words("# Title"), code("print('hello')"), code("never run"))
    read = written(CellOutput(index=0, outputs=(STREAM,)), cells=cells)

    assert [cell["cell_type"] for cell in read["cells"]] == ["markdown", "code", "code"]
    assert [cell["source"] for cell in read["cells"]] == [cell["source"] for cell in cells]
    assert read["cells"][1]["outputs"] == [STREAM]
    assert [cell.get("execution_count") for cell in read["cells"]] == [None, 1, None]
    assert (read["nbformat"], read["nbformat_minor"]) == (4, 5)


def test_errors_and_rich_outputs_are_kept() -> None:
    figure = {"output_type": "display_data", "data": {"image/png": "AAAA", "text/plain": "<f>"}}
    value = {"output_type": "execute_result", "data": {"text/plain": "3"}, "execution_count": "x"}

    shown, returned, raised = outputs_of(figure, value, ERROR)

    assert shown["data"] == figure["data"]
    assert returned["execution_count"] == 1
    assert raised == ERROR


def test_what_a_front_end_would_run_is_left_out() -> None:
    data = {"application/javascript": "x", "text/plain": "y", "application/vnd.jupyter.w": "z"}

    [shown] = outputs_of({"output_type": "display_data", "data": data})

    assert shown["data"] == {"text/plain": "y"}


def test_a_python_file_becomes_a_notebook_too() -> None:
    submission = parse("a.py", b"# words\nx = 1\n")
    read = json.loads(executed_notebook(submission, result()))
    nbformat.validate(read)

    assert [cell["cell_type"] for cell in read["cells"]] == ["markdown", "code"]


def test_verdicts_are_in_the_metadata_and_at_marked_cells() -> None:
    lost = check(outcome=Outcome.FAILED, score=0.0, message="Not equal.")
    submission = parse("a.ipynb", notebook(code("# chainrule: ex2\nx = 1"), code("y = 2")))
    read = json.loads(executed_notebook(submission, result(exercise(lost, id="ex2"))))
    nbformat.validate(read)
    verdict = {"outcome": "failed", "score": 0.0, "max_score": 4.0, "messages": ["Not equal."]}

    assert read["metadata"]["chainrule"]["exercises"] == {"ex2": verdict}
    assert read["metadata"]["chainrule"]["score"] == 0.0
    assert read["cells"][0]["metadata"]["chainrule"]["exercises"] == {"ex2": verdict}
    assert read["cells"][1]["metadata"] == {}


def test_outputs_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "MAX_OUTPUT_CHARS", 100)
    monkeypatch.setattr(write, "MAX_OUTPUTS", 3)
    long = {"output_type": "stream", "name": "stdout", "text": "x" * 80}
    picture = {"output_type": "display_data", "data": {"image/png": "A" * 80}}

    first, second, third = outputs_of(long, picture, long, long)

    assert first["text"] == "x" * 80
    assert second["data"] == {}
    assert third["text"] == "x" * 20 + "[the rest is left out]\n"


ANY = st.recursive(
    st.none() | st.integers() | st.text() | st.sampled_from(["stream", "error", "display_data"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["output_type", "text", "data", "ename", "traceback", "text/plain"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from([*ERROR, "data", "name", "text"]), ANY)))
def test_any_outputs_make_a_valid_notebook(raw: list[dict[str, Any]]) -> None:
    raw = [{"output_type": "display_data", **one} for one in raw]

    written(CellOutput(index=0, outputs=tuple(raw)))


def test_the_cells_that_raised_are_read_from_it_again() -> None:
    raised = CellOutput(index=1, outputs=(STREAM, ERROR), error="ValueError: no")
    submission = parse("a.ipynb", notebook(words("# Title"), code("x"), code("y")))
    executed = executed_notebook(
        submission, result(outputs=(CellOutput(index=0, outputs=(STREAM,)), raised))
    )

    assert errors_of(executed) == [CellOutput(index=1, error="ValueError: no")]
    assert numbered_errors(executed) == [(3, "ValueError: no")]


def test_the_cells_whose_output_was_cut_are_read_from_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by_the_sandbox = {**STREAM, "text": "a\n[99 characters left out]\nz\n"}
    outputs = (
        CellOutput(index=0, outputs=(STREAM,)),
        CellOutput(index=1, outputs=(by_the_sandbox,)),
        CellOutput(index=2, outputs=({**STREAM, "text": "x" * 200},)),
    )
    monkeypatch.setattr(write, "MAX_OUTPUT_CHARS", 100)
    submission = parse("a.ipynb", notebook(words("# Title"), code("x"), code("y"), code("z")))

    assert numbered_cuts(executed_notebook(submission, result(outputs=outputs))) == [3, 4]


def test_another_document_s_verdicts_take_their_place_and_nothing_else_changes() -> None:
    submission = parse("a.ipynb", notebook(code("# chainrule: ex1\nx = 1")))
    once = executed_notebook(submission, result(exercise(check(message="once"))))
    again = executed_notebook(submission, result(exercise(check(message="again"))))

    assert once != again
    assert retold(once, document(result(exercise(check(message="again"))))) == again
