"""When tokens and sessions were last used: gathered by whoever serves, written a few at a time.

A write of its own for each would have everybody who comes wait for the database's one writer and
for the disk, and most of all in the last minutes before a deadline, when everybody comes.
"""

from __future__ import annotations

import threading
from itertools import islice

from grader.db import browsersessions, people
from grader.db.session import Database

_AT_A_TIME = 1000


class LastUses:
    """What was used since it was last written down. For any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._tokens: set[int] = set()
        self._sessions: set[int] = set()

    def token(self, token_id: int) -> None:
        """A token was used."""
        with self._lock:
            self._tokens.add(token_id)

    def session(self, session_id: int) -> None:
        """Somebody was heard of who is signed in."""
        with self._lock:
            self._sessions.add(session_id)

    def write(self) -> None:
        """Note in the database what was used since the last call, as of now."""
        with self._lock:
            tokens, sessions = _some(self._tokens), _some(self._sessions)
        if not tokens and not sessions:
            return
        try:
            with self._database.writing() as session:
                people.stamp_uses(session, tokens)
                browsersessions.stamp(session, sessions)
        except Exception:
            with self._lock:
                self._tokens.update(tokens)
                self._sessions.update(sessions)
            raise


def _some(ids: set[int]) -> list[int]:
    some = list(islice(ids, _AT_A_TIME))
    ids.difference_update(some)
    return some
