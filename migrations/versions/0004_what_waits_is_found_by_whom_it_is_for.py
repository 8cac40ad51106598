"""what waits is found by whom it is for, and refusals are counted"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Of each index what it holds, and its columns from now on and before.
INDEXES = [
    ("passback", "due", "state = 'waiting'", ["column_id", "next_at", "state"], ["next_at"]),
    (
        "webhook_message",
        "due",
        "state = 'waiting'",
        ["webhook_id", "next_at", "state"],
        ["next_at"],
    ),
    (
        "check_outcome",
        "pending",
        "outcome = 'pending'",
        ["version_id", "submission_id", "exercise", "outcome"],
        ["version_id", "submission_id", "exercise"],
    ),
    (
        "override",
        "standing",
        "revoked_at IS NULL",
        ["submission_id", "exercise", "revoked_at"],
        [],
    ),
]


def upgrade() -> None:
    op.add_column(
        "passback",
        sa.Column("refusals", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    for table, name, where, columns, former in INDEXES:
        _replace(table, name, where, former, columns)


def downgrade() -> None:
    for table, name, where, columns, former in reversed(INDEXES):
        _replace(table, name, where, columns, former)
    op.drop_column("passback", "refusals")


def _replace(table: str, what: str, held: str, former: list[str], columns: list[str]) -> None:
    name = f"ix_{table}_{what}"
    where = {"postgresql_where": sa.text(held), "sqlite_where": sa.text(held)}
    if former:
        op.drop_index(name, table_name=table, **where)
    if columns:
        op.create_index(name, table, columns, unique=False, **where)
