"""The page of an executed notebook: who sees it, what it allows, and whose verdicts it shows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader import apart
from grader.domain.outcomes import Outcome
from grader.domain.results import CellOutput
from grader.services import notebooks
from grader.services.site import Site
from tests.sites import People, Signed
from tests.unit._builders import check, exercise, result
from tests.web._browsing import as_
from tests.web._work import (  # noqa: F401 - fixtures
    assignment,
    hand_in,
    judge,
    messages,
    notebook,
    site,
)

ROUTES = {
    "GET /submissions/{submission_id}/notebook": "owner",
    "GET /submissions/{submission_id}/notebook/frame": "owner",
    "GET /submissions/{submission_id}/notebook.ipynb": "owner",
}
HELLO = CellOutput(
    index=0, outputs=({"output_type": "stream", "name": "stdout", "text": "hello <b>you</b>"},)
)

Made = Callable[..., int]


@pytest.fixture
def made(client: TestClient, site: Site, people: People) -> Made:  # noqa: F811
    """Makes a judged submission of Ada's."""

    def made(source: str = "# chainrule: ex1\nx = 1", name: str = "a0.ipynb", **more: Any) -> int:
        number = assignment(site, people.course_id)
        receipt = hand_in(client, people.ada, number, notebook(source), name=name).json()
        more.setdefault("outputs", [HELLO])
        lost = check(
            "limits", outcome=Outcome.FAILED, score=0.0, visibility="hidden", message="SECRET"
        )
        judge(site, receipt["attempt_id"], result(exercise(check(), lost), **more))
        submission_id: int = receipt["id"]
        return submission_id

    return made


def address(route: str, submission_id: int) -> str:
    return route.split(" ")[1].format(submission_id=submission_id)


