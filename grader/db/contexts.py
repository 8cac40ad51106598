"""Courses of LMSs that are linked to courses here, and what somebody is in them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from grader.db.models import (
    Assignment,
    CanvasPerson,
    Context,
    ContextMember,
    Course,
    Deployment,
    Enrolment,
    Extension,
    GradeColumn,
    Passback,
    Platform,
    Release,
    ResourceLink,
    Role,
    Submission,
)
from grader.db.types import now

_CHUNK = 500  # ids in one statement


def of_deployment(session: Session, deployment_id: int, context_id: str) -> Context | None:
    """The linked course that the LMS calls so there."""
    return session.scalar(
        select(Context).where(
            Context.deployment_id == deployment_id, Context.context_id == context_id
        )
    )


def of_course(session: Session, course_id: int) -> Sequence[tuple[Context, Platform]]:
    """What is linked to a course, and where it is."""
    rows = session.execute(
        select(Context, Platform)
        .join(Deployment, Deployment.id == Context.deployment_id)
        .join(Platform, Platform.id == Deployment.platform_id)
        .where(Context.course_id == course_id)
        .order_by(Context.id)
    )
    return [(row[0], row[1]) for row in rows]


def with_platform(session: Session, row_id: int) -> tuple[Context, Platform] | None:
    """A linked course and its platform."""
    row = session.execute(
        select(Context, Platform)
        .join(Deployment, Deployment.id == Context.deployment_id)
        .join(Platform, Platform.id == Deployment.platform_id)
        .where(Context.id == row_id)
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def managed_courses(session: Session, person_id: int, most: int) -> Sequence[Course]:
    """The courses that somebody manages, the latest first."""
    return session.scalars(
        select(Course)
        .join(Enrolment, Enrolment.course_id == Course.id)
        .where(Enrolment.person_id == person_id, Enrolment.role == Role.INSTRUCTOR)
        .order_by(Course.id.desc())
        .limit(most)
    ).all()


def link(session: Session, context_row: int, link_id: str) -> ResourceLink | None:
    """The link in a course of an LMS that it calls so."""
    return session.scalar(
        select(ResourceLink).where(
            ResourceLink.context_id == context_row, ResourceLink.link_id == link_id
        )
    )


def links_of_course(
    session: Session, course_id: int
) -> Mapping[int, Sequence[tuple[ResourceLink, Assignment]]]:
    """Links to assignments by the linked courses that they are in."""
    rows = session.execute(
        select(ResourceLink, Assignment)
        .join(Context, Context.id == ResourceLink.context_id)
        .join(Assignment, Assignment.id == ResourceLink.assignment_id)
        .where(Context.course_id == course_id)
        .order_by(ResourceLink.id)
    )
    found: dict[int, list[tuple[ResourceLink, Assignment]]] = {}
    for one, assignment in rows:
        found.setdefault(one.context_id, []).append((one, assignment))
    return found


def members(
    session: Session, context_row: int, person_ids: Collection[int] | None = None
) -> dict[int, ContextMember]:
    """What people are in a course of an LMS, by who they are."""
    query = select(ContextMember).where(ContextMember.context_id == context_row)
    if person_ids is not None:
        query = query.where(ContextMember.person_id.in_(person_ids))
    return {one.person_id: one for one in session.scalars(query)}


def members_by_course(
    session: Session, course_id: int, person_ids: Collection[int]
) -> dict[int, list[ContextMember]]:
    """What these people are in all that is linked to a course."""
    found: dict[int, list[ContextMember]] = {one: [] for one in person_ids}
    for chunk in _chunks(person_ids):
        rows = session.scalars(
            select(ContextMember)
            .join(Context, Context.id == ContextMember.context_id)
            .where(Context.course_id == course_id, ContextMember.person_id.in_(chunk))
        )
        for one in rows:
            found[one.person_id].append(one)
    return found


def of_member(session: Session, person_id: int) -> Sequence[Context]:
    """The linked courses in which the LMS knows somebody, in the order in which they are held."""
    query = select(Context).join(ContextMember, ContextMember.context_id == Context.id)
    return session.scalars(
        query.where(ContextMember.person_id == person_id).order_by(Context.id)
    ).all()


def have_handed_in(session: Session, course_id: int, person_ids: Collection[int]) -> set[int]:
    """Those of them who have handed anything in, in that course."""
    found: set[int] = set()
    for chunk in _chunks(person_ids):
        rows = session.scalars(
            select(Submission.person_id)
            .join(Assignment, Assignment.id == Submission.assignment_id)
            .where(Assignment.course_id == course_id, Submission.person_id.in_(chunk))
            .distinct()
        )
        found.update(rows)
    return found


def has_ever_handed_in(session: Session, person_id: int) -> bool:
    """Whether somebody has handed anything in, anywhere."""
    query = select(Submission.id).where(Submission.person_id == person_id).limit(1)
    return session.scalar(query) is not None


def due(session: Session, every: timedelta, most: int, of_one: int) -> Sequence[tuple[int, int]]:
    """Linked courses whose people were not asked for in a while, as far as they can be, each with
    its platform: first those that are to be asked at once, then the longest due, and not more than
    `of_one` of a platform."""
    # PostgreSQL has what is null last by itself, SQLite first.
    at_once_first = Context.sync_begun_at.asc().nulls_first()
    turn = func.row_number().over(
        partition_by=Deployment.platform_id, order_by=(at_once_first, Context.id)
    )
    found = (
        select(
            Context.id,
            Deployment.platform_id,
            Context.sync_begun_at.label("begun"),
            turn.label("turn"),
        )
        .join(Deployment, Deployment.id == Context.deployment_id)
        .join(Platform, Platform.id == Deployment.platform_id)
        .where(
            _is_stale(every), Context.memberships_url.is_not(None), Platform.disabled_at.is_(None)
        )
        .subquery()
    )
    rows = session.execute(
        select(found.c.id, found.c.platform_id)
        .where(found.c.turn <= of_one)
        .order_by(found.c.begun.asc().nulls_first(), found.c.id)
        .limit(most)
    )
    return [(row[0], row[1]) for row in rows]


def begin_sync(session: Session, row_id: int, every: timedelta) -> datetime | None:
    """When the caller has begun to ask for the people of it; None where it is not theirs to ask."""
    return session.scalar(
        update(Context)
        .where(Context.id == row_id, _is_stale(every))
        .values(sync_begun_at=now())
        .returning(Context.sync_begun_at)
    )


def forget(session: Session, row: Context) -> None:
    """Unlink it, with what is known of its links, members, columns and the grades in them.

    What the LMS has, it keeps.
    """
    # So that nothing comes to refer to it or to its columns meanwhile.
    session.refresh(row, with_for_update=True)
    columns = select(GradeColumn.id).where(GradeColumn.context_id == row.id)
    session.scalars(columns.order_by(GradeColumn.id).with_for_update()).all()
    session.execute(delete(Passback).where(Passback.column_id.in_(columns)))
    for table in (GradeColumn, ResourceLink, ContextMember):
        session.execute(delete(table).where(table.context_id == row.id))
    session.delete(row)


def _is_stale(every: timedelta) -> ColumnElement[bool]:
    return or_(Context.sync_begun_at.is_(None), Context.sync_begun_at < now() - every)


def _chunks(ids: Collection[int]) -> list[list[int]]:
    every = sorted(ids)
    return [every[at : at + _CHUNK] for at in range(0, len(every), _CHUNK)]


def is_noted_beyond_membership(session: Session, person_id: int) -> bool:
    """Whether more is noted of somebody than that they are in courses: a team, more time, a grade
    that is released or on its way, who they are in Canvas."""
    in_team = select(Enrolment.course_id).where(
        Enrolment.person_id == person_id, Enrolment.team.is_not(None)
    )
    wanted = select(Passback.person_id).where(
        Passback.person_id == person_id, Passback.score.is_not(None)
    )
    noted = [
        select(table.person_id).where(table.person_id == person_id)
        for table in (Extension, Release, CanvasPerson)
    ]
    return bool(session.scalar(select(or_(*(one.exists() for one in (in_team, wanted, *noted))))))


def move_memberships(session: Session, former_id: int, person_id: int) -> None:
    """What somebody is in courses, here and there, becomes another person's who is nobody yet in
    them; where that one is something already, that holds."""
    for table, key in ((ContextMember, ContextMember.context_id), (Enrolment, Enrolment.course_id)):
        taken = select(key).where(table.person_id == person_id)
        session.execute(
            delete(table).where(table.person_id == former_id, key.in_(taken)),
            execution_options={"synchronize_session": False},
        )
        session.execute(
            update(table).where(table.person_id == former_id).values(person_id=person_id),
            execution_options={"synchronize_session": False},
        )
    session.expire_all()


def is_noted_in(session: Session, course_id: int, person_id: int) -> bool:
    """Whether staff have noted more of somebody in a course than that they are in it: a team, more
    time, a grade that is released."""
    in_team = select(Enrolment.course_id).where(
        Enrolment.course_id == course_id,
        Enrolment.person_id == person_id,
        Enrolment.team.is_not(None),
    )
    noted = [
        select(table.person_id)
        .join(Assignment, Assignment.id == table.assignment_id)
        .where(table.person_id == person_id, Assignment.course_id == course_id)
        for table in (Extension, Release)
    ]
    return bool(session.scalar(select(or_(*(one.exists() for one in (in_team, *noted))))))


def move_members_of(session: Session, issuer: str, former_id: int, person_id: int) -> Sequence[int]:
    """What an issuer's LMS says that somebody is in courses is said of another person from now on,
    of whom it has said nothing yet; the courses here, by their ids."""
    there = (
        select(Context.id)
        .join(Deployment, Deployment.id == Context.deployment_id)
        .join(Platform, Platform.id == Deployment.platform_id)
        .where(Platform.issuer == issuer)
    )
    its = (ContextMember.person_id == former_id, ContextMember.context_id.in_(there))
    course_ids = session.scalars(
        select(Context.course_id)
        .join(ContextMember, ContextMember.context_id == Context.id)
        .where(*its)
        .distinct()
        .order_by(Context.course_id)
    ).all()
    session.execute(
        update(ContextMember).where(*its).values(person_id=person_id),
        execution_options={"synchronize_session": False},
    )
    session.expire_all()
    return course_ids
