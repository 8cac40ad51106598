"""What grades are computed from, for many people and assignments by the same number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, select, text
from sqlalchemy.orm import Session

from grader.db.models import (
    Assignment,
    AssignmentVersion,
    Attempt,
    CheckOutcome,
    Enrolment,
    Extension,
    Override,
    Person,
    Release,
    Result,
    Role,
    Submission,
)
from grader.db.pages import Page, page
from grader.domain.grades import HandedIn, Judged, Part
from grader.domain.outcomes import Outcome, RunStatus

# Literally, as the partial indexes say it: of a parameter no planner knows that it is this one.
_OPEN = text("attempt.state IN ('queued', 'running')")
_NOT_JUDGED = text("check_outcome.outcome = 'not_judged'")


@dataclass(frozen=True)
class Live:
    """An assignment and the version in force; without one there is nothing to get points from."""

    assignment: Assignment
    max_score: float


@dataclass(frozen=True)
class Member:
    """A student of a course, and everybody that they hand in with, themselves included."""

    person_id: int
    name: str
    email: str
    team: str | None
    shares_with: tuple[int, ...]


@dataclass(frozen=True)
class Facts:
    """What the grades of some people in some assignments are computed from.

    `handed_in` and `extensions` are by assignment and person who did, `releases` by whose it is.
    """

    handed_in: Mapping[tuple[int, int], Sequence[HandedIn]]
    extensions: Mapping[tuple[int, int], datetime]
    releases: Mapping[tuple[int, int], Release]


def assignments(session: Session, course_id: int) -> list[Live]:
    """The assignments of a course in the order in which they were made."""
    return _live(session, Assignment.course_id == course_id)


def assignment(session: Session, assignment_id: int) -> Live:
    """One assignment."""
    (found,) = _live(session, Assignment.id == assignment_id)
    return found


def members(
    session: Session,
    course_id: int,
    *,
    only: Collection[int] | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Member]:
    """The students of a course, or `only` some people of it whatever their role."""
    query = (
        select(Enrolment, Person)
        .join(Person, Person.id == Enrolment.person_id)
        .where(Enrolment.course_id == course_id)
    )
    if only is None:
        query = query.where(Enrolment.role == Role.STUDENT)
    else:
        query = query.where(Enrolment.person_id.in_(only))
    found = page(session, query, [Enrolment.person_id], cursor=cursor, limit=limit)
    teams = {enrolment.team for enrolment, _ in found.items if enrolment.team is not None}
    by_team = _teams(session, course_id, teams)
    items = [
        Member(
            person.id,
            person.name,
            person.email,
            enrolment.team,
            tuple(by_team.get(enrolment.team, ())) or (person.id,),
        )
        for enrolment, person in found.items
    ]
    return Page(items, found.next_cursor)


def facts(
    session: Session, course_id: int, lives: Sequence[Live], people: Sequence[Member]
) -> Facts:
    """All that is known of them. `lives` are assignments of the course."""
    assignment_ids = [one.assignment.id for one in lives]
    versions = [one.assignment.live_version_id for one in lives if one.assignment.live_version_id]
    person_ids = sorted({person for one in people for person in one.shares_with})
    scope = and_(Submission.assignment_id.in_(assignment_ids), Submission.person_id.in_(person_ids))
    return Facts(
        handed_in=_handed_in(session, course_id, person_ids, versions, scope),
        extensions=_extensions(session, assignment_ids, person_ids),
        releases={
            (one.assignment_id, one.person_id): one
            for one in session.scalars(
                select(Release).where(
                    Release.assignment_id.in_(assignment_ids), Release.person_id.in_(person_ids)
                )
            )
        },
    )


def overrides(session: Session, submission_id: int) -> Sequence[tuple[Override, str]]:
    """All that were ever given to a submission with their authors' names, the latest first."""
    query = (
        select(Override, Person.name)
        .join(Person, Person.id == Override.author_id)
        .where(Override.submission_id == submission_id)
        .order_by(Override.id.desc())
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def standing(session: Session, submission_id: int, exercise: str | None) -> Sequence[Override]:
    """Those that stand for an exercise, or for the whole where it is None."""
    return session.scalars(
        select(Override).where(
            Override.submission_id == submission_id,
            Override.revoked_at.is_(None),
            Override.exercise.is_(None) if exercise is None else Override.exercise == exercise,
        )
    ).all()


def releases(
    session: Session, assignment_id: int, person_ids: Collection[int] | None = None
) -> Sequence[Release]:
    """What is released of an assignment, of these people or of all."""
    query = select(Release).where(Release.assignment_id == assignment_id)
    if person_ids is not None:
        query = query.where(Release.person_id.in_(person_ids))
    return session.scalars(query).all()


def extensions(
    session: Session, assignment_id: int, *, cursor: str | None = None, limit: int = 50
) -> Page[tuple[Extension, Person]]:
    """Who has more time for an assignment."""
    query = (
        select(Extension, Person)
        .join(Person, Person.id == Extension.person_id)
        .where(Extension.assignment_id == assignment_id)
    )
    return page(session, query, [Extension.person_id], cursor=cursor, limit=limit)


def extensions_of(
    session: Session, assignment_id: int, person_ids: Collection[int]
) -> dict[int, Extension]:
    """Those people's extensions of an assignment."""
    mine = (Extension.assignment_id == assignment_id, Extension.person_id.in_(person_ids))
    return {one.person_id: one for one in session.scalars(select(Extension).where(*mine))}


def enrolled_among(
    session: Session, course_id: int, person_ids: Collection[int], role: Role | None = None
) -> set[int]:
    """Which of these people are in the course, in that role or any."""
    query = select(Enrolment.person_id).where(
        Enrolment.course_id == course_id, Enrolment.person_id.in_(person_ids)
    )
    if role is not None:
        query = query.where(Enrolment.role == role)
    return set(session.scalars(query))


def _live(session: Session, where: ColumnElement[bool]) -> list[Live]:
    query = (
        select(Assignment, AssignmentVersion.max_score)
        .outerjoin(AssignmentVersion, AssignmentVersion.id == Assignment.live_version_id)
        .where(where)
        .order_by(Assignment.id)
    )
    return [Live(row[0], row[1] or 0.0) for row in session.execute(query)]


def _teams(session: Session, course_id: int, teams: set[str]) -> dict[str | None, list[int]]:
    found: dict[str | None, list[int]] = defaultdict(list)
    if teams:
        query = select(Enrolment.team, Enrolment.person_id).where(
            Enrolment.course_id == course_id, Enrolment.team.in_(teams)
        )
        for team, person_id in session.execute(query):
            found[team].append(person_id)
    return found


def _handed_in(
    session: Session,
    course_id: int,
    person_ids: Sequence[int],
    versions: Sequence[int],
    scope: ColumnElement[bool],
) -> dict[tuple[int, int], list[HandedIn]]:
    waiting = session.execute(
        select(Attempt.submission_id, Attempt.version_id).where(
            Attempt.course_id == course_id, Attempt.person_id.in_(person_ids), _OPEN
        )
    )
    open_ones = {(row[0], row[1]) for row in waiting}
    given = _given(session, scope)
    parts = _parts(session, scope, versions) if any(map(_of_exercises, given.values())) else {}
    not_judged = _points_not_judged(session, scope, versions)
    rows = session.execute(
        select(
            Submission.id,
            Submission.assignment_id,
            Submission.person_id,
            Submission.number,
            Submission.received_at,
            Submission.chosen,
            Assignment.live_version_id,
            Result.run_status,
            Result.score,
            Result.max_score,
            Result.pending,
        )
        .join(Assignment, Assignment.id == Submission.assignment_id)
        .outerjoin(
            Result,
            and_(
                Result.submission_id == Submission.id,
                Result.version_id == Assignment.live_version_id,
            ),
        )
        .where(scope)
    )
    found: dict[tuple[int, int], list[HandedIn]] = defaultdict(list)
    for key, assignment_id, person_id, number, at, chosen, version, status, *points in rows:
        judged = None
        if status is not None:
            judged = Judged(
                score=points[0],
                max_score=points[1],
                pending=points[2],
                not_judged=not_judged.get(key, 0.0),
                failed=status is RunStatus.INTERNAL_ERROR,
                parts=parts.get(key, {}),
            )
        found[assignment_id, person_id].append(
            HandedIn(
                id=key,
                person_id=person_id,
                number=number,
                received_at=at,
                chosen=chosen,
                judged=judged,
                waits=(key, version) in open_ones,
                overrides=given.get(key, {}),
            )
        )
    return found


def _of_exercises(given: Mapping[str | None, float]) -> bool:
    return any(exercise is not None for exercise in given)


def _given(session: Session, scope: ColumnElement[bool]) -> dict[int, dict[str | None, float]]:
    """The overrides that stand; of several for one exercise the latest."""
    query = (
        select(Override.submission_id, Override.exercise, Override.score)
        .join(Submission, Submission.id == Override.submission_id)
        .where(scope, Override.revoked_at.is_(None))
        .order_by(Override.id)
    )
    found: dict[int, dict[str | None, float]] = defaultdict(dict)
    for submission_id, exercise, score in session.execute(query):
        found[submission_id][exercise] = score
    return found


def _parts(
    session: Session, scope: ColumnElement[bool], versions: Sequence[int]
) -> dict[int, dict[str, Part]]:
    """The exercises of those submissions of which some have points from a person."""
    overridden = (
        select(Override.submission_id)
        .join(Submission, Submission.id == Override.submission_id)
        .where(scope, Override.revoked_at.is_(None), Override.exercise.is_not(None))
    )
    query = (
        select(
            CheckOutcome.submission_id,
            CheckOutcome.exercise,
            func.sum(CheckOutcome.score),
            func.sum(CheckOutcome.max_score),
            _points_that_are(Outcome.PENDING),
            _points_that_are(Outcome.NOT_JUDGED),
        )
        .where(CheckOutcome.submission_id.in_(overridden), CheckOutcome.version_id.in_(versions))
        .group_by(CheckOutcome.submission_id, CheckOutcome.exercise)
    )
    found: dict[int, dict[str, Part]] = defaultdict(dict)
    for submission_id, exercise, score, most, pending, not_judged in session.execute(query):
        found[submission_id][exercise] = Part(
            score=score, max_score=most, pending=pending, not_judged=not_judged
        )
    return found


def _points_that_are(outcome: Outcome) -> ColumnElement[Any]:
    return func.sum(case((CheckOutcome.outcome == outcome, CheckOutcome.max_score), else_=0.0))


def _points_not_judged(
    session: Session, scope: ColumnElement[bool], versions: Sequence[int]
) -> dict[int, float]:
    query = (
        select(CheckOutcome.submission_id, func.sum(CheckOutcome.max_score))
        .join(Submission, Submission.id == CheckOutcome.submission_id)
        .where(_NOT_JUDGED, scope, CheckOutcome.version_id.in_(versions))
        .group_by(CheckOutcome.submission_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _extensions(
    session: Session, assignment_ids: Sequence[int], person_ids: Sequence[int]
) -> dict[tuple[int, int], datetime]:
    query = select(Extension.assignment_id, Extension.person_id, Extension.due_at).where(
        Extension.assignment_id.in_(assignment_ids), Extension.person_id.in_(person_ids)
    )
    return {(row[0], row[1]): row[2] for row in session.execute(query)}
