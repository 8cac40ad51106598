"""Linking a course of Canvas by its REST: the token, who is who, and where grades go."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from grader.db.models import CanvasCourse, DeliveryState, Enrolment, Person, Role, Trouble
from grader.errors import BadInput, Conflict
from grader.lms.outside import Answer, Outside
from grader.services import canvaslinks
from grader.services.site import Site
from tests.coursework import assignment_of
from tests.databases import KINDS
from tests.lms import _canvas
from tests.lms._canvas import HOST, REST_TOKEN, Canvas
from tests.lms._linked import Linked, subject
from tests.lms._moodle import Access, never_arrives
from tests.sites import People, client_of
from tests.web._pages import Reader, hidden, reader, text_of

ROUTES = {
    "GET /courses/{course_id}/canvas": "manage",
    "POST /courses/{course_id}/canvas": "manage",
    "GET /courses/{course_id}/canvas/{link_id}": "manage",
    "POST /courses/{course_id}/canvas/{link_id}/unlink": "manage",
    "POST /courses/{course_id}/canvas/{link_id}/people": "manage",
    "POST /courses/{course_id}/canvas/{link_id}/columns": "manage",
}
pytestmark = pytest.mark.parametrize("database_url", KINDS[:1], indirect=True)


@pytest.fixture
def canvas(people: People) -> Canvas:
    """A Canvas that knows ada by her address and bob by nothing that is known here."""
    made = Canvas(
        students={
            subject(people.ada): {"name": "Ada L.", "login_id": "ADA@example.org"},
            "77": {"name": "Bobby", "email": "b@elsewhere.example"},
        },
        page_size=1,
    )
    made.add("Homework", 20.0)
    made.add("A letter", 20.0, grading_type="letter_grade")
    made.add("Nothing to get", 0.0)
    return made


@pytest.fixture
def there(site: Site, canvas: Canvas) -> Site:
    """The installation, whose way out leads to that Canvas."""
    return replace(site, outside=canvas, to_platforms=canvas)  # type: ignore[arg-type]


@pytest.fixture
def ines(there: Site, people: People) -> Iterator[Reader]:
    with client_of(there) as client:
        yield reader(there, client, people.instructor.actor)


@pytest.fixture
def linked(there: Site, people: People, canvas: Canvas, ines: Reader) -> Linked:
    """Linked, with nothing confirmed and nothing chosen."""
    work = assignment_of(there, people.course_id, people.instructor.actor.person_id)
    assert link(ines, people).status_code == 303
    return Linked(there, people, canvas, work, None, Access(canvas))


def where(people: People) -> str:
    return f"/courses/{people.course_id}/canvas"


def link(ines: Reader, people: People, **given: str) -> Response:
    fields = {"base_url": f"{HOST}/courses/7", "canvas_id": "7", "token": REST_TOKEN, **given}
    return ines.post(where(people), **fields)


def confirm(ines: Reader, people: People) -> Response:
    shown = ines.get(f"{where(people)}/1")
    fields = {name: hidden(shown, name) for name in ("pairs", "digest")}
    return ines.post(f"{where(people)}/1/people", **fields)


def choose(ines: Reader, linked: Linked, address: str) -> Response:
    fields = {"assignment_id": linked.work.assignment_id, "address": address}
    return ines.post(f"{where(linked.people)}/1/columns", **fields)


def test_grades_go_out_once_people_are_confirmed_and_a_column_is_chosen(
    ines: Reader, people: People, linked: Linked
) -> None:
    linked.grade(people.ada, 7)
    linked.grade(people.bob, 5)
    linked.release()
    assert choose(ines, linked, "100").status_code == 303
    linked.settle()
    assert linked.lms.cells == {}
    assert confirm(ines, people).status_code == 303
    linked.settle()
    assert linked.lms.cells[100, subject(people.ada)].points == 14
    assert len(linked.lms.cells) == 1


def test_the_page_shows_who_is_who_before_anything_is_believed(
    ines: Reader, people: People, linked: Linked
) -> None:
    shown = text_of(ines.get(f"{where(people)}/1"))
    assert "Deep Learning 26" in shown
    assert "1 of 2 students have the same address" in shown
    assert "Ada L. login To be confirmed" in shown
    assert "In Canvas, and nobody here: Bobby." in shown
    confirm(ines, people)
    assert "Ada L. login Confirmed" in text_of(ines.get(f"{where(people)}/1"))


def test_a_confirmation_of_anything_else_than_what_was_shown_is_refused(
    ines: Reader, people: People, linked: Linked
) -> None:
    shown = ines.get(f"{where(people)}/1")
    fields = {"pairs": '[[4, "77"]]', "digest": hidden(shown, "digest")}
    answer = ines.post(f"{where(people)}/1/people", **fields)
    assert answer.status_code == 422
    assert "not what was shown" in text_of(answer)
    fields = {"pairs": "[1]", "digest": hidden(shown, "digest")}
    assert ines.post(f"{where(people)}/1/people", **fields).status_code == 422


def test_only_what_takes_points_can_be_chosen(ines: Reader, people: People, linked: Linked) -> None:
    shown = text_of(ines.get(f"{where(people)}/1"))
    assert "Homework, of 20" in shown
    assert "A letter" not in shown
    for address in ("101", "102", "999", "x/../../"):
        assert choose(ines, linked, address).status_code == 422


def test_a_new_column_is_made_once_and_is_of_our_points(
    ines: Reader, people: People, linked: Linked
) -> None:
    assert choose(ines, linked, "new").status_code == 303
    assert choose(ines, linked, "new").status_code == 303
    assert [one["points_possible"] for one in linked.lms.columns.values()] == [20, 20, 0, 10]


def test_another_column_gets_all_grades_anew(ines: Reader, people: People, linked: Linked) -> None:
    confirm(ines, people)
    choose(ines, linked, "100")
    linked.grade(people.ada, 7)
    linked.release()
    linked.settle()
    choose(ines, linked, "new")
    linked.settle()
    assert linked.lms.cells[103, subject(people.ada)].points == 7


def test_what_is_on_its_way_to_another_column_meanwhile_has_not_arrived(
    ines: Reader, people: People, linked: Linked
) -> None:
    confirm(ines, people)
    choose(ines, linked, "100")
    linked.grade(people.ada, 7)
    linked.release()
    chosen: list[int] = []

    def meanwhile(answer: Callable[[], Answer]) -> Answer:
        found = answer()
        linked.lms.faults.clear()
        chosen.append(choose(ines, linked, "new").status_code)
        return found

    linked.lms.faults += [*linked.reading, meanwhile]
    linked.send()
    assert chosen == [303]
    row = linked.row(people.ada)
    assert (row.state, row.sent_score, row.tried) == (DeliveryState.WAITING, None, {})
    linked.settle()
    assert linked.lms.cells[103, subject(people.ada)].points == 7
    assert linked.row(people.ada).state is DeliveryState.DELIVERED


def test_who_is_who_can_be_corrected_in_two_steps(
    ines: Reader, people: People, linked: Linked
) -> None:
    """At first ada is taken for 77, who is bob."""
    mine = linked.lms.students
    ada, bob = mine[subject(people.ada)], mine["77"]
    ada["login_id"], bob["login_id"] = "nobody", "ada@example.org"
    confirm(ines, people)
    choose(ines, linked, "100")
    linked.grade(people.ada, 7)
    linked.grade(people.bob, 5)
    linked.release()
    linked.settle()
    assert linked.lms.cells[100, "77"].points == 14

    bob["login_id"] = "bob@example.org"
    assert "Confirmed earlier as number 77" in text_of(ines.get(f"{where(people)}/1"))
    confirm(ines, people)
    linked.settle()
    rows = {row.person_id: row for row in linked.rows()}
    assert rows[people.ada.actor.person_id].trouble is Trouble.NO_STUDENT
    assert rows[people.bob.actor.person_id].trouble is Trouble.CHANGED  # it is ada's

    ada["login_id"] = "ada@example.org"
    confirm(ines, people)
    linked.settle()
    assert linked.lms.cells[100, subject(people.ada)].points == 14
    assert linked.row(people.ada).state is DeliveryState.DELIVERED


def test_a_list_of_people_that_no_course_has_is_refused(
    ines: Reader, people: People, linked: Linked
) -> None:
    pairs = [[people.ada.actor.person_id, "77"]] * 20_001
    fields = {"pairs": json.dumps(pairs), "digest": "x"}
    answer = ines.post(f"{where(people)}/1/people", **fields)
    assert answer.status_code == 422
    assert "not as it was made" in text_of(answer)


def test_all_that_is_asked_of_canvas_has_one_limit_of_time(
    there: Site, people: People, linked: Linked
) -> None:
    class Slow(Outside):
        """Each page of a list takes a while."""

        def send(self, method: str, url: str, **more: Any) -> Answer:
            if time.monotonic() >= self.until:
                return super().send(method, url, **more)
            answer: Answer = linked.lms.send(method, url, **more)
            object.__setattr__(self, "until", self.until - 15)
            return answer

    slow = replace(there, outside=Slow(private=False))
    with pytest.raises(Conflict, match="takes too long to answer all that is asked"):
        canvaslinks.look(slow, people.instructor.actor, people.course_id, 1)


def test_the_token_is_never_shown_again(ines: Reader, people: People, linked: Linked) -> None:
    refused = link(ines, people, canvas_id="x")
    assert refused.status_code == 422
    pages = [refused, ines.get(where(people)), ines.get(f"{where(people)}/1")]
    assert all(REST_TOKEN not in shown.text for shown in pages)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"base_url": "ftp://canvas.example"}, "An address is like https"),
        ({"base_url": "https://me:pw@canvas.example"}, "An address is like https"),
        ({"canvas_id": "8"}, "Canvas says no"),
        ({"token": "wrong"}, "Canvas says no"),
        ({"token": "två ord"}, "copied as Canvas shows it"),
        ({"canvas_id": "7/../8"}, "the number that stands behind"),
    ],
)
def test_what_cannot_be_linked_is_said_beside_its_field(
    given: dict[str, str], words: str, ines: Reader, people: People
) -> None:
    answer = link(ines, people, **given)
    assert answer.status_code == 422
    assert words.lower() in text_of(answer).lower()
    assert 'aria-invalid="true"' in answer.text


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        (Answer(404, {}, b"<h1>Not found</h1>"), "base_url"),
        (Answer(404, {}, b'{"errors": [{"message": "does not exist"}]}'), "canvas_id"),
        (Answer(403, {}, b"{}"), "token"),
        (Answer(302, {"location": "https://canvas.example/login"}, b""), "base_url"),
        (Answer(503, {}, b"down"), "base_url"),
        (Answer(200, {}, b"<h1>Welcome</h1>"), "base_url"),
    ],
)
def test_what_no_course_comes_back_for_stands_beside_the_field_that_is_wrong(
    answer: Answer, field: str, ines: Reader, people: People, canvas: Canvas
) -> None:
    canvas.faults.append(lambda _: answer)
    refused = link(ines, people)
    assert refused.status_code == 422
    assert re.findall(r'id="(\w+)-error"', refused.text) == [field]


def test_all_that_is_wrong_is_said_at_once(ines: Reader, people: People) -> None:
    refused = link(ines, people, base_url="ftp://x", canvas_id="x", token="a b")
    told = re.findall(r'id="(\w+)-error"', refused.text)
    assert told == ["base_url", "canvas_id", "token"]


def test_an_address_within_our_network_is_refused(
    site: Site, people: People, client: TestClient
) -> None:
    answer = link(reader(site, client, people.instructor.actor), people, base_url="127.0.0.1")
    assert answer.status_code == 422
    assert "within a private network. Who runs Chainrule may allow those" in text_of(answer)


def test_a_canvas_that_does_not_answer_is_said_on_the_page(
    ines: Reader, people: People, linked: Linked
) -> None:
    linked.lms.faults.append(never_arrives)
    shown = ines.get(f"{where(people)}/1")
    assert shown.status_code == 200
    assert "Canvas is silent" in text_of(shown)


def test_what_canvas_refuses_is_its_own_word(ines: Reader, people: People, linked: Linked) -> None:
    linked.lms.tokens.clear()
    shown = text_of(ines.get(f"{where(people)}/1"))
    assert "Canvas says no Canvas says no: status 401" in shown
    assert "Give another token" in shown


def test_what_our_own_rules_forbid_is_not_put_on_canvas(
    site: Site, client: TestClient, ines: Reader, people: People, linked: Linked
) -> None:
    with site.database.writing() as session:
        session.get_one(CanvasCourse, 1).base_url = "https://127.0.0.1:9"
    shown = text_of(reader(site, client, people.instructor.actor).get(f"{where(people)}/1"))
    assert "Chainrule does not ask there" in shown
    assert "by its own rules: 127.0.0.1 is an address within a private network." in shown
    assert "Canvas was not asked, and is not at fault." in shown
    assert "Canvas is silent" not in shown
    assert "Canvas says no" not in shown


def test_the_page_says_what_comes_next_in_the_order_in_which_it_is_done(
    ines: Reader, people: People, linked: Linked
) -> None:
    shown = text_of(ines.get(f"{where(people)}/1"))
    assert "First say who is who, then where grades go." in shown
    assert shown.index("1. Who is who") < shown.index("2. Where grades go")
    confirm(ines, people)
    assert "1 student is confirmed. Choose where grades go" in text_of(
        ines.get(f"{where(people)}/1")
    )
    choose(ines, linked, "100")
    shown = text_of(ines.get(f"{where(people)}/1"))
    assert "Released grades of 1 assignment go out for 1 confirmed student." in shown


def test_who_is_to_be_confirmed_stands_above_who_is_nobody_there(
    ines: Reader, people: People, linked: Linked
) -> None:
    linked.lms.students["78"] = {"name": "B.", "login_id": "bob@example.org"}
    del linked.lms.students[subject(people.ada)]
    shown = text_of(ines.get(f"{where(people)}/1"))
    assert shown.index("bob@example.org") < shown.index("ada@example.org")


def test_two_here_with_one_address_are_told_to_be_the_reason_that_neither_is_known(
    there: Site, ines: Reader, people: People, linked: Linked
) -> None:
    with there.database.writing() as session:
        person = Person(email=None, contact="ada@example.org", name="Ada L.")
        session.add(person)
        session.flush()
        key = {"course_id": people.course_id, "person_id": person.id}
        session.add(Enrolment(**key, role=Role.STUDENT, by_lms=True))
    shown = text_of(ines.get(f"{where(people)}/1"))
    assert shown.count("No grades go out: 1 other here has the same address. What helps") == 2


def test_an_assignment_that_canvas_does_not_have_is_said_beside_its_field(
    there: Site, people: People, linked: Linked
) -> None:
    ines, one = people.instructor.actor, linked.work.assignment_id
    with pytest.raises(BadInput, match=r"^address: Canvas has no such assignment \(status 404"):
        canvaslinks.choose_column(there, ines, people.course_id, 1, one, "999")


def test_a_refusal_names_what_is_wrong_of_a_confirmation(
    there: Site, people: People, linked: Linked
) -> None:
    ines, pairs = people.instructor.actor, [(99_999, "77")]
    with pytest.raises(Conflict, match=r"^digest: this is not what was shown"):
        canvaslinks.confirm_people(there, ines, people.course_id, 1, pairs, "x")
    digest = canvaslinks.digest_of(pairs)
    with pytest.raises(Conflict, match=r"^pairs: somebody has left"):
        canvaslinks.confirm_people(there, ines, people.course_id, 1, pairs, digest)


def test_another_token_sends_what_was_kept_out(
    ines: Reader, people: People, linked: Linked
) -> None:
    confirm(ines, people)
    choose(ines, linked, "100")
    linked.lms.tokens.clear()
    linked.grade(people.ada, 7)
    linked.release()
    linked.settle()
    assert linked.row(people.ada).trouble == "locked"
    linked.lms.tokens.add("fresh")
    assert link(ines, people, token="fresh").status_code == 303
    linked.settle()
    assert linked.lms.cells[100, subject(people.ada)].points == 14


def test_nothing_goes_to_a_course_that_is_unlinked_and_its_token_is_gone(
    ines: Reader, people: People, linked: Linked
) -> None:
    confirm(ines, people)
    choose(ines, linked, "100")
    assert ines.post(f"{where(people)}/1/unlink").status_code == 303
    linked.grade(people.ada, 7)
    linked.release()
    linked.settle()
    assert linked.lms.cells == {}
    with linked.site.database.reading() as session:
        assert session.get_one(CanvasCourse, 1).token == ""
    assert ines.get(f"{where(people)}/1").status_code == 404


def test_only_who_manages_the_course_may(
    there: Site, people: People, linked: Linked, client: TestClient
) -> None:
    for who, status in ((people.ada, 403), (people.ta, 403), (people.outside_instructor, 404)):
        one = reader(there, client, who.actor)
        assert one.get(where(people)).status_code == status
        assert one.get(f"{where(people)}/1").status_code == status
        assert link(one, people).status_code == status
        for part in ("unlink", "people", "columns"):
            assert one.post(f"{where(people)}/1/{part}").status_code == status
    olaf = reader(there, client, people.outside_instructor.actor)
    theirs = f"/courses/{people.other_course_id}/canvas/1"
    assert olaf.get(theirs).status_code == 404
    assert olaf.post(f"{theirs}/unlink").status_code == 404


def test_pages_of_a_list_lead_to_no_other_server(canvas: Canvas, people: People) -> None:
    from grader.lms.answers import pages
    from grader.lms.outside import NotAllowed

    def send(url: str) -> Answer:
        return Answer(200, {"link": '<https://evil.example/?page=2>; rel="next"'}, b"[]")

    with pytest.raises(NotAllowed):
        list(pages(send, _canvas.ITEMS_URL))
