"""Marks: what people gave while they graded, and what of it stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from grader.db.models import (
    CheckOutcome,
    Mark,
    MarkItem,
    Override,
    Person,
    RubricItem,
    Submission,
)
from grader.db.types import now

# Built once, as is what is asked with it: whoever judges asks it for each submission.
_HELD = (
    select(Submission.id)
    .where(Submission.id.in_(bindparam("submission_ids", expanding=True)))
    .order_by(Submission.id)
    .with_for_update(key_share=True)
)


class Automatic(NamedTuple):
    """What checks gave in an exercise, and what there is to get in it."""

    score: float
    max_score: float


class Progress(NamedTuple):
    """How many answers of an exercise somebody has graded."""

    exercise: str
    person_id: int
    name: str
    marks: int


def hold_submissions(session: Session, submission_ids: Collection[int]) -> None:
    """Have whoever else grades these, or judges them, wait for the end of this transaction."""
    # In one order for all, so that nobody waits for somebody who waits for them.
    session.execute(_HELD, {"submission_ids": list(submission_ids)})


def automatic(
    session: Session, version_id: int, submission_ids: Collection[int]
) -> dict[tuple[int, str], Automatic]:
    """By submission and exercise what checks gave in the results against a version."""
    rows = session.execute(
        select(
            CheckOutcome.submission_id,
            CheckOutcome.exercise,
            func.sum(CheckOutcome.score),
            func.sum(CheckOutcome.max_score),
        )
        .where(
            CheckOutcome.version_id == version_id, CheckOutcome.submission_id.in_(submission_ids)
        )
        .group_by(CheckOutcome.submission_id, CheckOutcome.exercise)
    )
    return {(row[0], row[1]): Automatic(row[2], row[3]) for row in rows}


def of_submissions(
    session: Session, submission_ids: Collection[int], exercise: str | None = None
) -> Sequence[Mark]:
    """The marks that stand for these submissions, in one exercise or in all."""
    wanted = {"submission_ids": list(submission_ids)}
    if exercise is None:
        return session.scalars(_of_submissions(), wanted).all()
    return session.scalars(_of_submissions().where(Mark.exercise == exercise), wanted).all()


@cache
def _of_submissions() -> Select[Mark]:
    return _standing().where(Mark.submission_id.in_(bindparam("submission_ids", expanding=True)))


def that_picked(session: Session, item_id: int) -> Sequence[Mark]:
    """The marks that stand and picked a rubric item."""
    query = _standing().join(MarkItem, MarkItem.mark_id == Mark.id)
    return session.scalars(query.where(MarkItem.item_id == item_id)).all()


def of_assignment(session: Session, assignment_id: int) -> Sequence[Mark]:
    """All marks that stand in an assignment."""
    query = _standing().join(Submission, Submission.id == Mark.submission_id)
    return session.scalars(query.where(Submission.assignment_id == assignment_id)).all()


def last_action(
    session: Session, assignment_id: int, exercise: str, author_id: int
) -> Sequence[Mark]:
    """What somebody gave last in an exercise and still stands: one mark, or those of a group."""
    mine = (
        Mark.author_id == author_id,
        Mark.exercise == exercise,
        Mark.revoked_at.is_(None),
        Submission.assignment_id == assignment_id,
    )
    last = session.scalar(
        select(func.max(Mark.action))
        .join(Submission, Submission.id == Mark.submission_id)
        .where(*mine)
    )
    query = _standing().join(Submission, Submission.id == Mark.submission_id)
    return session.scalars(query.where(*mine, Mark.action == last)).all()


def by_ids(session: Session, mark_ids: Collection[int]) -> dict[int, Mark]:
    """These marks, whether they stand or not."""
    return {one.id: one for one in session.scalars(select(Mark).where(Mark.id.in_(mark_ids)))}


def picks(session: Session, mark_ids: Collection[int]) -> Mapping[int, Sequence[RubricItem]]:
    """The rubric items that marks picked and that are not retired, in the order of the rubric."""
    rows = session.execute(
        select(MarkItem.mark_id, RubricItem)
        .join(RubricItem, RubricItem.id == MarkItem.item_id)
        .where(MarkItem.mark_id.in_(mark_ids), RubricItem.retired_at.is_(None))
        .order_by(RubricItem.position, RubricItem.id)
    )
    found: dict[int, list[RubricItem]] = defaultdict(list)
    for mark_id, item in rows:
        found[mark_id].append(item)
    return found


def keep_picks(session: Session, picked: Iterable[tuple[int, int]]) -> None:
    """Note which mark picked which item."""
    session.add_all([MarkItem(mark_id=mark_id, item_id=item_id) for mark_id, item_id in picked])


def end(session: Session, override_ids: Collection[int]) -> None:
    """The marks whose overrides these are stand no more."""
    session.execute(
        update(Mark)
        .where(Mark.override_id.in_(override_ids), Mark.revoked_at.is_(None))
        .values(revoked_at=now())
        .execution_options(synchronize_session=False)
    )


def done(session: Session, assignment_id: int, exercise: str) -> set[int]:
    """The submissions in whose exercise, or in all of which, a person's points stand."""
    return set(session.scalars(_given(assignment_id, Override.exercise == exercise)))


