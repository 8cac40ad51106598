"""Submissions, the attempts to judge them, and what came out.

An attempt's row is the truth about who works on it: a message on the queue is only a hint. A
worker holds it by `lease_until`, on the database's clock, and by `fence`, which every claim raises,
so that a worker that was overtaken can't write any more.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from grader.db.models.assignments import Queue
from grader.db.models.base import Base, Created, Key, Name, Sha256, one_of, refers_to
from grader.domain.outcomes import Outcome, RunStatus


class AttemptState(StrEnum):
    """Where an attempt stands. The last three are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # on our side, after the last try: staff see it, and it is never a zero
    CANCELLED = "cancelled"


class Purpose(StrEnum):
    """Why an attempt was made; in the order in which they are served."""

    SUBMISSION = "submission"
    REGRADE = "regrade"
    SHADOW = "shadow"

    @property
    def rank(self) -> int:
        """Its place in the order of service, 0 for the first."""
        return list(Purpose).index(self)


class Submission(Base):
    """What was handed in: immutable. `number` counts one person's for one assignment."""

    __tablename__ = "submission"

    id: Mapped[Key]
    assignment_id: Mapped[int] = refers_to("assignment.id")
    person_id: Mapped[int] = refers_to("person.id")
    number: Mapped[int]
    sha256: Mapped[Sha256] = mapped_column(index=True)
    name: Mapped[Name]
    format: Mapped[str] = mapped_column(String(16))
    size: Mapped[int]
    received_at: Mapped[datetime]
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    chosen: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        UniqueConstraint("assignment_id", "person_id", "number"),
        UniqueConstraint("person_id", "idempotency_key"),
        Index(None, "assignment_id", "received_at"),
        Index(None, "person_id", "received_at"),
    )


class Attempt(Base):
    """One judging of one submission against one version.

    `seed` is the secret from which inputs are drawn, hexadecimal. `course_id` and `person_id` are
    those of the submission, for sharing the queue fairly; `rank` is the place of the purpose, and
    `turn` orders the attempts of one course and rank.
    """

    __tablename__ = "attempt"

    id: Mapped[Key]
    submission_id: Mapped[int] = refers_to("submission.id")
    version_id: Mapped[int] = refers_to("assignment_version.id", index=True)
    course_id: Mapped[int] = refers_to("course.id")
    person_id: Mapped[int] = refers_to("person.id")
    purpose: Mapped[Purpose] = mapped_column(one_of(Purpose))
    queue: Mapped[Queue] = mapped_column(one_of(Queue))
    state: Mapped[AttemptState] = mapped_column(one_of(AttemptState), default=AttemptState.QUEUED)
    rank: Mapped[int]
    turn: Mapped[int]
    seed: Mapped[str] = mapped_column(String(16))
    tries: Mapped[int] = mapped_column(default=0)
    fence: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    worker: Mapped[str | None] = mapped_column(String(200))
    sent_at: Mapped[datetime | None]  # when its id was last put on the queue
    created_at: Mapped[Created]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    failure: Mapped[str | None] = mapped_column(String(2000))

    __table_args__ = (
        CheckConstraint("tries >= 0 AND fence >= 0", name="counts"),
        CheckConstraint(
            "(state = 'running') = (lease_until IS NOT NULL)", name="leased_while_running"
        ),
        Index(None, "submission_id", "version_id"),
        Index(
            "ix_attempt_waiting",
            "course_id",
            "queue",
            "rank",
            "turn",
            "id",
            postgresql_where=text("state = 'queued'"),
            sqlite_where=text("state = 'queued'"),
        ),
        Index(
            "ix_attempt_leased",
            "lease_until",
            postgresql_where=text("state = 'running'"),
            sqlite_where=text("state = 'running'"),
        ),
        Index(
            "ix_attempt_open",
            "course_id",
            "person_id",
            postgresql_where=text("state IN ('queued', 'running')"),
            sqlite_where=text("state IN ('queued', 'running')"),
        ),
    )


