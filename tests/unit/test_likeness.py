"""Which answers in words say the same: equal ones, and those with slips of the pen."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.services.likeness import alike


def are_alike(one: str, other: str) -> bool:
    return len(set(alike((one, other)))) == 1


SAME = [
    ("It can rise.", "  it CAN\n rise"),
    ("It can rise.", "**It** _can_ `rise`!"),
    ("“It can rise”", "'It can rise'"),
    ("the loss can rise", "The loss can rise, then"),
    ("because the learning rate is too large", "The learning rate is large"),
    ("the gradient vanishes", "the gradeint vanishes"),
    ("the gradients vanish", "the gradient vanish"),
    ("a non-convex surface", "a non-convex surfaces"),
]
OTHER = [
    ("It can rise.", "It can't rise."),
    ("It can rise.", "It can not rise."),
    ("It never rises again", "It ever rises again"),
    ("the loss increases", "the loss decreases"),
    ("lr = 0.1", "lr = 0.2"),
    ("loss > 1", "loss < 1"),
    ("x + 1", "x - 1"),
    ("it is stable here", "it is unstable here"),
    ("a linear model", "a nonlinear model"),
    ("the training loss keeps increasing", "the training loss keeps decreasing"),
    ("the mean of the errors is taken", "the median of the errors is taken"),
    ("it underestimates the error", "it overestimates the error"),
    ("the macro average of them", "the micro average of them"),
    ("training gets slower there", "training gets lower there"),
    ("the encoder learns it first", "the decoder learns it first"),
    ("more data helps the model", "less data helps the model"),
    ("first a then b because of the chain", "first b then a because of the chain"),
    ("", "It can rise."),
    ("?", "!"),
    ("the", "a"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_slips_of_the_pen_make_no_difference(one: str, other: str) -> None:
    assert are_alike(one, other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_what_turns_the_meaning_does(one: str, other: str) -> None:
    assert not are_alike(one, other)


def test_the_answer_that_most_have_given_stands_for_its_group_in_whatever_order() -> None:
    texts = ["it can diverge", "it can divrge", "It can diverge!", "no", "it can dievrge"]
    for seed in range(5):
        mixed = random.Random(seed).sample(texts, len(texts))
        standing = {mixed[place].strip("!").lower() for place in alike(tuple(mixed))}
        assert standing == {"it can diverge", "no"}


@given(st.lists(st.text(alphabet="ab n't0+.\n*é", max_size=20), max_size=12))
def test_every_answer_has_one_group_and_equal_ones_the_same(texts: list[str]) -> None:
    found = alike(tuple(texts))
    assert all(found[place] == place for place in found)
    assert alike(tuple(texts)) == found
    for one, place in zip(texts, found, strict=True):
        for other, elsewhere in zip(texts, found, strict=True):
            assert one != other or place == elsewhere


def test_beyond_its_bounds_equal_answers_are_still_together() -> None:
    texts = tuple(f"word{n} is number {n}" for n in range(3200)) * 2
    found = alike(texts)
    assert found[:3200] == found[3200:]
    assert len(set(found)) == 3200
