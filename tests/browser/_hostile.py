"""A course in which everything that people can write holds a payload."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from grader.db import audit
from grader.db.models import (
    Assignment,
    Attempt,
    AttemptState,
    CellComment,
    CheckOutcome,
    Comparison,
    Course,
    DeliveryState,
    Enrolment,
    Extension,
    Mark,
    MarkItem,
    Node,
    Override,
    Person,
    Purpose,
    Queue,
    RegradeRequest,
    RequestMessage,
    Result,
    Role,
    RubricItem,
    SavedComment,
    SimilarPair,
    Submission,
    Webhook,
    WebhookMessage,
)
from grader.db.session import Session
from grader.domain.outcomes import Outcome
from grader.resultdoc import document
from grader.services.access import Actor, Right
from grader.services.people import issue_token
from tests.browser._classroom import Classroom
from tests.browser._linked import in_canvas, linked
from tests.browser._payloads import PAYLOADS, Payload
from tests.unit._builders import check, exercise, result

NOW = datetime.now(UTC)
EXERCISE = "ex3-loss-increase"  # of the bundle, so that its pages are there
_PNG = base64.b64encode(
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\2\0\0\0\2" + PAYLOADS[0].text.encode()
).decode()


@dataclass(frozen=True)
class Planted:
    """The ids that pages are about, the submission of each payload, and who looks."""

    ids: Mapping[str, Any]
    submissions: Mapping[str, int]
    people: Mapping[str, Actor]


def plant(room: Classroom) -> Planted:
    """Write every payload wherever somebody can write something."""
    site = room.site
    submissions: dict[str, int] = {}
    people = dict(room.people)
    staff = people["ines"].person_id
    with site.database.writing() as session:
        assignment = session.get_one(Assignment, room.assignment_id)
        last: tuple[Submission, Person] | None = None
        for number, payload in enumerate(PAYLOADS):
            person = _person(session, room.course_id, payload, number)
            blobs = _blobs(room, payload)
            submission = _handed_in(session, assignment, person, payload, blobs)
            _said(session, assignment, submission, payload, staff)
            submissions[payload.name] = submission.id
            last = submission, person
        assert last is not None
        submission, person = last
        ids = _around(session, assignment, list(submissions.values()), staff)
        people["ada"] = Actor(person.id, person.name)
        ids["submission_id"] = submission.id
        again = _handed_in(session, assignment, person, payload, blobs, number=2)
        ids["other_id"] = again.id
        ids["person_id"] = person.id
        key = (room.course_id, room.assignment_id, staff)
        ids |= linked(session, *key, payload.text, payload.text)
        ids["link_id"] = in_canvas(session, assignment, submission, staff, payload.text)
        _rename(session, room)
    for payload in PAYLOADS[::8]:
        issue_token(
            site, people["ines"], payload.text[:200], frozenset([Right.READ]), timedelta(days=1)
        )
    return Planted(ids, submissions, people)


def _person(session: Session, course_id: int, payload: Payload, number: int) -> Person:
    person = Person(email=f"hostile-{number}-{course_id}@example.org", name=payload.text[:200])
    session.add(person)
    session.flush()
    team = payload.text[:80]
    session.add(Enrolment(course_id=course_id, person_id=person.id, role=Role.STUDENT, team=team))
    return person


def _blobs(room: Classroom, payload: Payload) -> tuple[str, str, str]:
    """The file, the result's document and the executed notebook; all hold the payload."""
    text = payload.text
    lost = check("lost", Outcome.FAILED, 0.0, 4.0, text, text, {"cause": text, "received": text})
    open_ = check("open", Outcome.PENDING, 0.0, 4.0, text, detail={"answer": text})
    open_ = replace(open_, kind="manual")
    told: dict[str, Any] = dict(
        document(result(exercise(check(message=text), lost, open_, id=EXERCISE)))
    )
    told["submission"] = {"name": f"{text[:190]}.ipynb", "sha256": "0" * 64, "format": "ipynb"}
    told["run"]["message"] = text[:2000]
    for one in told["exercises"]:
        one["title"] = text[:200]
        for each in one["checks"]:
            each["title"] = text[:200]
    notebook = executed(payload)
    put = room.site.blobs.put
    file = json.dumps({**notebook, "cells": notebook["cells"][:2]})
    stored = [json.dumps(one).encode() for one in (told, notebook)]
    return put([file.encode()]).sha256, put([stored[0]]).sha256, put([stored[1]]).sha256


