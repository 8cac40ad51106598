"""Assignments, their versions, and who has more time."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from grader.db.models.base import Base, Created, Key, Name, Sha256, Slug, one_of, refers_to


class VersionState(StrEnum):
    """How far a version has come; a published one is judged against, one at a time."""

    UPLOADED = "uploaded"
    TESTED = "tested"
    SHADOW = "shadow"  # judged over all submissions, and no grade depends on it yet
    PUBLISHED = "published"
    RETIRED = "retired"


class Queue(StrEnum):
    """Which workers can run a version."""

    CPU = "cpu"
    GPU = "gpu"


class Assignment(Base):
    """What students see. `policy` is a `grader.domain.policy.Policy` as plain data.

    Where it is `anonymous`, who grades sees numbers in the place of names.
    """

    __tablename__ = "assignment"

    id: Mapped[Key]
    course_id: Mapped[int] = refers_to("course.id")
    slug: Mapped[Slug]
    title: Mapped[Name]
    opens_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    policy: Mapped[dict[str, Any]] = mapped_column(default=dict)
    live_version_id: Mapped[int | None] = mapped_column(
        ForeignKey("assignment_version.id", use_alter=True)
    )
    anonymous: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[Created]

    __table_args__ = (UniqueConstraint("course_id", "slug"),)


class AssignmentVersion(Base):
    """An immutable bundle, named by the hash of its content; the bundle itself is a blob.

    `outline` is what pages need of the rubric: exercises and checks with titles and points.
    `published_because` is the reason given by who published it without a trial that passed.
    """

    __tablename__ = "assignment_version"

    id: Mapped[Key]
    assignment_id: Mapped[int] = refers_to("assignment.id")
    number: Mapped[int]
    content_hash: Mapped[str] = mapped_column(String(80))
    bundle_sha256: Mapped[Sha256]
    outline: Mapped[dict[str, Any]]
    max_score: Mapped[float]
    queue: Mapped[Queue] = mapped_column(one_of(Queue), default=Queue.CPU)
    state: Mapped[VersionState] = mapped_column(one_of(VersionState), default=VersionState.UPLOADED)
    author_id: Mapped[int] = refers_to("person.id")
    created_at: Mapped[Created]
    published_at: Mapped[datetime | None]
    published_because: Mapped[str | None] = mapped_column(String(1000))

    __table_args__ = (
        UniqueConstraint("assignment_id", "content_hash"),
        UniqueConstraint("assignment_id", "number"),
    )


class Extension(Base):
    """One person's own due date."""

    __tablename__ = "extension"

    assignment_id: Mapped[int] = refers_to("assignment.id", primary_key=True)
    person_id: Mapped[int] = refers_to("person.id", primary_key=True)
    due_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(1000))
    author_id: Mapped[int] = refers_to("person.id")
    created_at: Mapped[Created]

    __table_args__ = (Index(None, "person_id"),)
