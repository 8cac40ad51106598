"""Pages of an assignment with 100,000 submissions, asked for as a browser asks for them.

The whole application answers, in this process: session, use cases, templates, and compression; what
is left out is the way there.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from typing import Any

from sqlalchemy import text
from starlette.testclient import TestClient

from grader.db.models import Person, Submission
from grader.domain.outcomes import Outcome, RunStatus
from grader.domain.results import (
    CheckResult,
    ExerciseResult,
    Result,
    RunReport,
    SubmissionInfo,
)
from grader.resultdoc import document
from grader.services import counted, signing_in
from grader.services.access import Actor
from grader.services.site import Site
from grader.web.app import create_app
from grader.web.pages.visitors import COOKIE

Measured = tuple[str, float, str, str]  # name, value, unit, aim

ROUNDS = 20
_EXERCISES, _CHECKS = 5, 4

OUTLINE: dict[str, Any] = {
    "exercises": [
        {
            "id": f"ex{at}",
            "title": f"Exercise {at + 1}",
            "max_score": float(_CHECKS),
            "checks": [
                {
                    "id": f"check{at * _CHECKS + of}",
                    "title": f"Check {of + 1}",
                    # One check of the first exercise is a person's: it has a desk.
                    "kind": "forward" if at or of else "manual",
                    "visibility": "visible",
                    "max_score": 1.0,
                }
                for of in range(_CHECKS)
            ],
        }
        for at in range(_EXERCISES)
    ]
}


def measured(kind: str, site: Site, actor: Actor, assignment_id: int) -> Iterator[Measured]:
    """Each page on a database, for a TA, and for the student whose submission is the last."""
    with site.database.reading() as session:
        # The last of those that are judged.
        latest = session.execute(text("SELECT max(submission_id) FROM result")).scalar_one() - 250
        submission = session.get_one(Submission, latest)
        person = session.get_one(Person, submission.person_id)
        student = Actor(person.id, person.name)
    own = f"/submissions/{latest}"
    pages = {
        "the page of the table": (actor, f"/assignments/{assignment_id}/submissions"),
        "the page of the assignment": (actor, f"/assignments/{assignment_id}"),
        "the page of an exercise's desk": (actor, f"/assignments/{assignment_id}/grading/ex0"),
        "the page of a submission, for staff": (actor, own),
        "the page of a submission, for its student": (student, own),
    }
    with TestClient(create_app(site), base_url="http://localhost") as client:
        for name, (who, address) in pages.items():
            cookie = {"Cookie": f"{COOKIE}={signing_in.begin(site, who).secret}"}
            yield from _of_page(f"{kind}: {name}", site, client, address, cookie)


def stored_document(site: Site) -> str:
    """A result of the outline above, by the name under which it is kept."""
    return site.blobs.put([json.dumps(_document(), ensure_ascii=False).encode()]).sha256


def _of_page(
    what: str, site: Site, client: TestClient, address: str, headers: dict[str, str]
) -> Iterator[Measured]:
    counted.forget(site)
    first = _took(client, address, headers)
    counted.settle(site)
    took = [_took(client, address, headers) for _ in range(ROUNDS)]
    yield what, statistics.quantiles(took, n=20)[-1], "ms at p95", "below 200"
    yield f"{what}, median", statistics.median(took), "ms", ""
    yield f"{what}, once in minutes, where what counts is found anew", first, "ms", ""


def _took(client: TestClient, address: str, headers: dict[str, str]) -> float:
    begun = time.perf_counter()
    answer = client.get(address, headers=headers)
    took = time.perf_counter() - begun
    if answer.status_code != 200:
        raise RuntimeError(f"{address}: {answer.status_code}")
    return took * 1000


def _document() -> Any:
    exercises = tuple(
        ExerciseResult(
            id=one["id"],
            title=one["title"],
            checks=tuple(
                CheckResult(
                    id=check["id"],
                    kind=check["kind"],
                    outcome=Outcome.PENDING if check["kind"] == "manual" else Outcome.PASSED,
                    score=0.0 if check["kind"] == "manual" else 1.0,
                    max_score=1.0,
                    message="Every value agrees.",
                    title=check["title"],
                )
                for check in one["checks"]
            ),
        )
        for one in OUTLINE["exercises"]
    )
    run = RunReport(
        status=RunStatus.COMPLETED,
        wall_s=1.0,
        cpu_s=1.0,
        peak_memory_bytes=100 << 20,
        cells_run=20,
        cells_failed=0,
        layers=("pid", "seccomp"),
        message="",
    )
    submission = SubmissionInfo(name="a0.ipynb", sha256="0" * 64, format="ipynb")
    return document(
        Result(
            assignment="a0",
            version="x",
            submission=submission,
            run=run,
            exercises=exercises,
            seed=7,
            outputs=(),
        )
    )
