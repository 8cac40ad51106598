"""Versions: uploaded, tried out, published; what is judged against which."""

from __future__ import annotations

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from grader.broker.messages import TRY_OUT
from grader.db.models import Assignment, Attempt, AttemptState, Purpose, Trial
from grader.services.site import Site
from tests.assigned import (
    API,
    assignment,
    audit_of,
    judge_all,
    published,
    rubric,
    statements,
    submission,
    tried,
    upload,
    version,
    zipped,
)
from tests.sites import People, Signed

pytestmark = pytest.mark.usefixtures("sent")


def post(client: TestClient, who: Signed, path: str, **body: Any) -> Any:
    return client.post(f"{API}/{path}", json=body, headers=who.headers)


def get(client: TestClient, who: Signed, path: str, **params: Any) -> Any:
    return client.get(f"{API}/{path}", params=params, headers=who.headers)


def test_an_uploaded_bundle_is_a_version_with_an_outline(
    client: TestClient, people: People
) -> None:
    one = assignment(client, people)
    made = upload(client, people.instructor, one, zipped())
    assert made.status_code == 201
    view = made.json()
    assert (view["number"], view["state"], view["queue"]) == (1, "uploaded", "cpu")
    assert view["max_score"] == 20.0
    assert view["trial"] is None
    (exercise,) = view["outline"]["exercises"]
    assert exercise["id"] == "ex1"
    assert exercise["checks"][0] == {
        "id": "c1",
        "title": "First",
        "kind": "manual",
        "max_score": 10.0,
        "visibility": "visible",
    }
    assert audit_of(client, people)[0][0] == "version.uploaded"


def test_the_same_content_again_is_the_same_version(client: TestClient, people: People) -> None:
    one = assignment(client, people)
    first = upload(client, people.instructor, one, zipped())
    again = upload(client, people.instructor, one, zipped())
    assert again.status_code == 200
    assert again.json() == first.json()
    other = upload(client, people.instructor, one, zipped(rubric("Other")))
    assert (other.status_code, other.json()["number"]) == (201, 2)
    elsewhere = upload(client, people.instructor, assignment(client, people), zipped())
    assert elsewhere.status_code == 201


def test_another_model_answer_is_taken_over_into_the_version(
    client: TestClient, people: People
) -> None:
    one = assignment(client, people)
    first = upload(client, people.instructor, one, zipped(answer="y = 1\n")).json()
    trial = post(client, people.instructor, f"versions/{first['id']}/trials").json()
    again = upload(client, people.instructor, one, zipped(answer="y = 2\n"))
    assert again.status_code == 200
    assert again.json()["content_hash"] == first["content_hash"]
    assert get(client, people.ta, f"trials/{trial['id']}").json()["state"] == "cancelled"
    bundle = get(client, people.instructor, f"versions/{first['id']}/bundle")
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        assert archive.read("reference/lines/answer.py") == b"y = 2\n"


def test_uploads_of_the_same_bundle_at_once_make_one_version(
    client: TestClient, people: People
) -> None:
    one = assignment(client, people)
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda _: upload(client, people.instructor, one, zipped()), range(4))
        )
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no zip", "this is no zip"),
        (zipped(rubric().replace("points", "pionts", 1)), "rubrics/lines/rubric.yaml:7:"),
        (zipped(rubric(gpu=9)), "rubrics/lines/rubric.yaml:2:10: runtime: gpu is a number"),
    ],
)
def test_a_bundle_that_is_not_valid_is_refused_with_the_reason(
    client: TestClient, people: People, content: bytes, words: str
) -> None:
    one = assignment(client, people)
    answer = upload(client, people.instructor, one, content)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:chainrule:problem:bad-bundle"
    assert answer.json()["detail"].startswith(words)
    assert get(client, people.ta, f"assignments/{one}/versions").json()["items"] == []


def test_nothing_is_read_of_a_bundle_before_it_is_known_who_sends_it(client: TestClient) -> None:
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    path = f"{API}/assignments/1/versions"
    assert client.post(path, content=b"no form", headers=form).status_code == 401


