"""Who is signed in on the pages."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from grader.db.models import BrowserSession, Person
from grader.db.types import now


def find(session: Session, hashed: str, idle: timedelta) -> tuple[BrowserSession, Person] | None:
    """The session with that hash and whose it is, while it holds."""
    row = session.execute(
        select(BrowserSession, Person)
        .join(Person, Person.id == BrowserSession.person_id)
        .where(
            BrowserSession.hash == hashed,
            BrowserSession.expires_at > now(),
            BrowserSession.seen_at > now() - idle,
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def stamp(session: Session, session_ids: Collection[int]) -> None:
    """Note that these were heard of."""
    # What another process holds is being stamped by it, or ended.
    held = (
        select(BrowserSession.id)
        .where(BrowserSession.id.in_(session_ids))
        .with_for_update(skip_locked=True)
    )
    session.execute(
        update(BrowserSession)
        .where(BrowserSession.id.in_(session.scalars(held).all()))
        .values(seen_at=now())
    )


def end(session: Session, hashed: str) -> None:
    """Nobody is signed in by it any more."""
    session.execute(delete(BrowserSession).where(BrowserSession.hash == hashed))


def end_all_of(session: Session, person_id: int) -> None:
    """Somebody is signed out everywhere."""
    session.execute(delete(BrowserSession).where(BrowserSession.person_id == person_id))


def sweep(session: Session, idle: timedelta) -> None:
    """Remove those that hold no more."""
    gone = or_(BrowserSession.expires_at <= now(), BrowserSession.seen_at <= now() - idle)
    session.execute(delete(BrowserSession).where(gone))
