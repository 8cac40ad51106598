"""Grades that go out to an LMS, for staff: how many have arrived, what is stuck and why, and what
is done about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from grader.db import audit, gradesout, passbacks
from grader.db.gradesout import ColumnCounts, Held
from grader.db.models import DeliveryState, Passback, Trouble
from grader.db.pages import Page
from grader.db.session import Session
from grader.errors import BadInput, Conflict, NotFound
from grader.services.access import Actor, Right, permit, permit_assignment
from grader.services.site import Site

__all__ = ["ColumnCounts", "Decision", "GradesOut", "Held", "Trouble"]

_AT_ONCE = 1000
_DECIDABLE = {Trouble.CHANGED}


class Decision(StrEnum):
    """What staff may do about a grade that is held up."""

    AGAIN = "again"  # try again now
    OVERWRITE = "overwrite"  # write ours over what somebody has written there
    LEAVE = "leave"  # leave what is there


@dataclass(frozen=True, kw_only=True)
class GradesOut:
    """Linked columns with their counts, how many are stuck for which reason, and a page of what is
    held up."""

    columns: Sequence[ColumnCounts]
    troubles: Mapping[Trouble, int]
    held: Page[Held]


def grades_out(
    site: Site,
    actor: Actor,
    course_id: int,
    *,
    trouble: Trouble | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> GradesOut:
    """What goes out of a course, for its staff."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.GRADE)
        columns = gradesout.columns(session, course_id)
        ids = [one.column.id for one in columns]
        return GradesOut(
            columns=columns,
            troubles=gradesout.troubles(session, ids),
            held=gradesout.held_up(session, ids, trouble=trouble, cursor=cursor, limit=limit),
        )


def columns_of(site: Site, actor: Actor, assignment_id: int) -> Sequence[ColumnCounts]:
    """Where the grades of an assignment go, for staff."""
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        return gradesout.columns(session, assignment.course_id, assignment_id)


def decide(
    site: Site,
    actor: Actor,
    course_id: int,
    decision: Decision,
    *,
    ids: Collection[int] | None = None,
    trouble: Trouble | None = None,
) -> int:
    """Do that about these grades, or about all that are stuck for a reason; how many it did.

    Ours is written only over what the row says that was found there: what somebody changes after
    that is asked about again.
    """
    if ids is None and trouble is None:
        raise BadInput("ids: say which grades, or for which reason they are stuck")
    if ids is not None and len(ids) > _AT_ONCE:
        raise BadInput(f"ids: at most {_AT_ONCE} at once")
    with site.database.writing() as session:
        permit(session, actor, course_id, Right.GRADE)
        rows = gradesout.for_decision(session, course_id, ids, trouble, _AT_ONCE)
        if ids is not None and not rows:
            raise NotFound("there is no such grade that is held up")
        if decision is Decision.OVERWRITE:
            rows = [one for one in rows if one.trouble in _DECIDABLE]
            if ids is not None and not rows:
                raise Conflict("nobody has changed this grade there: it can be tried again")
        for row in rows:
            _record(session, actor, course_id, decision, row)
        some = Passback.id.in_([row.id for row in rows])
        if decision is Decision.LEAVE:
            for row in rows:
                row.state, row.failure, row.trouble = DeliveryState.DELIVERED, None, None
                row.note = "left as it is there"
        else:
            passbacks.want_again(session, some, overwrite=decision is Decision.OVERWRITE)
    return len(rows)


def _record(session: Session, actor: Actor, course_id: int, what: Decision, row: Passback) -> None:
    audit.record(
        session,
        actor.person_id,
        f"passback.{what}",
        row,
        course_id=course_id,
        person_id=row.person_id,
        score=row.score,
        max_score=row.max_score,
        found=row.found_score,
    )
