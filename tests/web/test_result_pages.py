"""A student's result: what it says, what counts and why, and how it came to be."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.db import submissions
from grader.db.models import Assignment, Attempt, AttemptState
from grader.domain.outcomes import Outcome
from grader.domain.results import CellOutput
from grader.services import marking, release, rubricitems
from grader.services.attempts import cancel, regrade_submission
from grader.services.site import Site
from tests import answered
from tests.assigned import assignment, published
from tests.sites import People
from tests.unit._builders import check, exercise, result
from tests.web._studying import HALF, RIGHT, WRONG, announced, judged, text_of
from tests.web._visiting import Visit, visit
from tests.web._work import HOUR, NOW, extend, hand_in, handed_in, judge, notebook, team_up

# As few points as `WRONG`, for another cause.
OTHERWISE = replace(
    WRONG, detail={"cause": "half"}, message="Half of what it should be, at 0.25.", hint="Twice."
)


@pytest.fixture
def assignment_id(client: TestClient, people: People) -> int:
    return announced(client, people)


@pytest.fixture
def ada(site: Site, client: TestClient, people: People) -> Visit:
    return visit(site, client, people.ada.actor)


def test_the_result_says_what_counts_and_why_and_what_is_next(
    site: Site, client: TestClient, people: People, ada: Visit, assignment_id: int
) -> None:
    best = judged(site, client, people.ada, assignment_id, HALF)
    worse = judged(site, client, people.ada, assignment_id, WRONG)
    said = text_of(ada.get(f"/submissions/{best}"))
    assert "Submission 1 of 2" in said
    assert "10 of 20 points" in said
    assert "Next: Slopes: Nearly." in said
    assert "This submission counts: it has the most points." in said
    said = text_of(ada.get(f"/submissions/{worse}"))
    assert "Next: Slopes: The sign." in said
    assert "Submission 1 counts: it has the most points." in said
    assert "Hint: The sign." in said


def test_lateness_is_spelled_out(
    site: Site, client: TestClient, people: People, ada: Visit
) -> None:
    late = assignment(
        client, people, due_at=(NOW - HOUR).isoformat(), policy={"late": {"penalty": 0.1}}
    )
    published(client, people, late)
    said = text_of(ada.get(f"/submissions/{judged(site, client, people.ada, late, HALF)}"))
    assert "9 of 20 points" in said
    assert "1 day late: 10 % of the points are taken off" in said
    assert "Judged: 10; with that taken off: 9." in said
    # All is right but late: handing in again would cost more, and what waits is worth less as well.
    text = check(id="c2", outcome=Outcome.PENDING, score=0.0, max_score=10.0)
    right = judged(site, client, people.bob, late, replace(RIGHT, score=10.0, max_score=10.0), text)
    bob = visit(site, client, people.bob.actor)
    said = text_of(bob.get(f"/submissions/{right}"))
    assert "9 of 20 points + up to 9" in said
    assert 'class="button primary" href="/assignments' not in bob.get(f"/submissions/{right}").text
    for path in (f"/courses/{people.course_id}", f"/assignments/{late}"):
        said = text_of(bob.get(path))
        assert "9 more wait for a person" in said
        assert "hand in again" not in said


def test_a_hidden_check_shows_no_more_than_its_title(
    site: Site, client: TestClient, people: People, ada: Visit, assignment_id: int
) -> None:
    secret = replace(WRONG, visibility="hidden", message="expected xyzzy", hint="say xyzzy")
    page = ada.get(f"/submissions/{judged(site, client, people.ada, assignment_id, secret)}")
    assert "This check is hidden." in text_of(page)
    assert "xyzzy" not in page.text


def test_hostile_words_are_shown_as_they_are(
    site: Site, client: TestClient, people: People, ada: Visit, assignment_id: int
) -> None:
    evil = "<script>alert(1)</script>"
    hostile = replace(WRONG, message=evil, hint=evil, title=evil)
    receipt = handed_in(client, people.ada, assignment_id, f"x = '{evil}'")
    judge(site, receipt["attempt_id"], result(exercise(hostile, title=evil), message=evil))
    other = handed_in(client, people.ada, assignment_id, f"y = '{evil}'")
    for path in (
        f"/submissions/{receipt['id']}",
        f"/submissions/{receipt['id']}/compare/{other['id']}",
    ):
        page = ada.get(path)
        assert page.status_code == 200
        assert evil not in page.text
        assert "&lt;script&gt;" in page.text


def test_students_read_their_own_answer_where_its_points_are_told(
    site: Site, client: TestClient, people: People, ada: Visit, assignment_id: int
) -> None:
    evil = "It falls <script>alert(1)</script> " + "x" * 3000
    waits = check(id="c2", outcome=Outcome.PENDING, score=0.0, max_score=5.0, message="A person.")
    written = replace(waits, kind="manual", detail={"answer": evil})
    work = judged(site, client, people.ada, assignment_id, replace(written, id="c3"), written)
    page = ada.get(f"/submissions/{work}")
    assert "It falls &lt;script&gt;alert(1)&lt;/script&gt; xxx" in page.text
    assert "x" * 2001 not in page.text
    assert "It goes on in your file." in text_of(page)
    assert "the right values – of 5" in text_of(page)
    assert "0 of 5" not in text_of(page)
    part = ada.get(f"/submissions/{work}/notebook")
    assert "– of 10" in text_of(part)
    assert "0 of 10" not in text_of(part)


def test_an_extension_that_is_not_over_is_told_as_what_is_to_come(
    site: Site, client: TestClient, people: People, ada: Visit, assignment_id: int
) -> None:
    work = judged(site, client, people.ada, assignment_id, HALF)
    extend(site, assignment_id, people.ada, NOW + 5 * HOUR)
    assert "You have an extension: it is due" in text_of(ada.get(f"/submissions/{work}"))


def test_points_that_a_person_gave_are_shown_once_they_are_released(
    site: Site, client: TestClient, people: People, ada: Visit, assignment_id: int
) -> None:
    work = judged(site, client, people.ada, assignment_id, HALF)
    item = rubricitems.add_item(
        site, people.ta.actor, assignment_id, "ex1", label="Well argued", points=5.0
    )
    marking.give(
        site,
        people.ta.actor,
        assignment_id,
        "ex1",
        [work],
        marking.Given(items=[item.id], comment="Read chapter 3."),
        seen={work: None},
    )
    assert "Well argued" not in text_of(ada.get(f"/submissions/{work}"))
    release.release(site, people.ta.actor, assignment_id)
    said = text_of(ada.get(f"/submissions/{work}"))
    assert "15 of 20 points Your grade, released" in said
    assert "Judged automatically: 10." in said
    assert "A person gave 15 of 20 points. They stand in place of" in said
    assert "+5 Well argued Read chapter 3." in said
    assert "tom" not in said.split()
    assert "Next: Read below what a person wrote about your points." in said
    assert "Released 15 of 20" in text_of(ada.get(f"/courses/{people.course_id}"))


def test_who_may_choose_says_which_one_counts(
    site: Site, client: TestClient, people: People, ada: Visit
) -> None:
    free = assignment(client, people, policy={"counts": "chosen"})
    published(client, people, free)
    first = judged(site, client, people.ada, free, HALF)
    judged(site, client, people.ada, free, WRONG)
    page = ada.get(f"/submissions/{first}")
    assert "it is the latest, until you choose another" in text_of(page)
    assert ada.post(f"/submissions/{first}/choice").headers["location"] == f"/submissions/{first}"
    assert "This submission counts: you chose it." in text_of(ada.get(f"/submissions/{first}"))


def test_the_difference_of_two_submissions_is_their_cells_and_checks(
    site: Site, client: TestClient, people: People, ada: Visit, assignment_id: int
) -> None:
    first = handed_in(client, people.ada, assignment_id, "x = 1")
    judge(site, first["attempt_id"], result(exercise(WRONG, title="Slopes")))
    second = handed_in(client, people.ada, assignment_id, "x = 2")
    path = f"/submissions/{second['id']}/compare/{first['id']}"
    assert "One of the two is not judged" in text_of(ada.get(path))
    judge(site, second["attempt_id"], result(exercise(RIGHT, title="Slopes")))
    said = text_of(ada.get(path))
    assert "0 → 20" in said
    assert "1 cell changed, 0 are the same." in said
    assert "− removed: x = 1 + added: x = 2" in said
    assert "(judged: 0 points)" in said
    assert "(judged: 20 points)" in said
    # Another mistake in the place of the one that was mended, for as few points.
    third = handed_in(client, people.ada, assignment_id, "x = 3")
    judge(site, third["attempt_id"], result(exercise(OTHERWISE, title="Slopes")))
    said = text_of(ada.get(f"/submissions/{first['id']}/compare/{third['id']}"))
    assert f"{WRONG.message} " in said
    assert "Half of what it should be, at 0.25." in said
    fourth = handed_in(client, people.ada, assignment_id, "x = 4")
    elsewhere = replace(OTHERWISE, message="Half of what it should be, at 1e-3.")
    judge(site, fourth["attempt_id"], result(exercise(elsewhere, title="Slopes")))
    said = text_of(ada.get(f"/submissions/{fourth['id']}/compare/{third['id']}"))
    assert "Every check came out the same." in said
    same = f"/submissions/{first['id']}/compare/{first['id']}"
    assert ada.get(same).status_code == 422
    bobs = handed_in(client, people.bob, assignment_id)["id"]
    assert ada.get(f"/submissions/{first['id']}/compare/{bobs}").status_code == 404


def test_the_run_says_which_cells_raised_and_whose_output_was_cut(
    site: Site, client: TestClient, people: People, ada: Visit, assignment_id: int
) -> None:
    stream = {"output_type": "stream", "name": "stdout", "text": "a\n[9 characters left out]\nz"}
    error = {"output_type": "error", "ename": "ValueError", "evalue": "<b>", "traceback": []}
    cell = CellOutput(index=0, outputs=(stream, error), error="ValueError: <b>")
    receipt = handed_in(client, people.ada, assignment_id, "x = 1")
    judge(site, receipt["attempt_id"], result(exercise(HALF), outputs=(cell,)))
    path = f"/submissions/{receipt['id']}"
    for reader in (ada, visit(site, client, people.ta.actor)):
        page = reader.get(path)
        assert f'href="{path}/notebook/frame#cell-1"' in page.text
        assert "<code>ValueError: &lt;b&gt;</code>" in page.text
        assert "Too long to be kept whole is what Cell 1 wrote" in text_of(page)


def test_where_the_list_of_one_s_submissions_ends_it_leads_on(
    site: Site, people: People, ada: Visit, assignment_id: int
) -> None:
    ids = [answered.handed_in(site, assignment_id, people.ada.actor.person_id) for _ in range(51)]
    page = ada.get(f"/submissions/{ids[0]}")
    assert f'href="/submissions/{ids[0]}"' not in page.text
    onward = re.search(r'<a href="([^"]*)">Earlier submissions', page.text)
    assert onward
    assert f'href="/submissions/{ids[0]}"' in ada.get(onward[1]).text


def test_what_arrives_while_a_page_is_made_does_not_break_it(
    site: Site, people: People, ada: Visit, assignment_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived: list[int] = []
    in_order = submissions.in_order

    def and_then_one_arrives(*given: Any) -> Any:
        found = in_order(*given)
        if not arrived:
            arrived.append(answered.handed_in(site, assignment_id, people.ada.actor.person_id))
        return found

    answered.handed_in(site, assignment_id, people.ada.actor.person_id)
    monkeypatch.setattr(submissions, "in_order", and_then_one_arrives)
    assert ada.get(f"/assignments/{assignment_id}").status_code == 200
    assert arrived


def test_a_team_sees_its_work_as_one(
    site: Site, client: TestClient, people: People, assignment_id: int
) -> None:
    team_up(site, people, people.ada, people.bob)
    first = judged(site, client, people.ada, assignment_id, HALF)
    judged(site, client, people.bob, assignment_id, WRONG)
    bob = visit(site, client, people.bob.actor)
    said = text_of(bob.get(f"/submissions/{first}"))
    assert "Submission 1 of 2" in said
    assert "This submission counts: it has the most points." in said


def test_what_waits_tells_how_far_it_is_and_what_ended_loads_anew(
    site: Site, client: TestClient, people: People, ada: Visit, assignment_id: int
) -> None:
    receipt = handed_in(client, people.ada, assignment_id)
    page = ada.get(f"/submissions/{receipt['id']}").text
    assert f'data-events="/attempts/{receipt["attempt_id"]}/events"' in page
    path = f"/attempts/{receipt['attempt_id']}/progress"
    assert "It is next." in text_of(ada.get(path))
    assert "hx-refresh" not in ada.get(path).headers
    judge(site, receipt["attempt_id"], result(exercise(HALF)))
    assert ada.get(path).headers["hx-refresh"] == "true"
    events = ada.get(f"/attempts/{receipt['attempt_id']}/events")
    assert events.headers["content-type"].startswith("text/event-stream")
    assert '"stage":"done"' in events.text


def test_what_was_cancelled_says_so(
    site: Site, client: TestClient, people: People, ada: Visit, assignment_id: int
) -> None:
    receipt = handed_in(client, people.ada, assignment_id)
    cancel(site, people.ta.actor, receipt["attempt_id"])
    assert "Cancelled Its judging was cancelled" in text_of(
        ada.get(f"/submissions/{receipt['id']}")
    )


def test_what_is_not_judged_against_the_version_in_force_is_no_zero(
    site: Site, client: TestClient, people: People, ada: Visit, assignment_id: int
) -> None:
    work = judged(site, client, people.ada, assignment_id, HALF)
    published(client, people, assignment_id, title="Newer")
    with site.database.writing() as session:
        for attempt in session.query(Attempt).filter_by(state=AttemptState.QUEUED):
            session.delete(attempt)
    said = text_of(ada.get(f"/submissions/{work}"))
    assert "Not judged anew" in said
    assert "It is not a zero" in said


def test_a_judging_again_leaves_the_result_standing_meanwhile(
    site: Site, client: TestClient, people: People, ada: Visit, assignment_id: int
) -> None:
    work = judged(site, client, people.ada, assignment_id, HALF)
    regrade_submission(site, people.ta.actor, work, reason="a fix")
    said = text_of(ada.get(f"/submissions/{work}"))
    assert "10 of 20 points" in said
    assert "It is judged again; until then the result before stands." in said


def test_without_names_staff_see_no_names_of_files_either(
    site: Site, client: TestClient, people: People, assignment_id: int
) -> None:
    with site.database.writing() as session:
        session.get_one(Assignment, assignment_id).anonymous = True
    first, second = (
        hand_in(client, people.ada, assignment_id, notebook(source), name="ada-lovelace.ipynb")
        for source in ("x = 1", "x = 2")
    )
    own = f"/submissions/{first.json()['id']}"
    tom = visit(site, client, people.ta.actor)
    for path in (f"{own}/compare/{second.json()['id']}", f"{own}/file"):
        answer = tom.get(path)
        assert answer.status_code == 200
        told = answer.headers.get("content-disposition", "") + answer.text
        assert "lovelace" not in told
    assert "lovelace" in visit(site, client, people.ada.actor).get(own).text


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        ({}, "Judge it again: it was not judged through a fault of ours"),
        (
            {"fault": "there is no f"},
            "Look at the bundle; ex1/values was not judged: there is no f",
        ),
    ],
    ids=["ours", "the bundle's"],
)
def test_staff_mend_a_bundle_before_they_judge_again(
    site: Site,
    client: TestClient,
    people: People,
    ada: Visit,
    assignment_id: int,
    detail: dict[str, object],
    said: str,
) -> None:
    receipt = handed_in(client, people.ada, assignment_id, "x = 1")
    unjudged = check(outcome=Outcome.NOT_JUDGED, score=0.0, detail=detail)
    judge(site, receipt["attempt_id"], result(exercise(unjudged)))
    tom = visit(site, client, people.ta.actor)
    assert said in text_of(tom.get(f"/submissions/{receipt['id']}"))
    assert "there is no f" not in text_of(ada.get(f"/submissions/{receipt['id']}"))
