"""What operators see: health, figures, the log of requests, workers and the queue."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, text
from starlette.testclient import TestClient

from grader.db.models import Attempt, AttemptState, Node, Queue, Trial
from grader.db.session import moment
from grader.domain.outcomes import RunStatus
from grader.services.site import Site
from tests.coursework import Coursework, assignment_of
from tests.sites import People

API = "/api/v1"


@pytest.fixture
def work(site: Site, people: People) -> Coursework:
    """An assignment of the course."""
    return assignment_of(site, people.course_id, people.instructor.actor.person_id)


def figures(client: TestClient) -> dict[tuple[str, ...], float]:
    """What /metrics says: by name and the labels' values."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def announce(site: Site, name: str, *, silent_s: float = 0, draining: bool = False) -> None:
    with site.database.writing() as session:
        seen_at = moment(session) - timedelta(seconds=silent_s)
        facts = {"slots": 2, "devices": []}
        session.add(Node(name=name, queues="cpu", facts=facts, seen_at=seen_at, draining=draining))


def run(site: Site, submission_id: int, *, worker: str, lease_s: float = 60) -> None:
    with site.database.writing() as session:
        lease_until = moment(session) + timedelta(seconds=lease_s)
        attempt = session.query(Attempt).filter_by(submission_id=submission_id).one()
        attempt.state, attempt.worker = AttemptState.RUNNING, worker
        attempt.started_at = attempt.created_at + timedelta(seconds=5)
        attempt.lease_until = lease_until


