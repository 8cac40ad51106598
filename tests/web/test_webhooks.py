"""Webhooks: what a course is told, signed, sent until it arrives, and given up with a reason."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from standardwebhooks import WebhookVerificationError
from starlette.testclient import TestClient

from grader.db.models import (
    Assignment,
    AssignmentVersion,
    AuditEntry,
    DeliveryState,
    Submission,
    VersionState,
    Webhook,
    WebhookEvent,
    WebhookMessage,
)
from grader.db.session import Session
from grader.db.types import now
from grader.lms.outside import NotAllowed, Outside, Unreachable
from grader.lms.webhooks import SCHEDULE, meaning
from grader.services import (
    hookmessages,
    hooksending,
    judging,
    regrading,
    release,
    requests,
    webhooks,
)
from grader.services.site import Site
from grader.web.api import told
from tests.assigned import statements
from tests.sites import People
from tests.web._hooks import (
    URL,
    Got,
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

DAY = timedelta(days=1)
MODELS = {
    "submission.received": told.SubmissionReceived,
    "attempt.graded": told.AttemptGraded,
    "grade.released": told.GradeReleased,
    "regrade.requested": told.RegradeRequested,
    "webhook.test": told.WebhookTest,
}


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def place(site: Site, receiver: Receiver) -> Site:
    """The installation, with the receiver outside."""
    return told_by(site, receiver)


def messages(site: Site) -> list[WebhookMessage]:
    with site.database.reading() as session:
        return list(session.scalars(select(WebhookMessage).order_by(WebhookMessage.id)))


def row(site: Site) -> Webhook:
    with site.database.reading() as session:
        return session.scalars(select(Webhook)).one()


def change(site: Site, model: Any, **values: Any) -> None:
    with site.database.writing() as session:
        session.execute(update(model).values(**values))


def test_a_course_is_told_what_happens_and_every_body_is_as_documented(
    place: Site, people: People, receiver: Receiver
) -> None:
    made = hook(place, people)
    one = assignment(place, people.course_id)
    work = hand_in(place, people.ada, one)
    assert judge(place)
    released = release.release(place, people.instructor.actor, one)
    assert len(released.released) == 1
    request = requests.open_request(
        place, people.ada.actor, work, exercise="ex1", reason="Ada Lovelace asks, ada@example.org"
    )
    webhooks.send_test(place, people.instructor.actor, people.course_id, made.summary.webhook.id)
    assert deliver(place) == 5
    bodies = {got.body["type"]: got.verified(made.secret) for got in receiver.got}
    assert bodies.keys() == MODELS.keys()
    for event, body in bodies.items():
        MODELS[event].model_validate(body)
    data = bodies["attempt.graded"]["data"]
    assert (data["submission_id"], data["person_id"]) == (work, people.ada.actor.person_id)
    assert (data["score"], data["max_score"], data["pending"]) == (3.0, 4.0, 0.0)
    assert data["course"] == "dl"
    assert bodies["grade.released"]["data"]["score"] == 3.0
    assert bodies["regrade.requested"]["data"]["request_id"] == request.id
    said = b"".join(got.content for got in receiver.got)
    for secret in (b"ada@example.org", b"Lovelace", b"a0.ipynb", b"x = 1"):
        assert secret not in said


def test_what_the_documentation_shows_is_what_is_sent_and_its_example_verifies_it(
    place: Site, people: People, receiver: Receiver
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
    examples = [json.loads(one) for one in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    assert [one["type"] for one in examples] == list(MODELS)
    for one in examples:
        MODELS[one["type"]].model_validate(one)
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    made = hook(place, people)
    webhooks.send_test(place, people.instructor.actor, people.course_id, made.summary.webhook.id)
    deliver(place)
    (got,) = receiver.got
    names: dict[str, Any] = {}
    exec(code, names)
    receive = names["receive"]
    assert receive(dict(got.headers), got.content, made.secret) == 204
    assert names["seen"] == {got.id}
    assert receive(dict(got.headers), got.content + b" ", made.secret) == 401


def test_where_a_body_says_to_look_there_is_an_answer(
    place: Site, people: People, client: TestClient
) -> None:
    hook(place, people)
    one = assignment(place, people.course_id)
    hand_in(place, people.ada, one)
    judge(place)
    release.release(place, people.instructor.actor, one)
    paths = {message.body["data"]["api"] for message in messages(place)}
    assert len(paths) == 3
    for path in paths:
        assert client.get(path, headers=people.instructor.headers).status_code == 200


def test_nobody_is_told_what_they_did_not_ask_for_nor_what_happens_elsewhere(
    place: Site, people: People
) -> None:
    hook(place, people, WebhookEvent.GRADE_RELEASED)
    hook(place, people, who=people.outside_instructor)
    hand_in(place, people.ada, assignment(place, people.course_id))
    judge(place)
    assert messages(place) == []


def test_a_disabled_webhook_is_told_nothing(place: Site, people: People) -> None:
    made = hook(place, people).summary.webhook
    webhooks.change(place, people.instructor.actor, people.course_id, made.id, enabled=False)
    hand_in(place, people.ada, assignment(place, people.course_id))
    assert messages(place) == []


def test_what_is_judged_in_the_shadow_is_not_told_and_a_regrade_is(
    place: Site, people: People
) -> None:
    hook(place, people, WebhookEvent.ATTEMPT_GRADED)
    one = assignment(place, people.course_id)
    with place.database.writing() as session:
        live = session.get_one(AssignmentVersion, session.get_one(Assignment, one).live_version_id)
        session.add(
            AssignmentVersion(
                assignment_id=one,
                number=2,
                content_hash="sha256:2",
                bundle_sha256=live.bundle_sha256,
                outline=live.outline,
                max_score=20.0,
                queue=live.queue,
                state=VersionState.SHADOW,
                author_id=live.author_id,
            )
        )
    hand_in(place, people.ada, one)
    assert [judge(place), judge(place), judge(place)] == [True, True, False]
    assert [message.body["data"]["version"] for message in messages(place)] == [1]
    regrading.regrade(place, people.instructor.actor, one, reason="a fix")
    assert judge(place)
    assert len(messages(place)) == 2


def test_a_judging_that_failed_or_was_overtaken_is_not_told(place: Site, people: People) -> None:
    hook(place, people, WebhookEvent.ATTEMPT_GRADED)
    hand_in(place, people.ada, assignment(place, people.course_id))
    held = judging.claim_attempt(place, "cpu")  # type: ignore[arg-type]
    assert held is not None
    assert judging.give_back(place, held, "no sandbox")
    assert messages(place) == []


def test_two_who_are_told_the_same_are_told_it_under_one_id(place: Site, people: People) -> None:
    for url in (URL, f"{URL}/2"):
        hook(place, people, url=url)
    hand_in(place, people.ada, assignment(place, people.course_id))
    assert len({message.message_id for message in messages(place)}) == 1
    assert len(messages(place)) == 2


def test_what_is_undone_is_not_told(place: Site, people: People) -> None:
    hook(place, people)
    one = assignment(place, people.course_id)

    tell = hookmessages.submission_received

    def fails(session: Session, course_id: int, submission: Submission) -> None:
        tell(session, course_id, submission)
        assert session.scalars(select(WebhookMessage)).all() != []
        raise RuntimeError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hookmessages, "submission_received", fails)
        with pytest.raises(RuntimeError):
            hand_in(place, people.ada, one)
    assert messages(place) == []


def test_without_webhooks_handing_in_and_releasing_cost_one_query_more_however_many_they_are(
    place: Site, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = assignment(place, people.course_id)

    def cost() -> int:
        for who in (people.ada, people.bob):
            hand_in(place, who, one)
            judge(place)
        with statements(place) as sent:
            assert len(release.release(place, people.instructor.actor, one).released) == 2
        release.unrelease(place, people.instructor.actor, one)
        return len(sent)

    silent = "grader.db.webhooks.subscribed"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(silent, lambda *_: [])
        without = cost()
    assert cost() == without + 1
    hook(place, people)
    assert cost() == without + 3  # and with one, the names and one INSERT


def test_a_new_secret_signs_and_the_former_one_for_a_day(
    place: Site, people: People, receiver: Receiver
) -> None:
    former = hook(place, people)
    key = (place, people.instructor.actor, people.course_id, former.summary.webhook.id)
    new = webhooks.rotate_secret(*key)
    webhooks.send_test(*key)
    deliver(place)
    for secret in (former.secret, new.secret):
        assert receiver.got[0].verified(secret)["type"] == "webhook.test"
    change(place, Webhook, former_until=now() - DAY)
    webhooks.send_test(*key)
    deliver(place)
    receiver.got[1].verified(new.secret)
    with pytest.raises(WebhookVerificationError):
        receiver.got[1].verified(former.secret)
    assert len(base64.b64decode(new.secret.removeprefix("whsec_"))) == 32


def told_one(place: Site, people: People) -> None:
    hook(place, people)
    hand_in(place, people.ada, assignment(place, people.course_id))


def test_what_does_not_arrive_is_sent_again_by_the_schedule_and_then_left_to_a_person(
    place: Site, people: People, receiver: Receiver
) -> None:
    told_one(place, people)
    receiver.says = lambda: answer(500, "a <b>bad</b> day\nhere")
    for tries in range(1, len(SCHEDULE) + 1):
        with place.database.reading() as session:
            before = session.scalars(select(now())).one()
        assert deliver(place) == 1
        (message,) = messages(place)
        assert (message.state, message.tries) == (DeliveryState.WAITING, tries)
        wait = message.next_at - before
        assert 0.89 * SCHEDULE[tries - 1] < wait < 1.2 * SCHEDULE[tries - 1] + timedelta(minutes=1)
        assert deliver(place) == 0
        later(place)
    deliver(place)
    (message,) = messages(place)
    assert (message.state, message.failure) == (DeliveryState.STUCK, "status 500")
    assert {one["status"] for one in message.history["tries"]} == {500}
    assert {one["said"] for one in message.history["tries"]} == {"a <b>bad</b> day here"}
    assert len({got.id for got in receiver.got}) == 1
    assert len({got.content for got in receiver.got}) == 1
    assert sum(SCHEDULE, timedelta()) > DAY


def test_what_is_kept_of_answers_is_bounded(
    place: Site, people: People, receiver: Receiver
) -> None:
    told_one(place, people)
    receiver.says = lambda: answer(400, "\0é" * 100_000)
    change(place, WebhookMessage, history={"tries": [{"at": "x", "status": 1, "said": "x"}] * 50})
    deliver(place)
    tries = messages(place)[0].history["tries"]
    assert len(tries) == 12
    assert len(tries[-1]["said"]) <= 501


def test_an_address_that_is_gone_is_disabled_and_says_so(
    place: Site, people: People, receiver: Receiver
) -> None:
    told_one(place, people)
    hand_in(place, people.bob, 1)
    receiver.says = lambda: answer(410)
    deliver(place)
    assert "410" in (row(place).disabled_because or "")
    assert {message.state for message in messages(place)} == {DeliveryState.STUCK}
    with place.database.reading() as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "webhook.disabled")
        ).one()
        assert entry.actor_id is None


@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_that_asks_us_to_wait_is_given_the_time(
    status: int, place: Site, people: People, receiver: Receiver
) -> None:
    told_one(place, people)
    receiver.says = lambda: answer(status, retry_after="7200")
    deliver(place)
    (message,) = messages(place)
    assert message.next_at - message.created_at > timedelta(hours=1.9)
    receiver.got.clear()
    hand_in(place, people.bob, message.body["data"]["assignment_id"])
    deliver(place)
    assert receiver.got == []  # it rests as a whole
    assert messages(place)[1].tries == 0


def test_a_wish_to_wait_is_read_as_seconds_or_a_date_and_bounded() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for said, wait in {
        "120": timedelta(minutes=2),
        "Thu, 01 Jan 2026 01:00:00 GMT": timedelta(hours=1),
        "Thu, 01 Jan 2026 01:00:00 -0000": timedelta(hours=1),
        "Thu, 01 Jan 2025 01:00:00 GMT": timedelta(0),
        "99999999999999999999": DAY,
        "-5": timedelta(0),
        "soon": timedelta(0),
        "": timedelta(0),
        "٣": timedelta(0),
    }.items():
        assert meaning(answer(429, retry_after=said), at).wait == wait, said


def test_while_nobody_answers_one_try_stands_for_all(
    place: Site, people: People, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grader.services.delivering._AT_A_TIME", 1)
    told_one(place, people)
    one = messages(place)[0].body["data"]["assignment_id"]
    for _ in range(5):
        hand_in(place, people.bob, one)

    def nobody() -> Any:
        raise Unreachable("hooks.example: no answer")

    receiver.says = nobody
    deliver(place)
    assert len(receiver.got) == 1
    assert {message.state for message in messages(place)} == {DeliveryState.WAITING}
    assert deliver(place) == 0
    receiver.says = lambda: answer(200)
    later(place)
    assert deliver(place) == 6
    assert {message.state for message in messages(place)} == {DeliveryState.DELIVERED}
    assert (row(place).failing_since, row(place).resting_until) == (None, None)


def test_an_address_where_nothing_has_arrived_for_days_is_disabled_with_the_reason(
    place: Site, people: People, receiver: Receiver
) -> None:
    told_one(place, people)
    receiver.says = lambda: answer(502)
    deliver(place)
    assert row(place).disabled_at is None
    change(place, Webhook, failing_since=now() - 4 * DAY)
    later(place)
    deliver(place)
    assert row(place).disabled_because == "nothing has arrived for 4 days; the last: status 502"
    (message,) = messages(place)
    assert message.state is DeliveryState.STUCK


def test_what_was_sent_on_its_way_to_be_disabled_is_left_to_a_person(
    place: Site, people: People, receiver: Receiver
) -> None:
    told_one(place, people)
    change(place, Webhook, disabled_at=now(), disabled_because="x")
    deliver(place)
    assert receiver.got == []
    assert messages(place)[0].state is DeliveryState.STUCK


def test_a_private_address_is_refused_when_it_is_given_and_whenever_it_has_become_one(
    site: Site, people: People
) -> None:
    leads = ["93.184.215.14"]
    outside = Outside(private=False, lookup=lambda host, port: list(leads))
    place = replace(site, outside=outside)
    made = hook(place, people)
    key = (place, people.instructor.actor, people.course_id, made.summary.webhook.id)
    leads[:] = ["10.0.0.7"]
    with pytest.raises(Exception, match=r"url: hooks\.example is an address within a private"):
        hook(place, people)
    with pytest.raises(Exception, match=r"url: .*private network"):
        webhooks.change(*key, url=f"{URL}/other")
    hand_in(place, people.ada, assignment(place, people.course_id))
    deliver(place)
    (message,) = messages(place)
    assert message.state is DeliveryState.STUCK
    assert "private network" in (message.failure or "")
    assert row(place).failing_since is None


@pytest.mark.parametrize(
    "url", ["http://1.1.1.1/", "ftp://1.1.1.1/", "https://1.1.1.1/ä", "https://1.1.1.1/a b", "x"]
)
def test_what_is_no_address_is_refused(
    url: str, people: People, client: TestClient, site: Site
) -> None:
    body = {"url": url, "name": "hook", "events": ["grade.released"]}
    path = f"/api/v1/courses/{people.course_id}/webhooks"
    refused = client.post(path, json=body, headers=people.instructor.headers)
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("url: ")


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield httpd.server_address[1]
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def test_over_a_real_connection_a_message_arrives_signed_and_a_redirect_is_not_followed(
    site: Site, people: People
) -> None:
    seen: list[tuple[str, dict[str, str], bytes]] = []

    class Hooks(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen.append((self.path, headers, self.rfile.read(length)))
            self.send_response(307 if self.path == "/moved" else 204)
            if self.path == "/moved":
                self.send_header("location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with served(Hooks) as port:
        lookup = lambda host, port: ["127.0.0.1"]  # noqa: E731
        place = replace(site, outside=Outside(private=True, lookup=lookup))
        address = f"http://hooks.example:{port}"
        made = hook(place, people, url=f"{address}/in")
        hook(place, people, url=f"{address}/moved")
        hand_in(place, people.ada, assignment(place, people.course_id))
        deliver(place)
    assert sorted(path for path, _, _ in seen) == ["/in", "/moved"]
    states = {one.state: one.failure for one in messages(place)}
    assert states == {DeliveryState.DELIVERED: None, DeliveryState.WAITING: "status 307"}
    (arrived,) = (Got(URL, headers, body) for path, headers, body in seen if path == "/in")
    assert arrived.verified(made.secret)["type"] == "submission.received"


def test_one_message_is_replayed_under_its_id_and_all_that_failed_since(
    place: Site, people: People, receiver: Receiver
) -> None:
    told_one(place, people)
    one = messages(place)[0].body["data"]["assignment_id"]
    key = (place, people.instructor.actor, people.course_id, row(place).id)
    deliver(place)
    webhooks.replay(*key, messages(place)[0].id)
    deliver(place)
    assert len(receiver.got) == 2
    assert len({got.id for got in receiver.got}) == 1
    for _ in range(3):
        hand_in(place, people.bob, one)
    change(place, WebhookMessage, state=DeliveryState.STUCK)
    with place.database.writing() as session:
        old = session.get_one(WebhookMessage, messages(place)[1].id)
        old.created_at -= DAY
    since = datetime.now(UTC) - timedelta(hours=1)
    # Once the address works again, what would be tried in some hours goes out as well.
    with place.database.writing() as session:
        later = session.get_one(WebhookMessage, messages(place)[-1].id)
        later.state, later.failure = DeliveryState.WAITING, "status 500"
        later.next_at = datetime.now(UTC) + timedelta(hours=10)
    assert webhooks.replay_failed(*key, since) == 3
    assert deliver(place) == 3
    assert [message.state for message in messages(place)].count(DeliveryState.STUCK) == 1


def test_what_is_replayed_while_it_is_on_its_way_is_sent_once_more_afterwards(
    place: Site, people: People, receiver: Receiver
) -> None:
    told_one(place, people)
    key = (place, people.instructor.actor, people.course_id, row(place).id)
    message_id = messages(place)[0].id

    def again() -> Any:
        webhooks.replay(*key, message_id)
        return answer(204)

    receiver.says = again
    deliver(place)
    receiver.says = lambda: answer(204)
    assert [deliver(place), deliver(place)] == [1, 0]
    assert len(receiver.got) == 2


def test_a_webhook_may_be_deleted_while_it_is_being_told(
    place: Site, people: People, receiver: Receiver
) -> None:
    told_one(place, people)
    key = (place, people.instructor.actor, people.course_id, row(place).id)

    def gone() -> Any:
        webhooks.delete(*key)
        return answer(204)

    receiver.says = gone
    assert deliver(place) == 1
    assert messages(place) == []


def test_old_messages_are_swept_delivered_ones_before_those_that_are_stuck(
    place: Site, people: People
) -> None:
    hook(place, people)
    one = assignment(place, people.course_id)
    wanted = [
        (DeliveryState.DELIVERED, 31),
        (DeliveryState.DELIVERED, 29),
        (DeliveryState.STUCK, 31),
        (DeliveryState.STUCK, 91),
        (DeliveryState.WAITING, 400),
    ]
    for _ in wanted:
        hand_in(place, people.ada, one)
    ids = [message.id for message in messages(place)]
    with place.database.writing() as session:
        for message_id, (state, days) in zip(ids, wanted, strict=True):
            _age(session, message_id, state, days)
    assert hooksending.sweep_messages(place) == 2
    assert [message.id for message in messages(place)] == [ids[1], ids[2], ids[4]]


def _age(session: Session, message_id: int, state: DeliveryState, days: int) -> None:
    session.execute(
        update(WebhookMessage)
        .where(WebhookMessage.id == message_id)
        .values(state=state, created_at=now() - days * DAY)
    )


def test_the_api_tells_a_secret_once_and_how_each_webhook_stands(
    place: Site, people: People, client: TestClient, receiver: Receiver
) -> None:
    client.app.state.site = place  # type: ignore[attr-defined]
    path, headers = f"/api/v1/courses/{people.course_id}/webhooks", people.instructor.headers
    body = {"url": URL, "name": "Sync", "events": ["grade.released", "submission.received"]}
    made = client.post(path, json=body, headers=headers).json()
    assert made["secret"].startswith("whsec_")
    one = f"{path}/{made['id']}"
    assert "secret" not in client.get(one, headers=headers).json()
    assert client.post(f"{one}/test", headers=headers).status_code == 202
    hand_in(place, people.ada, assignment(place, people.course_id))
    receiver.says = lambda: answer(500, "no")
    deliver(place)
    (listed,) = client.get(path, headers=headers).json()
    assert (listed["waiting"], listed["stuck"], listed["enabled"]) == (2, 0, True)
    assert listed["failing_since"] is not None
    first = client.get(f"{one}/messages?limit=1&state=waiting", headers=headers).json()
    rest = client.get(
        f"{one}/messages", params={"cursor": first["next_cursor"]}, headers=headers
    ).json()
    told = [item["event"] for item in first["items"] + rest["items"]]
    assert told == ["submission.received", "webhook.test"]
    (tried,) = first["items"][0]["tries"]
    assert (tried["status"], tried["said"]) == (500, "no")
    changed = client.patch(one, json={"enabled": False, "name": "Off"}, headers=headers).json()
    assert (changed["enabled"], changed["name"]) == (False, "Off")
    since = {"since": "2020-01-01T00:00:00Z"}
    assert client.post(f"{one}/replay", json=since, headers=headers).status_code == 409
    client.patch(one, json={"enabled": True}, headers=headers)
    assert client.post(f"{one}/replay", json=since, headers=headers).json() == {"messages": 2}
    assert client.delete(one, headers=headers).status_code == 204
    with place.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(WebhookMessage)) == 0
        logged = session.execute(
            select(AuditEntry.action, AuditEntry.detail).where(AuditEntry.subject == "Webhook")
        ).all()
    assert [action for action, _ in logged] == [
        "webhook.created",
        "webhook.tested",
        "webhook.changed",
        "webhook.disabled",
        "webhook.enabled",
        "webhook.replayed",
        "webhook.deleted",
    ]
    assert "whsec_" not in str(logged)
    assert "/in" not in str(logged)  # what stands behind a host may be a secret of its own


def test_a_course_has_so_many_webhooks_and_no_more(place: Site, people: People) -> None:
    for _ in range(webhooks.MOST):
        hook(place, people)
    with pytest.raises(Exception, match="20 webhooks at most"):
        hook(place, people)


def test_a_message_or_webhook_of_another_course_is_not_there(
    place: Site, people: People, client: TestClient
) -> None:
    told_one(place, people)
    other = hook(place, people, who=people.outside_instructor).summary.webhook.id
    mine, message = row_ids(place)[0], messages(place)[0].id
    actor = people.outside_instructor.actor
    for course_id, webhook_id in ((people.other_course_id, mine), (people.course_id, other)):
        with pytest.raises(Exception, match="no such thing"):
            webhooks.get_webhook(place, actor, course_id, webhook_id)
    with pytest.raises(Exception, match="no such thing"):
        webhooks.replay(place, actor, people.other_course_id, other, message)


def row_ids(site: Site) -> list[int]:
    with site.database.reading() as session:
        return list(session.scalars(select(Webhook.id).order_by(Webhook.id)))


def test_a_refusal_of_our_own_is_no_answer_of_theirs(place: Site, people: People) -> None:
    refusing = Receiver(says=lambda: (_ for _ in ()).throw(NotAllowed("only https://")))
    told_one(place, people)
    deliver(told_by(place, refusing))
    (message,) = messages(place)
    assert message.state is DeliveryState.STUCK
    (tried,) = message.history["tries"]
    assert (tried["status"], tried["said"]) == (None, "only https://")
