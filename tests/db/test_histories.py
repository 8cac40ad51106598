"""Histories that nobody would think of: whatever order things happen in, a plain model agrees.

Hypothesis chooses who hands in, claims, crashes, is overtaken, finishes, regrades, cancels, gives
points and changes versions; after every step the rows are what the model says. In the end all work
comes to an end, and nothing that must never be is.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, update

from grader.db.leases import TRIES
from grader.db.models import Attempt, AttemptState, AuditEntry, Override, Queue, Result
from grader.db.types import now
from grader.errors import Conflict
from grader.services import (
    assignments,
    judging,
    overrides,
    regrading,
    shadow,
    submissions,
    versions,
)
from grader.services import attempts as attempt_services
from grader.services.judging import Held
from grader.services.reconciling import reconcile
from grader.services.site import Site
from tests.assigned import rubric, zipped
from tests.faults._invariants import Receipt, Receipts, what_is_broken
from tests.sites import People, Signed, people_of, site_at
from tests.unit._builders import check, code, exercise, notebook, result

OPEN = (AttemptState.QUEUED, AttemptState.RUNNING)


class Board:
    """In the place of the broker: messages that were sent, and may be lost."""

    def __init__(self) -> None:
        self.waiting: list[int] = []

    def send(self, task: str, rows: Any) -> bool:
        """As of `grader.broker.messages.Messages`."""
        self.waiting += [row_id for row_id, _ in rows]
        return True

    def backlog(self, queue: str) -> int:
        """As of the same."""
        return len(self.waiting)


@dataclass
class Work:
    """An attempt as the model knows it."""

    submission: int
    version: int
    state: AttemptState = AttemptState.QUEUED
    tries: int = 0
    fence: int = 0


@dataclass
class Model:
    """All that must be in the rows of one assignment."""

    live: int
    shadow: int | None = None
    submissions: dict[int, Signed] = field(default_factory=dict)
    attempts: dict[int, Work] = field(default_factory=dict)
    results: dict[tuple[int, int], tuple[int, float]] = field(default_factory=dict)
    points: dict[int, float] = field(default_factory=dict)

    def expected(self, version: int, *, judged_too: bool = False) -> set[int]:
        """The submissions that get attempts when all are to be judged against the version."""
        busy = {
            one.submission
            for one in self.attempts.values()
            if one.version == version and one.state in OPEN
        }
        judged = set() if judged_too else {key[0] for key in self.results if key[1] == version}
        return self.submissions.keys() - busy - judged


class Histories(RuleBasedStateMachine):
    """One assignment of an installation that earlier examples have used, and left at rest."""

    site: Site
    people: People
    board: Board
    receipts: Receipts

    claims = Bundle("claims")

    @initialize()
    def assign(self) -> None:
        who = self.people.instructor.actor
        with self.site.database.reading() as session:
            number = len(session.scalars(select(AuditEntry.id)).all())
        made = assignments.create_assignment(
            self.site, who, self.people.course_id, slug=f"a{number}", title="Assignment"
        )
        self.assignment_id = made.assignment.id
        self.versions = []
        for title in ("first", "second"):
            content = io.BytesIO(zipped(rubric(title)))
            tried, _ = versions.upload_version(self.site, who, self.assignment_id, content)
            self.versions.append(tried.version.id)
        versions.publish_version(self.site, who, self.versions[0], "a test")
        self.model = Model(live=self.versions[0])
        for of_ada in (True, False):
            self.hand_in(of_ada, False)

    # What students do.

    @rule(of_ada=st.booleans(), again=st.booleans())
    def hand_in(self, of_ada: bool, again: bool) -> None:
        who = self.people.ada if of_ada else self.people.bob
        key = f"{self.assignment_id}-{len(self.model.submissions)}"
        receipts = [self._submit(who, key) for _ in range(2 if again else 1)]
        assert [one.is_new for one in receipts] == [True, False][: len(receipts)]
        row = receipts[-1].submission
        assert {one.submission.id for one in receipts} == {row.id}
        self.model.submissions[row.id] = who
        self.receipts.given.append(
            Receipt(row.id, row.sha256, row.received_at, receipts[0].lateness)
        )
        self._made({(row.id, self.model.live)} | {(row.id, v) for v in self._shadows()})

    def _submit(self, who: Signed, key: str) -> submissions.Receipt:
        return submissions.submit(
            self.site,
            who.actor,
            self.assignment_id,
            name="a0.ipynb",
            content=[notebook(code("x = 1"))],
            idempotency_key=key,
        )

    # What workers do, and what is done to them.

    @rule(target=claims, duplicated=st.booleans())
    def deliver(self, duplicated: bool) -> Any:
        """A message comes, and perhaps once more; there need not be one for the row."""
        if self.board.waiting and not duplicated:
            self.board.waiting.pop()
        held = judging.claim_attempt(self.site, Queue.CPU)
        queued = [key for key, one in self.model.attempts.items() if one.state == "queued"]
        if held is None:
            assert not queued
            return multiple()
        assert held.id in queued
        work = self.model.attempts[held.id]
        work.state, work.tries, work.fence = AttemptState.RUNNING, work.tries + 1, work.fence + 1
        assert held.claim.fence == work.fence
        return held

    @rule(held=claims, half=st.booleans())
    def finish(self, held: Held, half: bool) -> None:
        """Whoever holds it, or held it once, has judged it."""
        work, fresh = self.model.attempts[held.id], self._is_fresh(held)
        task = judging.start(self.site, held)
        assert task is not None or not fresh
        if task is None:
            return
        score = 5.0 if half else 10.0
        judged = replace(result(exercise(check("c1", score=score, max_score=10.0))), seed=task.seed)
        assert judging.finish(self.site, held, judged, b"{}") is fresh
        if fresh:
            work.state = AttemptState.DONE
            self.model.results[work.submission, work.version] = held.id, score

    @rule(held=claims)
    def fail(self, held: Held) -> None:
        """Something of ours went wrong."""
        fresh = self._is_fresh(held)
        assert judging.give_back(self.site, held, "no sandbox") is fresh
        if fresh:
            self._failed(held.id)

    @rule(held=claims)
    def leave(self, held: Held) -> None:
        """The worker ends in order, and puts it back."""
        fresh = self._is_fresh(held)
        judging.release(self.site, held)
        if fresh:
            work = self.model.attempts[held.id]
            work.state, work.tries = AttemptState.QUEUED, work.tries - 1

    @rule(held=claims)
    def beat(self, held: Held) -> None:
        assert (not judging.keep_alive(self.site, [held])) is self._is_fresh(held)

    @rule(held=claims)
    def run_out(self, held: Held) -> None:
        """Its lease does, if it still has one: the worker is dead, or stands still for a while."""
        if self._is_fresh(held):
            self._let_leases_run_out(held.id)
            self._failed(held.id)

    @rule(target=claims, held=claims)
    def overtake(self, held: Held) -> Any:
        """Its lease runs out, and somebody claims at once, most likely the same."""
        self.run_out(held)
        return self.deliver(False)

    @rule()
    def empty_the_broker(self) -> None:
        self.board.waiting.clear()
        reconcile(self.site, lost_after=timedelta(seconds=-1))
        queued = sum(one.state == "queued" for one in self.model.attempts.values())
        assert len(self.board.waiting) == queued

    # What staff do.

    @rule(data=st.data())
    def regrade_one(self, data: st.DataObject) -> None:
        if not self.model.submissions:
            return
        chosen = data.draw(st.sampled_from(sorted(self.model.submissions)))
        with self._may_conflict() as done:
            attempt_services.regrade_submission(
                self.site, self.people.ta.actor, chosen, reason="a test"
            )
            done.append(chosen)
        busy = chosen not in self.model.expected(self.model.live, judged_too=True)
        assert bool(done) is not busy
        self._made({(one, self.model.live) for one in done})

    @rule()
    def regrade_all(self) -> None:
        regrading.regrade(self.site, self.people.ta.actor, self.assignment_id, reason="a test")
        expected = self.model.expected(self.model.live, judged_too=True)
        self._made({(one, self.model.live) for one in expected})

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if not self.model.attempts:
            return
        chosen = data.draw(st.sampled_from(sorted(self.model.attempts)))
        work = self.model.attempts[chosen]
        with self._may_conflict() as done:
            attempt_services.cancel(self.site, self.people.ta.actor, chosen)
            done.append(chosen)
        assert bool(done) is (work.state in OPEN)
        if done:
            work.state, work.fence = AttemptState.CANCELLED, work.fence + 1

    @rule(data=st.data(), points=st.integers(0, 20))
    def give_points(self, data: st.DataObject, points: int) -> None:
        if self.model.submissions:
            chosen = data.draw(st.sampled_from(sorted(self.model.submissions)))
            who = self.people.ta.actor
            overrides.give(
                self.site, who, chosen, exercise=None, score=float(points), reason="a test"
            )
            self.model.points[chosen] = float(points)

    @rule()
    def start_shadow(self) -> None:
        if self.model.shadow is None:
            (other,) = set(self.versions) - {self.model.live}
            shadow.start_shadow(self.site, self.people.instructor.actor, other)
            self.model.shadow = other
            self._made({(one, other) for one in self.model.expected(other)})

    @rule()
    def promote(self) -> None:
        if self.model.shadow is not None:
            who, version = self.people.instructor.actor, self.model.shadow
            shadow.promote_version(self.site, who, version, "a test", even_if_open=True)
            self.model.live, self.model.shadow = version, None
            self._made({(one, version) for one in self.model.expected(version)})

    @rule()
    def abandon(self) -> None:
        if self.model.shadow is not None:
            shadow.abandon_shadow(self.site, self.people.instructor.actor, self.model.shadow)
            for row in self._rows():
                work = self.model.attempts[row.id]
                ours = work.version == self.model.shadow and row.purpose == "shadow"
                if ours and work.state in OPEN:
                    work.state, work.fence = AttemptState.CANCELLED, work.fence + 1
            self.model.shadow = None

    # What must hold.

    @invariant()
    def the_rows_are_what_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        found = {
            row.id: Work(row.submission_id, row.version_id, row.state, row.tries, row.fence)
            for row in self._rows()
        }
        assert found == self.model.attempts
        with self.site.database.reading() as session:
            ours = self.model.submissions.keys()
            results = session.scalars(select(Result).where(Result.submission_id.in_(ours)))
            effective = {
                (one.submission_id, one.version_id): (one.attempt_id, one.score) for one in results
            }
            standing = session.scalars(
                select(Override).where(
                    Override.submission_id.in_(ours), Override.revoked_at.is_(None)
                )
            )
            points = [(one.submission_id, one.score) for one in standing]
        assert effective == self.model.results
        assert sorted(points) == sorted(self.model.points.items())

    def teardown(self) -> None:
        """Workers come that judge every other attempt: all ends, and nothing is wrong."""
        if not hasattr(self, "model"):
            return
        running = [key for key, one in self.model.attempts.items() if one.state == "running"]
        for attempt_id in running:
            self._let_leases_run_out(attempt_id)
            self._failed(attempt_id)
        while held := self.deliver(False):
            if not isinstance(held, Held):
                break
            if held.id % 2:
                self.finish(held, True)
            else:
                self.fail(held)
            self.the_rows_are_what_the_model_says()
        assert not any(one.state in OPEN for one in self.model.attempts.values())
        assert what_is_broken(self.site, self.receipts) == []
        self.receipts.note_the_log(self.site)

    # How the model follows.

    def _is_fresh(self, held: Held) -> bool:
        work = self.model.attempts[held.id]
        return work.state is AttemptState.RUNNING and work.fence == held.claim.fence

    def _failed(self, attempt_id: int) -> None:
        work = self.model.attempts[attempt_id]
        work.state = AttemptState.FAILED if work.tries >= TRIES else AttemptState.QUEUED

    def _let_leases_run_out(self, attempt_id: int) -> None:
        """As time does."""
        with self.site.database.writing() as session:
            past = now() - timedelta(seconds=1)
            session.execute(
                update(Attempt).where(Attempt.id == attempt_id).values(lease_until=past)
            )
        assert reconcile(self.site).expired == 1

    def _made(self, expected: set[tuple[int, int]]) -> None:
        """These attempts, by submission and version, are there now and were not before."""
        fresh = [row for row in self._rows() if row.id not in self.model.attempts]
        pairs = [(row.submission_id, row.version_id) for row in fresh]
        assert sorted(pairs) == sorted(expected)
        for row in fresh:
            self.model.attempts[row.id] = Work(row.submission_id, row.version_id)

    def _rows(self) -> list[Attempt]:
        with self.site.database.reading() as session:
            query = select(Attempt).where(Attempt.version_id.in_(self.versions))
            return list(session.scalars(query))

    def _shadows(self) -> list[int]:
        return [] if self.model.shadow is None else [self.model.shadow]

    @contextmanager
    def _may_conflict(self) -> Iterator[list[int]]:
        """What is refused has no entry in the list."""
        done: list[int] = []
        with suppress(Conflict):
            yield done


def test_whatever_order_things_happen_in(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    is_file = database_url.startswith("sqlite")
    is_exhaustive = request.config.getoption("--exhaustive")
    examples = (12 if is_file else 4) * (20 if is_exhaustive else 1)
    board = Board()
    site = replace(site_at(database_url, tmp_path), messages=board)  # type: ignore[arg-type]
    people = people_of(site)

    class Here(Histories):
        pass

    Here.site, Here.people, Here.board, Here.receipts = site, people, board, Receipts()
    try:
        run_state_machine_as_test(
            Here,
            settings=settings(
                max_examples=examples,
                stateful_step_count=30,
                derandomize=not is_exhaustive,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        site.close()
