"""What operators see and do: is it well, how much waits, who works, and taking a worker out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grader.db import audit, operations
from grader.db.models import Assignment, Attempt, AttemptState, Course, Node, Queue
from grader.db.operations import Waiting
from grader.db.pages import Page
from grader.db.revisions import head, revision
from grader.db.session import moment
from grader.domain.outcomes import RunStatus
from grader.errors import NotFound
from grader.services.access import Actor, Right, permit, permit_admin
from grader.services.site import Site

__all__ = ["Load", "Readiness", "Trials", "Waiting", "Waits", "WholeQueue", "Worker"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Readiness:
    """Whether requests can be served. A part that is not needed for it only degrades."""

    ready: bool
    parts: Mapping[str, str]  # ok, or what is the matter


@dataclass(frozen=True, kw_only=True)
class Load:
    """The installation in numbers, none of them about a person."""

    attempts: Mapping[tuple[Queue, AttemptState], int]
    trials: Mapping[tuple[Queue, AttemptState], int]
    waiting: Mapping[Queue, Waiting]
    leases: Mapping[str, int]  # held, expired
    results: Mapping[RunStatus, int]
    nodes: Mapping[str, int]  # live, draining, silent


@dataclass(frozen=True)
class Worker:
    """A worker as it announced itself; `live` while it is heard of."""

    node: Node
    live: bool


@dataclass(frozen=True)
class Trials:
    """How many versions' own tests wait in a queue, and how many run."""

    waiting: int
    running: int


@dataclass(frozen=True)
class WholeQueue:
    """The queue of the installation."""

    waiting: Mapping[Queue, Waiting]
    waited: Waits
    trials: Mapping[Queue, Trials]


@dataclass(frozen=True)
class Waits:
    """What the latest fresh submissions waited for a worker, in seconds."""

    count: int
    median_s: float
    p95_s: float
    longest_s: float


def readiness(site: Site) -> Readiness:
    """Try what a request needs: the database with this version's schema, and keeping a blob."""
    parts = {"database": _database(site), "blobs": _blobs(site)}
    ready = all(said == "ok" for said in parts.values())
    # Without Redis submissions are taken all the same, and found by the workers a little later.
    parts["redis"] = "ok" if site.progress.answers() else "does not answer; judging is delayed"
    return Readiness(ready, parts)


def load(site: Site) -> Load:
    """The numbers of this moment, by the same few queries however much there is."""
    with site.database.reading() as session:
        held, expired = operations.leases(session)
        return Load(
            attempts=operations.attempts_by_state(session),
            trials=operations.trials_by_state(session),
            waiting=operations.waiting(session),
            leases={"held": held, "expired": expired},
            results=operations.results_by_status(session),
            nodes=_counted(site, operations.workers(session)),
        )


def list_workers(
    site: Site, actor: Actor, *, cursor: str | None = None, limit: int = 50
) -> Page[Worker]:
    """All workers that were ever heard of, by name."""
    permit_admin(actor)
    with site.database.reading() as session:
        found = operations.nodes(session, cursor=cursor, limit=limit)
        at = moment(session)
    silent = at - site.settings.lease
    return Page([Worker(node, node.seen_at >= silent) for node in found.items], found.next_cursor)


def drain(site: Site, actor: Actor, name: str, *, draining: bool) -> Worker:
    """Have a worker take nothing more (it ends what it holds), or take work again."""
    permit_admin(actor)
    with site.database.writing() as session:
        node = session.get(Node, name)
        if node is None:
            raise NotFound("there is no such worker")
        if node.draining is not draining:
            node.draining = draining
            action = "node.drained" if draining else "node.resumed"
            audit.record(session, actor.person_id, action, node, name=name)
        at = moment(session)
    return Worker(node, node.seen_at >= at - site.settings.lease)


def list_running(
    site: Site, actor: Actor, *, cursor: str | None = None, limit: int = 50
) -> Page[tuple[Attempt, Assignment, Course]]:
    """What runs where."""
    permit_admin(actor)
    with site.database.reading() as session:
        return operations.running(session, cursor=cursor, limit=limit)


def whole_queue(site: Site, actor: Actor) -> WholeQueue:
    """What waits, how long those waited that were last claimed, and versions' own tests."""
    permit_admin(actor)
    with site.database.reading() as session:
        counts = operations.trials_by_state(session)
        return WholeQueue(
            waiting=operations.waiting(session),
            waited=_waits(operations.waits(session)),
            trials={
                queue: Trials(
                    waiting=counts.get((queue, AttemptState.QUEUED), 0),
                    running=counts.get((queue, AttemptState.RUNNING), 0),
                )
                for queue in Queue
            },
        )


def courses_waiting(site: Site, actor: Actor) -> Sequence[tuple[Course, Queue, Waiting]]:
    """What waits in each queue, by course."""
    permit_admin(actor)
    with site.database.reading() as session:
        return operations.waiting_by_course(session)


def list_failures(
    site: Site, actor: Actor, *, limit: int = 20
) -> Sequence[tuple[Attempt, Assignment, Course]]:
    """The latest attempts that failed on our side after their last try."""
    permit_admin(actor)
    with site.database.reading() as session:
        return operations.failures(session, limit)


def course_queue(
    site: Site, actor: Actor, course_id: int
) -> tuple[Mapping[Queue, Waiting], Mapping[Queue, Waiting]]:
    """What waits of the course, and what waits in all, for the course's staff."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.GRADE)
        return operations.waiting(session, course_id), operations.waiting(session)


def _database(site: Site) -> str:
    try:
        with site.database.reading() as session:
            found = revision(session)
    except Exception as error:
        # Whatever the driver calls it: an address that is none, a refusal, a time-out.
        log.warning("the database does not answer: %s", error)
        return "does not answer"
    return "ok" if found == head() else "its schema is not that of this version"


def _blobs(site: Site) -> str:
    try:
        site.blobs.put([b"ready"])
    except Exception as error:
        log.warning("no blob can be kept: %s", error)
        return "nothing can be written"
    return "ok"


def _counted(site: Site, seen: operations.Seen) -> Mapping[str, int]:
    counts = {"live": 0, "draining": 0, "silent": 0}
    silent = seen.at - site.settings.lease
    for draining, seen_at in seen.workers:
        counts["silent" if seen_at < silent else "draining" if draining else "live"] += 1
    return counts


def _waits(waited: list[float]) -> Waits:
    if not waited:
        return Waits(0, 0.0, 0.0, 0.0)
    count = len(waited)
    return Waits(count, waited[count // 2], waited[min(count - 1, count * 95 // 100)], waited[-1])
