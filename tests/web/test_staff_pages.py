"""What staff see of a course's submissions and do to them; and who may see and do it."""

from __future__ import annotations

import html
import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from grader.db.models import (
    Attempt,
    AttemptState,
    AuditEntry,
    CellComment,
    Comparison,
    Course,
    Extension,
    Override,
    Person,
    Purpose,
    Queue,
    Release,
    SimilarPair,
    Submission,
)
from grader.domain.outcomes import Outcome
from grader.services import attempts, overrides, requests
from grader.services.site import Site
from tests.sites import People, Signed, signed
from tests.unit._builders import check, exercise, result
from tests.web._handed_in import HandedIn, anonymously, everything
from tests.web._visiting import Visit, visit
from tests.web._work import (  # noqa: F401 - fixtures
    HOUR,
    NOW,
    Recorded,
    assignment,
    handed_in,
    judge,
    messages,
    site,
    state_of,
)

# Who a page is for.
ROUTES: dict[str, str] = {
    "GET /assignments/{assignment_id}/submissions": "grade",
    "GET /assignments/{assignment_id}/submissions/live": "grade",
    "POST /assignments/{assignment_id}/submissions/confirm": "grade",
    "POST /assignments/{assignment_id}/submissions/act": "grade",
    "POST /assignments/{assignment_id}/submissions/export": "grade",
    "POST /submissions/{submission_id}/overrides": "grade",
    "POST /submissions/{submission_id}/regrade": "grade",
    "GET /submissions/{submission_id}/progress": "grade",
    "GET /submissions/{submission_id}/replay/file": "grade",
    "GET /submissions/{submission_id}/replay/result.json": "grade",
    "POST /overrides/{override_id}/revoke": "grade",
}
_FORMS: dict[str, dict[str, Any]] = {
    "POST /assignments/{assignment_id}/submissions/confirm": {"action": "regrade", "all": "1"},
    "POST /assignments/{assignment_id}/submissions/act": {"action": "unrelease", "all": "1"},
    "POST /submissions/{submission_id}/overrides": {
        "exercise": "ex1",
        "score": "1",
        "reason": "well argued",
    },
    "POST /submissions/{submission_id}/regrade": {"reason": "a fix"},
}


@pytest.fixture
def found(client: TestClient, site: Site, people: People) -> HandedIn:  # noqa: F811
    return everything(client, site, people, due_at=NOW + HOUR)


@pytest.fixture
def ta(client: TestClient, site: Site, people: People) -> Visit:  # noqa: F811
    return visit(site, client, people.ta.actor)


def seen(visitor: Visit, path: str) -> str:
    """A page that is there."""
    answer = visitor.get(path)
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def act(visitor: Visit, found: HandedIn, action: str, *names: str, **more: Any) -> Any:
    """What came of doing something to these submissions."""
    form = {"action": action, "id": [found.ids[one] for one in names], **more}
    return visitor.post(f"{found.table}/act", form)


def actions(site: Site) -> list[str]:  # noqa: F811
    with site.database.reading() as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


# -- who may ----------------------------------------------------------------------------------


def test_what_staff_see_and_do_is_for_staff(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
    found: HandedIn,
) -> None:
    with site.database.reading() as session:
        override_id = session.scalars(select(Override.id)).one()
    ids = {
        "assignment_id": found.assignment_id,
        "submission_id": found.ids["right"],
        "override_id": override_id,
    }

    def ask(label: str, who: Signed | None) -> int:
        method, path = label.split(" ", 1)
        path = path.format(**ids)
        visitor = visit(site, client, who.actor if who else None)
        if method == "POST":
            return int(visitor.post(path, _FORMS.get(label)).status_code)
        path += f"?ids={found.ids['right']}" if path.endswith("/live") else ""
        return int(visitor.get(path).status_code)

    for label in ROUTES:
        assert ask(label, None) == 303, label  # to where one signs in
        for outside in (people.outsider, people.outside_instructor):
            assert ask(label, outside) == 404, label
        for student in (people.ada, people.bob):
            assert ask(label, student) == 403, label
        assert ask(label, people.ta) in (200, 303), label
        for one in (people.instructor, people.admin):
            # 409: since the TA has asked for it, it waits to be judged already.
            assert ask(label, one) in (200, 303, 409), label


