"""One submission as staff see it: all that judging and people have made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grader.db import grades, review, similarity, submissions
from grader.db.models import (
    Assignment,
    AssignmentVersion,
    AttemptState,
    AuditEntry,
    Override,
    RegradeRequest,
    Result,
    Role,
    Submission,
)
from grader.db.session import Session
from grader.domain.grades import Grade, HandedIn, Judged, Part, Worth, worth
from grader.domain.outcomes import Outcome, RunStatus
from grader.errors import NotFound
from grader.services.access import Actor, Right, permit_submission
from grader.services.anonymity import shown_file, shown_name
from grader.services.attempts import Watched, get_attempt, list_attempts
from grader.services.comments import Comments, comments_for_staff
from grader.services.grades import grade_from
from grader.services.policies import policy_of
from grader.services.results import CellNotes, cell_notes, result_document
from grader.services.site import Site
from grader.services.submissions import Found, due_at, found_of, see

_A_STUDENT = "A student"


@dataclass(frozen=True, kw_only=True)
class Similar:
    """Another submission that is like this one; `pair` are the comparison and both of them."""

    pair: tuple[int, int, int]
    submission_id: int
    who: str
    similarity: float


@dataclass(frozen=True, kw_only=True)
class Review:
    """All that staff see of a submission.

    `document` is the result against the version in force as it was stored, None where there is
    none, and then `why_none` says why. `worth` is with the overrides that stand, `grade` that of
    the person, None where they have left the course. `earlier` is everything that they have handed
    in, this one too; `versions` are the numbers of versions by their ids.
    """

    submission: Submission
    assignment: Assignment
    version: AssignmentVersion | None
    who: str
    file: str
    lateness: str
    worth: Worth
    grade: Grade | None
    document: Mapping[str, Any] | None
    why_none: str
    cells: CellNotes
    overrides: Sequence[tuple[Override, str]]
    attempts: Sequence[Watched]
    versions: Mapping[int, int]
    results: Sequence[tuple[Result, int]]
    earlier: Sequence[Found]
    trail: Sequence[tuple[AuditEntry, str]]
    requests: Sequence[RegradeRequest]
    comments: Comments
    similar: Sequence[Similar]

    @property
    def counts(self) -> bool:
        """Whether the person's grade is made of this one."""
        counting = self.grade.counting if self.grade else None
        return counting is not None and counting.id == self.submission.id

    @property
    def standing(self) -> Mapping[str | None, Override]:
        """The overrides that stand, by exercise; of None for the whole."""
        return {one.exercise: one for one, _ in self.overrides if one.revoked_at is None}

    def title(self, exercise: str | None) -> str:
        """What an exercise is called; of None the whole."""
        if exercise is None:
            return "The whole"
        outline: Mapping[str, Any] = self.version.outline if self.version else {}
        titles = {one["id"]: one["title"] for one in outline.get("exercises", [])}
        return str(titles.get(exercise, exercise))

    @property
    def has_failed(self) -> bool:
        """Whether the latest judging failed on our side."""
        return bool(self.attempts) and self.attempts[0].attempt.state is AttemptState.FAILED

    @property
    def waits_for_person(self) -> str | None:
        """The first exercise with points that a person has yet to give."""
        if self.document is None or None in self.standing:
            return None
        return next(
            (
                str(exercise["id"])
                for exercise in self.document["exercises"]
                if exercise["id"] not in self.standing
                and any(check["outcome"] == Outcome.PENDING for check in exercise["checks"])
            ),
            None,
        )

    @property
    def open_attempt(self) -> Watched | None:
        """The attempt that waits or runs, if one does."""
        return next((one for one in self.attempts if not one.news.is_last), None)


def staff_view(site: Site, actor: Actor, submission_id: int) -> Review:
    """One submission, for staff."""
    with site.database.reading() as session:
        permit_submission(session, actor, submission_id, Right.GRADE)
    try:
        document, why_none = result_document(site, actor, submission_id), ""
    except NotFound as error:
        document, why_none = None, str(error)
    attempts = list_attempts(site, actor, submission_id)
    with site.database.reading() as session:
        seen = see(session, actor, submission_id)
        submission, assignment = seen.submission, seen.assignment
        version = (
            session.get_one(AssignmentVersion, assignment.live_version_id)
            if assignment.live_version_id
            else None
        )
        every = review.all_of_person(session, submission)
        grade = _grade(session, assignment, submission.person_id)
        counts = [grade.counting.id] if grade and grade.counting else []
        earlier = found_of(session, assignment, every, counts)
        (own,) = (one for one in earlier if one.submission.id == submission_id)
        overrides = grades.overrides(session, submission_id)
        due = due_at(session, seen)
        return Review(
            submission=submission,
            assignment=assignment,
            version=version,
            who=shown_name(assignment, submission, own.person),
            file=shown_file(assignment, submission),
            lateness=own.lateness,
            worth=worth(
                _handed_in(submission, document, overrides, attempts),
                policy_of(assignment),
                due,
                version.max_score if version else 0.0,
            ),
            grade=grade,
            document=document,
            why_none=why_none,
            cells=cell_notes(site, own.result),
            overrides=overrides,
            attempts=attempts,
            versions=review.versions_of(session, assignment.id),
            results=review.results_of(session, submission_id),
            earlier=earlier,
            trail=_trail(session, assignment, submission),
            requests=review.requests_of(session, submission_id),
            comments=comments_for_staff(session, submission_id),
            similar=_similar(session, assignment, submission_id),
        )