def test_versions_are_for_staff_and_bundles_for_instructors(
    client: TestClient, people: People
) -> None:
    one = assignment(client, people)
    version_id = published(client, people, one)
    for path, ta in [
        (f"assignments/{one}/versions", 200),
        (f"versions/{version_id}", 200),
        (f"versions/{version_id}/bundle", 403),
    ]:
        assert get(client, people.ta, path).status_code == ta
        assert get(client, people.instructor, path).status_code == 200
        assert get(client, people.ada, path).status_code == 403
        assert get(client, people.outside_instructor, path).status_code == 404
    assert upload(client, people.ta, one, zipped()).status_code == 403
    assert upload(client, people.outside_instructor, one, zipped()).status_code == 404
    assert post(client, people.ta, f"versions/{version_id}/publish").status_code == 403
    assert post(client, people.ta, f"versions/{version_id}/trials").status_code == 403


def test_versions_come_in_pages_the_latest_first_with_their_latest_trials(
    client: TestClient, people: People, site: Site
) -> None:
    one = assignment(client, people)
    ids = [version(client, people, one, title=f"T{n}") for n in range(5)]
    post(client, people.instructor, f"versions/{ids[4]}/trials")
    tried(site, {"survivors": []}, passed=False)
    latest = post(client, people.instructor, f"versions/{ids[4]}/trials").json()
    path, found, cursor = f"assignments/{one}/versions", [], None
    for _ in range(5):
        page = get(client, people.ta, path, limit=2, **({"cursor": cursor} if cursor else {}))
        found += page.json()["items"]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert [row["number"] for row in found] == [5, 4, 3, 2, 1]
    assert [row["trial"] and row["trial"]["id"] for row in found][:2] == [latest["id"], None]


def test_the_list_of_versions_takes_the_same_queries_however_long(
    client: TestClient, people: People, site: Site
) -> None:
    get(client, people.ta, "courses")  # the first use of a token is noted
    counts = []
    for number in (1, 6):
        one = assignment(client, people)
        for n in range(number):
            made = version(client, people, one, title=f"T{n}")
            post(client, people.instructor, f"versions/{made}/trials")
        with statements(site) as seen:
            assert get(client, people.ta, f"assignments/{one}/versions").status_code == 200
        counts.append(len(seen))
    assert counts[0] == counts[1] > 0


def test_a_trial_waits_for_a_worker_and_says_so_once(
    client: TestClient, people: People, site: Site, sent: list[tuple[str, int, str]]
) -> None:
    version_id = version(client, people, assignment(client, people), gpu=1)
    started = post(client, people.instructor, f"versions/{version_id}/trials")
    assert started.status_code == 202
    trial = started.json()
    assert (trial["state"], trial["passed"]) == ("queued", None)
    assert sent == [(TRY_OUT, trial["id"], "gpu")]
    again = post(client, people.instructor, f"versions/{version_id}/trials")
    assert again.json()["id"] == trial["id"]
    assert len(sent) == 1
    with site.database.reading() as session:
        assert session.get_one(Trial, trial["id"]).sent_at is not None


def test_a_trial_whose_message_is_not_sent_still_waits(
    client: TestClient, people: People, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.messages, "send", lambda *_: False)
    version_id = version(client, people, assignment(client, people))
    trial = post(client, people.instructor, f"versions/{version_id}/trials").json()
    with site.database.reading() as session:
        row = session.get_one(Trial, trial["id"])
        assert (row.state, row.sent_at) == (AttemptState.QUEUED, None)


def test_a_trial_shows_its_report_to_staff(client: TestClient, people: People, site: Site) -> None:
    version_id = version(client, people, assignment(client, people))
    trial = post(client, people.instructor, f"versions/{version_id}/trials").json()
    report = {"survivors": [{"check": "ex1/c1", "diff": "-x = 1\n+x = 2\n"}]}
    tried(site, report, passed=False)
    view = get(client, people.ta, f"trials/{trial['id']}").json()
    assert (view["state"], view["passed"]) == ("done", False)
    assert view["report"]["survivors"] == report["survivors"]
    assert get(client, people.ada, f"trials/{trial['id']}").status_code == 403
    assert get(client, people.outside_instructor, f"trials/{trial['id']}").status_code == 404
    shown = get(client, people.ta, f"versions/{version_id}").json()
    assert (shown["state"], shown["trial"]["passed"]) == ("uploaded", False)


