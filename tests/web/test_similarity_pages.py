"""Similarity: staff start it and look at pairs; students and other courses know nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.broker.messages import COMPARE
from grader.db import leases
from grader.db.models import AttemptState, AuditEntry, Comparison, Queue
from grader.services import comparing, similarity
from grader.services.site import Site
from tests.sites import People, Signed
from tests.unit._builders import exercise, result
from tests.unit.test_similarity import DISGUISED, OTHER, OWN
from tests.web._browsing import as_
from tests.web._work import (  # noqa: F401 - fixtures
    Recorded,
    assignment,
    hand_in,
    judge,
    messages,
    notebook,
    site,
    team_up,
)

ROUTES = {
    "GET /assignments/{assignment_id}/similarity": "grade",
    "POST /assignments/{assignment_id}/similarity": "grade",
    "GET /similarity/{comparison_id}/{first_id}/{second_id}": "grade",
}

HandIn = Callable[..., int]

THIRD = """
def table(rows, columns=4):
    return {f"{row}": [column ** 2 if column % 2 else None for column in range(columns)]
            for row in sorted(rows, key=lambda one: -len(one)) if row not in seen}
"""


@pytest.fixture
def number(site: Site, people: People) -> int:  # noqa: F811
    """An assignment."""
    return assignment(site, people.course_id, counts="last")


@pytest.fixture
def given(client: TestClient, site: Site, number: int) -> HandIn:  # noqa: F811
    """Hands something in that is judged."""

    def given(who: Signed, *sources: str, judged: bool = True) -> int:
        receipt = hand_in(client, who, number, notebook(*sources)).json()
        if judged:
            judge(site, receipt["attempt_id"], result(exercise()))
        submission_id: int = receipt["id"]
        return submission_id

    return given


def compare(site: Site, who: Signed, number: int) -> Comparison:  # noqa: F811
    """What a person and then a worker do."""
    comparison = similarity.start(site, who.actor, number)
    held = comparing.claim_comparison(site, Queue.CPU)
    assert held is not None
    subject = comparing.start_comparison(site, held)
    assert subject is not None
    outcome = comparing.compare(site, subject, lambda _: None)
    assert comparing.finish_comparison(site, held, outcome)
    return comparison


def pairs(site: Site, who: Signed, number: int, **more: Any) -> list[tuple[str, str]]:  # noqa: F811
    found = similarity.overview(site, who.actor, number, **more).pairs.items
    return [(one.first.person, one.second.person) for one in found]


@pytest.mark.parametrize("route", ROUTES)
def test_it_is_for_staff(
    route: str,
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    number: int,
    given: HandIn,
) -> None:
    one, other = given(people.ada, OWN), given(people.bob, DISGUISED)
    comparison = compare(site, people.ta, number)
    method, path = route.split(" ")
    where = path.format(
        assignment_id=number, comparison_id=comparison.id, first_id=one, second_id=other
    )

    def ask(who: Signed | None) -> int:
        answer = client.request(method, where, headers=as_(site, who), follow_redirects=False)
        return answer.status_code

    assert ask(people.ada) == 403
    assert ask(people.outsider) == ask(people.outside_instructor) == 404
    for who in (people.ta, people.instructor, people.admin):
        assert ask(who) == (303 if method == "POST" else 200)


def test_a_copy_is_found_and_shown_side_by_side(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    number: int,
    given: HandIn,
) -> None:
    one, other = given(people.ada, OWN), given(people.bob, DISGUISED)
    page = client.get(f"/assignments/{number}/similarity", headers=as_(site, people.ta)).text
    assert "Nothing was compared yet" in page
    comparison = compare(site, people.ta, number)
    page = client.get(f"/assignments/{number}/similarity", headers=as_(site, people.ta)).text
    assert "1 pair has half of the code or more in common" in page
    [pair] = similarity.pairs_of(site, people.ta.actor, one)
    first, second = pair.first.submission.id, pair.second.submission.id
    assert {first, second} == {one, other}
    assert f'href="/similarity/{comparison.id}/{first}/{second}"' in page
    both = client.get(
        f"/similarity/{comparison.id}/{second}/{first}", headers=as_(site, people.ta)
    ).text
    assert both.count('id="first-1"') == both.count('id="second-1"') == 1
    assert "def backprop" in both
    assert "my own work, honestly" in both
    flagged = similarity.flagged(site, people.ta.actor, number)
    assert flagged is not None
    assert flagged.pairs == 1


def test_of_everybody_the_submission_that_counts_is_compared(
    people: People,
    site: Site,  # noqa: F811
    number: int,
    given: HandIn,
) -> None:
    given(people.ada, OWN)
    given(people.bob, DISGUISED)
    given(people.bob, OTHER)
    assert compare(site, people.ta, number)
    overview = similarity.overview(site, people.ta.actor, number)

    assert overview.done is not None
    assert overview.done.facts["compared"] == 2
    assert overview.pairs.items == []


def test_a_team_is_not_compared_with_itself(
    people: People,
    site: Site,  # noqa: F811
    number: int,
    given: HandIn,
) -> None:
    team_up(site, people, people.ada, people.bob)
    given(people.ada, OWN)
    given(people.bob, OWN)
    compare(site, people.ta, number)

    assert pairs(site, people.ta, number) == []


def test_pairs_are_searched_by_name_and_narrowed_by_share(
    people: People,
    site: Site,  # noqa: F811
    number: int,
    given: HandIn,
) -> None:
    given(people.ada, OWN, OTHER)
    given(people.bob, DISGUISED, THIRD)
    compare(site, people.ta, number)

    assert len(pairs(site, people.ta, number, name="BOB")) == 1
    assert pairs(site, people.ta, number, name="b%b") == []
    assert pairs(site, people.ta, number, least=1.0) == []


def test_points_stay_as_they_are(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    number: int,
    given: HandIn,
) -> None:
    given(people.ada, OWN)
    given(people.bob, DISGUISED)

    def grade() -> Any:
        where = f"/api/v1/assignments/{number}/grades/{people.ada.actor.person_id}"
        return client.get(where, headers=people.ta.headers).json()

    before = grade()
    compare(site, people.ta, number)
    assert grade() == before


def test_one_comparison_at_a_time_waits_and_who_started_it_is_noted(
    people: People,
    site: Site,  # noqa: F811
    number: int,
    messages: Recorded,  # noqa: F811
) -> None:
    first = similarity.start(site, people.ta.actor, number)
    again = similarity.start(site, people.instructor.actor, number)
    with site.database.reading() as session:
        noted = session.query(AuditEntry).filter_by(action="comparison.started").all()

    assert first.id == again.id
    assert [message for message in messages.sent if message[0] == COMPARE] == [
        (COMPARE, first.id, "cpu")
    ]
    assert [one.actor_id for one in noted] == [people.ta.actor.person_id]


def test_while_it_waits_the_page_asks_again_and_a_failure_is_said_to_be_ours(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    number: int,
) -> None:
    comparison = similarity.start(site, people.ta.actor, number)
    where = f"/assignments/{number}/similarity"
    headers = as_(site, people.ta)
    waiting = client.get(where, headers=headers | {"HX-Request": "true"}).text
    assert 'hx-trigger="every 2s"' in waiting
    assert "Waits for a worker" in waiting
    for _ in range(leases.TRIES):
        held = comparing.claim_comparison(site, Queue.CPU)
        assert held is not None
        with site.database.writing() as session:
            assert leases.give_back(session, Comparison, held.claim, "no memory")
    failed = client.get(where, headers=headers).text
    assert "Ours to fix" in failed
    assert 'hx-trigger="every 2s"' not in failed
    with site.database.reading() as session:
        assert session.get_one(Comparison, comparison.id).state is AttemptState.FAILED


def test_a_claim_that_was_lost_writes_nothing(
    people: People,
    site: Site,  # noqa: F811
    number: int,
    given: HandIn,
) -> None:
    given(people.ada, OWN)
    given(people.bob, DISGUISED)
    similarity.start(site, people.ta.actor, number)
    held = comparing.claim_comparison(site, Queue.CPU)
    assert held is not None
    with site.database.writing() as session:
        assert leases.release(session, Comparison, held.claim)
    outcome = comparing.Outcome(facts={}, pairs=[(1, 2, 0.9)])

    assert not comparing.finish_comparison(site, held, outcome)
    assert pairs(site, people.ta, number) == []


def test_two_that_are_no_pair_are_not_shown(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    number: int,
    given: HandIn,
) -> None:
    one, other = given(people.ada, OWN), given(people.bob, OTHER)
    comparison = compare(site, people.ta, number)
    where = f"/similarity/{comparison.id}/{one}/{other}"
    answer = client.get(where, headers=as_(site, people.ta))

    assert answer.status_code == 404
    assert "def backprop" not in answer.text
