"""What students see: their courses and where they hand in; and who may see which page."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.domain.outcomes import RunStatus
from grader.services import requests
from grader.services.attempts import regrade_submission
from grader.services.site import Site
from tests.assigned import assignment, published, rubric, statements, upload
from tests.sites import People, Signed, client_of, people_of, site_at
from tests.unit._builders import check, exercise, result
from tests.web._studying import HALF, RIGHT, WRONG, announced, judged, text_of
from tests.web._visiting import Visit, visit
from tests.web._work import HOUR, NOW, extend, fail, handed_in, judge, notebook

# Who a page is for. owner: whose work it is and the staff; owner alone: whose work it is.
ROUTES: dict[str, str] = {
    "GET /courses": "signed in",
    "GET /courses/{course_id}": "read",
    "GET /assignments/{assignment_id}": "read",
    "GET /assignments/{assignment_id}/files": "read",
    "GET /assignments/{assignment_id}/files/{name:path}": "read",
    "POST /assignments/{assignment_id}/submissions": "read",
    "GET /assignments/{assignment_id}/requests": "grade",
    "GET /submissions/{submission_id}": "owner",
    "GET /submissions/{submission_id}/file": "owner",
    "GET /submissions/{submission_id}/compare/{other_id}": "owner",
    "POST /submissions/{submission_id}/choice": "owner alone",
    "POST /submissions/{submission_id}/requests": "owner alone",
    "GET /attempts/{attempt_id}/events": "owner",
    "GET /attempts/{attempt_id}/progress": "owner",
    "GET /requests/{request_id}": "owner",
    "POST /requests/{request_id}/messages": "owner",
    "POST /requests/{request_id}/withdraw": "owner alone",
    "POST /requests/{request_id}/accept": "grade",
    "POST /requests/{request_id}/decline": "grade",
}
_FORMS: dict[str, Any] = {
    "POST /submissions/{submission_id}/requests": {"exercise": "ex1", "text": "Look again."},
    "POST /requests/{request_id}/messages": {"text": "And?"},
    "POST /requests/{request_id}/accept": {"text": ""},
    "POST /requests/{request_id}/decline": {"text": "It is right as it is."},
}


@dataclass(frozen=True)
class World:
    """The course with an assignment, in which ada has handed in twice and asked for a regrade."""

    site: Site
    client: TestClient
    people: People
    ids: dict[str, Any]

    def ask(self, label: str, who: Signed | None) -> int:
        """The status of the answer."""
        method, path = label.split(" ", 1)
        path = path.replace(":path", "").format(**self.ids)
        visitor = visit(self.site, self.client, who.actor if who else None)
        if method == "GET":
            return visitor.get(path).status_code
        files = {"files": ("a.ipynb", notebook("x"))} if label.endswith("/submissions") else None
        return visitor.post(path, _FORMS.get(label), files=files).status_code


@contextmanager
def a_world(migrated_sqlite: Path, folder: Path, label: str = "") -> Iterator[World]:
    (folder / "chainrule.db").write_bytes(migrated_sqlite.read_bytes())
    site = site_at(f"sqlite:///{folder}/chainrule.db", folder)
    with client_of(site) as client:
        people = people_of(site)
        assignment_id = assignment(client, people, policy={"counts": "chosen"})
        published(client, people, assignment_id)
        first = handed_in(client, people.ada, assignment_id)
        judge(site, first["attempt_id"], result(exercise(check(id="c1"))))
        other = handed_in(client, people.ada, assignment_id, "x = 2")
        asks = label == "POST /submissions/{submission_id}/requests"
        made = requests.open_request(
            site, people.ada.actor, first["id"], exercise="ex1", reason="Look again."
        )
        if asks:
            requests.withdraw(site, people.ada.actor, made.id)
        ids = {
            "course_id": people.course_id,
            "assignment_id": assignment_id,
            "submission_id": first["id"],
            "other_id": other["id"],
            "attempt_id": first["attempt_id"],
            "request_id": made.id,
            "name": "starter.ipynb",
        }
        yield World(site, client, people, ids)
    site.close()


@pytest.fixture
def world(request: pytest.FixtureRequest, migrated_sqlite: Path, tmp_path: Path) -> Iterator[World]:
    with a_world(migrated_sqlite, tmp_path, request.node.callspec.params["label"]) as made:
        yield made


@pytest.mark.parametrize("label", ROUTES)
def test_a_page_is_for_whom_the_table_says(label: str, world: World) -> None:
    people, need = world.people, ROUTES[label]
    done = (200, 204, 303, 404) if label.endswith("{name:path}") else (200, 204, 303)
    assert world.ask(label, None) == 303  # to the form for signing in
    if need == "signed in":
        assert world.ask(label, people.outsider) == 200
        return
    for one in (people.outsider, people.outside_instructor):
        assert world.ask(label, one) == 404
    refused, first, others = {
        "read": ([], people.ada, [people.bob, people.ta]),
        "grade": ([(people.ada, 403), (people.bob, (403, 404))], people.ta, []),
        "owner": ([(people.bob, 404)], people.ada, [people.ta, people.instructor, people.admin]),
        "owner alone": (
            [(people.bob, 404), (people.ta, 403), (people.instructor, 403), (people.admin, 403)],
            people.ada,
            [],
        ),
    }[need]
    for one, status in refused:
        assert world.ask(label, one) in (status if isinstance(status, tuple) else (status,))
    assert world.ask(label, first) in done
    for one in others:
        assert world.ask(label, one) in done


@pytest.mark.parametrize("label", [label for label in ROUTES if label.startswith("POST")])
def test_a_form_without_its_token_does_nothing(label: str, world: World) -> None:
    visitor = visit(world.site, world.client, world.people.ada.actor)
    path = label.split(" ", 1)[1].format(**world.ids)
    sent = {"csrf": "x", **(_FORMS.get(label) or {})}
    assert visitor.post(path, sent).status_code == 403


@pytest.fixture
def assignment_id(client: TestClient, people: People) -> int:
    return announced(client, people)


@pytest.fixture
def ada(site: Site, client: TestClient, people: People) -> Visit:
    return visit(site, client, people.ada.actor)


def test_a_course_says_what_is_next_and_where_each_assignment_stands(
    site: Site, client: TestClient, people: People, ada: Visit, assignment_id: int
) -> None:
    page = f"/courses/{people.course_id}"
    said = text_of(ada.get(page))
    assert "Next: hand in Backprop , due in 2 hours" in said
    assert "Not handed in" in said
    receipt = handed_in(client, people.ada, assignment_id)
    assert "Being judged" in text_of(ada.get(page))
    judge(site, receipt["attempt_id"], result(exercise(WRONG)))
    said = text_of(ada.get(page))
    assert "Next: see what is left in Backprop" in said
    assert "Judged 0 of 20 Read what is wrong, then hand in again." in said
    judged(site, client, people.ada, assignment_id, RIGHT)
    said = text_of(ada.get(page))
    assert "Nothing is left to do for now." in said
    assert "Judged 20 of 20 Nothing is left to do." in said


def test_no_course_page_is_longer_in_queries_for_more_assignments(
    site: Site, client: TestClient, people: People, ada: Visit, assignment_id: int
) -> None:
    judged(site, client, people.ada, assignment_id, HALF)
    with statements(site) as few:
        ada.get(f"/courses/{people.course_id}")
    for _ in range(3):
        more = assignment(client, people)
        published(client, people, more)
        judged(site, client, people.ada, more, HALF)
    with statements(site) as many:
        assert ada.get(f"/courses/{people.course_id}").status_code == 200
    assert len(many) == len(few)


def test_a_failure_of_ours_is_no_zero_anywhere(
    site: Site, client: TestClient, people: People, ada: Visit, assignment_id: int
) -> None:
    receipt = handed_in(client, people.ada, assignment_id)
    fail(site, receipt["attempt_id"])
    for page in (
        f"/courses/{people.course_id}",
        f"/assignments/{assignment_id}",
        f"/submissions/{receipt['id']}",
    ):
        said = text_of(ada.get(page))
        assert "Ours to fix" in said
        assert "0 of 20" not in said
    assert "It is not a zero" in said
    again = regrade_submission(site, people.ta.actor, receipt["id"], reason="a fix").attempt.id
    judge(site, again, result(exercise(HALF), status=RunStatus.INTERNAL_ERROR))
    said = text_of(ada.get(f"/submissions/{receipt['id']}"))
    assert "Ours to fix" in said
    assert "10 of 20 points" not in said


def test_the_rules_are_told_before_anything_is_sent(
    site: Site, client: TestClient, people: People, ada: Visit
) -> None:
    policy = {
        "submissions": 2,
        "cooldown_s": 3600,
        "late": {"penalty": 0.1, "grace_s": 600, "closes_after_s": 86400},
    }
    late = assignment(client, people, due_at=(NOW - HOUR).isoformat(), policy=policy)
    published(client, people, late)
    said = text_of(ada.get(f"/assignments/{late}"))
    assert "2 submissions are left." in said
    assert "Handed in now: 1 day late: 10 % of the points are taken off" in said
    assert "It closes in 2" in said
    handed_in(client, people.ada, late)
    said = text_of(ada.get(f"/assignments/{late}"))
    assert "1 submission is left." in said
    assert "Another submission can follow a little later. From" in said
    extend(site, late, people.ada, NOW + 5 * HOUR)
    said = text_of(ada.get(f"/assignments/{late}"))
    assert "your extension" in said
    assert "Handed in now" not in said


def test_a_form_hands_in_and_leads_to_the_result(
    client: TestClient, people: People, ada: Visit, assignment_id: int
) -> None:
    page = ada.get(f"/assignments/{assignment_id}").text
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found
    files = {"files": ("a0.ipynb", notebook("x = 1"))}
    path = f"/assignments/{assignment_id}/submissions"
    first = ada.post(path, {"key": found[1]}, files=files)
    again = ada.post(path, {"key": found[1]}, files=files)
    assert first.status_code == 303
    assert first.headers["location"] == again.headers["location"]
    said = text_of(ada.get(first.headers["location"]))
    assert "Submission 1 of 1" in said
    assert "Not judged yet" in said


def test_a_script_s_form_is_led_on_or_told_why_in_its_place(
    ada: Visit, people: People, assignment_id: int
) -> None:
    path = f"/assignments/{assignment_id}/submissions"
    part = {"hx-request": "true"}
    gone = ada.post(path, files={"files": ("a0.ipynb", notebook("x"))}, headers=part)
    assert gone.status_code == 204
    assert gone.headers["hx-redirect"].startswith("/submissions/")
    refused = ada.post(path, files={"files": ("a0.pdf", b"%PDF")}, headers=part)
    assert refused.status_code == 422
    assert "hx-retarget" not in refused.headers
    assert (
        text_of(refused)
        == "Nothing was handed in. a0.pdf: only .ipynb and .py files can be graded."
    )


def test_a_refused_form_comes_back_with_what_to_do_and_the_same_key(
    ada: Visit, assignment_id: int
) -> None:
    path = f"/assignments/{assignment_id}/submissions"
    key = "k" * 32
    answer = ada.post(path, {"key": key}, files={"files": ("a0.ipynb", b"{}")})
    assert answer.status_code == 422
    assert "Nothing was handed in. a0.ipynb: it is JSON but no notebook" in text_of(answer)
    assert key in answer.text
    assert "Choose a notebook (.ipynb) or a Python file (.py) first" in text_of(ada.post(path))


def test_of_several_files_a_form_asks_which_is_meant(ada: Visit, assignment_id: int) -> None:
    path = f"/assignments/{assignment_id}/submissions"
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("hw/a0.ipynb", notebook("x"))
        archive.writestr("hw/<b>.py", "x = 1\n")
    files = {"files": ("hw.zip", zipped.getvalue())}
    asked = ada.post(path, files=files)
    assert asked.status_code == 200
    assert "Which one is to be graded?" in text_of(asked)
    assert "hw/&lt;b&gt;.py" in asked.text
    assert "<b>" not in asked.text
    assert ada.post(path, {"pick": "hw/a0.ipynb"}, files=files).status_code == 303


def test_a_request_that_is_too_long_is_answered_by_a_page(
    site: Site, people: People, assignment_id: int
) -> None:
    small = replace(site, settings=replace(site.settings, upload_bytes=2000))
    with client_of(small) as client:
        ada = visit(small, client, people.ada.actor)
        path = f"/assignments/{assignment_id}/submissions"
        answer = ada.post(path, files={"files": ("a0.ipynb", b" " * 3000)})
    assert answer.status_code == 413
    assert "That is too large" in text_of(answer)


def test_what_is_closed_or_not_open_takes_nothing(
    client: TestClient, people: People, ada: Visit
) -> None:
    closed = {"late": {"closes_after_s": 0}}
    over = assignment(client, people, due_at=(NOW - HOUR).isoformat(), policy=closed)
    published(client, people, over)
    page = ada.get(f"/assignments/{over}")
    assert "This assignment is closed." in text_of(page)
    assert 'type="file"' not in page.text
    later = assignment(client, people, opens_at=(NOW + HOUR).isoformat())
    published(client, people, later)
    assert "It opens in" in text_of(ada.get(f"/assignments/{later}"))
    refused = ada.post(f"/assignments/{later}/submissions", files={"files": ("a.py", b"x = 1")})
    assert "This assignment is not open yet. It can be handed in" in text_of(refused)
    assert ada.get(f"/assignments/{later}/files").status_code == 409


def test_files_to_begin_with_are_the_starter_and_the_data_and_nothing_else(
    client: TestClient, people: People, ada: Visit, site: Site
) -> None:
    made = assignment(client, people)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("rubrics/lines/rubric.yaml", rubric())
        archive.writestr("rubrics/lines/starter.ipynb", notebook("# begin here"))
        archive.writestr("rubrics/lines/files/data/points.csv", "1,2\n")
        archive.writestr("reference/lines/solution.py", "x = 1\n")
        archive.writestr("reference/lines/answer.py", "x = 1\n")
    version = upload(client, people.instructor, made, zipped.getvalue()).json()["id"]
    client.post(
        f"/api/v1/versions/{version}/publish",
        json={"because": "test"},
        headers=people.instructor.headers,
    )
    page = ada.get(f"/assignments/{made}/files")
    links = re.findall(rf'href="/assignments/{made}/files/([^"]+)"', page.text)
    assert links == ["starter.ipynb", "data/points.csv"]
    got = ada.get(f"/assignments/{made}/files/data/points.csv")
    assert got.text == "1,2\n"
    assert 'filename="points.csv"' in got.headers["content-disposition"]
    for path in ("rubric.yaml", "../rubric.yaml", "solution.py", "%2e%2e/rubric.yaml"):
        assert ada.get(f"/assignments/{made}/files/{path}").status_code == 404