def test_only_what_has_passed_its_trial_is_published(
    client: TestClient, people: People, site: Site
) -> None:
    one = assignment(client, people)
    version_id = version(client, people, one)
    refused = post(client, people.instructor, f"versions/{version_id}/publish")
    assert refused.status_code == 409
    assert "no trial of this version has passed" in refused.json()["detail"]
    post(client, people.instructor, f"versions/{version_id}/trials")
    tried(site, {}, passed=True)
    assert get(client, people.ta, f"versions/{version_id}").json()["state"] == "tested"
    done = post(client, people.instructor, f"versions/{version_id}/publish")
    assert done.status_code == 200
    assert (done.json()["state"], done.json()["published_because"]) == ("published", None)
    shown = get(client, people.ada, f"assignments/{one}").json()
    assert (shown["stage"], shown["live_version"]["id"]) == ("open", version_id)


def test_a_reason_stands_in_for_a_trial_and_is_kept(client: TestClient, people: People) -> None:
    version_id = version(client, people, assignment(client, people))
    empty = post(client, people.instructor, f"versions/{version_id}/publish", because=" ")
    assert empty.status_code == 422
    why = "the deadline is tonight"
    done = post(client, people.instructor, f"versions/{version_id}/publish", because=why)
    assert done.json()["published_because"] == why
    action, detail = audit_of(client, people)[0]
    assert (action, detail["because"]) == ("version.published", why)
    again = post(client, people.instructor, f"versions/{version_id}/publish")
    assert again.json() == done.json()
    assert len(audit_of(client, people)) == 3


def test_the_former_version_retires_and_may_come_back(client: TestClient, people: People) -> None:
    one = assignment(client, people)
    first = published(client, people, one, title="First")
    second = published(client, people, one, title="Second")
    states = {
        row["id"]: row["state"]
        for row in get(client, people.ta, f"assignments/{one}/versions").json()["items"]
    }
    assert states == {first: "retired", second: "published"}
    back = post(client, people.instructor, f"versions/{first}/publish")
    assert back.json()["state"] == "published"
    assert get(client, people.ta, f"versions/{second}").json()["state"] == "retired"


def test_what_was_handed_in_is_judged_against_the_version_that_is_published(
    client: TestClient, people: People, site: Site
) -> None:
    one = assignment(client, people)
    first = published(client, people, one, title="First")
    made = submission(site, one, people.ada)
    judge_all(site, {(made, first): (10.0, 0.0)})
    second = published(client, people, one, title="Second")
    with site.database.reading() as session:
        waiting = session.scalars(select(Attempt).where(Attempt.state == AttemptState.QUEUED)).one()
    assert (waiting.submission_id, waiting.version_id) == (made, second)
    assert waiting.purpose is Purpose.REGRADE


def test_a_gpu_of_the_rubric_is_the_queue_of_its_attempts(
    client: TestClient, people: People, site: Site
) -> None:
    one = assignment(client, people)
    published(client, people, one, gpu=1)
    submission(site, one, people.ada)
    assert get(client, people.ada, f"assignments/{one}").json()["live_version"]["queue"] == "gpu"
    with site.database.reading() as session:
        assert session.scalars(select(Attempt.queue)).all() == ["gpu"]


def test_publishing_two_versions_at_once_leaves_one_in_force(
    client: TestClient, people: People, site: Site
) -> None:
    one = assignment(client, people)
    ids = [version(client, people, one, title=f"T{n}") for n in range(4)]

    def publish(version_id: int) -> int:
        path = f"versions/{version_id}/publish"
        return int(post(client, people.instructor, path, because="race").status_code)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(publish, ids)) == [200] * 4
    rows = get(client, people.ta, f"assignments/{one}/versions").json()["items"]
    assert sorted(row["state"] for row in rows) == ["published", *["retired"] * 3]
    with site.database.reading() as session:
        live = session.scalar(select(Assignment.live_version_id).where(Assignment.id == one))
    assert live == next(row["id"] for row in rows if row["state"] == "published")