def executed(payload: Payload) -> dict[str, Any]:
    """An executed notebook with the payload in every place that a document of it could show."""
    text = payload.text
    kinds = ("text/html", "text/markdown", "text/latex", "text/plain", "image/svg+xml")
    rich = [
        {"output_type": "display_data", "metadata": {text: text}, "data": {kind: text}}
        for kind in (
            *kinds,
            "image/png",
            "image/jpeg",
            "application/javascript",
            "application/vnd.jupyter.widget-view+json",
            "application/vnd.vegalite.v5+json",
            "application/vnd.plotly.v1+json",
            text,
        )
    ]
    picture = {"output_type": "display_data", "metadata": {}, "data": {"image/png": _PNG}}
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": text},
        {"output_type": "stream", "name": "stderr", "text": [text]},
        {"output_type": "error", "ename": text, "evalue": text, "traceback": [text, text]},
        {"output_type": "error", "ename": text, "evalue": text, "traceback": []},
        *rich,
        picture,
    ]
    attached = {f'x"onerror="{text}': {"image/png": text}, text: {"text/html": text}}
    marked = {"chainrule": {"exercises": {EXERCISE: {}, text: {}}}, "tags": [text]}
    cells = [
        {"cell_type": "markdown", "id": text, "metadata": marked, "source": text},
        {
            "cell_type": "code",
            "id": "b",
            "metadata": marked,
            "execution_count": 1,
            "source": text,
            "outputs": outputs,
        },
        {
            "cell_type": "markdown",
            "id": "c",
            "metadata": {},
            "source": [
                f"# {text}\n\n| {text} |\n|---|\n| {text} |\n\n> {text}\n\n```\n{text}\n```"
            ],
            "attachments": attached,
        },
        {"cell_type": text, "id": "d", "metadata": text, "source": {"a": text}},
    ]
    metadata = {
        "title": text,
        "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {"a": text}}},
    }
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _handed_in(
    session: Session,
    assignment: Assignment,
    person: Person,
    payload: Payload,
    blobs: tuple[str, str, str],
    number: int = 1,
) -> Submission:
    file, told, notebook = blobs
    submission = Submission(
        assignment_id=assignment.id,
        person_id=person.id,
        number=number,
        sha256=file,
        name=f"{payload.text[:190]}.ipynb",
        format="ipynb",
        size=1000,
        received_at=NOW,
    )
    session.add(submission)
    session.flush()
    key = {"submission_id": submission.id, "version_id": assignment.live_version_id}
    attempt = Attempt(
        **key,
        course_id=assignment.course_id,
        person_id=person.id,
        purpose=Purpose.SUBMISSION,
        rank=0,
        turn=0,
        seed="0" * 16,
        queue=Queue.CPU,
        state=AttemptState.DONE,
        failure=payload.text[:2000],
        worker=payload.text[:200],
        finished_at=NOW,
    )
    session.add(attempt)
    session.flush()
    session.add(
        Result(
            **key,
            attempt_id=attempt.id,
            run_status="completed",
            score=4.0,
            max_score=12.0,
            pending=4.0,
            wall_s=1.0,
            cpu_s=1.0,
            peak_memory_bytes=1,
            document=told,
            notebook=notebook,
        )
    )
    session.flush()
    for position, (name, outcome) in enumerate(
        (("values", Outcome.PASSED), ("lost", Outcome.FAILED), ("open", Outcome.PENDING))
    ):
        session.add(
            CheckOutcome(
                **key,
                exercise=EXERCISE,
                check=name,
                position=position,
                outcome=outcome,
                score=4.0 if outcome is Outcome.PASSED else 0.0,
                max_score=4.0,
                cause=payload.text[:80],
                answer=payload.text if outcome is Outcome.PENDING else None,
            )
        )
    return submission