def test_a_course_and_its_assignments_are_overviews_for_staff(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
    found: HandedIn,
) -> None:
    for who in (people.ta, people.instructor, people.admin):
        visitor = visit(site, client, who.actor)
        course = seen(visitor, f"/courses/{people.course_id}")
        assert "Look at 1 failure of ours" in course
        assert f"{found.table}?state=failed" in course
        assignment_page = seen(visitor, f"/assignments/{found.assignment_id}")
        assert "factor" in assignment_page
        assert "stopped at the time limit" in assignment_page
    student = visit(site, client, people.ada.actor)
    for path in (f"/courses/{people.course_id}", f"/assignments/{found.assignment_id}"):
        assert "Look at 1 failure" not in seen(student, path)


# -- the table --------------------------------------------------------------------------------


def test_the_links_of_an_overview_lead_to_as_many_as_they_say(
    ta: Visit,
    found: HandedIn,
) -> None:
    overview = seen(ta, f"/assignments/{found.assignment_id}")
    number = r'[^>]*>\s*(?:<span class="number">)?(\d+)'
    links = re.findall(rf'href="({re.escape(found.table)}\?[^"]*)"{number}', overview)
    assert len(links) >= 6
    assert {"failed", "passed"} <= {href.partition("%3A")[2].partition("&")[0] for href, _ in links}
    for href, number in links:
        page = seen(ta, href.replace("&amp;", "&"))
        assert page.count('<tr id="row-') == int(number), href


def test_an_address_that_is_no_page_s_is_not_found(ta: Visit) -> None:
    lost = ta.get("/assignments/abc")
    assert (lost.status_code, "There is no such page" in lost.text) == (404, True)


def test_what_no_list_is_narrowed_by_is_named(
    site: Site,  # noqa: F811
    people: People,
    ta: Visit,
) -> None:
    table = f"/assignments/{assignment(site, people.course_id)}/submissions"
    for query in (
        "state=odd",
        "run=odd",
        "least=nan",
        "most=many",
        "found=ex1:odd",
        "sort=size",
        "dir=up",
        "cursor=%40",
        "q=" + "x" * 300,
        "q=%00",
        "counts=maybe",
    ):
        answer = ta.get(f"{table}?{query}")
        assert answer.status_code == 422, query
        assert f"{query.split('=')[0].capitalize()}: " in answer.text, query


def test_a_range_of_scores_that_is_the_wrong_way_round_is_said_to_be_and_turned(
    ta: Visit, found: HandedIn
) -> None:
    page = seen(ta, f"{found.table}?least=30&most=3&latest=1")
    assert "No score is from 30 to 3: the range is the wrong way round." in page
    assert f"{found.table}?least=3&amp;most=30&amp;latest=1" in page
    assert "the wrong way round" not in seen(ta, f"{found.table}?least=300&most=300")


def test_rows_that_are_not_done_are_asked_for_until_they_are(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
    ta: Visit,
    found: HandedIn,
) -> None:
    waits = found.ids["waits"]
    page = seen(ta, found.table)
    # With what else of theirs is listed: when it is judged, that one may count no more.
    live = f"{found.table}/live?ids={found.ids['failed']},{waits}"
    assert f'hx-get="{live}"' in page
    part = seen(ta, live)
    assert "Waits" in part
    assert f'hx-get="{live}"' in part
    with site.database.reading() as session:
        attempt_id = session.scalars(select(Attempt.id).filter_by(submission_id=waits)).one()
    judge(site, attempt_id, result(exercise(check("a"))))
    part = seen(ta, live)
    assert f'id="state-{waits}"' in part
    assert "Graded" in part
    assert "hx-get" not in part
    # All that is listed is asked for more slowly, with the head: others act on it, too.
    asked = re.search(r'hx-get="([^"]*/live[?]ids=[^"]*list=[^"]*)" hx-trigger="every 10s"', page)
    assert asked
    slow = html.unescape(asked[1])
    assert "7 submissions · none needs a person" in seen(ta, slow)
    words = exercise(check("b", Outcome.PENDING, 0.0), id="ex2")
    receipt = handed_in(client, people.bob, found.assignment_id, "y = 1")
    judge(site, receipt["attempt_id"], result(exercise(check("a"), id="ex1"), words))
    attempts.regrade_submission(site, people.ta.actor, found.ids["right"], reason="a fix")
    part = seen(ta, slow)
    assert "8 submissions ·" in part
    assert re.search(r'id="needing"[^>]*>1 needs a person', part)
    assert f'href="/submissions/{receipt["id"]}?' in part
    assert f'{found.table}/live?ids={found.ids["right"]},{found.ids["wrong"]}" hx-trigger' in part
    assert "1 submission matches" in seen(ta, f"{found.table}/live?list=state%3Dfailed")


