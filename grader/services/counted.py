"""Of all that was handed in for an assignment what counts, and whose it is.

Which one counts is what grades say (`grader.domain.grades`); nothing here decides it again. Where
many thousands were handed in, finding that out takes a second, so it is remembered for a while:
what is graded in between that counts no more is graded in vain, and harms nobody.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from grader.db import answers, grades
from grader.db.models import Assignment
from grader.db.session import Database, Session
from grader.domain.grades import GradeState
from grader.services.grades import grade_from
from grader.services.policies import policy_of
from grader.services.site import Site

_FEW = 3000  # submissions: of no more it is found out each time
_KEPT_S = 180.0


@dataclass(frozen=True)
class Counted:
    """What counts in an assignment against a version: by submission the names of whose it is.

    `waiting` are those that count and have no result yet; `complete` are the people whose grade can
    be released. `made` is what somebody has made of it and would make again, as long as it is
    remembered.
    """

    version_id: int | None
    names: Mapping[int, tuple[str, ...]]
    waiting: frozenset[int] = frozenset()
    complete: frozenset[int] = frozenset()
    made: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def ids(self) -> frozenset[int]:
        """All that count, judged or not."""
        return self.waiting | self.names.keys()


_lock = threading.Lock()
_known: WeakKeyDictionary[Database, dict[int, tuple[float, Counted]]] = WeakKeyDictionary()


def counted(site: Site, session: Session, assignment: Assignment) -> Counted:
    """What counts now, or a moment ago where there is a lot."""
    return counted_each(site, session, [assignment])[assignment.id]


def counted_each(
    site: Site, session: Session, assignments: Sequence[Assignment]
) -> dict[int, Counted]:
    """The same of some assignments of one course, by as many queries as of one."""
    numbers = answers.numbers_of_submissions(session, [one.id for one in assignments])
    many = {key for key, number in numbers.items() if number > _FEW}
    known = {one.id: _remembered(site, one) for one in assignments if one.id in many}
    found = {key: one for key, one in known.items() if one is not None}
    fresh = _found(session, [one for one in assignments if one.id not in found])
    _remember(site, {key: one for key, one in fresh.items() if key in many})
    return {**found, **fresh}


def _remembered(site: Site, assignment: Assignment) -> Counted | None:
    with _lock:
        at, kept = _known.setdefault(site.database, {}).get(assignment.id, (0.0, None))
    fresh = kept is not None and time.monotonic() - at < _KEPT_S
    same = kept is not None and kept.version_id == assignment.live_version_id
    return kept if fresh and same else None


def _remember(site: Site, these: Mapping[int, Counted]) -> None:
    now = time.monotonic()
    with _lock:
        known = _known.setdefault(site.database, {})
        for key in [key for key, (at, _) in known.items() if now - at >= _KEPT_S]:
            del known[key]
        known.update({key: (now, one) for key, one in these.items()})


def _found(session: Session, assignments: Sequence[Assignment]) -> dict[int, Counted]:
    if not assignments:
        return {}
    course_id = assignments[0].course_id
    lives = grades.some_assignments(session, [one.id for one in assignments])
    members = grades.all_students(session, course_id)
    facts = grades.facts(session, course_id, lives, members)
    names: dict[int, dict[int, list[str]]] = {one.id: {} for one in assignments}
    complete: dict[int, set[int]] = {one.id: set() for one in assignments}
    for live in lives:
        key, policy = live.assignment.id, policy_of(live.assignment)
        for member in members:
            grade = grade_from(facts, live, policy, member)
            if grade.counting is not None:
                names[key].setdefault(grade.counting.id, []).append(member.name)
            if grade.state is GradeState.COMPLETE:
                complete[key].add(member.person_id)
    versions = [one.live_version_id for one in assignments if one.live_version_id is not None]
    counting = sorted(one for several in names.values() for one in several)
    judged = answers.judged(session, versions, counting)
    return {
        one.id: Counted(
            one.live_version_id,
            {key: tuple(who) for key, who in names[one.id].items() if key in judged},
            frozenset(names[one.id].keys() - judged),
            frozenset(complete[one.id]),
        )
        for one in assignments
    }
