"""Of all that was handed in for an assignment what counts, and whose it is.

Which one counts is what grades say (`grader.domain.grades`); nothing here decides it again. Where
many thousands were handed in, finding that out takes a second or more, so it is remembered for a
while, and found out anew beside the requests as long as somebody asks: what is graded in between
that counts no more is graded in vain, and harms nobody.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Mapping, Sequence
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
_FRESH_S = 180.0  # then it is found out anew, while who asks is told what was
_KEPT_S = 900.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Counted:
    """What counts in an assignment against a version: by submission the names of whose it is.

    `waiting` are those that count and have no result yet. `made` is what somebody has made of it
    and would make again, as long as it is remembered.
    """

    version_id: int | None
    names: Mapping[int, tuple[str, ...]]
    waiting: frozenset[int] = frozenset()
    made: dict[Any, Any] = field(default_factory=dict, compare=False)

    @property
    def ids(self) -> frozenset[int]:
        """All that count, judged or not."""
        return self.waiting | self.names.keys()


@dataclass(frozen=True)
class _Kept:
    """`of_many`: of many submissions to this one assignment, and not to several together."""

    counted: Counted
    at: float
    of_many: bool


_lock = threading.Lock()
_known: WeakKeyDictionary[Database, dict[int, _Kept]] = WeakKeyDictionary()
# One at a time finds out about many submissions: who comes meanwhile takes what the first found,
# and no two need the memory for it at once.
_finding = threading.Lock()
_renewing: WeakKeyDictionary[Database, threading.Thread] = WeakKeyDictionary()


def counted(site: Site, session: Session, assignment: Assignment) -> Counted:
    """What counts now, or a moment ago where there is a lot."""
    return counted_each(site, session, [assignment])[assignment.id]


def counted_each(
    site: Site, session: Session, assignments: Sequence[Assignment]
) -> dict[int, Counted]:
    """The same of some assignments of one course, by as many queries as of one."""
    numbers = answers.numbers_of_submissions(session, [one.id for one in assignments])
    if sum(numbers.values()) <= _FEW:
        return _found(session, assignments)
    many = {key for key, number in numbers.items() if number > _FEW}
    found, missing = _remembered(site, assignments, many)
    if missing:
        with _finding:
            found, missing = _remembered(site, assignments, many)
            fresh = _found(session, missing)
            _remember(site, fresh, many)
        found |= fresh
    return found


def remembered(site: Site, session: Session, assignment: Assignment) -> Collection[int] | None:
    """The submissions that count as they are remembered, for lists in which they are told: what a
    list is narrowed to, the number at its head and each of its rows then say the same.

    None where they are not; where there are many, they then begin to be found out for later lists.
    """
    found = kept(site, session, assignment)
    return found.ids if found else None


def kept(site: Site, session: Session, assignment: Assignment) -> Counted | None:
    """The same with what was made of it: None where it is not remembered, or there are few."""
    found, missing = _remembered(site, [assignment], {assignment.id})
    if missing and answers.are_more_than(session, assignment.id, _FEW):
        _renew(site, {assignment.id: True})
    return found.get(assignment.id)


def forget(site: Site) -> None:
    """Find all out anew, whatever is remembered."""
    settle(site)
    with _lock:
        _known.pop(site.database, None)


def settle(site: Site) -> None:
    """Wait until what is being found out beside the requests is remembered."""
    with _lock:
        thread = _renewing.get(site.database)
    if thread is not None:
        thread.join()


def _remembered(
    site: Site, assignments: Sequence[Assignment], many: Collection[int]
) -> tuple[dict[int, Counted], list[Assignment]]:
    """What is remembered of them, and of which it is not; what is no longer fresh is renewed.

    Of `many` is what was found out because they are that by themselves, or all of a course are.
    """
    now = time.monotonic()
    with _lock:
        known = dict(_known.get(site.database, {}))
    found, missing, stale = {}, [], {}
    for one in assignments:
        kept = known.get(one.id)
        holds = (
            kept is not None
            and now - kept.at < _KEPT_S
            and kept.counted.version_id == one.live_version_id
            and (kept.of_many or one.id not in many)
        )
        if kept is not None and holds:
            found[one.id] = kept.counted
            if now - kept.at >= _FRESH_S:
                stale[one.id] = kept.of_many
        else:
            missing.append(one)
    if stale:
        _renew(site, stale)
    return found, missing


def _renew(site: Site, these: Mapping[int, bool]) -> None:
    """Find out about these assignments beside the requests; for each, whether they are many by
    themselves. While that goes on already, nothing: whoever asks next begins it."""
    with _lock:
        running = _renewing.get(site.database)
        if running is not None and running.is_alive():
            return
        thread = threading.Thread(target=_renewed, args=(site, dict(these)), daemon=True)
        _renewing[site.database] = thread
        thread.start()


def _renewed(site: Site, these: Mapping[int, bool]) -> None:
    try:
        with _finding, site.database.reading() as session:
            lives = grades.some_assignments(session, list(these))
            found = _found(session, [one.assignment for one in lives])
            _remember(site, found, {key for key, by_itself in these.items() if by_itself})
    except Exception:
        log.exception("what counts could not be found out beside the requests this time")


def _remember(site: Site, these: Mapping[int, Counted], many: Collection[int]) -> None:
    now = time.monotonic()
    with _lock:
        known = _known.setdefault(site.database, {})
        for key in [key for key, one in known.items() if now - one.at >= _KEPT_S]:
            del known[key]
        known.update({key: _Kept(one, now, key in many) for key, one in these.items()})


def _found(session: Session, assignments: Sequence[Assignment]) -> dict[int, Counted]:
    if not assignments:
        return {}
    course_id = assignments[0].course_id
    lives = grades.some_assignments(session, [one.id for one in assignments])
    members = grades.all_students(session, course_id)
    facts = grades.facts(session, course_id, lives, members, with_releases=False)
    names: dict[int, dict[int, list[str]]] = {one.id: {} for one in assignments}
    for live in lives:
        key, policy = live.assignment.id, policy_of(live.assignment)
        for member in members:
            found = grade_from(facts, live, policy, member).counting
            if found is not None:
                names[key].setdefault(found.id, []).append(member.name)
    versions = [one.live_version_id for one in assignments if one.live_version_id is not None]
    each = sorted(one for several in names.values() for one in several)
    judged = answers.judged(session, versions, each)
    return {
        one.id: Counted(
            one.live_version_id,
            {key: tuple(who) for key, who in names[one.id].items() if key in judged},
            frozenset(names[one.id].keys() - judged),
        )
        for one in assignments
    }
