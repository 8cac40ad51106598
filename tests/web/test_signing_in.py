"""Sessions of browsers: who gets one, what it takes to act in it, and when it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from grader.broker.throttle import Throttle, counted
from grader.db.models import BrowserSession, Token
from grader.db.types import now
from grader.errors import BadInput, NotSignedIn
from grader.services import launching, signing_in
from grader.services.people import change_person
from grader.services.reconciling import sweep
from grader.services.site import Site
from grader.web.pages.visitors import COOKIE, Visitor
from tests.redis_server import redis_url  # noqa: F401 - a fixture
from tests.sites import People, app_of, client_of

PASSWORD = "correct horse battery"
DAY = timedelta(days=1)


@pytest.fixture
def visitor(site: Site, people: People, client: TestClient) -> Visitor:
    """Ada, signed in."""
    signed_in = signing_in.begin(site, people.ada.actor)
    client.cookies.set(COOKIE, signed_in.secret)
    return Visitor(signed_in.actor, signed_in.secret)


def sign_out(client: TestClient, **more: str) -> int:
    """Send the form that ends a session; the answer's status."""
    fields = {"csrf": more.pop("csrf")} if "csrf" in more else {}
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    answer = client.post("/sign-out", data=fields, headers=headers, follow_redirects=False)
    return answer.status_code


def test_a_form_needs_the_token_of_its_own_session(
    site: Site, people: People, client: TestClient, visitor: Visitor
) -> None:
    other = signing_in.begin(site, people.bob.actor)
    assert sign_out(client) == 403
    assert sign_out(client, csrf="nonsense") == 403
    assert sign_out(client, csrf=Visitor(other.actor, other.secret).form_token()) == 403
    assert visitor.form_token() != visitor.form_token()
    assert sign_out(client, csrf=visitor.form_token()) == 303


def last_used(site: Site, visitor: Visitor) -> tuple[Any, Any]:
    """When the database says that their session and their token were last used."""
    whose = visitor.actor.person_id
    with site.database.reading() as session:
        seen = select(BrowserSession.seen_at).where(BrowserSession.person_id == whose)
        used = select(Token.last_used_at).where(Token.person_id == whose)
        return session.scalars(seen).one(), session.scalars(used).one()


def test_when_somebody_was_last_there_is_gathered_and_no_request_waits_until_it_is_written(
    site: Site, people: People, client: TestClient, visitor: Visitor
) -> None:
    with site.database.writing() as session:
        session.execute(update(BrowserSession).values(seen_at=now() - DAY))
    before = last_used(site, visitor)
    for _ in range(2):
        assert client.get("/").status_code == 200
        assert client.get("/api/v1/me", headers=people.ada.headers).status_code == 200
    assert last_used(site, visitor) == before

    site.uses.write()
    seen_at, used_at = last_used(site, visitor)
    assert seen_at - before[0] > DAY / 2
    assert used_at is not None
    site.uses.write()  # there is nothing left to write
    assert last_used(site, visitor) == (seen_at, used_at)


def test_what_could_not_be_written_is_written_the_next_time(
    site: Site, people: People, client: TestClient, visitor: Visitor, monkeypatch: Any
) -> None:
    assert client.get("/api/v1/me", headers=people.ada.headers).status_code == 200

    def is_down() -> Any:
        raise OSError("no database")

    with monkeypatch.context() as patch:
        patch.setattr(site.database, "writing", is_down)
        with pytest.raises(OSError, match="no database"):
            site.uses.write()
    site.uses.write()
    assert last_used(site, visitor)[1] is not None


def test_what_was_gathered_is_written_when_the_process_ends(
    site: Site, people: People, visitor: Visitor
) -> None:
    with client_of(site) as client:
        assert client.get("/api/v1/me", headers=people.ada.headers).status_code == 200
    assert last_used(site, visitor)[1] is not None


def test_another_site_cannot_send_a_form_even_with_the_token(
    client: TestClient, visitor: Visitor
) -> None:
    token = visitor.form_token()
    assert sign_out(client, csrf=token, sec_fetch_site="cross-site") == 403
    assert sign_out(client, csrf=token, origin="https://elsewhere.example") == 403
    assert sign_out(client, csrf=token, sec_fetch_site="same-origin") == 303


def test_a_session_ends_with_signing_out_and_with_a_new_password(
    site: Site, people: People, client: TestClient, visitor: Visitor
) -> None:
    assert client.get("/courses").status_code == 200
    change_person(site, people.admin.actor, people.ada.actor.person_id, password=PASSWORD)
    gone = client.get("/courses", follow_redirects=False)
    assert (gone.status_code, gone.headers["location"]) == (303, "/sign-in?then=%2Fcourses")


def test_who_becomes_an_admin_signs_in_anew(
    site: Site, people: People, client: TestClient, visitor: Visitor
) -> None:
    admin, ada = people.admin.actor, people.ada.actor.person_id
    change_person(site, admin, ada, is_admin=False)
    assert client.get("/courses").status_code == 200
    change_person(site, admin, ada, is_admin=True)
    assert client.get("/courses", follow_redirects=False).status_code == 303


