"""The rules of an assignment: lateness, how often somebody may submit, and which one counts.

All moments are aware datetimes. Lateness is judged by the time of receipt and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

Counts = Literal["best", "last", "chosen"]
Unit = Literal["day", "hour"]

_LONGEST_S = 10 * 366 * 86400.0
_MOST_SUBMISSIONS = 100_000
_STRICT: dict[str, Any] = {"extra": "forbid"}
_UNITS = {"day": timedelta(days=1), "hour": timedelta(hours=1)}
_NAMES = {"day": ("day", "days"), "hour": ("hour", "hours")}


@dataclass(frozen=True, kw_only=True)
class LatePolicy:
    """What lateness costs: `penalty` of the earned points for each begun `unit` after the grace.

    Never more than `cap` is taken off. After `closes_after_s` seconds nothing is accepted.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    penalty: float = 0.0
    unit: Unit = "day"
    cap: float = 1.0
    grace_s: float = 0.0
    closes_after_s: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.penalty <= 1 or not 0 <= self.cap <= 1:
            raise ValueError("penalty and cap are parts of the points: from 0 to 1")
        if self.grace_s < 0 or (self.closes_after_s or 0) < 0:
            raise ValueError("grace_s and closes_after_s are seconds after the due date")
        if not self.grace_s <= _LONGEST_S or not (self.closes_after_s or 0) <= _LONGEST_S:
            raise ValueError("grace_s and closes_after_s are ten years at most")
        if self.closes_after_s is not None and self.closes_after_s < self.grace_s:
            raise ValueError("closes_after_s lies before the end of the grace")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """An assignment's rules; without limits where they are None."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    late: LatePolicy = LatePolicy()
    submissions: int | None = None  # how many one person, or one team, may hand in
    cooldown_s: float = 0.0  # between two of them
    counts: Counts = "best"

    def __post_init__(self) -> None:
        if self.submissions is not None and not 1 <= self.submissions <= _MOST_SUBMISSIONS:
            raise ValueError(
                f"submissions is from 1 to {_MOST_SUBMISSIONS}, or left out for any number"
            )
        if not 0 <= self.cooldown_s <= _LONGEST_S:
            raise ValueError("cooldown_s is a number of seconds, ten years at most")


@dataclass(frozen=True)
class Lateness:
    """How late a submission is: `units` begun after the grace, and the part of the points kept."""

    by: timedelta
    units: int
    kept: float

    @property
    def is_late(self) -> bool:
        """Whether it costs or could cost anything."""
        return self.units > 0


_IN_TIME = Lateness(timedelta(0), 0, 1.0)


@dataclass(frozen=True)
class Refusal:
    """Why nothing is accepted now, in words for the student; `until` where waiting helps."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True)
class Scored:
    """A submission as far as counting goes. `score` is None while it is not judged."""

    number: int
    received_at: datetime
    score: float | None
    chosen: bool = False


def lateness(received_at: datetime, due_at: datetime | None, policy: LatePolicy) -> Lateness:
    """How late, and what is left of the points."""
    if due_at is None or received_at <= due_at:
        return _IN_TIME
    by = received_at - due_at
    beyond = by - timedelta(seconds=policy.grace_s)
    units = math.ceil(beyond / _UNITS[policy.unit]) if beyond > timedelta(0) else 0
    return Lateness(by, units, 1.0 - min(policy.cap, units * policy.penalty))


def own_due_at(due_at: datetime | None, extensions: Iterable[datetime]) -> datetime | None:
    """When it is due for somebody: the latest of the assignment's date and their extensions.

    Of a team the extensions of all members count, for it hands in together.
    """
    return None if due_at is None else max([due_at, *extensions])


def penalty_in_words(late: Lateness, policy: LatePolicy) -> str:
    """What lateness cost, spelled out; empty where it cost nothing."""
    if not late.is_late or late.kept == 1.0:
        return ""
    unit = _NAMES[policy.unit][late.units != 1]
    taken = f"{late.units} {unit} late: {_percent(1 - late.kept)} of the points are taken off"
    if late.units * policy.penalty > policy.cap:
        return f"{taken}, which is the most that it costs."
    return f"{taken} ({_percent(policy.penalty)} for each {policy.unit} that has begun)."


def lateness_in_words(late: Lateness, policy: LatePolicy) -> str:
    """Whether it came in time, and what it costs if not."""
    if late.by <= timedelta(0):
        return "In time."
    return penalty_in_words(late, policy) or "After the due date; it costs nothing."


def over_at(due_at: datetime, policy: LatePolicy) -> datetime:
    """When who has handed in nothing has missed what was due: once nothing is accepted any more,
    or, where late work always is, with the end of the grace."""
    closes = policy.closes_after_s
    return due_at + timedelta(seconds=policy.grace_s if closes is None else closes)


def refusal(
    at: datetime,
    policy: Policy,
    *,
    opens_at: datetime | None,
    due_at: datetime | None,
    earlier: Sequence[datetime],
) -> Refusal | None:
    """Why a submission that arrives `at` is not accepted; None where it is.

    `due_at` is the person's own, with an extension; `earlier` are the receipts of their earlier
    submissions in any order.
    """
    if opens_at is not None and at < opens_at:
        return Refusal("This assignment is not open yet.", opens_at)
    closes = policy.late.closes_after_s
    if due_at is not None and closes is not None and at > due_at + timedelta(seconds=closes):
        return Refusal("This assignment is closed.")
    if policy.submissions is not None and len(earlier) >= policy.submissions:
        count = "1 submission" if policy.submissions == 1 else f"{policy.submissions} submissions"
        return Refusal(f"All of {count} are used up.")
    if earlier and policy.cooldown_s:
        free = max(earlier) + timedelta(seconds=policy.cooldown_s)
        if at < free:
            return Refusal("Another submission can follow a little later.", free)
    return None


def counting(
    submissions: Sequence[Scored], policy: Policy, due_at: datetime | None
) -> Scored | None:
    """The submission that counts; None where there is none.

    `best`: the one with the most points after lateness, the earlier one of equals; one that is not
    judged yet counts only where nothing is judged. `last`: the latest. `chosen`: the student's
    choice, and where there is none the latest.
    """
    if not submissions:
        return None
    latest = max(submissions, key=lambda one: one.number)
    if policy.counts == "chosen":
        return next((one for one in submissions if one.chosen), latest)
    judged = [one for one in submissions if one.score is not None]
    if policy.counts == "last" or not judged:
        return latest
    return max(judged, key=lambda one: (_after_lateness(one, policy, due_at), -one.number))


def _after_lateness(one: Scored, policy: Policy, due_at: datetime | None) -> float:
    return (one.score or 0.0) * lateness(one.received_at, due_at, policy.late).kept


def _percent(part: float) -> str:
    return f"{round(part * 100, 1):g} %"
