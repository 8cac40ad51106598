"""A worker's slots: what is claimed comes to an end, and a failure of ours is never a zero."""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from grader.broker.progress import Stage
from grader.db import leases, similarity
from grader.db.leases import TRIES
from grader.db.models import (
    Assignment,
    AssignmentVersion,
    Attempt,
    AttemptState,
    CheckOutcome,
    Comparison,
    Node,
    Queue,
    Result,
    Trial,
)
from grader.domain.outcomes import Outcome
from grader.domain.rubric import Bundle, Runtime
from grader.logs import bound
from grader.services import comparing, judging, watching
from grader.services.access import Actor
from grader.services.submissions import submit
from tests.logged import Configured, events
from tests.service._installation import ENDLESS, RIGHT, WRONG, Installation
from tests.unit._builders import code, notebook
from tests.waiting import wait_until
from workers.pipeline import grade
from workers.service import service as slots
from workers.service.bundles import Bundles
from workers.service.comparisons import Comparisons
from workers.service.devices import Devices
from workers.service.heartbeat import Heartbeat
from workers.service.service import Service
from workers.service.trials import Trials
from workers.service.unfit import Unfit
from workers.service.zygotes import Zygotes
from workers.stopping import Why


def await_first_cell(here: Installation, attempt_id: int) -> None:
    """Return when the submission runs."""
    running = Stage("running", 1, 1)
    wait_until(lambda: here.site.progress.of([attempt_id]).get(attempt_id) == running)


def test_a_result_has_its_document_its_notebook_and_its_checks(
    here: Installation, service: Service
) -> None:
    attempt_id = here.submit(RIGHT, send=False)
    service.judge(attempt_id, Queue.CPU)
    attempt, result = here.row(attempt_id), here.result(attempt_id)
    assert (attempt.state, attempt.tries) == (AttemptState.DONE, 1)
    assert result is not None
    document = json.loads(here.site.blobs.read(result.document))
    assert (result.score, document["score"]) == (2.0, 2.0)
    assert document["seed"] == str(int(attempt.seed, 16))
    assert result.notebook is not None
    assert json.loads(here.site.blobs.read(result.notebook))["nbformat"] == 4
    with here.site.database.reading() as session:
        (check,) = session.scalars(select(CheckOutcome)).all()
    assert (check.exercise, check.check, check.outcome) == ("ex1", "double", Outcome.PASSED)


def test_an_attempt_is_followed_through_the_logs_from_handing_in_to_its_end(
    here: Installation,
    service: Service,
    configured: Configured,
) -> None:
    written = configured("json")
    with here.site.database.writing() as session:
        version = session.get_one(AssignmentVersion, here.version_id)
        session.get_one(Assignment, version.assignment_id).live_version_id = version.id
    anybody = Actor(version.author_id, "root", is_admin=True)
    content = notebook(code(RIGHT))
    with bound(request="r1"):
        receipt = submit(
            here.site, anybody, version.assignment_id, name="a0.ipynb", content=[content]
        )
    service.judge(receipt.attempt_id, Queue.CPU)
    mine = [one for one in events(written) if one.get("attempt") == receipt.attempt_id]
    assert [one["event"] for one in mine] == ["handed in", "brought to an end"]
    assert mine[0]["request"] == "r1"
    assert here.await_done(receipt.attempt_id) == [2.0]


def test_one_message_is_one_attempt_and_it_is_the_one_whose_turn_it_is(
    here: Installation, service: Service
) -> None:
    first, second = here.submit(WRONG, send=False), here.submit(RIGHT, send=False)
    service.judge(second, Queue.CPU)
    assert here.is_in(first, AttemptState.DONE)
    assert here.is_in(second, AttemptState.QUEUED)
    for _ in range(3):
        service.judge(first, Queue.CPU)
    assert here.is_in(second, AttemptState.DONE)
    with here.site.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Result)) == 2


