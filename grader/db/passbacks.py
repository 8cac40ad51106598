"""Grades on their way to an LMS: rows follow what is released, and wait for what keeps them out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    delete,
    exists,
    insert,
    literal,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from grader.db import deliveries
from grader.db.deliveries import Sending
from grader.db.models import (
    CanvasPerson,
    Context,
    ContextMember,
    DeliveryState,
    Deployment,
    GradeColumn,
    Passback,
    Platform,
    PlatformPerson,
    Release,
    ResourceLink,
    Trouble,
)
from grader.db.types import now

_LOOKS_FOR = timedelta(minutes=2)  # how long somebody may look for a column


def follow(session: Session, assignment_id: int) -> None:
    """Have what is owed be what is released of an assignment, for all columns of it.

    Rows that stand for just that are left alone; what is being sent is sent again afterwards.
    The caller holds the assignment.
    """
    session.flush()
    columns = select(GradeColumn.id).where(GradeColumn.assignment_id == assignment_id)
    # A course that is unlinked meanwhile waits with its columns: rows come to refer to them.
    stay = columns.order_by(GradeColumn.id).with_for_update(read=True, key_share=True)
    if not session.scalars(stay).all():
        return
    released = Release.__table__.alias("released")
    mine = and_(
        released.c.assignment_id == assignment_id, released.c.person_id == Passback.person_id
    )
    other = or_(
        Passback.score.is_distinct_from(released.c.score),
        Passback.max_score.is_distinct_from(released.c.max_score),
        Passback.submission_id.is_distinct_from(released.c.submission_id),
    )
    here = Passback.column_id.in_(columns)
    changed = exists().where(mine, other)
    taken = and_(Passback.score.is_not(None), ~exists().where(mine))
    session.execute(
        select(Passback.id)
        .where(here, or_(changed, taken))
        .order_by(Passback.id)
        .with_for_update(of=Passback)
    )
    session.execute(
        update(Passback)
        .where(here, mine, other)
        .values(
            score=released.c.score,
            max_score=released.c.max_score,
            submission_id=released.c.submission_id,
            **_wanted_anew(),
        ),
        execution_options={"synchronize_session": False},
    )
    session.execute(
        update(Passback)
        .where(here, taken)
        .values(score=None, max_score=None, submission_id=None, **_wanted_anew()),
        execution_options={"synchronize_session": False},
    )
    _add_missing(session, assignment_id)


def _add_missing(session: Session, assignment_id: int) -> None:
    rows = _missing(
        GradeColumn.id,
        Release.person_id,
        Release.submission_id,
        Release.score,
        Release.max_score,
        type_coerce(literal({}, Passback.__table__.c.tried.type), Passback.__table__.c.tried.type),
        literal(value=False),
        literal(value=False),
        literal(0),
        literal(DeliveryState.WAITING.value),
        literal(1),
        literal(0),
        literal(0),
    ).where(Release.assignment_id == assignment_id)
    names = [
        "column_id",
        "person_id",
        "submission_id",
        "score",
        "max_score",
        "tried",
        "overwrite",
        "sent_hidden",
        "refusals",
        "state",
        "wanted",
        "tries",
        "fence",
    ]
    session.execute(insert(Passback).from_select(names, rows, include_defaults=False))


def behind(session: Session, limit: int) -> Sequence[int]:
    """Assignments of which grades are released that no row stands for yet, in a linked column."""
    return session.scalars(_missing(Release.assignment_id).distinct().limit(limit)).all()


def add_columns(session: Session) -> int:
    """A column for each assignment that is linked where scores may be written; how many are new."""
    writable = Context.scopes.contains("lti-ags/scope/score")
    # A course that is unlinked meanwhile waits, or is gone by now: columns come to refer to it.
    lacking = exists().where(
        ResourceLink.context_id == Context.id,
        ~exists().where(
            GradeColumn.context_id == ResourceLink.context_id,
            GradeColumn.assignment_id == ResourceLink.assignment_id,
        ),
    )
    stay = session.scalars(
        select(Context.id)
        .where(writable, lacking)
        .order_by(Context.id)
        .with_for_update(read=True, key_share=True)
    ).all()
    if not stay:
        return 0
    linked = (
        select(
            ResourceLink.assignment_id,
            ResourceLink.context_id,
            literal(""),
            literal(value=False),
        )
        .outerjoin(
            GradeColumn,
            and_(
                GradeColumn.context_id == ResourceLink.context_id,
                GradeColumn.assignment_id == ResourceLink.assignment_id,
            ),
        )
        .where(GradeColumn.id.is_(None), ResourceLink.context_id.in_(stay))
        .distinct()
    )
    names = ["assignment_id", "context_id", "title", "ours"]
    made = session.execute(insert(GradeColumn).from_select(names, linked, include_defaults=False))
    return _count(made)


def assignments_there(session: Session, issuer: str, person_id: int) -> Sequence[int]:
    """The assignments whose grades go to courses of an issuer's LMS in which it knows somebody, in
    the order in which they are held."""
    query = (
        select(GradeColumn.assignment_id)
        .join(ContextMember, ContextMember.context_id == GradeColumn.context_id)
        .where(ContextMember.person_id == person_id, _goes_to(issuer))
    )
    return session.scalars(query.distinct().order_by(GradeColumn.assignment_id)).all()


def move(session: Session, issuer: str, former_id: int, person_id: int) -> Sequence[Passback]:
    """What went to columns of an issuer's LMS as somebody's stands there in the cells of who is
    another person here from now on: these rows.

    Nothing is wanted of them until `follow`. What was never sent is forgotten: it goes out anew
    once whose it is are known there. The caller holds the assignments.
    """
    here = Passback.column_id.in_(select(GradeColumn.id).where(_goes_to(issuer)))
    rows = session.scalars(
        select(Passback)
        .where(here, Passback.person_id == former_id)
        .order_by(Passback.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    # As whom that person was known there before is somebody else's cell.
    taken = [one.column_id for one in rows]
    session.execute(
        delete(Passback).where(Passback.person_id == person_id, Passback.column_id.in_(taken)),
        execution_options={"synchronize_session": False},
    )
    for row in rows:
        if row.sent_score is None and not row.tried:
            session.delete(row)
            continue
        row.person_id, row.note = person_id, None
        row.score = row.max_score = row.submission_id = None
        row.found_score = row.failure = row.trouble = row.lease_until = None
        row.overwrite, row.refusals, row.tries = False, 0, 0
        # Whoever is on the way there has lost it.
        row.state, row.fence, row.wanted = DeliveryState.DELIVERED, row.fence + 1, row.wanted + 1
    session.flush()
    return [one for one in rows if one.person_id == person_id]


def _goes_to(issuer: str) -> ColumnElement[bool]:
    """The condition that a column is in a course of an issuer's LMS."""
    there = (
        select(Context.id)
        .join(Deployment, Deployment.id == Context.deployment_id)
        .join(Platform, Platform.id == Deployment.platform_id)
        .where(Platform.issuer == issuer)
    )
    return GradeColumn.context_id.in_(there)


