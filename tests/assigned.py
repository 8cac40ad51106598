"""Assignments for tests: bundles to upload, and submissions that are judged without a sandbox."""

from __future__ import annotations

import io
import itertools
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event, select
from starlette.testclient import TestClient

from grader.db import attempts, trials
from grader.db.models import (
    Assignment,
    AssignmentVersion,
    Attempt,
    CheckOutcome,
    Purpose,
    Queue,
    Result,
    Submission,
)
from grader.domain.outcomes import Outcome, RunStatus
from grader.services.site import Site
from tests.sites import People, Signed

API = "/api/v1"
BLOB = "0" * 64
SLUG = "lines"

_numbers = itertools.count(1)


def rubric(title: str = "Lines", points: float = 20.0, gpu: int = 0) -> str:
    """Two checks, of half the points each."""
    return (
        f"title: {title}\nruntime: {{gpu: {gpu}}}\nexercises:\n"
        "  - id: ex1\n    title: Slopes\n    checks:\n"
        f"      - {{kind: manual, id: c1, title: First, points: {points / 2}}}\n"
        f"      - {{kind: manual, id: c2, title: Second, points: {points / 2}}}\n"
    )


def zipped(text: str | None = None, answer: str = "") -> bytes:
    """A bundle's zip with this rubric and model answer."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"rubrics/{SLUG}/rubric.yaml", rubric() if text is None else text)
        archive.writestr(f"reference/{SLUG}/solution.py", "x = 1\n")
        archive.writestr(f"reference/{SLUG}/answer.py", answer)
    return file.getvalue()


def assignment(client: TestClient, people: People, **fields: Any) -> int:
    """The id of a fresh assignment of the course."""
    body = {"slug": f"a{next(_numbers)}", "title": "Assignment", **fields}
    path = f"{API}/courses/{people.course_id}/assignments"
    made = client.post(path, json=body, headers=people.instructor.headers)
    assert made.status_code == 201, made.text
    return int(made.json()["id"])


def upload(client: TestClient, who: Signed, assignment_id: int, content: bytes) -> Any:
    """The answer to an upload."""
    path = f"{API}/assignments/{assignment_id}/versions"
    return client.post(path, files={"bundle": ("b.zip", content)}, headers=who.headers)


def version(client: TestClient, people: People, assignment_id: int, **fields: Any) -> int:
    """The id of a freshly uploaded version."""
    made = upload(client, people.instructor, assignment_id, zipped(rubric(**fields)))
    assert made.status_code == 201, made.text
    return int(made.json()["id"])


def published(client: TestClient, people: People, assignment_id: int, **fields: Any) -> int:
    """The id of a version that is in force."""
    version_id = version(client, people, assignment_id, **fields)
    path = f"{API}/versions/{version_id}/publish"
    done = client.post(path, json={"because": "test"}, headers=people.instructor.headers)
    assert done.status_code == 200, done.text
    return version_id


def tried(site: Site, report: Mapping[str, Any], *, passed: bool) -> None:
    """A worker finishes the trial that waits."""
    with site.database.writing() as session:
        held = trials.claim(session, "w1", list(Queue))
        assert held is not None
        assert trials.finish(session, held, dict(report), passed=passed)


def submission(site: Site, assignment_id: int, who: Signed) -> int:
    """The id of what somebody hands in, with its attempt that waits."""
    with site.database.writing() as session:
        row = session.get_one(Assignment, assignment_id)
        assert row.live_version_id is not None
        made = Submission(
            assignment_id=assignment_id,
            person_id=who.actor.person_id,
            number=next(_numbers),
            sha256=BLOB,
            name="a.py",
            format="py",
            size=1,
            received_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(_numbers)),
        )
        session.add(made)
        session.flush()
        live = session.get_one(AssignmentVersion, row.live_version_id)
        attempts.enqueue(session, made, live, Purpose.SUBMISSION)
        return made.id


def judge_all(site: Site, scores: Mapping[tuple[int, int], tuple[float, float]]) -> list[Purpose]:
    """A worker judges all that waits, with points of both checks by (submission, version).

    Returns the purposes in the order of service.
    """
    served = []
    with site.database.writing() as session:
        while held := attempts.claim(session, "w1", list(Queue)):
            attempt = session.scalars(select(Attempt).where(Attempt.id == held.id)).one()
            served.append(attempt.purpose)
            key = {"submission_id": attempt.submission_id, "version_id": attempt.version_id}
            both = scores[attempt.submission_id, attempt.version_id]
            whole = session.get_one(AssignmentVersion, attempt.version_id).max_score
            checks = [
                CheckOutcome(
                    **key,
                    exercise="ex1",
                    check=f"c{place + 1}",
                    position=place,
                    outcome=Outcome.PASSED if score == whole / 2 else Outcome.FAILED,
                    score=score,
                    max_score=whole / 2,
                    cause=None if score else "sign",
                )
                for place, score in enumerate(both)
            ]
            result = Result(
                **key,
                attempt_id=attempt.id,
                run_status=RunStatus.COMPLETED,
                score=sum(both),
                max_score=whole,
                pending=0.0,
                wall_s=1.0,
                cpu_s=1.0,
                peak_memory_bytes=1,
                document=BLOB,
            )
            assert attempts.finish(session, held, result, checks)
    return served


def audit_of(client: TestClient, people: People) -> list[tuple[str, dict[str, Any]]]:
    """The course's audit log, the latest first."""
    path = f"{API}/courses/{people.course_id}/audit"
    items = client.get(path, headers=people.instructor.headers).json()["items"]
    return [(one["action"], one["detail"]) for one in items]


@contextmanager
def statements(site: Site) -> Iterator[list[str]]:
    """The statements that the block sends to the database."""
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(site.database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(site.database.engine, "before_cursor_execute", note)