def test_the_next_one_that_needs_a_person_is_at_the_head(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
    ta: Visit,
    found: HandedIn,
) -> None:
    assert "none needs a person" in seen(ta, found.table)
    words = exercise(check("a"), id="ex1"), exercise(check("b", Outcome.PENDING, 0.0), id="ex2")
    for who in (people.bob, people.ada):
        receipt = handed_in(client, who, found.assignment_id, f"y = {who.email!r}")
        judge(site, receipt["attempt_id"], result(*words))
    page = seen(ta, found.table)
    # Ada's latest is worth less than her first, which counts: nobody has to see to it.
    assert "1 needs a person" in page
    assert "Does not count" in page
    with site.database.reading() as session:
        bobs = session.scalars(
            select(Submission.id)
            .filter_by(person_id=people.bob.actor.person_id)
            .order_by(Submission.id.desc())
        ).first()
    assert f'href="/submissions/{bobs}?' in page
    assert ">by judged score</a>" in page  # the points in the rows are those that hold
    overview = seen(ta, f"/assignments/{found.assignment_id}")
    assert "?state=needs_person&amp;latest=1" in overview  # two, of which one counts
    assert "have open points" in overview
    judge(
        site,
        handed_in(client, people.ta, found.assignment_id)["attempt_id"],
        result(*words),
    )
    with site.database.reading() as session:
        trial = session.scalars(select(Submission.id).order_by(Submission.id.desc())).first()
    assert "it counts for no student" in seen(ta, f"/submissions/{trial}")


# -- acting on many ---------------------------------------------------------------------------


def test_what_will_happen_is_said_before_it_happens(
    site: Site,  # noqa: F811
    ta: Visit,
    found: HandedIn,
) -> None:
    before = actions(site)
    form: dict[str, Any] = {"action": "regrade", "id": [found.ids["right"], found.ids["half"]]}
    asked = ta.post(f"{found.table}/confirm", form)
    assert "Judge 2 submissions again?" in asked.text
    form = {"action": "release", "all": "1", "list": "state=graded"}
    assert "Release the grades of 2 students?" in ta.post(f"{found.table}/confirm", form).text
    nothing = ta.post(f"{found.table}/confirm", {"action": "regrade"})
    assert (nothing.status_code, "Nothing is selected" in nothing.text) == (422, True)
    assert actions(site) == before


def test_selected_submissions_are_judged_again_with_a_reason(
    site: Site,  # noqa: F811
    ta: Visit,
    found: HandedIn,
    messages: Recorded,  # noqa: F811
) -> None:
    refused = act(ta, found, "regrade", "right", "half", reason=" ")
    assert (refused.status_code, "Say why" in refused.text) == (422, True)
    done = act(ta, found, "regrade", "right", "half", reason="a fix")
    assert "2 submissions will be judged again." in done.text
    with site.database.reading() as session:
        again = session.scalars(select(Attempt).filter_by(purpose=Purpose.REGRADE)).all()
        (entry,) = session.scalars(select(AuditEntry).filter_by(action="assignment.regraded"))
    assert {one.submission_id for one in again} == {found.ids["right"], found.ids["half"]}
    assert entry.detail["reason"] == "a fix"
    assert {row for _, row, _ in messages.sent} >= {one.id for one in again}


