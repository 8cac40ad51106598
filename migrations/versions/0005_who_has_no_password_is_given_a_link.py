"""who has no password is given a link to choose one by"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from grader.db.types import now

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "password_link",
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("course_id", KEY, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=now(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["author_id"], ["person.id"], name=op.f("fk_password_link_author_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["course_id"], ["course.id"], name=op.f("fk_password_link_course_id_course")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_password_link_person_id_person")
        ),
        sa.PrimaryKeyConstraint("person_id", "course_id", name=op.f("pk_password_link")),
        sa.UniqueConstraint("hash", name=op.f("uq_password_link_hash")),
    )


def downgrade() -> None:
    op.drop_table("password_link")
