"""Workers and the queue, for who runs the installation; and for a course's staff how long it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import Path

from grader.db.models import Queue
from grader.services import operations
from grader.services.operations import Waiting, Worker
from grader.web.api.bodies import Body, Name, PageView, RowId, View
from grader.web.routers import for_programs
from grader.web.security import CurrentActor, CurrentSite, Cursor, Limit

router = for_programs("workers")


class NodeView(View):
    """A worker; `facts` are what it announced: runtimes, devices, slots, version."""

    name: str
    queues: list[Queue]
    facts: dict[str, Any]
    started_at: datetime
    seen_at: datetime
    live: bool
    draining: bool


class NodeChange(Body):
    """A worker that drains ends what it holds and takes nothing more."""

    draining: bool


class RunningView(View):
    """An attempt that a worker holds."""

    attempt_id: int
    submission_id: int
    course_id: int
    course: str
    assignment_id: int
    assignment: str
    queue: Queue
    worker: str | None
    tries: int
    started_at: datetime | None
    lease_until: datetime | None


class WaitingView(View):
    """What waits in one queue."""

    count: int
    longest_s: float


class WaitsView(View):
    """What the latest fresh submissions waited for a worker."""

    count: int
    median_s: float
    p95_s: float
    longest_s: float


class TrialsView(View):
    """How many versions' own tests wait in one queue, and how many run."""

    waiting: int
    running: int


class QueueView(View):
    """The whole queue; `trials` are tests of versions, which are no submissions."""

    waiting: dict[Queue, WaitingView]
    waited: WaitsView
    trials: dict[Queue, TrialsView]


class CourseQueueView(View):
    """What waits of a course, and of all courses together."""

    course: dict[Queue, WaitingView]
    all: dict[Queue, WaitingView]


@router.get("/nodes")
def list_nodes(
    site: CurrentSite, actor: CurrentActor, cursor: Cursor = None, limit: Limit = 50
) -> PageView[NodeView]:
    """The workers by name; for admins."""
    page = operations.list_workers(site, actor, cursor=cursor, limit=limit)
    return PageView(items=[_node(one) for one in page.items], next_cursor=page.next_cursor)


@router.patch("/nodes/{name}")
def change_node(
    site: CurrentSite,
    actor: CurrentActor,
    name: Annotated[Name, Path()],
    body: NodeChange,
) -> NodeView:
    """Drain a worker, or have it take work again; for admins."""
    return _node(operations.drain(site, actor, name, draining=body.draining))


@router.get("/queue")
def get_queue(site: CurrentSite, actor: CurrentActor) -> QueueView:
    """How much waits, and for how long; for admins."""
    found = operations.whole_queue(site, actor)
    return QueueView(
        waiting=_waiting(found.waiting),
        waited=WaitsView.model_validate(found.waited),
        trials={queue: TrialsView.model_validate(one) for queue, one in found.trials.items()},
    )


@router.get("/queue/running")
def list_running(
    site: CurrentSite, actor: CurrentActor, cursor: Cursor = None, limit: Limit = 50
) -> PageView[RunningView]:
    """What runs where; for admins."""
    page = operations.list_running(site, actor, cursor=cursor, limit=limit)
    items = [
        RunningView(
            attempt_id=attempt.id,
            submission_id=attempt.submission_id,
            course_id=course.id,
            course=course.slug,
            assignment_id=assignment.id,
            assignment=assignment.slug,
            queue=attempt.queue,
            worker=attempt.worker,
            tries=attempt.tries,
            started_at=attempt.started_at,
            lease_until=attempt.lease_until,
        )
        for attempt, assignment, course in page.items
    ]
    return PageView(items=items, next_cursor=page.next_cursor)


@router.get("/courses/{course_id}/queue")
def get_course_queue(
    site: CurrentSite, actor: CurrentActor, course_id: Annotated[RowId, Path()]
) -> CourseQueueView:
    """How much waits of the course and in all; for its staff."""
    own, every = operations.course_queue(site, actor, course_id)
    return CourseQueueView(course=_waiting(own), all=_waiting(every))


def _waiting(found: Mapping[Queue, Waiting]) -> dict[Queue, WaitingView]:
    return {queue: WaitingView.model_validate(one) for queue, one in found.items()}


def _node(worker: Worker) -> NodeView:
    node = worker.node
    return NodeView(
        name=node.name,
        queues=[Queue(one) for one in node.queues.replace(",", " ").split()],
        facts=node.facts,
        started_at=node.started_at,
        seen_at=node.seen_at,
        live=worker.live,
        draining=node.draining,
    )