def test_all_that_match_are_acted_on_and_nothing_of_another_assignment(
    site: Site,  # noqa: F811
    ta: Visit,
    found: HandedIn,
) -> None:
    done = act(ta, found, "regrade", all="1", list="found=ex1:failed", reason="a fix")
    # Of everybody's latest one alone came out like this.
    assert "1 submission will be judged again." in done.text
    # What was asked about is what is acted on: another number of them is asked about anew.
    form = {"action": "release", "all": "1", "list": "state=graded"}
    told = re.search(r'name="told" value="(\d+)"', ta.post(f"{found.table}/confirm", form).text)
    assert told
    before = actions(site)
    changed = ta.post(f"{found.table}/act", {**form, "told": str(int(told[1]) + 1)})
    assert (changed.status_code, "not as many as they were" in changed.text) == (422, True)
    assert f'name="told" value="{told[1]}"' in changed.text
    assert actions(site) == before
    assert ta.post(f"{found.table}/act", {**form, "told": told[1]}).status_code == 200
    strangers = ta.post(
        f"{found.table}/act", {"action": "regrade", "id": [999_999], "reason": "a fix"}
    )
    assert "Nothing is selected" in strangers.text


def test_grades_of_the_selected_are_released_and_taken_back(
    site: Site,  # noqa: F811
    people: People,
    ta: Visit,
    found: HandedIn,
) -> None:
    done = act(ta, found, "release", "right", "wrong", "half", "failed")
    assert "2 grades released." in done.text  # ada's and bob's; the TA is no student
    with site.database.reading() as session:
        released = {one.person_id: one.submission_id for one in session.scalars(select(Release))}
    assert released[people.ada.actor.person_id] == found.ids["right"]
    back = act(ta, found, "unrelease", "wrong")
    assert "1 grade taken back." in back.text
    with site.database.reading() as session:
        assert session.scalars(select(Release.person_id)).all() == [people.bob.actor.person_id]


def test_the_selected_get_more_time_in_the_course_s_zone(
    site: Site,  # noqa: F811
    people: People,
    ta: Visit,
    found: HandedIn,
) -> None:
    early = act(ta, found, "extend", "right", due_at="2000-01-01T12:00", reason="ill")
    assert (early.status_code, "after the assignment" in early.text) == (422, True)
    odd = act(ta, found, "extend", "right", due_at="soon", reason="ill")
    assert (odd.status_code, 'value="soon"' in odd.text) == (422, True)
    with site.database.writing() as session:
        session.get_one(Course, people.course_id).timezone = "Europe/Berlin"
    form = {"due_at": "2030-10-27T02:30", "reason": "ill"}
    twice = act(ta, found, "extend", "right", **form)
    assert (twice.status_code, "comes twice" in twice.text) == (422, True)
    assert '<option value="second">' in twice.text
    assert act(ta, found, "extend", "right", **form, due_at_turn="second").status_code == 200
    with site.database.writing() as session:
        assert session.scalars(select(Extension.due_at)).one() == datetime(
            2030, 10, 27, 1, 30, tzinfo=UTC
        )
        session.get_one(Course, people.course_id).timezone = "UTC"
    until = (datetime.now(UTC) + timedelta(days=3)).replace(second=0, microsecond=0)
    done = act(ta, found, "extend", "right", "half", due_at=f"{until:%Y-%m-%dT%H:%M}", reason="ill")
    assert "2 people can hand in later." in done.text
    with site.database.reading() as session:
        given = session.scalars(select(Extension)).all()
    assert {one.person_id for one in given} == {
        people.ada.actor.person_id,
        people.bob.actor.person_id,
    }
    assert {one.due_at for one in given} == {until}  # the course is in UTC


def test_a_list_is_exported_with_nothing_that_a_spreadsheet_runs(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
    ta: Visit,
    found: HandedIn,
) -> None:
    with site.database.writing() as session:
        session.get_one(Person, people.bob.actor.person_id).name = "=1+1"
    lines = ta.post(f"{found.table}/export", {"list": "state=graded"}).text.splitlines()
    assert lines[0].startswith("submission,person,email,number,file")
    assert sorted(line.split(",")[1] for line in lines[1:]) == ["'=1+1", "ada", "ada"]
    one = ta.post(f"{found.table}/export", {"id": [found.ids["half"]]}).text.splitlines()
    assert lines[0].endswith(",pending,points,counts,ex1,ex2")
    assert one[1].endswith("needs_person,completed,2,8,4,2,no,partial,pending")
    graded = ta.post(f"{found.table}/export", {"id": [found.ids["graded"]]}).text.splitlines()
    assert graded[1].endswith("graded,completed,0,8,4,3,yes,failed,pending")


# -- one submission ---------------------------------------------------------------------------


