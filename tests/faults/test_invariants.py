"""Every invariant can fail: rows that are wrong on purpose are told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.orm import Session

from grader.db import attempts
from grader.db.models import (
    Attempt,
    AttemptState,
    AuditEntry,
    CheckOutcome,
    Override,
    Purpose,
    Queue,
    Result,
    Submission,
)
from grader.db.types import now
from grader.domain.outcomes import Outcome, RunStatus
from grader.services import overrides
from grader.services.backup import back_up
from grader.services.site import Site
from tests.faults import _invariants
from tests.faults._invariants import Receipts, what_is_broken
from tests.faults._place import RIGHT, Place, place_at
from tests.sites import site_at

HOUR = timedelta(hours=1)


class _NoRedis:
    url = "unix:///nonexistent/redis.sock"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Two submissions: one is judged and has an override, judging the other one has failed."""
    folder = tmp_path_factory.mktemp("base")
    made = place_at(f"sqlite:///{folder}/test.db", folder, _NoRedis())  # type: ignore[arg-type]
    judged, failed = (made.hand_in(RIGHT, send=False) for _ in range(2))
    _judge(made.site, judged)
    with made.site.database.writing() as session:
        failure = {"state": AttemptState.FAILED, "tries": 3, "fence": 3, "failure": "no sandbox"}
        session.execute(
            update(Attempt).where(Attempt.id == failed).values(**failure, finished_at=now())
        )
    overrides.give(
        made.site, made.people.ta.actor, 1, exercise=None, score=1.0, reason="a slip of the pen"
    )
    made.receipts.note_the_log(made.site)
    yield made
    made.site.close()


@dataclass(frozen=True)
class Copy:
    """Of an installation, to be spoilt."""

    site: Site
    receipts: Receipts


@pytest.fixture
def place(base: Place, tmp_path: Path) -> Iterator[Copy]:
    """A copy of it."""
    back_up(base.site, tmp_path)
    site = site_at(f"sqlite:///{tmp_path}/chainrule.db", tmp_path)
    yield Copy(site, base.receipts)
    site.close()


def test_what_is_as_it_should_be_is_not_broken(place: Copy) -> None:
    assert what_is_broken(place.site, place.receipts) == []


def _changed(model: Any, **values: Any) -> Callable[[Session], object]:
    return lambda session: session.execute(update(model).where(_first(model)).values(**values))


def _first(model: Any) -> Any:
    column = model.submission_id if model in (Result, CheckOutcome) else model.id
    return column == 1


def _second_result(session: Session) -> None:
    """The effective result stays that of the attempt before."""
    submission = session.get_one(Submission, 1)
    first = session.get_one(Attempt, 1)
    again = Attempt(
        **{
            name: getattr(first, name)
            for name in ("version_id", "course_id", "person_id", "queue", "rank", "turn", "seed")
        },
        submission_id=submission.id,
        purpose=Purpose.SUBMISSION,
        state=AttemptState.DONE,
        tries=1,
        fence=1,
        started_at=first.started_at + HOUR,
        finished_at=first.finished_at + HOUR,
    )
    session.add(again)


def _zero_for_a_failure(session: Session) -> None:
    first = session.get_one(Result, (1, session.get_one(Attempt, 1).version_id))
    values = {
        column.name: getattr(first, column.name)
        for column in Result.__table__.columns
        if column.name not in ("submission_id", "attempt_id", "score")
    }
    session.add(Result(submission_id=2, attempt_id=2, score=0.0, **values))


def _log_without_its_guard(session: Session) -> None:
    for name in ("update", "delete"):
        session.execute(text(f"DROP TRIGGER audit_entry_no_{name}"))


def _forged_log(session: Session) -> None:
    _log_without_its_guard(session)
    session.execute(update(AuditEntry).where(AuditEntry.id == 1).values(action="forged"))


def _regrade_by_nobody(session: Session) -> None:
    _log_without_its_guard(session)
    session.execute(delete(AuditEntry).where(AuditEntry.action == "version.published"))
    session.execute(update(Attempt).where(Attempt.id == 1).values(purpose=Purpose.REGRADE))


