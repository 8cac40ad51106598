"""Submissions: taking one in, and finding what belongs to those that a page shows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    Table,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.selectable import ExecutableReturnsRows

from grader.db.models import (
    Assignment,
    Attempt,
    AttemptState,
    Enrolment,
    Extension,
    Person,
    Purpose,
    Result,
    Role,
    Submission,
)

# What is asked for every upload, and by who waits for it, is built once: to build a statement takes
# longer than to ask it.
_BY_KEY = select(Submission).where(
    Submission.person_id == bindparam("person_id"), Submission.idempotency_key == bindparam("key")
)
_AGAINST_A_VERSION: BindParameter[Any] = bindparam("version_id")
_SOME: BindParameter[Any] = bindparam("submission_ids", expanding=True)
_RESULTS = select(Result).where(
    Result.version_id == _AGAINST_A_VERSION, Result.submission_id.in_(_SOME)
)
_LAST_ATTEMPTS = select(Attempt).where(
    Attempt.id.in_(
        select(func.max(Attempt.id))
        .where(Attempt.version_id == _AGAINST_A_VERSION, Attempt.submission_id.in_(_SOME))
        .group_by(Attempt.submission_id)
    )
)
_NAMES = select(Person.id, Person.name).where(
    Person.id.in_(bindparam("person_ids", expanding=True))
)


def hold_people(session: Session, person_ids: Collection[int]) -> None:
    """Until the transaction ends, whoever else hands in for one of these people waits."""
    if session.get_bind().dialect.name == "sqlite":
        return  # its one writer has everybody wait
    # In order, so that two members of a team never wait for each other; and not so that rows which
    # refer to them have to wait, too.
    session.execute(
        select(Person.id)
        .where(Person.id.in_(person_ids))
        .order_by(Person.id)
        .with_for_update(key_share=True)
    ).all()


def by_key(session: Session, person_id: int, idempotency_key: str) -> Submission | None:
    """What that person handed in under the key."""
    return session.scalar(_BY_KEY, {"person_id": person_id, "key": idempotency_key})


def receipts(
    session: Session, assignment_id: int, person_ids: Collection[int]
) -> Sequence[datetime]:
    """When these people have handed in for the assignment."""
    return session.scalars(
        select(Submission.received_at).where(
            Submission.assignment_id == assignment_id, Submission.person_id.in_(person_ids)
        )
    ).all()


def in_order(session: Session, assignment_id: int, person_ids: Collection[int]) -> Sequence[int]:
    """The ids of what these people have handed in for the assignment, the first one first."""
    return session.scalars(
        select(Submission.id)
        .where(Submission.assignment_id == assignment_id, Submission.person_id.in_(person_ids))
        .order_by(Submission.received_at, Submission.id)
    ).all()


def numbers_of(
    session: Session, assignment_ids: Collection[int], person_ids: Collection[int]
) -> dict[int, int]:
    """How often these people have handed in, by assignment."""
    rows = session.execute(
        select(Submission.assignment_id, func.count())
        .where(Submission.assignment_id.in_(assignment_ids), Submission.person_id.in_(person_ids))
        .group_by(Submission.assignment_id)
    )
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """What somebody hands in, before it has a number."""

    assignment_id: int
    person_id: int
    sha256: str
    name: str
    format: str
    size: int
    received_at: datetime
    idempotency_key: str | None


def add(session: Session, new: Arrival) -> Submission:
    """A submission with the person's next number for the assignment, from 1."""
    values = vars(new) | {"of_assignment": new.assignment_id, "of_person": new.person_id}
    del values["assignment_id"], values["person_id"]
    added: Submission = session.scalars(_insertion(), values).one()
    return added


@cache
def _insertion() -> ExecutableReturnsRows:
    # Built once, and the number found in the one statement: other uploads wait for it on SQLite.
    # Into the table, since what is inserted into a class is put together anew each time.
    # Parameters that a subquery needs, too, can't have the names of columns.
    assignment_id: BindParameter[int] = bindparam("of_assignment")
    person_id: BindParameter[int] = bindparam("of_person")
    number = (
        select(func.coalesce(func.max(Submission.number), 0) + 1)
        .where(Submission.assignment_id == assignment_id, Submission.person_id == person_id)
        .scalar_subquery()
    )
    table = cast(Table, Submission.__table__)
    return select(Submission).from_statement(
        insert(table)
        .values(assignment_id=assignment_id, person_id=person_id, number=number)
        .returning(table)
    )


def extensions(
    session: Session, assignment: Assignment, person_ids: Collection[int]
) -> dict[int, list[datetime]]:
    """The due dates that these people have by extensions of their own and of their teams."""
    wanted = {
        "assignment_id": assignment.id,
        "course_id": assignment.course_id,
        "person_ids": list(person_ids),
    }
    found: dict[int, list[datetime]] = {}
    for person_id, due_at in session.execute(_own_due_dates(), wanted):
        found.setdefault(person_id, []).append(due_at)
    return found


