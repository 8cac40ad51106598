"""A worker has a message as soon as it is sent: its row must be there for the taking by then.

A claim passes over a row that somebody is writing, so that what is noted of a row is noted before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grader.broker.messages import COMPARE, JUDGE, TRY_OUT
from grader.db import attempts, leases, similarity, trials
from grader.db.leases import Claim, Work
from grader.db.models import Assignment, AssignmentVersion, Attempt, Comparison, Queue, Trial
from grader.services import sending
from grader.services.site import Site
from tests.db import _rows
from tests.sites import site_at

WORK: dict[str, tuple[Any, Any]] = {
    JUDGE: (Attempt, attempts.claim),
    TRY_OUT: (Trial, trials.claim),
    COMPARE: (Comparison, similarity.claim),
}


class Workers:
    """In the place of the broker: whoever gets a message claims at once, or nobody is there."""

    def __init__(self) -> None:
        self.site: Site
        self.are_there = True
        self.claimed: list[Claim | None] = []

    def send(self, task: str, rows: Iterable[tuple[int, str]]) -> bool:
        """As of `grader.broker.messages.Messages`."""
        work, claim = WORK[task]
        for row_id, _ in rows if self.are_there else ():
            with self.site.database.writing() as session:
                assert session.get_one(work, row_id).sent_at is not None
                self.claimed.append(claim(session, "w1", [Queue.CPU]))
        return self.are_there


@pytest.fixture
def workers() -> Workers:
    return Workers()


@pytest.fixture
def site(database_url: str, tmp_path: Path, workers: Workers) -> Iterator[Site]:
    made = replace(site_at(database_url, tmp_path), messages=workers)  # type: ignore[arg-type]
    workers.site = made
    yield made
    made.close()


def sent(site: Site, what: str) -> tuple[Work, int]:
    """Make something that waits, and have its message sent."""
    with site.database.writing() as session:
        attempt = _rows.attempt(session, "ada")
        version = session.get_one(AssignmentVersion, attempt.version_id)
        assignment = session.get_one(Assignment, version.assignment_id)
        trial = trials.enqueue(session, version, version.author_id)
        comparison = similarity.enqueue(session, assignment, version.author_id)
        session.refresh(trial)
    if what == "attempts":
        sending.send_attempts(site, version)
        return Attempt, attempt.id
    if what == "trial":
        sending.send_trial(site, trial)
        return Trial, trial.id
    sending.send_comparison(site, comparison)
    return Comparison, comparison.id


@pytest.mark.parametrize("what", ["attempts", "trial", "comparison"])
def test_who_gets_the_message_can_claim_the_row(site: Site, workers: Workers, what: str) -> None:
    _, row_id = sent(site, what)
    (held,) = workers.claimed
    assert held is not None
    assert held.id == row_id


@pytest.mark.parametrize("what", ["attempts", "trial", "comparison"])
def test_where_the_broker_is_down_the_reconciler_finds_the_row_not_sent(
    site: Site, workers: Workers, what: str
) -> None:
    workers.are_there = False
    work, row_id = sent(site, what)
    with site.database.writing() as session:
        found = leases.unsent(session, work, leases.LEASE, 10, [Queue.CPU])
    assert found == [(row_id, Queue.CPU)]
