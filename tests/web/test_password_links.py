"""Links by which people without a password choose one: for whom they hold, and for how long."""

from __future__ import annotations

import base64
import csv
import io
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.db.models import (
    AuditEntry,
    Enrolment,
    PasswordLink,
    Person,
    PlatformPerson,
    Role,
    Token,
)
from grader.db.session import Session
from grader.errors import Conflict, NotSignedIn
from grader.services import passwordlinks, signing_in
from grader.services.access import Actor, Right
from grader.services.courses import change_role, enrol, unenrol
from grader.services.people import actor_of_password, change_person, issue_token, make_admin
from grader.services.site import Site
from grader.web.pages.visitors import COOKIE
from tests.sites import People
from tests.web._pages import Reader, reader, text_of

CHOSEN = "correct horse battery"


@pytest.fixture(autouse=True)
def without_tokens(site: Site, people: People) -> None:
    """Who has a token has a way in: but for the instructor nobody has one."""
    ines = people.instructor.actor.person_id
    with site.database.writing() as session:
        session.query(Token).filter(Token.person_id != ines).delete()


@pytest.fixture
def ines(site: Site, client: TestClient, people: People) -> Reader:
    return reader(site, client, people.instructor.actor)


def code_for(site: Site, people: People, who: str = "ada", *, elsewhere: bool = False) -> str:
    """What stands behind the # of a fresh link, of the course or of the other one."""
    person = getattr(people, who).actor.person_id
    author = people.outside_instructor if elsewhere else people.instructor
    course_id = people.other_course_id if elsewhere else people.course_id
    made = passwordlinks.make_link(site, author.actor, course_id, person)
    where, _, code = made.url.partition("#")
    assert where == f"{site.settings.url}/welcome"
    return code


def in_both(site: Site, people: People, who: str = "ada") -> None:
    """They are a student of the other course, too."""
    key = {"person_id": getattr(people, who).actor.person_id, "course_id": people.other_course_id}
    with site.database.writing() as session:
        session.add(Enrolment(role=Role.STUDENT, **key))


def saved(answer: Any) -> list[dict[str, str]]:
    """The rows of the file that a page has."""
    (text,) = re.findall(r'href="data:text/csv;charset=utf-8;base64,([^"]+)"', answer.text)
    return list(csv.DictReader(io.StringIO(base64.b64decode(text).decode())))


def choose(client: TestClient, code: str, **typed: str) -> Any:
    fields = {"code": code, "new": CHOSEN, "again": CHOSEN, **typed}
    return client.post("/welcome/password", data=fields, follow_redirects=False)


