"""Results as they are kept, and what is wrong how often."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grader.db.models import CheckOutcome, Result
from grader.domain.outcomes import Outcome

_MOST = 1000  # groups; rubrics have some dozens of causes


@dataclass(frozen=True)
class CauseCount:
    """How many submissions have an outcome of one check for one cause."""

    outcome: Outcome
    exercise: str
    check: str
    cause: str | None
    submissions: int


def result_of(session: Session, submission_id: int, version_id: int) -> Result | None:
    """The effective result of a submission against a version."""
    return session.get(Result, (submission_id, version_id))


def causes(
    session: Session, version_id: int, outcomes: Collection[Outcome]
) -> Sequence[CauseCount]:
    """The outcomes of a version's checks by cause, those of most submissions first."""
    number = func.count().label("number")
    columns = (CheckOutcome.exercise, CheckOutcome.check, CheckOutcome.cause)
    rows = session.execute(
        select(CheckOutcome.outcome, *columns, number)
        .where(CheckOutcome.version_id == version_id, CheckOutcome.outcome.in_(outcomes))
        .group_by(CheckOutcome.outcome, *columns)  # in the order of the index
        .order_by(number.desc(), CheckOutcome.exercise, CheckOutcome.check, CheckOutcome.cause)
        .limit(_MOST)
    )
    return [CauseCount(*row) for row in rows]