def test_points_are_given_and_taken_back_with_a_reason(
    site: Site,  # noqa: F811
    ta: Visit,
    found: HandedIn,
) -> None:
    path = f"/submissions/{found.ids['half']}"
    form = {"exercise": "ex2", "score": "9", "reason": "well put", "list": "state=needs_person"}
    refused = ta.post(f"{path}/overrides", form)
    assert (refused.status_code, "From 0 to 4" in refused.text) == (422, True)
    assert 'value="well put"' in refused.text
    assert '<option value="ex2" selected>' in refused.text
    whole = ta.post(f"{path}/overrides", {**form, "exercise": "", "score": "17"})
    assert (whole.status_code, '<option value="" selected>The whole' in whole.text) == (422, True)
    assert ta.post(f"{path}/overrides", {**form, "score": "2", "reason": ""}).status_code == 422
    given = ta.post(f"{path}/overrides", {**form, "score": "2,5"})
    assert given.status_code == 303
    page = seen(ta, given.headers["location"].split("#")[0])
    assert "4.5" in page
    assert "well put" in page
    with site.database.reading() as session:
        (override,) = session.scalars(
            select(Override).filter_by(submission_id=found.ids["half"])
        ).all()
    assert override.score == 2.5
    taken = ta.post(f"/overrides/{override.id}/revoke")
    assert taken.headers["location"].startswith(path)
    assert actions(site)[-2:] == ["override.given", "override.revoked"]


def test_a_submission_shows_all_that_belongs_to_it(
    site: Site,  # noqa: F811
    people: People,
    ta: Visit,
    found: HandedIn,
) -> None:
    with site.database.writing() as session:
        session.add(
            CellComment(
                submission_id=found.ids["half"],
                cell=1,
                author_id=people.ta.actor.person_id,
                text="Nicely done.",
            )
        )
        comparison = Comparison(
            assignment_id=found.assignment_id,
            author_id=people.ta.actor.person_id,
            queue=Queue.CPU,
            state=AttemptState.DONE,
            finished_at=NOW,
        )
        session.add(comparison)
        session.flush()
        session.add(
            SimilarPair(
                comparison_id=comparison.id,
                first_id=found.ids["right"],
                second_id=found.ids["half"],
                similarity=0.8,
            )
        )
    page = seen(ta, f"/submissions/{found.ids['half']}")
    for words in ("submission 1 of 3", "The sign is wrong.", "Nicely done.", "80 % alike", "sign"):
        assert words in page
    assert "What failed" in seen(ta, f"/submissions/{found.ids['failed']}")
    assert "no sandbox" in seen(ta, f"/submissions/{found.ids['failed']}")
    assert "Not judged yet" in seen(ta, f"/submissions/{found.ids['waits']}")


def test_what_staff_do_next_about_a_submission_is_staff_s(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
    ta: Visit,
    found: HandedIn,
) -> None:
    def step(submission_id: int) -> str | None:
        page = seen(ta, f"/submissions/{submission_id}")
        told = re.search(r'<strong>Next:</strong> <a href="([^"]*)">', page)
        return told[1] if told else None

    assert step(found.ids["failed"]) == "#regrade"
    assert step(found.ids["wrong"]) is None  # what is wrong is the student's to mend
    words = exercise(check("a"), id="ex1"), exercise(check("b", Outcome.PENDING, 0.0), id="ex2")
    receipt = handed_in(client, people.bob, found.assignment_id, "y = 1")
    judge(site, receipt["attempt_id"], result(*words))
    desk = f"/assignments/{found.assignment_id}/grading/ex2?answer={receipt['id']}"
    assert step(receipt["id"]) == desk
    asked = requests.open_request(
        site, people.bob.actor, receipt["id"], exercise="ex1", reason="Look again."
    )
    assert step(receipt["id"]) == f"/requests/{asked.id}"
    requests.withdraw(site, people.bob.actor, asked.id)
    overrides.give(
        site, people.ta.actor, receipt["id"], exercise="ex2", score=1.0, reason="well put"
    )
    assert step(receipt["id"]) is None


def test_the_neighbours_are_those_of_the_list_it_was_opened_from(
    ta: Visit,
    found: HandedIn,
) -> None:
    page = seen(ta, f"/submissions/{found.ids['wrong']}?list=state%3Dgraded")
    next_one = re.search(r'href="(/submissions/(\d+)\?list=state%3Dgraded)" data-key="j"', page)
    assert next_one
    assert int(next_one[2]) == found.ids["right"]
    before = re.search(r'href="/submissions/(\d+)\?[^"]*" data-key="k"', page)
    assert before
    assert int(before[1]) == found.ids["graded"]


