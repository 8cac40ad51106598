"""`expression`: a formula, or a function, is the right one at points drawn fresh."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.domain.evidence import Answer, AnswerStatus, Raised, Text, Thing
from grader.domain.outcomes import Outcome
from grader.domain.questions import Probe, Rerun, Verdict
from grader.domain.rubric import Cell
from tests.unit.checks._play import Function, Player, answered, judge, spec

VARIABLES = {
    "x": {"uniform": [], "low": 0.5, "high": 2},
    "y": {"uniform": [], "low": -2, "high": 2},
}
FIELDS: dict[str, Any] = {
    "answer": {"variable": "a"},
    "expected": "2 x + x y exp(y)",
    "variables": VARIABLES,
}


def judged(value: Any, seed: int = 0, **more: Any) -> Verdict:
    return judge(spec("expression", **FIELDS | more), Player(values={"a": value}), seed=seed)


@pytest.mark.parametrize(
    "text", ["2x + xye^y", "x(2 + y e^y)", "x*(2 + y*np.exp(y))", "a = 2x+xye^y"]
)
@pytest.mark.parametrize("seed", range(5))
def test_a_right_formula_passes_however_it_is_written(text: str, seed: int) -> None:
    assert judged(text, seed).outcome is Outcome.PASSED


def test_either_reading_of_an_ambiguous_formula_may_be_right() -> None:
    for expected in ("(1/2) x", "1/(2x)"):
        assert judged("1/2x", expected=expected).outcome is Outcome.PASSED
    assert judged("1/3x", expected="x/2").outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("-2x - x y e^y", "sign"),
        ("x + x y e^y / 2", "factor"),
        ("2x + x y e^y + 3", "constant"),
        ("2x + x e^y", None),
        ("2y + x y e^x", None),
        ("2x", None),
        ("0", None),
        ("log(y) + 2x", None),
        ("2x + x y e^y + 1e-3", "constant"),
        ("2x + z", "no-formula"),
        ("2x +", "no-formula"),
        ("the product rule", "no-formula"),
        ("__import__('os').system('true')", "no-formula"),
        ("9^9^9^9", None),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_formula_fails_with_its_name(text: str, cause: str | None, seed: int) -> None:
    verdict = judged(text, seed)
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, cause)


def test_the_message_names_a_point_and_not_what_is_right() -> None:
    message = judged("2x + x e^y").message
    assert message.startswith("At x = ")
    assert "your formula gives " in message
    assert message.count("=") == 2
    assert "expected" not in message
    assert judged("log(y)").message.endswith("your formula has no value.")


def test_a_number_may_be_the_formula() -> None:
    assert judged(3, expected="3").outcome is Outcome.PASSED
    assert judged(np.float64(3), expected="3").outcome is Outcome.PASSED
    assert judged(True, expected="3").outcome is Outcome.FAILED


def test_a_formula_of_sympy_is_read_by_its_text() -> None:
    def asked(text: Any) -> Verdict:
        player = Player(values={"a": Thing("Add")})

        def instead(question: Probe | Rerun) -> Answer | None:
            formula = isinstance(question, Probe) and question.kind == "formula"
            return answered(text=text) if formula else None

        player.instead = instead
        return judge(spec("expression", **FIELDS), player)

    assert asked("x*y*exp(y) + 2*x").outcome is Outcome.PASSED
    for wrong in (None, "x", 3, Thing("Liar"), [1], Text("x", 9)):
        assert asked(wrong).outcome is Outcome.FAILED
    assert "is a Add" in asked(None).message


def test_an_answer_in_words_is_read_from_its_cell() -> None:
    cells = (
        Cell(kind="markdown", source="## Question 3\nDifferentiate.", name="cell 1"),
        Cell(kind="markdown", source="$f' = 2x + xy\\,e^{y}$", name="cell 2"),
    )
    check = spec("expression", **FIELDS | {"answer": {"heading": "Question 3"}})
    assert judge(check, Player(), cells=cells).outcome is Outcome.PASSED
    assert judge(check, Player(), cells=cells[:1]).cause == "no-answer"


# -- functions --------------------------------------------------------------------------------


def called(function: Function, seed: int = 0, **more: Any) -> Verdict:
    fields = FIELDS | {"answer": None, "function": "f"} | more
    return judge(spec("expression", **fields), Player({"f": function}), seed=seed)


@pytest.mark.parametrize("seed", range(3))
def test_a_function_is_called_at_the_points(seed: int) -> None:
    assert called(lambda g, x, y: 2 * x + x * y * np.exp(y), seed).outcome is Outcome.PASSED
    wrong = called(lambda g, x, y: 2 * x + x * np.exp(y), seed)
    assert wrong.message.startswith("At x = ")
    assert "f() gives " in wrong.message


def test_a_function_of_plain_numbers_is_right_too() -> None:
    def plain(g: Any, x: Any, y: Any) -> float:
        if not isinstance(x, float):
            raise TypeError("must be real number, not Tensor")
        return 2 * x + x * y * float(np.exp(y))

    assert called(plain).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("function", "cause"),
    [
        (lambda g, x, y: None, "returns-none"),
        (lambda g, x, y: "2x", "not-a-number"),
        (lambda g, x, y: np.zeros(3), "not-a-number"),
        (lambda g, x, y: Thing("Liar"), "not-a-number"),
        (lambda g, x, y: 1 / 0, "raised"),
        (lambda g, x, y: float("nan"), None),
        (lambda g, x, y: 10**400, None),
    ],
)
def test_a_function_that_gives_no_right_number_fails(function: Function, cause: str | None) -> None:
    verdict = called(function)
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, cause)


# -- the reference ----------------------------------------------------------------------------


def test_what_is_right_may_be_a_function_of_the_reference() -> None:
    check = spec("expression", **FIELDS | {"expected": None, "reference": "right"})
    reference = Player({"right": lambda g, x, y: 2 * x + x * y * np.exp(y)})
    student = Player(values={"a": "2x + x y e^y"})
    assert judge(check, student, reference).outcome is Outcome.PASSED
    for fault in (
        Player(),
        Player({"right": lambda g, x, y: None}),
        Player({"right": lambda g, x, y: np.log(-x)}),
        Player({"right": lambda g, x, y: Raised("ValueError", "ours")}),
        Player(instead=lambda probe: Answer(AnswerStatus.DIED, {})),
    ):
        with np.errstate(all="ignore"):
            assert judge(check, student, fault).outcome is Outcome.NOT_JUDGED


def test_points_at_which_nothing_is_right_are_left_out() -> None:
    assert judged("ln(y)", expected="ln(y)").outcome is Outcome.PASSED
    assert judged("ln(y^2)/2", expected="ln(y)").outcome is Outcome.PASSED
    assert judged("ln(y)", expected="ln(y^2)/2").outcome is Outcome.FAILED


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
    | st.builds(Thing, st.text(max_size=5)) | st.builds(Text, st.text(max_size=5), st.integers()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)  # fmt: skip


@given(ANYTHING)
def test_any_evidence_comes_to_a_failed_verdict(value: Any) -> None:
    def instead(question: Probe | Rerun) -> Answer:
        return answered(values={"a": value}, text=value, found=value, cases=value)

    player = Player(instead=instead)
    assert judge(spec("expression", **FIELDS), player).outcome is Outcome.FAILED
    fields = FIELDS | {"answer": None, "function": "f"}
    assert judge(spec("expression", **fields), player).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "wrong",
    [
        {"answer": None},
        {"function": "f"},
        {"expected": None},
        {"reference": "f"},
        {"expected": "2z"},
        {"expected": "2x +"},
        {"expected": "1/2x"},
        {"variables": {}},
        {"variables": {"x": {"uniform": [3]}, "y": {"uniform": []}}},
        {"variables": {"x": {"values": 3}, "y": {"uniform": []}}},
        {"variables": VARIABLES | {"λ": {"uniform": []}, "lambda": {"uniform": []}}},
        {"tolerance": 0},
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec("expression", **FIELDS | wrong)
