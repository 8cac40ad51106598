"""Submissions, the attempts to judge them, and what came out."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from grader.db.models.base import Base, Created, Key, Name, Sha256, one_of, refers_to
from grader.db.models.leased import Leased, leased_arguments
from grader.domain.outcomes import Outcome, RunStatus


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


class Attempt(Leased, Base):
    """One judging of one submission against one version.

    `seed` is the secret from which inputs are drawn, hexadecimal. `course_id` and `person_id` are
    those of the submission, for sharing the queue fairly; `rank` is the place of the purpose, and
    `turn` orders the attempts of one course and rank.
    """

    __tablename__ = "attempt"

    id: Mapped[Key]
    submission_id: Mapped[int] = refers_to("submission.id")
    version_id: Mapped[int] = refers_to("assignment_version.id")
    course_id: Mapped[int] = refers_to("course.id")
    person_id: Mapped[int] = refers_to("person.id")
    purpose: Mapped[Purpose] = mapped_column(one_of(Purpose))
    rank: Mapped[int]
    turn: Mapped[int]
    seed: Mapped[str] = mapped_column(String(16))

    __table_args__ = (
        *leased_arguments("attempt"),
        Index(None, "submission_id", "version_id"),
        Index(None, "version_id", "state"),
        Index(None, "state", "queue"),
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
            "ix_attempt_open",
            "course_id",
            "person_id",
            postgresql_where=text("state IN ('queued', 'running')"),
            sqlite_where=text("state IN ('queued', 'running')"),
        ),
    )


class Trial(Leased, Base):
    """One run of a version's own test, `chainrule rubric test`, by a worker.

    `report` is what came out: the findings document, with `passed`.
    """

    __tablename__ = "trial"

    id: Mapped[Key]
    version_id: Mapped[int] = refers_to("assignment_version.id", index=True)
    author_id: Mapped[int] = refers_to("person.id")
    report: Mapped[dict[str, Any] | None]

    __table_args__ = (
        *leased_arguments("trial"),
        Index(
            "ix_trial_waiting",
            "queue",
            "id",
            postgresql_where=text("state = 'queued'"),
            sqlite_where=text("state = 'queued'"),
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

    __table_args__ = (
        Index(None, "version_id", "score", "submission_id"),
        Index(None, "version_id", "run_status", "submission_id"),
        Index(None, "run_status"),
        Index(
            "ix_result_pending",
            "version_id",
            "submission_id",
            postgresql_where=text("pending > 0"),
            sqlite_where=text("pending > 0"),
        ),
    )


class CheckOutcome(Base):
    """One check's part of a result; `cause` is the name by which answers are grouped.

    `answer` is what was answered where a person grades it, as far as answers are compared.
    """

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
    answer: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        ForeignKeyConstraint(
            ["submission_id", "version_id"],
            ["result.submission_id", "result.version_id"],
            ondelete="CASCADE",
        ),
        Index(None, "version_id", "outcome", "exercise", "check", "cause"),
        Index(
            "ix_check_outcome_not_judged",
            "version_id",
            "submission_id",
            postgresql_where=text("outcome = 'not_judged'"),
            sqlite_where=text("outcome = 'not_judged'"),
        ),
        Index(
            "ix_check_outcome_pending",
            "version_id",
            "submission_id",
            "exercise",
            "outcome",  # always the same, but without it SQLite reads each row as well
            postgresql_where=text("outcome = 'pending'"),
            sqlite_where=text("outcome = 'pending'"),
        ),
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

    __table_args__ = (
        Index(
            "ix_override_standing",
            "submission_id",
            "exercise",
            "revoked_at",
            postgresql_where=text("revoked_at IS NULL"),
            sqlite_where=text("revoked_at IS NULL"),
        ),
    )


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
        Index(None, "course_id", "action", "id"),
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
