"""Webhooks for tests, an outside that answers as it is told, and what happens in a course."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import update
from standardwebhooks import Webhook as Verifier

from grader.db.models import AssignmentVersion, Queue, Webhook, WebhookEvent, WebhookMessage
from grader.db.types import now
from grader.lms.outside import Answer
from grader.services import delivering, hooksending, judging, submissions, webhooks
from grader.services.delivering import Kind
from grader.services.site import Site
from grader.services.webhooks import WithSecret
from tests.sites import People, Signed
from tests.unit._builders import check, exercise, result
from tests.web import _work

URL = "https://hooks.example/in"
ALL = tuple(WebhookEvent)

Says = Callable[[], Answer]


def answer(status: int, body: str = "", **headers: str) -> Answer:
    """What a receiver answers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, named, body.encode())


@dataclass(frozen=True)
class Got:
    """A request that has arrived."""

    url: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def id(self) -> str:
        """What tells it from other messages."""
        return self.headers["webhook-id"]

    @property
    def body(self) -> Any:
        """What it tells."""
        return json.loads(self.content)

    def verified(self, secret: str) -> Any:
        """The body, as whoever has the secret trusts it."""
        return Verifier(secret).verify(self.content, dict(self.headers))


@dataclass
class Receiver:
    """In the place of `Outside`: notes what is sent, and answers as `says`."""

    says: Says = lambda: answer(204)
    got: list[Got] = field(default_factory=list)

    def check(self, url: str) -> None:
        """Everywhere may be gone to."""

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str], content: bytes, largest: int
    ) -> Answer:
        """As of `Outside`."""
        assert method == "POST"
        self.got.append(Got(url, headers, content))
        return self.says()


def told_by(site: Site, receiver: Receiver) -> Site:
    """The installation, whose way out leads to the receiver."""
    return replace(site, outside=receiver)  # type: ignore[arg-type]


def hook(
    site: Site, people: People, *events: WebhookEvent, url: str = URL, who: Signed | None = None
) -> WithSecret:
    """A webhook of the course, or of another instructor's."""
    signed = who or people.instructor
    course_id = people.course_id if who is None else people.other_course_id
    return webhooks.create(
        site, signed.actor, course_id, url=url, name="hook", events=events or ALL
    )


def deliver(site: Site) -> int:
    """Send what is due."""
    return delivering.deliver(site, [Kind(WebhookMessage, hooksending.send)])


def later(site: Site) -> None:
    """All waiting is over."""
    with site.database.writing() as session:
        session.execute(update(WebhookMessage).values(next_at=now()))
        session.execute(update(Webhook).values(resting_until=None))


def assignment(site: Site, course_id: int) -> int:
    """An assignment that everybody hands in for, with one exercise."""
    made = _work.assignment(site, course_id)
    with site.database.writing() as session:
        outline = {"exercises": [{"id": "ex1", "title": "One"}]}
        session.execute(update(AssignmentVersion).values(outline=outline))
    return made


def hand_in(site: Site, who: Signed, assignment_id: int) -> int:
    """The id of what somebody has handed in."""
    content = [_work.notebook("x = 1")]
    return submissions.submit(
        site, who.actor, assignment_id, name="a0.ipynb", content=content
    ).submission.id


def judge(site: Site, score: float = 3.0) -> bool:
    """Judge what waits longest, as a worker does; whether anything did."""
    held = judging.claim_attempt(site, Queue.CPU)
    if held is None:
        return False
    return judging.finish(site, held, result(exercise(check(score=score))), b"{}")
