"""How a run ended and how a check came out."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class RunStatus(StrEnum):
    """How the execution of a submission ended."""

    COMPLETED = "completed"  # to the last cell, whatever cells raised on the way
    STUDENT_ERROR = "student_error"  # the process ended itself before the last cell
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    POLICY_VIOLATION = "policy_violation"  # a system call or a message that no coursework needs
    INTERNAL_ERROR = "internal_error"  # ours; never a zero


class Outcome(StrEnum):
    """How a check, or an exercise as a whole, came out."""

    PASSED = "passed"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"  # a check that it depends on did not pass
    PENDING = "pending"  # a person grades it
    NOT_JUDGED = "not_judged"  # our failure


# How people are told.
OUTCOME_WORDS = {
    Outcome.PASSED: "Passed",
    Outcome.PARTIAL: "Partial",
    Outcome.FAILED: "Failed",
    Outcome.SKIPPED: "Skipped",
    Outcome.PENDING: "Waits",
    Outcome.NOT_JUDGED: "Ours to fix",
}


def combined(outcomes: Iterable[Outcome], score: float, max_score: float) -> Outcome:
    """The outcome of an exercise from those of its checks and its points.

    One check that was not judged leaves the exercise not judged, one that waits for a person
    leaves it pending; otherwise the points decide.
    """
    seen = set(outcomes)
    if Outcome.NOT_JUDGED in seen:
        return Outcome.NOT_JUDGED
    if Outcome.PENDING in seen:
        return Outcome.PENDING
    if seen <= {Outcome.PASSED} or score >= max_score > 0:
        return Outcome.PASSED
    return Outcome.PARTIAL if score > 0 else Outcome.FAILED