def test_signing_in_makes_another_session_and_ends_the_former(
    site: Site, people: People, client: TestClient
) -> None:
    change_person(site, people.admin.actor, people.ada.actor.person_id, password=PASSWORD)
    former = signing_in.begin(site, people.ada.actor).secret
    client.cookies.set(COOKIE, former)
    fields = {"email": people.ada.email, "password": PASSWORD, "then": "//elsewhere.example"}
    answer = client.post("/sign-in", data=fields, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/courses")
    assert former not in answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax"} <= set(answer.headers["set-cookie"].split("; "))
    client.cookies.clear()
    client.cookies.set(COOKIE, former)
    assert client.get("/courses", follow_redirects=False).status_code == 303


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::2"),
        ("testclient", "testclient"),
    ],
)
def test_addresses_of_one_network_are_counted_as_one(address: str, same: str) -> None:
    assert counted(address) == counted(same)
    assert len({counted(one) for one in (same, "2001:db8:1:3::1", "192.0.2.2", "")}) == 4


def test_signing_in_and_launches_are_counted_by_it(site: Site) -> None:
    class Counting:
        seen: ClassVar[list[str]] = []

        def wait(self, what: str, who: str, **_: Any) -> None:
            self.seen.append(f"{what} {who}")

    there = replace(site, throttle=Counting())  # type: ignore[arg-type]
    for last in ("1", "2"):
        with pytest.raises(NotSignedIn):
            signing_in.known(there, "nobody@example.org", PASSWORD, f"2001:db8:1:2::{last}")
        with pytest.raises(BadInput, match="login_hint"):
            launching.begin(there, {}, None, f"2001:db8:1:2::{last}")
    half = len(Counting.seen) // 2
    assert half == 4
    assert Counting.seen[:half] == Counting.seen[half:]


def test_with_tls_the_cookie_is_of_this_very_host_and_no_other_is_believed(
    site: Site, people: People
) -> None:
    change_person(site, people.admin.actor, people.ada.actor.person_id, password=PASSWORD)
    secure = replace(site, settings=replace(site.settings, url="https://chainrule.example"))
    with app_of(secure) as app, TestClient(app, base_url="https://chainrule.example") as client:
        fields = {"email": people.ada.email, "password": PASSWORD}
        answer = client.post("/sign-in", data=fields, follow_redirects=False)
        name, _, rest = answer.headers["set-cookie"].partition("=")
        assert name == f"__Host-{COOKIE}"
        secret, *parts = rest.split("; ")
        assert {"Secure", "HttpOnly", "Path=/"} <= set(parts)
        assert "domain" not in rest.lower()
        assert client.get("/courses").status_code == 200
        client.cookies.clear()
        client.cookies.set(COOKIE, secret)
        assert client.get("/courses", follow_redirects=False).status_code == 303
        client.cookies.clear()
        client.cookies.set(f"__Host-{COOKIE}", secret)
        token = Visitor(people.ada.actor, secret).form_token()
        gone = client.post("/sign-out", data={"csrf": token}, follow_redirects=False)
        # A browser takes no word on such a cookie that is not as it was made.
        assert gone.headers["set-cookie"].startswith(f"__Host-{COOKIE}=")
        assert {"Secure", "Path=/", "Max-Age=0"} <= set(gone.headers["set-cookie"].split("; "))


def test_who_tries_too_often_has_to_wait_and_nobody_else(redis_url: str) -> None:  # noqa: F811
    throttle = Throttle(redis_url)

    def tried(who: str) -> timedelta | None:
        return throttle.wait("sign-in", who, most=3, window=timedelta(minutes=5))

    assert [tried("ada") for _ in range(3)] == [None] * 3
    wait = tried("ada")
    assert wait is not None
    assert timedelta() < wait <= timedelta(minutes=5)
    assert tried("bob") is None


def test_sessions_that_hold_no_more_are_swept_and_others_stay(site: Site, people: People) -> None:
    for _ in range(3):
        signing_in.begin(site, people.ada.actor)
    with site.database.writing() as session:
        ended, silent, holds = [one.id for one in session.query(BrowserSession)]
        aged = update(BrowserSession)
        session.execute(aged.where(BrowserSession.id == ended).values(expires_at=now()))
        session.execute(aged.where(BrowserSession.id == silent).values(seen_at=now() - 2 * DAY))
    sweep(site)
    with site.database.reading() as session:
        assert [one.id for one in session.query(BrowserSession)] == [holds]


def test_a_token_that_expired_is_swept_after_it_was_shown_for_a_month(
    site: Site, people: People
) -> None:
    revoked, long_ago = people.outsider.actor.person_id, people.bob.actor.person_id
    lately = people.ada.actor.person_id
    ends = {revoked: now() - 31 * DAY, long_ago: now() - 31 * DAY, lately: now() - 29 * DAY}
    with site.database.writing() as session:
        before = {one.person_id for one in session.query(Token)}
        for person_id, end in ends.items():
            aged = update(Token).where(Token.person_id == person_id)
            session.execute(aged.values(expires_at=end))
        session.execute(
            update(Token).where(Token.person_id == revoked).values(revoked_at=now() - 40 * DAY)
        )
    sweep(site)
    with site.database.reading() as session:
        assert {one.person_id for one in session.query(Token)} == before - {revoked, long_ago}
