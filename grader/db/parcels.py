"""A grade on its way with all that a sender needs to know of where it goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from grader.db.models import (
    Assignment,
    CanvasCourse,
    CanvasPerson,
    Context,
    Deployment,
    GradeColumn,
    Passback,
    Platform,
    PlatformPerson,
    ResourceLink,
    Submission,
)
from grader.db.receivers import Receiver
from grader.db.types import now


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A grade and all that a sender needs to know of where it goes.

    `subject` is who the student is there; None where nobody knows any more. Of `platform` and
    `canvas` there is one.
    """

    passback: Passback
    column: GradeColumn
    assignment: Assignment
    context: Context | None
    platform: Platform | None
    canvas: CanvasCourse | None
    subject: str | None
    received_at: datetime | None
    at: datetime  # on the database's clock

    @property
    def receiver(self) -> Receiver:
        """Who takes it."""
        if self.canvas is not None:
            return Receiver(canvas=self.canvas.base_url)
        return Receiver(platform_id=None if self.platform is None else self.platform.id)

    @property
    def is_failing(self) -> bool:
        """Whether who takes it has not answered of late."""
        whose = self.canvas or self.platform
        return whose is not None and whose.failing_since is not None


def parcel(session: Session, passback_id: int) -> Parcel:
    """A row and where it goes."""
    row = session.execute(
        select(
            Passback,
            GradeColumn,
            Assignment,
            Context,
            Platform,
            CanvasCourse,
            _subject_there(),
            CanvasPerson.user_id,
            Submission.received_at,
            now(),
        )
        .join(GradeColumn, GradeColumn.id == Passback.column_id)
        .join(Assignment, Assignment.id == GradeColumn.assignment_id)
        .outerjoin(Context, Context.id == GradeColumn.context_id)
        .outerjoin(Deployment, Deployment.id == Context.deployment_id)
        .outerjoin(Platform, Platform.id == Deployment.platform_id)
        .outerjoin(CanvasCourse, CanvasCourse.id == GradeColumn.canvas_course_id)
        .outerjoin(
            CanvasPerson,
            and_(
                CanvasPerson.canvas_course_id == GradeColumn.canvas_course_id,
                CanvasPerson.person_id == Passback.person_id,
            ),
        )
        .outerjoin(Submission, Submission.id == Passback.submission_id)
        .where(Passback.id == passback_id)
    ).one()
    return Parcel(
        passback=row[0],
        column=row[1],
        assignment=row[2],
        context=row[3],
        platform=row[4],
        canvas=row[5],
        subject=row[6] or row[7],
        received_at=row[8],
        at=row[9],
    )


def links(session: Session, column: GradeColumn) -> Sequence[ResourceLink]:
    """The links in the column's course in the LMS that open its assignment, the oldest first."""
    return session.scalars(
        select(ResourceLink)
        .where(
            ResourceLink.context_id == column.context_id,
            ResourceLink.assignment_id == column.assignment_id,
        )
        .order_by(ResourceLink.id)
    ).all()


def addresses_of_others(session: Session, column: GradeColumn) -> set[str]:
    """The columns in the same course of the LMS that take the grades of other assignments."""
    found = session.scalars(
        select(GradeColumn.address).where(
            GradeColumn.context_id == column.context_id,
            GradeColumn.id != column.id,
            GradeColumn.gone_at.is_(None),
        )
    )
    return {one for one in found if one is not None}


def _subject_there() -> Any:
    return (
        select(func.min(PlatformPerson.subject))
        .where(
            PlatformPerson.person_id == Passback.person_id,
            PlatformPerson.issuer == Platform.issuer,
        )
        .correlate(Passback, Platform)
        .scalar_subquery()
    )
