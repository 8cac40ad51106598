"""`text`: exact alternatives and patterns; patterns take linear time."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.checks.answers.patterns import check_pattern, fits
from grader.domain.evidence import Thing
from grader.domain.outcomes import Outcome
from grader.domain.questions import Verdict
from tests.unit.checks._play import Player, judge, spec, tensor


def held(value: Any, **fields: Any) -> Verdict:
    check = spec("text", answer={"variable": "x"}, **fields)
    return judge(check, Player(values={"x": value}))


@pytest.mark.parametrize(
    "text",
    [
        "Cross Entropy",
        "cross entropy",
        "  cross\n entropy. ",
        "`cross entropy`",
        "CROSS ENTROPY",
        "**cross entropy**",
        "“cross entropy”",
        "nll",
    ],
)
def test_case_spaces_and_marks_make_no_difference(text: str) -> None:
    assert held(text, expected=["Cross entropy", "NLL"]).outcome is Outcome.PASSED


@pytest.mark.parametrize("text", ["crossentropy", "cross entropy loss", "entropy", "cross-entropy"])
def test_other_words_do(text: str) -> None:
    verdict = held(text, expected=["cross entropy"])
    assert verdict.cause == "wrong-text"
    assert verdict.message == f"x, “{text}”, is not right."


def test_exact_is_exact() -> None:
    assert held("requires_grad", expected=["requires_grad"], exact=True).outcome is Outcome.PASSED
    for text in ("Requires_grad", "requires_grad.", "`requires_grad`"):
        assert held(text, expected=["requires_grad"], exact=True).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [
        (r"(log[- ]?)?soft-?max", "LogSoftmax log-softmax SoftMax soft-max", "max softmaxx logmax"),
        (r"[a-c]+\d{2,3}", "abc12 a123 C99", "abc1 d12 a1234"),
        (r"x|y+", "x yyy", "xy z"),
        (r"[^x]*?\bsum\b.*", "sum a,sum(x)", "xsum summer"),
        (r"^\w+\s?$", "loss ß", "loss! -"),
    ],
)
def test_a_pattern_is_held_against_the_whole_answer(pattern: str, right: str, wrong: str) -> None:
    for text in right.split():
        assert held(text, pattern=pattern).outcome is Outcome.PASSED, text
    for text in wrong.split():
        assert held(text, pattern=pattern).outcome is Outcome.FAILED, text


def test_a_pattern_tells_case_apart_where_it_is_exact() -> None:
    assert held("ReLU", pattern="re?lu").outcome is Outcome.PASSED
    assert held("ReLU", pattern="re?lu", exact=True).outcome is Outcome.FAILED


@pytest.mark.parametrize("value", [3, 0.5, [], Thing("Liar"), tensor(1.0), True])
def test_what_is_no_text_is_said(value: Any) -> None:
    verdict = held(value, expected=["3"])
    assert verdict.cause == "unclear"
    assert "a text was expected" in verdict.message


def test_a_long_text_is_no_answer() -> None:
    assert "more than 500 characters" in held("a" * 501, pattern="a+").message


@pytest.mark.parametrize("pattern", ["(a|a)*b", "(a+)+b", "(a*)*b", ".*.*.*.*.*b", "(a?){500}b"])
def test_a_pattern_that_would_backtrack_for_ever_does_not(pattern: str) -> None:
    assert held("a" * 500, pattern=pattern).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"expected": ["x"], "pattern": "x"},
        {"expected": []},
        {"expected": [" "]},
        {"expected": ["."]},
        {"pattern": ""},
        {"pattern": "("},
        {"pattern": "x*"},
        {"pattern": "x" * 501},
        {"pattern": r"(x)\1"},
        {"pattern": "(?=x)x"},
        {"pattern": "(?i)x"},
        {"pattern": "(?i:x)"},
        {"pattern": "((x*)*)*y"},
        {"pattern": "x{2000}"},
        {"pattern": "x*+y"},
    ],
)
def test_a_text_that_is_none_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec("text", answer={"variable": "x"}, **fields)


PATTERNS = st.from_regex(
    r"([abAB.]|\\[dsw]|\[\^?[a-b1]\]|\([ab]+\|b?\)){1,6}[*+?]?", fullmatch=True
)


@given(PATTERNS, st.text(alphabet="abAB1 \n", max_size=8), st.booleans())
def test_a_pattern_says_what_python_says(pattern: str, text: str, exact: bool) -> None:
    check_pattern(pattern)
    flags = 0 if exact else re.IGNORECASE
    assert fits(pattern, text, exact=exact) is bool(re.fullmatch(pattern, text, flags))


@given(st.text())
def test_any_text_is_compared(text: str) -> None:
    held(text, expected=["softmax"])
    held(text, pattern=r"[^\W\d]+(ab|c)*\b.?")
