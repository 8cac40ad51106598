"""What is somebody's own in a course: their assignments, what they handed in, what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from grader.db import grades, people, submissions
from grader.db.grades import Live, Released
from grader.db.models import Assignment
from grader.db.session import Session, moment
from grader.domain.grades import Grade
from grader.domain.outcomes import RunStatus
from grader.domain.policy import (
    Lateness,
    Policy,
    Refusal,
    lateness,
    lateness_in_words,
    own_due_at,
    refusal,
)
from grader.errors import NotFound
from grader.services.access import Actor, Right, permit, permit_assignment
from grader.services.assignments import Seen as SeenAssignment
from grader.services.assignments import Stage, list_assignments
from grader.services.grades import grade_from
from grader.services.policies import policy_of
from grader.services.site import Site
from grader.services.submissions import Filters, Found, list_submissions, see

_MOST = 200  # assignments of a course on one page


@dataclass(frozen=True, kw_only=True)
class OwnAssignment:
    """An assignment with one's grade in it: what was judged, and what is released.

    `may_hand_in`: it is open, and not all submissions are used up.
    """

    seen: SeenAssignment
    grade: Grade
    released: Released | None
    may_hand_in: bool


@dataclass(frozen=True, kw_only=True)
class HandingIn:
    """Whether and at what cost one may hand in now. `used` of `most` are handed in already."""

    refusal: Refusal | None
    used: int
    most: int | None
    lateness: str
    grace_until: datetime | None
    closes_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class OwnSubmission:
    """One of one's submissions: the `place`-th of `of` that one, or one's team, has handed in.

    `points` are those judged automatically, and `to_come` those that a person can add at most; both
    after lateness.
    """

    found: Found
    place: int
    of: int
    late: Lateness
    points: float | None
    to_come: float


def own_assignments(site: Site, actor: Actor, course_id: int) -> list[OwnAssignment]:
    """The assignments of a course that one may know of, with one's grades; by a few queries."""
    listed = list_assignments(site, actor, course_id, limit=_MOST).items
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.READ)
        members = grades.members(session, course_id, only=[actor.person_id]).items
        if not members:
            raise NotFound("you are not in this course")
        member = members[0]
        lives = [Live(one.assignment, one.live.max_score if one.live else 0.0) for one in listed]
        facts = grades.facts(session, course_id, lives, [member])
        ids = [one.assignment.id for one in lives]
        used = submissions.numbers_of(session, ids, member.shares_with)
    found = []
    for seen, live in zip(listed, lives, strict=True):
        policy, key = policy_of(seen.assignment), seen.assignment.id
        has_one_left = policy.submissions is None or used.get(key, 0) < policy.submissions
        found.append(
            OwnAssignment(
                seen=seen,
                grade=grade_from(facts, live, policy, member, with_overrides=False),
                released=facts.releases.get((key, actor.person_id)),
                may_hand_in=seen.stage is Stage.OPEN and has_one_left,
            )
        )
    return found


def handing_in(site: Site, actor: Actor, assignment_id: int) -> HandingIn:
    """What the rules of an assignment say to somebody who would hand in now."""
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.READ)
        at = moment(session)
        team = people.team_of(session, assignment.course_id, actor.person_id)
        earlier = submissions.receipts(session, assignment_id, team)
        due_at = _due_at(session, assignment, team)
    policy = policy_of(assignment)
    late = policy.late
    closes = None if late.closes_after_s is None else timedelta(seconds=late.closes_after_s)
    return HandingIn(
        refusal=refusal(
            at, policy, opens_at=assignment.opens_at, due_at=due_at, earlier=list(earlier)
        ),
        used=len(earlier),
        most=policy.submissions,
        lateness=lateness_in_words(lateness(at, due_at, late), late),
        grace_until=due_at + timedelta(seconds=late.grace_s) if due_at and late.grace_s else None,
        closes_at=None if due_at is None or closes is None else due_at + closes,
    )


def own_submissions(
    site: Site, actor: Actor, assignment_id: int, *, cursor: str | None = None
) -> tuple[list[OwnSubmission], str | None]:
    """What one, or one's team, has handed in for an assignment, the latest first, by pages."""
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.READ)
        team = people.team_of(session, assignment.course_id, actor.person_id)
        due_at = _due_at(session, assignment, team)
    mine = Filters(people=team)
    page = list_submissions(site, actor, assignment_id, mine, "received_at", cursor=cursor)
    with site.database.reading() as session:  # afterwards: whatever is listed is in it
        order = submissions.in_order(session, assignment_id, team)
    policy = policy_of(assignment)
    rows = [_own(one, policy, due_at, order) for one in page.items]
    return rows, page.next_cursor


def own_submission(site: Site, actor: Actor, found: Found) -> OwnSubmission:
    """One of these."""
    with site.database.reading() as session:
        seen = see(session, actor, found.submission.id)
        due_at = _due_at(session, seen.assignment, seen.team)
        order = submissions.in_order(session, seen.assignment.id, seen.team)
    return _own(found, policy_of(seen.assignment), due_at, order)


def _own(
    found: Found, policy: Policy, due_at: datetime | None, order: Sequence[int]
) -> OwnSubmission:
    late = lateness(found.submission.received_at, due_at, policy.late)
    result = found.result
    has_score = result is not None and result.run_status is not RunStatus.INTERNAL_ERROR
    score = result.score if result is not None and has_score else None
    return OwnSubmission(
        found=found,
        place=order.index(found.submission.id) + 1,
        of=len(order),
        late=late,
        points=None if score is None else round(score * late.kept, 6),
        to_come=0.0 if result is None else round(result.pending * late.kept, 6),
    )


def _due_at(session: Session, assignment: Assignment, team: Sequence[int]) -> datetime | None:
    extended = submissions.extensions(session, assignment, team)
    return own_due_at(assignment.due_at, (at for own in extended.values() for at in own))