@cache
def _own_due_dates() -> CompoundSelect[int, datetime]:
    # Built once: this takes longer than asking it, and every upload asks it.
    assignment_id: BindParameter[int] = bindparam("assignment_id")
    person_ids: BindParameter[Any] = bindparam("person_ids", expanding=True)
    member = aliased(Enrolment)
    own = select(Extension.person_id, Extension.due_at).where(
        Extension.assignment_id == assignment_id, Extension.person_id.in_(person_ids)
    )
    of_team = (
        select(Enrolment.person_id, Extension.due_at)
        .join(member, and_(member.course_id == Enrolment.course_id, member.team == Enrolment.team))
        .join(Extension, Extension.person_id == member.person_id)
        .where(
            Enrolment.course_id == bindparam("course_id"),
            Enrolment.person_id.in_(person_ids),
            Extension.assignment_id == assignment_id,
        )
    )
    return union(own, of_team)


def first_attempt(session: Session, submission_id: int) -> int | None:
    """The id of the attempt that was made when it was handed in."""
    return session.scalar(
        select(func.min(Attempt.id)).filter_by(
            submission_id=submission_id, purpose=Purpose.SUBMISSION
        )
    )


def attempts_of(session: Session, submission_id: int, *, with_shadow: bool) -> Sequence[Attempt]:
    """Every attempt to judge a submission, the latest first."""
    query = (
        select(Attempt).where(Attempt.submission_id == submission_id).order_by(Attempt.id.desc())
    )
    if not with_shadow:
        query = query.where(Attempt.purpose != Purpose.SHADOW)
    return session.scalars(query).all()


def results_of(
    session: Session, submission_ids: Collection[int], version_id: int | None
) -> dict[int, Result]:
    """Their results against a version, by submission."""
    if version_id is None or not submission_ids:
        return {}
    wanted = {"version_id": version_id, "submission_ids": list(submission_ids)}
    return {row.submission_id: row for row in session.scalars(_RESULTS, wanted)}


def last_attempts_of(
    session: Session, submission_ids: Collection[int], version_id: int | None
) -> dict[int, Attempt]:
    """Their latest attempts against a version, by submission."""
    if version_id is None or not submission_ids:
        return {}
    wanted = {"version_id": version_id, "submission_ids": list(submission_ids)}
    return {row.submission_id: row for row in session.scalars(_LAST_ATTEMPTS, wanted)}


def names_of(session: Session, person_ids: Collection[int]) -> dict[int, str]:
    """What these people are called."""
    rows = session.execute(_NAMES, {"person_ids": list(person_ids)})
    return {row[0]: row[1] for row in rows}


def emails_of(session: Session, person_ids: Collection[int]) -> dict[int, str]:
    """These people's addresses."""
    rows = session.scalars(select(Person).where(Person.id.in_(person_ids)))
    return {person.id: person.address for person in rows}


def people_of(
    session: Session, assignment: Assignment, submission_ids: Collection[int] | None
) -> dict[int, Role]:
    """Who of the course has handed these in, or anything for the assignment, and their role."""
    handed_in = select(Submission.person_id).where(Submission.assignment_id == assignment.id)
    if submission_ids is not None:
        handed_in = handed_in.where(Submission.id.in_(submission_ids))
    rows = session.execute(
        select(Enrolment.person_id, Enrolment.role).where(
            Enrolment.course_id == assignment.course_id, Enrolment.person_id.in_(handed_in)
        )
    )
    return {row[0]: row[1] for row in rows}


def is_superseded(session: Session, submission: Submission, person_ids: Collection[int]) -> bool:
    """Whether one of these people has handed in for the same assignment later."""
    later = select(Submission.id).where(
        Submission.assignment_id == submission.assignment_id,
        Submission.person_id.in_(person_ids),
        or_(
            Submission.received_at > submission.received_at,
            and_(Submission.received_at == submission.received_at, Submission.id > submission.id),
        ),
    )
    return session.scalar(later.limit(1)) is not None


def let_go_first(session: Session, attempt: Attempt, person_ids: Collection[int]) -> None:
    """Give a fresh attempt the place of the earliest that these people have waiting for the same
    assignment, which takes the place of the fresh one."""
    assignment_id = session.get_one(Submission, attempt.submission_id).assignment_id
    earliest = session.execute(
        select(Attempt.id, Attempt.turn)
        .join(Submission, Submission.id == Attempt.submission_id)
        .where(
            Submission.assignment_id == assignment_id,
            Attempt.course_id == attempt.course_id,
            Attempt.person_id.in_(person_ids),
            Attempt.state == AttemptState.QUEUED,
            Attempt.rank == attempt.rank,
            Attempt.queue == attempt.queue,
            Attempt.turn < attempt.turn,
        )
        .order_by(Attempt.turn, Attempt.id)
        .limit(1)
    ).one_or_none()
    if earliest is None:
        return
    yielded = session.scalar(
        update(Attempt)
        .where(Attempt.id == earliest.id, Attempt.state == AttemptState.QUEUED)
        .values(turn=attempt.turn)
        .returning(Attempt.id)
    )
    if yielded is not None:  # a worker may have claimed it just now
        attempt.turn = earliest.turn
        session.flush()


def choose(session: Session, submission: Submission, person_ids: Collection[int]) -> None:
    """Of what these people have handed in for the assignment, this one is chosen."""
    session.execute(
        update(Submission)
        .where(
            Submission.assignment_id == submission.assignment_id,
            Submission.person_id.in_(person_ids),
        )
        .values(chosen=Submission.id == submission.id)
    )
