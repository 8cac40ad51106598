"""Assignments to hand in for, files to hand in, and judging without a sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import select
from starlette.testclient import TestClient

from grader.db import attempts, leases
from grader.db.models import (
    Assignment,
    AssignmentVersion,
    Attempt,
    AttemptState,
    CheckOutcome,
    Enrolment,
    Extension,
    Person,
    Queue,
    Result,
    Submission,
    VersionState,
)
from grader.domain.policy import LatePolicy, Policy
from grader.domain.results import Result as Judged
from grader.notebooks.read import parse
from grader.notebooks.write import executed_notebook
from grader.resultdoc import document
from grader.services.site import Site
from tests.sites import People, Signed, site_at

API = "/api/v1"
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
NO_BUNDLE = "0" * 64


@dataclass
class Recorded:
    """Messages that are sent nowhere; where the broker is down, none is."""

    sent: list[tuple[str, int, str]] = field(default_factory=list)
    is_down: bool = False

    def send(self, task: str, rows: Iterable[tuple[int, str]]) -> bool:
        """As of `grader.broker.messages.Messages`."""
        if not self.is_down:
            self.sent += [(task, row_id, str(queue)) for row_id, queue in rows]
        return not self.is_down


@pytest.fixture
def messages() -> Recorded:
    """What would have been sent."""
    return Recorded()


@pytest.fixture
def site(database_url: str, tmp_path: Path, messages: Recorded) -> Iterator[Site]:
    """An installation whose messages are recorded."""
    made = replace(site_at(database_url, tmp_path), messages=messages)  # type: ignore[arg-type]
    yield made
    made.close()


def assignment(
    site: Site,
    course_id: int,
    *,
    opens_at: datetime | None = None,
    due_at: datetime | None = None,
    is_published: bool = True,
    queue: Queue = Queue.CPU,
    late: LatePolicy | None = None,
    **policy: Any,
) -> int:
    """An assignment with one version."""
    with site.database.writing() as session:
        author_id = session.scalars(select(Person.id)).first()
        made = Assignment(
            course_id=course_id,
            slug="a0",
            title="Assignment 0",
            opens_at=opens_at,
            due_at=due_at,
            policy=asdict(Policy(late=late or LatePolicy(), **policy)),
        )
        session.add(made)
        session.flush()
        version = AssignmentVersion(
            assignment_id=made.id,
            number=1,
            content_hash="sha256:1",
            bundle_sha256=NO_BUNDLE,
            outline={"exercises": []},
            max_score=20.0,
            queue=queue,
            state=VersionState.PUBLISHED,
            author_id=author_id,
        )
        session.add(version)
        session.flush()
        if is_published:
            made.live_version_id = version.id
        return made.id


def notebook(*sources: str) -> bytes:
    """A notebook file with these code cells."""
    cells = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": source} for source in sources
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()


def hand_in(
    client: TestClient,
    who: Signed,
    assignment_id: int,
    content: bytes | None = None,
    *,
    name: str = "a0.ipynb",
    key: str | None = None,
) -> Response:
    """Send a file."""
    headers = who.headers | ({} if key is None else {"Idempotency-Key": key})
    file = (name, notebook("x = 1") if content is None else content)
    path = f"{API}/assignments/{assignment_id}/submissions"
    return client.post(path, files={"file": file}, headers=headers)


def handed_in(client: TestClient, who: Signed, assignment_id: int, source: str = "x = 1") -> Any:
    """Send a notebook of that one cell; the receipt."""
    answer = hand_in(client, who, assignment_id, notebook(source))
    assert answer.status_code == 202, answer.text
    return answer.json()


def judge(site: Site, attempt_id: int, judged: Judged) -> None:
    """What a worker does, but for running anything."""
    with site.database.writing() as session:
        attempt = session.get_one(Attempt, attempt_id)
        submission = session.get_one(Submission, attempt.submission_id)
        held = leases.take(session, Attempt, attempt_id, "w1", leases.LEASE)
    assert held is not None
    read = parse(submission.name, site.blobs.read(submission.sha256))
    stored = site.blobs.put([json.dumps(document(judged)).encode()])
    shown = site.blobs.put([executed_notebook(read, judged)])
    key = {"submission_id": attempt.submission_id, "version_id": attempt.version_id}
    result = Result(
        **key,
        attempt_id=attempt_id,
        run_status=judged.run.status,
        score=judged.score,
        max_score=judged.max_score,
        pending=judged.pending,
        wall_s=1.0,
        cpu_s=1.0,
        peak_memory_bytes=1,
        document=stored.sha256,
        notebook=shown.sha256,
    )
    pairs = [(exercise.id, check) for exercise in judged.exercises for check in exercise.checks]
    checks = [
        CheckOutcome(
            **key,
            exercise=exercise,
            check=check.id,
            position=position,
            outcome=check.outcome,
            score=check.score,
            max_score=check.max_score,
            cause=check.detail.get("cause"),
        )
        for position, (exercise, check) in enumerate(pairs)
    ]
    with site.database.writing() as session:
        assert attempts.finish(session, held, result, checks)


def fail(site: Site, attempt_id: int, why: str = "no sandbox") -> None:
    """Have the last try of an attempt fail for a reason of ours."""
    for _ in range(leases.TRIES):
        with site.database.writing() as session:
            held = leases.take(session, Attempt, attempt_id, "w1", leases.LEASE)
            assert held is not None
            assert leases.give_back(session, Attempt, held, why)
    assert state_of(site, attempt_id) is AttemptState.FAILED


def state_of(site: Site, attempt_id: int) -> AttemptState:
    """How an attempt stands."""
    with site.database.reading() as session:
        return session.get_one(Attempt, attempt_id).state


def team_up(site: Site, people: People, *members: Signed) -> None:
    """Have these share their submissions."""
    with site.database.writing() as session:
        for one in members:
            key = (people.course_id, one.actor.person_id)
            session.get_one(Enrolment, key).team = "red"


def extend(site: Site, assignment_id: int, who: Signed, due_at: datetime) -> None:
    """Give somebody a due date of their own."""
    with site.database.writing() as session:
        session.add(
            Extension(
                assignment_id=assignment_id,
                person_id=who.actor.person_id,
                due_at=due_at,
                reason="ill",
                author_id=who.actor.person_id,
            )
        )
