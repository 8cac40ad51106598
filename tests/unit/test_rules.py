"""The rules of an assignment in words."""

from __future__ import annotations

import pytest

from grader.domain.policy import LatePolicy, Policy
from grader.domain.rules import rules_in_words

OFTEN = "You may hand in as often as you like."
BEST = "The submission with the most points counts."


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (Policy(), [OFTEN, BEST]),
        (Policy(submissions=1), ["You may hand in once."]),
        (
            Policy(submissions=2, counts="last", cooldown_s=5400),
            [
                "You may hand in twice.",
                "Between two submissions lie at least 1 hour and 30 minutes.",
                "The latest submission counts.",
            ],
        ),
    ],
)
def test_without_a_due_date_nothing_is_said_of_lateness(policy: Policy, words: list[str]) -> None:
    assert rules_in_words(policy, has_due_date=False) == words


@pytest.mark.parametrize(
    ("late", "words"),
    [
        (LatePolicy(), ["Being late costs nothing."]),
        (LatePolicy(closes_after_s=0), ["Nothing is accepted after the due date."]),
        (
            LatePolicy(penalty=0.025, unit="hour", closes_after_s=90061),
            [
                "Each hour that has begun after the due date costs 2.5 % of the points that you "
                "earned.",
                "Later than 1 day, 1 hour, 1 minute and 1 second after the due date nothing is "
                "accepted.",
            ],
        ),
    ],
)
def test_what_lateness_costs_is_spelled_out(late: LatePolicy, words: list[str]) -> None:
    assert rules_in_words(Policy(late=late), has_due_date=True) == [OFTEN, BEST, *words]
