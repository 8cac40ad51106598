"""Versions on pages: uploaded, tried out, published, judged in the shadow."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.broker.progress import Steps
from grader.db.models import AssignmentVersion, Queue, VersionState
from grader.services import judging
from grader.services.site import Site
from tests.assigned import (
    assignment,
    judge_all,
    published,
    rubric,
    statements,
    submission,
    tried,
    version,
    zipped,
)
from tests.sites import People
from tests.web._pages import Reader, reader, text_of

pytestmark = pytest.mark.usefixtures("sent")

REPORT: dict[str, Any] = {
    "schema": "chainrule.rubric-test/1",
    "wall_s": 12.3,
    "right": [],
    "starter": ["ex1: 3 points for nothing"],
    "vacuous": [],
    "mutation": {
        "score": 0.75,
        "counted": 4,
        "killed": 3,
        "survivors": [{"name": "m1", "operator": "sign", "diff": "-x = <1>\n+x = 2", "hit": []}],
        "hit_too_much": [],
        "in_given_code": 2,
        "unreached": [],
    },
    "naming": {"wrong_names": {}},
    "waived": {"survives/m2": "the loss hides it"},
    "unused_waivers": [],
    "notes": [],
    "failures": [],
}


@pytest.fixture
def ines(site: Site, client: TestClient, people: People) -> Reader:
    return reader(site, client, people.instructor.actor)


def state(site: Site, version_id: int) -> VersionState:
    with site.database.reading() as session:
        return session.get_one(AssignmentVersion, version_id).state


def send(ines: Reader, one: int, content: bytes) -> Any:
    return ines.post(f"/assignments/{one}/versions", files={"bundle": ("b.zip", content)})


def test_a_bundle_is_uploaded_once_and_listed(
    client: TestClient, people: People, ines: Reader
) -> None:
    one = assignment(client, people)
    assert "No version yet" in text_of(ines.get(f"/assignments/{one}/versions"))
    made = send(ines, one, zipped())
    assert made.headers["location"].endswith("?done=uploaded")
    assert send(ines, one, zipped()).headers["location"].endswith("?done=same")
    shown = text_of(ines.get(made.headers["location"].split("?")[0]))
    assert "Slopes 20 points, 2 checks" in shown
    assert "Version 1 Uploaded Not run 20" in text_of(ines.get(f"/assignments/{one}/versions"))


def test_a_broken_one_is_told_by_file_line_and_field(
    client: TestClient, people: People, ines: Reader
) -> None:
    one = assignment(client, people)
    refused = send(ines, one, zipped(rubric().replace("points", "pionts", 1)))
    assert refused.status_code == 422
    assert "Rubrics/lines/rubric.yaml:7:" not in refused.text
    assert "rubrics/lines/rubric.yaml:7:" in text_of(refused)
    assert 'aria-describedby="bundle-error"' in refused.text
    nothing = ines.post(f"/assignments/{one}/versions")
    assert "Choose the zip of a bundle." in text_of(nothing)


def test_a_test_that_runs_says_how_far_it_has_come(
    site: Site,
    client: TestClient,
    people: People,
    ines: Reader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = f"/versions/{version(client, people, assignment(client, people))}"
    ines.post(f"{page}/trials")
    assert judging.claim_trial(site, Queue.CPU) is not None
    monkeypatch.setattr(site.progress, "of_trial", lambda _: Steps("mutants", 12, 48))
    part = ines.get(f"{page}/trial")
    assert "Now mutants: 12 of 48" in text_of(part)
    assert 'max="48" value="12"' in part.text


def test_a_test_is_started_followed_and_reported(
    site: Site, client: TestClient, people: People, ines: Reader
) -> None:
    made = version(client, people, assignment(client, people))
    page = f"/versions/{made}"
    assert ines.post(f"{page}/trials").headers["location"] == f"{page}#test"
    part = ines.get(f"{page}/trial")
    assert "Waits for a worker" in part.text
    assert f'hx-get="{page}/trial"' in part.text
    assert "hx-swap-oob" not in part.text
    tried(site, REPORT, passed=False)
    part = ines.get(f"{page}/trial")
    assert "hx-refresh" not in part.headers  # what is typed and read on the page stays
    assert "hx-get" not in part.text
    assert "Its own test: Not passed Run the test again" in text_of(part)
    assert 'id="publish-because"' not in part.text  # a reason is needed as before
    shown = ines.get(page)
    words = text_of(shown)
    assert "Mutation score 75.0 % Mistakes that cost points 3 of 4" in words
    assert "ex1: 3 points for nothing" in words
    assert '<span class="gone">-x = &lt;1&gt;' in shown.text
    assert "survives/m2 the loss hides it" in words


def test_a_test_that_could_not_begin_says_why(
    site: Site, client: TestClient, people: People, ines: Reader
) -> None:
    made = version(client, people, assignment(client, people))
    ines.post(f"/versions/{made}/trials")
    tried(site, {"failures": ["there is no model answer"]}, passed=False)
    words = text_of(ines.get(f"/versions/{made}"))
    assert "Not passed" in words
    assert "there is no model answer" in words


def test_without_a_passed_test_a_reason_is_asked_for(
    site: Site, client: TestClient, people: People, ines: Reader
) -> None:
    made = version(client, people, assignment(client, people))
    page = f"/versions/{made}"
    refused = ines.post(f"{page}/publish")
    assert refused.status_code == 422
    assert "No test of it has passed" in text_of(refused)
    assert 'id="because-error"' in refused.text
    assert state(site, made) is VersionState.UPLOADED
    assert ines.post(f"{page}/publish", because="it is late").status_code == 303
    assert "because: it is late" in text_of(ines.get(page))


def test_with_one_it_is_published_at_once(
    site: Site, client: TestClient, people: People, ines: Reader
) -> None:
    made = version(client, people, assignment(client, people))
    ines.post(f"/versions/{made}/trials")
    tried(site, {}, passed=True)
    part = ines.get(f"/versions/{made}/trial")
    assert '<div id="publish-because" hx-swap-oob="true"></div>' in part.text
    shown = ines.get(f"/versions/{made}")
    assert "Its own test Run the test again Passed" in text_of(shown)
    assert 'name="because"' not in shown.text
    # Only who has the form is sent a part of it, and only as long as it is there.
    tom = reader(site, client, people.ta.actor)
    assert "publish-because" not in tom.get(f"/versions/{made}/trial").text
    ines = reader(site, client, people.instructor.actor)
    assert ines.post(f"/versions/{made}/publish").status_code == 303
    assert state(site, made) is VersionState.PUBLISHED
    assert "publish-because" not in ines.get(f"/versions/{made}/trial").text


def test_the_bundle_is_downloaded_as_a_file(
    client: TestClient, people: People, ines: Reader
) -> None:
    made = version(client, people, assignment(client, people))
    bundle = ines.get(f"/versions/{made}/bundle")
    assert bundle.content.startswith(b"PK")
    assert "attachment" in bundle.headers["content-disposition"]


def test_the_shadow_says_who_gains_and_loses_and_by_what(
    site: Site, client: TestClient, people: People, ines: Reader
) -> None:
    one = assignment(client, people)
    live = published(client, people, one)
    work = [submission(site, one, who) for who in (people.ada, people.bob)]
    judge_all(site, {(made, live): (10.0, 0.0) for made in work})
    made = version(client, people, one, title="Newer")
    page = f"/versions/{made}/shadow"
    assert ines.post(page).headers["location"] == page
    assert "2 wait, 0 run" in text_of(ines.get(f"{page}/progress"))
    judge_all(site, {(work[0], made): (10.0, 10.0), (work[1], made): (0.0, 0.0)})
    words = text_of(ines.get(page))
    assert "1 submission would lose points, 1 would gain." in words
    assert "ex1 / c2: Failed 0 → Passed 10" in words
    assert "ada" in text_of(ines.get(page, change="gains"))
    assert "ada, submission" not in text_of(ines.get(page, change="loses"))
    refused = ines.post(f"{page}/promote")
    assert "say why it is promoted anyway" in text_of(refused)
    assert ines.post(f"{page}/promote", because="fairer").status_code == 303
    assert state(site, made) is VersionState.PUBLISHED


def test_a_shadow_is_abandoned_and_one_at_work_is_not_promoted_by_accident(
    site: Site, client: TestClient, people: People, ines: Reader
) -> None:
    one = assignment(client, people)
    published(client, people, one)
    submission(site, one, people.ada)
    made = version(client, people, one, title="Newer")
    page = f"/versions/{made}/shadow"
    ines.post(page)
    refused = ines.post(f"{page}/promote", because="fairer")
    assert "attempts of the shadow are open" in text_of(refused)
    assert state(site, made) is VersionState.SHADOW
    assert ines.post(f"{page}/abandon").status_code == 303
    assert state(site, made) is VersionState.UPLOADED


def test_the_page_of_versions_takes_the_same_queries_however_many_there_are(
    site: Site, client: TestClient, people: People, ines: Reader
) -> None:
    counts = []
    for number in (1, 5):
        one = assignment(client, people)
        for n in range(number):
            version(client, people, one, title=f"T{n}")
        with statements(site) as seen:
            assert ines.get(f"/assignments/{one}/versions").status_code == 200
        counts.append(len(seen))
    assert counts[0] == counts[1] > 0