def progress(site: Site, actor: Actor, submission_id: int) -> Watched | None:
    """The latest attempt against the version in force, and how far it has come; for staff."""
    with site.database.reading() as session:
        _, assignment = permit_submission(session, actor, submission_id, Right.GRADE)
        last = submissions.last_attempts_of(session, [submission_id], assignment.live_version_id)
    attempt = last.get(submission_id)
    return None if attempt is None else get_attempt(site, actor, attempt.id)


def file_name(site: Site, actor: Actor, submission_id: int) -> str:
    """What staff call the file."""
    with site.database.reading() as session:
        submission, assignment = permit_submission(session, actor, submission_id, Right.GRADE)
        return shown_file(assignment, submission)


def replay_document(site: Site, actor: Actor, submission_id: int) -> str:
    """The result document from which the submission is judged again, as JSON."""
    name = file_name(site, actor, submission_id)
    document = dict(result_document(site, actor, submission_id))
    document["submission"] = {**document["submission"], "name": name}
    return json.dumps(document, ensure_ascii=False, indent=1)


def _handed_in(
    submission: Submission,
    document: Mapping[str, Any] | None,
    overrides: Sequence[tuple[Override, str]],
    attempts: Sequence[Watched],
) -> HandedIn:
    return HandedIn(
        id=submission.id,
        person_id=submission.person_id,
        number=submission.number,
        received_at=submission.received_at,
        chosen=submission.chosen,
        judged=None if document is None else _judged(document),
        waits=any(not one.news.is_last for one in attempts),
        overrides={one.exercise: one.score for one, _ in overrides if one.revoked_at is None},
    )


def _judged(document: Mapping[str, Any]) -> Judged:
    parts = {one["id"]: _part(one) for one in document["exercises"]}
    return Judged(
        score=document["score"],
        max_score=document["max_score"],
        pending=document["pending"],
        not_judged=sum(part.not_judged for part in parts.values()),
        failed=document["run"]["status"] == RunStatus.INTERNAL_ERROR,
        parts=parts,
    )


def _part(exercise: Mapping[str, Any]) -> Part:
    def points(outcome: Outcome) -> float:
        checks = exercise["checks"]
        return float(sum(one["max_score"] for one in checks if one["outcome"] == outcome))

    return Part(
        score=exercise["score"],
        max_score=exercise["max_score"],
        pending=points(Outcome.PENDING),
        not_judged=points(Outcome.NOT_JUDGED),
    )


def _grade(session: Session, assignment: Assignment, person_id: int) -> Grade | None:
    """That of which it may be a part: of a student that they are, or hand in with; all of a team
    have the same."""
    students = grades.students_with(session, assignment.course_id, [person_id])
    if not students:
        return None
    live = grades.assignment(session, assignment.id)
    facts = grades.facts(session, assignment.course_id, [live], students)
    return grade_from(facts, live, policy_of(assignment), students[0])


def _trail(
    session: Session, assignment: Assignment, submission: Submission
) -> list[tuple[AuditEntry, str]]:
    entries = review.trail(session, submission)
    students: set[int] = set()
    if assignment.anonymous:
        actors = {one.actor_id for one, _ in entries if one.actor_id is not None}
        students = {submission.person_id} | grades.enrolled_among(
            session, assignment.course_id, actors, role=Role.STUDENT
        )
    return [
        (one, _A_STUDENT if one.actor_id in students else name or "The service")
        for one, name in entries
    ]


def _similar(session: Session, assignment: Assignment, submission_id: int) -> list[Similar]:
    done = similarity.latest(session, assignment.id, AttemptState.DONE)
    if done is None:
        return []
    found = []
    for pair in similarity.pairs_of(session, done, submission_id):
        other = pair.second if pair.first.submission.id == submission_id else pair.first
        found.append(
            Similar(
                pair=(pair.comparison_id, pair.first.submission.id, pair.second.submission.id),
                submission_id=other.submission.id,
                who=shown_name(assignment, other.submission, other.person),
                similarity=pair.similarity,
            )
        )
    return found
