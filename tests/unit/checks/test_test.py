"""`test` as a judge: what the outcomes of a test file come to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from grader.checks import KINDS
from grader.checks.base import Context
from grader.domain.outcomes import Outcome
from grader.domain.questions import (
    Look,
    NextLook,
    RanOutcome,
    RanTest,
    RanTests,
    Received,
    Replies,
    RunTests,
    Verdict,
)
from tests.unit.checks._play import cells_of, spec

PASSED, FAILED = RanOutcome.PASSED, RanOutcome.FAILED
BROKEN, LEFT_OUT = RanOutcome.BROKEN, RanOutcome.LEFT_OUT
Running = Callable[[RunTests], RanTests]


def ran(name: str, outcome: RanOutcome = PASSED, weight: float = 1.0, **more: str) -> RanTest:
    fields = {"title": name.removeprefix("test_"), "message": f"{name} says so.", **more}
    return RanTest(name=name, function=name, weight=weight, outcome=outcome, **fields)


def judged(
    running: Running, looks: tuple[Look, ...] = (Look(3, end=True, last=True),), **fields: Any
) -> tuple[Verdict, list[RunTests]]:
    """The verdict, and what was asked for on the way."""
    check = spec("test", **{"file": "test_it.py", **fields})
    waiting = list(looks)
    context = Context(
        look=waiting.pop(0), rng=np.random.default_rng(3), cells=cells_of("x = 1", "y = 2")
    )
    judging = KINDS["test"].judge(check, context)
    asked: list[RunTests] = []
    sent: Received = None
    try:
        while True:
            step = judging.send(sent)
            if isinstance(step, NextLook):
                sent = waiting.pop(0)
                continue
            assert isinstance(step, RunTests)
            asked.append(step)
            sent = running(step)
    except StopIteration as done:
        return done.value, asked


def verdict(*tests: RanTest, **fields: Any) -> Verdict:
    return judged(lambda request: RanTests(tests=tests), **fields)[0]


def test_all_points_are_earned_where_every_test_passes() -> None:
    found = verdict(ran("test_a"), ran("test_b"))
    assert (found.outcome, found.message) == (Outcome.PASSED, "All 2 tests pass.")
    assert verdict(ran("test_a")).message == "The test passes."


def test_each_test_earns_its_share_by_weight() -> None:
    found = verdict(ran("test_a", weight=3), ran("test_b", FAILED, weight=1))
    assert (found.outcome, found.fraction) == (Outcome.PARTIAL, 0.75)
    assert found.message == "1 of 2 tests pass.\nb: test_b says so."
    assert found.cause == "test_b"


def test_nothing_is_earned_where_every_test_fails() -> None:
    assert verdict(ran("test_a", FAILED)).outcome is Outcome.FAILED


def test_what_is_left_out_counts_on_neither_side() -> None:
    found = verdict(ran("test_a"), ran("test_b", LEFT_OUT, weight=9), ran("test_c", FAILED))
    assert found.fraction == 0.5
    assert verdict(ran("test_a"), ran("test_b", LEFT_OUT)).outcome is Outcome.PASSED


def test_a_file_in_which_no_test_counts_is_not_judged() -> None:
    assert verdict(ran("test_a", LEFT_OUT)).outcome is Outcome.NOT_JUDGED
    assert verdict().outcome is Outcome.NOT_JUDGED


def test_a_file_that_cannot_be_run_is_not_judged_and_its_fault_is_told_to_staff_alone() -> None:
    found, _ = judged(lambda request: RanTests(fault="ImportError in line 3"))
    assert found.outcome is Outcome.NOT_JUDGED
    assert "ImportError" not in found.message
    assert found.detail["fault"] == "ImportError in line 3"


def breaking(on_reference: RanOutcome) -> Running:
    """One test passes; another breaks on the submission, and does this on the reference."""

    def running(request: RunTests) -> RanTests:
        if not request.on_reference:
            return RanTests(tests=(ran("test_a"), ran("test_b", BROKEN)))
        assert request.names == {"test_b"}
        return RanTests(tests=(ran("test_b", on_reference),))

    return running


def test_a_test_that_breaks_is_the_submissions_fault_where_the_reference_passes_it() -> None:
    found, asked = judged(breaking(PASSED))
    assert (found.outcome, found.fraction) == (Outcome.PARTIAL, 0.5)
    assert [one.on_reference for one in asked] == [False, True]


@pytest.mark.parametrize("on_reference", [BROKEN, FAILED, LEFT_OUT])
def test_a_test_that_breaks_on_the_reference_as_well_is_not_judged(
    on_reference: RanOutcome,
) -> None:
    assert judged(breaking(on_reference))[0].outcome is Outcome.NOT_JUDGED


def test_a_further_look_is_taken_until_everything_passes() -> None:
    outcomes = [FAILED, PASSED]
    looks = (Look(1), Look(3, end=True, last=True))
    found, asked = judged(lambda request: RanTests(tests=(ran("test_a", outcomes.pop(0)),)), looks)
    assert found.outcome is Outcome.PASSED
    assert len({one.seed for one in asked}) == 1, "each look is asked for with the same inputs"


def test_many_failing_tests_are_cut_short() -> None:
    found = verdict(*(ran(f"test_{letter}", FAILED) for letter in "abcdefgh"))
    assert found.message.count("\n") == 6
    assert found.message.endswith("And 3 more.")


def test_a_hint_of_the_rubrics_goes_by_the_name_of_the_test() -> None:
    found = verdict(ran("test_a"), ran("test_b", FAILED), hints={"test_b": "Look again."})
    assert found.hint == "Look again."


def test_what_the_rubric_says_reaches_the_run() -> None:
    fields = {"arrays": "numpy", "operators": ["Dual"], "limit_s": 2, "test_limit_s": 4}
    _, asked = judged(lambda request: RanTests(tests=(ran("test_a"),)), **fields)
    [request] = asked
    assert (request.library, request.operators) == ("numpy", {"Dual"})
    assert (request.probe_s, request.test_s) == (2, 4)


@pytest.mark.parametrize(
    "fields",
    [
        {"file": "../test_it.py"},
        {"file": "/etc/test_it.py"},
        {"file": "solution.py"},
        {"file": "tests/../test_it.py"},
        {"file": "test_it.py", "test_limit_s": 0},
        {"file": "test_it.py", "file_limit_s": float("nan")},
        {"file": "test_it.py", "operators": ["Dual()"]},
    ],
)
def test_nonsense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"test_\.\.\.\.py|more than 0|classes"):
        spec("test", **fields)


def test_a_check_that_gets_another_answer_than_it_asked_for_is_our_failure() -> None:
    with pytest.raises(TypeError, match="RanTests"):
        judged(lambda request: Replies())  # type: ignore[arg-type,return-value]


def test_what_a_test_says_ends_as_a_sentence() -> None:
    found = verdict(ran("test_a", FAILED, message="think again"), ran("test_b", FAILED))
    assert found.message.split("\n")[1:] == ["a: think again.", "b: test_b says so."]