@pytest.mark.parametrize("route", ROUTES)
def test_it_is_for_whose_it_is_and_for_staff(
    route: str,
    made: Made,
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    where = address(route, made())
    for one in (people.ada, people.ta, people.instructor, people.admin):
        assert client.get(where, headers=as_(site, one)).status_code == 200
    for one in (people.bob, people.outsider, people.outside_instructor):
        assert client.get(where, headers=as_(site, one)).status_code == 404


def test_the_frame_has_no_origin_and_its_document_may_do_nothing(
    made: Made,
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = made()
    page = client.get(f"/submissions/{number}/notebook", headers=as_(site, people.ada)).text
    frame = client.get(f"/submissions/{number}/notebook/frame", headers=as_(site, people.ada))
    policy = frame.headers["content-security-policy"]

    assert re.search(r'<iframe [^>]*sandbox=""[^>]* title="Executed notebook a0.ipynb', page)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert policy.endswith("frame-ancestors 'self'; sandbox")
    assert "no-store" in frame.headers["cache-control"]
    assert "<script" not in frame.text
    assert "hello &lt;b&gt;you&lt;/b&gt;" in frame.text


def test_for_staff_the_frame_leads_to_the_page_around_it_and_nowhere_else(
    made: Made,
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = made()
    part = {"HX-Request": "true", "HX-Current-URL": "https://x.example/assignments/1?a=%22#b"}
    page = client.get(f"/submissions/{number}/notebook", headers=as_(site, people.ta) | part).text
    (where,) = re.findall(
        r'sandbox="allow-top-navigation-by-user-activation" [^>]* src="(.*?)"', page
    )
    frame = client.get(unescape(where), headers=as_(site, people.ta))
    policy = frame.headers["content-security-policy"]

    assert '<base href="/assignments/1?a=%22">' in frame.text
    assert 'href="#comment-1" target="_top"' in frame.text
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert policy.endswith("sandbox allow-top-navigation-by-user-activation")
    part["HX-Current-URL"] = f"/x?{7000 * 'x'}"  # no page of ours has such an address
    page = client.get(f"/submissions/{number}/notebook", headers=as_(site, people.ta) | part).text
    assert 'sandbox=""' in page
    for outside in ("//x.example/", "/\\x.example/", "https://x.example/", "x", ""):
        asked = client.get(
            f"/submissions/{number}/notebook/frame",
            params={"around": outside},
            headers=as_(site, people.ta),
        )
        assert asked.status_code == 422


def test_a_script_gets_the_part_alone(
    made: Made,
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    headers = as_(site, people.ada) | {"HX-Request": "true"}
    part = client.get(f"/submissions/{made()}/notebook", headers=headers).text

    assert part.lstrip().startswith("<div")
    assert "<iframe" in part


def test_each_exercise_has_its_verdict_and_leads_to_its_cell(
    made: Made,
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = made("# chainrule: ex1\nx = 1")
    page = client.get(f"/submissions/{number}/notebook", headers=as_(site, people.ada)).text
    frame = client.get(f"/submissions/{number}/notebook/frame", headers=as_(site, people.ada)).text

    assert f'href="/submissions/{number}/notebook/frame#cell-1" target="notebook-{number}"' in page
    assert re.search(r'id="cell-1".*class="verdict partial">Partial<.*4 of 8', frame)


def test_what_students_may_not_see_is_in_neither(
    made: Made,
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = made()
    for route in ROUTES:
        text = client.get(address(route, number), headers=as_(site, people.ada)).text
        assert "SECRET" not in text
    saved = client.get(
        f"/submissions/{number}/notebook.ipynb", headers=as_(site, people.instructor)
    )
    assert "SECRET" in saved.text
    assert saved.headers["content-disposition"].startswith('attachment; filename="a0-executed')


def test_the_theme_that_was_chosen_is_the_document_s(
    made: Made,
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    where = f"/submissions/{made()}/notebook/frame"
    assert '<html lang="en" data-theme="dark">' in (
        client.get(f"{where}?theme=dark", headers=as_(site, people.ada)).text
    )
    assert client.get(f"{where}?theme=x", headers=as_(site, people.ada)).status_code == 422


def test_what_can_not_be_made_is_told_and_left_to_the_download(
    made: Made,
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notebooks, "_MODULE", "grader.no_such_module")
    number = made()
    page = client.get(f"/submissions/{number}/notebook", headers=as_(site, people.ada))
    frame = client.get(f"/submissions/{number}/notebook/frame", headers=as_(site, people.ada))

    assert page.status_code == 200
    assert "Download the executed notebook" in page.text
    assert "<iframe" not in page.text
    assert frame.status_code == 500


def test_it_is_made_once_for_all_who_may_see_the_same(
    made: Made,
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs: list[str] = []
    real = apart.run_apart

    def counted(module: str, *given: Any, **more: Any) -> None:
        runs.append(module)
        real(module, *given, **more)

    monkeypatch.setattr(notebooks, "run_apart", counted)
    number = made()

    def look(who: Signed) -> None:
        for part in ("notebook", "notebook/frame"):
            client.get(f"/submissions/{number}/{part}", headers=as_(site, who))

    look(people.ada)
    look(people.ada)
    assert len(runs) == 1
    look(people.ta)
    look(people.instructor)
    assert len(runs) == 2


def test_where_nothing_is_judged_yet_the_page_says_so(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id)
    receipt = hand_in(client, people.ada, number).json()
    answer = client.get(f"/submissions/{receipt['id']}/notebook", headers=as_(site, people.ada))

    assert answer.status_code == 404
    assert "It is not judged yet." in answer.text


def test_documents_are_in_no_folder_and_older_ones_go(
    made: Made,
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notebooks, "_MOST", 1)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "empty"))
    (tmp_path / "empty").mkdir()
    first = made()
    kept = client.app.state.notebooks  # type: ignore[attr-defined]
    second = hand_in(
        client, people.ada, _assignment_of(client, people, first), notebook("y")
    ).json()
    judge(site, second["attempt_id"], result(exercise()))
    for number in (first, second["id"], first):
        frame = f"/submissions/{number}/notebook/frame"
        assert client.get(frame, headers=as_(site, people.ada)).status_code == 200
        assert len(kept._kept) == 1
    assert list((tmp_path / "empty").iterdir()) == []


def _assignment_of(client: TestClient, people: People, submission_id: int) -> int:
    answer = client.get(f"/api/v1/submissions/{submission_id}", headers=people.ada.headers)
    number: int = json.loads(answer.text)["assignment_id"]
    return number