def test_what_a_replay_needs_is_there_and_named_for_a_shell(
    client: TestClient,
    site: Site,  # noqa: F811
    ta: Visit,
    found: HandedIn,
) -> None:
    with site.database.writing() as session:
        session.get_one(Submission, found.ids["right"]).name = "-x; rm -rf ~ '.ipynb"
    page = seen(ta, f"/submissions/{found.ids['right']}")
    line = re.search(r"<pre[^>]*>(chainrule replay.*?)</pre>", page, re.S)
    assert line
    command = line[1].replace("&#39;", "'").replace("&#34;", '"').replace("&amp;", "&")
    words = shlex.split(command)
    assert words[:2] == ["chainrule", "replay"]
    assert words[3:5] == ["./-x; rm -rf ~ '.ipynb", "--assignment"]
    answer = ta.get(f"/submissions/{found.ids['right']}/replay/result.json")
    assert words[2] in answer.headers["content-disposition"]
    assert json.loads(answer.text)["seed"] == "7"
    file = ta.get(f"/submissions/{found.ids['right']}/replay/file")
    assert b"right" in file.content
    assert file.headers["content-security-policy"] == "default-src 'none'; sandbox"


def test_progress_is_told_until_it_ends(
    site: Site,  # noqa: F811
    ta: Visit,
    found: HandedIn,
) -> None:
    path = f"/submissions/{found.ids['right']}"
    assert ta.post(f"{path}/regrade", {"reason": "a fix"}).status_code == 303
    assert "hx-get" in seen(ta, f"{path}/progress")
    assert ta.post(f"{path}/regrade", {"reason": "a fix"}).status_code == 409
    with site.database.reading() as session:
        attempt_id = session.scalars(select(Attempt.id).order_by(Attempt.id.desc())).first()
    assert attempt_id is not None
    judge(site, attempt_id, result(exercise(check("a"))))
    assert "hx-get" not in seen(ta, f"{path}/progress")


# -- anonymous, hostile -----------------------------------------------------------------------


def test_no_name_is_on_any_page_of_an_anonymous_assignment(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
    found: HandedIn,
) -> None:
    grader = signed(site, "Zoe Grader", None, None)  # whose own name is no part of a student's
    with site.database.writing() as session:
        for who, name in ((people.ada, "Adalheid"), (people.bob, "Bobadilla")):
            person = session.get_one(Person, who.actor.person_id)
            person.name, person.email = name, f"{name}@example.org"
        for row in session.scalars(select(Submission)):
            row.name = "Adalheid-Bobadilla.ipynb"
    assert "Adalheid" in seen(visit(site, client, grader.actor), found.table)
    anonymously(site, found)
    visitor = visit(site, client, grader.actor)
    pages = [found.table, f"/assignments/{found.assignment_id}", f"{found.table}/live?ids=1,2,3"]
    pages += [f"/submissions/{one}" for one in found.ids.values()]
    pages += [f"/submissions/{found.ids['right']}/replay/result.json"]
    texts = [seen(visitor, path) for path in pages]
    texts.append(visitor.post(f"{found.table}/export").text)
    file = visitor.get(f"/submissions/{found.ids['right']}/replay/file")
    texts.append(file.headers["content-disposition"])
    for text in texts:
        assert "Adalheid" not in text
        assert "Bobadilla" not in text
    assert f"Submission {found.ids['right']}" in texts[0]


def test_what_comes_from_students_is_text_on_every_page(
    site: Site,  # noqa: F811
    people: People,
    ta: Visit,
    found: HandedIn,
) -> None:
    payload = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    with site.database.writing() as session:
        session.get_one(Person, people.ada.actor.person_id).name = payload
        for row in session.scalars(select(Submission)):
            row.name = f"{payload}.ipynb"
    for path in (
        found.table,
        f"{found.table}?q={payload}&found=ex1&check={payload}&cause={payload}",
        *(f"/submissions/{one}?list=q%3D%22%3E%3Cscript%3E" for one in found.ids.values()),
    ):
        page = seen(ta, path)
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert '"><script>' not in page
