"""Assignments that were handed in and judged, as rows: without a worker."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from grader.db.models import (
    Assignment,
    AssignmentVersion,
    Attempt,
    AttemptState,
    CheckOutcome,
    Purpose,
    Queue,
    Result,
    Submission,
    VersionState,
)
from grader.db.session import Session, moment
from grader.domain.outcomes import Outcome, RunStatus
from grader.services.site import Site

BLOB = "0" * 64
EXERCISES = {"ex1": 4.0, "ex2": 6.0}  # and what there is to get in each

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Coursework:
    """An assignment of ten points in two exercises, one check each, with a version in force."""

    site: Site
    assignment_id: int
    due_at: datetime

    def version(self, number: int, exercises: Mapping[str, float] = EXERCISES) -> int:
        """One more version, which is in force from now on."""
        with self.site.database.writing() as session:
            return put_in_force(session, self.assignment_id, number, exercises)

    def hand_in(
        self,
        person_id: int,
        *,
        late: timedelta = timedelta(hours=-1),
        chosen: bool = False,
        **result: Any,
    ) -> int:
        """Somebody hands in; with `scores` it is judged, see `judge`."""
        with self.site.database.writing() as session:
            submission = Submission(
                assignment_id=self.assignment_id,
                person_id=person_id,
                number=next(_numbers),
                sha256=BLOB,
                name="a0.ipynb",
                format="ipynb",
                size=1,
                received_at=self.due_at + late,
                chosen=chosen,
            )
            session.add(submission)
            session.flush()
            self._attempt(session, submission, AttemptState.QUEUED)
            made = submission.id
        if result:
            self.judge(made, **result)
        return made

    def judge(
        self,
        submission_id: int,
        scores: Sequence[float],
        *,
        open_points: Outcome | None = None,
        status: RunStatus = RunStatus.COMPLETED,
    ) -> None:
        """It has these points in its exercises now; the last one is open where that is said."""
        with self.site.database.writing() as session:
            attempt = self._ended(session, submission_id, AttemptState.DONE)
            key = {"submission_id": submission_id, "version_id": attempt.version_id}
            former = session.get(Result, (submission_id, attempt.version_id))
            if former is not None:
                session.delete(former)
                session.flush()
            outline = session.get_one(AssignmentVersion, attempt.version_id).outline
            checks = [
                CheckOutcome(
                    **key,
                    exercise=exercise["id"],
                    check="values",
                    position=position,
                    outcome=Outcome.PASSED,
                    score=score,
                    max_score=exercise["max_score"],
                )
                for position, (exercise, score) in enumerate(
                    zip(outline["exercises"], scores, strict=True)
                )
            ]
            if open_points is not None:
                checks[-1].outcome = open_points
            session.add(
                Result(
                    **key,
                    attempt_id=attempt.id,
                    run_status=status,
                    score=sum(scores),
                    max_score=sum(check.max_score for check in checks),
                    pending=checks[-1].max_score if open_points is Outcome.PENDING else 0.0,
                    wall_s=1.0,
                    cpu_s=1.0,
                    peak_memory_bytes=1,
                    document=BLOB,
                )
            )
            session.flush()
            session.add_all(checks)

    def fail(self, submission_id: int) -> None:
        """Its judging failed on our side after the last try."""
        with self.site.database.writing() as session:
            self._ended(session, submission_id, AttemptState.FAILED)

    def _ended(self, session: Session, submission_id: int, state: AttemptState) -> Attempt:
        waiting = session.query(Attempt).filter_by(
            submission_id=submission_id, state=AttemptState.QUEUED
        )
        attempt = waiting.first() or self._attempt(
            session, session.get_one(Submission, submission_id), state
        )
        attempt.state = state
        session.flush()
        return attempt

    def _attempt(self, session: Session, submission: Submission, state: AttemptState) -> Attempt:
        assignment = session.get_one(Assignment, self.assignment_id)
        attempt = Attempt(
            submission_id=submission.id,
            version_id=assignment.live_version_id,
            course_id=assignment.course_id,
            person_id=submission.person_id,
            purpose=Purpose.SUBMISSION,
            queue=Queue.CPU,
            state=state,
            rank=0,
            turn=0,
            seed="00",
        )
        session.add(attempt)
        session.flush()
        return attempt


def assignment_of(
    site: Site, course_id: int, author_id: int, *, slug: str = "a0", **policy: Any
) -> Coursework:
    """An assignment of the course, due in an hour on the database's clock."""
    with site.database.writing() as session:
        due_at = moment(session) + timedelta(hours=1)
        assignment = Assignment(
            course_id=course_id, slug=slug, title=slug, due_at=due_at, policy=policy
        )
        session.add(assignment)
        session.flush()
        put_in_force(session, assignment.id, 1, EXERCISES, author_id)
        return Coursework(site, assignment.id, due_at)


def put_in_force(
    session: Session,
    assignment_id: int,
    number: int,
    exercises: Mapping[str, float],
    author_id: int | None = None,
) -> int:
    """A version with these exercises, published; without an author by that of the one before."""
    assignment = session.get_one(Assignment, assignment_id)
    if author_id is None:
        author_id = session.get_one(AssignmentVersion, assignment.live_version_id).author_id
    outline = [
        {"id": name, "title": name, "max_score": points, "checks": []}
        for name, points in exercises.items()
    ]
    version = AssignmentVersion(
        assignment_id=assignment_id,
        number=number,
        content_hash=f"sha256:{number}",
        bundle_sha256=BLOB,
        outline={"exercises": outline},
        max_score=sum(exercises.values()),
        state=VersionState.PUBLISHED,
        author_id=author_id,
    )
    session.add(version)
    session.flush()
    assignment.live_version_id = version.id
    return version.id