def test_a_link_lets_somebody_choose_a_password_once_and_signs_them_in(
    site: Site, client: TestClient, people: People, ines: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path = f"/courses/{people.course_id}/people/{people.ada.actor.person_id}"
    assert "They have no password, and come from no LMS." in text_of(ines.get(path))
    made = ines.post(f"{path}/link")
    found = re.search(r'value="[^"]*/welcome#([^"]{40,})"', made.text)
    assert found
    assert made.headers["cache-control"] == "private, no-store"
    assert made.headers["referrer-policy"] == "same-origin"
    assert found[1] not in ines.get(path).text
    arrived = client.get("/welcome")
    assert 'id="code-form"' in arrived.text
    assert arrived.headers["cache-control"] == "private, no-store"
    asked = client.post("/welcome", data={"code": found[1]})
    assert "Welcome, ada." in text_of(asked)
    assert people.ada.email in asked.text
    assert "The two differ." in text_of(choose(client, found[1], again="something else"))
    assert "At least 10 characters." in text_of(
        choose(client, found[1], new="short", again="short")
    )
    done = choose(client, found[1])
    assert (done.status_code, done.headers["location"]) == (303, "/courses")
    assert COOKIE in done.headers["set-cookie"]
    assert actor_of_password(site, people.ada.email, CHOSEN).name == "ada"
    refused = choose(client, found[1], new="somebody else's now", again="somebody else's now")
    assert refused.status_code == 422
    assert "This link holds no more" in text_of(refused)
    assert actor_of_password(site, people.ada.email, CHOSEN)
    assert found[1] not in caplog.text
    with site.database.reading() as session:
        actions = {one.action: one.course_id for one in session.query(AuditEntry)}
        assert session.query(PasswordLink).one().hash != found[1]
    assert actions["password_link.made"] == actions["password_link.used"] == people.course_id
    log = text_of(ines.get(f"/courses/{people.course_id}/audit"))
    assert "ines made a link for ada to choose a password by" in log
    assert "ada chose a first password by a link" in log


def test_another_site_uses_no_link(site: Site, client: TestClient, people: People) -> None:
    code = code_for(site, people)
    for path in ("/welcome", "/welcome/password"):
        fields = {"code": code, "new": CHOSEN, "again": CHOSEN}
        answer = client.post(path, data=fields, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403
    assert passwordlinks.whose(site, code).name == "ada"


def expired(session: Session, people: People) -> None:
    link = session.query(PasswordLink).one()
    link.expires_at = link.created_at


def ended_of_author(session: Session, people: People) -> None:
    session.get_one(Enrolment, (people.course_id, people.instructor.actor.person_id)).role = Role.TA


def ta_elsewhere(session: Session, people: People) -> None:
    key = {"person_id": people.ada.actor.person_id, "course_id": people.other_course_id}
    session.add(Enrolment(role=Role.TA, **key))


def an_admin(session: Session, people: People) -> None:
    session.get_one(Person, people.ada.actor.person_id).is_admin = True


def of_an_lms(session: Session, people: People) -> None:
    key = {"subject": "u1", "person_id": people.ada.actor.person_id}
    session.add(PlatformPerson(issuer="https://lms.example", **key))


def with_a_password(session: Session, people: People) -> None:
    session.get_one(Person, people.ada.actor.person_id).password_hash = "x"


def of_no_address(session: Session, people: People) -> None:
    session.get_one(Person, people.ada.actor.person_id).email = None


def with_a_token(session: Session, people: People) -> None:
    theirs = session.query(Token).one()
    theirs.person_id = people.ada.actor.person_id


OTHERS_TOO = [ta_elsewhere, an_admin, of_an_lms, with_a_password, of_no_address, with_a_token]


@pytest.mark.parametrize("become", OTHERS_TOO)
def test_no_link_is_made_for_who_is_not_the_course_s_alone(
    site: Site, people: People, become: Callable[[Session, People], None]
) -> None:
    with site.database.writing() as session:
        become(session, people)
    with pytest.raises(Conflict):
        code_for(site, people)
    made = passwordlinks.make_links(site, people.instructor.actor, people.course_id, again=True)
    assert [one.person.name for one in made if one.person.name != "ines"] == ["tom", "bob"]


@pytest.mark.parametrize("become", [expired, ended_of_author, *OTHERS_TOO])
def test_a_link_holds_no_more_once_it_would_not_be_made(
    site: Site, people: People, become: Callable[[Session, People], None]
) -> None:
    code = code_for(site, people)
    with site.database.writing() as session:
        become(session, people)
    with pytest.raises(Conflict, match="holds no more"):
        passwordlinks.choose_password(site, code, CHOSEN)
    with pytest.raises(NotSignedIn):
        actor_of_password(site, people.ada.email, CHOSEN)


def test_a_newer_link_and_leaving_the_course_end_one(site: Site, people: People) -> None:
    former, newer = code_for(site, people), code_for(site, people)
    with pytest.raises(Conflict):
        passwordlinks.whose(site, former)
    assert passwordlinks.whose(site, newer).name == "ada"
    unenrol(site, people.instructor.actor, people.course_id, people.ada.actor.person_id)
    with pytest.raises(Conflict):
        passwordlinks.whose(site, newer)


def test_all_who_have_no_way_in_get_one_in_a_file_and_open_ones_stay_unless_that_is_wished(
    site: Site,
    client: TestClient,
    people: People,
    ines: Reader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with site.database.writing() as session:
        session.get_one(Person, people.bob.actor.person_id).name = "=1+1"
    change_person(site, people.admin.actor, people.ta.actor.person_id, password=CHOSEN)
    kept = code_for(site, people)
    path = f"/courses/{people.course_id}/people"
    shown = text_of(ines.get(path))
    assert "1 person has no way in yet" in shown
    assert "Also for the 1 person whose link is still open" in shown
    for words in ("Password", "Link is open", "No way in yet"):
        assert f" {words} " in shown
    made = ines.post(f"{path}/links")
    assert "1 link made" in text_of(made)
    assert f'download="links-{people.course_id}.csv"' in made.text
    assert made.headers["cache-control"] == "private, no-store"
    (row,) = saved(made)
    assert row["name"] == "'=1+1"
    assert passwordlinks.whose(site, row["link"].partition("#")[2]).name == "=1+1"
    assert passwordlinks.whose(site, kept).name == "ada"
    once_more = ines.post(f"{path}/links")
    assert (once_more.status_code, once_more.headers["location"]) == (303, f"{path}?done=nobody")
    assert "No link was made" in text_of(ines.get(path, done="nobody"))
    assert "2 people have not used their link yet" in text_of(ines.get(path))
    monkeypatch.setattr("grader.web.pages.people._IN_A_FILE", 1)
    several = ines.post(f"{path}/links", again="true")
    assert f"Save links-{people.course_id}-2.csv (1 link)" in text_of(several)
    with pytest.raises(Conflict):
        passwordlinks.whose(site, kept)
    tom = reader(site, client, people.ta.actor)
    assert "no way in" not in text_of(tom.get(path)).lower()


def test_programs_make_them_too(site: Site, client: TestClient, people: People) -> None:
    path = f"/api/v1/courses/{people.course_id}/people"
    headers = people.instructor.headers
    one = client.post(f"{path}/{people.ada.actor.person_id}/password-link", headers=headers)
    assert (one.status_code, one.headers["cache-control"]) == (201, "no-store")
    assert one.json()["email"] == people.ada.email
    rest = client.post(f"{path}/password-links", json={}, headers=headers)
    assert (rest.status_code, rest.headers["cache-control"]) == (201, "no-store")
    assert [made["name"] for made in rest.json()] == ["tom", "bob"]
    code = one.json()["link"].partition("#")[2]
    assert passwordlinks.whose(site, code).name == "ada"
    again = client.post(f"{path}/password-links", json={}, headers=headers)
    assert again.status_code == 409


def test_another_course_is_told_that_its_instructors_did_not_vouch_for_a_password(
    site: Site, client: TestClient, people: People
) -> None:
    passwordlinks.choose_password(site, code_for(site, people), CHOSEN)
    in_both(site, people)
    olaf = reader(site, client, people.outside_instructor.actor)
    path = f"/courses/{people.other_course_id}/people/{people.ada.actor.person_id}"
    assert "which was chosen by a link that instructors of another course" in text_of(
        olaf.get(path)
    )
    change_person(site, people.admin.actor, people.ada.actor.person_id, password=CHOSEN + "!")
    assert "They have a password. " in text_of(olaf.get(path))


def test_no_administrator_comes_in_by_what_an_instructor_s_link_has_opened(
    site: Site, people: People
) -> None:
    admin, ada = people.admin.actor, people.ada.actor.person_id
    passwordlinks.choose_password(site, code_for(site, people), CHOSEN)
    with pytest.raises(Conflict, match="password: theirs was chosen by a link"):
        change_person(site, admin, ada, is_admin=True)
    change_person(site, admin, ada, is_admin=True, password=CHOSEN + "!")
    assert actor_of_password(site, people.ada.email, CHOSEN + "!").is_admin
    passwordlinks.choose_password(site, code_for(site, people, "bob"), CHOSEN)
    make_admin(site, email=people.bob.email, name="x", lasts=timedelta(days=1))
    with pytest.raises(NotSignedIn):
        actor_of_password(site, people.bob.email, CHOSEN)


def test_an_lms_that_somebody_comes_from_as_well_hides_no_other_course_s_link(
    site: Site, client: TestClient, people: People
) -> None:
    passwordlinks.choose_password(site, code_for(site, people), CHOSEN)
    in_both(site, people)
    with site.database.writing() as session:
        of_an_lms(session, people)
    olaf = reader(site, client, people.outside_instructor.actor)
    path = f"/courses/{people.other_course_id}/people"
    shown = text_of(olaf.get(f"{path}/{people.ada.actor.person_id}"))
    assert "They come from an LMS, and have a password as well, which was chosen by a link" in shown
    # In the list it matters for staff alone.
    assert "another course's link" not in text_of(olaf.get(path))
    with site.database.writing() as session:
        key = (people.other_course_id, people.ada.actor.person_id)
        session.get_one(Enrolment, key).role = Role.TA  # by the LMS
    assert "LMS, or password by another course's link" in text_of(olaf.get(path))


def signed_in_by_a_token(site: Site, person_id: int) -> dict[str, str]:
    """Headers with a token of theirs."""
    with site.database.reading() as session:
        person = session.get_one(Person, person_id)
    actor = Actor(person.id, person.name, False, frozenset(Right))
    issued = issue_token(site, actor, "t", frozenset(Right), timedelta(days=1))
    return {"Authorization": f"Bearer {issued.secret}"}


class TestStaff:
    """Whom another course's link let in becomes staff for who says that they know them."""

    @pytest.fixture(autouse=True)
    def opened(self, site: Site, people: People) -> None:
        passwordlinks.choose_password(site, code_for(site, people), CHOSEN)

    def role(self, site: Site, people: People) -> Role | None:
        with site.database.reading() as session:
            key = (people.other_course_id, people.ada.actor.person_id)
            found = session.get(Enrolment, key)
            return None if found is None else found.role

    def test_by_hand(self, site: Site, client: TestClient, people: People) -> None:
        olaf = reader(site, client, people.outside_instructor.actor)
        path = f"/courses/{people.other_course_id}/people"
        form = {"email": people.ada.email, "name": "Ada", "role": "ta"}
        refused = olaf.post(path, **form)
        assert refused.status_code == 422
        assert "Before you make them staff, have them tell you" in text_of(refused)
        assert 'name="is_known"' in refused.text
        assert self.role(site, people) is None
        assert olaf.post(path, **{**form, "role": "student"}).status_code == 303
        one = f"{path}/{people.ada.actor.person_id}"
        assert 'name="is_known"' not in olaf.get(one).text
        refused = olaf.post(one, role="instructor")
        assert refused.status_code == 422
        assert 'name="is_known"' in refused.text
        assert olaf.post(one, role="instructor", is_known="true").status_code == 303
        assert self.role(site, people) is Role.INSTRUCTOR
        # Who may do less, or has another team, is nobody new.
        assert olaf.post(one, role="ta", team="red").status_code == 303
        with site.database.reading() as session:
            log = session.query(AuditEntry).filter_by(action="enrolment.set")
            said = [entry.detail.get("is_known") for entry in log.order_by(AuditEntry.id)]
        assert said[-3:] == [None, True, None]

    def test_by_programs(self, client: TestClient, site: Site, people: People) -> None:
        issued = signed_in_by_a_token(site, people.outside_instructor.actor.person_id)
        path = f"/api/v1/courses/{people.other_course_id}/people"
        body = {"email": people.ada.email, "name": "Ada", "role": "ta"}
        refused = client.put(path, json=body, headers=issued)
        assert refused.status_code == 409
        assert "is_known" in refused.json()["detail"]
        assert client.put(path, json={**body, "is_known": True}, headers=issued).status_code == 200
        assert self.role(site, people) is Role.TA

    def test_by_a_file_that_leaves_them_out(
        self, site: Site, client: TestClient, people: People
    ) -> None:
        olaf = reader(site, client, people.outside_instructor.actor)
        text = f"email,role\n{people.ada.email},ta\n{people.bob.email},ta\n"
        shown = olaf.post(
            f"/courses/{people.other_course_id}/people/import",
            files={"file": ("p.csv", text.encode(), "text/csv")},
        )
        assert "1 person would be enrolled or changed" in text_of(shown)
        assert "their password was chosen by a link of another course" in text_of(shown)

    def test_the_course_s_own_link_is_its_own_word(self, site: Site, people: People) -> None:
        ada, author = people.ada.actor.person_id, people.instructor.actor
        change_role(site, author, people.course_id, ada, role=Role.TA, team=None)

    def test_a_password_that_an_administrator_sets_is_nobody_else_s(
        self, site: Site, people: People
    ) -> None:
        change_person(site, people.admin.actor, people.ada.actor.person_id, password=CHOSEN + "!")
        whom = {"email": people.ada.email, "name": "Ada", "role": Role.TA}
        enrol(site, people.outside_instructor.actor, people.other_course_id, **whom)
        assert self.role(site, people) is Role.TA


def test_each_course_makes_its_own_links_and_the_first_that_is_used_ends_them_all(
    site: Site, client: TestClient, people: People
) -> None:
    in_both(site, people)
    ours = code_for(site, people)
    olaf = reader(site, client, people.outside_instructor.actor)
    shown = text_of(olaf.get(f"/courses/{people.other_course_id}/people"))
    assert "3 people have no way in yet" in shown  # olaf and otto, too
    theirs = code_for(site, people, elsewhere=True)
    assert [passwordlinks.whose(site, code).name for code in (ours, theirs)] == ["ada", "ada"]
    newer = code_for(site, people, elsewhere=True)
    assert passwordlinks.whose(site, ours).name == "ada"
    passwordlinks.choose_password(site, ours, CHOSEN)
    for code in (ours, theirs, newer):
        with pytest.raises(Conflict, match="holds no more"):
            passwordlinks.choose_password(site, code, CHOSEN + "!")
    assert actor_of_password(site, people.ada.email, CHOSEN)


def test_without_scripts_the_whole_link_may_be_pasted(
    site: Site, client: TestClient, people: People
) -> None:
    code = code_for(site, people)
    whole = f" {site.settings.url}/welcome#{code} "
    asked = client.post("/welcome", data={"code": whole})
    assert "Welcome, ada." in text_of(asked)
    assert f'name="code" value="{code}"' in asked.text
    assert choose(client, whole).status_code == 303


def test_a_password_that_is_set_anew_ends_the_session_that_a_link_begins(
    site: Site, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, writing = code_for(site, people), site.database.writing

    @contextmanager
    def and_an_admin_is_next() -> Iterator[Session]:
        with writing() as session:
            yield session
        monkeypatch.setattr(site.database, "writing", writing)
        change_person(site, people.admin.actor, people.ada.actor.person_id, password=CHOSEN + "!")

    monkeypatch.setattr(site.database, "writing", and_an_admin_is_next)
    begun = passwordlinks.choose_password(site, code, CHOSEN)
    with pytest.raises(NotSignedIn):
        signing_in.actor_of_session(site, begun.secret)
