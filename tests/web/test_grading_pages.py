"""The pages of grading by hand: who may open and do what, and what they answer."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.services import comments, desk, marking, rubricitems, savedcomments, signing_in
from grader.services.marking import Given
from grader.services.release import release
from grader.services.site import Site
from grader.web.pages.visitors import COOKIE
from tests.answered import EXERCISE, answer, assignment, auto, why
from tests.sites import People, Signed

ROUTES: dict[str, str] = {
    "GET /assignments/{assignment_id}/grading": "grade",
    "POST /assignments/{assignment_id}/grading/names": "manage",
    "GET /assignments/{assignment_id}/grading/{exercise}": "grade",
    "POST /assignments/{assignment_id}/grading/{exercise}/next": "grade",
    "POST /assignments/{assignment_id}/grading/{exercise}/undo": "grade",
    "POST /assignments/{assignment_id}/grading/{exercise}/answers/{submission_id}/claim": "grade",
    "POST /assignments/{assignment_id}/grading/{exercise}/answers/{submission_id}/leave": "grade",
    "POST /assignments/{assignment_id}/grading/{exercise}/answers/{submission_id}/mark": "grade",
    "POST /assignments/{assignment_id}/grading/{exercise}/items": "grade",
    "POST /assignments/{assignment_id}/grading/{exercise}/items/{item_id}": "grade",
    "POST /assignments/{assignment_id}/grading/{exercise}/items/{item_id}/retire": "grade",
    "POST /assignments/{assignment_id}/grading/{exercise}/comments": "grade",
    "POST /assignments/{assignment_id}/grading/{exercise}/comments/{comment_id}/remove": "grade",
    "GET /submissions/{submission_id}/comments": "owner",
    "POST /submissions/{submission_id}/comments": "grade",
    "POST /submissions/{submission_id}/comments/{cell_comment_id}/remove": "grade",
}
SENT: dict[str, Any] = {
    "hidden": "true",
    "label": "Right",
    "points": "1",
    "adjustment": "0",
    "comment": "Say why.",
    "number": "1",
    "text": "Why?",
    "seen": "",
}


class Browsing:
    """Somebody's browser, without a script."""

    def __init__(self, site: Site, client: TestClient, ids: dict[str, Any]) -> None:
        self.site, self.client, self.ids = site, client, ids

    def ask(self, route: str, who: Signed | None, *, as_part: bool = False, **fields: Any) -> Any:
        method, path = route.split(" ", 1)
        self.client.cookies.clear()
        headers = {"sec-fetch-site": "same-origin", **({"hx-request": "true"} if as_part else {})}
        data = {**SENT, **fields}
        if who is not None:
            self.client.cookies.set(COOKIE, signing_in.begin(self.site, who.actor).secret)
            shown = self.client.get("/courses").text
            found = re.search(r'name="csrf" value="([^"]+)"', shown)
            assert found
            data["csrf"] = found[1]
        if method == "GET":
            answered = self.client.get(
                path.format(**self.ids), params=fields, headers=headers, follow_redirects=False
            )
        else:
            answered = self.client.post(
                path.format(**self.ids), data=data, headers=headers, follow_redirects=False
            )
        return answered


@pytest.fixture
def browsing(site: Site, client: TestClient, people: People) -> Browsing:
    """An assignment with one of everything, the answer being ada's."""
    made = assignment(site, people.course_id, people.instructor.actor.person_id)
    adas = answer(site, made, people.ada.actor.person_id, why("It can <b>rise</b>."), auto())
    ta = people.ta.actor
    item = rubricitems.add_item(site, ta, made, EXERCISE, label="<i>Right</i>", points=2)
    saved = savedcomments.keep_comment(site, ta, made, EXERCISE, "<script>x</script>")
    said = comments.add(site, ta, adas, cell=1, text="<img src=x onerror=alert(1)>")
    return Browsing(
        site,
        client,
        {
            "assignment_id": made,
            "exercise": EXERCISE,
            "submission_id": adas,
            "item_id": item.id,
            "comment_id": saved.id,
            "cell_comment_id": said.id,
        },
    )


DESK = "GET /assignments/{assignment_id}/grading/{exercise}"
MARK = "POST /assignments/{assignment_id}/grading/{exercise}/answers/{submission_id}/mark"


