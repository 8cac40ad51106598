"""The rules of an assignment: lateness, how often somebody may submit, and which one counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.domain.policy import (
    LatePolicy,
    Policy,
    Scored,
    counting,
    lateness,
    penalty_in_words,
    refusal,
)

DUE = datetime(2026, 3, 27, 22, 0, tzinfo=UTC)
DAILY = LatePolicy(penalty=0.1, unit="day", cap=0.3, grace_s=600)


def late(hours: float, policy: LatePolicy = DAILY) -> float:
    return lateness(DUE + timedelta(hours=hours), DUE, policy).kept


@pytest.mark.parametrize(
    ("hours", "kept"),
    [(-5, 1.0), (0, 1.0), (10 / 60, 1.0), (11 / 60, 0.9), (24, 0.9), (24.2, 0.8), (1000, 0.7)],
)
def test_each_begun_day_after_the_grace_costs_up_to_the_cap(hours: float, kept: float) -> None:
    assert late(hours) == pytest.approx(kept)


def test_hours_are_counted_as_days_are() -> None:
    assert late(2.5, LatePolicy(penalty=0.05, unit="hour")) == pytest.approx(0.85)


def test_without_a_due_date_nothing_is_late() -> None:
    assert lateness(DUE, None, DAILY).kept == 1.0


def test_a_day_is_24_hours_also_where_clocks_change() -> None:
    # In Europe the night of 28 March 2026 is an hour shorter; what counts is the time that passed.
    assert late(24 + 10 / 60) == pytest.approx(0.9)


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_later_never_keeps_more(one: float, other: float) -> None:
    early, later = sorted([one, other])
    assert late(early) >= late(later)


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (0.1, ""),
        (1, "1 day late: 10 % of the points are taken off (10 % for each day that has begun)."),
        (
            99,
            "5 days late: 30 % of the points are taken off, which is the most that it costs.",
        ),
    ],
)
def test_the_penalty_is_spelled_out(hours: float, words: str) -> None:
    assert penalty_in_words(lateness(DUE + timedelta(hours=hours), DUE, DAILY), DAILY) == words


def refused(at: datetime, policy: Policy, *earlier: datetime, opens: datetime | None = None) -> Any:
    return refusal(at, policy, opens_at=opens, due_at=DUE, earlier=earlier)


def test_before_it_opens_it_says_when() -> None:
    opens = DUE - timedelta(days=7)
    found = refused(opens - timedelta(seconds=1), Policy(), opens=opens)
    assert found.until == opens
    assert refused(opens, Policy(), opens=opens) is None


def test_after_the_due_date_it_is_accepted_until_it_closes() -> None:
    policy = Policy(late=LatePolicy(closes_after_s=3600))
    assert refused(DUE + timedelta(hours=1), policy) is None
    assert "closed" in refused(DUE + timedelta(hours=1, seconds=1), policy).reason
    assert refused(DUE + timedelta(days=900), Policy()) is None


def test_an_extension_is_a_later_due_date() -> None:
    policy = Policy(late=LatePolicy(closes_after_s=0))
    at = DUE + timedelta(days=1)
    assert refused(at, policy) is not None
    own = DUE + timedelta(days=2)
    assert refusal(at, policy, opens_at=None, due_at=own, earlier=[]) is None


def test_only_so_many_submissions() -> None:
    policy = Policy(submissions=2)
    assert refused(DUE, policy, DUE) is None
    assert "2 submissions" in refused(DUE, policy, DUE, DUE).reason


def test_the_cool_down_says_when_the_next_one_may_come() -> None:
    policy = Policy(cooldown_s=60)
    assert refused(DUE, policy, DUE - timedelta(seconds=61), DUE - timedelta(hours=1)) is None
    found = refused(DUE, policy, DUE - timedelta(hours=1), DUE - timedelta(seconds=20))
    assert found.until == DUE + timedelta(seconds=40)


def scored(number: int, score: float | None, *, hours: float = 0, chosen: bool = False) -> Scored:
    return Scored(number, DUE + timedelta(hours=hours), score, chosen)


def counted(rule: Any, *submissions: Scored) -> int | None:
    found = counting(submissions, Policy(counts=rule, late=DAILY), DUE)
    return None if found is None else found.number


def test_the_best_counts_after_lateness() -> None:
    assert counted("best", scored(1, 9.0), scored(2, 9.5, hours=1)) == 1
    assert counted("best", scored(1, 8.0), scored(2, 9.5, hours=1)) == 2


def test_of_equal_ones_the_earlier_counts() -> None:
    assert counted("best", scored(2, 9.0), scored(1, 9.0)) == 1


def test_one_that_is_not_judged_yet_is_not_the_best_and_not_a_zero() -> None:
    assert counted("best", scored(1, 0.0), scored(2, None)) == 1
    assert counted("best", scored(1, None), scored(2, None)) == 2


def test_the_last_counts_whatever_it_has() -> None:
    assert counted("last", scored(1, 9.0), scored(2, None)) == 2


def test_the_chosen_one_counts_and_without_a_choice_the_last() -> None:
    assert counted("chosen", scored(1, 1.0, chosen=True), scored(2, 9.0)) == 1
    assert counted("chosen", scored(1, 9.0), scored(2, 1.0)) == 2


def test_without_submissions_nothing_counts() -> None:
    assert counted("best") is None


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: LatePolicy(penalty=10),
        lambda: LatePolicy(cap=-0.1),
        lambda: LatePolicy(grace_s=-1),
        lambda: LatePolicy(grace_s=600, closes_after_s=60),
        lambda: Policy(submissions=0),
        lambda: Policy(cooldown_s=-1),
    ],
)
def test_rules_that_make_no_sense_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        wrong()
