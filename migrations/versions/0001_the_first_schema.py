"""the first schema"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from grader.db.types import now

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

APPEND_ONLY_ON_SQLITE = (
    """
    CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
    """,
    """
    CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
    """,
)
APPEND_ONLY_ON_POSTGRESQL = (
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$
    """,
    """
    CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
)


def upgrade() -> None:
    op.create_table(
        "course",
        sa.Column("id", KEY, nullable=False),
        sa.Column("slug", sa.String(length=80), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("served", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course")),
        sa.UniqueConstraint("slug", name=op.f("uq_course_slug")),
    )
    op.create_table(
        "node",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("queues", sa.String(length=200), nullable=False),
        sa.Column("facts", DOCUMENT, nullable=False),
        sa.Column("started_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("draining", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_node")),
    )
    op.create_table(
        "person",
        sa.Column("id", KEY, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("email", name=op.f("uq_person_email")),
    )
    op.create_index(op.f("ix_person_name_id"), "person", ["name", "id"], unique=False)
    op.create_table(
        "assignment",
        sa.Column("id", KEY, nullable=False),
        sa.Column("course_id", KEY, nullable=False),
        sa.Column("slug", sa.String(length=80), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("opens_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("policy", DOCUMENT, nullable=False),
        sa.Column("live_version_id", KEY, nullable=True),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["course_id"], ["course.id"], name=op.f("fk_assignment_course_id_course")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment")),
        sa.UniqueConstraint("course_id", "slug", name=op.f("uq_assignment_course_id_slug")),
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("course_id", KEY, nullable=True),
        sa.Column("actor_id", KEY, nullable=True),
        sa.Column("action", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("detail", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["person.id"], name=op.f("fk_audit_entry_actor_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["course_id"], ["course.id"], name=op.f("fk_audit_entry_course_id_course")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index(
        op.f("ix_audit_entry_course_id_id"), "audit_entry", ["course_id", "id"], unique=False
    )
    op.create_index(
        op.f("ix_audit_entry_subject_subject_id"),
        "audit_entry",
        ["subject", "subject_id"],
        unique=False,
    )
    op.create_table(
        "enrolment",
        sa.Column("course_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "student",
                "ta",
                "instructor",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("team", sa.String(length=80), nullable=True),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["course_id"], ["course.id"], name=op.f("fk_enrolment_course_id_course")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_enrolment_person_id_person")
        ),
        sa.PrimaryKeyConstraint("course_id", "person_id", name=op.f("pk_enrolment")),
    )
    op.create_index(
        op.f("ix_enrolment_course_id_role"), "enrolment", ["course_id", "role"], unique=False
    )
    op.create_index(op.f("ix_enrolment_person_id"), "enrolment", ["person_id"], unique=False)
    op.create_table(
        "token",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.String(length=400), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_token_person_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint("hash", name=op.f("uq_token_hash")),
    )
    op.create_index(op.f("ix_token_person_id"), "token", ["person_id"], unique=False)
    op.create_table(
        "assignment_version",
        sa.Column("id", KEY, nullable=False),
        sa.Column("assignment_id", KEY, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.String(length=80), nullable=False),
        sa.Column("bundle_sha256", sa.String(length=64), nullable=False),
        sa.Column("outline", DOCUMENT, nullable=False),
        sa.Column("max_score", sa.Double(), nullable=False),
        sa.Column(
            "queue",
            sa.Enum(
                "cpu", "gpu", name="queue", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "uploaded",
                "tested",
                "shadow",
                "published",
                "retired",
                name="versionstate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.Column("published_because", sa.String(length=1000), nullable=True),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["assignment.id"],
            name=op.f("fk_assignment_version_assignment_id_assignment"),
        ),
        sa.ForeignKeyConstraint(
            ["author_id"], ["person.id"], name=op.f("fk_assignment_version_author_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment_version")),
        sa.UniqueConstraint(
            "assignment_id",
            "content_hash",
            name=op.f("uq_assignment_version_assignment_id_content_hash"),
        ),
        sa.UniqueConstraint(
            "assignment_id", "number", name=op.f("uq_assignment_version_assignment_id_number")
        ),
    )
    op.create_table(
        "extension",
        sa.Column("assignment_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignment.id"], name=op.f("fk_extension_assignment_id_assignment")
        ),
        sa.ForeignKeyConstraint(
            ["author_id"], ["person.id"], name=op.f("fk_extension_author_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_extension_person_id_person")
        ),
        sa.PrimaryKeyConstraint("assignment_id", "person_id", name=op.f("pk_extension")),
    )
    op.create_index(op.f("ix_extension_person_id"), "extension", ["person_id"], unique=False)
    op.create_table(
        "submission",
        sa.Column("id", KEY, nullable=False),
        sa.Column("assignment_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=True),
        sa.Column("chosen", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["assignment.id"],
            name=op.f("fk_submission_assignment_id_assignment"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_submission_person_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
        sa.UniqueConstraint(
            "assignment_id",
            "person_id",
            "number",
            name=op.f("uq_submission_assignment_id_person_id_number"),
        ),
        sa.UniqueConstraint(
            "person_id", "idempotency_key", name=op.f("uq_submission_person_id_idempotency_key")
        ),
    )
    op.create_index(
        op.f("ix_submission_assignment_id_received_at"),
        "submission",
        ["assignment_id", "received_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_submission_person_id_received_at"),
        "submission",
        ["person_id", "received_at"],
        unique=False,
    )
    op.create_index(op.f("ix_submission_sha256"), "submission", ["sha256"], unique=False)
    op.create_table(
        "attempt",
        sa.Column("id", KEY, nullable=False),
        sa.Column("submission_id", KEY, nullable=False),
        sa.Column("version_id", KEY, nullable=False),
        sa.Column("course_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column(
            "purpose",
            sa.Enum(
                "submission",
                "regrade",
                "shadow",
                name="purpose",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "queue",
            sa.Enum(
                "cpu", "gpu", name="queue", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "running",
                "done",
                "failed",
                "cancelled",
                name="attemptstate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("seed", sa.String(length=16), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("worker", sa.String(length=200), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("failure", sa.String(length=2000), nullable=True),
        sa.CheckConstraint(
            "(state = 'running') = (lease_until IS NOT NULL)",
            name=op.f("ck_attempt_leased_while_running"),
        ),
        sa.CheckConstraint("tries >= 0 AND fence >= 0", name=op.f("ck_attempt_counts")),
        sa.ForeignKeyConstraint(
            ["course_id"], ["course.id"], name=op.f("fk_attempt_course_id_course")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_attempt_person_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_attempt_submission_id_submission")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["assignment_version.id"],
            name=op.f("fk_attempt_version_id_assignment_version"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
    )
    op.create_index(
        "ix_attempt_leased",
        "attempt",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state = 'running'"),
        sqlite_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "ix_attempt_open",
        "attempt",
        ["course_id", "person_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'running')"),
        sqlite_where=sa.text("state IN ('queued', 'running')"),
    )
    op.create_index(
        op.f("ix_attempt_submission_id_version_id"),
        "attempt",
        ["submission_id", "version_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_attempt_version_id_state"), "attempt", ["version_id", "state"], unique=False
    )
    op.create_index(op.f("ix_attempt_state_queue"), "attempt", ["state", "queue"], unique=False)
    op.create_index(
        "ix_attempt_waiting",
        "attempt",
        ["course_id", "queue", "rank", "turn", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
        sqlite_where=sa.text("state = 'queued'"),
    )
    op.create_table(
        "trial",
        sa.Column("id", KEY, nullable=False),
        sa.Column("version_id", KEY, nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("report", DOCUMENT, nullable=True),
        sa.Column(
            "queue",
            sa.Enum(
                "cpu", "gpu", name="queue", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "running",
                "done",
                "failed",
                "cancelled",
                name="attemptstate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("worker", sa.String(length=200), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("failure", sa.String(length=2000), nullable=True),
        sa.CheckConstraint(
            "(state = 'running') = (lease_until IS NOT NULL)",
            name=op.f("ck_trial_leased_while_running"),
        ),
        sa.CheckConstraint("tries >= 0 AND fence >= 0", name=op.f("ck_trial_counts")),
        sa.ForeignKeyConstraint(
            ["author_id"], ["person.id"], name=op.f("fk_trial_author_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["assignment_version.id"],
            name=op.f("fk_trial_version_id_assignment_version"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trial")),
    )
    op.create_index(
        "ix_trial_leased",
        "trial",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state = 'running'"),
        sqlite_where=sa.text("state = 'running'"),
    )
    op.create_index(op.f("ix_trial_version_id"), "trial", ["version_id"], unique=False)
    op.create_index(
        "ix_trial_waiting",
        "trial",
        ["queue", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
        sqlite_where=sa.text("state = 'queued'"),
    )
    op.create_table(
        "override",
        sa.Column("id", KEY, nullable=False),
        sa.Column("submission_id", KEY, nullable=False),
        sa.Column("exercise", sa.String(length=80), nullable=True),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["author_id"], ["person.id"], name=op.f("fk_override_author_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_override_submission_id_submission")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_override")),
    )
    op.create_index(op.f("ix_override_submission_id"), "override", ["submission_id"], unique=False)
    op.create_table(
        "release",
        sa.Column("assignment_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("submission_id", KEY, nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("max_score", sa.Double(), nullable=False),
        sa.Column("released_at", sa.BigInteger(), nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignment.id"], name=op.f("fk_release_assignment_id_assignment")
        ),
        sa.ForeignKeyConstraint(
            ["author_id"], ["person.id"], name=op.f("fk_release_author_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_release_person_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_release_submission_id_submission")
        ),
        sa.PrimaryKeyConstraint("assignment_id", "person_id", name=op.f("pk_release")),
    )
    op.create_index(op.f("ix_release_person_id"), "release", ["person_id"], unique=False)
    op.create_table(
        "result",
        sa.Column("submission_id", KEY, nullable=False),
        sa.Column("version_id", KEY, nullable=False),
        sa.Column("attempt_id", KEY, nullable=False),
        sa.Column(
            "run_status",
            sa.Enum(
                "completed",
                "student_error",
                "time_limit",
                "memory_limit",
                "output_limit",
                "policy_violation",
                "internal_error",
                name="runstatus",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("max_score", sa.Double(), nullable=False),
        sa.Column("pending", sa.Double(), nullable=False),
        sa.Column("wall_s", sa.Double(), nullable=False),
        sa.Column("cpu_s", sa.Double(), nullable=False),
        sa.Column("peak_memory_bytes", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("notebook", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempt.id"], name=op.f("fk_result_attempt_id_attempt")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_result_submission_id_submission")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["assignment_version.id"],
            name=op.f("fk_result_version_id_assignment_version"),
        ),
        sa.PrimaryKeyConstraint("submission_id", "version_id", name=op.f("pk_result")),
        sa.UniqueConstraint("attempt_id", name=op.f("uq_result_attempt_id")),
    )
    op.create_index(op.f("ix_result_run_status"), "result", ["run_status"], unique=False)
    op.create_index(
        op.f("ix_result_version_id_score_submission_id"),
        "result",
        ["version_id", "score", "submission_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_result_version_id_run_status_submission_id"),
        "result",
        ["version_id", "run_status", "submission_id"],
        unique=False,
    )
    op.create_index(
        "ix_result_pending",
        "result",
        ["version_id", "submission_id"],
        unique=False,
        postgresql_where=sa.text("pending > 0"),
        sqlite_where=sa.text("pending > 0"),
    )
    op.create_table(
        "check_outcome",
        sa.Column("submission_id", sa.BigInteger(), nullable=False),
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("exercise", sa.String(length=80), nullable=False),
        sa.Column("check", sa.String(length=80), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "passed",
                "partial",
                "failed",
                "skipped",
                "pending",
                "not_judged",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("max_score", sa.Double(), nullable=False),
        sa.Column("cause", sa.String(length=80), nullable=True),
        sa.ForeignKeyConstraint(
            ["submission_id", "version_id"],
            ["result.submission_id", "result.version_id"],
            name=op.f("fk_check_outcome_submission_id_version_id_result"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "submission_id", "version_id", "exercise", "check", name=op.f("pk_check_outcome")
        ),
    )
    op.create_index(
        op.f("ix_check_outcome_version_id_outcome_exercise_check_cause"),
        "check_outcome",
        ["version_id", "outcome", "exercise", "check", "cause"],
        unique=False,
    )
    op.create_index(
        "ix_check_outcome_not_judged",
        "check_outcome",
        ["version_id", "submission_id"],
        unique=False,
        postgresql_where=sa.text("outcome = 'not_judged'"),
        sqlite_where=sa.text("outcome = 'not_judged'"),
    )
    with op.batch_alter_table("assignment") as assignment:
        # Assignments and versions refer to each other.
        assignment.create_foreign_key(
            "fk_assignment_live_version_id_assignment_version",
            "assignment_version",
            ["live_version_id"],
            ["id"],
        )
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in APPEND_ONLY_ON_SQLITE if on_sqlite else APPEND_ONLY_ON_POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    with op.batch_alter_table("assignment") as assignment:
        assignment.drop_constraint(
            "fk_assignment_live_version_id_assignment_version", type_="foreignkey"
        )
    op.drop_index(
        "ix_check_outcome_not_judged",
        table_name="check_outcome",
        postgresql_where=sa.text("outcome = 'not_judged'"),
        sqlite_where=sa.text("outcome = 'not_judged'"),
    )
    op.drop_index(
        op.f("ix_check_outcome_version_id_outcome_exercise_check_cause"), table_name="check_outcome"
    )
    op.drop_table("check_outcome")
    op.drop_index(op.f("ix_result_run_status"), table_name="result")
    op.drop_index(
        "ix_result_pending",
        table_name="result",
        postgresql_where=sa.text("pending > 0"),
        sqlite_where=sa.text("pending > 0"),
    )
    op.drop_index(op.f("ix_result_version_id_run_status_submission_id"), table_name="result")
    op.drop_index(op.f("ix_result_version_id_score_submission_id"), table_name="result")
    op.drop_table("result")
    op.drop_index(op.f("ix_release_person_id"), table_name="release")
    op.drop_table("release")
    op.drop_index(op.f("ix_override_submission_id"), table_name="override")
    op.drop_table("override")
    op.drop_table("trial")
    op.drop_index(
        "ix_attempt_waiting",
        table_name="attempt",
        postgresql_where=sa.text("state = 'queued'"),
        sqlite_where=sa.text("state = 'queued'"),
    )
    op.drop_index(op.f("ix_attempt_version_id_state"), table_name="attempt")
    op.drop_index(op.f("ix_attempt_state_queue"), table_name="attempt")
    op.drop_index(op.f("ix_attempt_submission_id_version_id"), table_name="attempt")
    op.drop_index(
        "ix_attempt_open",
        table_name="attempt",
        postgresql_where=sa.text("state IN ('queued', 'running')"),
        sqlite_where=sa.text("state IN ('queued', 'running')"),
    )
    op.drop_index(
        "ix_attempt_leased",
        table_name="attempt",
        postgresql_where=sa.text("state = 'running'"),
        sqlite_where=sa.text("state = 'running'"),
    )
    op.drop_table("attempt")
    op.drop_index(op.f("ix_submission_sha256"), table_name="submission")
    op.drop_index(op.f("ix_submission_person_id_received_at"), table_name="submission")
    op.drop_index(op.f("ix_submission_assignment_id_received_at"), table_name="submission")
    op.drop_table("submission")
    op.drop_index(op.f("ix_extension_person_id"), table_name="extension")
    op.drop_table("extension")
    op.drop_table("assignment_version")
    op.drop_index(op.f("ix_token_person_id"), table_name="token")
    op.drop_table("token")
    op.drop_index(op.f("ix_enrolment_person_id"), table_name="enrolment")
    op.drop_index(op.f("ix_enrolment_course_id_role"), table_name="enrolment")
    op.drop_table("enrolment")
    op.drop_index(op.f("ix_audit_entry_subject_subject_id"), table_name="audit_entry")
    op.drop_index(op.f("ix_audit_entry_course_id_id"), table_name="audit_entry")
    op.drop_table("audit_entry")
    op.drop_table("assignment")
    op.drop_index(op.f("ix_person_name_id"), table_name="person")
    op.drop_table("person")
    op.drop_table("node")
    op.drop_table("course")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION refuse_change()")
