"""Answers that are judged already, without a sandbox: what people find to grade."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from grader.db.leases import Claim
from grader.db.models import (
    Assignment,
    AssignmentVersion,
    Attempt,
    AttemptState,
    Purpose,
    Queue,
    Submission,
)
from grader.db.session import Session
from grader.domain.outcomes import Outcome
from grader.domain.results import CheckResult, ExerciseResult, Result
from grader.services import judging
from grader.services.site import Site
from tests.unit._builders import notebook, result, words

EXERCISE = "why"
_numbers = itertools.count(1)

_NOTEBOOK = notebook(words("Exercise 3"), words("Answer: see below"))


def outline(checks: float = 4.0, person: float = 2.0) -> dict[str, object]:
    """An exercise of an automatic check and one for a person, and one of checks alone."""
    auto = {"id": "values", "title": "The values", "kind": "forward", "visibility": "visible"}
    asked = {"id": "words", "title": "In words", "kind": "manual", "visibility": "visible"}
    both = [{**auto, "max_score": checks}, {**asked, "max_score": person}]
    return {
        "exercises": [
            {"id": EXERCISE, "title": "Why?", "max_score": checks + person, "checks": both},
            {
                "id": "auto",
                "title": "Forward",
                "max_score": 4.0,
                "checks": [{**auto, "max_score": 4.0}],
            },
        ]
    }


def why(
    text: str | None,
    score: float = 4.0,
    cause: str | None = None,
    of: float = 4.0,
    person: float = 2.0,
) -> ExerciseResult:
    """The exercise's result: an answer in words, and what its automatic check gave."""
    outcome = Outcome.PASSED if score == of else Outcome.FAILED
    return ExerciseResult(
        id=EXERCISE,
        title="Why?",
        checks=(
            CheckResult(
                id="values",
                kind="forward",
                outcome=outcome,
                score=score,
                max_score=of,
                message="Every value agrees." if score == of else "The sign is wrong.",
                detail={"cause": cause} if cause else {},
                title="The values",
            ),
            CheckResult(
                id="words",
                kind="manual",
                outcome=Outcome.PENDING,
                score=0.0,
                max_score=person,
                message="A person grades this.",
                detail={"answer": text},
                title="In words",
            ),
        ),
    )


def auto(score: float = 4.0) -> ExerciseResult:
    """The result of the exercise of checks alone."""
    outcome = Outcome.PASSED if score == 4.0 else Outcome.FAILED
    check = CheckResult(
        id="values",
        kind="forward",
        outcome=outcome,
        score=score,
        max_score=4.0,
        message="",
        title="The values",
    )
    return ExerciseResult(id="auto", title="Forward", checks=(check,))


def assignment(site: Site, course_id: int, author_id: int, **fields: object) -> int:
    """An assignment with those two exercises, published."""
    number = next(_numbers)
    with site.database.writing() as session:
        made = Assignment(
            course_id=course_id, slug=f"g{number}", title="Two layers", policy={}, **fields
        )
        session.add(made)
        session.flush()
        made.live_version_id = version(session, made.id, author_id)
        return made.id


def version(session: Session, assignment_id: int, author_id: int, number: int = 1) -> int:
    """A version of it."""
    made = AssignmentVersion(
        assignment_id=assignment_id,
        number=number,
        content_hash=f"sha256:{number}",
        bundle_sha256="0" * 64,
        outline=outline(),
        max_score=10.0,
        state="published",
        author_id=author_id,
    )
    session.add(made)
    session.flush()
    return made.id


def handed_in(site: Site, assignment_id: int, person_id: int) -> int:
    """A submission that is not judged, and that no worker takes."""
    number = next(_numbers)
    stored = site.blobs.put([_NOTEBOOK])
    with site.database.writing() as session:
        made = Submission(
            assignment_id=assignment_id,
            person_id=person_id,
            number=number,
            sha256=stored.sha256,
            name="a.ipynb",
            format="ipynb",
            size=len(_NOTEBOOK),
            received_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
        )
        session.add(made)
        session.flush()
        return made.id


def judged(
    site: Site, submission_id: int, *exercises: ExerciseResult, version_id: int | None = None
) -> None:
    """A worker has judged a submission, once more where it was judged before."""
    with site.database.writing() as session:
        submission = session.get_one(Submission, submission_id)
        live = session.get_one(Assignment, submission.assignment_id)
        attempt = Attempt(
            submission_id=submission_id,
            version_id=version_id or live.live_version_id,
            course_id=live.course_id,
            person_id=submission.person_id,
            purpose=Purpose.SUBMISSION,
            queue=Queue.CPU,
            state=AttemptState.RUNNING,
            rank=0,
            turn=0,
            seed="0" * 16,
            fence=1,
            worker="a worker of the tests",
            lease_until=datetime.now(UTC) + timedelta(hours=1),
        )
        session.add(attempt)
        session.flush()
        held = judging.Held(Attempt, Claim(attempt.id, 1), Queue.CPU)
    found: Result = result(*exercises)
    assert judging.finish(site, held, found, _NOTEBOOK)


def answer(site: Site, assignment_id: int, person_id: int, *exercises: ExerciseResult) -> int:
    """A judged submission of somebody's; its id."""
    made = handed_in(site, assignment_id, person_id)
    judged(site, made, *exercises)
    return made
