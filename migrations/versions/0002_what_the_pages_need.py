"""what the pages need"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from grader.db.types import now

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "browser_session",
        sa.Column("id", KEY, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_browser_session_person_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_browser_session")),
        sa.UniqueConstraint("hash", name=op.f("uq_browser_session_hash")),
    )
    op.create_index(
        op.f("ix_browser_session_expires_at"), "browser_session", ["expires_at"], unique=False
    )
    op.create_index(
        op.f("ix_browser_session_person_id"), "browser_session", ["person_id"], unique=False
    )
    op.create_table(
        "comparison",
        sa.Column("id", KEY, nullable=False),
        sa.Column("assignment_id", KEY, nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("facts", DOCUMENT, nullable=False),
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
            name=op.f("ck_comparison_leased_while_running"),
        ),
        sa.CheckConstraint("tries >= 0 AND fence >= 0", name=op.f("ck_comparison_counts")),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["assignment.id"],
            name=op.f("fk_comparison_assignment_id_assignment"),
        ),
        sa.ForeignKeyConstraint(
            ["author_id"], ["person.id"], name=op.f("fk_comparison_author_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comparison")),
    )
    op.create_index(
        op.f("ix_comparison_assignment_id"), "comparison", ["assignment_id"], unique=False
    )
    op.create_index(
        "ix_comparison_leased",
        "comparison",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state = 'running'"),
        sqlite_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "ix_comparison_waiting",
        "comparison",
        ["queue", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
        sqlite_where=sa.text("state = 'queued'"),
    )
    op.create_table(
        "rubric_item",
        sa.Column("id", KEY, nullable=False),
        sa.Column("assignment_id", KEY, nullable=False),
        sa.Column("exercise", sa.String(length=80), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.String(length=300), nullable=False),
        sa.Column("points", sa.Double(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["assignment.id"],
            name=op.f("fk_rubric_item_assignment_id_assignment"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rubric_item")),
    )
    op.create_index(
        op.f("ix_rubric_item_assignment_id_exercise_position"),
        "rubric_item",
        ["assignment_id", "exercise", "position"],
        unique=False,
    )
    op.create_table(
        "saved_comment",
        sa.Column("id", KEY, nullable=False),
        sa.Column("assignment_id", KEY, nullable=False),
        sa.Column("exercise", sa.String(length=80), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["assignment.id"],
            name=op.f("fk_saved_comment_assignment_id_assignment"),
        ),
        sa.ForeignKeyConstraint(
            ["author_id"], ["person.id"], name=op.f("fk_saved_comment_author_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_comment")),
    )
    op.create_index(
        op.f("ix_saved_comment_assignment_id"), "saved_comment", ["assignment_id"], unique=False
    )
    op.create_table(
        "cell_comment",
        sa.Column("id", KEY, nullable=False),
        sa.Column("submission_id", KEY, nullable=False),
        sa.Column("cell", sa.BigInteger(), nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["author_id"], ["person.id"], name=op.f("fk_cell_comment_author_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"],
            ["submission.id"],
            name=op.f("fk_cell_comment_submission_id_submission"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cell_comment")),
    )
    op.create_index(
        op.f("ix_cell_comment_submission_id"), "cell_comment", ["submission_id"], unique=False
    )
    op.create_table(
        "mark_claim",
        sa.Column("submission_id", KEY, nullable=False),
        sa.Column("exercise", sa.String(length=80), nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_mark_claim_person_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"],
            ["submission.id"],
            name=op.f("fk_mark_claim_submission_id_submission"),
        ),
        sa.PrimaryKeyConstraint("submission_id", "exercise", name=op.f("pk_mark_claim")),
    )
    op.create_table(
        "regrade_request",
        sa.Column("id", KEY, nullable=False),
        sa.Column("submission_id", KEY, nullable=False),
        sa.Column("assignment_id", KEY, nullable=False),
        sa.Column("exercise", sa.String(length=80), nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "accepted",
                "declined",
                "withdrawn",
                name="requeststate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", KEY, nullable=True),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["assignment.id"],
            name=op.f("fk_regrade_request_assignment_id_assignment"),
        ),
        sa.ForeignKeyConstraint(
            ["author_id"], ["person.id"], name=op.f("fk_regrade_request_author_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["closed_by"], ["person.id"], name=op.f("fk_regrade_request_closed_by_person")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"],
            ["submission.id"],
            name=op.f("fk_regrade_request_submission_id_submission"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_regrade_request")),
    )
    op.create_index(
        op.f("ix_regrade_request_assignment_id_state_id"),
        "regrade_request",
        ["assignment_id", "state", "id"],
        unique=False,
    )
    op.create_index(
        "ix_regrade_request_open",
        "regrade_request",
        ["submission_id", "exercise"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
        sqlite_where=sa.text("state = 'open'"),
    )
    op.create_index(
        op.f("ix_regrade_request_submission_id_exercise"),
        "regrade_request",
        ["submission_id", "exercise"],
        unique=False,
    )
    op.create_table(
        "similar_pair",
        sa.Column("comparison_id", KEY, nullable=False),
        sa.Column("first_id", KEY, nullable=False),
        sa.Column("second_id", KEY, nullable=False),
        sa.Column("similarity", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["comparison_id"],
            ["comparison.id"],
            name=op.f("fk_similar_pair_comparison_id_comparison"),
        ),
        sa.ForeignKeyConstraint(
            ["first_id"], ["submission.id"], name=op.f("fk_similar_pair_first_id_submission")
        ),
        sa.ForeignKeyConstraint(
            ["second_id"], ["submission.id"], name=op.f("fk_similar_pair_second_id_submission")
        ),
        sa.PrimaryKeyConstraint(
            "comparison_id", "first_id", "second_id", name=op.f("pk_similar_pair")
        ),
    )
    op.create_index(
        op.f("ix_similar_pair_comparison_id_similarity"),
        "similar_pair",
        ["comparison_id", "similarity"],
        unique=False,
    )
    op.create_index(op.f("ix_similar_pair_first_id"), "similar_pair", ["first_id"], unique=False)
    op.create_index(op.f("ix_similar_pair_second_id"), "similar_pair", ["second_id"], unique=False)
    op.create_table(
        "mark",
        sa.Column("id", KEY, nullable=False),
        sa.Column("submission_id", KEY, nullable=False),
        sa.Column("exercise", sa.String(length=80), nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("adjustment", sa.Double(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("override_id", KEY, nullable=False),
        sa.Column("replaces_id", KEY, nullable=True),
        sa.Column("action", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["author_id"], ["person.id"], name=op.f("fk_mark_author_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["override_id"], ["override.id"], name=op.f("fk_mark_override_id_override")
        ),
        sa.ForeignKeyConstraint(
            ["replaces_id"], ["mark.id"], name=op.f("fk_mark_replaces_id_mark")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_mark_submission_id_submission")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mark")),
    )
    op.create_index(op.f("ix_mark_author_id_action"), "mark", ["author_id", "action"], unique=False)
    op.create_index(op.f("ix_mark_override_id"), "mark", ["override_id"], unique=False)
    op.create_index(
        "ix_mark_standing",
        "mark",
        ["submission_id", "exercise"],
        unique=True,
        postgresql_where=sa.text("revoked_at IS NULL"),
        sqlite_where=sa.text("revoked_at IS NULL"),
    )
    op.create_index(
        op.f("ix_mark_submission_id_exercise"), "mark", ["submission_id", "exercise"], unique=False
    )
    op.create_table(
        "request_message",
        sa.Column("id", KEY, nullable=False),
        sa.Column("request_id", KEY, nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["author_id"], ["person.id"], name=op.f("fk_request_message_author_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["regrade_request.id"],
            name=op.f("fk_request_message_request_id_regrade_request"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request_message")),
    )
    op.create_index(
        op.f("ix_request_message_request_id"), "request_message", ["request_id"], unique=False
    )
    op.create_table(
        "mark_item",
        sa.Column("mark_id", KEY, nullable=False),
        sa.Column("item_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"], ["rubric_item.id"], name=op.f("fk_mark_item_item_id_rubric_item")
        ),
        sa.ForeignKeyConstraint(["mark_id"], ["mark.id"], name=op.f("fk_mark_item_mark_id_mark")),
        sa.PrimaryKeyConstraint("mark_id", "item_id", name=op.f("pk_mark_item")),
    )
    op.create_index(op.f("ix_mark_item_item_id"), "mark_item", ["item_id"], unique=False)
    op.add_column(
        "assignment",
        sa.Column("anonymous", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.create_index(
        op.f("ix_audit_entry_course_id_action_id"),
        "audit_entry",
        ["course_id", "action", "id"],
        unique=False,
    )
    op.add_column("check_outcome", sa.Column("answer", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("check_outcome", "answer")
    op.drop_index(op.f("ix_audit_entry_course_id_action_id"), table_name="audit_entry")
    op.drop_column("assignment", "anonymous")
    op.drop_index(op.f("ix_mark_item_item_id"), table_name="mark_item")
    op.drop_table("mark_item")
    op.drop_index(op.f("ix_request_message_request_id"), table_name="request_message")
    op.drop_table("request_message")
    op.drop_index(op.f("ix_mark_submission_id_exercise"), table_name="mark")
    op.drop_index(op.f("ix_mark_override_id"), table_name="mark")
    op.drop_index(op.f("ix_mark_author_id_action"), table_name="mark")
    op.drop_index(
        "ix_mark_standing",
        table_name="mark",
        postgresql_where=sa.text("revoked_at IS NULL"),
        sqlite_where=sa.text("revoked_at IS NULL"),
    )
    op.drop_table("mark")
    op.drop_index(op.f("ix_similar_pair_second_id"), table_name="similar_pair")
    op.drop_index(op.f("ix_similar_pair_first_id"), table_name="similar_pair")
    op.drop_index(op.f("ix_similar_pair_comparison_id_similarity"), table_name="similar_pair")
    op.drop_table("similar_pair")
    op.drop_index(op.f("ix_regrade_request_submission_id_exercise"), table_name="regrade_request")
    op.drop_index(
        "ix_regrade_request_open",
        table_name="regrade_request",
        postgresql_where=sa.text("state = 'open'"),
        sqlite_where=sa.text("state = 'open'"),
    )
    op.drop_index(op.f("ix_regrade_request_assignment_id_state_id"), table_name="regrade_request")
    op.drop_table("regrade_request")
    op.drop_table("mark_claim")
    op.drop_index(op.f("ix_cell_comment_submission_id"), table_name="cell_comment")
    op.drop_table("cell_comment")
    op.drop_index(op.f("ix_saved_comment_assignment_id"), table_name="saved_comment")
    op.drop_table("saved_comment")
    op.drop_index(op.f("ix_rubric_item_assignment_id_exercise_position"), table_name="rubric_item")
    op.drop_table("rubric_item")
    op.drop_index("ix_comparison_waiting", table_name="comparison")
    op.drop_index("ix_comparison_leased", table_name="comparison")
    op.drop_index(op.f("ix_comparison_assignment_id"), table_name="comparison")
    op.drop_table("comparison")
    op.drop_index(op.f("ix_browser_session_person_id"), table_name="browser_session")
    op.drop_index(op.f("ix_browser_session_expires_at"), table_name="browser_session")
    op.drop_table("browser_session")
