"""The queue: claims, leases and fences, whose turn it is, and what a lost claim can't do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from grader.db import attempts, leases
from grader.db.leases import LEASE, TRIES, Claim
from grader.db.models import (
    AssignmentVersion,
    Attempt,
    AttemptState,
    CheckOutcome,
    Purpose,
    Queue,
    Result,
    Submission,
)
from grader.db.session import Database
from grader.domain.outcomes import Outcome, RunStatus

from . import _rows

OVER = timedelta(seconds=-1)


def claim(database: Database, lease: timedelta = LEASE, *queues: Queue) -> Claim | None:
    with database.writing() as session:
        return attempts.claim(session, "w1", queues or [Queue.CPU], lease)


def waiting(database: Database, *who: str, **more: object) -> list[int]:
    with database.writing() as session:
        return [_rows.attempt(session, one, **more).id for one in who]  # type: ignore[arg-type]


def state_of(database: Database, attempt_id: int) -> AttemptState:
    with database.reading() as session:
        return session.get_one(Attempt, attempt_id).state


def result_of(
    database: Database, attempt_id: int, score: float
) -> tuple[Result, list[CheckOutcome]]:
    with database.reading() as session:
        attempt = session.get_one(Attempt, attempt_id)
    key = {"submission_id": attempt.submission_id, "version_id": attempt.version_id}
    check = CheckOutcome(
        **key,
        exercise="ex1",
        check="values",
        position=0,
        outcome=Outcome.PASSED,
        score=score,
        max_score=20.0,
    )
    result = Result(
        **key,
        attempt_id=attempt_id,
        run_status=RunStatus.COMPLETED,
        score=score,
        max_score=20.0,
        pending=0.0,
        wall_s=1.0,
        cpu_s=1.0,
        peak_memory_bytes=1,
        document=_rows.BLOB,
    )
    return result, [check]


def finish(database: Database, held: Claim, score: float = 5.0) -> bool:
    result, checks = result_of(database, held.id, score)
    with database.writing() as session:
        return attempts.finish(session, held, result, checks)


def order(database: Database) -> list[int]:
    """All that wait, in the order in which one worker that never finishes would claim them."""
    found = []
    while (held := claim(database)) is not None:
        found.append(held.id)
    return found


def test_an_attempt_is_claimed_once(database: Database) -> None:
    (one,) = waiting(database, "ada")
    held = claim(database)
    assert held == Claim(one, 1)
    assert claim(database) is None
    assert state_of(database, one) is AttemptState.RUNNING


def test_many_workers_at_once_each_get_one_and_never_the_same(database: Database) -> None:
    expected = waiting(database, *(f"s{n}" for n in range(24)))
    with ThreadPoolExecutor(8) as pool:
        held = list(pool.map(lambda _: claim(database), range(24)))
    assert sorted(one.id for one in held if one) == expected


def test_a_result_is_written_with_the_end(database: Database) -> None:
    (one,) = waiting(database, "ada")
    held = claim(database)
    assert held
    assert finish(database, held)
    assert state_of(database, one) is AttemptState.DONE
    with database.reading() as session:
        assert session.scalars(select(Result.score)).all() == [5.0]
        assert session.scalars(select(CheckOutcome.check)).all() == ["values"]


def test_a_second_delivery_of_the_same_claim_changes_nothing(database: Database) -> None:
    waiting(database, "ada")
    held = claim(database)
    assert held
    assert finish(database, held, score=5.0)
    assert not finish(database, held, score=0.0)
    with database.reading() as session:
        assert session.scalars(select(Result.score)).all() == [5.0]


def test_an_overtaken_worker_writes_nothing(database: Database) -> None:
    waiting(database, "ada")
    first = claim(database, OVER)
    with database.writing() as session:
        assert leases.expire(session, Attempt) == 1
    second = claim(database)
    assert first
    assert second == Claim(first.id, first.fence + 1)
    with database.writing() as session:
        assert not leases.renew(session, Attempt, first)
        assert not leases.give_back(session, Attempt, first, "late")
    assert not finish(database, first, score=1.0)
    assert finish(database, second, score=2.0)
    with database.reading() as session:
        assert session.scalars(select(Result.score)).all() == [2.0]


def test_a_renewed_lease_does_not_expire(database: Database) -> None:
    waiting(database, "ada")
    held = claim(database, OVER)
    assert held
    with database.writing() as session:
        assert leases.renew(session, Attempt, held)
        assert leases.expire(session, Attempt) == 0


@pytest.mark.parametrize("how", ["given back", "expired"])
def test_after_the_last_try_staff_have_it_and_there_is_no_score(
    database: Database, how: str
) -> None:
    (one,) = waiting(database, "ada")
    for _ in range(TRIES):
        assert state_of(database, one) is AttemptState.QUEUED
        held = claim(database, OVER)
        assert held
        with database.writing() as session:
            if how == "given back":
                assert leases.give_back(session, Attempt, held, "no sandbox")
            else:
                assert leases.expire(session, Attempt) == 1
    assert state_of(database, one) is AttemptState.FAILED
    assert claim(database) is None
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Result)) == 0
        assert session.get_one(Attempt, one).failure


def test_a_regrade_against_the_same_version_replaces_the_result(database: Database) -> None:
    (one,) = waiting(database, "ada")
    held = claim(database)
    assert held
    finish(database, held, score=5.0)
    with database.writing() as session:
        first = session.get_one(Attempt, one)
        submission = session.get_one(Submission, first.submission_id)
        version = session.get_one(AssignmentVersion, first.version_id)
        attempts.enqueue(session, submission, version, Purpose.REGRADE)
    held = claim(database)
    assert held
    finish(database, held, score=7.0)
    with database.reading() as session:
        assert session.scalars(select(Result.score)).all() == [7.0]


def test_one_student_s_many_uploads_do_not_hold_up_the_others(database: Database) -> None:
    many = waiting(database, *["ada"] * 5)
    (bob,) = waiting(database, "bob")
    (cyd,) = waiting(database, "cyd")
    assert order(database) == [many[0], bob, cyd, *many[1:]]


def test_what_somebody_has_running_counts_as_a_turn(database: Database) -> None:
    first, second = waiting(database, "ada", "ada")
    assert claim(database) == Claim(first, 1)
    (bob,) = waiting(database, "bob")
    assert order(database) == [bob, second]


def test_who_has_waited_long_is_not_overtaken_for_ever(database: Database) -> None:
    *_, last = waiting(database, *["ada"] * 4)
    order_of_claims: list[int] = []
    for newcomer in range(200):
        waiting(database, f"new{newcomer}")
        held = claim(database)
        assert held
        order_of_claims.append(held.id)
        assert finish(database, held)
    assert last in order_of_claims


def test_courses_take_turns(database: Database) -> None:
    large = waiting(database, *(f"s{n}" for n in range(6)), slug="large")
    small = waiting(database, "x", "y", slug="small")
    assert order(database)[:4] == [large[0], small[0], large[1], small[1]]


def test_a_mass_regrade_yields_to_fresh_submissions(database: Database) -> None:
    shadow = waiting(database, "ada", purpose=Purpose.SHADOW)
    regrades = waiting(database, "ada", "bob", purpose=Purpose.REGRADE)
    fresh = waiting(database, "cyd", "cyd")
    assert order(database) == [*fresh, *regrades, *shadow]


def test_a_worker_gets_only_what_its_queues_hold(database: Database) -> None:
    (needs_gpu,) = waiting(database, "ada", queue=Queue.GPU)
    assert claim(database) is None
    held = claim(database, LEASE, Queue.CPU, Queue.GPU)
    assert held
    assert held.id == needs_gpu


def test_the_position_in_the_queue_is_the_order_of_claims(database: Database) -> None:
    ids = waiting(database, "ada", "ada", "bob")
    with database.reading() as session:
        places = [attempts.position(session, one) for one in ids]
    assert places == [0, 2, 1]
    assert order(database) == [ids[0], ids[2], ids[1]]
    with database.reading() as session:
        assert attempts.position(session, ids[0]) is None


def test_a_cancelled_attempt_is_not_claimed_and_its_worker_writes_nothing(
    database: Database,
) -> None:
    one, other = waiting(database, "ada", "bob")
    held = claim(database)
    assert held == Claim(one, 1)
    with database.writing() as session:
        assert leases.cancel(session, Attempt, Attempt.id == one)
        assert leases.cancel(session, Attempt, Attempt.id == other)
    assert claim(database) is None
    assert not finish(database, held)
    with database.writing() as session:
        assert not leases.cancel(session, Attempt, Attempt.id == one)


def test_messages_that_were_never_sent_or_are_old_are_sent_again(database: Database) -> None:
    one, other = waiting(database, "ada", "bob")
    with database.writing() as session:
        assert [found for found, _ in leases.unsent(session, Attempt, timedelta(hours=1))] == [
            one,
            other,
        ]
        assert leases.unsent(session, Attempt, timedelta(hours=1)) == []
        assert [found for found, _ in leases.unsent(session, Attempt, OVER)] == [one, other]


def test_what_a_worker_held_before_it_was_started_anew_waits_at_once(database: Database) -> None:
    one, other = waiting(database, "ada", "bob")
    held = claim(database)
    assert held
    assert held.id == one
    with database.writing() as session:
        assert leases.expire_of(session, Attempt, "another") == 0
        assert leases.expire_of(session, Attempt, "w1") == 1
    assert state_of(database, one) is AttemptState.QUEUED
    assert not finish(database, held)
    assert sorted(order(database)) == [one, other]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_while_the_last_submission_is_being_claimed_another_worker_gets_the_regrade(
    database: Database,
) -> None:
    (submission,) = waiting(database, "ada")
    (regrade,) = waiting(database, "bob", purpose=Purpose.REGRADE)
    with database.writing() as session:
        session.execute(select(Attempt).where(Attempt.id == submission).with_for_update())
        with ThreadPoolExecutor(1) as other:
            held = other.submit(claim, database).result(timeout=60)
    assert held is not None
    assert held.id == regrade
