"""Our own keys, by which platforms know that we are we."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import case, delete, or_, select, update
from sqlalchemy.orm import Session

from grader.db.models import SigningKey
from grader.db.types import now


def signing(session: Session, settles: timedelta) -> SigningKey | None:
    """The key that signs: the newest that is not retired, or until that has been published for
    long enough the one that it retires. Where none has been, it is the oldest."""
    since = now() - settles
    signs = or_(SigningKey.retired_at.is_(None), SigningKey.retired_at > since)
    is_known = SigningKey.created_at <= since
    order = (case((is_known, 0), else_=1), case((is_known, -SigningKey.id), else_=SigningKey.id))
    return session.scalar(select(SigningKey).where(signs).order_by(*order).limit(1))


def published(session: Session, stays: timedelta) -> Sequence[SigningKey]:
    """Those that sign, and those that did until a short while ago; the newest first."""
    is_known = or_(SigningKey.retired_at.is_(None), SigningKey.retired_at > now() - stays)
    return session.scalars(select(SigningKey).where(is_known).order_by(SigningKey.id.desc())).all()


def retire_all(session: Session) -> None:
    """None of those that there are signs any more, once the next one does."""
    session.execute(
        update(SigningKey).where(SigningKey.retired_at.is_(None)).values(retired_at=now())
    )


def forget(session: Session, stays: timedelta) -> None:
    """Remove those that are published no more."""
    session.execute(delete(SigningKey).where(SigningKey.retired_at <= now() - stays))
