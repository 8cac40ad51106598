"""Engines and sessions, set up alike wherever they are made."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect, select
from sqlalchemy.exc import IntegrityError, InvalidRequestError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from grader.db.fairlock import FairLock
from grader.db.types import now
from grader.errors import NO_ROOM, Busy, Conflict, NotFound

__all__ = ["Database", "Session", "engine_for", "hold", "moment"]

_BUSY_S = 30  # how long a writer waits for another one on SQLite
_LOOK_S = 0.002  # how often it looks whether the other one, in another process, has done
_HIDE_PARAMETERS = True  # errors are logged, and among a statement's values are hashes of passwords
_AGAIN = timedelta(seconds=_BUSY_S)
_TOO_MUCH = "too much is written at this moment; try again soon"
_FULL = ("53100", "SQLITE_FULL")
# That are kept: in a web process one for each of eight requests at a time, two for what is compared
# apart from them, and one each for who watches, when tokens were used, and what is counted. To open
# one for a single question costs more than the question.
_CONNECTIONS = 13
_NOW = select(now())
_TAKEN = ("23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")


def engine_for(url: str) -> Engine:
    """An engine for `url` (sqlite:///... or postgresql+psycopg://...).

    SQLite runs in WAL mode, so that readers and the one writer don't wait for each other, with
    every commit on the disk before it is confirmed, and with foreign keys held.
    """
    if url.startswith("sqlite"):
        engine = create_engine(
            url,
            connect_args={"timeout": _BUSY_S},
            pool_size=_CONNECTIONS,
            hide_parameters=_HIDE_PARAMETERS,
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(
        url,
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=_HIDE_PARAMETERS,
    )


def _prepare_sqlite(connection: Any, _: object) -> None:
    # The driver's own transactions begin late: BEGIN is sent below instead.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    # A transaction that reads first and then writes would fail where another one wrote between;
    # one that says at once that it will write waits its turn.
    mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    if mode != "IMMEDIATE":
        connection.exec_driver_sql(f"BEGIN {mode}")
        return
    # SQLite's own way of waiting sleeps ever longer, up to 100 ms at a time, while others pass.
    driver = connection.connection.dbapi_connection
    deadline = time.monotonic() + _BUSY_S
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if (
                    not error.sqlite_errorname.startswith("SQLITE_BUSY")
                    or time.monotonic() > deadline
                ):
                    raise
            time.sleep(_LOOK_S)
    finally:
        driver.execute(f"PRAGMA busy_timeout={_BUSY_S * 1000}")


def moment(session: Session) -> datetime:
    """The database's clock: by it rows are stamped and leases judged."""
    return session.scalars(_NOW).one()


def hold(session: Session, row: object) -> None:
    """Read the row anew, and have whoever else holds it wait for the end of this transaction.

    Raises NotFound where somebody has removed it meanwhile.
    """
    try:
        # Not so that rows that refer to it have to wait, too: key_share.
        session.refresh(row, with_for_update={"key_share": True})
    except InvalidRequestError as error:
        if not _is_gone(session, row):
            raise  # a fault of ours
        raise NotFound("it was removed a moment ago: there is no such thing any more") from error


def _is_gone(session: Session, row: object) -> bool:
    """Whether what was read once is there no more, for all that can be said."""
    state = inspect(row, raiseerr=True)
    if not state.persistent or not session.is_active:
        return False
    mapper, identity = state.mapper, state.identity
    assert identity is not None
    mine = [key == value for key, value in zip(mapper.primary_key, identity, strict=True)]
    return session.execute(select(mapper.primary_key[0]).where(*mine)).first() is None


class Database:
    """Where the rows are. `reading` and `writing` give sessions that end with their block."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._reader = sessionmaker(engine, expire_on_commit=False)
        immediate = engine.execution_options(sqlite_begin="IMMEDIATE")
        self._writer = sessionmaker(immediate, expire_on_commit=False)
        # Of one process one thread at a time tries to become SQLite's one writer, as they came.
        self._turn = FairLock() if engine.dialect.name == "sqlite" else None

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for queries; nothing of it is kept."""
        with self._reader() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction: committed at the end of the block, undone by an exception.

        Raises Conflict where somebody else has made, at the same moment, what may be there once,
        and Busy where SQLite's one writer takes too long, or the disk is full.
        """
        try:
            with self._own_turn(), self._writer.begin() as session:
                yield session
        except IntegrityError as error:
            code = getattr(error.orig, "sqlstate", None) or getattr(
                error.orig, "sqlite_errorname", None
            )
            if code not in _TAKEN:
                raise
            raise Conflict("somebody else has just made the same; look, and try again") from error
        except (sqlite3.OperationalError, OperationalError) as error:
            if (words := _put_off(getattr(error, "orig", error))) is None:
                raise
            raise Busy(words, datetime.now(UTC) + _AGAIN) from error

    @contextmanager
    def _own_turn(self) -> Iterator[None]:
        if self._turn is None:
            yield
            return
        if not self._turn.acquire(timeout=_BUSY_S):
            raise Busy(_TOO_MUCH, datetime.now(UTC) + _AGAIN)
        try:
            yield
        finally:
            self._turn.release()


def _put_off(error: object) -> str | None:
    """What is said of a statement that fails now and need not later; None of all others."""
    code = getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None) or ""
    if code.startswith("SQLITE_BUSY"):
        return _TOO_MUCH
    return NO_ROOM if code in _FULL else None
