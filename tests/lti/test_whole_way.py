"""The whole way of a course in an LMS, as docs/lms.md tells it: registered by a link, connected by
its instructor, an assignment chosen, a student's launch, and the grade back there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from lti1p3platform.score import UpdateScoreStatus
from lti1p3platform.service_connector import AssignmentsGradesService
from starlette.testclient import TestClient

from grader.lms.outside import Answer
from grader.services.delivering import deliver
from grader.services.passback import catch_up
from grader.services.signingkeys import jwks
from grader.services.site import Site
from tests.coursework import assignment_of
from tests.lmsplatform import INSTRUCTOR, LEARNER, Asked, Browser, Lms
from tests.lti._linked import person
from tests.sites import People
from tests.web._pages import reader, text_of

OPENID = "https://lms.example/openid"
TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
OURS = {"sec-fetch-site": "same-origin"}


class Gradebook(AssignmentsGradesService):  # type: ignore[misc]
    """The package's gradebook services, with their columns and results in memory."""

    lms: Graded

    def find_lineitems(self, **named: Any) -> Any:
        """As the package has it."""
        names = {"resource_id": "resourceId", "resource_link_id": "resourceLinkId"}
        found = [
            one
            for one in self.lms.columns.values()
            if all(one.get(names[name]) == value for name, value in named.items())
        ]
        return {"content": found, "has_next": False}

    def find_lineitem(self, line_item_id: str) -> Any:
        """As the package has it."""
        return self.lms.columns[line_item_id]

    def create_lineitem(self, creation_data: Any) -> Any:
        """As the package has it."""
        raise AssertionError("the column is there already")

    def update_lineitem(self, update_data: Any) -> Any:
        """As the package has it."""
        raise AssertionError("nobody changes a column of theirs")

    def delete_lineitem(self, line_item_id: str) -> None:
        """As the package has it."""
        raise AssertionError("nobody deletes a column of theirs")

    def update_score(self, line_item_id: str, score: Any) -> UpdateScoreStatus:
        """As the package has it."""
        self.lms.scores[line_item_id, score["userId"]] = score
        return UpdateScoreStatus.SUCCESS

    def get_results(self, line_item_id: str, user_id: str = "", **_: Any) -> Any:
        """As the package has it."""
        score = self.lms.scores.get((line_item_id, user_id))
        found = []
        if score is not None:
            given = {"resultScore": score["scoreGiven"], "resultMaximum": score["scoreMaximum"]}
            found.append({"userId": user_id, **given})
        return {"content": found, "has_next": False}


