"""What a version in the shadow would change: its results beside those of the version in force."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, select
from sqlalchemy.orm import Session, aliased

from grader.db.models import AssignmentVersion, CheckOutcome, Person, Result, Submission
from grader.db.pages import Page, page
from grader.domain.outcomes import Outcome

SAME = 1e-6  # points: scores are rounded to as much
# Where the bars of the histogram end, as parts of all points.
PARTS = (0.05, 0.1, 0.2, 0.5)

_after, _before = aliased(Result), aliased(Result)
_difference = _after.score - _before.score


class Change(StrEnum):
    """What a version in the shadow would do to a submission's score."""

    GAINS = "gains"
    LOSES = "loses"
    UNCHANGED = "unchanged"
    NOT_JUDGED = "not_judged"  # by one of the two versions


@dataclass(frozen=True)
class CheckChange:
    """A check that came out differently; None where a version does not have it."""

    exercise: str
    check: str
    before: CheckOutcome | None
    after: CheckOutcome | None


@dataclass(frozen=True)
class Changed:
    """A submission under both versions; a result is None where it is not judged.

    `is_nameless`: it is not told whose it is.
    """

    submission: Submission
    person: Person
    before: Result | None
    after: Result | None
    checks: Sequence[CheckChange]
    is_nameless: bool = False


def count_submissions(session: Session, assignment_id: int) -> int:
    """How many submissions an assignment has."""
    query = select(func.count()).where(Submission.assignment_id == assignment_id)
    return session.scalar(query) or 0


def bars(session: Session, before_id: int, after: AssignmentVersion) -> dict[int, int]:
    """How many scores change by how much: in bar 0 those that don't, beyond it who gains.

    Bar n ends with the nth of PARTS, below 0 who loses; the outermost ones are open.
    """
    edges = [part * after.max_score for part in PARTS]
    whens: list[tuple[ColumnElement[bool], ColumnElement[int]]] = [
        (func.abs(_difference) <= SAME, literal(0))
    ]
    for n, edge in enumerate(edges, 1):
        whens.append((and_(_difference > 0, _difference <= edge + SAME), literal(n)))
        whens.append((and_(_difference < 0, _difference >= -edge - SAME), literal(-n)))
    outermost = len(edges) + 1
    whens.append((_difference > 0, literal(outermost)))
    bar = case(*whens, else_=literal(-outermost)).label("bar")
    rows = session.execute(_pairs(select(bar, func.count()), before_id, after.id).group_by(bar))
    return {int(number): count for number, count in rows}


def changes(
    session: Session,
    before_id: int,
    after: AssignmentVersion,
    *,
    change: Change | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Changed]:
    """Submissions that both versions have judged, who loses the most first; or one kind of them."""
    if change is Change.NOT_JUDGED:
        ids = _not_judged(session, before_id, after, cursor, limit)
    else:
        query = _pairs(select(_after.submission_id), before_id, after.id)
        if change is Change.GAINS:
            query = query.where(_difference > SAME)
        elif change is Change.LOSES:
            query = query.where(_difference < -SAME)
        elif change is Change.UNCHANGED:
            query = query.where(func.abs(_difference) <= SAME)
        keys = [_difference, _after.submission_id]
        ids = page(session, query, keys, cursor=cursor, limit=limit)
    return Page(_changed(session, ids.items, before_id, after.id), ids.next_cursor)


def _changed(
    session: Session, submission_ids: Sequence[int], before_id: int, after_id: int
) -> list[Changed]:
    """These submissions in this order. Apart, since what is sorted should be narrow."""
    rows = session.execute(
        _with_both(select(Submission, Person, _before, _after), before_id, after_id)
        .join(Person, Person.id == Submission.person_id)
        .where(Submission.id.in_(submission_ids))
    )
    differing = _differing(session, submission_ids, before_id, after_id)
    found = {
        submission.id: Changed(submission, person, before, after, differing.get(submission.id, ()))
        for submission, person, before, after in rows
    }
    return [found[one] for one in submission_ids]


def _pairs(query: Select[*tuple[Any, ...]], before_id: int, after_id: int) -> Any:
    """`query` over the results of submissions that both versions have judged."""
    return (
        query.select_from(_after)
        .join(
            _before,
            and_(_before.submission_id == _after.submission_id, _before.version_id == before_id),
        )
        .where(_after.version_id == after_id)
    )


def _with_both(query: Any, before_id: int, after_id: int) -> Any:
    """`query` over submissions with their results, as far as there are any."""
    for side, version_id in ((_before, before_id), (_after, after_id)):
        there = and_(side.submission_id == Submission.id, side.version_id == version_id)
        query = query.outerjoin(side, there)
    return query


def _not_judged(
    session: Session, before_id: int, after: AssignmentVersion, cursor: str | None, limit: int
) -> Page[int]:
    query = _with_both(select(Submission.id), before_id, after.id).where(
        Submission.assignment_id == after.assignment_id,
        _before.submission_id.is_(None) | _after.submission_id.is_(None),
    )
    keys = [Submission.received_at, Submission.id]
    return page(session, query, keys, cursor=cursor, limit=limit)


def _differing(
    session: Session, submission_ids: Collection[int], before_id: int, after_id: int
) -> Mapping[int, list[CheckChange]]:
    """The checks of these submissions that came out differently, in the order of the rubric."""
    rows = session.scalars(
        select(CheckOutcome)
        .where(
            CheckOutcome.submission_id.in_(submission_ids),
            CheckOutcome.version_id.in_([before_id, after_id]),
        )
        .order_by(CheckOutcome.submission_id, CheckOutcome.position)
    ).all()
    sides: dict[int, dict[int, dict[tuple[str, str], CheckOutcome]]] = defaultdict(
        lambda: {before_id: {}, after_id: {}}
    )
    for row in rows:
        sides[row.submission_id][row.version_id][row.exercise, row.check] = row
    found: dict[int, list[CheckChange]] = {}
    for submission_id, side in sides.items():
        before, after = side[before_id], side[after_id]
        if not before or not after:
            continue
        found[submission_id] = [
            CheckChange(*name, before.get(name), after.get(name))
            for name in {**after, **before}
            if _as_judged(before.get(name)) != _as_judged(after.get(name))
        ]
    return found


def _as_judged(outcome: CheckOutcome | None) -> tuple[Outcome, float] | None:
    return None if outcome is None else (outcome.outcome, round(outcome.score, 6))