def test_a_bundle_that_is_gone_is_our_failure(
    client: TestClient, people: People, site: Site
) -> None:
    version_id = version(client, people, assignment(client, people))
    site.blobs.sweep((), older_than_s=-60, now_s=2**40)
    answer = get(client, people.instructor, f"versions/{version_id}/bundle")
    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:chainrule:problem:blob-missing"


class TestRegrade:
    """Judging again what was handed in."""

    def test_all_are_judged_again_from_fresh_seeds_behind_fresh_submissions(
        self, client: TestClient, people: People, site: Site
    ) -> None:
        one = assignment(client, people)
        live = published(client, people, one)
        ids = [submission(site, one, who) for who in (people.ada, people.bob, people.ada)]
        scores = {(made, live): (10.0, 0.0) for made in ids}
        judge_all(site, scores)
        answer = post(client, people.ta, f"assignments/{one}/regrade", reason="new torch")
        assert answer.status_code == 202
        assert answer.json() == {"version_id": live, "attempts": 3}
        fresh = submission(site, one, people.bob)
        scores[fresh, live] = (10.0, 10.0)
        assert judge_all(site, scores) == [Purpose.SUBMISSION, *[Purpose.REGRADE] * 3]
        with site.database.reading() as session:
            assert session.scalar(select(func.count(func.distinct(Attempt.seed)))) == 7
            assert {len(seed) for seed in session.scalars(select(Attempt.seed))} == {16}
        action, detail = audit_of(client, people)[0]
        assert (action, detail["reason"]) == ("assignment.regraded", "new torch")

    def test_everybody_s_latest_goes_first(
        self, client: TestClient, people: People, site: Site
    ) -> None:
        one = assignment(client, people)
        live = published(client, people, one)
        ids = [submission(site, one, who) for who in (people.ada,) * 3 + (people.bob,)]
        judge_all(site, {(made, live): (0.0, 0.0) for made in ids})
        post(client, people.ta, f"assignments/{one}/regrade", reason="x")
        with site.database.reading() as session:
            order = session.scalars(
                select(Attempt.submission_id)
                .where(Attempt.state == AttemptState.QUEUED)
                .order_by(Attempt.turn)
            ).all()
        assert order == [ids[2], ids[3], ids[1], ids[0]]

    def test_a_selection_is_judged_again_and_what_is_open_is_not_doubled(
        self, client: TestClient, people: People, site: Site
    ) -> None:
        one = assignment(client, people)
        live = published(client, people, one)
        first = submission(site, one, people.ada)
        judge_all(site, {(first, live): (0.0, 0.0)})
        second = submission(site, one, people.ada)
        path = f"assignments/{one}/regrade"
        for expected in (1, 0):
            answer = post(client, people.ta, path, reason="x", submission_ids=[first, second])
            assert answer.json()["attempts"] == expected

    def test_what_is_another_assignment_s_is_named(
        self, client: TestClient, people: People, site: Site
    ) -> None:
        one, other = assignment(client, people), assignment(client, people)
        published(client, people, one)
        published(client, people, other)
        made = submission(site, other, people.ada)
        path = f"assignments/{one}/regrade"
        answer = post(client, people.ta, path, reason="x", submission_ids=[made])
        assert answer.status_code == 422
        assert answer.json()["detail"] == (
            f"submission_ids: no submissions of this assignment: {made}"
        )

    def test_it_is_for_staff_and_for_what_is_published(
        self, client: TestClient, people: People
    ) -> None:
        one = assignment(client, people)
        path = f"assignments/{one}/regrade"
        assert post(client, people.ta, path, reason="x").status_code == 409
        published(client, people, one)
        assert post(client, people.ada, path, reason="x").status_code == 403
        assert post(client, people.outside_instructor, path, reason="x").status_code == 404
        assert post(client, people.ta, path, reason="x", submission_ids=[]).status_code == 422
