"""From scores to grades, by way of the API: what counts, lateness, overrides, teams."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.db.models import Enrolment
from grader.domain.outcomes import Outcome, RunStatus
from grader.services.site import Site
from tests.coursework import Coursework, assignment_of
from tests.sites import People, Signed

API = "/api/v1"
DAILY = {"penalty": 0.1, "unit": "day"}


@pytest.fixture
def work(site: Site, people: People) -> Coursework:
    """An assignment of ten points of which the best submission counts, a tenth off for each day."""
    return assignment_of(site, people.course_id, people.instructor.actor.person_id, late=DAILY)


def ada(people: People) -> int:
    return people.ada.actor.person_id


def seen_by_staff(
    client: TestClient, people: People, work: Coursework, whose: int | None = None
) -> Any:
    path = f"{API}/assignments/{work.assignment_id}/grades/{whose or ada(people)}"
    answer = client.get(path, headers=people.ta.headers)
    assert answer.status_code == 200
    return answer.json()


def grade(client: TestClient, people: People, work: Coursework, whose: int | None = None) -> Any:
    return seen_by_staff(client, people, work, whose)["grade"]


def own(client: TestClient, who: Signed, work: Coursework) -> Any:
    path = f"{API}/assignments/{work.assignment_id}/grade"
    answer = client.get(path, headers=who.headers)
    assert answer.status_code == 200
    return answer.json()


def give(client: TestClient, who: Signed, submission: int, score: float, **more: Any) -> Any:
    body = {"score": score, "reason": "I have looked at it", **more}
    path = f"{API}/submissions/{submission}/overrides"
    return client.post(path, json=body, headers=who.headers)


def test_without_a_submission_there_is_no_grade(
    client: TestClient, people: People, work: Coursework
) -> None:
    found = grade(client, people, work)
    assert (found["state"], found["points"], found["submission"]) == ("nothing", None, None)


def test_the_best_submission_counts_with_what_lateness_takes_off_in_words(
    client: TestClient, people: People, work: Coursework
) -> None:
    work.hand_in(ada(people), scores=[3, 3])
    late = work.hand_in(ada(people), late=timedelta(hours=30), scores=[4, 6])
    found = grade(client, people, work)
    assert found["submission"]["id"] == late
    assert (found["score"], found["points"], found["kept"]) == (10, 8, 0.8)
    assert found["penalty"] == (
        "2 days late: 20 % of the points are taken off (10 % for each day that has begun)."
    )


def test_a_later_one_that_lateness_makes_worse_does_not_count(
    client: TestClient, people: People, work: Coursework
) -> None:
    first = work.hand_in(ada(people), scores=[4, 5])
    work.hand_in(ada(people), late=timedelta(hours=30), scores=[4, 6])
    assert grade(client, people, work)["submission"]["id"] == first


@pytest.mark.parametrize(("counts", "index"), [("last", 2), ("chosen", 1)])
def test_the_last_or_the_chosen_one_counts_where_the_policy_says_so(
    client: TestClient, people: People, site: Site, counts: str, index: int
) -> None:
    author = people.instructor.actor.person_id
    work = assignment_of(site, people.course_id, author, counts=counts)
    made = [
        work.hand_in(ada(people), late=timedelta(hours=n - 9), scores=[4 - n, 0], chosen=n == 1)
        for n in range(3)
    ]
    assert grade(client, people, work)["submission"]["id"] == made[index]


def test_what_waits_or_failed_on_our_side_has_no_points_and_is_never_a_zero(
    client: TestClient, people: People, work: Coursework
) -> None:
    submission = work.hand_in(ada(people))
    waiting = grade(client, people, work)
    assert (waiting["state"], waiting["score"], waiting["points"]) == ("waiting", None, None)
    work.fail(submission)
    failed = grade(client, people, work)
    assert (failed["state"], failed["points"], failed["not_judged"]) == ("not_judged", None, 10)
    work.judge(submission, [0, 0], status=RunStatus.INTERNAL_ERROR)
    assert grade(client, people, work)["points"] is None


def test_one_check_that_was_not_judged_leaves_the_grade_open_until_a_person_decides(
    client: TestClient, people: People, work: Coursework
) -> None:
    submission = work.hand_in(ada(people), scores=[4, 0], open_points=Outcome.NOT_JUDGED)
    found = grade(client, people, work)
    assert (found["state"], found["score"], found["points"]) == ("not_judged", 4, None)
    assert found["not_judged"] == 6
    assert give(client, people.ta, submission, 5, exercise="ex2").status_code == 201
    decided = grade(client, people, work)
    assert (decided["state"], decided["points"], decided["not_judged"]) == ("complete", 9, 0)


def test_an_earlier_judged_one_counts_as_best_while_a_later_one_is_not_judged(
    client: TestClient, people: People, work: Coursework
) -> None:
    first = work.hand_in(ada(people), scores=[1, 0])
    work.fail(work.hand_in(ada(people)))
    found = grade(client, people, work)
    assert (found["submission"]["id"], found["points"]) == (first, 1)


def test_points_that_wait_for_a_person_are_shown_and_given_by_an_override(
    client: TestClient, people: People, work: Coursework
) -> None:
    submission = work.hand_in(ada(people), scores=[4, 0], open_points=Outcome.PENDING)
    found = grade(client, people, work)
    assert (found["state"], found["pending"], found["points"]) == ("pending", 6, 4)
    give(client, people.ta, submission, 3.5, exercise="ex2")
    found = grade(client, people, work)
    assert (found["state"], found["pending"], found["points"]) == ("complete", 0, 7.5)


def test_an_override_of_an_exercise_stands_in_for_its_score_before_lateness(
    client: TestClient, people: People, work: Coursework
) -> None:
    late = timedelta(hours=1)
    submission = work.hand_in(ada(people), late=late, scores=[0, 6])
    give(client, people.ta, submission, 4, exercise="ex1")
    found = grade(client, people, work)
    assert (found["score"], found["points"]) == (6, 9)


def test_an_override_of_the_whole_is_the_last_word(
    client: TestClient, people: People, work: Coursework
) -> None:
    submission = work.hand_in(ada(people), late=timedelta(hours=1), scores=[0, 6])
    give(client, people.ta, submission, 4, exercise="ex1")
    give(client, people.ta, submission, 10)
    found = grade(client, people, work)
    assert (found["score"], found["points"], found["penalty"]) == (6, 10, "")


def test_an_override_survives_a_regrade_and_a_new_version(
    client: TestClient, people: People, work: Coursework
) -> None:
    submission = work.hand_in(ada(people), scores=[0, 6])
    give(client, people.ta, submission, 4, exercise="ex1")
    work.judge(submission, [1, 2])
    assert grade(client, people, work)["points"] == 6
    work.version(2, {"ex1": 2.0, "ex2": 6.0})
    assert grade(client, people, work)["state"] == "not_judged"
    work.judge(submission, [0, 5])
    # The exercise is worth 2 now, and nobody gets more than there is.
    assert grade(client, people, work)["points"] == 7
    work.version(3, {"new": 6.0})
    work.judge(submission, [3])
    found = seen_by_staff(client, people, work)
    assert found["grade"]["points"] == 3
    assert [one["score"] for one in found["overrides"]] == [4]


def test_overrides_name_their_author_and_a_new_one_revokes_the_one_before(
    client: TestClient, people: People, work: Coursework
) -> None:
    submission = work.hand_in(ada(people), scores=[0, 6])
    give(client, people.ta, submission, 1, exercise="ex1")
    last = give(client, people.instructor, submission, 2, exercise="ex1").json()
    path = f"{API}/submissions/{submission}/overrides"
    found = client.get(path, headers=people.ta.headers).json()
    assert [(one["author"], one["score"]) for one in found] == [("ines", 2), ("tom", 1)]
    assert [one["revoked_at"] is None for one in found] == [True, False]
    gone = client.delete(f"{API}/overrides/{last['id']}", headers=people.ta.headers)
    assert gone.status_code == 204
    assert grade(client, people, work)["points"] == 6


def test_every_override_is_in_the_audit_log(
    client: TestClient, people: People, work: Coursework
) -> None:
    submission = work.hand_in(ada(people), scores=[0, 6])
    for score in (1, 2):
        last = give(client, people.ta, submission, score).json()
    for _ in range(2):  # a second time it has gone already, and nothing more is written
        client.delete(f"{API}/overrides/{last['id']}", headers=people.ta.headers)
    path = f"{API}/courses/{people.course_id}/audit"
    log = client.get(path, headers=people.instructor.headers).json()["items"]
    said = [(one["action"], one["detail"]["score"]) for one in reversed(log)]
    assert said == [
        ("override.given", 1),
        ("override.revoked", 1),
        ("override.given", 2),
        ("override.revoked", 2),
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"score": -0.5}, "score"),
        ({"score": 10.5}, "score"),
        ({"score": 4.5, "exercise": "ex1"}, "score"),
        ({"score": 1, "exercise": "ex9"}, "exercise"),
        ({"score": 1, "reason": " "}, "reason"),
    ],
)
def test_points_that_there_are_not_to_get_are_refused(
    client: TestClient, people: People, work: Coursework, body: dict[str, Any], field: str
) -> None:
    submission = work.hand_in(ada(people), scores=[0, 6])
    answer = give(client, people.ta, submission, **{"score": 1, **body})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"{field}:")
    assert grade(client, people, work)["points"] == 6


def test_a_student_sees_what_was_judged_at_once_and_no_override_before_the_release(
    client: TestClient, people: People, work: Coursework
) -> None:
    submission = work.hand_in(ada(people), scores=[0, 6])
    give(client, people.ta, submission, 10)
    found = own(client, people.ada, work)
    assert (found["automatic"]["points"], found["released"]) == (6, None)


def test_those_of_a_team_share_submissions_and_grades(
    client: TestClient, people: People, site: Site, work: Coursework
) -> None:
    with site.database.writing() as session:
        for one in (people.ada, people.bob):
            row = session.get_one(Enrolment, (people.course_id, one.actor.person_id))
            row.team = "red"
    work.hand_in(ada(people), late=timedelta(hours=-3), scores=[1, 1])
    best = work.hand_in(people.bob.actor.person_id, late=timedelta(hours=-2), scores=[2, 2])
    work.hand_in(ada(people), late=timedelta(hours=-1), scores=[0, 3])
    for who in (people.ada, people.bob):
        found = own(client, who, work)["automatic"]
        assert (found["submission"]["id"], found["points"]) == (best, 4)


def test_a_student_sees_no_other_s_grade_and_gives_no_points(
    client: TestClient, people: People, work: Coursework
) -> None:
    submission = work.hand_in(ada(people), scores=[0, 6])
    path = f"{API}/assignments/{work.assignment_id}/grades/{ada(people)}"
    assert client.get(path, headers=people.bob.headers).status_code == 403
    assert client.get(path, headers=people.ada.headers).status_code == 403
    assert client.get(path, headers=people.outside_instructor.headers).status_code == 404
    assert give(client, people.ada, submission, 10).status_code == 403
    assert give(client, people.outside_instructor, submission, 10).status_code == 404


def test_who_is_not_in_the_course_has_no_grade_there(
    client: TestClient, people: People, work: Coursework
) -> None:
    whose = people.outsider.actor.person_id
    path = f"{API}/assignments/{work.assignment_id}/grades/{whose}"
    assert client.get(path, headers=people.ta.headers).status_code == 404
    path = f"{API}/assignments/{work.assignment_id}/grade"
    assert client.get(path, headers=people.outsider.headers).status_code == 404
