"""What grades are computed from, for many people and assignments by the same number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Select, and_, bindparam, delete, func, or_, select
from sqlalchemy.orm import Session

from grader.db import people
from grader.db.handedin import Scope, handed_in
from grader.db.models import (
    Assignment,
    AssignmentVersion,
    Enrolment,
    Extension,
    Override,
    Person,
    Release,
    Role,
)
from grader.db.pages import Page, page
from grader.domain.grades import HandedIn
from grader.domain.policy import Policy

# What everybody who looks at a submission of theirs asks is built once: to build a statement takes
# longer than to ask it.
_LIVE = (
    select(Assignment, AssignmentVersion.max_score)
    .outerjoin(AssignmentVersion, AssignmentVersion.id == Assignment.live_version_id)
    .order_by(Assignment.id)
)
_LIVE_ONE = _LIVE.where(Assignment.id == bindparam("assignment_id"))
_STUDENTS_WITH = (
    select(Enrolment, Person)
    .join(Person, Person.id == Enrolment.person_id)
    .where(
        Enrolment.course_id == bindparam("course_id"),
        Enrolment.role == Role.STUDENT,
        or_(
            Enrolment.person_id.in_(bindparam("person_ids", expanding=True)),
            Enrolment.team.in_(
                select(Enrolment.team).where(
                    Enrolment.course_id == bindparam("course_id"),
                    Enrolment.person_id.in_(bindparam("person_ids", expanding=True)),
                    Enrolment.team.is_not(None),
                )
            ),
        ),
    )
    .order_by(Enrolment.person_id)
)
_EXTENSIONS = select(Extension.assignment_id, Extension.person_id, Extension.due_at).where(
    Extension.assignment_id.in_(bindparam("assignment_ids", expanding=True)),
    Extension.person_id.in_(bindparam("person_ids", expanding=True)),
)


@dataclass(frozen=True)
class Live:
    """An assignment and the version in force; without one there is nothing to get points from."""

    assignment: Assignment
    max_score: float


@dataclass(frozen=True)
class Member:
    """A student of a course, and everybody that they hand in with, themselves included.

    `email` is an account's or, where they have none, the one that an LMS tells. `since` is when
    they came into the course, None of who is in it no more.
    """

    person_id: int
    name: str
    email: str
    has_account: bool
    team: str | None
    shares_with: tuple[int, ...]
    since: datetime | None = None


class Released(NamedTuple):
    """A grade as it was released."""

    person_id: int
    submission_id: int
    score: float
    max_score: float
    released_at: datetime


@dataclass(frozen=True)
class Facts:
    """What the grades of some people in some assignments are computed from.

    `handed_in` and `extensions` are by assignment and person who did, `releases` by whose it is.
    """

    handed_in: Mapping[tuple[int, int], Sequence[HandedIn]]
    extensions: Mapping[tuple[int, int], datetime]
    releases: Mapping[tuple[int, int], Released]


def assignments(session: Session, course_id: int) -> list[Live]:
    """The assignments of a course in the order in which they were made."""
    return _live(session, _LIVE.where(Assignment.course_id == course_id))


def some_assignments(session: Session, assignment_ids: Collection[int]) -> list[Live]:
    """These assignments."""
    return _live(session, _LIVE.where(Assignment.id.in_(assignment_ids)))


def assignment(session: Session, assignment_id: int) -> Live:
    """One assignment."""
    (found,) = _live(session, _LIVE_ONE, {"assignment_id": assignment_id})
    return found


def members(
    session: Session,
    course_id: int,
    *,
    only: Collection[int] | None = None,
    search: str = "",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Member]:
    """The students of a course by name, or `only` some people of it whatever their role.

    With `search` those of them whose name or address has it in it.
    """
    query = (
        select(Enrolment, Person)
        .join(Person, Person.id == Enrolment.person_id)
        .where(Enrolment.course_id == course_id)
    )
    if only is None:
        query = query.where(Enrolment.role == Role.STUDENT)
    else:
        query = query.where(Enrolment.person_id.in_(only))
    if search:
        query = query.where(people.matching(search))
    found = page(session, query, [Person.name, Person.id], cursor=cursor, limit=limit)
    return Page(_members(session, course_id, found.items), found.next_cursor)


def all_students(session: Session, course_id: int) -> list[Member]:
    """The students of a course, all at once: for what has to look at everybody."""
    query = (
        select(Enrolment, Person)
        .join(Person, Person.id == Enrolment.person_id)
        .where(Enrolment.course_id == course_id, Enrolment.role == Role.STUDENT)
        .order_by(Enrolment.person_id)
    )
    return _members(session, course_id, [(row[0], row[1]) for row in session.execute(query)])


def students_with(session: Session, course_id: int, person_ids: Collection[int]) -> list[Member]:
    """The students of a course that these people are, or that they hand in with."""
    wanted = {"course_id": course_id, "person_ids": list(person_ids)}
    rows = session.execute(_STUDENTS_WITH, wanted)
    return _members(session, course_id, [(row[0], row[1]) for row in rows])


def facts(
    session: Session,
    course_id: int,
    lives: Sequence[Live],
    of: Sequence[Member],
    *,
    only: Collection[int] | None = None,
    also: Collection[int] = (),
    with_releases: bool = True,
) -> Facts:
    """All that is known `of` them. `lives` are assignments of the course.

    Of what they have handed in there is what can count, which is enough for grades, and `also` some
    submissions of theirs, whether they can count or not; or these `only`.
    """
    assignment_ids = [one.assignment.id for one in lives]
    person_ids = sorted({person for one in of for person in one.shares_with})
    versions = [one.assignment.live_version_id for one in lives]
    scope = Scope(
        course_id=course_id,
        counts={
            one.assignment.id: one.assignment.policy.get("counts", Policy.counts) for one in lives
        },
        versions=[one for one in versions if one is not None],
        person_ids=person_ids,
        only=only,
        also=also,
    )
    return Facts(
        handed_in=handed_in(session, scope),
        extensions=_extensions(session, assignment_ids, person_ids),
        releases=released(session, assignment_ids, person_ids) if with_releases else {},
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


def standing(session: Session, submission_ids: Collection[int]) -> Sequence[Override]:
    """Those that stand for these submissions, for exercises and for the whole."""
    return session.scalars(
        select(Override).where(
            Override.submission_id.in_(submission_ids), Override.revoked_at.is_(None)
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


def count_released(session: Session, course_id: int) -> dict[int, int]:
    """How many students' grades are released, by assignment of the course."""
    query = (
        select(Release.assignment_id, func.count())
        .join(Assignment, Assignment.id == Release.assignment_id)
        .join(
            Enrolment,
            and_(
                Enrolment.course_id == Assignment.course_id,
                Enrolment.person_id == Release.person_id,
                Enrolment.role == Role.STUDENT,
            ),
        )
        .where(Assignment.course_id == course_id)
        .group_by(Release.assignment_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def forget_releases(session: Session, assignment_id: int, person_ids: Collection[int]) -> None:
    """These people's grades of an assignment are released no more."""
    session.execute(
        delete(Release).where(
            Release.assignment_id == assignment_id, Release.person_id.in_(person_ids)
        )
    )


def extensions(
    session: Session,
    assignment_id: int,
    *,
    search: str = "",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[tuple[Extension, Person]]:
    """Who has more time for an assignment, by name; or those whose name or address has it."""
    query = (
        select(Extension, Person)
        .join(Person, Person.id == Extension.person_id)
        .where(Extension.assignment_id == assignment_id)
    )
    if search:
        query = query.where(people.matching(search))
    return page(session, query, [Person.name, Person.id], cursor=cursor, limit=limit)


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


def _live(
    session: Session, query: Select[Assignment, float], wanted: Mapping[str, int] | None = None
) -> list[Live]:
    return [Live(row[0], row[1] or 0.0) for row in session.execute(query, wanted)]


def _members(
    session: Session, course_id: int, rows: Sequence[tuple[Enrolment, Person]]
) -> list[Member]:
    teams = {enrolment.team for enrolment, _ in rows if enrolment.team is not None}
    by_team = _teams(session, course_id, teams)
    return [
        Member(
            person.id,
            person.name,
            person.address,
            person.email is not None,
            enrolment.team,
            tuple(by_team.get(enrolment.team, ())) or (person.id,),
            enrolment.created_at,
        )
        for enrolment, person in rows
    ]


def _teams(session: Session, course_id: int, teams: set[str]) -> dict[str | None, list[int]]:
    found: dict[str | None, list[int]] = defaultdict(list)
    if teams:
        query = select(Enrolment.team, Enrolment.person_id).where(
            Enrolment.course_id == course_id, Enrolment.team.in_(teams)
        )
        for team, person_id in session.execute(query):
            found[team].append(person_id)
    return found


def released(
    session: Session, assignment_ids: Sequence[int], person_ids: Sequence[int]
) -> dict[tuple[int, int], Released]:
    """What is released of these assignments for these people, by assignment and person."""
    query = select(
        Release.assignment_id,
        Release.person_id,
        Release.submission_id,
        Release.score,
        Release.max_score,
        Release.released_at,
    ).where(Release.assignment_id.in_(assignment_ids), Release.person_id.in_(person_ids))
    return {(row[0], row[1]): Released(*row[1:]) for row in session.execute(query)}


def _extensions(
    session: Session, assignment_ids: Sequence[int], person_ids: Sequence[int]
) -> dict[tuple[int, int], datetime]:
    wanted = {"assignment_ids": assignment_ids, "person_ids": person_ids}
    return {(row[0], row[1]): row[2] for row in session.execute(_EXTENSIONS, wanted)}
