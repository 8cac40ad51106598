"""Regrade requests: asked, answered and decided, by whom and with what words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.db.models import Assignment, RequestState
from grader.errors import BadInput, Conflict, Forbidden, NotFound, NotNow
from grader.services import requests
from grader.services.site import Site
from tests.assigned import assignment, audit_of, published, statements
from tests.sites import People, Signed
from tests.unit._builders import check, exercise, result
from tests.web._studying import text_of
from tests.web._visiting import visit
from tests.web._work import handed_in, judge, team_up


@pytest.fixture
def assignment_id(client: TestClient, people: People) -> int:
    made = assignment(client, people)
    published(client, people, made)
    return made


def judged(site: Site, client: TestClient, who: Signed, assignment_id: int) -> int:
    receipt = handed_in(client, who, assignment_id)
    judge(site, receipt["attempt_id"], result(exercise(check(id="c1"))))
    return int(receipt["id"])


@pytest.fixture
def work(site: Site, client: TestClient, people: People, assignment_id: int) -> int:
    """What ada has handed in."""
    return judged(site, client, people.ada, assignment_id)


def asked(site: Site, who: Signed, work: int, reason: str = "My slope is right.") -> int:
    return requests.open_request(site, who.actor, work, exercise="ex1", reason=reason).id


def test_declining_without_a_reason_asks_for_one(
    site: Site, client: TestClient, people: People, work: int
) -> None:
    address = f"/requests/{asked(site, people.ada, work)}"
    tom = visit(site, client, people.ta.actor)
    refused = tom.post(f"{address}/decline", {"text": "  "})
    assert refused.status_code == 422
    assert "Say why it is declined; the student reads it." in text_of(refused)
    assert 'id="text-problem"' in refused.text
    assert "My slope is right." in text_of(refused)
    assert "Open" in text_of(tom.get(address))
    long = "x" * (requests.LONGEST + 1)
    kept = tom.post(f"{address}/decline", {"text": long})
    assert (kept.status_code, long in kept.text) == (422, True)
    assert tom.post(f"{address}/decline", {"text": "It is as asked."}).status_code == 303
    assert "Declined" in text_of(tom.get(address))
    late = tom.post(f"{address}/decline", {"text": "Again."})
    assert (late.status_code, "this request is closed" in late.text.lower()) == (409, True)
    assert "You had written: Again." in text_of(late)


def too_many(*_: Any) -> None:
    raise NotNow("that were many messages in a short time", datetime.now(UTC))


def test_what_is_not_taken_of_a_student_s_words_is_kept_for_them(
    site: Site, client: TestClient, people: People, work: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = visit(site, client, people.ada.actor)
    asking, words = f"/submissions/{work}/requests", "My slope <is> right."
    form = {"exercise": "ex1", "text": words}
    long = ada.post(asking, {**form, "text": "x" * (requests.LONGEST + 1)})
    assert (long.status_code, "x" * (requests.LONGEST + 1) in long.text) == (422, True)
    with monkeypatch.context() as patched:
        patched.setattr(requests, "_refuse_too_many", too_many)
        refused = ada.post(asking, form)
        assert (refused.status_code, "Your request was not sent." in refused.text) == (429, True)
        assert ">My slope &lt;is&gt; right.</textarea>" in refused.text
    address = ada.post(asking, form).headers["location"]
    again = ada.post(asking, form)
    assert (again.status_code, "open already" in again.text) == (409, True)
    assert 'aria-label="What you had written">My slope &lt;is&gt; right.<' in again.text
    with monkeypatch.context() as patched:
        patched.setattr(requests, "_refuse_too_many", too_many)
        refused = ada.post(f"{address}/messages", {"text": words})
        assert refused.status_code == 429
        assert ">My slope &lt;is&gt; right.</textarea>" in refused.text
    ada.post(f"{address}/withdraw")
    closed = ada.post(f"{address}/messages", {"text": words})
    assert (closed.status_code, "You had written" in closed.text) == (409, True)
    assert ada.post(asking, {**form, "exercise": "ex9"}).status_code == 422


def test_a_request_goes_from_the_student_to_staff_and_back(
    site: Site, client: TestClient, people: People, work: int, assignment_id: int
) -> None:
    ada, tom = (visit(site, client, one.actor) for one in (people.ada, people.ta))
    form = {"exercise": "ex1", "text": "My slope is right.\r\nSee page 2."}
    address = ada.post(f"/submissions/{work}/requests", form).headers["location"]
    assert "Your regrade request is open." in text_of(ada.get(f"/submissions/{work}"))

    inbox = text_of(tom.get(f"/assignments/{assignment_id}/requests"))
    assert "1 request, 1 open." in inbox
    assert "ada" in inbox
    assert "My slope is right. See page 2." in text_of(tom.get(address))
    tom.post(f"{address}/messages", {"text": "Which page 2?"})
    assert "tom , staff" in text_of(ada.get(address))
    assert "the staff wrote last" in text_of(ada.get(f"/courses/{people.course_id}"))
    ada.post(f"{address}/messages", {"text": "Of the handout."})
    tom.post(f"{address}/accept", {"text": "You are right."})

    said = text_of(ada.get(address))
    assert "Accepted" in said
    assert "You are right." in said
    assert "the staff change the points" in said
    said = text_of(tom.get(address))
    assert "judge it again or override it" in said
    assert [action for action, _ in audit_of(client, people)][:4] == [
        "request.accepted",
        "request.written",
        "request.written",
        "request.opened",
    ]


def test_one_request_of_an_exercise_is_open_at_a_time(
    site: Site, people: People, work: int
) -> None:
    first = asked(site, people.ada, work)
    with pytest.raises(Conflict, match="open already"):
        asked(site, people.ada, work)
    requests.withdraw(site, people.ada.actor, first)
    second = asked(site, people.ada, work)
    requests.decide(site, people.ta.actor, second, accepted=False, text="It is off by one.")
    assert asked(site, people.ada, work) > second


def test_what_is_closed_stays_as_it_is(site: Site, people: People, work: int) -> None:
    made = asked(site, people.ada, work)
    requests.decide(site, people.ta.actor, made, accepted=False, text="No.")
    thread = requests.get_request(site, people.ada.actor, made)
    assert thread.request.state is RequestState.DECLINED
    assert thread.request.closed_by == people.ta.actor.person_id
    for act in (
        lambda: requests.write(site, people.ada.actor, made, text="But!"),
        lambda: requests.withdraw(site, people.ada.actor, made),
        lambda: requests.decide(site, people.ta.actor, made, accepted=True, text=""),
    ):
        with pytest.raises(Conflict, match="closed"):
            act()


def test_only_whose_work_it_is_asks_and_withdraws(site: Site, people: People, work: int) -> None:
    with pytest.raises(Forbidden):
        asked(site, people.ta, work)
    with pytest.raises(NotFound):
        asked(site, people.bob, work)
    made = asked(site, people.ada, work)
    with pytest.raises(Forbidden):
        requests.withdraw(site, people.ta.actor, made)
    with pytest.raises(Forbidden):
        requests.decide(site, people.ada.actor, made, accepted=True, text="")


def test_a_team_asks_together(site: Site, people: People, work: int) -> None:
    team_up(site, people, people.ada, people.bob)
    made = asked(site, people.bob, work)
    requests.write(site, people.ada.actor, made, text="We mean line 3.")
    said = requests.get_request(site, people.bob.actor, made).messages
    assert [one.is_staff for one in said] == [False, False]
    assert [one.author for one in said] == ["bob", "ada"]


@pytest.mark.parametrize(
    ("exercise", "reason", "why"),
    [
        ("ex9", "x", "no such exercise"),
        ("ex1", "", "say something"),
        ("ex1", " \r\n\0 ", "say something"),
        ("ex1", "x" * 4001, "4,000 characters at most"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(
    exercise: str, reason: str, why: str, site: Site, people: People, work: int
) -> None:
    with pytest.raises(BadInput, match=why):
        requests.open_request(site, people.ada.actor, work, exercise=exercise, reason=reason)


def test_what_is_not_judged_gives_nothing_to_ask_about(
    site: Site, client: TestClient, people: People, assignment_id: int
) -> None:
    waiting = handed_in(client, people.ada, assignment_id)["id"]
    with pytest.raises(Conflict, match="not judged yet"):
        asked(site, people.ada, waiting)


def test_declining_takes_a_reason(site: Site, people: People, work: int) -> None:
    made = asked(site, people.ada, work)
    with pytest.raises(BadInput, match="say why it is declined"):
        requests.decide(site, people.ta.actor, made, accepted=False, text="  ")
    assert requests.get_request(site, people.ada.actor, made).is_open


def test_in_an_anonymous_assignment_staff_are_told_no_name(
    site: Site, client: TestClient, people: People, work: int, assignment_id: int
) -> None:
    with site.database.writing() as session:
        session.get_one(Assignment, assignment_id).anonymous = True
    made = asked(site, people.ada, work)
    tom, ada = (visit(site, client, one.actor) for one in (people.ta, people.ada))
    for path in (f"/requests/{made}", f"/assignments/{assignment_id}/requests"):
        assert "ada" not in text_of(tom.get(path)).lower()
    requests.write(site, people.ta.actor, made, text="Which line?")
    assert "tom" in text_of(ada.get(f"/requests/{made}"))


def test_the_list_is_by_state_and_exercise_with_the_longest_waiting_first(
    site: Site, client: TestClient, people: People, work: int, assignment_id: int
) -> None:
    first = asked(site, people.ada, work)
    second = asked(site, people.bob, judged(site, client, people.bob, assignment_id))
    requests.write(site, people.ta.actor, first, text="Which line?")

    def listed(**filters: Any) -> list[tuple[int, bool]]:
        found = requests.list_requests(site, people.ta.actor, assignment_id, **filters)
        return [(one.request.id, one.waits_for_staff) for one in found.requests.items]

    assert listed() == [(first, False), (second, True)]
    assert listed(exercise="ex1") == listed()
    assert listed(exercise="ex9") == []
    requests.decide(site, people.ta.actor, first, accepted=True, text="")
    assert listed(state=RequestState.ACCEPTED) == [(first, False)]
    page = text_of(
        visit(site, client, people.ta.actor).get(f"/assignments/{assignment_id}/requests")
    )
    assert "2 requests, 1 open. 1 waits for you." in page
    assert "Open 1 Accepted 1 Declined 0 Withdrawn 0" in page
    tom = visit(site, client, people.ta.actor)
    page = text_of(tom.get(f"/assignments/{assignment_id}/requests?exercise=ex9"))
    assert "0 requests, 0 open, about this exercise. None waits for you." in page
    assert "Open 0 Accepted 0 Declined 0 Withdrawn 0" in page
    # From one request on to the next that waits, whichever page of the list it is on.
    assert f'href="/requests/{second}">Next request' in tom.get(f"/requests/{first}").text
    assert "Next request" not in tom.get(f"/requests/{second}").text
    assert "#exercise-ex1" in tom.get(f"/requests/{second}").text


def test_lists_take_as_many_queries_for_many_as_for_one(
    site: Site, client: TestClient, people: People, work: int, assignment_id: int
) -> None:
    asked(site, people.ada, work)
    with statements(site) as few:
        requests.list_requests(site, people.ta.actor, assignment_id)
        requests.own_requests(site, people.ada.actor, people.course_id)
    for _ in range(2):
        other = assignment(client, people)
        published(client, people, other)
        asked(site, people.ada, judged(site, client, people.ada, other))
        asked(site, people.ada, judged(site, client, people.ada, assignment_id))
    with statements(site) as many:
        requests.list_requests(site, people.ta.actor, assignment_id)
        requests.own_requests(site, people.ada.actor, people.course_id)
    assert len(many) == len(few)


def test_what_people_write_is_shown_as_they_wrote_it(
    site: Site, client: TestClient, people: People, work: int
) -> None:
    made = asked(site, people.ada, work, reason="<img src=x onerror=alert(1)>")
    page = visit(site, client, people.ta.actor).get(f"/requests/{made}").text
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