OK = (200, 204, 303)


@pytest.mark.parametrize("need", sorted(set(ROUTES.values())))
def test_each_page_is_for_whom_it_is(need: str, browsing: Browsing, people: People) -> None:
    for route in (one for one, needed in ROUTES.items() if needed == need):
        assert "/sign-in" in browsing.ask(route, None).headers["location"], route
        for one in (people.outsider, people.outside_instructor):
            assert browsing.ask(route, one).status_code == 404, route
        student = 404 if need == "owner" else 403
        assert browsing.ask(route, people.bob).status_code == student, route
        assert browsing.ask(route, people.ada).status_code == (200 if need == "owner" else 403)
        as_ta = browsing.ask(route, people.ta).status_code
        assert as_ta in ((403,) if need == "manage" else OK), route
        # What the TA has just done may be gone for the one who comes next.
        for one in (people.instructor, people.admin):
            assert browsing.ask(route, one).status_code in (*OK, 404, 409), route


def test_nothing_is_done_without_the_form_s_token(browsing: Browsing, people: People) -> None:
    secret = signing_in.begin(browsing.site, people.instructor.actor).secret
    browsing.client.cookies.set(COOKIE, secret)
    for route in (one for one in ROUTES if one.startswith("POST")):
        path = route.split(" ", 1)[1].format(**browsing.ids)
        assert browsing.client.post(path, data=SENT).status_code == 403, route


def test_an_answer_is_graded_and_the_next_one_opened_without_a_script(
    browsing: Browsing, people: People, site: Site
) -> None:
    bobs = answer(
        site, browsing.ids["assignment_id"], people.bob.actor.person_id, why("No."), auto()
    )
    done = browsing.ask(MARK, people.ta, item=browsing.ids["item_id"], adjustment="")
    assert done.status_code == 303
    assert done.headers["location"].endswith(f"/grading/{EXERCISE}?answer={bobs}")
    found = desk.get_desk(site, people.ta.actor, browsing.ids["assignment_id"], EXERCISE)
    assert found.done == {browsing.ids["submission_id"]}
    assert found.holders[bobs].name == "tom"


def test_a_part_is_the_desk_alone_and_says_its_address(
    browsing: Browsing, people: People, site: Site
) -> None:
    page = browsing.ask(DESK, people.ta, answer=browsing.ids["submission_id"])
    assert "<html" in page.text
    part = browsing.ask(DESK, people.ta, as_part=True, answer=browsing.ids["submission_id"])
    assert part.text.startswith('<div id="desk"') or '<div id="desk"' in part.text[:800]
    assert "<html" not in part.text
    assert part.headers["hx-push-url"].endswith(f"?answer={browsing.ids['submission_id']}")


def test_what_students_and_graders_write_is_text(browsing: Browsing, people: People) -> None:
    page = browsing.ask(DESK, people.ta, answer=browsing.ids["submission_id"]).text
    said = browsing.ask("GET /submissions/{submission_id}/comments", people.ta).text
    for hostile in ("<b>rise</b>", "<i>Right</i>", "<script>x</script>", "<img src=x"):
        assert hostile not in page + said
    assert "It can &lt;b&gt;rise&lt;/b&gt;." in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in said


def test_a_rubric_item_in_use_goes_only_after_a_question(
    browsing: Browsing, site: Site, people: People
) -> None:
    ids = browsing.ids
    opened = {"answer": ids["submission_id"]}
    assert "hx-confirm" not in browsing.ask(DESK, people.ta, **opened).text
    given = Given(items=[ids["item_id"]], adjustment=None, comment="")
    these = [ids["submission_id"]]
    marking.give(site, people.ta.actor, ids["assignment_id"], EXERCISE, these, given, seen={})
    asked = 'hx-confirm="Retire item 1? Its points go from 1 mark, and it does not come back."'
    assert asked in browsing.ask(DESK, people.ta, **opened).text


def test_who_grades_what_is_graded_by_now_is_told_so(
    browsing: Browsing, people: People, site: Site
) -> None:
    marking.give(
        site,
        people.instructor.actor,
        browsing.ids["assignment_id"],
        EXERCISE,
        [browsing.ids["submission_id"]],
        Given(adjustment=0),
        seen={},
    )
    late = browsing.ask(MARK, people.ta, as_part=True, adjustment="1")
    assert late.status_code == 409
    assert late.headers["hx-retarget"] == "#messages"
    assert "Somebody else has graded this meanwhile" in late.text