def test_a_failure_of_ours_is_tried_three_times_and_then_left_to_staff(
    here: Installation, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_judged(*args: object, **more: object) -> object:
        result = grade(*args, **more)  # type: ignore[arg-type]
        (exercise,) = result.exercises
        (check,) = exercise.checks
        check = replace(check, outcome=Outcome.NOT_JUDGED, score=0.0)
        return replace(result, exercises=(replace(exercise, checks=(check,)),))

    monkeypatch.setattr(slots, "grade", not_judged)
    monkeypatch.setattr(service, "_rest", lambda: None)
    attempt_id = here.submit(RIGHT, send=False)
    for _ in range(TRIES + 2):
        service.judge(attempt_id, Queue.CPU)
    attempt = here.row(attempt_id)
    assert (attempt.state, attempt.tries) == (AttemptState.FAILED, TRIES)
    assert "ex1/double" in attempt.failure
    assert here.result(attempt_id) is None


def test_a_cancelled_attempt_is_ended_at_the_next_beat_and_writes_nothing(
    here: Installation, service: Service
) -> None:
    attempt_id = here.submit(ENDLESS, send=False)
    slot = threading.Thread(target=service.judge, args=(attempt_id, Queue.CPU))
    slot.start()
    await_first_cell(here, attempt_id)
    with here.site.database.writing() as session:
        assert leases.cancel(session, Attempt, Attempt.id == attempt_id)
    service.heart.beat()
    slot.join(60)
    assert not slot.is_alive()
    assert here.is_in(attempt_id, AttemptState.CANCELLED)
    assert here.result(attempt_id) is None


def test_what_a_worker_that_leaves_can_t_finish_waits_for_another_one(
    here: Installation, service: Service
) -> None:
    attempt_id = here.submit(ENDLESS, send=False)
    slot = threading.Thread(target=service.judge, args=(attempt_id, Queue.CPU))
    slot.start()
    await_first_cell(here, attempt_id)
    service.leave()
    service.heart.stop_all(Why.LEAVING)
    slot.join(60)
    attempt = here.row(attempt_id)
    assert (attempt.state, attempt.tries) == (AttemptState.QUEUED, 0)
    assert here.site.messages.backlog(Queue.CPU) == 1


def test_a_zygote_that_dies_is_replaced_and_its_attempt_given_back(
    here: Installation, service: Service, zygotes: Zygotes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_rest", lambda: None)
    attempt_id = here.submit(ENDLESS, send=False)
    slot = threading.Thread(target=service.judge, args=(attempt_id, Queue.CPU))
    slot.start()
    await_first_cell(here, attempt_id)
    with zygotes.lend(Runtime()) as zygote:
        os.kill(zygote.pid, signal.SIGKILL)
    slot.join(60)
    attempt = here.row(attempt_id)
    assert (attempt.state, attempt.tries) == (AttemptState.QUEUED, 1)
    with here.site.database.writing() as session:
        assert leases.cancel(session, Attempt, Attempt.id == attempt_id)
    other = here.submit(RIGHT, send=False)
    service.judge(other, Queue.CPU)
    assert here.await_done(other) == [2.0]


@pytest.mark.parametrize("needs", [Runtime(gpu=2), Runtime(python="/nowhere/python3")])
def test_what_a_worker_can_t_do_waits_for_one_that_can_and_uses_up_no_try(
    here: Installation,
    service: Service,
    zygotes: Zygotes,
    monkeypatch: pytest.MonkeyPatch,
    needs: Runtime,
) -> None:
    def of(sha256: str) -> Bundle:
        bundle = Bundles(here.site).of(sha256)
        return replace(bundle, rubric=replace(bundle.rubric, runtime=needs))

    monkeypatch.setattr(service.bundles, "of", of)
    service.heart = Heartbeat(here.site, lambda: {"unfit": sorted(service.unfit)})
    attempt_id = here.submit(RIGHT, send=False)
    trial_id = here.start_trial()
    for _ in range(TRIES + 1):
        service.judge(attempt_id, Queue.CPU)
    attempt = here.row(attempt_id)
    # It was tried once, and is known from then on, as is the trial.
    assert (attempt.state, attempt.tries, attempt.fence) == (AttemptState.QUEUED, 0, 1)
    assert "not for the worker tests: each attempt asks for" in attempt.failure
    assert not Trials(service)._do_next(Queue.CPU)
    assert here.is_in(trial_id, AttemptState.QUEUED, Trial)
    news = watching.look(here.site, [attempt_id])[attempt_id]
    assert news.words.startswith("It needs another Python than any worker has at present")
    able = Service(here.site, zygotes, Bundles(here.site), Devices([]), Heartbeat(here.site, dict))
    able.judge(attempt_id, Queue.CPU)
    assert here.await_done(attempt_id) == [2.0]


def test_a_trial_that_a_worker_can_t_do_waits_for_one_that_can(
    here: Installation, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(version_id: int, _: Runtime) -> None:
        raise Unfit(version_id, "it asks for 2 GPUs")

    monkeypatch.setattr(service, "refuse_unfit", refuse)
    trials, trial_id = Trials(service), here.start_trial()
    assert [trials._do_next(Queue.CPU) for _ in range(2)] == [True, False]
    trial = here.row(trial_id, Trial)
    assert (trial.state, trial.tries, trial.failure) == (
        AttemptState.QUEUED,
        0,
        "it asks for 2 GPUs",
    )


def test_a_draining_worker_takes_nothing_and_hands_messages_on(
    here: Installation, service: Service
) -> None:
    judging.announce(here.site, {})
    with here.site.database.writing() as session:
        session.get_one(Node, "tests").draining = True
    attempt_id = here.submit(RIGHT, send=False)
    service.judge(attempt_id, Queue.CPU)
    assert here.is_in(attempt_id, AttemptState.QUEUED)
    assert here.site.messages.backlog(Queue.CPU) == 1


def test_a_version_is_tried_out_beside_the_slots(here: Installation, service: Service) -> None:
    trial_id = here.start_trial()
    trials = Trials(service)
    trials.start()
    trials.told(trial_id, Queue.CPU)
    wait_until(lambda: here.is_in(trial_id, AttemptState.DONE, Trial))
    report = here.row(trial_id, Trial).report
    assert report["schema"] == "chainrule.rubric-test/1"
    assert report["mutation"]["counted"] >= 1
    service.leave()
    trials.close()


def test_a_trial_that_takes_too_long_has_not_passed(here: Installation, service: Service) -> None:
    trial_id = here.start_trial()
    trials = Trials(service, longest_s=0.0)
    trials.start()
    trials.told(trial_id, Queue.CPU)
    wait_until(lambda: here.is_in(trial_id, AttemptState.DONE, Trial))
    report = here.row(trial_id, Trial).report
    assert report["passed"] is False
    assert "longer" in report["failures"][0]
    service.leave()
    trials.close()


def test_submissions_are_compared_beside_the_slots(here: Installation, service: Service) -> None:
    with here.site.database.writing() as session:
        version = session.get_one(AssignmentVersion, here.version_id)
        assignment = session.get_one(Assignment, version.assignment_id)
        comparison_id = similarity.enqueue(session, assignment, version.author_id).id
    comparisons = Comparisons(service)
    comparisons.start()
    comparisons.told(comparison_id, Queue.CPU)
    wait_until(lambda: here.is_in(comparison_id, AttemptState.DONE, Comparison))
    assert here.row(comparison_id, Comparison).facts["compared"] == 0
    service.leave()
    comparisons.close()


def test_a_worker_that_leaves_does_not_wait_for_a_comparison(
    here: Installation, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "_MODULE", "tests.service._endless")
    with here.site.database.writing() as session:
        version = session.get_one(AssignmentVersion, here.version_id)
        assignment = session.get_one(Assignment, version.assignment_id)
        comparison_id = similarity.enqueue(session, assignment, version.author_id).id
    comparisons = Comparisons(service)
    comparisons.start()
    comparisons.told(comparison_id, Queue.CPU)
    wait_until(lambda: service.heart._held)
    service.leave()
    service.heart.stop_all(Why.LEAVING)
    comparisons.close()
    comparison = here.row(comparison_id, Comparison)
    assert (comparison.state, comparison.tries) == (AttemptState.QUEUED, 0)
