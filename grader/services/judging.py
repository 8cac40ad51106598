"""What a worker calls: claiming work, holding it, and writing what came out.

No person acts here. Everything that is written is guarded by the claim and its fence: whoever was
overtaken writes nothing. A failure of ours goes back to the queue, and after the last try to
staff; it is never a result.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from grader.db import attempts, leases, nodes, trials
from grader.db.leases import Claim, Work
from grader.db.models import Attempt, CheckOutcome, Queue, Result, Trial
from grader.db.session import Session, moment
from grader.domain.outcomes import Outcome
from grader.domain.results import CheckResult
from grader.domain.results import Result as Judged
from grader.errors import InternalError
from grader.resultdoc import document
from grader.safetext import one_line, storable
from grader.services import hookmessages
from grader.services.likeness import LONGEST
from grader.services.marking import follow_judging
from grader.services.sending import TASKS
from grader.services.site import Site

_LONGEST_CAUSE = 80


@dataclass(frozen=True)
class Held:
    """An attempt or a trial that this worker has claimed."""

    work: Work
    claim: Claim
    queue: Queue

    @property
    def id(self) -> int:
        """The row's."""
        return self.claim.id


@dataclass(frozen=True)
class Task:
    """What an attempt is about: the file as handed in, by which bundle, drawn from which seed."""

    version_id: int
    name: str
    content: bytes
    bundle_sha256: str
    seed: int


def draining(site: Site) -> bool:
    """Whether this worker was told to take nothing more."""
    with site.database.reading() as session:
        return nodes.is_draining(session, site.settings.node)


def claim_attempt(site: Site, queue: Queue, but: Collection[int] = ()) -> Held | None:
    """The attempt whose turn it is; None where none waits in the queue.

    Of the versions `but` there is none: they need what this worker does not have.
    """
    settings = site.settings
    with site.database.writing() as session:
        claim = attempts.claim(session, settings.node, [queue], settings.lease, but=but)
    return None if claim is None else Held(Attempt, claim, queue)


def claim_trial(site: Site, queue: Queue, but: Collection[int] = ()) -> Held | None:
    """The trial that has waited longest; None where none waits in the queue, `but` as above."""
    settings = site.settings
    with site.database.writing() as session:
        claim = trials.claim(session, settings.node, [queue], settings.lease, but=but)
    return None if claim is None else Held(Trial, claim, queue)


def start(site: Site, held: Held) -> Task | None:
    """What the worker needs to judge the attempt; None where the claim was lost.

    Raises BlobMissing.
    """
    with site.database.reading() as session:
        found = attempts.subject_of(session, held.claim)
    if found is None:
        return None
    attempt, submission, version = found
    return Task(
        version_id=version.id,
        name=submission.name,
        content=site.blobs.read(submission.sha256),
        bundle_sha256=version.bundle_sha256,
        seed=int(attempt.seed, 16),
    )


def start_trial(site: Site, held: Held) -> tuple[int, str] | None:
    """The version that is tried out, and its bundle's blob; None where the claim was lost."""
    with site.database.reading() as session:
        version = trials.version_of(session, held.claim)
    return None if version is None else (version.id, version.bundle_sha256)


def keep_alive(site: Site, held: Collection[Held]) -> list[Held]:
    """Prolong the leases; those that are somebody else's or nobody's any more."""
    with site.database.writing() as session:
        return [
            one
            for one in held
            if not leases.renew(session, one.work, one.claim, site.settings.lease)
        ]


def finish(site: Site, held: Held, judged: Judged, notebook: bytes) -> bool:
    """Keep the result and the executed notebook; False, and nothing is, where the claim was lost.

    Raises InternalError where something was not judged through a failure of ours.
    """
    if not judged.is_judged:
        raise InternalError(_why_not(judged))
    text = json.dumps(document(judged), ensure_ascii=False)
    stored = site.blobs.put([text.encode()]).sha256
    shown = site.blobs.put([notebook]).sha256
    with site.database.writing() as session:
        found = attempts.subject_of(session, held.claim)
        if found is None:
            return False
        attempt = found[0]
        result = Result(
            submission_id=attempt.submission_id,
            version_id=attempt.version_id,
            attempt_id=attempt.id,
            run_status=judged.run.status,
            score=judged.score,
            max_score=judged.max_score,
            pending=judged.pending,
            wall_s=judged.run.wall_s,
            cpu_s=judged.run.cpu_s,
            peak_memory_bytes=judged.run.peak_memory_bytes,
            document=stored,
            notebook=shown,
        )
        done = attempts.finish(session, held.claim, result, _outcomes(judged, result))
        if done:
            follow_judging(session, result.submission_id, result.version_id)
            hookmessages.attempt_graded(session, attempt, result)
        return done