def begin_looking(session: Session, column_id: int) -> bool:
    """Be the one who looks for a column, for some minutes; False where somebody else does."""
    free = or_(GradeColumn.looking_until.is_(None), GradeColumn.looking_until < now())
    done = session.execute(
        update(GradeColumn)
        .where(GradeColumn.id == column_id, free)
        .values(looking_until=now() + _LOOKS_FOR)
    )
    return _count(done) == 1


def end_looking(
    session: Session, column_id: int, found: tuple[str, str, float, bool] | None
) -> None:
    """Nobody looks any more. `found` are address, title and scale, and whether it is a new one.

    Where it is another column than before, whatever was sent to that one is sent again.
    """
    # Not so that rows that refer to it have to wait, as those of a release do.
    column = session.get_one(GradeColumn, column_id, with_for_update={"key_share": True})
    column.looking_until = None
    if found is None:
        return
    address, title, max_score, made = found
    if column.address is not None and (made or column.address != address):
        start_anew(session, Passback.column_id == column_id)
        column.ours = made
    column.address, column.title, column.max_score = address, title[:200], max_score
    column.ours = column.ours or made
    column.gone_at = None


def start_anew(session: Session, *where: ColumnElement[bool]) -> None:
    """These cells are others than before: nothing of ours is in them, and all that is wanted is
    sent. Whoever is on the way to a former one has lost the row."""
    is_sent = Passback.state == DeliveryState.SENDING
    session.execute(
        update(Passback)
        .where(_held_in_order(*where))
        .values(
            state=case((is_sent, DeliveryState.WAITING), else_=Passback.state),
            fence=Passback.fence + 1,
            lease_until=None,
            sent_score=None,
            sent_max_score=None,
            sent_of=None,
            sent_hidden=False,
            sent_submission_id=None,
            tried={},
            unsure_until=None,
            found_score=None,
            overwrite=False,
            note=None,
        ),
        execution_options={"synchronize_session": False},
    )
    want_again(session, *where, Passback.score.is_not(None))


def start_anew_of(session: Session, canvas_course_id: int, person_ids: Collection[int]) -> None:
    """The same for people who turned out to be others in a course of Canvas."""
    start_anew(session, of_canvas(canvas_course_id), Passback.person_id.in_(person_ids))


def is_worth(session: Session, column_id: int, address: str, max_score: float) -> None:
    """The column has another scale by now: what stands there as we wrote it is sent anew on it."""
    done = session.execute(
        update(GradeColumn)
        .where(
            GradeColumn.id == column_id,
            GradeColumn.address == address,
            GradeColumn.max_score != max_score,
        )
        .values(max_score=max_score),
        execution_options={"synchronize_session": False},
    )
    if _count(done):
        want_again(
            session,
            Passback.column_id == column_id,
            Passback.state == DeliveryState.DELIVERED,
            Passback.sent_score == Passback.score,
            Passback.sent_max_score == Passback.max_score,
        )


