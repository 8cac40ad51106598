"""`shape`: every usual spelling is read, symbols are consistent, the right shape is never told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.checks.answers.shapetext import same_shape, shapes_in
from grader.domain.evidence import Sequence, Thing
from grader.domain.outcomes import Outcome
from grader.domain.questions import Verdict
from grader.domain.rubric import Cell
from tests.unit.checks._play import Player, judge, spec, tensor


def answered(text: str, shape: list[Any], **fields: Any) -> Verdict:
    cell = Cell(kind="markdown", source=f"## Q1\nb: (7,)\na: {text}", name="cell 1")
    check = spec("shape", answer={"heading": "Q1", "label": "a"}, shape=shape, **fields)
    return judge(check, Player(), cells=[cell])


def held(value: Any, shape: list[Any]) -> Verdict:
    return judge(spec("shape", answer={"variable": "x"}, shape=shape), Player(values={"x": value}))


MATRIX = [
    "torch.Size([100, 2])",
    "(100, 2)",
    "(100,2)",
    "[100, 2]",
    "[100,2]",
    "{100, 2}",
    "100, 2",
    "100 x 2",
    "100x2",
    "100 X 2",
    "100×2",
    "100 * 2",
    "100 by 2",
    "100-by-2",
    "`(100, 2)`",
    "**(100, 2)**",
    "$100 \\times 2$",
    "$\\mathbb{R}^{100 \\times 2}$",
    "The shape is (100, 2).",
    "X.shape = torch.Size([100, 2])",
    "100 x 2 (rows, columns)",
    "100 rows and 2 columns",
    "(100, 2): 100 samples of 2",
]
SYMBOLIC = [
    "(n, 2)",
    "(N, 2)",
    "[n, 2]",
    "n x 2",
    "n×2",
    "nx2",
    "n by 2",
    "m by 2",
    "(batch, 2)",
    "(batch_size, 2)",
    "(None, 2)",
    "(n, 2), where (n is the number of rows)",
    "$n \\times 2$",
]


@pytest.mark.parametrize("text", MATRIX)
def test_a_matrix_is_read_in_every_usual_spelling(text: str) -> None:
    assert answered(text, [100, 2]).outcome is Outcome.PASSED
    assert answered(text, [100, 3]).outcome is Outcome.FAILED
    assert answered(text, [2, 100]).outcome is Outcome.FAILED


@pytest.mark.parametrize("text", SYMBOLIC)
def test_any_letter_or_word_stands_for_a_symbol(text: str) -> None:
    assert answered(text, ["n", 2]).outcome is Outcome.PASSED
    assert answered(text, [100, 2]).outcome is Outcome.FAILED


@pytest.mark.parametrize("text", ["(2,)", "(2)", "2", "[2]", "torch.Size([2])", "a vector of 2"])
def test_one_dimension_may_be_written_as_a_number(text: str) -> None:
    assert answered(text, [2]).outcome is Outcome.PASSED


@pytest.mark.parametrize("text", ["()", "scalar", "a scalar", "torch.Size([])", "[]", "0-d"])
def test_no_dimension_is_a_scalar(text: str) -> None:
    assert answered(text, []).outcome is Outcome.PASSED
    assert answered(text, [1]).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("text", "shape", "right"),
    [
        ("(n, n)", ["n", "n"], True),
        ("(k, k)", ["n", "n"], True),
        ("(k, m)", ["n", "n"], False),
        ("(a, b)", ["n", "d"], True),
        ("(a, a)", ["n", "d"], False),
        ("(N, D)", ["n", "d"], True),
        ("(d, n)", ["n", "d"], False),
        ("(100, 2)", ["n", 2], False),
        ("(n, d)", ["n", 2], False),
    ],
)
def test_symbols_are_consistent(text: str, shape: list[Any], right: bool) -> None:
    assert (answered(text, shape).outcome is Outcome.PASSED) is right


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("(100, 2) or (2, 100)", "names more than one shape: (100, 2) and (2, 100)"),
        ("I don't know", "“I don't know”, cannot be read as a shape"),
        ("multiplied by the weights", "cannot be read as a shape"),
        ("3 or 4", "more than one shape"),
    ],
)
def test_what_is_not_clear_is_said(text: str, words: str) -> None:
    verdict = answered(text, [100, 2])
    assert verdict.cause == "unclear"
    assert words in verdict.message


@pytest.mark.parametrize(
    ("text", "cause"),
    [("(100,)", "wrong-rank"), ("(2, 100)", "transposed-shape"), ("(100, 3)", "wrong-shape")],
)
def test_a_wrong_one_is_named_and_the_right_one_is_not_told(text: str, cause: str) -> None:
    verdict = answered(text, [100, 2])
    assert verdict.cause == cause
    assert verdict.message == f"Your answer to “a” is {text}, which is not right."
    assert "(100, 2)" not in f"{verdict.hint}{verdict.detail}"


def test_an_alternative_is_right_as_well() -> None:
    fields: dict[str, Any] = {"alternatives": [[1, 3]]}
    assert answered("(1, 3)", [3], **fields).outcome is Outcome.PASSED
    assert answered("(3, 1)", [3], **fields).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "value",
    [
        (100, 2),
        [100, 2],
        Sequence("Size", (100, 2)),
        (np.int64(100), 2),
        (tensor(100), 2),
        tensor(np.zeros((100, 2))),
        "(100, 2)",
        "100 x 2",
    ],
)
def test_a_variable_may_hold_a_shape_in_any_form(value: Any) -> None:
    assert held(value, [100, 2]).outcome is Outcome.PASSED
    assert held(value, [100, 1]).outcome is Outcome.FAILED


def test_a_tensors_own_sizes_stand_for_symbols_and_a_tuples_do_not() -> None:
    assert held(tensor(np.zeros((7, 2))), ["n", 2]).outcome is Outcome.PASSED
    assert held(tensor(np.zeros((7, 8))), ["n", "n"]).outcome is Outcome.FAILED
    assert held((7, 2), ["n", 2]).outcome is Outcome.FAILED
    assert held(("n", 2), ["n", 2]).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    "value",
    [
        (True, 2),
        (100.0, 2),
        {},
        {100, 2},
        {"n", 2},
        Thing("Liar"),
        True,
        2.0,
        (tensor(1.5), 2),
        ([1], 2),
    ],
)
def test_what_is_no_shape_is_said(value: Any) -> None:
    verdict = held(value, [100, 2])
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, "unclear")


def test_an_endless_number_of_elements_is_no_right_shape() -> None:
    verdict = held(Sequence("list", (100, 2), cut=True), [100, 2])
    assert verdict.outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "fields", [{"shape": [-1, 2]}, {"shape": ["n rows"]}, {"shape": [2], "alternatives": [[""]]}]
)
def test_a_shape_that_is_none_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec("shape", answer={"variable": "x"}, **fields)


@pytest.mark.parametrize("junk", ["(" * 10**6, "1," * 10**6, "n x " * 10**6, "[n " * 10**6])
def test_hostile_texts_are_read_at_once(junk: str) -> None:
    shapes_in(junk)


SIZE = st.integers(0, 10**6) | st.sampled_from(["n", "d", "batch"])


@given(st.text() | st.text(alphabet="()[],nx×* 12by"))
def test_any_text_is_read(text: str) -> None:
    for shape in shapes_in(text):
        assert same_shape(shape, shape, measured=False)


@given(st.lists(SIZE, min_size=2, max_size=5), st.sampled_from([" x ", "×", ", ", " * "]))
def test_what_is_written_is_read(shape: list[int | str], between: str) -> None:
    sizes = between.join(map(str, shape))
    written = f"({sizes})" if between == ", " else sizes
    assert shapes_in(written) == (tuple(shape),)


def test_a_message_stays_short_whatever_the_answer_holds() -> None:
    for value in (["n" * 30] * 900, [10**400] * 3, ", ".join(["n" * 30] * 20)):
        verdict = held(value, [3])
        assert verdict.fraction == 0
        assert len(verdict.message) < 300
