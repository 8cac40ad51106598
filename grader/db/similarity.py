"""Comparisons of an assignment's submissions, as they wait for a worker and come out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, and_, func, insert, or_, select
from sqlalchemy.orm import Session, aliased

from grader.db import leases
from grader.db.leases import LEASE, Claim
from grader.db.models import (
    Assignment,
    AttemptState,
    Comparison,
    Enrolment,
    Person,
    Queue,
    SimilarPair,
    Submission,
)
from grader.db.pages import Page, page

_OPEN = (AttemptState.QUEUED, AttemptState.RUNNING)


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of a pair: the submission with its file's name, who handed it in, and their team."""

    submission: Submission
    person: str
    team: str | None
    file: str


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two submissions, and the share of the first's code that is in the second."""

    comparison_id: int
    first: Side
    second: Side
    similarity: float


def enqueue(session: Session, assignment: Assignment, author_id: int) -> Comparison:
    """A comparison that waits."""
    comparison = Comparison(assignment_id=assignment.id, author_id=author_id, queue=Queue.CPU)
    session.add(comparison)
    session.flush()
    session.refresh(comparison)
    return comparison


def claim(
    session: Session, worker: str, queues: Sequence[Queue], lease: timedelta = LEASE
) -> Claim | None:
    """Take the comparison that has waited longest, or None where none waits."""
    waiting = (
        select(Comparison.id)
        .where(Comparison.state == AttemptState.QUEUED, Comparison.queue.in_(queues))
        .order_by(Comparison.id)
        .limit(1)
        .with_for_update(skip_locked=True)  # as for attempts
    )
    comparison_id = session.scalar(waiting)
    return (
        None
        if comparison_id is None
        else leases.take(session, Comparison, comparison_id, worker, lease)
    )


def assignment_of(session: Session, held: Claim) -> Assignment | None:
    """What a claimed comparison is about; None where the claim was lost."""
    return session.scalar(
        select(Assignment)
        .join(Comparison, Comparison.assignment_id == Assignment.id)
        .where(Comparison.id == held.id, Comparison.fence == held.fence)
    )


def finish(
    session: Session,
    held: Claim,
    facts: dict[str, Any],
    pairs: Sequence[tuple[int, int, float]],
) -> bool:
    """Write what came out; False, and nothing is, where the claim was lost."""
    if not leases.end(session, Comparison, held, facts=facts):
        return False
    rows = [
        {
            "comparison_id": held.id,
            "first_id": first,
            "second_id": second,
            "similarity": similarity,
        }
        for first, second, similarity in pairs
    ]
    if rows:
        session.execute(insert(SimilarPair), rows)
    return True


def open_one(session: Session, assignment_id: int) -> Comparison | None:
    """The comparison of an assignment that waits or runs."""
    return session.scalars(
        select(Comparison)
        .where(Comparison.assignment_id == assignment_id, Comparison.state.in_(_OPEN))
        .limit(1)
    ).first()


def latest(
    session: Session, assignment_id: int, state: AttemptState | None = None
) -> Comparison | None:
    """The latest comparison of an assignment, or the latest that has come to this state."""
    query = select(Comparison).where(Comparison.assignment_id == assignment_id)
    if state is not None:
        query = query.where(Comparison.state == state)
    return session.scalars(query.order_by(Comparison.id.desc()).limit(1)).first()


def count(session: Session, comparison_id: int, least: float = 0.0) -> int:
    """How many pairs are at least so alike."""
    query = select(func.count()).where(
        SimilarPair.comparison_id == comparison_id, SimilarPair.similarity >= least
    )
    return session.scalar(query) or 0


def pairs(
    session: Session,
    comparison: Comparison,
    *,
    least: float = 0.0,
    name: str = "",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Pair]:
    """Pairs of a comparison, the most alike first; of people whose name holds `name`."""
    query, people = _with_both(comparison.assignment_id)
    query = query.where(SimilarPair.comparison_id == comparison.id, SimilarPair.similarity >= least)
    if name:
        query = query.where(or_(*(one.name.icontains(name, autoescape=True) for one in people)))
    keys = [SimilarPair.similarity, SimilarPair.first_id, SimilarPair.second_id]
    found = page(session, query, keys, cursor=cursor, limit=limit, descending=True)
    return Page([_pair(*row) for row in found.items], found.next_cursor)


def pairs_of(session: Session, comparison: Comparison, submission_id: int) -> list[Pair]:
    """The pairs of one submission, the most alike first."""
    query, _ = _with_both(comparison.assignment_id)
    either = or_(SimilarPair.first_id == submission_id, SimilarPair.second_id == submission_id)
    query = query.where(SimilarPair.comparison_id == comparison.id, either)
    rows = session.execute(query.order_by(SimilarPair.similarity.desc()))
    return [_pair(*row) for row in rows]


def pair(session: Session, comparison: Comparison, first_id: int, second_id: int) -> Pair | None:
    """One pair, in whichever order it is asked for."""
    query, _ = _with_both(comparison.assignment_id)
    query = query.where(
        SimilarPair.comparison_id == comparison.id,
        or_(
            and_(SimilarPair.first_id == first_id, SimilarPair.second_id == second_id),
            and_(SimilarPair.first_id == second_id, SimilarPair.second_id == first_id),
        ),
    )
    row = session.execute(query).first()
    return None if row is None else _pair(*row)


def files(session: Session, submission_ids: Collection[int]) -> list[tuple[int, str, str]]:
    """Id, name and blob of these submissions."""
    query = select(Submission.id, Submission.name, Submission.sha256)
    rows = session.execute(query.where(Submission.id.in_(submission_ids)).order_by(Submission.id))
    return [(row[0], row[1], row[2]) for row in rows]


def _with_both(
    assignment_id: int,
) -> tuple[Select[*tuple[Any, ...]], tuple[type[Person], type[Person]]]:
    first, second = aliased(Submission), aliased(Submission)
    one, other = aliased(Person), aliased(Person)
    of_one, of_other = aliased(Enrolment), aliased(Enrolment)
    course = select(Assignment.course_id).where(Assignment.id == assignment_id).scalar_subquery()
    query = (
        select(SimilarPair, first, one.name, of_one.team, second, other.name, of_other.team)
        .join(first, first.id == SimilarPair.first_id)
        .join(one, one.id == first.person_id)
        .outerjoin(of_one, and_(of_one.person_id == one.id, of_one.course_id == course))
        .join(second, second.id == SimilarPair.second_id)
        .join(other, other.id == second.person_id)
        .outerjoin(of_other, and_(of_other.person_id == other.id, of_other.course_id == course))
    )
    return query, (one, other)


def _pair(
    row: SimilarPair,
    first: Submission,
    person: str,
    team: str | None,
    second: Submission,
    other_person: str,
    other_team: str | None,
) -> Pair:
    return Pair(
        comparison_id=row.comparison_id,
        first=Side(submission=first, person=person, team=team, file=first.name),
        second=Side(submission=second, person=other_person, team=other_team, file=second.name),
        similarity=row.similarity,
    )
