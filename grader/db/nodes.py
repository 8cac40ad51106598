"""Workers as they announce themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from grader.db.leases import count
from grader.db.models import Node
from grader.db.types import now


def announce(session: Session, name: str, queues: str, facts: dict[str, Any]) -> None:
    """A worker has started, and takes work."""
    session.execute(delete(Node).where(Node.name == name))
    session.add(Node(name=name, queues=queues, facts=facts))


def see(session: Session, name: str, facts: dict[str, Any]) -> bool:
    """A worker is still there; False where it is not known (any more)."""
    values = {"seen_at": now(), "facts": facts}
    return count(session.execute(update(Node).where(Node.name == name).values(**values))) == 1


def is_draining(session: Session, name: str) -> bool:
    """Whether the worker was told to take nothing more."""
    return bool(session.scalar(select(Node.draining).where(Node.name == name)))


def by_name(session: Session, name: str) -> Node | None:
    """The worker of that name, as it was heard of last."""
    return session.get(Node, name)


def is_known(session: Session, name: str) -> bool:
    """Whether there is a worker of that name."""
    return session.get(Node, name) is not None


def forget(session: Session, name: str) -> None:
    """A worker has ended in order."""
    session.execute(delete(Node).where(Node.name == name))


def forget_silent(session: Session, silent_for: timedelta) -> list[str]:
    """Forget workers that have not been heard of for so long; their names."""
    gone = delete(Node).where(Node.seen_at < now() - silent_for).returning(Node.name)
    return list(session.scalars(gone))


def silent_since(session: Session, least: timedelta, most: timedelta) -> list[str]:
    """The names of workers that were last heard of between `most` and `least` ago."""
    between = (Node.seen_at < now() - least, Node.seen_at >= now() - most)
    return list(session.scalars(select(Node.name).where(*between).order_by(Node.name)))
