"""People of a course, one's account, and workers on pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.db.models import Attempt, Course, Enrolment, Node, Person, Role
from grader.services import signing_in
from grader.services.people import actor_of_password, change_person, list_tokens
from grader.services.site import Site
from grader.web.pages.visitors import COOKIE
from tests.coursework import assignment_of
from tests.sites import People
from tests.web._pages import Reader, hidden, reader, text_of

pytestmark = pytest.mark.usefixtures("sent")

OLD, NEW = "correct horse battery", "a new one, longer"


@pytest.fixture
def ines(site: Site, client: TestClient, people: People) -> Reader:
    return reader(site, client, people.instructor.actor)


def enrolled(site: Site, people: People) -> dict[str, tuple[Role, str | None]]:
    with site.database.reading() as session:
        rows = session.query(Person, Enrolment).join(Enrolment, Enrolment.person_id == Person.id)
        mine = rows.filter(Enrolment.course_id == people.course_id)
        return {person.email: (one.role, one.team) for person, one in mine}


class TestPeople:
    """Who is in a course."""

    def test_they_are_listed_searched_and_filtered(self, people: People, ines: Reader) -> None:
        path = f"/courses/{people.course_id}/people"
        shown = text_of(ines.get(path))
        assert "2 students, 1 teaching assistant, 1 instructor" in shown
        assert "ada@example.org" in text_of(ines.get(path, search="ADA"))
        assert "bob@example.org" not in text_of(ines.get(path, search="ADA"))
        assert "ada@example.org" not in text_of(ines.get(path, role="ta"))
        assert "Nobody found" in text_of(ines.get(path, search="nobody"))

    def test_one_is_added_changed_and_removed(
        self, site: Site, people: People, ines: Reader
    ) -> None:
        path = f"/courses/{people.course_id}/people"
        form = {"email": "Zoe@Example.org", "name": "Zoe", "role": "student", "team": "red"}
        assert ines.post(path, **form).status_code == 303
        assert enrolled(site, people)["zoe@example.org"] == (Role.STUDENT, "red")
        with site.database.reading() as session:
            zoe = session.query(Person).filter_by(email="zoe@example.org").one().id
        assert "They see the course no more" in text_of(ines.get(f"{path}/{zoe}"))
        assert ines.post(f"{path}/{zoe}", role="ta", team="").status_code == 303
        assert enrolled(site, people)["zoe@example.org"] == (Role.TA, None)
        assert ines.post(f"{path}/{zoe}/remove").status_code == 303
        assert "zoe@example.org" not in enrolled(site, people)
        assert ines.get(f"{path}/{zoe}").status_code == 404

    def test_what_is_wrong_is_said_beside_the_field_with_what_was_typed(
        self, people: People, ines: Reader
    ) -> None:
        refused = ines.post(f"/courses/{people.course_id}/people", email="zoe", name="Zoe")
        assert refused.status_code == 422
        assert "An address is like ada@example.org." in text_of(refused)
        assert re.search(r'id="email"[^>]*value="zoe"[^>]*aria-invalid="true"', refused.text)
        assert re.search(r'id="email"[^>]*autofocus', refused.text)

    def test_an_admin_sets_a_password(self, site: Site, client: TestClient, people: People) -> None:
        root = reader(site, client, people.admin.actor)
        path = f"/courses/{people.course_id}/people/{people.ada.actor.person_id}/password"
        assert "At least 10 characters." in text_of(root.post(path, password="short"))
        assert root.post(path, password=NEW).status_code == 303
        assert actor_of_password(site, people.ada.email, NEW).name == "ada"


class TestImport:
    """People from a file."""

    def send(self, ines: Reader, people: People, text: str) -> Any:
        path = f"/courses/{people.course_id}/people/import"
        return ines.post(path, files={"file": ("p.csv", text.encode())})

    def confirm(self, ines: Reader, people: People, shown: Any) -> Any:
        fields = {name: hidden(shown, name) for name in ("rows", "digest", "left_out")}
        return ines.post(f"/courses/{people.course_id}/people/import/confirm", **fields)

    @pytest.mark.parametrize("heading", ["E-Mail", "email address", "E-mail Address", "Mail"])
    def test_a_column_of_addresses_may_be_called_in_other_words(
        self, people: People, ines: Reader, heading: str
    ) -> None:
        shown = self.send(ines, people, f"Name,{heading}\nZoe,zoe@example.org\n")
        assert "1 person would be enrolled or changed" in text_of(shown)

    def test_what_changes_is_shown_and_rows_that_are_wrong_are_left_out(
        self, site: Site, people: People, ines: Reader
    ) -> None:
        text = (
            "\ufeffName;Email;Role;Team\nZoe;zoe@example.org;;red\nYan;no address;student;\n"
            "Ada;ADA@example.org;TA;\nBob;bob@example.org;student;\nX;x@example.org;king;\n"
            "=1+1;formula@example.org;Instructor;\n;nameless@example.org;;\n"
            "Zoe;zoe@example.org;;\n"
        )
        shown = self.send(ines, people, text)
        words = text_of(shown)
        assert "3 people would be enrolled or changed" in words
        assert "1 row says what is so already" in words
        assert "3 Yan email no address is no address, as ada@example.org is" in words
        assert "6 X role king is no role: student, ta or instructor" in words
        assert "8 nameless@example.org name nobody has this address yet: who is it?" in words
        assert "9 Zoe email zoe@example.org stands in row 2 already" in words
        assert "Student → Teaching assistant" in words
        assert "zoe@example.org" not in enrolled(site, people)
        done = self.confirm(ines, people, shown)
        assert done.status_code == 303
        said = text_of(ines.get(done.headers["location"]))
        assert "The people of the file are in the course. 4 rows were left out." in said
        found = enrolled(site, people)
        assert found["zoe@example.org"] == (Role.STUDENT, "red")
        assert found["ada@example.org"] == (Role.TA, None)
        assert found["formula@example.org"] == (Role.INSTRUCTOR, None)
        assert len(found) == 6

    def test_what_has_changed_meanwhile_is_looked_at_again(
        self, site: Site, people: People, ines: Reader
    ) -> None:
        shown = self.send(ines, people, "email,role\nada@example.org,ta\n")
        with site.database.writing() as session:
            key = (people.course_id, people.ada.actor.person_id)
            session.get_one(Enrolment, key).team = "blue"
        refused = self.confirm(ines, people, shown)
        assert refused.status_code == 422
        assert "somebody has changed these people meanwhile" in text_of(refused).lower()
        assert enrolled(site, people)["ada@example.org"] == (Role.STUDENT, "blue")

    def test_a_file_without_addresses_is_refused(self, people: People, ines: Reader) -> None:
        refused = self.send(ines, people, "name\nZoe\n")
        assert refused.status_code == 422
        assert "No column is called email; there are name." in text_of(refused)


class TestAccount:
    """One's own password and tokens."""

    @pytest.fixture
    def ada(self, site: Site, client: TestClient, people: People) -> Reader:
        change_person(site, people.admin.actor, people.ada.actor.person_id, password=OLD)
        return reader(site, client, people.ada.actor)

    def test_a_new_password_ends_all_sessions_but_this_one(
        self, site: Site, client: TestClient, people: People, ada: Reader
    ) -> None:
        other = reader(site, client, people.ada.actor)
        done = ada.post("/account/password", old=OLD, new=NEW, again=NEW)
        assert done.status_code == 303
        secret = re.search(rf"{COOKIE}=([^;]+)", done.headers["set-cookie"])
        assert secret
        assert signing_in.actor_of_session(site, secret[1]).name == "ada"
        for former in (ada, other):
            assert former.get("/account").status_code == 303
        assert actor_of_password(site, people.ada.email, NEW)

    @pytest.mark.parametrize(
        ("form", "field", "words"),
        [
            ({"old": "wrong", "new": NEW, "again": NEW}, "old", "This is not your present"),
            ({"old": OLD, "new": NEW, "again": OLD}, "again", "The two differ."),
            ({"old": OLD, "new": "short", "again": "short"}, "new", "At least 10 characters."),
        ],
    )
    def test_what_is_wrong_with_it_is_told_and_no_password_is_on_the_page(
        self, ada: Reader, form: dict[str, str], field: str, words: str
    ) -> None:
        refused = ada.post("/account/password", **form)
        assert refused.status_code == 422
        assert words in text_of(refused)
        assert f'id="{field}-error"' in refused.text
        assert NEW not in refused.text
        assert ada.get("/account").status_code == 200

    def test_a_token_is_shown_once_works_on_the_api_and_is_revoked(
        self, client: TestClient, ada: Reader
    ) -> None:
        form = {"name": "export", "scopes": ["read"], "expires_in_days": "7"}
        made = ada.post("/account/tokens", **form)
        found = re.search(r'value="(crt_[^"]+)"', made.text)
        assert found
        headers = {"Authorization": f"Bearer {found[1]}"}
        assert client.get("/api/v1/me", headers=headers).json()["name"] == "ada"
        shown = ada.get("/account")
        assert found[1] not in shown.text
        token_id = re.search(r"/account/tokens/(\d+)/revoke", shown.text)
        assert token_id
        assert ada.post(f"/account/tokens/{token_id[1]}/revoke").status_code == 303
        assert client.get("/api/v1/me", headers=headers).status_code == 401

    def test_a_token_is_offered_what_its_owner_may_anywhere(
        self, site: Site, client: TestClient, people: People, ada: Reader
    ) -> None:
        def offered(who: Reader) -> list[str]:
            return re.findall(r'name="scopes" value="(\w+)"', who.get("/account").text)

        assert offered(ada) == ["read", "submit"]
        assert offered(reader(site, client, people.ta.actor))[2:] == ["grade"]
        assert offered(reader(site, client, people.instructor.actor))[2:] == ["grade", "manage"]
        assert offered(reader(site, client, people.admin.actor))[-1] == "admin"
        # Who is a student here and an assistant there may have use for what assistants may.
        with site.database.writing() as session:
            key = {"course_id": people.other_course_id, "person_id": people.ada.actor.person_id}
            session.add(Enrolment(**key, role=Role.TA))
        assert offered(ada) == ["read", "submit", "grade"]

    def test_tokens_outlast_a_new_password_as_the_page_says_and_all_are_revoked_there(
        self, site: Site, client: TestClient, people: People, ada: Reader
    ) -> None:
        ada.post("/account/tokens", name="nightly", scopes=["read"], expires_in_days="7")
        said = "API tokens are credentials of their own and stay: revoke them all"
        assert said in text_of(ada.get("/account"))
        ada.post("/account/password", old=OLD, new=NEW, again=NEW)
        ada = reader(site, client, people.ada.actor)
        assert "nightly" in text_of(ada.get("/account"))
        done = ada.post("/account/tokens/revoke")
        assert done.headers["location"].startswith("/account")
        assert "nightly" not in text_of(ada.get("/account"))
        assert len(list_tokens(site, people.bob.actor)) == 1

    def test_a_token_needs_a_name_scopes_and_an_end(self, ada: Reader) -> None:
        refused = text_of(ada.post("/account/tokens", expires_in_days="1000"))
        for words in ("What it is for : Fill this in.", "Days that it lasts : At most 366."):
            assert words in refused


