"""Dynamic registration: an LMS registers itself, and us with it, by a link that an admin made."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.db.models import AuditEntry, Deployment, Invitation, Platform
from grader.errors import BadInput
from grader.lms.outside import Answer, Outside, Unreachable
from grader.lms.registration import NotRegistered
from grader.services.invitations import invite, take_back
from grader.services.platforms import disable_platform
from grader.services.registering import register_invited
from grader.services.site import Site
from tests.lmsplatform import LEARNER, Browser, Lms, registered
from tests.sites import People
from tests.web._pages import text_of

CONFIGURATION = "https://lms.example/openid"
TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
SAID = {
    "issuer": "https://lms.example",
    "authorization_endpoint": "https://lms.example/auth",
    "token_endpoint": "https://lms.example/token",
    "jwks_uri": "https://lms.example/jwks",
    "registration_endpoint": "https://lms.example/register",
    "authorization_server": "https://lms.example/audience",
    "https://purl.imsglobal.org/spec/lti-platform-configuration": {"product_family_code": "moodle"},
}
ANSWERED = {"client_id": "client-1", TOOL: {"deployment_id": "deployment-1"}}


def says(body: Any, status: int = 200) -> Any:
    return lambda: Answer(
        status, {}, body if isinstance(body, bytes) else json.dumps(body).encode()
    )


@pytest.fixture
def form(lms: Lms, site: Site, people: People) -> dict[str, str]:
    """An LMS that is willing, and a link for it."""
    lms.answers = {"/openid": says(SAID), "/register": says(ANSWERED)}
    return {
        "invitation": invite(site, people.admin.actor).secret,
        "openid_configuration": CONFIGURATION,
        "registration_token": "rt-1",
    }


def send(client: TestClient, form: dict[str, str], **headers: str) -> Any:
    return client.post(
        "/lti/register", data=form, headers={"sec-fetch-site": "same-origin"} | headers
    )


def test_a_page_says_what_would_be_done_and_does_nothing_yet(
    client: TestClient, lms: Lms, form: dict[str, str]
) -> None:
    shown = client.get("/lti/register", params=form)
    assert "Register lms.example" in text_of(shown)
    assert "frame-ancestors https://lms.example;" in shown.headers["content-security-policy"]
    assert lms.asked == []


def test_both_know_each_other_afterwards(
    client: TestClient, lms: Lms, site: Site, form: dict[str, str]
) -> None:
    answer = send(client, form)
    assert answer.status_code == 200, text_of(answer)
    assert 'data-launch="close"' in answer.text
    assert answer.headers["cross-origin-opener-policy"] == "unsafe-none"
    with site.database.reading() as session:
        row = session.query(Platform).one()
        assert session.query(Deployment).one().deployment_id == "deployment-1"
        invitation = session.query(Invitation).one()
        actions = [one.action for one in session.query(AuditEntry)]
    assert (row.issuer, row.client_id, row.product) == (
        "https://lms.example",
        "client-1",
        "moodle",
    )
    assert row.token_audience == "https://lms.example/audience"
    assert invitation.platform_id == row.id
    assert "platform.registered" in actions
    method, url, headers = lms.asked[-1]
    assert (method, url) == ("POST", "https://lms.example/register")
    assert headers["authorization"] == "Bearer rt-1"
    method, url, headers = lms.asked[0]
    assert (method, url, headers["authorization"]) == ("GET", CONFIGURATION, "Bearer rt-1")
    assert not row.is_private
    # And somebody comes from there.
    refused = Browser(client, lms).come("u1", [LEARNER])
    assert "not connected to Chainrule yet" in text_of(refused)


def test_a_link_is_for_one_platform_once(client: TestClient, form: dict[str, str]) -> None:
    assert send(client, form).status_code == 200
    again = send(client, form)
    assert again.status_code == 403
    assert "used, taken back, expired or unknown" in text_of(again)
    assert client.get("/lti/register", params=form).status_code == 403


def test_a_link_of_a_week_ago_holds_no_more(
    client: TestClient, site: Site, form: dict[str, str]
) -> None:
    with site.database.writing() as session:
        row = session.query(Invitation).one()
        row.expires_at = row.created_at
    assert send(client, form).status_code == 403


def test_without_an_invitation_nothing_is_asked_anywhere(
    client: TestClient, lms: Lms, form: dict[str, str]
) -> None:
    refused = send(client, {**form, "invitation": "guessed"})
    assert refused.status_code == 403
    assert "frame-ancestors 'none'" in refused.headers["content-security-policy"]
    assert lms.asked == []


def test_another_site_can_t_press_the_button(
    client: TestClient, lms: Lms, form: dict[str, str]
) -> None:
    assert send(client, form, **{"sec-fetch-site": "cross-site"}).status_code == 403
    assert lms.asked == []


WRONG: list[tuple[str, Any, str]] = [
    ("/openid", says(b"", 404), "does not describe itself (status 404)"),
    ("/openid", says([]), "does not describe itself in JSON"),
    ("/openid", says({**SAID, "issuer": "https://evil.example"}), "another site than the one"),
    ("/openid", says({**SAID, "issuer": "http://lms.example"}), "another site than the one"),
    ("/openid", says({**SAID, "issuer": "https://lms.example:8443"}), "another site than the one"),
    ("/openid", says({**SAID, "issuer": ""}), "issuer is missing"),
    ("/openid", says({**SAID, "jwks_uri": "file:///etc/passwd"}), "jwks_uri is no address"),
    ("/openid", says({**SAID, "token_endpoint": None}), "does not tell its token_endpoint"),
    ("/register", says(b"hidden", 400), "refuses (status 400)."),
    ("/register", says(b"ok"), "not in JSON"),
    ("/register", says({}), "client_id is missing"),
    ("/register", says({"client_id": "x" * 300}), "client_id is longer"),
    ("/register", says({**ANSWERED, TOOL: {"deployment_id": 7}}), "deployment_id is missing"),
]


def test_what_goes_wrong_is_told_and_the_link_can_be_used_again(
    client: TestClient,
    lms: Lms,
    site: Site,
    form: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    for path, answer, words in WRONG:
        good = lms.answers[path]
        lms.answers[path] = answer
        refused = send(client, form)
        assert refused.status_code == 422, words
        assert words.lower() in text_of(refused).lower()
        assert "hidden" not in refused.text
        policy = refused.headers["content-security-policy"]
        assert "frame-ancestors https://lms.example;" in policy
        lms.answers[path] = good
    with site.database.reading() as session:
        assert session.query(Platform).count() == 0
    assert "hidden" not in caplog.text
    assert send(client, form).status_code == 200


def test_a_platform_that_can_t_be_reached_is_told(
    client: TestClient, lms: Lms, form: dict[str, str]
) -> None:
    def down() -> Answer:
        raise Unreachable("lms.example took longer than 20 s")

    lms.answers["/openid"] = down
    assert "took longer than 20 s" in text_of(send(client, form))


def test_one_that_is_registered_already_is_not_registered_twice(
    client: TestClient, site: Site, people: People, lms: Lms, form: dict[str, str]
) -> None:
    platform_id = registered(site, people.admin.actor, lms)
    disable_platform(site, people.admin.actor, platform_id, disabled=True)
    refused = send(client, form)
    assert refused.status_code == 409
    assert "has a registration of this client already." in text_of(refused)
    # What it is called and how it stands is for who runs the installation.
    for theirs in ("Moodle of the faculty", "disabled"):
        assert theirs not in refused.text


def test_an_issuer_of_somebody_else_is_not_registered_with_other_keys(
    client: TestClient,
    site: Site,
    people: People,
    lms: Lms,
    form: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    platform_id = registered(site, people.admin.actor, lms)
    disable_platform(site, people.admin.actor, platform_id, disabled=True)
    lms.answers["/openid"] = says({**SAID, "jwks_uri": "https://lms.example/~eve/jwks"})
    lms.answers["/register"] = says({**ANSWERED, "client_id": "client-2"})
    refused = send(client, form)
    assert refused.status_code == 409
    assert (
        "The issuer https://lms.example is registered already, with keys at another address than "
        "https://lms.example/~eve/jwks."
    ) in text_of(refused)
    assert "register this one by hand" in text_of(refused)
    # Of the other registration nothing is told to whoever holds a link.
    for theirs in ("Moodle of the faculty", "client-1", "disabled", "https://lms.example/jwks"):
        assert theirs not in refused.text
    assert (
        "is registered already, as Moodle of the faculty (client ID client-1, disabled), with keys "
        "at https://lms.example/jwks; client ID client-2 has them at https://lms.example/~eve/jwks"
    ) in caplog.text
    with site.database.reading() as session:
        assert session.query(Platform).count() == 1
    # By the same keys nobody can come in who could not before.
    lms.answers["/openid"] = says(SAID)
    assert send(client, form).status_code == 200


def test_nobody_takes_the_client_id_of_another_platform_to_have_assertions_for_it(
    client: TestClient,
    site: Site,
    people: People,
    form: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    registered(site, people.admin.actor, Lms(base="https://other.example"))
    refused = send(client, form)
    assert refused.status_code == 409
    assert "another LMS knows Chainrule by client-1 as well" in text_of(refused)
    # Which one that is is for who runs the installation.
    assert "other.example" not in refused.text
    assert "the issuer https://other.example (Moodle of the faculty) knows" in caplog.text


def test_a_link_that_is_taken_back_while_an_lms_registers_by_it_does_nothing(
    client: TestClient, site: Site, people: People, lms: Lms, form: dict[str, str]
) -> None:
    def meanwhile() -> Answer:
        with site.database.reading() as session:
            invitation_id = session.query(Invitation).one().id
        take_back(site, people.admin.actor, invitation_id)
        answered: Answer = says(ANSWERED)()
        return answered

    lms.answers["/register"] = meanwhile
    refused = send(client, form)
    assert refused.status_code == 403
    assert "taken back" in text_of(refused)
    with site.database.reading() as session:
        assert session.query(Platform).count() == 0
    lms.answers["/register"] = says(ANSWERED)
    assert send(client, form).status_code == 403


def test_an_lms_that_registers_itself_has_doors_that_may_be_asked(
    site: Site, lms: Lms, form: dict[str, str]
) -> None:
    class Half(type(lms.out())):  # type: ignore[misc]
        def check(self, url: str) -> None:
            Outside(private=False, lookup=lambda host, port: ["10.0.0.1"]).check(url)

    with pytest.raises(BadInput, match=r"login_url: lms\.example is an address within a private"):
        register_invited(replace(site, outside=Half(lms)), form["invitation"], CONFIGURATION, None)
    with site.database.reading() as session:
        assert session.query(Platform).count() == 0


def test_a_host_that_nobody_knows_is_told_and_the_link_stays(
    site: Site, form: dict[str, str]
) -> None:
    there = Outside(private=False, lookup=lambda host, port: [])
    words = r"no answer that can be used: the name lms\.example is not known here"
    with pytest.raises(Unreachable, match=words):
        register_invited(replace(site, outside=there), form["invitation"], CONFIGURATION, None)
    assert register_invited(site, form["invitation"], CONFIGURATION, None).client_id == "client-1"


def test_an_invitation_leads_nobody_into_our_own_network(site: Site, form: dict[str, str]) -> None:
    there = Outside(private=False, lookup=lambda host, port: ["10.0.0.1"])
    with pytest.raises(NotRegistered, match="within a private network; who runs"):
        register_invited(replace(site, outside=there), form["invitation"], CONFIGURATION, None)


def test_an_address_is_logged_without_its_query_and_on_one_line(
    client: TestClient, lms: Lms, form: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    lms.answers = {}
    for url in (f"{CONFIGURATION}?token=hidden", "https://lms.example/\nhidden", "x" * 5000):
        send(client, {**form, "openid_configuration": url})
    assert "the registration of https://lms.example/openid failed" in caplog.text
    assert "hidden" not in caplog.text
    assert all(len(one.getMessage()) < 400 for one in caplog.records)


def test_opened_by_hand_it_says_where_to_open_it(client: TestClient, form: dict[str, str]) -> None:
    shown = client.get("/lti/register", params={"invitation": form["invitation"]})
    assert shown.status_code == 422
    assert "from within your LMS" in text_of(shown)
    assert "<h1>The LMS is not registered</h1>" in shown.text
    assert "send this sentence to who runs Chainrule." in text_of(shown)


def test_canvas_reads_a_configuration(client: TestClient) -> None:
    found = client.get("/lti/configuration").json()
    assert found["oidc_initiation_url"].endswith("/lti/login")
    assert found["public_jwk_url"].endswith("/lti/jwks")
    placements = found["extensions"][0]["settings"]["placements"]
    assert {one["placement"] for one in placements} >= {"assignment_selection"}