def finish_trial(site: Site, held: Held, report: Mapping[str, Any]) -> bool:
    """Keep what a trial found; False, and nothing is, where the claim was lost."""
    with site.database.writing() as session:
        passed = bool(report["passed"])
        return trials.finish(session, held.claim, dict(report), passed=passed)


def give_back(site: Site, held: Held, why: str) -> bool:
    """We failed: it is tried again after a while, and after the last try left to staff."""
    with site.database.writing() as session:
        return leases.give_back(session, held.work, held.claim, one_line(why, 1900))


def release(site: Site, held: Held, why: str | None = None) -> None:
    """The worker ends, or is not one that can do it, which is `why`: somebody else takes it at
    once, and no try has been used up."""
    words = None if why is None else one_line(why, 1900)
    with site.database.writing() as session:
        released = leases.release(session, held.work, held.claim, words)
    if released:
        pass_on(site, held.work, held.id, held.queue)


def pass_on(site: Site, work: Work, row_id: int, queue: Queue) -> None:
    """Say to other workers that there is work."""
    site.messages.send(TASKS[work], [(row_id, queue)])


def announce(site: Site, facts: dict[str, Any]) -> None:
    """This worker has started. What one of its name held before waits for a worker again."""
    with site.database.writing() as session:
        for work in TASKS:
            leases.expire_of(session, work, site.settings.node)
        _note(session, site, facts)


def still_here(site: Site, facts: dict[str, Any]) -> None:
    """This worker goes on."""
    with site.database.writing() as session:
        known = nodes.see(session, site.settings.node, facts)
        if not known:
            _note(session, site, facts)


def _note(session: Session, site: Site, facts: dict[str, Any]) -> None:
    nodes.announce(session, site.settings.node, ",".join(site.settings.queues), facts)


@dataclass(frozen=True)
class Heard:
    """What a worker said of itself, and when; `is_silent`: so long ago that it counts as gone."""

    facts: Mapping[str, Any]
    seen_at: datetime
    is_silent: bool


def last_heard(site: Site) -> Heard | None:
    """Of the worker of this name, which may be another one than this; None where there is none."""
    with site.database.reading() as session:
        node = nodes.by_name(session, site.settings.node)
        if node is None:
            return None
        gone = node.seen_at < moment(session) - site.settings.lease
        return Heard(node.facts, node.seen_at, gone)


def is_announced(site: Site) -> bool:
    """Whether the worker of this name has started and not ended."""
    with site.database.reading() as session:
        return nodes.is_known(session, site.settings.node)


def goodbye(site: Site) -> None:
    """This worker has ended in order."""
    with site.database.writing() as session:
        nodes.forget(session, site.settings.node)


def _outcomes(judged: Judged, result: Result) -> list[CheckOutcome]:
    checks = [(exercise.id, check) for exercise in judged.exercises for check in exercise.checks]
    return [
        CheckOutcome(
            submission_id=result.submission_id,
            version_id=result.version_id,
            exercise=exercise,
            check=check.id,
            position=position,
            outcome=check.outcome,
            score=check.score,
            max_score=check.max_score,
            cause=_cause(check.detail.get("cause")),
            answer=_answer(check),
        )
        for position, (exercise, check) in enumerate(checks)
    ]


def _cause(name: object) -> str | None:
    return None if name is None else one_line(str(name), _LONGEST_CAUSE - 1)


def _answer(check: CheckResult) -> str | None:
    """What a person will grade, as far as answers are compared."""
    answer = check.detail.get("answer")
    if check.outcome is not Outcome.PENDING or not isinstance(answer, str):
        return None
    return storable(answer[:LONGEST]).replace("\0", "")


def _why_not(judged: Judged) -> str:
    unjudged = [
        f"{exercise.id}/{check.id}"
        for exercise in judged.exercises
        for check in exercise.checks
        if check.outcome == "not_judged"
    ]
    if unjudged:
        return f"not judged: {', '.join(unjudged)}"
    return judged.run.message or "the run ended by a failure of ours"