@contextmanager
def counted(site: Site) -> Iterator[list[str]]:
    """The statements that are executed meanwhile."""
    statements: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        statements.append(statement)

    event.listen(site.database.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(site.database.engine, "before_cursor_execute", note)


def test_a_process_that_lives_says_so_without_a_token(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_without_redis_it_is_ready_but_degraded(client: TestClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    parts = answer.json()["parts"]
    assert (parts["database"], parts["blobs"]) == ("ok", "ok")
    assert parts["redis"] != "ok"


def test_a_schema_of_another_version_is_not_ready(client: TestClient, site: Site) -> None:
    with site.database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "schema" in answer.json()["parts"]["database"]


def test_without_a_place_for_blobs_it_is_not_ready(client: TestClient, site: Site) -> None:
    folder = Path(site.settings.blobs)
    shutil.rmtree(folder)
    folder.write_text("in the way")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["status"] == "not ready"
    assert answer.json()["parts"]["database"] == "ok"


def test_without_a_database_it_lives_but_is_not_ready_and_says_so_in_figures(
    client: TestClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise ConnectionError("no database")

    monkeypatch.setattr(site.database, "reading", refuse)
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    found = figures(client)
    assert found["chainrule_database_up",] == 0
    assert not any(name.startswith("chainrule_attempts") for name, *_ in found)


def test_figures_are_those_of_the_database(
    client: TestClient, people: People, site: Site, work: Coursework
) -> None:
    ada = people.ada.actor.person_id
    work.hand_in(ada)
    work.hand_in(ada, scores=[1, 2])
    work.hand_in(ada, scores=[1, 2], status=RunStatus.TIME_LIMIT)
    run(site, work.hand_in(ada), worker="w1")
    run(site, work.hand_in(ada), worker="w2", lease_s=-1)
    announce(site, "w1")
    announce(site, "w2", silent_s=3600)
    announce(site, "w3", draining=True)
    found = figures(client)
    expected = {
        ("chainrule_database_up",): 1,
        ("chainrule_attempts", "cpu", "queued"): 1,
        ("chainrule_attempts", "cpu", "running"): 2,
        ("chainrule_attempts", "cpu", "done"): 2,
        ("chainrule_queue_depth", "cpu"): 1,
        ("chainrule_queue_depth", "gpu"): 0,
        ("chainrule_leases", "held"): 1,
        ("chainrule_leases", "expired"): 1,
        ("chainrule_results", "completed"): 1,
        ("chainrule_results", "time_limit"): 1,
        ("chainrule_nodes", "live"): 1,
        ("chainrule_nodes", "silent"): 1,
        ("chainrule_nodes", "draining"): 1,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert found["chainrule_queue_oldest_seconds", "cpu"] >= 0


def test_requests_are_counted_by_the_templates_of_routes_alone(
    client: TestClient, people: People
) -> None:
    for course_id in (people.course_id, 999_999):
        client.get(f"{API}/courses/{course_id}", headers=people.ada.headers)
    client.get("/no/such/page")
    client.request("BREW", "/no/such/page")
    for method, path in (
        ("GET", "/static/style.css"),
        ("GET", f"{API}/openapi.json"),
        ("POST", f"{API}/openapi.json"),
    ):
        client.request(method, path)
    found = figures(client)
    template = f"{API}/courses/{{course_id}}"
    assert found["chainrule_requests_total", "GET", template, "200"] == 1
    assert found["chainrule_requests_total", "GET", template, "404"] == 1
    assert found["chainrule_requests_total", "GET", "(none)", "404"] == 1
    assert found["chainrule_requests_total", "OTHER", "(none)", "404"] == 1
    assert found["chainrule_request_seconds_count", "GET", template] == 2
    assert found["chainrule_requests_total", "GET", "/static", "200"] == 1
    assert found["chainrule_requests_total", "GET", f"{API}/openapi.json", "200"] == 1
    assert found["chainrule_requests_total", "POST", f"{API}/openapi.json", "405"] == 1


def test_figures_say_nothing_about_people(
    client: TestClient, people: People, work: Coursework
) -> None:
    work.hand_in(people.ada.actor.person_id, scores=[1, 2])
    said = client.get("/metrics").text
    assert not any(word in said for word in ("ada", "example.org", "dl", "a0"))


def test_figures_take_the_same_number_of_queries_however_much_there_is(
    client: TestClient, people: People, site: Site, work: Coursework
) -> None:
    with counted(site) as few:
        figures(client)
    for n in range(5):
        work.hand_in(people.ada.actor.person_id, scores=[1, 2])
        run(site, work.hand_in(people.bob.actor.person_id), worker=f"w{n}")
        announce(site, f"w{n}")
    with counted(site) as many:
        figures(client)
    assert len(many) == len(few) <= 10


def test_a_request_has_an_id_which_is_the_client_s_where_it_is_a_plain_one(
    client: TestClient,
) -> None:
    own = client.get("/healthz", headers={"X-Request-ID": "from-proxy.1"})
    assert own.headers["x-request-id"] == "from-proxy.1"
    made = client.get("/healthz", headers={"X-Request-ID": "a b\tc" * 50})
    assert made.headers["x-request-id"].isalnum()


def test_each_request_is_a_line_in_the_log_without_its_query(
    client: TestClient, people: People, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "grader.web.requests"):
        client.get(
            f"{API}/courses/{people.course_id}/people",
            params={"cursor": "sesame"},
            headers=people.ada.headers,
        )
        client.get("/healthz")
    (line,) = [one for one in caplog.records if one.name == "grader.web.requests"]
    facts = vars(line)
    assert (facts["method"], facts["status"]) == ("GET", 403)
    assert facts["route"] == f"{API}/courses/{{course_id}}/people"
    assert facts["actor"] == people.ada.actor.person_id
    assert "sesame" not in str(facts)


def test_an_unexpected_failure_is_answered_with_the_id_and_logged_with_its_traceback(
    client: TestClient,
    people: People,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("details for us alone")

    monkeypatch.setattr("grader.services.courses.list_courses", broken)
    answer = client.get(f"{API}/courses", headers={**people.ada.headers, "X-Request-ID": "r-1"})
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "r-1"
    assert answer.json()["type"] == "urn:chainrule:problem:internal-error"
    assert "details" not in answer.text
    assert "details for us alone" in caplog.text


def test_an_admin_sees_the_workers_and_takes_one_out(
    client: TestClient, people: People, site: Site
) -> None:
    announce(site, "w1")
    announce(site, "w2", silent_s=3600)
    listed = client.get(f"{API}/nodes", headers=people.admin.headers).json()["items"]
    assert [(one["name"], one["live"], one["draining"]) for one in listed] == [
        ("w1", True, False),
        ("w2", False, False),
    ]
    assert (listed[0]["queues"], listed[0]["facts"]["slots"]) == (["cpu"], 2)
    for draining in (True, False):
        changed = client.patch(
            f"{API}/nodes/w1", json={"draining": draining}, headers=people.admin.headers
        )
        assert changed.json()["draining"] is draining
    missing = client.patch(f"{API}/nodes/w9", json={"draining": True}, headers=people.admin.headers)
    assert missing.status_code == 404
    with site.database.reading() as session:
        rows = session.execute(text("SELECT action FROM audit_entry ORDER BY id")).all()
    assert [row[0] for row in rows][-2:] == ["node.drained", "node.resumed"]


def test_an_admin_sees_what_waits_and_what_runs_where(
    client: TestClient, people: People, site: Site, work: Coursework
) -> None:
    work.hand_in(people.ada.actor.person_id)
    running = work.hand_in(people.bob.actor.person_id)
    run(site, running, worker="w1")
    with site.database.writing() as session:
        version_id = session.query(Attempt.version_id).limit(1).scalar()
        author_id = people.instructor.actor.person_id
        for queue, state in ((Queue.CPU, AttemptState.QUEUED), (Queue.GPU, AttemptState.DONE)):
            trial = Trial(version_id=version_id, author_id=author_id, queue=queue, state=state)
            session.add(trial)
    queue = client.get(f"{API}/queue", headers=people.admin.headers).json()
    assert queue["trials"] == {
        "cpu": {"waiting": 1, "running": 0},
        "gpu": {"waiting": 0, "running": 0},
    }
    assert (queue["waiting"]["cpu"]["count"], queue["waiting"]["gpu"]["count"]) == (1, 0)
    assert queue["waited"] == {"count": 1, "median_s": 5, "p95_s": 5, "longest_s": 5}
    (one,) = client.get(f"{API}/queue/running", headers=people.admin.headers).json()["items"]
    assert (one["submission_id"], one["worker"], one["course"]) == (running, "w1", "dl")


def test_a_course_s_staff_sees_how_long_the_queue_is(
    client: TestClient, people: People, site: Site, work: Coursework
) -> None:
    elsewhere = assignment_of(
        site, people.other_course_id, people.outside_instructor.actor.person_id
    )
    work.hand_in(people.ada.actor.person_id)
    elsewhere.hand_in(people.outsider.actor.person_id)
    path = f"{API}/courses/{people.course_id}/queue"
    found = client.get(path, headers=people.ta.headers).json()
    assert (found["course"]["cpu"]["count"], found["all"]["cpu"]["count"]) == (1, 2)
    assert client.get(path, headers=people.ada.headers).status_code == 403
    assert client.get(path, headers=people.outside_instructor.headers).status_code == 404


@pytest.mark.parametrize("path", ["/nodes", "/queue", "/queue/running"])
def test_the_installation_is_for_admins(client: TestClient, people: People, path: str) -> None:
    answer: Any = client.get(f"{API}{path}", headers=people.instructor.headers)
    assert answer.status_code == 403
