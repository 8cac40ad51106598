"""Workers and the queue: what runs where, waits and failed; for who runs the installation."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from grader.db.models import Assignment, Attempt, Course, Queue
from grader.services import operations
from grader.services.operations import Worker
from grader.services.site import Site
from grader.web.pages.forms import go
from grader.web.pages.frame import course_frame, for_staff
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, RowInPath

router = for_people()

QUEUE_WORDS = {Queue.CPU: "CPU", Queue.GPU: "GPU"}
_MOST = 200
_MOST_SLOTS = 8  # of one worker that have a line of their own

Running = tuple[Attempt, Assignment, Course]


@router.get("/workers")
def show_workers(request: Request, site: CurrentSite, visitor: CurrentVisitor) -> Response:
    """All workers with what they do, and the queue; for admins."""
    return page(request, "workers/page.html", _everything(site, visitor))


@router.get("/workers/now")
def show_now(request: Request, site: CurrentSite, visitor: CurrentVisitor) -> Response:
    """The same at this moment: the part of the page that asks again."""
    return page(request, "workers/now.html", _everything(site, visitor))


@router.post("/workers/{name}/drain")
def drain(site: CurrentSite, visitor: CurrentVisitor, name: str) -> Response:
    """Have a worker end what it holds and take nothing more."""
    operations.drain(site, visitor.actor, name, draining=True)
    return go("/workers")


@router.post("/workers/{name}/undrain")
def undrain(site: CurrentSite, visitor: CurrentVisitor, name: str) -> Response:
    """Have it take work again."""
    operations.drain(site, visitor.actor, name, draining=False)
    return go("/workers")


@router.get("/courses/{course_id}/queue")
def show_queue(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath
) -> Response:
    """What waits of a course and in all; for its staff."""
    return page(request, "workers/queue.html", _queue(site, visitor, course_id))


@router.get("/courses/{course_id}/queue/now")
def show_queue_now(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath
) -> Response:
    """The same at this moment: the part of the page that asks again."""
    return page(request, "workers/queue_now.html", _queue(site, visitor, course_id))


def _queue(site: Site, visitor: Visitor, course_id: int) -> dict[str, Any]:
    frame = for_staff(course_frame(site, visitor.actor, course_id))
    own, every = operations.course_queue(site, visitor.actor, course_id)
    return {
        "frame": frame,
        "tab": "queue",
        "own": own,
        "every": every,
        "queues": QUEUE_WORDS,
        "waited": in_words,
    }


def _everything(site: Site, visitor: Visitor) -> dict[str, Any]:
    workers = operations.list_workers(site, visitor.actor, limit=_MOST).items
    running = operations.list_running(site, visitor.actor, limit=_MOST).items
    queue = operations.whole_queue(site, visitor.actor)
    by_worker: dict[str, list[Running]] = defaultdict(list)
    for one in running:
        by_worker[one[0].worker or ""].append(one)
    return {
        "workers": [_worker(one, by_worker.get(one.node.name, [])) for one in workers],
        "takes_work": any(one.live and not one.node.draining for one in workers),
        "waiting": queue.waiting,
        "waits": queue.waited,
        "trials": queue.trials,
        "courses": operations.courses_waiting(site, visitor.actor),
        "failures": operations.list_failures(site, visitor.actor),
        "queues": QUEUE_WORDS,
        "waited": in_words,
        "most_slots": _MOST_SLOTS,
    }


def _worker(worker: Worker, running: list[Running]) -> dict[str, Any]:
    facts = worker.node.facts
    used = Counter(attempt.queue for attempt, _, _ in running)
    devices, slots = facts.get("devices"), facts.get("slots")
    there = slots if isinstance(slots, int) and slots > 0 else len(running)
    return {
        "node": worker.node,
        "is_live": worker.live,
        "running": running,
        "slots": slots or "–",
        "free": max(0, min(there, _MOST_SLOTS) - len(running)),
        "more": max(there, len(running)) > _MOST_SLOTS,
        "devices": len(devices) if isinstance(devices, list) else 0,
        "devices_used": used[Queue.GPU],
        "version": facts.get("version") or "",
        "missing": facts.get("missing") or [],
    }


def in_words(seconds: float) -> str:
    """How long somebody waits: 4 s, 3 min, 2 h."""
    for unit, words in ((timedelta(hours=2), "h"), (timedelta(minutes=2), "min")):
        if seconds >= unit.total_seconds():
            return f"{seconds / (unit.total_seconds() / 2):.0f} {words}"
    return f"{seconds:.0f} s"