class Result(Base):
    """The effective result of a submission against a version: the key allows but one.

    `document` is the blob of the JSON document (chainrule.result/1), `notebook` that of the
    executed notebook.
    """

    __tablename__ = "result"

    submission_id: Mapped[int] = refers_to("submission.id", primary_key=True)
    version_id: Mapped[int] = refers_to("assignment_version.id", primary_key=True)
    attempt_id: Mapped[int] = refers_to("attempt.id", unique=True)
    run_status: Mapped[RunStatus] = mapped_column(one_of(RunStatus))
    score: Mapped[float]
    max_score: Mapped[float]
    pending: Mapped[float]
    wall_s: Mapped[float]
    cpu_s: Mapped[float]
    peak_memory_bytes: Mapped[int]
    document: Mapped[Sha256]
    notebook: Mapped[Sha256 | None]
    created_at: Mapped[Created]

    __table_args__ = (Index(None, "version_id", "score"),)


class CheckOutcome(Base):
    """One check's part of a result; `cause` is the name by which answers are grouped."""

    __tablename__ = "check_outcome"

    submission_id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(primary_key=True)
    exercise: Mapped[str] = mapped_column(String(80), primary_key=True)
    check: Mapped[str] = mapped_column(String(80), primary_key=True)
    position: Mapped[int]
    outcome: Mapped[Outcome] = mapped_column(one_of(Outcome))
    score: Mapped[float]
    max_score: Mapped[float]
    cause: Mapped[str | None] = mapped_column(String(80))

    __table_args__ = (
        ForeignKeyConstraint(
            ["submission_id", "version_id"],
            ["result.submission_id", "result.version_id"],
            ondelete="CASCADE",
        ),
        Index(None, "version_id", "exercise", "check", "outcome", "cause"),
    )


class Override(Base):
    """Points that a person gave in an exercise, or in all where `exercise` is empty.

    It belongs to the submission and not to a result, so that a regrade leaves it standing.
    """

    __tablename__ = "override"

    id: Mapped[Key]
    submission_id: Mapped[int] = refers_to("submission.id", index=True)
    exercise: Mapped[str | None] = mapped_column(String(80))
    score: Mapped[float]
    reason: Mapped[str] = mapped_column(String(2000))
    author_id: Mapped[int] = refers_to("person.id")
    created_at: Mapped[Created]
    revoked_at: Mapped[datetime | None]


class Release(Base):
    """A grade that somebody may see: when it was released, and what it was then."""

    __tablename__ = "release"

    assignment_id: Mapped[int] = refers_to("assignment.id", primary_key=True)
    person_id: Mapped[int] = refers_to("person.id", primary_key=True)
    submission_id: Mapped[int] = refers_to("submission.id")
    score: Mapped[float]
    max_score: Mapped[float]
    released_at: Mapped[datetime]
    author_id: Mapped[int] = refers_to("person.id")

    __table_args__ = (Index(None, "person_id"),)


class AuditEntry(Base):
    """Who changed what and when. Rows are only ever added: triggers refuse anything else."""

    __tablename__ = "audit_entry"

    id: Mapped[Key]
    at: Mapped[Created]
    course_id: Mapped[int | None] = refers_to("course.id")
    actor_id: Mapped[int | None] = refers_to("person.id")
    action: Mapped[str] = mapped_column(String(80))
    subject: Mapped[str] = mapped_column(String(80))
    subject_id: Mapped[int]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (
        Index(None, "course_id", "id"),
        Index(None, "subject", "subject_id"),
    )


class Node(Base):
    """A worker as it announced itself."""

    __tablename__ = "node"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    queues: Mapped[str] = mapped_column(String(200))
    facts: Mapped[dict[str, Any]]  # runtimes, devices, slots, version
    started_at: Mapped[Created]
    seen_at: Mapped[Created]
    draining: Mapped[bool] = mapped_column(default=False)
