"""A version in the shadow: judged over all submissions before any grade depends on it.

It is compared with the version in force, and then promoted into its place or abandoned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from grader.db import bulk, leases, people, shadows, trials, versions
from grader.db.models import (
    Assignment,
    AssignmentVersion,
    Attempt,
    AttemptState,
    Purpose,
    VersionState,
)
from grader.db.pages import Page
from grader.db.session import Session
from grader.db.shadows import Change as Change
from grader.db.shadows import Changed as Changed
from grader.errors import Conflict
from grader.services import sending
from grader.services.access import Actor, Right
from grader.services.anonymity import is_nameless
from grader.services.site import Site
from grader.services.versions import held_version, permitted_version, put_in_force, record


@dataclass(frozen=True)
class Bar:
    """How many scores change by more than `above` and by `up_to` at most; None is without end.

    Points; negative for who loses. The bar from 0 to 0 is of those that stay.
    """

    above: float | None
    up_to: float | None
    submissions: int


@dataclass(frozen=True)
class Preview:
    """How far the shadow has come, and what promoting the version would change.

    `waiting`, `running` and `failed` count attempts, the rest submissions.
    """

    version: AssignmentVersion
    compared_with: int | None
    submissions: int
    waiting: int
    running: int
    failed: int
    gains: int
    loses: int
    unchanged: int
    not_judged: int
    histogram: Sequence[Bar]


def start_shadow(site: Site, actor: Actor, version_id: int) -> Preview:
    """Judge every submission against this version, too, behind all other work.

    What it has judged before is not judged again. Raises Conflict where nothing is published to
    compare it with, and where another version is in the shadow.
    """
    with site.database.writing() as session:
        version, assignment = held_version(session, actor, version_id)
        if version.state is VersionState.PUBLISHED:
            raise Conflict("this version is in force already")
        if assignment.live_version_id is None:
            raise Conflict("no version is in force that it could be compared with: publish it")
        other = versions.in_the_shadow(session, assignment.id)
        if other is not None and other.id != version_id:
            raise Conflict(f"version {other.number} is in the shadow: promote it, or abandon that")
        if other is None:
            version.state = VersionState.SHADOW
            session.flush()
            started = bulk.enqueue(session, assignment, version, Purpose.SHADOW)
            record(session, actor, "shadow.started", version, assignment, submissions=started)
        preview = _preview(session, version, assignment)
    sending.send_attempts(site, version)
    return preview


def preview_shadow(site: Site, actor: Actor, version_id: int) -> Preview:
    """Where a version that is or was in the shadow stands against the one in force; for staff."""
    with site.database.reading() as session:
        version, assignment = permitted_version(session, actor, version_id, Right.GRADE)
        return _preview(session, version, assignment)


def list_changes(
    site: Site,
    actor: Actor,
    version_id: int,
    *,
    change: Change | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Changed]:
    """Who gains and who loses, and by which checks: who loses the most first; for staff."""
    with site.database.reading() as session:
        version, assignment = permitted_version(session, actor, version_id, Right.GRADE)
        if assignment.live_version_id is None:
            return Page([], None)
        found = shadows.changes(
            session,
            assignment.live_version_id,
            version,
            change=change,
            cursor=cursor,
            limit=limit,
        )
        role = people.role_in(session, actor.person_id, assignment.course_id)
    hides = is_nameless(assignment, actor, role)
    return Page([replace(one, is_nameless=hides) for one in found.items], found.next_cursor)


def promote_version(
    site: Site, actor: Actor, version_id: int, because: str | None, *, even_if_open: bool = False
) -> AssignmentVersion:
    """Put the version in the shadow in force; overrides stand as they are.

    Raises Conflict where no trial of it has passed and there is no reason `because`, and while
    attempts of the shadow are open, unless `even_if_open`: these are regrades from then on.
    """
    with site.database.writing() as session:
        version, assignment = _in_the_shadow(session, actor, version_id)
        states = bulk.states(session, version_id)
        still_open = sum(states.get(one, 0) for one in bulk.OPEN)
        if still_open and not even_if_open:
            raise Conflict(
                f"{still_open} attempts of the shadow are open: wait for them, or say even_if_open"
            )
        bulk.raise_to(session, version, Purpose.REGRADE)
        record(session, actor, "shadow.promoted", version, assignment, still_open=still_open)
        put_in_force(session, actor, version, assignment, because)
    sending.send_attempts(site, version)
    return version


def abandon_shadow(site: Site, actor: Actor, version_id: int) -> AssignmentVersion:
    """Leave the version in force; what the shadow has not judged yet is not judged."""
    with site.database.writing() as session:
        version, assignment = _in_the_shadow(session, actor, version_id)
        cancelled = leases.cancel(
            session,
            Attempt,
            Attempt.version_id == version_id,
            Attempt.purpose == Purpose.SHADOW,
        )
        if version.published_at is not None:
            version.state = VersionState.RETIRED
        elif trials.passed(session, version_id):
            version.state = VersionState.TESTED
        else:
            version.state = VersionState.UPLOADED
        record(session, actor, "shadow.abandoned", version, assignment, cancelled=cancelled)
    return version


def _in_the_shadow(
    session: Session, actor: Actor, version_id: int
) -> tuple[AssignmentVersion, Assignment]:
    version, assignment = held_version(session, actor, version_id)
    if version.state is not VersionState.SHADOW:
        raise Conflict("this version is not in the shadow")
    return version, assignment


def _preview(session: Session, version: AssignmentVersion, assignment: Assignment) -> Preview:
    submissions = shadows.count_submissions(session, assignment.id)
    states = bulk.states(session, version.id)
    live_id = assignment.live_version_id
    bars = {} if live_id is None else shadows.bars(session, live_id, version)
    return Preview(
        version=version,
        compared_with=live_id,
        submissions=submissions,
        waiting=states.get(AttemptState.QUEUED, 0),
        running=states.get(AttemptState.RUNNING, 0),
        failed=states.get(AttemptState.FAILED, 0),
        gains=sum(count for bar, count in bars.items() if bar > 0),
        loses=sum(count for bar, count in bars.items() if bar < 0),
        unchanged=bars.get(0, 0),
        not_judged=submissions - sum(bars.values()),
        histogram=_histogram(bars, version.max_score),
    )


def _histogram(bars: dict[int, int], max_score: float) -> list[Bar]:
    edges = [0.0, *(round(part * max_score, 6) for part in shadows.PARTS), None]
    gains = [
        Bar(above, up_to, bars.get(n, 0)) for n, (above, up_to) in enumerate(pairwise(edges), 1)
    ]
    loses = [
        Bar(_negative(bar.up_to), _negative(bar.above), bars.get(-n, 0))
        for n, bar in enumerate(gains, 1)
    ]
    return [*reversed(loses), Bar(0.0, 0.0, bars.get(0, 0)), *gains]


def _negative(edge: float | None) -> float | None:
    return None if edge is None else 0.0 - edge
