"""The pages of webhooks: made, looked at, mended and deleted by instructors."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from grader.db.models import Webhook, WebhookMessage
from grader.lms.outside import Answer, NotAllowed
from grader.services.site import Site
from tests.sites import People
from tests.web._hooks import URL, Receiver, answer, assignment, deliver, hand_in, later, told_by
from tests.web._pages import Reader, reader, text_of


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def place(site: Site, receiver: Receiver, client: TestClient) -> Site:
    made = told_by(site, receiver)
    client.app.state.site = made  # type: ignore[attr-defined]
    return made


@pytest.fixture
def ines(place: Site, client: TestClient, people: People) -> Reader:
    return reader(place, client, people.instructor.actor)


@pytest.fixture
def path(people: People) -> str:
    return f"/courses/{people.course_id}/webhooks"


def added(ines: Reader, path: str) -> tuple[str, str]:
    """The path of a fresh webhook, and its secret."""
    made = ines.post(path, name="Sync", url=URL, events=["submission.received"])
    assert made.status_code == 200
    secret = re.search(r'value="(whsec_[^"]+)"', made.text)
    one = re.search(rf'action="({path}/\d+)/test"', made.text)
    assert secret
    assert one
    return one[1], secret[1]


def test_a_webhook_is_added_and_its_secret_shown_this_once(ines: Reader, path: str) -> None:
    empty = text_of(ines.get(path))
    assert "Nobody is told" in empty
    assert "to look" not in empty
    one, secret = added(ines, path)
    assert "whsec_" not in ines.get(one).text
    assert "whsec_" not in ines.get(path).text
    listed = text_of(ines.get(path))
    assert "Sync" in listed
    assert "No messages" in listed
    rotated = ines.post(f"{one}/secret")
    assert secret not in rotated.text
    assert "The former one signs as well until" in text_of(rotated)


def test_what_is_wrong_in_a_form_stands_beside_it(site: Site, ines: Reader, path: str) -> None:
    ines.visit.client.app.state.site = site  # type: ignore[attr-defined]
    wrong = ines.post(path, name="Sync", url="https://127.0.0.1/", events=["grade.released"])
    assert wrong.status_code == 422
    assert "127.0.0.1 is an address within a private network. Who runs Chain" in text_of(wrong)
    assert 'id="url-error"' in wrong.text
    nothing = ines.post(path, name="Sync", url=URL)
    assert 'id="events-error"' in nothing.text


def test_how_it_stands_why_it_failed_and_sending_again(
    place: Site, ines: Reader, path: str, people: People, receiver: Receiver
) -> None:
    one, _ = added(ines, path)
    assert "No messages" in text_of(ines.get(one))
    hand_in(place, people.ada, assignment(place, people.course_id))
    receiver.says = lambda: answer(500, "<script>alert(1)</script>")
    deliver(place)
    seen = ines.get(one)
    assert "Failing since" in text_of(seen)
    assert "status 500" in text_of(seen)
    assert "&lt;script&gt;alert(1)" in seen.text
    assert "<script>alert" not in seen.text
    assert "1 of 1 needs somebody to look: Sync fails." in text_of(ines.get(path))
    # The next try is due, and is not said to have been.
    later(place)
    assert "tried again in a moment" in text_of(ines.get(one))
    for _ in range(8):
        later(place)
        deliver(place)
    assert re.search(r"Sync [\w ,]*1 message not delivered\.", text_of(ines.get(path)))
    stuck = ines.get(one, messages="stuck")
    assert "Not delivered submission.received" in text_of(stuck)
    replay = re.search(rf'action="({one}/messages/\d+/replay)"', stuck.text)
    assert replay
    assert ines.post(replay[1]).headers["location"] == f"{one}?done=replayed"
    receiver.says = lambda: answer(204)
    deliver(place)
    assert "Delivered submission.received" in text_of(ines.get(one))
    assert "Works" in text_of(ines.get(path))
    assert "to look" not in text_of(ines.get(path))
    assert (
        ines.post(f"{one}/replay", since="2026-01-01T00:00")
        .headers["location"]
        .endswith("?done=none")
    )
    assert ines.post(f"{one}/replay").status_code == 422
    assert ines.post(f"{one}/test").headers["location"] == f"{one}?done=tested"


def test_what_has_been_sent_is_never_called_nothing(
    place: Site, ines: Reader, path: str, receiver: Receiver
) -> None:
    one, _ = added(ines, path)

    def state() -> str:
        found = re.search(r"State (.+?) Waiting \d", text_of(ines.get(one)))
        assert found
        listed = text_of(ines.get(path))
        assert ("No messages" in listed) is (found[1] == "No messages")
        return found[1]

    assert state() == "No messages"
    ines.post(f"{one}/test")
    assert state() == "On its way"
    deliver(place)
    assert state() == "Works"
    # It works still while the next one is on its way, and while those are sent once more.
    ines.post(f"{one}/test")
    assert state() == "Works"
    deliver(place)
    with place.database.reading() as session:
        sent = [row.id for row in session.query(WebhookMessage)]
    for message_id in sent:
        ines.post(f"{one}/messages/{message_id}/replay")
    assert state() == "Works"


def test_what_was_refused_by_ourselves_is_called_not_delivered(
    place: Site, ines: Reader, path: str, receiver: Receiver
) -> None:
    one, _ = added(ines, path)

    def refuse() -> Answer:
        raise NotAllowed("hooks.example is an address within a private network")

    receiver.says = refuse
    ines.post(f"{one}/test")
    deliver(place)
    assert "State Not delivered Waiting 0 Not delivered 1" in text_of(ines.get(one))


def test_it_is_changed_disabled_enabled_and_deleted(place: Site, ines: Reader, path: str) -> None:
    one, _ = added(ines, path)
    form = {"name": "Other", "url": f"{URL}/2", "events": ["attempt.graded", "grade.released"]}
    assert ines.post(one, **form).headers["location"] == f"{one}?done=saved"
    with place.database.reading() as session:
        row = session.query(Webhook).one()
        assert (row.name, row.events) == ("Other", "attempt.graded grade.released")
    assert ines.post(f"{one}/disable").headers["location"] == one
    disabled = text_of(ines.get(one))
    assert "Why: somebody disabled it." in disabled
    assert disabled.count("Disabled just now") == 1
    assert "is told nothing more" not in disabled
    assert "needs somebody" not in text_of(ines.get(path))
    assert "Try it" not in disabled
    assert ines.post(f"{one}/test").status_code == 409
    assert ines.post(f"{one}/enable").status_code == 303
    assert "Send a test" in text_of(ines.get(one))
    log = text_of(ines.get(path.replace("webhooks", "audit")))
    assert "ines disabled the webhook Other" in log
    assert ines.post(f"{one}/delete").headers["location"] == f"{path}?done=deleted"
    assert "The webhook is deleted." in text_of(ines.get(path, done="deleted"))
    assert ines.get(one).status_code == 404


def test_lists_are_walked_in_pages(place: Site, ines: Reader, path: str, people: People) -> None:
    one, _ = added(ines, path)
    for _ in range(26):
        ines.post(f"{one}/test")
    first = ines.get(one, messages="waiting")
    assert first.text.count("webhook.test") >= 25
    cursor = re.search(r"cursor=([^\"&]+)", first.text)
    assert cursor
    last = text_of(ines.get(one, messages="waiting", cursor=cursor[1]))
    assert last.count("Send now") == 1
