"""Results: staff see what is stored, students what they may, and nobody a zero that is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.domain.outcomes import Outcome
from grader.domain.results import Result
from grader.domain.rubric import Visibility
from grader.resultdoc import document
from grader.services.site import Site
from tests.sites import People, Signed
from tests.unit._builders import check, exercise, result
from tests.web._work import (  # noqa: F401 - fixtures
    API,
    HOUR,
    NOW,
    assignment,
    extend,
    fail,
    handed_in,
    judge,
    messages,
    site,
    team_up,
)

SECRET = "the largest error is 0.5"
PARTS = ("result", "report", "notebook")


def judged(visibility: Visibility) -> Result:
    failed = check(
        "limits",
        Outcome.PARTIAL,
        1.0,
        4.0,
        f"Said: {SECRET}.",
        f"Hinted: {SECRET}.",
        {"cause": SECRET},
        visibility,
    )
    return result(exercise(check(), failed))


def made(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    visibility: Visibility = "visible",
    **rules: Any,
) -> tuple[int, str]:
    """An assignment, and the path of Ada's judged submission."""
    number = assignment(site, people.course_id, **rules)
    receipt = handed_in(client, people.ada, number, "# chainrule: ex1\nx = 1")
    judge(site, receipt["attempt_id"], judged(visibility))
    return number, receipt["url"]


def told(client: TestClient, who: Signed, path: str) -> list[bool]:
    """Whether the secret is in the document, the report and the notebook."""
    answers = [client.get(f"{path}/{part}", headers=who.headers) for part in PARTS]
    assert [one.status_code for one in answers] == [200] * 3
    return [SECRET in one.text for one in answers]


def test_staff_get_the_document_as_it_is_stored(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    _, path = made(client, people, site, "hidden")
    answer = client.get(f"{path}/result", headers=people.ta.headers)
    assert answer.json() == json.loads(json.dumps(document(judged("hidden"))))
    assert told(client, people.ta, path) == [True, True, True]


@pytest.mark.parametrize(
    ("visibility", "due_at", "extended", "seen"),
    [
        ("visible", None, None, True),
        ("hidden", NOW - HOUR, None, False),
        ("after_due", None, None, False),
        ("after_due", NOW + HOUR, None, False),
        ("after_due", NOW - HOUR, None, True),
        ("after_due", NOW - HOUR, NOW + HOUR, False),
    ],
)
def test_students_get_what_they_may_see_by_their_own_due_date(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    visibility: Visibility,
    due_at: Any,
    extended: Any,
    seen: bool,
) -> None:
    number, path = made(client, people, site, visibility, due_at=due_at)
    if extended is not None:
        extend(site, number, people.ada, extended)

    assert told(client, people.ada, path) == [seen, seen, seen]
    shown = client.get(f"{path}/result", headers=people.ada.headers).json()
    assert shown["seed"] is None
    assert shown["score"] == 5.0
    assert all(not one["detail"] for one in shown["exercises"][0]["checks"])
    report = client.get(f"{path}/report", headers=people.ada.headers).text
    assert "seed" not in report


def test_of_others_there_is_nothing_and_the_team_sees_it_all(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    _, path = made(client, people, site)
    for part in PARTS:
        for who in (people.bob, people.outsider, people.outside_instructor):
            assert client.get(f"{path}/{part}", headers=who.headers).status_code == 404
    team_up(site, people, people.ada, people.bob)
    assert told(client, people.bob, path) == [True, True, True]


def test_the_notebook_is_saved_and_never_rendered(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    _, path = made(client, people, site)
    answer = client.get(f"{path}/notebook", headers=people.ada.headers)
    assert answer.headers["content-disposition"].startswith(
        'attachment; filename="a0-executed.ipynb"'
    )
    assert answer.headers["content-type"] == "application/x-ipynb+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["metadata"]["chainrule"]["score"] == 5.0


def test_the_report_is_plain_text(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    _, path = made(client, people, site)
    answer = client.get(f"{path}/report", headers=people.ada.headers)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "5 of 8 points" in answer.text


def test_what_waits_for_a_person_is_pending_and_not_lost(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    receipt = handed_in(client, people.ada, assignment(site, people.course_id))
    waiting = check("answer", Outcome.PENDING, 0.0, 2.0, "A person reads it.")
    judge(site, receipt["attempt_id"], result(exercise(check(), waiting)))
    shown = client.get(f"{receipt['url']}/result", headers=people.ada.headers).json()
    assert (shown["score"], shown["max_score"], shown["pending"]) == (4.0, 6.0, 2.0)


@pytest.mark.parametrize(("end", "words"), [("waits", "not judged yet"), ("failed", "not a zero")])
def test_what_is_not_judged_is_said_to_be_so(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    end: str,
    words: str,
) -> None:
    receipt = handed_in(client, people.ada, assignment(site, people.course_id))
    if end == "failed":
        fail(site, receipt["attempt_id"], "out of disk on node7")
    for part in PARTS:
        answer = client.get(f"{receipt['url']}/{part}", headers=people.ada.headers)
        assert answer.status_code == 404
        assert words in answer.json()["detail"]
        assert "node7" not in answer.text


def test_results_against_other_versions_are_for_staff(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    _, path = made(client, people, site)
    other = {"version_id": 999_999}
    for who, status in [(people.ada, 403), (people.ta, 404)]:
        answer = client.get(f"{path}/result", params=other, headers=who.headers)
        assert answer.status_code == status


def test_staff_see_what_is_wrong_how_often(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id)
    for who, cause in [(people.ada, "sign"), (people.ada, "mean"), (people.bob, "sign")]:
        receipt = handed_in(client, who, number)
        wrong = check("grad", Outcome.FAILED, 0.0, detail={"cause": cause})
        judge(site, receipt["attempt_id"], result(exercise(check(), wrong)))

    path = f"{API}/assignments/{number}/causes"
    found = client.get(path, headers=people.ta.headers).json()["counts"]
    assert [(one["check"], one["cause"], one["submissions"]) for one in found] == [
        ("grad", "sign", 2),
        ("grad", "mean", 1),
    ]
    passed = client.get(path, params={"outcome": "passed"}, headers=people.ta.headers).json()
    assert [(one["check"], one["submissions"]) for one in passed["counts"]] == [("values", 3)]
    assert client.get(path, headers=people.ada.headers).status_code == 403
