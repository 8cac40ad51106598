"""A version in the shadow: judged over all submissions, compared, then promoted or abandoned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from grader.db.models import Attempt, AttemptState, Override, Purpose, Result
from grader.services.site import Site
from tests.assigned import (
    API,
    assignment,
    audit_of,
    judge_all,
    published,
    statements,
    submission,
    tried,
    version,
)
from tests.sites import People, Signed

pytestmark = pytest.mark.usefixtures("sent")


def post(client: TestClient, who: Signed, path: str, **body: Any) -> Any:
    return client.post(f"{API}/{path}", json=body, headers=who.headers)


def get(client: TestClient, who: Signed, path: str, **params: Any) -> Any:
    return client.get(f"{API}/{path}", params=params, headers=who.headers)


@dataclass
class Stage:
    """An assignment with a version in force, by which four submissions are judged, and a further
    version whose trial has passed."""

    client: TestClient
    people: People
    site: Site
    assignment_id: int
    live: int
    after: int
    submissions: Sequence[int]

    def start(self) -> Any:
        """Put the further version in the shadow."""
        answer = post(self.client, self.people.instructor, f"versions/{self.after}/shadow")
        assert answer.status_code == 202, answer.text
        return answer.json()

    def judge(self, *scores: tuple[float, float]) -> None:
        """A worker judges what waits; the submissions get these points of both checks."""
        both = dict(zip(self.submissions, scores, strict=True))
        judge_all(self.site, {(one, self.after): points for one, points in both.items()})

    def preview(self) -> Any:
        """What staff see."""
        return get(self.client, self.people.ta, f"versions/{self.after}/shadow").json()

    def changes(self, **params: Any) -> Any:
        """A page of who gains and who loses."""
        path = f"versions/{self.after}/shadow/changes"
        answer = get(self.client, self.people.ta, path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def state_of(self, version_id: int) -> Any:
        """Where a version stands."""
        return get(self.client, self.people.ta, f"versions/{version_id}").json()["state"]

    def attempts(self, **where: object) -> Sequence[Attempt]:
        """Attempts against the further version."""
        with self.site.database.reading() as session:
            query = select(Attempt).filter_by(version_id=self.after, **where)
            return session.scalars(query.order_by(Attempt.turn)).all()


@pytest.fixture
def stage(client: TestClient, people: People, site: Site) -> Stage:
    one = assignment(client, people)
    live = published(client, people, one, title="Before")
    ids = [submission(site, one, who) for who in (people.ada, people.bob, people.ada, people.bob)]
    judge_all(site, {(made, live): (10.0, 0.0) for made in ids})
    after = version(client, people, one, title="After")
    post(client, people.instructor, f"versions/{after}/trials")
    tried(site, {}, passed=True)
    return Stage(client, people, site, one, live, after, ids)


GAINS, LOSES, SAME, MOVED = (10.0, 10.0), (0.0, 0.0), (10.0, 0.0), (0.0, 10.0)


def test_every_submission_is_judged_in_the_shadow_behind_all_else(stage: Stage) -> None:
    preview = stage.start()
    assert (preview["submissions"], preview["waiting"], preview["not_judged"]) == (4, 4, 4)
    assert stage.state_of(stage.after) == "shadow"
    rows = stage.attempts()
    assert {row.purpose for row in rows} == {Purpose.SHADOW}
    assert len({row.seed for row in rows}) == 4
    first, second, third, fourth = stage.submissions
    assert [row.submission_id for row in rows] == [third, fourth, first, second]


def test_a_shadow_takes_the_same_statements_however_many_there_are(stage: Stage) -> None:
    get(stage.client, stage.people.instructor, "courses")  # the first use of a token is noted
    counts = []
    for more in (0, 20):
        for _ in range(more):
            submission(stage.site, stage.assignment_id, stage.people.ada)
        with statements(stage.site) as seen:
            stage.start()
        counts.append(len(seen))
        post(stage.client, stage.people.instructor, f"versions/{stage.after}/shadow/abandon")
    assert counts[0] == counts[1] > 0


def test_no_grade_depends_on_a_shadow(stage: Stage) -> None:
    stage.start()
    stage.judge(GAINS, GAINS, GAINS, GAINS)
    path = f"assignments/{stage.assignment_id}"
    shown = get(stage.client, stage.people.ada, path).json()
    assert shown["live_version"]["id"] == stage.live
    assert stage.state_of(stage.live) == "published"


def test_staff_see_who_gains_and_who_loses_and_by_how_much(stage: Stage) -> None:
    stage.start()
    stage.judge(GAINS, LOSES, SAME, MOVED)
    preview = stage.preview()
    numbers = {name: preview[name] for name in ("gains", "loses", "unchanged", "not_judged")}
    assert numbers == {"gains": 1, "loses": 1, "unchanged": 2, "not_judged": 0}
    assert (preview["waiting"], preview["compared_with"]) == (0, stage.live)
    assert [(bar["above"], bar["up_to"]) for bar in preview["histogram"]][4:] == [
        (-1.0, 0.0),
        (0.0, 0.0),
        (0.0, 1.0),
        (1.0, 2.0),
        (2.0, 4.0),
        (4.0, 10.0),
        (10.0, None),
    ]
    filled = {n: bar["submissions"] for n, bar in enumerate(preview["histogram"])}
    assert {n: count for n, count in filled.items() if count} == {1: 1, 5: 2, 9: 1}


def test_staff_see_why_by_the_checks_that_came_out_differently(stage: Stage) -> None:
    stage.start()
    stage.judge(GAINS, LOSES, SAME, MOVED)
    items = stage.changes()["items"]
    first, second, third, fourth = stage.submissions
    assert [one["submission_id"] for one in items] == [second, third, fourth, first]
    loses, same, moved, gains = items
    assert (loses["name"], loses["before"]["score"], loses["after"]["score"]) == ("bob", 10, 0)
    assert [one["difference"] for one in items] == [-10.0, 0.0, 0.0, 10.0]
    (why,) = loses["checks"]
    assert (why["exercise"], why["check"]) == ("ex1", "c1")
    assert (why["before"]["outcome"], why["after"]["outcome"]) == ("passed", "failed")
    assert why["after"]["cause"] == "sign"
    assert same["checks"] == []
    assert [one["check"] for one in moved["checks"]] == ["c1", "c2"]
    assert [one["check"] for one in gains["checks"]] == ["c2"]


def test_changes_are_filtered_and_come_in_pages(stage: Stage) -> None:
    stage.start()
    stage.judge(GAINS, LOSES, SAME, MOVED)
    first, second, third, fourth = stage.submissions
    late = submission(stage.site, stage.assignment_id, stage.people.ada)
    for change, expected in [
        ("gains", [first]),
        ("loses", [second]),
        ("unchanged", [third, fourth]),
        ("not_judged", [late]),
    ]:
        items = stage.changes(change=change)["items"]
        assert [one["submission_id"] for one in items] == expected
    found: list[int] = []
    cursor = None
    for _ in range(5):
        page = stage.changes(limit=1, **({"cursor": cursor} if cursor else {}))
        found += [one["submission_id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == [second, third, fourth, first]


def test_what_the_shadow_has_not_judged_has_no_score_in_it(stage: Stage) -> None:
    stage.start()
    items = stage.changes(change="not_judged")["items"]
    assert [one["submission_id"] for one in items] == list(stage.submissions)
    assert {one["after"] for one in items} == {None}
    assert {one["difference"] for one in items} == {None}
    assert {one["before"]["score"] for one in items} == {10.0}


def test_what_is_handed_in_meanwhile_is_judged_in_the_shadow_too(stage: Stage) -> None:
    stage.start()
    stage.judge(SAME, SAME, SAME, SAME)
    late = submission(stage.site, stage.assignment_id, stage.people.ada)
    (waiting,) = stage.attempts(state=AttemptState.QUEUED)
    assert (waiting.submission_id, waiting.purpose) == (late, Purpose.SHADOW)
    served = judge_all(stage.site, {(late, stage.live): SAME, (late, stage.after): GAINS})
    assert served == [Purpose.SUBMISSION, Purpose.SHADOW]
    assert stage.preview()["gains"] == 1


def test_promoting_puts_it_in_force_and_leaves_overrides_standing(stage: Stage) -> None:
    stage.start()
    stage.judge(GAINS, LOSES, SAME, MOVED)
    with stage.site.database.writing() as session:
        session.add(
            Override(
                submission_id=stage.submissions[1],
                exercise="ex1",
                score=7.0,
                reason="by hand",
                author_id=stage.people.ta.actor.person_id,
            )
        )
    path = f"versions/{stage.after}/shadow/promote"
    done = post(stage.client, stage.people.instructor, path)
    assert (done.status_code, done.json()["state"]) == (200, "published")
    assert stage.state_of(stage.live) == "retired"
    assert len(stage.attempts()) == 4
    with stage.site.database.reading() as session:
        standing = session.scalars(select(Override)).one()
        assert (standing.score, standing.revoked_at) == (7.0, None)
        results = select(func.count()).select_from(Result)
        assert session.scalar(results) == 8
    actions = [action for action, _ in audit_of(stage.client, stage.people)]
    assert actions[:3] == ["version.published", "shadow.promoted", "shadow.started"]


def test_promoting_waits_for_the_shadow_unless_told_otherwise(stage: Stage) -> None:
    stage.start()
    path = f"versions/{stage.after}/shadow/promote"
    refused = post(stage.client, stage.people.instructor, path)
    assert refused.status_code == 409
    assert "4 attempts of the shadow are open" in refused.json()["detail"]
    assert stage.state_of(stage.live) == "published"
    done = post(stage.client, stage.people.instructor, path, even_if_open=True)
    assert done.status_code == 200
    rows = stage.attempts(state=AttemptState.QUEUED)
    assert [(row.purpose, row.rank) for row in rows] == [(Purpose.REGRADE, 1)] * 4


def test_what_failed_in_the_shadow_is_judged_anew_when_it_is_promoted(stage: Stage) -> None:
    stage.start()
    with stage.site.database.writing() as session:
        failed = session.scalars(select(Attempt).filter_by(version_id=stage.after)).first()
        assert failed is not None
        failed.state = AttemptState.FAILED
        failed_id = failed.submission_id
    stage.judge(SAME, SAME, SAME, SAME)
    assert (stage.preview()["failed"], stage.preview()["not_judged"]) == (1, 1)
    path = f"versions/{stage.after}/shadow/promote"
    assert post(stage.client, stage.people.instructor, path).status_code == 200
    (again,) = stage.attempts(state=AttemptState.QUEUED)
    assert (again.submission_id, again.purpose) == (failed_id, Purpose.REGRADE)


def test_what_has_not_passed_its_trial_is_promoted_for_a_reason_alone(
    client: TestClient, people: People, site: Site
) -> None:
    one = assignment(client, people)
    published(client, people, one)
    after = version(client, people, one, title="Untried")
    assert post(client, people.instructor, f"versions/{after}/shadow").status_code == 202
    path = f"versions/{after}/shadow/promote"
    assert post(client, people.instructor, path).status_code == 409
    assert post(client, people.instructor, path, because="seen by two").status_code == 200
    shown = get(client, people.ta, f"versions/{after}").json()
    assert shown["published_because"] == "seen by two"


def test_abandoning_cancels_what_is_open_and_keeps_the_version(stage: Stage) -> None:
    stage.start()
    path = f"versions/{stage.after}/shadow/abandon"
    done = post(stage.client, stage.people.instructor, path)
    assert (done.status_code, done.json()["state"]) == (200, "tested")
    assert {row.state for row in stage.attempts()} == {AttemptState.CANCELLED}
    assert stage.state_of(stage.live) == "published"
    assert audit_of(stage.client, stage.people)[0][1]["cancelled"] == 4
    assert post(stage.client, stage.people.instructor, path).status_code == 409
    submission(stage.site, stage.assignment_id, stage.people.ada)
    assert len(stage.attempts()) == 4


def test_a_shadow_begun_again_judges_only_what_it_has_not(stage: Stage) -> None:
    stage.start()
    stage.judge(SAME, SAME, SAME, SAME)
    path = f"versions/{stage.after}/shadow/abandon"
    post(stage.client, stage.people.instructor, path)
    submission(stage.site, stage.assignment_id, stage.people.ada)
    assert stage.start()["waiting"] == 1
    assert stage.start()["waiting"] == 1


def test_one_version_is_in_the_shadow_at_a_time(stage: Stage) -> None:
    other = version(stage.client, stage.people, stage.assignment_id, title="Other")
    stage.start()
    refused = post(stage.client, stage.people.instructor, f"versions/{other}/shadow")
    assert refused.status_code == 409
    assert refused.json()["detail"].startswith("version 2 is in the shadow")
    published = post(stage.client, stage.people.instructor, f"versions/{stage.after}/publish")
    assert published.status_code == 409


def test_there_is_no_shadow_before_anything_is_published(
    client: TestClient, people: People
) -> None:
    version_id = version(client, people, assignment(client, people))
    assert post(client, people.instructor, f"versions/{version_id}/shadow").status_code == 409
    preview = get(client, people.ta, f"versions/{version_id}/shadow").json()
    assert (preview["submissions"], preview["compared_with"]) == (0, None)
    path = f"versions/{version_id}/shadow/changes"
    assert get(client, people.ta, path).json() == {"items": [], "next_cursor": None}


def test_shadows_are_the_instructors_and_previews_the_staff_s(stage: Stage) -> None:
    people, client, base = stage.people, stage.client, f"versions/{stage.after}/shadow"
    for path in (base, f"{base}/promote", f"{base}/abandon"):
        assert post(client, people.ta, path).status_code == 403
        assert post(client, people.ada, path).status_code == 403
        assert post(client, people.outside_instructor, path).status_code == 404
    for path in (base, f"{base}/changes"):
        assert get(client, people.ta, path).status_code == 200
        assert get(client, people.ada, path).status_code == 403
        assert get(client, people.outside_instructor, path).status_code == 404
