"""`choice`: letters in every usual spelling; guessing all of them earns nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.checks.answers.choicetext import options_in
from grader.domain.evidence import Sequence, Thing
from grader.domain.outcomes import Outcome
from grader.domain.questions import Verdict
from grader.domain.rubric import Cell
from tests.unit.checks._play import Player, judge, spec, tensor

LETTERS = ["A", "B", "C", "D", "E"]


def answered(text: str, *expected: Any, **fields: Any) -> Verdict:
    cell = Cell(kind="markdown", source=f"## Q1\nAnswer: {text}", name="cell 1")
    fields = {"options": LETTERS, **fields}
    check = spec("choice", answer={"heading": "Q1"}, expected=expected, **fields)
    return judge(check, Player(), cells=[cell])


def held(value: Any, *expected: Any, **fields: Any) -> Verdict:
    fields = {"options": LETTERS, **fields}
    check = spec("choice", answer={"variable": "x"}, expected=expected, **fields)
    return judge(check, Player(values={"x": value}))


TWO = [
    "B,E",
    "B, E",
    "E, B",
    "b and e",
    "(B) (E)",
    "(B), (E)",
    "E B",
    "BE",
    "eb",
    "B & E",
    "B/E",
    "B; E",
    "[B, E]",
    "['B', 'E']",
    "{B, E}",
    "**B** and **E**",
    "- B\n- E",
    "B)\nE)",
    "B. E.",
    "The answers are B and E.",
    "I think B and E",
    "I'd say B and E",
    "Options B and E are correct",
    "B, E because the gradient is a sum",
    "B and E: a sum, both times",
    "B, E (see A and C above)",
    "B, E. A larger step is needed",
]


@pytest.mark.parametrize("text", TWO)
def test_letters_are_read_in_every_usual_spelling(text: str) -> None:
    assert answered(text, "B", "E").outcome is Outcome.PASSED
    assert answered(text, "B").outcome is Outcome.FAILED
    assert answered(text, "B", "D").outcome is Outcome.FAILED


@pytest.mark.parametrize("text", ["B", "b", "(b)", "B.", "Option B", "B is right", "B - the sum"])
def test_one_letter_is_read(text: str) -> None:
    assert answered(text, "B").outcome is Outcome.PASSED


@pytest.mark.parametrize(
    "text", ["A larger step", "not B", "Because of B", "F", "none", "be careful", "x", "all but C"]
)
def test_what_is_not_clear_is_said(text: str) -> None:
    verdict = answered(text, "B")
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, "unclear")
    assert "A, B, C, D and E can be chosen" in verdict.message


def test_a_wrong_one_does_not_tell_the_right_one() -> None:
    verdict = answered("A and C", "B", "E")
    assert verdict.message == "Your answer is A, C, which is not right."
    assert verdict.cause == "wrong-choice"


@pytest.mark.parametrize(
    "value", [["B", "E"], ("e", "b"), Sequence("set", ("B", "E")), "B, E", "BE"]
)
def test_a_variable_may_hold_letters_in_any_form(value: Any) -> None:
    assert held(value, "B", "E").outcome is Outcome.PASSED
    assert held(value, "B").outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "value", [Thing("Liar"), {}, [], 1.5, ["B", None], ["B", ["E"]], Sequence("list", ("B",), True)]
)
def test_what_is_no_choice_is_said(value: Any) -> None:
    assert held(value, "B").cause == "unclear"


def test_options_may_be_numbers_words_or_true_and_false() -> None:
    for value in (2, "2", tensor(2), "(2)"):
        assert held(value, 2, options=[1, 2, 3]).outcome is Outcome.PASSED
    for value in (True, "True", "true, since it is linear", "T", "yes", tensor(True)):
        assert held(value, True, options=[True, False]).outcome is Outcome.PASSED
        assert held(value, False, options=[True, False]).outcome is Outcome.FAILED
    words = ["it grows", "it shrinks", "no change"]
    assert held("No change.", "no change", options=words).outcome is Outcome.PASSED
    assert held("it grows", "no change", options=words).cause == "wrong-choice"


@pytest.mark.parametrize(
    ("text", "fraction"),
    [("B, E", 1), ("B", 0.5), ("B, C", 0), ("B, E, C", 0.5), ("A, C", 0), ("A, B, C, D, E", 0)],
)
def test_each_right_option_may_count_and_each_wrong_one_is_taken_off(
    text: str, fraction: float
) -> None:
    assert answered(text, "B", "E", scoring="each").fraction == fraction
    assert answered(text, "B", "E").fraction == (fraction == 1)


@pytest.mark.parametrize(
    ("text", "fraction"), [("A, B, C", 1), ("A, B", 2 / 3), ("A, B, C, D", 0), ("A, B, D", 0)]
)
def test_naming_all_earns_nothing_where_most_are_right(text: str, fraction: float) -> None:
    options = ["A", "B", "C", "D"]
    verdict = answered(text, "A", "B", "C", options=options, scoring="each")
    assert verdict.fraction == pytest.approx(fraction)


@pytest.mark.parametrize(
    "text",
    [
        "A: False, B: True, C: False, D: False, E: True",
        "A - false\nB - true\nE - true",
        "**B)** true; **E)** true; C) false",
        "B. The loss falls.\nE. A mean is a scalar.",
        "- B) it falls\n- E) it is a scalar",
        "B, E are true. A, C, D are false",
    ],
)
def test_each_option_may_be_judged_or_copied_with_its_text(text: str) -> None:
    assert answered(text, "B", "E").outcome is Outcome.PASSED


def test_a_list_of_all_options_is_not_its_first_one() -> None:
    assert answered("A. one\nB. two\nC. three", "A").fraction == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"expected": []},
        {"expected": ["F"]},
        {"expected": ["B", "B"]},
        {"options": ["B"]},
        {"options": ["B", "b"]},
        {"options": ["B", " "]},
        {"expected": LETTERS, "scoring": "each"},
    ],
)
def test_a_choice_that_is_none_is_refused(fields: dict[str, Any]) -> None:
    fields = {"expected": ["B"], "options": LETTERS, **fields}
    with pytest.raises(ValidationError):
        spec("choice", answer={"variable": "x"}, **fields)


@pytest.mark.parametrize("junk", ["B, " * 10**6, "(" * 10**6, "the " * 10**6, "BE" * 10**6])
def test_hostile_texts_are_read_at_once(junk: str) -> None:
    options_in(junk, LETTERS)


@given(st.text() | st.text(alphabet="ABCDE ,and()"))
def test_any_text_is_read(text: str) -> None:
    found = options_in(text, LETTERS)
    assert found is None or (found and found <= set(LETTERS))


@given(st.sets(st.sampled_from(LETTERS), min_size=1), st.sampled_from([", ", " ", " and ", ";"]))
def test_what_is_written_is_read(letters: set[str], between: str) -> None:
    assert options_in(between.join(letters), LETTERS) == letters
