"""What all kinds have in common: the registry, hints, looks, and details that fit JSON."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from grader.checks import KINDS
from grader.checks.base import Context
from grader.checks.looks import at_each_look
from grader.checks.verdicts import (
    Failure,
    NearMiss,
    cell_number,
    failed,
    graded,
    passed,
    place,
)
from grader.domain.hints import hint_for
from grader.domain.outcomes import Outcome
from grader.domain.questions import Look, NextLook, Verdict
from grader.domain.rubric import Cell, Place
from tests.unit.checks._net import INPUTS, backprop, forward, reference
from tests.unit.checks._play import Player, cells_of, judge, spec

FIELDS: dict[str, dict[str, Any]] = {
    "forward": {"function": "f"},
    "gradient": {
        "function": "f",
        "inputs": INPUTS,
        "cases": [{"N": 1}],
        "oracle": "loss",
        "wrt": ["W1"],
    },
    "module": {"name": "M", "inputs": [{"normal": [2]}]},
    "training": {
        "model": "m",
        "data": {"inputs": "X", "targets": "Y"},
        "architecture": "M",
        "loss": "mean_squared_error",
        "thresholds": [{"below": 1, "fraction": 1}],
    },
    "source": {"function": "f", "forbid": ["autograd"]},
    "function": {"function": "f"},
    "gradcheck": {
        "function": "f",
        "args": ["x"],
        "inputs": {"x": {"normal": [2]}},
        "wrt": ["x"],
    },
    "autograd_function": {
        "name": "F",
        "reference": "f",
        "args": ["x"],
        "inputs": {"x": {"normal": [2]}},
    },
    "expression": {
        "function": "f",
        "expected": "2 x",
        "variables": {"x": {"uniform": []}},
    },
    "shape": {"answer": {"variable": "x"}, "shape": ["n", 2]},
    "tensor": {"name": "x", "dtype": "float32", "shares_storage_with": "y"},
    "value": {"answer": {"variable": "x"}, "expected": 1.5},
    "choice": {"answer": {"field": "x"}, "options": ["A", "B"], "expected": ["B"]},
    "text": {"answer": {"variable": "x"}, "expected": ["softmax"]},
    "accuracy": {
        "model": "m",
        "data": {"inputs": "X", "targets": "Y"},
        "thresholds": [{"above": 0.9, "fraction": 1}],
    },
    "metric": {
        "model": "m",
        "data": {"inputs": "X", "targets": "Y"},
        "metric": "mean_squared_error",
        "thresholds": [{"below": 1, "fraction": 1}],
    },
    "learning": {"function": "train", "args": ["model"]},
    "performance": {"function": "f", "inputs": {"x": {"normal": ["N"]}}, "growth": "constant"},
    "plot": {"kind_of_plot": "line"},
    "test": {"file": "test_it.py"},
    "manual": {},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_reads_its_fields_publishes_a_schema_and_knows_where_to_look(kind: str) -> None:
    check = spec(kind, **FIELDS[kind])
    assert check.kind == kind
    found = KINDS[kind].places(check)
    assert found
    assert all(isinstance(one, Place) for one in found)
    assert found[-1] == Place(end=True)
    schema = TypeAdapter(KINDS[kind].spec).json_schema()
    assert schema["additionalProperties"] is False


def test_the_kinds_are_those_of_the_registry() -> None:
    assert set(KINDS) == set(FIELDS)


def test_a_detail_fits_json_and_is_bounded() -> None:
    fields = {"inputs": {**INPUTS, "Y": {"bernoulli": ["N", 2]}}, "cases": [{"N": 20}, {"N": 5}]}
    check = spec(
        "gradient", function="backprop", args=["X"], oracle="loss", wrt=["W1", "B1"], **fields
    )
    student = Player({"backprop": lambda g, x: backprop(g, x)[:2], "forward": forward})
    for made in (student, Player({"backprop": lambda g, x: (x, None)})):
        verdict = judge(check, made, reference())
        assert len(json.dumps(verdict.detail, allow_nan=False)) < 2000


def test_the_rubrics_words_go_before_those_of_a_near_miss_and_these_before_the_built_in_ones() -> (
    None
):
    assert hint_for({}, "factor") != hint_for({}, "factor", "half")
    assert hint_for({"factor": "own"}, "factor", "half") == "own"
    assert hint_for({"factor:half": "exact", "factor": "own"}, "factor", "half") == "exact"
    assert hint_for({}, "factor", "half", "given") == "given"
    assert hint_for({"factor": "own"}, "factor", "", "given") == "own"
    assert hint_for({}, "never-heard-of") is None


def verdicts(*found: Verdict) -> Any:
    """A check that comes to one verdict after the other."""
    waiting = list(found)

    def at_look(look: Look) -> Generator[Any, Any, Verdict]:
        return waiting.pop(0)
        yield

    return at_look


def through(looks: list[Look], *found: Verdict) -> tuple[Verdict, int]:
    """The verdict, and how many looks were taken."""
    context = Context(look=looks[0], rng=np.random.default_rng(0))
    judging = at_each_look(spec("manual"), context, verdicts(*found))
    rest, taken = looks[1:], 1
    sent: Look | None = None
    try:
        while True:
            assert judging.send(sent) == NextLook()
            sent = rest.pop(0) if rest else None
            taken += sent is not None
    except StopIteration as done:
        verdict: Verdict = done.value
        return verdict, taken


LOOKS = [Look(1), Look(2), Look(3, end=True, last=True)]
SPEC = spec("manual")
NO, NAMED = failed(SPEC, Failure("no")), failed(SPEC, Failure("no", NearMiss("sign")))
HALF, YES = graded(SPEC, 0.5, Failure("half")), passed("yes")


@pytest.mark.parametrize(
    ("found", "best", "taken"),
    [
        ([YES], YES, 1),
        ([NO, YES], YES, 2),
        ([HALF, NO, NO], HALF, 3),
        ([NO, HALF, NAMED], HALF, 3),
        ([NAMED, NO, NO], NAMED, 3),
        ([NAMED, failed(SPEC, Failure("later", NearMiss("order"))), NO], "later", 3),
    ],
)
def test_the_best_look_counts(found: list[Verdict], best: Verdict | str, taken: int) -> None:
    verdict, number = through(LOOKS, *found)
    assert number == taken
    assert verdict.message == best if isinstance(best, str) else verdict is best


def test_a_look_at_a_dead_run_says_nothing_where_there_was_another() -> None:
    looks = [Look(1), Look(1, end=True, last=True, alive=False)]
    assert through(looks, NO)[0] is NO
    assert through(looks[1:], NO)[0] is NO


def test_where_there_is_no_further_look_the_best_so_far_stands() -> None:
    assert through([Look(1)], HALF)[0] is HALF


def test_a_place_is_told_as_a_person_finds_it() -> None:
    script = Cell(kind="code", source="", name="line 12", line=12)
    context = Context(look=LOOKS[0], rng=np.random.default_rng(0), cells=(*cells_of("a"), script))
    assert place(context, 0, 3) == "cell 1, line 3"
    assert place(context, 0, None) == "cell 1"
    assert place(context, 1, 3) == "line 14"
    assert place(context, 7, 3) == place(context, None, 3) == ""


def test_a_code_cell_is_numbered_among_all_cells() -> None:
    words = Cell(kind="markdown", source="# Title", name="cell 1")
    cells = (words, Cell(kind="code", source="x", name="cell 2"))
    context = Context(look=LOOKS[0], rng=np.random.default_rng(0), cells=cells)
    assert (cell_number(context, 0), place(context, 0, None)) == (2, "cell 2")
    assert cell_number(context, 1) is cell_number(context, -1) is None


def test_outcomes_follow_the_fraction() -> None:
    assert (NO.outcome, HALF.outcome, YES.outcome) == (
        Outcome.FAILED,
        Outcome.PARTIAL,
        Outcome.PASSED,
    )