class TestWorkers:
    """What runs where."""

    @pytest.fixture
    def root(self, site: Site, client: TestClient, people: People) -> Reader:
        with site.database.writing() as session:
            facts = {"slots": 2, "devices": [0, 1], "version": "1.2", "missing": ["<landlock>"]}
            session.add(Node(name="gpu/1", queues="cpu,gpu", facts=facts))
            session.add(
                Node(
                    name="w2",
                    queues="cpu",
                    facts={},
                    seen_at=datetime(2026, 1, 1, tzinfo=UTC),
                )
            )
        return reader(site, client, people.admin.actor)

    def test_workers_and_what_waits_by_course_are_shown(
        self, site: Site, people: People, root: Reader
    ) -> None:
        author = people.instructor.actor.person_id
        work = assignment_of(site, people.course_id, author, slug="a0")
        work.hand_in(people.ada.actor.person_id)
        with site.database.writing() as session:
            session.get_one(Course, people.course_id).title = "<i>Deep</i>"
        for path in ("/workers", "/workers/now"):
            shown = root.get(path)
            assert "<i>Deep" not in shown.text
            words = text_of(shown)
            assert "1 submission waits." in words
            assert "<i>Deep</i> CPU 1" in words
            assert "Takes work without <landlock> 0 of 2 0 of 2 free free" in words
            assert "w2 CPU Silent" in words

    def test_what_failed_on_our_side_is_shown_with_the_reason(
        self, site: Site, people: People, root: Reader
    ) -> None:
        author = people.instructor.actor.person_id
        work = assignment_of(site, people.course_id, author, slug="a0")
        work.hand_in(people.ada.actor.person_id)
        with site.database.writing() as session:
            session.query(Attempt).one().state = "failed"  # type: ignore[assignment]
            session.query(Attempt).one().failure = "no sandbox"
        assert "no sandbox" in text_of(root.get("/workers"))

    def test_one_is_drained_and_takes_work_again(self, site: Site, root: Reader) -> None:
        assert root.post("/workers/w2/drain").status_code == 303
        with site.database.reading() as session:
            assert session.get_one(Node, "w2").draining
        assert root.post("/workers/w2/undrain").status_code == 303
        with site.database.reading() as session:
            assert not session.get_one(Node, "w2").draining
        assert "No worker takes work" not in text_of(root.get("/workers/now"))
        with site.database.writing() as session:
            session.get_one(Node, "gpu/1").draining = True
        assert "No worker takes work: nothing more is judged" in text_of(root.get("/workers/now"))
        assert root.post("/workers/w3/drain").status_code == 404

    def test_staff_see_how_much_of_their_course_waits(
        self, site: Site, client: TestClient, people: People, root: Reader
    ) -> None:
        author = people.instructor.actor.person_id
        work = assignment_of(site, people.course_id, author, slug="a0")
        work.hand_in(people.ada.actor.person_id)
        tom = reader(site, client, people.ta.actor)
        for path in ("queue", "queue/now"):
            words = text_of(tom.get(f"/courses/{people.course_id}/{path}"))
            assert "1 submission of this course waits." in words


def test_an_address_that_can_be_no_page_s_is_no_page(ines: Reader) -> None:
    for path in ("/assignments/abc", "/courses/1x", f"/submissions/{9**40}"):
        answer = ines.get(path)
        assert answer.status_code == 404
        assert "There is no such page" in text_of(answer)
        assert "integer" not in answer.text


def test_who_is_no_staff_is_told_so_at_the_people_of_a_course(
    site: Site, client: TestClient, people: People
) -> None:
    answer = reader(site, client, people.ada.actor).get(f"/courses/{people.course_id}/people")
    assert answer.status_code == 403
    assert "this is for the course's staff" in text_of(answer).lower()