def of_platform(platform_id: int) -> ColumnElement[bool]:
    """Rows that go to a platform."""
    columns = (
        select(GradeColumn.id)
        .join(Context, Context.id == GradeColumn.context_id)
        .join(Deployment, Deployment.id == Context.deployment_id)
        .where(Deployment.platform_id == platform_id)
    )
    return Passback.column_id.in_(columns)


def of_context(context_id: int) -> ColumnElement[bool]:
    """Rows that go to a course of an LMS."""
    columns = select(GradeColumn.id).where(GradeColumn.context_id == context_id)
    return Passback.column_id.in_(columns)


def of_canvas(canvas_course_id: int) -> ColumnElement[bool]:
    """Rows that go to a course of Canvas by its REST."""
    columns = select(GradeColumn.id).where(GradeColumn.canvas_course_id == canvas_course_id)
    return Passback.column_id.in_(columns)


def unlock(session: Session, which: ColumnElement[bool]) -> int:
    """What kept these out has changed: those that wait for just that are sent; how many."""
    waits = Passback.trouble.in_([Trouble.LOCKED, Trouble.GONE])
    return want_again(session, which, Passback.state == DeliveryState.STUCK, waits)


def is_gone(session: Session, column_id: int, address: str) -> None:
    """The LMS has no such column any more."""
    session.execute(
        update(GradeColumn)
        .where(GradeColumn.id == column_id, GradeColumn.address == address)
        .values(gone_at=now())
    )


def want_again(session: Session, *where: ColumnElement[bool], **values: Any) -> int:
    """Have rows be sent, from the first try on; how many there are."""
    done = session.execute(
        update(Passback).where(_held_in_order(*where)).values(**_wanted_anew(), **values),
        execution_options={"synchronize_session": False},
    )
    return _count(done)


def _held_in_order(*where: ColumnElement[bool]) -> ColumnElement[bool]:
    """Those rows. Whoever changes many takes them in the order of their ids: two who did so in
    different orders would wait for each other."""
    ids = select(Passback.id).where(*where).order_by(Passback.id).with_for_update()
    return Passback.id.in_(ids.correlate(None))


def put_off(
    session: Session, held: Sending, why: str, wait: timedelta, *, refused: bool = False
) -> bool:
    """It did not arrive, and is tried again after `wait`; `refused`: nobody was let in."""
    refusals = Passback.refusals + 1 if refused else Passback.refusals
    return deliveries.put_off(session, Passback, held, why, wait, trouble=None, refusals=refusals)


def elsewhere(session: Session, row: Passback, assignment_id: int) -> bool:
    """Whether this grade of the same person has arrived in another column of the assignment."""
    others = (
        select(Passback.id)
        .join(GradeColumn, GradeColumn.id == Passback.column_id)
        .where(
            GradeColumn.assignment_id == assignment_id,
            Passback.column_id != row.column_id,
            Passback.person_id == row.person_id,
            Passback.sent_score.is_not(None),
        )
    )
    return session.scalar(others.limit(1)) is not None


def _wanted_anew() -> dict[str, Any]:
    sending = Passback.state == DeliveryState.SENDING
    return {
        "wanted": Passback.wanted + 1,
        "state": case((sending, DeliveryState.SENDING.value), else_=DeliveryState.WAITING.value),
        "tries": 0,
        "refusals": 0,
        "next_at": now(),
        "failure": None,
        "trouble": None,
    }


def _missing(*what: Any) -> Any:
    """Of released grades of people who are known in a column's course those without a row."""
    known_by_lti = exists().where(
        ContextMember.context_id == GradeColumn.context_id,
        ContextMember.person_id == Release.person_id,
        PlatformPerson.person_id == Release.person_id,
        PlatformPerson.issuer == Platform.issuer,
        Platform.id == Deployment.platform_id,
        Deployment.id == Context.deployment_id,
        Context.id == GradeColumn.context_id,
    )
    known_in_canvas = exists().where(
        CanvasPerson.person_id == Release.person_id,
        CanvasPerson.canvas_course_id == GradeColumn.canvas_course_id,
    )
    return (
        select(*what)
        .join_from(Release, GradeColumn, GradeColumn.assignment_id == Release.assignment_id)
        .outerjoin(
            Passback,
            and_(Passback.column_id == GradeColumn.id, Passback.person_id == Release.person_id),
        )
        .where(Passback.id.is_(None), or_(known_by_lti, known_in_canvas))
    )


def _count(done: object) -> int:
    assert isinstance(done, CursorResult)
    return done.rowcount
