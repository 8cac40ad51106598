"""Grades that go out to an LMS, for staff: how many have arrived, what is stuck and why, and what
is done about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from grader.db import audit, canvas, contexts, gradesout, passbacks
from grader.db.gradesout import ColumnCounts, Held
from grader.db.models import DeliveryState, Passback, Trouble
from grader.db.pages import Page
from grader.db.session import Session
from grader.errors import BadInput, Conflict, NotFound
from grader.services.access import Actor, Right, permit, permit_assignment
from grader.services.site import Site

__all__ = ["ColumnCounts", "Decision", "GradesOut", "Held", "Idle", "Trouble"]

_AT_ONCE = 1000
_DECIDABLE = {Trouble.CHANGED}


class Decision(StrEnum):
    """What staff may do about a grade that is held up."""

    AGAIN = "again"  # try again now
    OVERWRITE = "overwrite"  # write ours over what somebody has written there
    LEAVE = "leave"  # leave what is there


@dataclass(frozen=True)
class Idle:
    """A linked course of an LMS to which no assignment's grades go yet; `canvas_link_id` is set
    where it is a Canvas by a token, `confirmed` how many students are confirmed to be who there."""

    platform: str
    course: str
    canvas_link_id: int | None = None
    confirmed: int = 0


@dataclass(frozen=True, kw_only=True)
class GradesOut:
    """Linked columns with their counts, linked courses without any, how many are stuck for which
    reason, and a page of what is held up."""

    columns: Sequence[ColumnCounts]
    idle: Sequence[Idle]
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
            idle=_idle(session, course_id, columns),
            troubles=gradesout.troubles(session, ids),
            held=gradesout.held_up(session, ids, trouble=trouble, cursor=cursor, limit=limit),
        )


def _idle(session: Session, course_id: int, columns: Sequence[ColumnCounts]) -> Sequence[Idle]:
    by_tool = {one.column.context_id for one in columns}
    by_token = {one.column.canvas_course_id for one in columns}
    idle = [
        Idle(platform.name, context.title)
        for context, platform in contexts.of_course(session, course_id)
        if context.id not in by_tool and platform.disabled_at is None
    ]
    linked = [one for one in canvas.courses(session, course_id) if one.id not in by_token]
    confirmed = canvas.count_people(session, [one.id for one in linked])
    idle += [Idle("Canvas", one.title, one.id, confirmed.get(one.id, 0)) for one in linked]
    return idle


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
                words = "nobody has changed this grade there: it can be tried again"
                raise Conflict(f"decision: {words}")
        if decision is Decision.LEAVE:
            rows = [one for one in rows if _is_there(one)]
            if ids is not None and not rows:
                words = "no grade of ours nor of anybody else is known to be there"
                raise Conflict(f"decision: {words}: it can be tried again")
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


def _is_there(row: Passback) -> bool:
    """Whether a grade stands there that can be left: ours, or one that somebody has given."""
    return row.sent_score is not None or row.trouble is Trouble.CHANGED


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
