"""From scores to grades: what counts of what somebody handed in, and what it is worth.

A score is computed by judging and never edited. A grade is the score with what people gave in its
place (overrides), and with what lateness takes off. Nothing here turns a missing verdict into a
zero: what was not judged on our side has no points until it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from grader.domain.policy import (
    Lateness,
    Policy,
    Scored,
    counting,
    lateness,
    penalty_in_words,
)

_WHOLE = None  # the key of an override of the total among those of exercises


class GradeState(StrEnum):
    """How far a grade has come; only a complete one is released."""

    NOTHING = "nothing"  # nothing was handed in
    WAITING = "waiting"  # it is not judged yet
    NOT_JUDGED = "not_judged"  # a failure of ours; staff see to it
    PENDING = "pending"  # points wait for a person
    COMPLETE = "complete"


@dataclass(frozen=True, kw_only=True)
class Part:
    """An exercise of a result; `pending` and `not_judged` are the points still open."""

    score: float
    max_score: float
    pending: float = 0.0
    not_judged: float = 0.0


class Judged(NamedTuple):
    """A result as far as grades go. `parts` may lack what no override asks for.

    `failed` is a run that ended by a failure of ours: its points say nothing.
    """

    score: float
    max_score: float
    pending: float = 0.0
    not_judged: float = 0.0
    failed: bool = False
    parts: Mapping[str, Part] = MappingProxyType({})


class HandedIn(NamedTuple):
    """A submission with its result against the version in force, None where there is none.

    `waits` tells one that will have a result from one whose judging failed. `overrides` are points
    by exercise, and by None for the whole.
    """

    id: int
    person_id: int
    number: int
    received_at: datetime
    chosen: bool = False
    judged: Judged | None = None
    waits: bool = False
    overrides: Mapping[str | None, float] = MappingProxyType({})


class Worth(NamedTuple):
    """What one submission is worth. `points` is None until all of it that we judge is judged.

    `before_lateness` is the score with overrides; `pending` what is still to be graded of it.
    """

    state: GradeState
    score: float | None
    before_lateness: float | None
    points: float | None
    max_score: float
    pending: float
    not_judged: float
    late: Lateness

    @property
    def to_come(self) -> float:
        """The points that what is still to be graded can bring at most, after lateness."""
        return round(self.pending * self.late.kept, 6)

    @property
    def lessened(self) -> bool:
        """Whether lateness took part of the points."""
        return self.points is not None and self.points != self.before_lateness


@dataclass(frozen=True, kw_only=True)
class Grade:
    """What somebody has in an assignment: the submission that counts and what it is worth."""

    counting: HandedIn | None
    worth: Worth | None
    max_score: float
    due_at: datetime | None
    policy: Policy

    @property
    def penalty(self) -> str:
        """What lateness cost, in words; empty where it cost nothing."""
        if self.worth is None or not self.worth.lessened:
            return ""
        return penalty_in_words(self.worth.late, self.policy.late)

    @property
    def state(self) -> GradeState:
        """How far it has come."""
        return self.worth.state if self.worth else GradeState.NOTHING

    @property
    def can_improve(self) -> bool:
        """Whether something is wrong: points are missing that neither wait for a person nor were
        taken by lateness, of which handing in again takes more."""
        worth = self.worth
        if worth is None or worth.before_lateness is None or worth.points is None:
            return False
        return worth.before_lateness + worth.pending + worth.not_judged < worth.max_score

    @property
    def points(self) -> float | None:
        """The points, None where there is nothing or nothing that is known yet."""
        return self.worth.points if self.worth else None


def grade(
    submissions: Sequence[HandedIn], policy: Policy, due_at: datetime | None, max_score: float
) -> Grade:
    """The grade of who handed these in (one person, or a team), due `due_at` for them.

    `max_score` is that of the version in force.
    """
    # Of a team everybody counts from 1: what orders all of them is the time of receipt.
    ordered = sorted(submissions, key=lambda one: (one.received_at, one.id))
    worths = [worth(one, policy, due_at, max_score) for one in ordered]
    scored = [
        Scored(number, one.received_at, known.points, one.chosen)
        for number, (one, known) in enumerate(zip(ordered, worths, strict=True))
    ]
    # Their points are after lateness already, where lateness applies: hence without a due date.
    found = counting(scored, policy, None)
    if found is None:
        return Grade(counting=None, worth=None, max_score=max_score, due_at=due_at, policy=policy)
    return Grade(
        counting=ordered[found.number],
        worth=worths[found.number],
        max_score=max_score,
        due_at=due_at,
        policy=policy,
    )


def worth(one: HandedIn, policy: Policy, due_at: datetime | None, max_score: float) -> Worth:
    """What a submission is worth.

    Points given for the whole are the last word, and lateness takes nothing off them. Points given
    for an exercise stand in the place of its score; an exercise that the version in force does not
    have is passed over. Neither makes more than the maximum.
    """
    late = lateness(one.received_at, due_at, policy.late)
    judged = one.judged
    score = judged.score if judged is not None and not judged.failed else None
    if _WHOLE in one.overrides:
        given = min(one.overrides[_WHOLE], max_score)
        return Worth(
            state=GradeState.COMPLETE,
            score=score,
            before_lateness=given,
            points=given,
            max_score=max_score,
            pending=0.0,
            not_judged=0.0,
            late=late,
        )
    if judged is None or score is None:
        waits = judged is None and one.waits
        return Worth(
            state=GradeState.WAITING if waits else GradeState.NOT_JUDGED,
            score=None,
            before_lateness=None,
            points=None,
            max_score=max_score,
            pending=0.0,
            not_judged=0.0 if waits else max_score,
            late=late,
        )
    total, pending, not_judged = judged.score, judged.pending, judged.not_judged
    for exercise, points in one.overrides.items():
        part = judged.parts.get(exercise or "")
        if part is not None:
            total += min(points, part.max_score) - part.score
            pending -= part.pending
            not_judged -= part.not_judged
    if one.overrides:
        total, pending, not_judged = (max(0.0, round(x, 6)) for x in (total, pending, not_judged))
    state = GradeState.PENDING if pending else GradeState.COMPLETE
    state = GradeState.NOT_JUDGED if not_judged else state
    return Worth(
        state=state,
        score=score,
        before_lateness=total,
        points=None if not_judged else total if late.kept == 1.0 else round(total * late.kept, 6),
        max_score=max_score,
        pending=pending,
        not_judged=not_judged,
        late=late,
    )