WRONG: dict[str, Callable[[Session], object]] = {
    "no such submission": _changed(Submission, sha256="1" * 64),
    "it is still queued": _changed(Attempt, state=AttemptState.QUEUED),
    "it is still running": _changed(Attempt, state=AttemptState.RUNNING, lease_until=now()),
    "somebody holds it": _changed(Attempt, finished_at=None),
    "4 tries": _changed(Attempt, tries=4, fence=4),
    "1 tries, 0 claims": _changed(Attempt, fence=0),
    "given up after 1 tries": _changed(Attempt, state=AttemptState.FAILED, failure="no sandbox"),
    "has no result": lambda session: session.execute(delete(Result)),
    "not that of the last attempt": _second_result,
    "of an attempt that is failed": _zero_for_a_failure,
    "was written by an earlier try": _changed(Attempt, started_at=now() + HOUR),
    "the document of another run": _changed(Attempt, seed="0" * 16),
    "the checks of another run": _changed(CheckOutcome, score=1.0),
    "lost its document": _changed(Result, notebook="1" * 64),
    "a failure of ours is its result": _changed(Result, run_status=RunStatus.INTERNAL_ERROR),
    "was not judged": _changed(CheckOutcome, outcome=Outcome.NOT_JUDGED),
    "is not what was given": _changed(Override, score=0.5),
    "was revoked by nobody": _changed(Override, revoked_at=now()),
    "was given by nobody": lambda session: session.add(
        Override(submission_id=2, score=1.0, reason="none", author_id=1)
    ),
    "lost or changed its entry 1": _forged_log,
    "the audit log can be changed": _log_without_its_guard,
    "nobody has asked for this regrade": _regrade_by_nobody,
    "nobody has cancelled it": _changed(Attempt, state=AttemptState.CANCELLED),
    "and now it is": _changed(Submission, received_at=now() - HOUR),
    "after its attempt was made": _changed(Submission, received_at=now() + HOUR),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_rows_that_are_wrong_are_told(place: Copy, sentence: str) -> None:
    with place.site.database.writing() as session:
        WRONG[sentence](session)
    found = what_is_broken(place.site, place.receipts)
    assert any(sentence in one for one in found), found


def test_bytes_that_are_gone_are_told(place: Copy) -> None:
    sha256 = place.receipts.given[0].sha256
    path = Path(place.site.settings.blobs) / sha256[:2] / sha256
    path.unlink()  # the copy shares it with what it is a copy of
    path.write_bytes(b"something else")
    found = what_is_broken(place.site, place.receipts)
    assert found == [f"submission {n}: its bytes are gone" for n in (1, 2)]


def test_a_submission_without_an_attempt_is_told(place: Copy) -> None:
    given = replace(place.receipts.given[0], submission_id=3)
    with place.site.database.writing() as session:
        first = session.get_one(Submission, 1)
        session.add(
            Submission(
                **{
                    name: getattr(first, name)
                    for name in ("assignment_id", "person_id", "sha256", "name", "format", "size")
                },
                number=3,
                received_at=first.received_at,
            )
        )
    found = what_is_broken(place.site, Receipts(given=[given]))
    assert found == ["submission 3: nothing was made of it"]


def test_a_failure_that_is_worth_nothing_is_told(
    place: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it would be if the grades took a missing verdict for a zero."""
    with place.site.database.writing() as session:
        session.execute(delete(CheckOutcome))
        session.execute(delete(Result))
        session.execute(delete(Override))
    grade_of = _invariants.grade_of

    def zero(*arguments: Any) -> Any:
        found = grade_of(*arguments)
        worth = found.grade.worth
        assert worth is not None
        return replace(found, grade=replace(found.grade, worth=worth._replace(points=0.0)))

    monkeypatch.setattr(_invariants, "grade_of", zero)
    found = what_is_broken(place.site, place.receipts)
    assert any("was not judged, and is worth 0.0" in one for one in found), found


def _judge(site: Site, attempt_id: int) -> None:
    with site.database.writing() as session:
        held = attempts.claim(session, "w1", list(Queue))
        assert held is not None
        assert held.id == attempt_id
        attempt = session.get_one(Attempt, attempt_id)
        key = {"submission_id": attempt.submission_id, "version_id": attempt.version_id}
        document = {"seed": str(int(attempt.seed, 16)), "score": 2.0}
        result = Result(
            **key,
            attempt_id=attempt_id,
            run_status=RunStatus.COMPLETED,
            score=2.0,
            max_score=2.0,
            pending=0.0,
            wall_s=1.0,
            cpu_s=1.0,
            peak_memory_bytes=1,
            document=site.blobs.put([json.dumps(document).encode()]).sha256,
            notebook=site.blobs.put([b"{}"]).sha256,
        )
        check = CheckOutcome(
            **key,
            exercise="ex1",
            check="double",
            position=0,
            outcome=Outcome.PASSED,
            score=2.0,
            max_score=2.0,
        )
        assert attempts.finish(session, held, result, [check])