@dataclass
class Graded(Lms):
    """An LMS that registers itself and has a gradebook."""

    columns: dict[str, dict[str, Any]] = field(default_factory=dict)
    scores: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def answer(self, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """As of Lms."""
        parts = urlsplit(url)
        if not parts.path.startswith("/items"):
            return super().answer(method, url, headers, content)
        query = {name: value for name, value in parse_qsl(parts.query) if name != "type_id"}
        asked = {
            "method": method,
            "headers": {"Authorization": headers["authorization"]},
            "get_data": query,
            "json": json.loads(content) if content else None,
        }
        service = Gradebook(Asked(asked), self.conf, f"{self.base}/items")
        service.lms = self
        _, _, number, part = (*parts.path.split("/"), "", "")[:4]
        handle, which = {
            ("", ""): (service.handle_get_lineitems, {}),
            ("4", ""): (service.handle_get_lineitem, {"line_item_id": number}),
            ("4", "results"): (service.handle_get_results, {"line_item_id": number}),
            ("4", "scores"): (service.handle_update_score, {"line_item_id": number}),
        }[number, part]
        found = service.handle_resp(handle, **which)
        body = found.result
        if isinstance(body, dict) and "content" in body:
            body = body["content"]
        return Answer(found.code, {}, json.dumps(body).encode())


@pytest.fixture
def lms() -> Graded:
    """An LMS that may register itself."""
    made = Graded()
    said = {
        "issuer": made.base,
        "authorization_endpoint": f"{made.base}/auth",
        "token_endpoint": f"{made.base}/token",
        "jwks_uri": f"{made.base}/jwks",
        "registration_endpoint": f"{made.base}/register",
    }
    answered = {"client_id": made.client_id, TOOL: {"deployment_id": "deployment-1"}}
    for path, body in (("/openid", said), ("/register", answered)):
        text = json.dumps(body).encode()
        made.answers[path] = lambda text=text: Answer(200, {}, text)  # type: ignore[misc]
    return made


def found(pattern: str, answer: Any) -> str:
    """What a page says there."""
    match = re.search(pattern, answer.text)
    assert match, text_of(answer)
    return match[1]


def send(browser: Browser, page: str, path: str, **fields: str) -> Any:
    """A form of one of our pages, as it stands there."""
    token = found(r'name="csrf" value="([^"]+)"', browser.client.get(page))
    return browser.post({"csrf": token, **fields}, path, **OURS)


def test_from_a_registration_link_to_a_grade_in_the_lms(
    site: Site, client: TestClient, people: People, lms: Graded
) -> None:
    # Who runs the installation makes a link, and the LMS registers itself by it.
    root = reader(site, client, people.admin.actor)
    secret = found(r"invitation=([\w-]+)", root.post("/platforms/invitations"))
    form = {"invitation": secret, "openid_configuration": OPENID}
    assert "Register lms.example" in text_of(client.get("/lti/register", params=form))
    assert client.post("/lti/register", data=form, headers=OURS).status_code == 200

    # The instructor's first launch asks which course it is.
    browser = Browser(client, lms)
    page = browser.come("t1", [INSTRUCTOR], name="Tea", link="front").headers["location"]
    course = {"title": "Deep learning", "slug": "deep", "timezone": "UTC"}
    made = send(browser, page, f"{page}/new", **course)
    here = made.headers["location"].removesuffix("/lms?done=linked")
    course_id = int(here.removeprefix("/courses/"))
    work = assignment_of(site, course_id, person(site, "t1").id, slug="a0")

    # In the LMS they choose the assignment, which becomes a link with a column.
    shown = browser.post(lms.launch(browser.asked("t1"), "t1", [INSTRUCTOR], deep_linking=True))
    ticket = found(r'name="ticket" value="([^"]+)"', shown)
    chosen = {"ticket": ticket, "assignments": str(work.assignment_id)}
    brought = browser.post(chosen, "/lti/pick", **OURS)
    lms.registration.set_tool_key_set(jwks(site))  # type: ignore[arg-type]
    token = found(r'name="JWT" value="([^"]+)"', brought)
    (item,) = lms.conf.validate_deeplinking_resp({"JWT": token})
    column = {"id": f"{lms.base}/items/4?type_id=1", "resourceLinkId": "link-1"}
    lms.columns["4"] = {**item["lineItem"], **column}

    # A student opens it, lands there, and hands in.
    landed = browser.come("s1", [LEARNER], name="Stu", custom=item["custom"])
    assert landed.headers["location"] == f"/assignments/{work.assignment_id}"
    assert "a0" in text_of(client.get(landed.headers["location"]))
    work.hand_in(person(site, "s1").id, scores=(4.0, 3.5))

    # The grade is released on its page, and goes there by a token of the LMS's own.
    browser.come("t1", [INSTRUCTOR], link="front")
    released = f"/assignments/{work.assignment_id}/release"
    assert send(browser, released, released).status_code == 303
    catch_up(site)
    assert deliver(site) == 1
    ((where, score),) = lms.scores.items()
    assert where == ("4", "s1")
    assert (score["scoreGiven"], score["scoreMaximum"]) == (7.5, 10)
    assert score["gradingProgress"] == "FullyGraded"
    assert "Arrived 1 On the way 0 Stuck 0" in text_of(client.get(f"{here}/lms"))
