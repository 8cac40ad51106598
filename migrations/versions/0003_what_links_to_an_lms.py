"""what links courses to an LMS, and webhooks"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from grader.db.types import now

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("person") as person:
        person.add_column(sa.Column("contact", sa.String(length=254), nullable=True))
        person.alter_column("email", existing_type=sa.String(length=254), nullable=True)
    op.add_column(
        "enrolment",
        sa.Column("by_lms", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.create_index(op.f("ix_token_expires_at"), "token", ["expires_at"], unique=False)
    op.create_index(
        "ix_check_outcome_pending",
        "check_outcome",
        ["version_id", "submission_id", "exercise"],
        unique=False,
        postgresql_where=sa.text("outcome = 'pending'"),
        sqlite_where=sa.text("outcome = 'pending'"),
    )
    op.create_table(
        "signing_key",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("private_pem", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_key")),
        sa.UniqueConstraint("kid", name=op.f("uq_signing_key_kid")),
    )
    op.create_table(
        "canvas_course",
        sa.Column("id", KEY, nullable=False),
        sa.Column("course_id", KEY, nullable=False),
        sa.Column("base_url", sa.String(length=500), nullable=False),
        sa.Column("canvas_id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("token", sa.String(length=500), nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("resting_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["author_id"], ["person.id"], name=op.f("fk_canvas_course_author_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["course_id"], ["course.id"], name=op.f("fk_canvas_course_course_id_course")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canvas_course")),
        sa.UniqueConstraint(
            "course_id",
            "base_url",
            "canvas_id",
            name=op.f("uq_canvas_course_course_id_base_url_canvas_id"),
        ),
    )
    op.create_table(
        "platform",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("product", sa.String(length=80), nullable=False),
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("login_url", sa.String(length=2000), nullable=False),
        sa.Column("token_url", sa.String(length=2000), nullable=False),
        sa.Column("token_audience", sa.String(length=2000), nullable=True),
        sa.Column("jwks_url", sa.String(length=2000), nullable=False),
        sa.Column("pages", sa.String(length=1000), nullable=False),
        sa.Column("is_private", sa.Boolean(), nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("resting_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["author_id"], ["person.id"], name=op.f("fk_platform_author_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform")),
        sa.UniqueConstraint("issuer", "client_id", name=op.f("uq_platform_issuer_client_id")),
    )
    op.create_table(
        "platform_person",
        sa.Column("id", KEY, nullable=False),
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_platform_person_person_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_person")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_platform_person_issuer_subject")),
    )
    op.create_index(
        op.f("ix_platform_person_person_id"), "platform_person", ["person_id"], unique=False
    )
    op.create_table(
        "webhook",
        sa.Column("id", KEY, nullable=False),
        sa.Column("course_id", KEY, nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("events", sa.String(length=400), nullable=False),
        sa.Column("secret", sa.String(length=100), nullable=False),
        sa.Column("former_secret", sa.String(length=100), nullable=True),
        sa.Column("former_until", sa.BigInteger(), nullable=True),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("disabled_because", sa.String(length=400), nullable=True),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("resting_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["author_id"], ["person.id"], name=op.f("fk_webhook_author_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["course_id"], ["course.id"], name=op.f("fk_webhook_course_id_course")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )
    op.create_index(op.f("ix_webhook_course_id"), "webhook", ["course_id"], unique=False)
    op.create_table(
        "canvas_person",
        sa.Column("canvas_course_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["canvas_course_id"],
            ["canvas_course.id"],
            name=op.f("fk_canvas_person_canvas_course_id_canvas_course"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_canvas_person_person_id_person")
        ),
        sa.PrimaryKeyConstraint("canvas_course_id", "person_id", name=op.f("pk_canvas_person")),
        sa.UniqueConstraint(
            "canvas_course_id", "user_id", name=op.f("uq_canvas_person_canvas_course_id_user_id")
        ),
    )
    op.create_table(
        "deployment",
        sa.Column("id", KEY, nullable=False),
        sa.Column("platform_id", KEY, nullable=False),
        sa.Column("deployment_id", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["platform_id"], ["platform.id"], name=op.f("fk_deployment_platform_id_platform")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment")),
        sa.UniqueConstraint(
            "platform_id", "deployment_id", name=op.f("uq_deployment_platform_id_deployment_id")
        ),
    )
    op.create_table(
        "invitation",
        sa.Column("id", KEY, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("platform_id", KEY, nullable=True),
        sa.ForeignKeyConstraint(
            ["author_id"], ["person.id"], name=op.f("fk_invitation_author_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["platform_id"], ["platform.id"], name=op.f("fk_invitation_platform_id_platform")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("hash", name=op.f("uq_invitation_hash")),
    )
    op.create_table(
        "platform_login",
        sa.Column("id", KEY, nullable=False),
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("browser_hash", sa.String(length=64), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("platform_id", KEY, nullable=False),
        sa.Column("storage_target", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["platform_id"], ["platform.id"], name=op.f("fk_platform_login_platform_id_platform")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_login")),
        sa.UniqueConstraint("state_hash", name=op.f("uq_platform_login_state_hash")),
    )
    op.create_index(
        op.f("ix_platform_login_expires_at"), "platform_login", ["expires_at"], unique=False
    )
    op.create_index(
        op.f("ix_platform_login_platform_id_id"),
        "platform_login",
        ["platform_id", "id"],
        unique=False,
    )
    op.create_table(
        "webhook_message",
        sa.Column("id", KEY, nullable=False),
        sa.Column("webhook_id", KEY, nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("body", DOCUMENT, nullable=False),
        sa.Column("history", DOCUMENT, nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "sending",
                "delivered",
                "stuck",
                name="deliverystate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("wanted", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("failure", sa.String(length=2000), nullable=True),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state = 'sending') = (lease_until IS NOT NULL)",
            name=op.f("ck_webhook_message_leased_while_sending"),
        ),
        sa.CheckConstraint(
            "tries >= 0 AND fence >= 0 AND wanted >= 1", name=op.f("ck_webhook_message_counts")
        ),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhook.id"], name=op.f("fk_webhook_message_webhook_id_webhook")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_message")),
    )
    op.create_index(
        "ix_webhook_message_due",
        "webhook_message",
        ["next_at"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
        sqlite_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_webhook_message_leased",
        "webhook_message",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state = 'sending'"),
        sqlite_where=sa.text("state = 'sending'"),
    )
    op.create_index(
        op.f("ix_webhook_message_created_at"), "webhook_message", ["created_at"], unique=False
    )
    op.create_index(
        op.f("ix_webhook_message_webhook_id_id"),
        "webhook_message",
        ["webhook_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_webhook_message_webhook_id_state_id"),
        "webhook_message",
        ["webhook_id", "state", "id"],
        unique=False,
    )
    op.create_table(
        "context",
        sa.Column("id", KEY, nullable=False),
        sa.Column("deployment_id", KEY, nullable=False),
        sa.Column("context_id", sa.String(length=255), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("course_id", KEY, nullable=False),
        sa.Column("memberships_url", sa.String(length=2000), nullable=True),
        sa.Column("line_items_url", sa.String(length=2000), nullable=True),
        sa.Column("scopes", sa.String(length=1000), nullable=False),
        sa.Column("linked_by", KEY, nullable=False),
        sa.Column("linked_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("sync_begun_at", sa.BigInteger(), nullable=True),
        sa.Column("synced_at", sa.BigInteger(), nullable=True),
        sa.Column("sync_failure", sa.String(length=2000), nullable=True),
        sa.ForeignKeyConstraint(
            ["course_id"], ["course.id"], name=op.f("fk_context_course_id_course")
        ),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["deployment.id"], name=op.f("fk_context_deployment_id_deployment")
        ),
        sa.ForeignKeyConstraint(
            ["linked_by"], ["person.id"], name=op.f("fk_context_linked_by_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_context")),
        sa.UniqueConstraint(
            "deployment_id", "context_id", name=op.f("uq_context_deployment_id_context_id")
        ),
    )
    op.create_index(op.f("ix_context_course_id"), "context", ["course_id"], unique=False)
    op.create_index(op.f("ix_context_sync_begun_at"), "context", ["sync_begun_at"], unique=False)
    op.create_table(
        "context_member",
        sa.Column("context_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column(
            "launch_role",
            sa.Enum(
                "student",
                "ta",
                "instructor",
                name="launch_role",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.Column("launched_at", sa.BigInteger(), nullable=True),
        sa.Column(
            "roster_role",
            sa.Enum(
                "student",
                "ta",
                "instructor",
                name="roster_role",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.ForeignKeyConstraint(
            ["context_id"], ["context.id"], name=op.f("fk_context_member_context_id_context")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_context_member_person_id_person")
        ),
        sa.PrimaryKeyConstraint("context_id", "person_id", name=op.f("pk_context_member")),
    )
    op.create_index(
        op.f("ix_context_member_person_id"), "context_member", ["person_id"], unique=False
    )
    op.create_table(
        "launch",
        sa.Column("id", KEY, nullable=False),
        sa.Column("deployment_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("message", DOCUMENT, nullable=False),
        sa.Column("ticket_hash", sa.String(length=64), nullable=False),
        sa.Column("ticket_used_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["deployment.id"], name=op.f("fk_launch_deployment_id_deployment")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_launch_person_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_launch")),
        sa.UniqueConstraint("ticket_hash", name=op.f("uq_launch_ticket_hash")),
    )
    op.create_index(op.f("ix_launch_expires_at"), "launch", ["expires_at"], unique=False)
    op.create_table(
        "grade_column",
        sa.Column("id", KEY, nullable=False),
        sa.Column("assignment_id", KEY, nullable=False),
        sa.Column("context_id", KEY, nullable=True),
        sa.Column("canvas_course_id", KEY, nullable=True),
        sa.Column("address", sa.String(length=2000), nullable=True),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("max_score", sa.Double(), nullable=True),
        sa.Column("ours", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        sa.Column("looking_until", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(context_id IS NULL) <> (canvas_course_id IS NULL)",
            name=op.f("ck_grade_column_in_one_place"),
        ),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["assignment.id"],
            name=op.f("fk_grade_column_assignment_id_assignment"),
        ),
        sa.ForeignKeyConstraint(
            ["canvas_course_id"],
            ["canvas_course.id"],
            name=op.f("fk_grade_column_canvas_course_id_canvas_course"),
        ),
        sa.ForeignKeyConstraint(
            ["context_id"], ["context.id"], name=op.f("fk_grade_column_context_id_context")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grade_column")),
        sa.UniqueConstraint(
            "assignment_id",
            "canvas_course_id",
            name=op.f("uq_grade_column_assignment_id_canvas_course_id"),
        ),
        sa.UniqueConstraint(
            "assignment_id", "context_id", name=op.f("uq_grade_column_assignment_id_context_id")
        ),
    )
    op.create_index(
        op.f("ix_grade_column_context_id"), "grade_column", ["context_id"], unique=False
    )
    op.create_index(
        op.f("ix_grade_column_canvas_course_id"),
        "grade_column",
        ["canvas_course_id"],
        unique=False,
    )
    op.create_table(
        "resource_link",
        sa.Column("id", KEY, nullable=False),
        sa.Column("context_id", KEY, nullable=False),
        sa.Column("link_id", sa.String(length=255), nullable=False),
        sa.Column("assignment_id", KEY, nullable=False),
        sa.Column("line_item_url", sa.String(length=2000), nullable=True),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["assignment.id"],
            name=op.f("fk_resource_link_assignment_id_assignment"),
        ),
        sa.ForeignKeyConstraint(
            ["context_id"], ["context.id"], name=op.f("fk_resource_link_context_id_context")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resource_link")),
        sa.UniqueConstraint(
            "context_id", "link_id", name=op.f("uq_resource_link_context_id_link_id")
        ),
    )
    op.create_index(
        op.f("ix_resource_link_assignment_id"), "resource_link", ["assignment_id"], unique=False
    )
    op.create_table(
        "passback",
        sa.Column("id", KEY, nullable=False),
        sa.Column("column_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("submission_id", KEY, nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("max_score", sa.Double(), nullable=True),
        sa.Column("stamp", sa.BigInteger(), nullable=True),
        sa.Column("sent_score", sa.Double(), nullable=True),
        sa.Column("sent_max_score", sa.Double(), nullable=True),
        sa.Column("sent_of", sa.Double(), nullable=True),
        sa.Column("sent_hidden", sa.Boolean(), nullable=False),
        sa.Column("sent_submission_id", KEY, nullable=True),
        sa.Column("tried", DOCUMENT, nullable=False),
        sa.Column("unsure_until", sa.BigInteger(), nullable=True),
        sa.Column("found_score", sa.Double(), nullable=True),
        sa.Column("overwrite", sa.Boolean(), nullable=False),
        sa.Column(
            "trouble",
            sa.Enum(
                "changed",
                "no_student",
                "refused",
                "gone",
                "locked",
                "tired",
                name="trouble",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.Column("note", sa.String(length=300), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "sending",
                "delivered",
                "stuck",
                name="deliverystate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("wanted", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("failure", sa.String(length=2000), nullable=True),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state = 'sending') = (lease_until IS NOT NULL)",
            name=op.f("ck_passback_leased_while_sending"),
        ),
        sa.CheckConstraint(
            "tries >= 0 AND fence >= 0 AND wanted >= 1", name=op.f("ck_passback_counts")
        ),
        sa.ForeignKeyConstraint(
            ["column_id"], ["grade_column.id"], name=op.f("fk_passback_column_id_grade_column")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_passback_person_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["sent_submission_id"],
            ["submission.id"],
            name=op.f("fk_passback_sent_submission_id_submission"),
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_passback_submission_id_submission")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passback")),
        sa.UniqueConstraint("column_id", "person_id", name=op.f("uq_passback_column_id_person_id")),
    )
    op.create_index(
        op.f("ix_passback_column_id_state_id"),
        "passback",
        ["column_id", "state", "id"],
        unique=False,
    )
    op.create_index(
        "ix_passback_due",
        "passback",
        ["next_at"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
        sqlite_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_passback_leased",
        "passback",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state = 'sending'"),
        sqlite_where=sa.text("state = 'sending'"),
    )
    op.create_index(op.f("ix_passback_person_id"), "passback", ["person_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_passback_person_id"), table_name="passback")
    op.drop_index(
        "ix_passback_leased",
        table_name="passback",
        postgresql_where=sa.text("state = 'sending'"),
        sqlite_where=sa.text("state = 'sending'"),
    )
    op.drop_index(
        "ix_passback_due",
        table_name="passback",
        postgresql_where=sa.text("state = 'waiting'"),
        sqlite_where=sa.text("state = 'waiting'"),
    )
    op.drop_index(op.f("ix_passback_column_id_state_id"), table_name="passback")
    op.drop_table("passback")
    op.drop_index(op.f("ix_resource_link_assignment_id"), table_name="resource_link")
    op.drop_table("resource_link")
    op.drop_index(op.f("ix_grade_column_canvas_course_id"), table_name="grade_column")
    op.drop_index(op.f("ix_grade_column_context_id"), table_name="grade_column")
    op.drop_table("grade_column")
    op.drop_index(op.f("ix_launch_expires_at"), table_name="launch")
    op.drop_table("launch")
    op.drop_index(op.f("ix_context_member_person_id"), table_name="context_member")
    op.drop_table("context_member")
    op.drop_index(op.f("ix_context_sync_begun_at"), table_name="context")
    op.drop_index(op.f("ix_context_course_id"), table_name="context")
    op.drop_table("context")
    op.drop_index(op.f("ix_webhook_message_webhook_id_state_id"), table_name="webhook_message")
    op.drop_index(op.f("ix_webhook_message_webhook_id_id"), table_name="webhook_message")
    op.drop_index(op.f("ix_webhook_message_created_at"), table_name="webhook_message")
    op.drop_index(
        "ix_webhook_message_leased",
        table_name="webhook_message",
        postgresql_where=sa.text("state = 'sending'"),
        sqlite_where=sa.text("state = 'sending'"),
    )
    op.drop_index(
        "ix_webhook_message_due",
        table_name="webhook_message",
        postgresql_where=sa.text("state = 'waiting'"),
        sqlite_where=sa.text("state = 'waiting'"),
    )
    op.drop_table("webhook_message")
    op.drop_index(op.f("ix_platform_login_platform_id_id"), table_name="platform_login")
    op.drop_index(op.f("ix_platform_login_expires_at"), table_name="platform_login")
    op.drop_table("platform_login")
    op.drop_table("invitation")
    op.drop_table("deployment")
    op.drop_table("canvas_person")
    op.drop_index(op.f("ix_webhook_course_id"), table_name="webhook")
    op.drop_table("webhook")
    op.drop_index(op.f("ix_platform_person_person_id"), table_name="platform_person")
    op.drop_table("platform_person")
    op.drop_table("platform")
    op.drop_table("canvas_course")
    op.drop_table("signing_key")
    op.drop_index(
        "ix_check_outcome_pending",
        table_name="check_outcome",
        postgresql_where=sa.text("outcome = 'pending'"),
        sqlite_where=sa.text("outcome = 'pending'"),
    )
    op.drop_index(op.f("ix_token_expires_at"), table_name="token")
    # Who comes from an LMS has no address to sign in with, and needs one again.
    op.execute("UPDATE person SET email = 'person-' || id || '@lms.invalid' WHERE email IS NULL")
    with op.batch_alter_table("person") as person:
        person.alter_column("email", existing_type=sa.String(length=254), nullable=False)
        person.drop_column("contact")
    with op.batch_alter_table("enrolment") as enrolment:
        enrolment.drop_column("by_lms")
