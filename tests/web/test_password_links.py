"""Links by which people without a password choose one: for whom they hold, and for how long."""

from __future__ import annotations

import csv
import io
import logging
import re
from collections.abc import Callable
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
)
from grader.db.session import Session
from grader.errors import Conflict, NotSignedIn
from grader.services import passwordlinks
from grader.services.courses import unenrol
from grader.services.people import actor_of_password, change_person, make_admin
from grader.services.site import Site
from grader.web.pages.visitors import COOKIE
from tests.sites import People
from tests.web._pages import Reader, reader, text_of

CHOSEN = "correct horse battery"


@pytest.fixture
def ines(site: Site, client: TestClient, people: People) -> Reader:
    return reader(site, client, people.instructor.actor)


def code_for(site: Site, people: People, who: str = "ada") -> str:
    """What stands behind the # of a fresh link."""
    person = getattr(people, who).actor.person_id
    made = passwordlinks.make_link(site, people.instructor.actor, people.course_id, person)
    where, _, code = made.url.partition("#")
    assert where == f"{site.settings.url}/welcome"
    return code


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


OTHERS_TOO = [ta_elsewhere, an_admin, of_an_lms, with_a_password, of_no_address]


@pytest.mark.parametrize("become", OTHERS_TOO)
def test_no_link_is_made_for_who_is_not_the_course_s_alone(
    site: Site, people: People, become: Callable[[Session, People], None]
) -> None:
    with site.database.writing() as session:
        become(session, people)
    with pytest.raises(Conflict):
        code_for(site, people)
    made = passwordlinks.make_links(site, people.instructor.actor, people.course_id, again=True)
    assert [one.person.name for one in made] == ["ines", "tom", "bob"]


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
    site: Site, client: TestClient, people: People, ines: Reader
) -> None:
    with site.database.writing() as session:
        session.get_one(Person, people.bob.actor.person_id).name = "=1+1"
    change_person(site, people.admin.actor, people.ta.actor.person_id, password=CHOSEN)
    kept = code_for(site, people)
    path = f"/courses/{people.course_id}/people"
    shown = text_of(ines.get(path))
    assert "2 people have no way in yet" in shown
    assert "Also for the 1 person whose link is still open" in shown
    for words in ("Password", "Link is open", "No way in yet"):
        assert f" {words} " in shown
    made = ines.post(f"{path}/links")
    assert "attachment" in made.headers["content-disposition"]
    assert made.headers["cache-control"] == "private, no-store"
    rows = list(csv.DictReader(io.StringIO(made.text)))
    assert [row["name"] for row in rows] == ["ines", "'=1+1"]
    assert passwordlinks.whose(site, rows[1]["link"].partition("#")[2]).name == "=1+1"
    assert passwordlinks.whose(site, kept).name == "ada"
    assert ines.post(f"{path}/links").status_code == 409
    assert "3 people have not used their link yet" in text_of(ines.get(path))
    assert len(ines.post(f"{path}/links", again="true").text.splitlines()) == 4
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
    assert [made["name"] for made in rest.json()] == ["ines", "tom", "bob"]
    code = one.json()["link"].partition("#")[2]
    assert passwordlinks.whose(site, code).name == "ada"
    again = client.post(f"{path}/password-links", json={}, headers=headers)
    assert again.status_code == 409


def test_another_course_is_told_that_its_instructors_did_not_vouch_for_a_password(
    site: Site, client: TestClient, people: People
) -> None:
    passwordlinks.choose_password(site, code_for(site, people), CHOSEN)
    with site.database.writing() as session:
        key = {"person_id": people.ada.actor.person_id, "course_id": people.other_course_id}
        session.add(Enrolment(role=Role.STUDENT, **key))
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
