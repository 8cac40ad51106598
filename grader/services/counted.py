"""Of all that was handed in for an assignment what counts, and whose it is.

Which one counts is what grades say (`grader.domain.grades`); nothing here decides it again. Where
many thousands were handed in, finding that out takes a second, so it is remembered for a while:
what is graded in between that counts no more is graded in vain, and harms nobody.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from grader.db import answers, grades
from grader.db.models import Assignment
from grader.db.session import Database, Session
from grader.services.grades import grade_from
from grader.services.policies import policy_of
from grader.services.site import Site

_FEW = 3000  # submissions: of no more it is found out each time
_KEPT_S = 180.0


@dataclass(frozen=True)
class Counted:
    """What counts in an assignment against a version: by submission the names of whose it is.

    `waiting` are those that count and have no result yet. `made` is what somebody has made of it
    and would make again, as long as it is remembered.
    """

    version_id: int | None
    names: Mapping[int, tuple[str, ...]]
    waiting: frozenset[int] = frozenset()
    made: dict[str, Any] = field(default_factory=dict, compare=False)


_lock = threading.Lock()
_known: WeakKeyDictionary[Database, dict[int, tuple[float, Counted]]] = WeakKeyDictionary()


def counted(site: Site, session: Session, assignment: Assignment) -> Counted:
    """What counts now, or a moment ago where there is a lot."""
    if answers.number_of_submissions(session, assignment.id) <= _FEW:
        return _found(session, assignment)
    with _lock:
        at, kept = _known.setdefault(site.database, {}).get(assignment.id, (0.0, None))
    fresh = kept is not None and time.monotonic() - at < _KEPT_S
    if kept is not None and fresh and kept.version_id == assignment.live_version_id:
        return kept
    found = _found(session, assignment)
    now = time.monotonic()
    with _lock:
        known = _known.setdefault(site.database, {})
        for key in [key for key, (at, _) in known.items() if now - at >= _KEPT_S]:
            del known[key]
        known[assignment.id] = (now, found)
    return found


def _found(session: Session, assignment: Assignment) -> Counted:
    live, policy = grades.assignment(session, assignment.id), policy_of(assignment)
    members = grades.all_students(session, assignment.course_id)
    facts = grades.facts(session, assignment.course_id, [live], members)
    names: dict[int, list[str]] = {}
    for member in members:
        counting = grade_from(facts, live, policy, member).counting
        if counting is not None:
            names.setdefault(counting.id, []).append(member.name)
    version_id = assignment.live_version_id
    judged = set() if version_id is None else answers.judged(session, version_id, sorted(names))
    return Counted(
        version_id,
        {key: tuple(names[key]) for key in names if key in judged},
        frozenset(names.keys() - judged),
    )
