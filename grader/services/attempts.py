"""Attempts: where they stand, cancelling one, and judging a submission again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.db import attempts, audit, leases, submissions
from grader.db.assignments import Hold, held
from grader.db.models import AssignmentVersion, Attempt, AttemptState, Purpose
from grader.db.session import Session
from grader.errors import Conflict, Forbidden
from grader.services.access import Actor, Right, permit, permit_submission
from grader.services.sending import send
from grader.services.site import Site
from grader.services.submissions import see
from grader.services.watching import News, look, see_attempt

OPEN = (AttemptState.QUEUED, AttemptState.RUNNING)


@dataclass(frozen=True, kw_only=True)
class Watched:
    """An attempt and where it stands; `is_staff`: why it failed and where it ran may be told."""

    attempt: Attempt
    news: News
    is_staff: bool


def list_attempts(site: Site, actor: Actor, submission_id: int) -> list[Watched]:
    """The attempts to judge a submission, the latest first; for students those that can count."""
    with site.database.reading() as session:
        seen = see(session, actor, submission_id)
        found = submissions.attempts_of(session, submission_id, with_shadow=seen.is_staff)
    return _watched(site, found, seen.is_staff)


def get_attempt(site: Site, actor: Actor, attempt_id: int) -> Watched:
    """One attempt."""
    with site.database.reading() as session:
        attempt, seen = see_attempt(session, actor, attempt_id)
    return _watched(site, [attempt], seen.is_staff)[0]


def cancel(site: Site, actor: Actor, attempt_id: int) -> Watched:
    """Take an attempt off the queue.

    Staff cancel what waits and what runs, whose worker then writes nothing. Who handed it in
    cancels what still waits and was superseded: they, or their team, have handed in again since.
    """
    with site.database.writing() as session:
        attempt, seen = see_attempt(session, actor, attempt_id)
        states: Sequence[AttemptState] = OPEN
        if not seen.is_staff:
            permit(session, actor, seen.assignment.course_id, Right.SUBMIT)
            if not submissions.is_superseded(session, seen.submission, seen.team):
                raise Forbidden("only a submission that was handed in again since is cancelled")
            states = (AttemptState.QUEUED,)
        if not leases.cancel(session, Attempt, Attempt.id == attempt_id, Attempt.state.in_(states)):
            raise Conflict(_why_not(session, attempt))
        audit.record(
            session,
            actor.person_id,
            "attempt.cancelled",
            attempt,
            course_id=attempt.course_id,
            submission_id=attempt.submission_id,
        )
        session.refresh(attempt)
    return _watched(site, [attempt], seen.is_staff)[0]


def regrade_submission(site: Site, actor: Actor, submission_id: int, *, reason: str) -> Watched:
    """Judge a submission again against the version in force, from a fresh seed; for staff.

    Its result stays until the new one takes its place. It goes behind what is handed in meanwhile.
    """
    with site.database.writing() as session:
        permit_submission(session, actor, submission_id, Right.GRADE)
        seen = see(session, actor, submission_id)
        assignment = seen.assignment
        # Two who ask at the same moment make one attempt, also where one asks for all.
        held(session, assignment.id, Hold.REGRADES)
        if assignment.live_version_id is None:
            raise Conflict("no version of this assignment is published: there is none to judge by")
        version = session.get_one(AssignmentVersion, assignment.live_version_id)
        last = submissions.last_attempts_of(session, [submission_id], version.id)
        if submission_id in last and last[submission_id].state in OPEN:
            raise Conflict("it waits to be judged, or is being judged, already")
        (attempt,) = attempts.enqueue(
            session, seen.submission, version, Purpose.REGRADE, is_sent=True
        )
        audit.record(
            session,
            actor.person_id,
            "submission.regraded",
            seen.submission,
            course_id=assignment.course_id,
            attempt_id=attempt.id,
            reason=reason,
        )
        session.refresh(attempt)
    send(site, [attempt])
    return _watched(site, [attempt], True)[0]


def _watched(site: Site, found: Sequence[Attempt], is_staff: bool) -> list[Watched]:
    news = look(site, [one.id for one in found])
    return [Watched(attempt=one, news=news[one.id], is_staff=is_staff) for one in found]


def _why_not(session: Session, attempt: Attempt) -> str:
    session.refresh(attempt)
    if attempt.state is AttemptState.RUNNING:
        return "it is being judged already"
    return f"it has ended already: {attempt.state}"