def test_an_answer_that_another_has_open_says_so(
    browsing: Browsing, people: People, site: Site
) -> None:
    ids = browsing.ids
    assert desk.claim(
        site, people.instructor.actor, ids["assignment_id"], EXERCISE, ids["submission_id"]
    )
    page = browsing.ask(DESK, people.ta, answer=ids["submission_id"]).text
    assert "ines has this answer open" in page
    claim = MARK.replace("/mark", "/claim")
    assert "Somebody else" in browsing.ask(claim, people.ta, as_part=True).text
    assert browsing.ask(claim, people.instructor, as_part=True).status_code == 204


@pytest.mark.parametrize(
    "fields",
    [
        {"adjustment": ""},
        {"adjustment": "", "comment": "Well said."},
        {"adjustment": "nan"},
        {"adjustment": "a lot"},
        {"adjustment": "1e300"},
        {"item": "no"},
        {"comment": "x" * 30_000},
        {"item": "99999"},
        {"together": "7"},
    ],
)
def test_what_makes_no_mark_is_refused(
    browsing: Browsing, people: People, fields: dict[str, str]
) -> None:
    assert browsing.ask(MARK, people.ta, **fields).status_code in (409, 422)


@pytest.mark.parametrize("exercise", ["no-such", "x" * 300, "%00"])
def test_an_exercise_that_is_not_there_is_not_found(
    browsing: Browsing, people: People, exercise: str
) -> None:
    browsing.ids["exercise"] = exercise
    assert browsing.ask(DESK, people.ta).status_code == 404


def test_a_submission_of_another_assignment_is_not_found(
    browsing: Browsing, people: People, site: Site
) -> None:
    other = assignment(site, people.course_id, people.instructor.actor.person_id)
    browsing.ids["assignment_id"] = other
    assert browsing.ask(DESK, people.ta, answer=browsing.ids["submission_id"]).status_code == 404
    assert browsing.ask(MARK, people.ta).status_code in (404, 409)


def test_hidden_names_are_nowhere_on_the_desk(
    browsing: Browsing, people: People, site: Site
) -> None:
    hide = "POST /assignments/{assignment_id}/grading/names"
    shown = browsing.ask(DESK, people.ta, answer=browsing.ids["submission_id"]).text
    assert ">ada<" in shown
    assert browsing.ask(hide, people.instructor).status_code == 303
    hidden = browsing.ask(DESK, people.ta, answer=browsing.ids["submission_id"]).text
    assert ">ada<" not in hidden
    assert browsing.ask(hide, people.instructor, hidden="false").status_code == 303
    assert ">ada<" in browsing.ask(DESK, people.ta, answer=browsing.ids["submission_id"]).text


def test_a_draft_has_nothing_to_grade_and_says_what_to_do(
    browsing: Browsing, people: People, client: TestClient
) -> None:
    from tests.web._work import assignment as draft

    browsing.ids["assignment_id"] = draft(browsing.site, people.course_id, is_published=False)
    page = browsing.ask("GET /assignments/{assignment_id}/grading", people.ta)
    assert page.status_code == 200
    assert "No exercises yet" in page.text
    assert browsing.ask(DESK, people.ta).status_code == 404


def test_students_read_comments_with_their_released_grade_without_a_form(
    browsing: Browsing, people: People, site: Site
) -> None:
    read = "GET /submissions/{submission_id}/comments"
    assert "onerror" not in browsing.ask(read, people.ada).text
    browsing.ask(MARK, people.ta)
    release(site, people.ta.actor, browsing.ids["assignment_id"])
    page = browsing.ask(read, people.ada).text
    assert "onerror" in page
    assert "<form" not in page
    assert "tom" not in page
    assert "onerror" not in browsing.ask(read, people.ada, cell=2).text


def test_every_route_of_these_pages_is_in_the_table() -> None:
    from grader.web.pages import comments, grading
    from grader.web.pages import marking as marking_pages

    found = {
        f"{method} {route.path}"
        for module in (grading, marking_pages, comments)
        for route in module.router.routes
        for method in route.methods
        if method != "HEAD"
    }
    assert found == set(ROUTES)
