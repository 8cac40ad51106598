"""What must hold of an installation that came to rest, judged from its rows and blobs alone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from grader.db.leases import TRIES
from grader.db.models import (
    Assignment,
    Attempt,
    AttemptState,
    AuditEntry,
    CheckOutcome,
    Override,
    Person,
    Purpose,
    Result,
    Submission,
    Trial,
)
from grader.domain.grades import GradeState
from grader.domain.outcomes import Outcome, RunStatus
from grader.errors import BlobMissing
from grader.services.access import Actor
from grader.services.grades import grade_of
from grader.services.site import Site
from grader.services.submissions import get_submission

ENDS = (AttemptState.DONE, AttemptState.FAILED, AttemptState.CANCELLED)

# By what somebody can ask for an attempt of each purpose, besides by handing in.
_ASKED_BY = {
    Purpose.REGRADE: ("assignment.regraded", "submission.regraded", "version.published"),
    Purpose.SHADOW: ("shadow.started",),
}


@dataclass(frozen=True)
class Receipt:
    """What somebody has in hand of a submission."""

    submission_id: int
    sha256: str
    received_at: datetime
    lateness: str


@dataclass
class Receipts:
    """All that were given, and the audit log as it was seen so far."""

    given: list[Receipt] = field(default_factory=list)
    log: dict[int, object] = field(default_factory=dict)

    def note_the_log(self, site: Site) -> None:
        """What is in the audit log by now has to stay there."""
        with site.database.reading() as session:
            self.log |= {one.id: _content(one) for one in session.scalars(select(AuditEntry))}


@dataclass(frozen=True)
class _State:
    """All that the invariants look at."""

    site: Site
    receipts: Receipts
    submissions: dict[int, Submission]
    attempts: dict[int, Attempt]
    trials: list[Trial]
    results: list[Result]
    checks: list[CheckOutcome]
    overrides: list[Override]
    assignments: dict[int, Assignment]
    log: list[AuditEntry]
    admin: Actor

    def attempts_of(self, submission_id: int) -> list[Attempt]:
        return [one for one in self.attempts.values() if one.submission_id == submission_id]


def what_is_broken(site: Site, receipts: Receipts) -> list[str]:
    """Every sentence is something that must never be; nothing of the installation runs on."""
    with site.database.reading() as session:
        state = _read(session, site, receipts)
        found = [sentence for rule in _RULES for sentence in rule(state)]
        return [*found, *_log_can_be_changed(session)]


def _read(session: Session, site: Site, receipts: Receipts) -> _State:
    def every(model: Any) -> list[Any]:
        return list(session.scalars(select(model)))

    admin = session.scalars(select(Person).where(Person.is_admin)).one()
    return _State(
        site=site,
        receipts=receipts,
        submissions={one.id: one for one in every(Submission)},
        attempts={one.id: one for one in every(Attempt)},
        trials=every(Trial),
        results=every(Result),
        checks=every(CheckOutcome),
        overrides=every(Override),
        assignments={one.id: one for one in every(Assignment)},
        log=list(session.scalars(select(AuditEntry).order_by(AuditEntry.id))),
        admin=Actor(admin.id, admin.name, is_admin=True),
    )


def _receipts_are_honoured(state: _State) -> Iterator[str]:
    """Who has a receipt has their bytes here, and a verdict or our word that there is none."""
    for receipt in state.receipts.given:
        about = f"submission {receipt.submission_id}"
        row = state.submissions.get(receipt.submission_id)
        if row is None or row.sha256 != receipt.sha256:
            yield f"{about}: there is a receipt, and no such submission"
            continue
        if not _read_blob(state.site, row.sha256):
            yield f"{about}: its bytes are gone"
        live_id = state.assignments[row.assignment_id].live_version_id
        judging = [one for one in state.attempts_of(row.id) if one.version_id == live_id]
        if not judging:
            yield f"{about}: nothing was made of it"


def _all_work_has_ended(state: _State) -> Iterator[str]:
    for one in (*state.attempts.values(), *state.trials):
        about = f"{type(one).__name__.lower()} {one.id}"
        if one.state not in ENDS:
            yield f"{about}: it is still {one.state}"
        if one.state in ENDS and (one.lease_until is not None or one.finished_at is None):
            yield f"{about}: it is {one.state}, and somebody holds it"


def _tries_are_bounded(state: _State) -> Iterator[str]:
    for one in (*state.attempts.values(), *state.trials):
        about = f"{type(one).__name__.lower()} {one.id}"
        if one.tries > TRIES or one.fence < one.tries:
            yield f"{about}: {one.tries} tries, {one.fence} claims"
        if one.state is AttemptState.FAILED and (one.tries < TRIES or not one.failure):
            yield f"{about}: given up after {one.tries} tries, because {one.failure}"


def _one_result_each(state: _State) -> Iterator[str]:
    """The one of the attempt that was done last; the key does not allow a second one."""
    done: dict[tuple[int, int], list[Attempt]] = defaultdict(list)
    for one in state.attempts.values():
        if one.state is AttemptState.DONE:
            done[one.submission_id, one.version_id].append(one)
    results = {(one.submission_id, one.version_id): one for one in state.results}
    for key in done.keys() - results.keys():
        yield f"submission {key[0]} has no result, and attempt {done[key][0].id} is done"
    for key in done.keys() & results.keys():
        last = max(done[key], key=lambda one: (one.finished_at, one.id))
        if results[key].attempt_id != last.id:
            yield f"submission {key[0]}: the result is not that of the last attempt, {last.id}"


def _stale_tries_wrote_nothing(state: _State) -> Iterator[str]:
    """A result is that of an attempt that is done, and of the try in which it was done."""
    for result in state.results:
        attempt = state.attempts[result.attempt_id]
        about = f"the result of submission {result.submission_id}"
        if attempt.state is not AttemptState.DONE:
            yield f"{about} is of an attempt that is {attempt.state}"
            continue
        if (attempt.submission_id, attempt.version_id) != (result.submission_id, result.version_id):
            yield f"{about} is of an attempt about something else"
        if result.created_at < attempt.started_at:
            yield f"{about} was written by an earlier try"
        text = _read_blob(state.site, result.document)
        notebook = _read_blob(state.site, result.notebook or "")
        if not text or not notebook:
            yield f"{about} has lost its document or its notebook"
            continue
        document = json.loads(text)
        if document["seed"] != str(int(attempt.seed, 16)) or document["score"] != result.score:
            yield f"{about} has the document of another run"
        points = sum(
            one.score
            for one in state.checks
            if (one.submission_id, one.version_id) == (result.submission_id, result.version_id)
        )
        if abs(points - result.score) > 1e-6:
            yield f"{about} has the checks of another run"


def _our_failures_are_no_zeros(state: _State) -> Iterator[str]:
    for result in state.results:
        if result.run_status is RunStatus.INTERNAL_ERROR:
            yield f"submission {result.submission_id}: a failure of ours is its result"
    for check in state.checks:
        if check.outcome is Outcome.NOT_JUDGED:
            yield f"submission {check.submission_id}: {check.check} was not judged"
    judged = {(one.submission_id, one.version_id) for one in state.results}
    for row in state.submissions.values():
        live_id = state.assignments[row.assignment_id].live_version_id
        given = [one for one in state.overrides if one.submission_id == row.id]
        if (row.id, live_id) not in judged and not given:
            grade = grade_of(state.site, state.admin, row.assignment_id, row.person_id).grade
            counts = grade.counting is not None and grade.counting.id == row.id
            if counts and (grade.points is not None or grade.state is GradeState.COMPLETE):
                yield f"submission {row.id} was not judged, and is worth {grade.points}"


def _overrides_stand(state: _State) -> Iterator[str]:
    """As the log says that people gave and revoked them; whatever was judged since."""
    rows = {one.id: one for one in state.overrides}
    revoked = {one.subject_id for one in state.log if one.action == "override.revoked"}
    for entry in state.log:
        if entry.action != "override.given":
            continue
        row = rows.pop(entry.subject_id, None)
        about = f"override {entry.subject_id}"
        if row is None or row.score != entry.detail["score"]:
            yield f"{about} is not what was given"
        elif (row.revoked_at is None) != (row.id not in revoked):
            yield f"{about} was revoked by nobody"
    for left in rows:
        yield f"override {left} was given by nobody"


def _log_is_complete(state: _State) -> Iterator[str]:
    """What people asked for is in it, and what was in it before is."""
    actions = {one.action for one in state.log}
    cancelled = {one.subject_id for one in state.log if one.action == "attempt.cancelled"}
    for one in state.attempts.values():
        by = _ASKED_BY.get(one.purpose, ())
        if by and not actions.intersection(by):
            yield f"attempt {one.id}: nobody has asked for this {one.purpose}"
        abandoned = one.purpose is Purpose.SHADOW and "shadow.abandoned" in actions
        if one.state is AttemptState.CANCELLED and not (one.id in cancelled or abandoned):
            yield f"attempt {one.id}: nobody has cancelled it"
    now = {one.id: _content(one) for one in state.log}
    for key, content in state.receipts.log.items():
        if now.get(key) != content:
            yield f"the audit log has lost or changed its entry {key}"


def _lateness_is_by_receipt(state: _State) -> Iterator[str]:
    for receipt in state.receipts.given:
        row = state.submissions.get(receipt.submission_id)
        if row is None:
            continue
        found = get_submission(state.site, state.admin, row.id)
        if row.received_at != receipt.received_at or found.lateness != receipt.lateness:
            yield (
                f"submission {row.id} was received at {receipt.received_at} ({receipt.lateness}), "
                f"and now it is {row.received_at} ({found.lateness})"
            )
        if any(one.created_at < row.received_at for one in state.attempts_of(row.id)):
            yield f"submission {row.id} was received after its attempt was made"


def _log_can_be_changed(session: Session) -> Iterator[str]:
    """Whether the database lets anybody; nothing of it is kept."""
    if session.scalar(select(AuditEntry.id).limit(1)) is None:
        return
    for change in (update(AuditEntry).values(action="forged"), delete(AuditEntry)):
        try:
            session.execute(change)
        except DatabaseError:
            session.rollback()
            continue
        session.rollback()
        yield f"the audit log can be changed: {change}"


def _content(entry: AuditEntry) -> object:
    return (entry.at, entry.actor_id, entry.action, entry.subject_id, json.dumps(entry.detail))


def _read_blob(site: Site, sha256: str) -> bytes:
    try:
        return site.blobs.read(sha256)
    except BlobMissing:
        return b""


_RULES: tuple[Callable[[_State], Iterator[str]], ...] = (
    _receipts_are_honoured,
    _all_work_has_ended,
    _tries_are_bounded,
    _one_result_each,
    _stale_tries_wrote_nothing,
    _our_failures_are_no_zeros,
    _overrides_stand,
    _log_is_complete,
    _lateness_is_by_receipt,
)
