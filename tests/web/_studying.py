"""Students' pages in tests: an assignment, work that is judged, and what a page says."""

from __future__ import annotations

import re
from typing import Any

from starlette.testclient import TestClient

from grader.domain.outcomes import Outcome
from grader.services.site import Site
from tests.assigned import assignment, published
from tests.sites import People, Signed
from tests.unit._builders import check, exercise, result
from tests.web._work import HOUR, NOW, handed_in, judge


def announced(client: TestClient, people: People) -> int:
    """The id of an assignment that is due in some hours."""
    made = assignment(client, people, title="Backprop", due_at=(NOW + 3 * HOUR).isoformat())
    published(client, people, made)
    return made


def text_of(answer: Any) -> str:
    """What a page says, in one line."""
    body = re.sub(r"<head>.*?</head>", "", answer.text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


def judged(site: Site, client: TestClient, who: Signed, assignment_id: int, *checks: Any) -> int:
    """The id of what somebody hands in, whose one exercise came to these checks."""
    receipt = handed_in(client, who, assignment_id)
    judge(site, receipt["attempt_id"], result(exercise(*checks, title="Slopes")))
    return int(receipt["id"])


HALF = check(id="c1", outcome=Outcome.PARTIAL, score=10.0, max_score=20.0, message="Nearly.")
WRONG = check(
    id="c1", outcome=Outcome.FAILED, score=0.0, max_score=20.0, message="Off.", hint="The sign."
)
RIGHT = check(id="c1", score=20.0, max_score=20.0)