def given(session: Session, assignment_id: int) -> set[tuple[int, str | None]]:
    """All submissions and exercises in which a person's points stand; None for the whole."""
    rows = session.execute(_given(assignment_id).add_columns(Override.exercise))
    return {(row[0], row[1]) for row in rows}


def has_points(session: Session, submission_id: int, exercise: str) -> bool:
    """Whether a person's points stand in this exercise of a submission."""
    query = select(Override.id).where(
        Override.submission_id == submission_id,
        Override.revoked_at.is_(None),
        or_(Override.exercise == exercise, Override.exercise.is_(None)),
    )
    return session.scalar(query.limit(1)) is not None


def progress(session: Session, assignment_id: int) -> Sequence[Progress]:
    """Who has graded how much, by exercise."""
    rows = session.execute(
        select(Mark.exercise, Person.id, Person.name, func.count())
        .join(Submission, Submission.id == Mark.submission_id)
        .join(Person, Person.id == Mark.author_id)
        .where(Submission.assignment_id == assignment_id, Mark.revoked_at.is_(None))
        .group_by(Mark.exercise, Person.id, Person.name)
        .order_by(Person.name, Person.id)
    )
    return [Progress(*row) for row in rows]


def stood_at(session: Session, submission_id: int, at: datetime) -> Sequence[tuple[Mark, Override]]:
    """The marks of a submission as they stood at a moment, each with its points of then."""
    rows = session.execute(
        select(Mark, Override)
        .join(
            Override,
            (Override.submission_id == Mark.submission_id) & (Override.exercise == Mark.exercise),
        )
        .where(Mark.submission_id == submission_id, _stood(Mark, at), _stood(Override, at))
        .order_by(Mark.id)
    )
    return [(row[0], row[1]) for row in rows]


def _standing() -> Select[Mark]:
    # Read anew: what was read before these were held may be somebody else's by now.
    query = select(Mark).where(Mark.revoked_at.is_(None)).order_by(Mark.id)
    return query.execution_options(populate_existing=True)


def _given(assignment_id: int, *or_whole: ColumnElement[bool]) -> Select[int]:
    query = (
        select(Override.submission_id)
        .join(Submission, Submission.id == Override.submission_id)
        .where(Submission.assignment_id == assignment_id, Override.revoked_at.is_(None))
    )
    return query.where(or_(*or_whole, Override.exercise.is_(None))) if or_whole else query


def _stood(row: type[Mark | Override], at: datetime) -> ColumnElement[bool]:
    return (row.created_at <= at) & (row.revoked_at.is_(None) | (row.revoked_at > at))
