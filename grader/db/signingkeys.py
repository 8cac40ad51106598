"""Our own keys, by which platforms know that we are we."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from grader.db.models import SigningKey
from grader.db.types import now


def signing(session: Session) -> SigningKey | None:
    """The key that signs: the newest that is not retired."""
    query = select(SigningKey).where(SigningKey.retired_at.is_(None))
    return session.scalar(query.order_by(SigningKey.id.desc()).limit(1))


def published(session: Session, stays: timedelta) -> Sequence[SigningKey]:
    """Those that sign, and those that did until a short while ago; the newest first."""
    is_known = or_(SigningKey.retired_at.is_(None), SigningKey.retired_at > now() - stays)
    return session.scalars(select(SigningKey).where(is_known).order_by(SigningKey.id.desc())).all()


def retire_all(session: Session) -> None:
    """None of those that there are signs any more."""
    session.execute(
        update(SigningKey).where(SigningKey.retired_at.is_(None)).values(retired_at=now())
    )


def forget(session: Session, stays: timedelta) -> None:
    """Remove those that are published no more."""
    session.execute(delete(SigningKey).where(SigningKey.retired_at <= now() - stays))
