"""`value`: numbers, arrays and truth tables, from variables and from words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.checks.answers.numerals import numbers_in
from grader.checks.answers.truthtext import truths_in
from grader.checks.kinds.value import places
from grader.domain.evidence import Sequence, Tensor, Thing
from grader.domain.outcomes import Outcome
from grader.domain.questions import Verdict
from grader.domain.rubric import Cell, Place
from tests.unit.checks._play import Player, judge, spec, tensor


def answered(text: str, expected: Any, **fields: Any) -> Verdict:
    cell = Cell(kind="markdown", source=f"## Q1\nAnswer: {text}", name="cell 1")
    check = spec("value", answer={"heading": "Q1"}, expected=expected, **fields)
    return judge(check, Player(), cells=[cell])


def held(value: Any, expected: Any, **fields: Any) -> Verdict:
    check = spec("value", answer={"variable": "x"}, expected=expected, **fields)
    return judge(check, Player(values={"x": value}))


QUARTER = [
    "0.25",
    ".25",
    "0,25",
    "about 0.25",
    "≈ 0.25",
    "~0.25",
    "1/4",
    "¼",
    "25 %",
    "25%",
    "2.5e-1",
    "2.5E-01",
    "2.5×10⁻¹",
    "2.5 * 10^-1",
    "2.5*10**-1",
    "$\\frac{1}{4}$",
    "$2.5 \\cdot 10^{-1}$",
    "**0.25**",
    "`0.25`",
    "_0.25_",
    "x = 0.25",
    "(0.25)",
    "[0.25]",
    "tensor(0.2500)",
    "tensor([0.25], device='cuda:0')",
    "tensor(0.2500, grad_fn=<MeanBackward0>)",
    "1/4 = 0.25",
    "w1 = 3, so 3/12 = 0.25",
    "0.25 (one quarter, that is 25 %)",
    "0.25.",
    "2^-2",
]


@pytest.mark.parametrize("text", QUARTER)
def test_a_number_is_read_in_every_usual_spelling(text: str) -> None:
    assert answered(text, 0.25).outcome is Outcome.PASSED
    assert answered(text, 0.3).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "text", ["sqrt(2)", "$\\sqrt{2}$", "√2", "ln 2", "exp(2)", "2 pi", "log(2.0)"]
)
def test_the_number_within_a_formula_is_no_answer(text: str) -> None:
    assert answered(text, 2).cause == "unclear"


@pytest.mark.parametrize(
    "text", ["2^0.5 = 1.414", "2^0.5", "sqrt(2) ≈ 1.414", "$\\sqrt{2} = 1.41$"]
)
def test_what_comes_out_of_a_formula_is(text: str) -> None:
    assert answered(text, 1.41421).outcome is Outcome.PASSED


@pytest.mark.parametrize("text", ["-9.3333", "−9.33", "- 9.3333", "= - 9.333", "-28/3"])
def test_a_sign_counts(text: str) -> None:
    spaced = text == "- 9.3333"  # which begins a list
    assert (answered(text, -9.3333).outcome is Outcome.PASSED) is not spaced


@pytest.mark.parametrize("text", ["1000", "1,000", "1_000", "1 000", "1000 parameters", "10^3"])
def test_a_count_is_exact(text: str) -> None:
    assert answered(text, 1000).outcome is Outcome.PASSED
    assert answered(text, 1001).outcome is Outcome.FAILED


def test_a_percentage_may_be_expected_as_such() -> None:
    assert answered("25 %", 25).outcome is Outcome.PASSED
    assert answered("25", 0.25).cause == "percent"


VECTOR = [
    "1, 2, 3.5",
    "1 2 3.5",
    "[1, 2, 3.5]",
    "(1, 2, 3.5)",
    "tensor([1., 2., 3.5])",
    "1; 2; 3.5",
    "1\n2\n3.5",
    "a = 1, b = 2, c = 7/2",
    "w1 = 1\nw2 = 2\nw3 = 3.5",
]


@pytest.mark.parametrize("text", VECTOR)
def test_several_numbers_are_read_in_order(text: str) -> None:
    assert answered(text, [1, 2, 3.5]).outcome is Outcome.PASSED
    assert answered(text, [2, 1, 3.5]).outcome is Outcome.FAILED


def test_brackets_tell_a_shape_and_lines_do_not() -> None:
    matrix = [[1, 2], [3, 4]]
    for text in ("[[1, 2], [3, 4]]", "tensor([[1., 2.],\n        [3., 4.]])", "1 2\n3 4"):
        assert answered(text, matrix).outcome is Outcome.PASSED
    flat = answered("[1, 2, 3, 4]", matrix)
    assert flat.message == "Your answer has shape (4,); (2, 2) was expected."
    assert answered("[1, 2, 3, 4]", matrix, shape_matters=False).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    "text",
    [
        "True, False, True",
        "T F T",
        "yes, no, yes",
        "1 0 1",
        "[True, False, True]",
        "✓ ✗ ✓",
        "a: true\nb: false\nc: true",
    ],
)
def test_a_truth_table_is_read_in_every_usual_spelling(text: str) -> None:
    assert answered(text, [True, False, True]).outcome is Outcome.PASSED
    assert answered(text, [False, True, False]).cause == "inverted"


def test_one_truth_value_may_begin_a_sentence() -> None:
    assert answered("No, because it is true only for n = 1", False).outcome is Outcome.PASSED
    assert answered("Perhaps", False).cause == "unclear"


@pytest.mark.parametrize(
    "value",
    [
        [1.0, 2.0],
        (1, 2.0),
        tensor([1.0, 2.0]),
        tensor([1, 2]),
        (tensor(1.0), np.float64(2)),
        "1, 2",
        tensor(np.array([1, 2], dtype=np.float16), library="numpy"),
    ],
)
def test_a_variable_may_hold_numbers_in_any_form(value: Any) -> None:
    assert held(value, [1, 2]).outcome is Outcome.PASSED
    assert held(value, [1, 3]).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "value",
    [
        Thing("Liar"),
        {},
        True,
        [True, False],
        [1, [2]],
        1j,
        Sequence("set", (1, 2)),
        Sequence("list", (1, 2), cut=True),
        tensor([True, False]),
        1 << 1000,
        Tensor("float32", (2,), b"12"),
        Tensor("float32", (2,), None, unread="meta"),
    ],
)
def test_what_is_no_number_is_said(value: Any) -> None:
    verdict = held(value, [1, 0])
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, "unclear")


def test_the_shape_of_a_variable_counts_unless_the_rubric_says_otherwise() -> None:
    column = tensor([[1.0], [2.0]])
    assert held(column, [1, 2]).message == "x has shape (2, 1); (2,) was expected."
    assert held(column, [1, 2], shape_matters=False).outcome is Outcome.PASSED
    assert held([0.25], 0.25).message == "x has shape (1,); () was expected."


def test_the_tolerance_is_relative_and_an_absolute_one_may_be_added() -> None:
    assert held(100.005, 100.0).outcome is Outcome.PASSED
    assert held(100.05, 100.0).outcome is Outcome.FAILED
    assert held(101.0, 100.0, tolerance=0.02).outcome is Outcome.PASSED
    assert held(100.05, 100.0, absolute=0.1).outcome is Outcome.PASSED
    assert held(0.05, 0.0, absolute=0.1).outcome is Outcome.PASSED
    assert held(100.001, 100.0, tolerance=0.0).outcome is Outcome.FAILED
    assert answered("66.7 %", 2 / 3).outcome is Outcome.PASSED


def test_not_finite_is_right_only_where_it_is_expected() -> None:
    for bad in (math.nan, math.inf, -math.inf):
        assert held(bad, 1.0).outcome is Outcome.FAILED
    assert held(math.inf, math.inf).outcome is Outcome.PASSED
    assert answered("-∞", -math.inf).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("value", "expected", "cause"),
    [
        (9.33, -9.33, "sign"),
        ([2, 4], [4, 8], "factor"),
        (50, 0.5, "percent"),
        ([[1, 3], [2, 4]], [[1, 2], [3, 4]], "transposed-value"),
        (1.02, 1.0, "imprecise"),
        (7, 1, None),
        ([1, 2], [1], "element-shape"),
    ],
)
def test_a_wrong_one_is_named_where_it_has_a_name(value: Any, expected: Any, cause: str) -> None:
    verdict = held(value, expected)
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, cause)


def test_the_right_value_is_not_told() -> None:
    verdict = held([[1, 2], [5, 4]], [[1, 2], [317, 4]])
    assert verdict.message == "x: 3 of 4 elements are right; 5 at [1, 0] is not."
    assert "317" not in f"{verdict.message}{verdict.hint}{verdict.detail}"
    assert held(5, 317).message == "x is 5, which is not right."


def test_elements_may_earn_their_share() -> None:
    verdict = held([[1, 2], [5, 4]], [[1, 2], [3, 4]], partial_elements=True)
    assert (verdict.outcome, verdict.fraction) == (Outcome.PARTIAL, 0.75)
    assert held([[1, 2], [5, 4]], [[1, 2], [3, 4]]).fraction == 0


@pytest.mark.parametrize(
    ("text", "expected", "words"),
    [
        ("no idea", 0.25, "“no idea”, cannot be read as a number"),
        ("0.25 or 0.75", 0.25, "holds 2 values; only one was expected"),
        ("1, 2", [1, 2, 3], "holds 2 values; 3 values were expected"),
        ("0.25x", 0.25, "cannot be read as a number"),
    ],
)
def test_what_is_not_clear_is_said(text: str, expected: Any, words: str) -> None:
    verdict = answered(text, expected)
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.message


def test_the_reference_may_give_the_value() -> None:
    check = spec("value", answer={"variable": "x"}, reference="loss")
    reference = Player(values={"loss": tensor(0.25)})
    assert judge(check, Player(values={"x": 0.25}), reference).outcome is Outcome.PASSED
    assert judge(check, Player(values={"x": 0.5}), reference).outcome is Outcome.FAILED


@pytest.mark.parametrize("values", [{}, {"loss": Thing("Model")}, {"loss": np.zeros((0,))}])
def test_a_reference_without_the_value_leaves_it_not_judged(values: dict[str, Any]) -> None:
    check = spec("value", answer={"variable": "x"}, reference="loss")
    verdict = judge(check, Player(values={"x": 0.25}), Player(values=values))
    assert verdict.outcome is Outcome.NOT_JUDGED


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"expected": 1, "reference": "x"},
        {"expected": []},
        {"expected": [[1], [2, 3]]},
        {"expected": 1, "tolerance": 1},
        {"expected": 1, "absolute": -1},
        {"expected": "x"},
    ],
)
def test_a_value_that_is_none_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec("value", answer={"variable": "x"}, **fields)


@pytest.mark.parametrize(
    "junk", ["9" * 10**6, "1," * 10**6, "[" * 10**6, "1e" * 10**6, "\\frac{" * 10**5, "1_" * 10**6]
)
def test_hostile_texts_are_read_at_once(junk: str) -> None:
    for count in (1, 3):
        numbers_in(junk, count)
        truths_in(junk, count)


@given(st.text() | st.text(alphabet="0123456789.,-+/ ^e%()[]×*_\\"), st.integers(1, 4))
def test_any_text_is_read(text: str, count: int) -> None:
    found = numbers_in(text, count)
    assert found.shape is None or math.prod(found.shape) == len(found.items)
    truths = truths_in(text, count)
    assert truths is None or len(truths) == count


@given(st.text() | st.text(alphabet="0123456789.,-/^e%()[] "))
def test_any_answer_gets_a_verdict(text: str) -> None:
    for expected in (0.25, [1, 2], [[1.5, 2]], True, [True, False]):
        assert held(text, expected).outcome in (Outcome.PASSED, Outcome.FAILED)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_what_python_writes_is_read(value: float) -> None:
    (number,) = numbers_in(repr(value), 1).items
    assert number.value == value


NUMBERS = st.lists(st.lists(st.integers(-99, 99), min_size=2, max_size=2), min_size=1, max_size=4)


@given(NUMBERS)
def test_a_list_that_python_writes_is_read_with_its_shape(rows: list[list[int]]) -> None:
    found = numbers_in(str(rows), 2 * len(rows))
    assert [one.value for one in found.items] == [one for row in rows for one in row]
    assert found.shape == (len(rows), 2)


def test_a_truth_value_that_was_changed_is_no_second_guess() -> None:
    assert places(spec("value", answer={"variable": "x"}, expected=True)) == (Place(end=True),)
    assert Place(first_definition="x") in places(
        spec("value", answer={"variable": "x"}, expected=1.5)
    )
