"""What blobs the rows refer to."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from grader.db.models import AssignmentVersion, Result, Submission


def blobs_in_use(session: Session) -> set[str]:
    """The names of all blobs that a row names."""
    columns = (
        Submission.sha256,
        AssignmentVersion.bundle_sha256,
        Result.document,
        Result.notebook,
    )
    found: set[str | None] = set()
    for column in columns:
        found.update(session.scalars(select(column).distinct()))
    return {name for name in found if name is not None}