def _said(
    session: Session,
    assignment: Assignment,
    submission: Submission,
    payload: Payload,
    staff: int,
) -> None:
    """What people say about a submission."""
    text = payload.text[:2000]
    override = Override(
        submission_id=submission.id, exercise=EXERCISE, score=1.0, reason=text, author_id=staff
    )
    item = RubricItem(
        assignment_id=assignment.id,
        exercise=EXERCISE,
        position=submission.id,
        label=text[:300],
        points=-1.0,
    )
    request = RegradeRequest(
        submission_id=submission.id,
        assignment_id=assignment.id,
        exercise=EXERCISE,
        author_id=submission.person_id,
    )
    session.add_all([override, item, request])
    session.flush()
    mark = Mark(
        submission_id=submission.id,
        exercise=EXERCISE,
        author_id=staff,
        comment=text,
        override_id=override.id,
        action=submission.id,
    )
    session.add(mark)
    session.flush()
    session.add_all(
        [
            MarkItem(mark_id=mark.id, item_id=item.id),
            RequestMessage(request_id=request.id, author_id=submission.person_id, text=text),
            RequestMessage(request_id=request.id, author_id=staff, text=text),
            CellComment(submission_id=submission.id, cell=1, author_id=staff, text=text),
            SavedComment(assignment_id=assignment.id, text=text, author_id=staff),
            Extension(
                assignment_id=assignment.id,
                person_id=submission.person_id,
                due_at=NOW + timedelta(days=1),
                reason=text,
                author_id=staff,
            ),
        ]
    )
    audit.record(
        session,
        staff,
        "override.added",
        override,
        course_id=assignment.course_id,
        reason=text,
        because={text: [text]},
    )


def _around(
    session: Session, assignment: Assignment, submissions: list[int], staff: int
) -> dict[str, Any]:
    """What else there is in the course, and the ids by which pages name it."""
    comparison = Comparison(
        assignment_id=assignment.id,
        author_id=staff,
        queue=Queue.CPU,
        state=AttemptState.DONE,
        finished_at=NOW,
        facts={"compared": len(submissions), "unreadable": 0, "too_little": 0, "left_out": 0},
    )
    session.add(comparison)
    session.flush()
    pairs = list(pairwise(submissions))
    session.add_all(
        SimilarPair(comparison_id=comparison.id, first_id=one, second_id=other, similarity=0.9)
        for one, other in pairs
    )
    text = PAYLOADS[3].text
    session.merge(
        Node(name=text, queues=text, facts={"version": text, "devices": [text], text: text})
    )
    hook = Webhook(
        course_id=assignment.course_id,
        url=f"https://hooks.example/{text}"[:2000],
        name=text[:200],
        events="grade.released",
        secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        author_id=staff,
        disabled_at=NOW,
        disabled_because=text[:400],
    )
    session.add(hook)
    session.flush()
    session.add_all(
        WebhookMessage(
            webhook_id=hook.id,
            message_id=f"msg_{number}",
            event="grade.released",
            body={"type": "grade.released", "data": {"assignment": payload.text}},
            state=DeliveryState.STUCK,
            failure=payload.text[:2000],
            history={"tries": [{"at": NOW.isoformat(), "status": 500, "said": payload.text[:500]}]},
        )
        for number, payload in enumerate(PAYLOADS[:25])
    )
    request = session.query(RegradeRequest).filter_by(submission_id=submissions[-1]).one()
    return {
        "course_id": assignment.course_id,
        "assignment_id": assignment.id,
        "version_id": assignment.live_version_id,
        "comparison_id": comparison.id,
        "first_id": pairs[-1][0],
        "second_id": pairs[-1][1],
        "request_id": request.id,
        "exercise": EXERCISE,
        "webhook_id": hook.id,
    }


def _rename(session: Session, room: Classroom) -> None:
    """The course and its assignment, staff may name as they like."""
    assignment = session.get_one(Assignment, room.assignment_id)
    course = session.get_one(Course, room.course_id)
    by_name = {one.name: one.text for one in PAYLOADS}
    assignment.title = by_name["out-of-attribute"] + by_name["image-error"]
    course.title = by_name["out-of-text"] + by_name["script"]
