"""Histories of a course and of what it is told: whatever happens to senders, nothing is lost.

Hypothesis chooses who hands in, what is judged, released and asked for, when messages are sent,
what the receiver answers and where a sender dies; in the end each webhook has received exactly
what it was to be told, each thing under one id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, update

from grader.db.models import (
    Assignment,
    Attempt,
    AuditEntry,
    DeliveryState,
    Webhook,
    WebhookEvent,
    WebhookMessage,
)
from grader.db.types import now
from grader.errors import Conflict, NotFound
from grader.lms.outside import Unreachable
from grader.services import regrading, release, requests, webhooks
from grader.services.site import Site
from tests.sites import People, people_of, site_at
from tests.web._hooks import (
    Receiver,
    answer,
    assignment,
    deliver,
    hand_in,
    hook,
    judge,
    later,
    told_by,
)

ANSWERS = ("204", "500", "429", "nobody", "dies before", "dies after")


class Dies(BaseException):
    """The sender's process has ended."""


@dataclass
class Model:
    """What each event must have been told of, in the order of the course."""

    told: Counter[tuple[str, int]] = field(default_factory=Counter)
    submissions: list[int] = field(default_factory=list)


class Told(RuleBasedStateMachine):
    """A course with two webhooks, and another course with one that is told of everything."""

    site: Site
    people: People

    @initialize()
    def begin(self) -> None:
        with self.site.database.writing() as session:
            session.execute(delete(WebhookMessage))
            session.execute(delete(Webhook))
            number = session.query(AuditEntry).count()
            session.execute(update(Assignment).values(slug=Assignment.slug + f"-{number}"))
        self.receiver = Receiver()
        self.place = told_by(self.site, self.receiver)
        self.arrived: list[Any] = []
        hook(self.place, self.people, url="https://hooks.example/all")
        hook(self.place, self.people, WebhookEvent.GRADE_RELEASED, url="https://hooks.example/some")
        hook(
            self.place,
            self.people,
            who=self.people.outside_instructor,
            url="https://hooks.example/other",
        )
        self.assignment_id = assignment(self.place, self.people.course_id)
        self.model = Model()
        for of_ada in (True, False):
            self.hand_in(of_ada)
        self.judge(2.0)

    @rule(of_ada=st.booleans())
    def hand_in(self, of_ada: bool) -> None:
        who = self.people.ada if of_ada else self.people.bob
        work = hand_in(self.place, who, self.assignment_id)
        self.model.submissions.append(work)
        self.model.told["submission.received", work] += 1

    @rule(score=st.sampled_from([0.0, 2.0, 4.0]))
    def judge(self, score: float) -> None:
        before = self._judged()
        if judge(self.place, score):
            (work,) = self._judged() - before
            self.model.told["attempt.graded", work[1]] += 1

    @rule()
    def regrade(self) -> None:
        regrading.regrade(
            self.place, self.people.instructor.actor, self.assignment_id, reason="once more"
        )

    @rule()
    def release(self) -> None:
        done = release.release(self.place, self.people.instructor.actor, self.assignment_id)
        self.model.told.update(("grade.released", one.submission_id) for one in done.released)

    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        if not self.model.submissions:
            return
        self.judge(3.0)
        work = data.draw(st.sampled_from(self.model.submissions))
        for who in (self.people.ada, self.people.bob):
            try:
                requests.open_request(self.place, who.actor, work, exercise="ex1", reason="please")
            except (NotFound, Conflict):
                continue
            self.model.told["regrade.requested", work] += 1

    @rule(says=st.sampled_from(ANSWERS))
    def send(self, says: str) -> None:
        self._deliver(says)

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        self._deliver("204")
        for _ in range(3):
            self._replay()
            self._deliver("204")
        with self.site.database.reading() as session:
            left = session.query(WebhookMessage).filter(
                WebhookMessage.state != DeliveryState.DELIVERED
            )
            assert left.count() == 0
        by_address: dict[str, dict[str, tuple[str, int]]] = {}
        for got in self.arrived:
            what = (got.body["type"], got.body["data"]["submission_id"])
            known = by_address.setdefault(got.url.rsplit("/", 1)[1], {})
            assert known.setdefault(got.id, what) == what
        released = {key: n for key, n in self.model.told.items() if key[0] == "grade.released"}
        assert Counter(by_address.get("all", {}).values()) == self.model.told
        assert Counter(by_address.get("some", {}).values()) == Counter(released)
        assert "other" not in by_address
        with self.site.database.writing() as session:  # what waits is not the next example's
            session.execute(update(Attempt).values(state="cancelled", lease_until=None))

    def _deliver(self, says: str) -> None:
        def answers() -> Any:
            if says == "dies before":
                raise Dies
            if says == "nobody":
                raise Unreachable("no answer")
            if says in ("204", "dies after"):
                self.arrived.append(self.receiver.got[-1])
            if says == "dies after":
                raise Dies
            return answer(204 if says == "204" else int(says), retry_after="60")

        self.receiver.says = answers
        later(self.site)
        while True:
            try:
                if deliver(self.place) == 0 or says != "204":
                    return
            except Dies:
                with self.site.database.writing() as session:
                    held = WebhookMessage.state == DeliveryState.SENDING
                    session.execute(update(WebhookMessage).where(held).values(lease_until=now()))
                return
            later(self.site)

    def _replay(self) -> None:
        actor = self.people.instructor.actor
        for one in webhooks.list_webhooks(self.place, actor, self.people.course_id):
            webhooks.replay_failed(
                self.place,
                actor,
                self.people.course_id,
                one.webhook.id,
                one.webhook.created_at,
            )

    def _judged(self) -> set[tuple[int, int]]:
        with self.site.database.reading() as session:
            rows = session.query(Attempt.id, Attempt.submission_id).filter_by(state="done")
            return {(row[0], row[1]) for row in rows}


@pytest.fixture
def one_site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    made = site_at(database_url, tmp_path)
    yield made
    made.close()


def test_every_message_arrives_under_one_id_and_none_is_another_course_s(
    one_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grader.services.delivering._AT_ONCE", 1)
    of_this_site = type(
        "ToldOfThisSite", (Told,), {"site": one_site, "people": people_of(one_site)}
    )
    run_state_machine_as_test(
        of_this_site,
        settings=settings(
            max_examples=10,
            stateful_step_count=16,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
