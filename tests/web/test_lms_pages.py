"""LMSs on pages: platforms for admins, a course's links for its instructors, the open doors."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from grader.db.models import (
    AuditEntry,
    CanvasCourse,
    Context,
    Deployment,
    Enrolment,
    Invitation,
    Launch,
    Person,
    Platform,
    PlatformLogin,
    PlatformPerson,
    Role,
)
from grader.lms.keysets import PlatformKeys
from grader.lms.outside import Answer, Outside
from grader.services import lmsroster
from grader.services.invitations import invite
from grader.services.site import Site
from grader.web.pages.visitors import COOKIE
from tests.databases import KINDS
from tests.lmsplatform import INSTRUCTOR, LEARNER, Browser, Lms, registered, with_platform
from tests.lti._linked import link
from tests.sites import People, app_of
from tests.web._pages import Reader, hidden, reader, text_of

ROUTES = {
    "GET /lti/login": "anybody",
    "POST /lti/login": "anybody",
    "POST /lti/launch": "anybody",
    "POST /lti/open": "anybody",
    "POST /lti/pick": "anybody",
    "GET /lti/jwks": "anybody",
    "GET /lti/configuration": "anybody",
    "GET /lti/register": "anybody",
    "POST /lti/register": "anybody",
    # For who has launched alone, whom nobody else is: tests of launches.
    "GET /lti/link/{launch_id}": "owner alone",
    "POST /lti/link/{launch_id}/existing": "owner alone",
    "POST /lti/link/{launch_id}/new": "owner alone",
    "POST /lti/link/{launch_id}/join": "owner alone",
    "GET /courses/{course_id}/lms": "manage",
    "POST /courses/{course_id}/lms/{context_id}/sync": "manage",
    "POST /courses/{course_id}/lms/{context_id}/unlink": "manage",
    "GET /platforms": "admin",
    "POST /platforms/invitations": "admin",
    "POST /platforms/invitations/{invitation_id}/take-back": "admin",
    "POST /platforms/keys": "admin",
    "GET /platforms/new": "admin",
    "POST /platforms/new": "admin",
    "GET /platforms/{platform_id}": "admin",
    "POST /platforms/{platform_id}": "admin",
    "POST /platforms/{platform_id}/disable": "admin",
    "POST /platforms/{platform_id}/enable": "admin",
    "POST /platforms/{platform_id}/deployments": "admin",
    "POST /platforms/{platform_id}/deployments/{deployment_id}/remove": "admin",
    "POST /platforms/{platform_id}/delete": "admin",
}
VALUES = {
    "name": "Moodle of the faculty",
    "issuer": "https://moodle.example",
    "client_id": "abc",
    "login_url": "https://moodle.example/mod/lti/auth.php",
    "token_url": "https://moodle.example/mod/lti/token.php",
    "jwks_url": "https://moodle.example/mod/lti/certs.php",
}

DOORS = ("login_url", "token_url", "jwks_url")

WRONG = [
    ("issuer", "", "Fill this in."),
    ("login_url", "javascript:alert(1)", "An address on the web"),
    ("token_url", "https://user:secret@lms.example/", "An address on the web"),
    ("jwks_url", "lms.example", "An address on the web"),
    ("pages", "https://ok.example 'unsafe-inline'", "Addresses on the web"),
    ("pages", "https://ok.example;script-src", "Addresses on the web"),
    ("client_id", "a\u202eb", "plain characters"),
]


@pytest.fixture
def root(site: Site, client: TestClient, people: People) -> Reader:
    return reader(site, client, people.admin.actor)


def ask(by: Reader, route: str, **ids: int) -> int:
    """The status of a page, or of a form that says something."""
    method, path = route.split(" ")
    where = path.format(**ids)
    answer = by.get(where) if method == "GET" else by.post(where, **VALUES, deployment_id="d")
    return answer.status_code


def test_platforms_are_for_admins(site: Site, client: TestClient, people: People) -> None:
    ids = {
        "platform_id": registered(site, people.admin.actor, Lms()),
        "deployment_id": 1,
        "invitation_id": invite(site, people.admin.actor).invitation.id,
    }
    refused = [reader(site, client, one.actor) for one in (people.ada, people.instructor)]
    root = reader(site, client, people.admin.actor)
    for route in (one for one, who in ROUTES.items() if who == "admin"):
        assert [ask(by, route, **ids) for by in refused] == [403, 403], route
        assert ask(root, route, **ids) in (200, 303, 422), route


def test_what_is_linked_is_for_instructors(site: Site, client: TestClient, people: People) -> None:
    registered(site, people.admin.actor, Lms())
    context_id = link(site, people.course_id, people.instructor.actor.person_id)
    with site.database.writing() as session:
        session.get_one(Context, context_id).memberships_url = None
    ids = {"course_id": people.course_id, "context_id": context_id}
    some = (people.outsider, people.ada, people.ta)
    refused = [reader(site, client, one.actor) for one in some]
    ines = reader(site, client, people.instructor.actor)
    for route in (one for one, who in ROUTES.items() if who == "manage"):
        assert [ask(by, route, **ids) for by in refused] == [404, 403, 403], route
        assert ask(ines, route, **ids) in (200, 303, 409), route


def test_a_link_of_another_course_is_not_there(
    site: Site, client: TestClient, people: People
) -> None:
    registered(site, people.admin.actor, Lms())
    context_id = link(site, people.course_id, people.instructor.actor.person_id)
    olaf = reader(site, client, people.outside_instructor.actor)
    for action in ("sync", "unlink"):
        path = f"/courses/{people.other_course_id}/lms/{context_id}/{action}"
        assert olaf.post(path).status_code == 404


class TestPlatforms:
    """What an admin does."""

    def test_one_is_registered_by_hand_with_its_own_values(
        self, site: Site, people: People, root: Reader
    ) -> None:
        made = root.post("/platforms/new", **VALUES, deployment_id="1", pages="https://a.example/x")
        assert made.status_code == 303, text_of(made)
        with site.database.reading() as session:
            row = session.query(Platform).one()
            assert session.query(Deployment).one().deployment_id == "1"
        assert (row.issuer, row.pages) == (VALUES["issuer"], "https://a.example")
        shown = root.get("/platforms")
        assert "Moodle of the faculty" in text_of(shown)
        for address in ("/lti/launch", "/lti/login", "/lti/jwks", "/lti/configuration"):
            assert f'value="{site.settings.url}{address}"' in shown.text
        twice = root.post("/platforms/new", **VALUES)
        assert twice.status_code == 422
        assert 'id="client_id-error"' in twice.text

    def test_an_issuer_with_keys_elsewhere_has_to_be_confirmed(
        self, site: Site, root: Reader
    ) -> None:
        path = root.post("/platforms/new", **VALUES).headers["location"].split("?")[0]
        other = {**VALUES, "client_id": "def", "jwks_url": "https://moodle.example/other"}
        assert 'name="other_keys"' not in root.get("/platforms/new").text
        refused = root.post("/platforms/new", **other)
        assert refused.status_code == 422
        assert "who holds these keys can come in as everybody" in text_of(refused)
        assert (
            "The issuer https://moodle.example is registered already, as Moodle of the faculty "
            "(client ID abc), with keys at https://moodle.example/mod/lti/certs.php; client ID def "
            "has them at https://moodle.example/other."
        ) in text_of(refused)
        assert "change the Public keyset URL of the registration that is there" in text_of(refused)
        assert 'name="other_keys"' in refused.text
        assert root.post("/platforms/new", **other, other_keys="true").status_code == 303
        # The same where one is moved away from the other.
        moved = {**VALUES, "jwks_url": "https://moodle.example/third"}
        assert "who holds these keys" in text_of(root.post(path, **moved))
        assert root.post(path, **moved, other_keys="true").status_code == 303
        assert root.post(path, **{**moved, "name": "M"}).status_code == 303

    def test_a_client_id_that_another_issuer_has_given_has_to_be_confirmed(
        self, site: Site, root: Reader
    ) -> None:
        root.post("/platforms/new", **VALUES)
        other = {name: one.replace("moodle", "canvas") for name, one in VALUES.items()}
        other["name"] = "Canvas of the faculty"
        assert 'name="same_client"' not in root.get("/platforms/new").text
        refused = root.post("/platforms/new", **other)
        assert refused.status_code == 422
        assert 'id="same_client-error"' in refused.text
        assert (
            "The issuer https://moodle.example (Moodle of the faculty) knows Chainrule by the "
            "client ID abc as well; here the issuer https://canvas.example does."
        ) in text_of(refused)
        made = root.post("/platforms/new", **other, same_client="true")
        assert made.status_code == 303
        # It is asked for once: the client is what it is from then on.
        path = made.headers["location"].split("?")[0]
        assert root.post(path, **{**other, "name": "M"}).status_code == 303

    @pytest.mark.parametrize("door", DOORS)
    def test_without_tls_it_has_to_lie_in_our_own_network(self, root: Reader, door: str) -> None:
        plain = {**VALUES, door: "http://moodle.example/door"}
        refused = root.post("/platforms/new", **plain)
        assert refused.status_code == 422
        assert f'id="{door}-error"' in refused.text
        assert "Only https:// is allowed. An LMS in your own network" in text_of(refused)
        assert root.post("/platforms/new", **plain, is_private="true").status_code == 303

    def test_pages_without_tls_are_those_of_an_lms_in_our_own_network(self, root: Reader) -> None:
        plain = {**VALUES, "pages": "https://ok.example http://moodle.example"}
        refused = root.post("/platforms/new", **plain)
        assert 'id="pages-error"' in refused.text
        assert root.post("/platforms/new", **plain, is_private="true").status_code == 303

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "10.1.2.3", "[::1]"])
    def test_an_address_in_our_own_network_takes_an_admin_s_word(
        self, root: Reader, host: str
    ) -> None:
        near = {**VALUES, "jwks_url": f"https://{host}/keys"}
        refused = root.post("/platforms/new", **near)
        assert 'id="jwks_url-error"' in refused.text
        assert f"{host.strip('[]')} is an address within a private network" in text_of(
            refused
        ).replace("Localhost", "localhost")
        made = root.post("/platforms/new", **near, is_private="true")
        assert made.status_code == 303
        # Nor is the word taken back while they lie there.
        path = made.headers["location"].split("?")[0]
        assert 'id="jwks_url-error"' in root.post(path, **near).text

    def test_a_name_is_judged_by_what_it_leads_to(
        self, site: Site, client: TestClient, root: Reader
    ) -> None:
        near = Outside(private=False, lookup=lambda host, port: ["192.168.1.7"])
        client.app.state.site = replace(site, outside=near)  # type: ignore[attr-defined]
        refused = root.post("/platforms/new", **VALUES)
        assert "Moodle.example is an address within a private network" in text_of(refused)
        # Where the installation asks everybody there, it is no matter.
        everywhere = replace(near, private=True)
        client.app.state.site = replace(site, outside=everywhere)  # type: ignore[attr-defined]
        assert root.post("/platforms/new", **VALUES).status_code == 303

    def test_one_on_the_web_has_tls_even_with_an_admin_s_word(
        self, site: Site, client: TestClient, root: Reader
    ) -> None:
        far = Outside(private=True, lookup=lambda host, port: ["93.184.215.14"])
        client.app.state.site = replace(site, to_platforms=far)  # type: ignore[attr-defined]
        plain = {**VALUES, "token_url": "http://moodle.example/token", "is_private": "true"}
        refused = root.post("/platforms/new", **plain)
        assert "without TLS the LMS has to lie in a private network" in text_of(refused)

    def test_a_wrong_registration_is_deleted_with_all_that_came_of_it(
        self, site: Site, people: People, root: Reader
    ) -> None:
        admin = people.admin.actor
        platform_id, row = registered(site, admin, Lms()), invite(site, admin).invitation
        with site.database.writing() as session:
            session.get_one(Invitation, row.id).platform_id = platform_id
            made = session.query(Deployment).one()
            far = row.expires_at
            session.add_all(
                [
                    PlatformLogin(
                        state_hash="s",
                        browser_hash="b",
                        nonce="n",
                        platform_id=platform_id,
                        expires_at=far,
                    ),
                    Launch(
                        deployment_id=made.id,
                        person_id=admin.person_id,
                        message={},
                        ticket_hash="t",
                        expires_at=far,
                    ),
                ]
            )
        path = f"/platforms/{platform_id}"
        assert f'action="{path}/delete" data-confirm=' in root.get(path).text
        gone = root.post(f"{path}/delete")
        assert gone.headers["location"] == "/platforms?done=deleted"
        assert "The registration is deleted." in text_of(root.get("/platforms", done="deleted"))
        assert root.get(path).status_code == 404
        with site.database.reading() as session:
            left = [
                session.query(one).count() for one in (Platform, Deployment, PlatformLogin, Launch)
            ]
            assert left == [0, 0, 0, 0]
            entry = session.query(AuditEntry).filter_by(action="platform.deleted").one()
        assert (entry.subject_id, entry.detail["issuer"]) == (platform_id, "https://lms.example")
        assert entry.detail["client_id"] == "client-1"
        assert registered(site, admin, Lms())  # as it should have been

    def test_one_on_which_something_hangs_says_why_it_stays(
        self, site: Site, people: People, root: Reader
    ) -> None:
        lms = Lms()
        path = f"/platforms/{registered(site, people.admin.actor, lms)}"
        with site.database.writing() as session:
            for one in (people.ada, people.bob):
                key = {"subject": one.email, "person_id": one.actor.person_id}
                session.add(PlatformPerson(issuer=lms.base, **key))
        context_id = link(site, people.course_id, people.instructor.actor.person_id)
        why = (
            "It can't be deleted: 1 course is connected by it and 2 people are known by its issuer "
            "alone. Disable it instead."
        )
        shown = root.get(path)
        assert why in text_of(shown)
        assert f"{path}/delete" not in shown.text
        refused = root.post(f"{path}/delete")
        assert refused.status_code == 409
        assert why in text_of(refused)
        with site.database.writing() as session:
            session.delete(session.get_one(Context, context_id))
        assert "It can't be deleted: 2 people are known by its issuer alone." in text_of(
            root.get(path)
        )
        # By another registration of the issuer they are known as well.
        registered(site, people.admin.actor, Lms(client_id="client-2"))
        assert root.post(f"{path}/delete").status_code == 303
        with site.database.reading() as session:
            assert session.query(PlatformPerson).count() == 2

    def test_an_admin_says_whether_it_may_lie_in_our_own_network(
        self, site: Site, root: Reader
    ) -> None:
        path = root.post("/platforms/new", **VALUES).headers["location"].split("?")[0]

        def may() -> tuple[bool, bool]:
            with site.database.reading() as session:
                kept = session.query(Platform).one().is_private
            box = re.search(r'<input id="is_private"[^>]*>', root.get(path).text)
            assert box
            return kept, "checked" in box[0]

        assert may() == (False, False)
        root.post(path, **VALUES, is_private="true")
        assert may() == (True, True)
        root.post(path, **VALUES)
        assert may() == (False, False)

    def test_what_is_no_platform_is_told_beside_its_field(self, root: Reader) -> None:
        for field, value, words in WRONG:
            refused = root.post("/platforms/new", **{**VALUES, field: value})
            assert refused.status_code == 422
            assert f'id="{field}-error"' in refused.text
            assert words in text_of(refused)

    @pytest.mark.parametrize("database_url", KINDS[:1], indirect=True)
    def test_all_that_is_wrong_is_told_at_once_each_at_its_field(self, root: Reader) -> None:
        wrong = {"issuer": "", "login_url": "lms.example", "jwks_url": "x", "pages": "y"}
        refused = root.post("/platforms/new", **{**VALUES, **wrong})
        told = re.findall(r'id="(\w+)-error"', refused.text)
        assert told == ["issuer", "login_url", "jwks_url", "pages"]
        near = {**VALUES, "token_url": "https://10.1.2.3/t", "jwks_url": "https://10.1.2.4/k"}
        refused = root.post("/platforms/new", **near, pages="http://moodle.example")
        told = re.findall(r'id="(\w+)-error"', refused.text)
        assert told == ["token_url", "jwks_url", "pages"]
        assert "is_private" not in text_of(refused)

    @pytest.mark.parametrize("database_url", KINDS[:1], indirect=True)
    def test_the_api_tells_all_that_is_wrong_by_field(
        self, client: TestClient, people: People
    ) -> None:
        wrong = {**VALUES, "login_url": "x", "jwks_url": "https://10.1.2.4/k"}
        path = "/api/v1/platforms"
        answer = client.post(path, json=wrong, headers=people.admin.headers)
        assert answer.status_code == 422
        assert [one["field"] for one in answer.json()["errors"]] == ["login_url", "jwks_url"]
        assert "login_url: an address on the web" in answer.json()["detail"]
        assert answer.json()["type"].endswith(":bad-input")

    def test_one_that_is_registered_already_is_refused_before_any_confirmation_is_asked_for(
        self, site: Site, root: Reader
    ) -> None:
        root.post("/platforms/new", **VALUES)
        other = {**VALUES, "jwks_url": "https://moodle.example/other"}
        refused = root.post("/platforms/new", **other)
        assert re.findall(r'id="(\w+)-error"', refused.text) == ["client_id"]
        words = "This issuer has a registration of this client already: Moodle of the faculty."
        assert words in text_of(refused)
        assert "who holds these keys" not in text_of(refused)

    @pytest.mark.parametrize("database_url", KINDS[:1], indirect=True)
    def test_its_addresses_are_tried_when_they_are_given(
        self, site: Site, client: TestClient, people: People
    ) -> None:
        lms = Lms()
        client.app.state.site = place = with_platform(site, lms)  # type: ignore[attr-defined]
        root = reader(place, client, people.admin.actor)
        doors = {"login_url": "auth", "token_url": "token", "jwks_url": "jwks"}
        values = {**VALUES, "issuer": lms.base}
        values |= {name: f"{lms.base}/{path}" for name, path in doors.items()}
        made = root.post("/platforms/new", **values).headers["location"]
        path = made.split("?")[0]
        assert "1 key of it can be read" in text_of(root.get(path, done="registered"))
        for answer, words in (
            (Answer(404, {}, b""), "Public keyset URL : Status 404."),
            (Answer(200, {}, b"<html>"), "Public keyset URL : Status 200, and no JSON."),
            (Answer(200, {}, b'{"keys": []}'), "Public keyset URL : No key is there that can be"),
        ):
            lms.answers["/jwks"] = lambda answer=answer: answer  # type: ignore[misc]
            shown = root.get(path, look="true")
            assert "Not all of its addresses are right" in text_of(shown)
            assert words in text_of(shown)
        api = f"/api/v1{path}/addresses"
        told = client.get(api, headers=people.admin.headers).json()
        assert told == {"keys": 0, "problems": {"jwks_url": "no key is there that can be used"}}
        # Nobody asks one that is disabled, and no page that is merely looked at asks anybody.
        asked = len(lms.asked)
        root.get(path)
        root.post(f"{path}/disable")
        root.get(path, look="true")
        assert client.get(api, headers=people.admin.headers).status_code == 409
        assert len(lms.asked) == asked

    @pytest.mark.parametrize("database_url", KINDS[:1], indirect=True)
    def test_a_host_that_is_misspelt_is_told_and_the_registration_stays(
        self, site: Site, client: TestClient, people: People
    ) -> None:
        def look_up(host: str, port: int) -> list[str]:
            return ["93.184.215.14"] if host == "moodle.example" else []

        far = Outside(private=False, lookup=look_up)
        keys = PlatformKeys(lambda _: far)
        place = replace(site, outside=far, platform_keys=keys)
        client.app.state.site = place  # type: ignore[attr-defined]
        root = reader(place, client, people.admin.actor)
        values = {
            **VALUES,
            "token_url": "https://moodel.example/t",
            "jwks_url": "https://m.example",
        }
        made = root.post("/platforms/new", **values)
        assert made.status_code == 303
        words = text_of(root.get(made.headers["location"].split("?")[0], done="registered"))
        assert "The platform is registered." in words
        for label, host in (("Access token URL", "moodel"), ("Public keyset URL", "m")):
            unknown = "is not known here; it is misspelt, or missing in DNS."
            assert f"{label} : The name {host}.example {unknown}" in words
        assert "Authentication request URL :" not in words

    def test_it_is_changed_but_for_who_it_is(
        self, site: Site, people: People, root: Reader
    ) -> None:
        path = root.post("/platforms/new", **VALUES).headers["location"].split("?")[0]
        changed = root.post(path, **{**VALUES, "name": "M", "token_audience": "https://api.x"})
        assert changed.status_code == 303
        with site.database.reading() as session:
            row = session.query(Platform).one()
        assert (row.name, row.token_audience) == ("M", "https://api.x")
        root.post(path, **{**VALUES, "issuer": "https://evil.example", "client_id": "other"})
        with site.database.reading() as session:
            row = session.query(Platform).one()
        assert (row.issuer, row.client_id) == (VALUES["issuer"], VALUES["client_id"])
        shown = root.get(path)
        assert 'name="issuer"' not in shown.text
        assert "Issuer (platform ID) https://moodle.example Client ID abc" in text_of(shown)

    def test_deployments_are_added_and_removed_unless_courses_hang_on_them(
        self, site: Site, people: People, root: Reader
    ) -> None:
        platform_id = registered(site, people.admin.actor, Lms())
        link(site, people.course_id, people.instructor.actor.person_id)
        path = f"/platforms/{platform_id}"
        assert root.post(f"{path}/deployments", deployment_id="d2").status_code == 303
        twice = root.post(f"{path}/deployments", deployment_id="d2")
        assert "It is registered already." in text_of(twice)
        with site.database.reading() as session:
            ids = {one.deployment_id: one.id for one in session.query(Deployment)}
        assert root.post(f"{path}/deployments/{ids['d2']}/remove").status_code == 303
        assert root.post(f"{path}/deployments/{ids['deployment-1']}/remove").status_code == 409
        assert root.post(f"{path}/deployments/9999/remove").status_code == 404

    def test_it_is_disabled_and_let_in_again(
        self, site: Site, people: People, root: Reader
    ) -> None:
        path = f"/platforms/{registered(site, people.admin.actor, Lms())}"
        assert root.post(f"{path}/disable").headers["location"] == path
        assert text_of(root.get(path)).count("its launches are refused") == 1
        root.post(f"{path}/enable")
        assert "its launches are refused" not in text_of(root.get(path))
        with site.database.reading() as session:
            actions = [one.action for one in session.query(AuditEntry)]
        assert actions[-2:] == ["platform.disabled", "platform.enabled"]

    def test_a_link_to_register_is_shown_once_and_kept_as_a_hash(
        self, site: Site, root: Reader
    ) -> None:
        made = root.post("/platforms/invitations")
        found = re.search(r"invitation=([\w-]+)", made.text)
        assert found
        assert found[1] not in root.get("/platforms").text
        with site.database.reading() as session:
            assert session.query(Invitation).one().hash != found[1]

    def test_links_that_are_not_used_are_listed_and_one_is_taken_back(
        self, site: Site, client: TestClient, root: Reader
    ) -> None:
        assert "Registration links" not in text_of(root.get("/platforms"))
        secrets = [
            re.findall(r"invitation=([\w-]+)", root.post("/platforms/invitations").text)[0]
            for _ in range(2)
        ]
        with site.database.reading() as session:
            first, second = (one.id for one in session.query(Invitation).order_by(Invitation.id))
        words = text_of(root.get("/platforms"))
        for one in (first, second):
            ends = rf"\b{one}, by root [\w ]+ \w+ \d\d \w+ \d{{4}}, \d\d:\d\d UTC"
            assert re.search(ends, words)
        back = root.post(f"/platforms/invitations/{first}/take-back")
        assert back.headers["location"] == "/platforms?done=uninvited"
        root.post(f"/platforms/invitations/{first}/take-back")  # once more changes nothing
        words = text_of(root.get("/platforms", done="uninvited"))
        assert "nobody can register by it" in words
        assert f"{second}, by root" in words
        assert f"{first}, by root" not in words
        lms = {"openid_configuration": "https://lms.example/openid"}
        gone, held = (
            client.get("/lti/register", params={"invitation": one, **lms}) for one in secrets
        )
        assert (gone.status_code, held.status_code) == (403, 200)
        assert "taken back" in text_of(gone)
        assert "<h1>The LMS is not registered</h1>" in gone.text
        with site.database.reading() as session:
            entries = session.query(AuditEntry).filter_by(action="platform.uninvited").all()
        assert [one.subject_id for one in entries] == [first]
        assert root.post("/platforms/invitations/9999/take-back").status_code == 404

    def test_a_link_by_which_an_lms_has_registered_is_not_taken_back(
        self, site: Site, people: People, root: Reader
    ) -> None:
        row = invite(site, people.admin.actor).invitation
        platform_id = registered(site, people.admin.actor, Lms())
        with site.database.writing() as session:
            session.get_one(Invitation, row.id).platform_id = platform_id
        refused = root.post(f"/platforms/invitations/{row.id}/take-back")
        assert refused.status_code == 409
        assert "has registered by this link meanwhile" in text_of(refused)

    def test_what_is_wrong_with_our_own_address_stands_before_it(
        self, site: Site, client: TestClient, root: Reader
    ) -> None:
        for path in ("/platforms", "/platforms/new"):
            words = text_of(root.get(path))
            assert "CHAINRULE_URL is not set" in words
            assert "no TLS" in words
            assert 'button primary">Make a registration link' not in root.get(path).text
            assert words.index("not ready for an LMS") < words.index("for the LMS Tool URL")
        url = "https://chainrule.school.example"
        client.app.state.site = replace(  # type: ignore[attr-defined]
            site, settings=replace(site.settings, url=url)
        )
        assert root.visit.visitor
        cookie = f"__Host-{COOKIE}={root.visit.visitor.secret}"
        shown = root.visit.get("/platforms", cookie=cookie)
        assert f"{url}/lti/launch" in shown.text
        assert "not ready for an LMS" not in text_of(shown)
        assert 'button primary">Make a registration link' in shown.text

    def test_a_new_key_signs_and_the_former_stays_published(
        self, client: TestClient, root: Reader
    ) -> None:
        client.get("/lti/jwks")
        assert root.post("/platforms/keys").status_code == 303
        words = text_of(root.get("/platforms"))
        assert "Published, signs soon" in words
        assert "Signs until the next one is known" in words
        assert len(client.get("/lti/jwks").json()["keys"]) == 2


def test_a_launch_links_a_course_and_brings_its_people(site: Site, people: People) -> None:
    lms = Lms(members=[{"user_id": "s1", "roles": [LEARNER], "name": "Stu"}])
    launched = with_platform(site, lms)
    registered(site, people.admin.actor, lms)
    with app_of(launched) as app, TestClient(app, base_url=site.settings.url) as client:
        browser = Browser(client, lms)
        page = browser.come("t1", [INSTRUCTOR], name="Tea").headers["location"]
        token = hidden(client.get(page), "csrf")
        form = {"csrf": token, "title": "New", "slug": "new", "timezone": "UTC"}
        made = browser.post(form, f"{page}/new", **{"sec-fetch-site": "same-origin"})
        assert made.headers["location"].endswith("/lms?done=linked")
    assert lmsroster.sync_due(launched) == 1
    with site.database.reading() as session:
        course_id = session.query(Context).one().course_id
        there = {
            session.get_one(Person, one.person_id).name: one.role
            for one in session.query(Enrolment).filter_by(course_id=course_id)
        }
    assert there == {"Tea": Role.INSTRUCTOR, "Stu": Role.STUDENT}


@pytest.mark.parametrize("database_url", KINDS[:1], indirect=True)
def test_the_lms_page_of_a_course_without_a_link_leads_on(
    site: Site, client: TestClient, people: People, root: Reader
) -> None:
    here = f"/courses/{people.course_id}"
    ines = reader(site, client, people.instructor.actor)
    shown = ines.get(f"{here}/lms")
    ways = ("canvas", "gradebook/files", "gradebook/fill", "people/import", "webhooks")
    for way in (*(f"{here}/{one}" for one in ways), "/api/v1/openapi.json", "/account"):
        assert f'href="{way}"' in shown.text, way
        assert ines.get(way).status_code == 200, way
    assert "Ask who runs Chainrule to register yours first" in text_of(shown)
    assert 'href="/platforms">Register yours' in root.get(f"{here}/lms").text
    registered(site, people.admin.actor, Lms())
    assert "No LMS is registered" not in text_of(ines.get(f"{here}/lms"))
    link(site, people.course_id, people.instructor.actor.person_id)
    assert "Other ways" not in text_of(ines.get(f"{here}/lms"))


@pytest.mark.parametrize("database_url", KINDS[:1], indirect=True)
def test_the_navigation_says_where_one_is(
    site: Site, client: TestClient, people: People, root: Reader
) -> None:
    here = f"/courses/{people.course_id}"
    for page, marked in (
        (f"{here}/lms", f"{here}/lms"),
        (f"{here}/canvas", f"{here}/lms"),
        ("/platforms", "/platforms"),
        ("/platforms/new", "/platforms"),
        ("/workers", "/workers"),
    ):
        found = dict(re.findall(r'href="([^"]+)" aria-current="(\w+)"', root.get(page).text))
        # Below a page of the navigation one is within it, not on it.
        assert found[marked] == ("true" if page == "/platforms/new" else "page"), page


def test_the_lms_page_names_a_course_of_canvas_that_is_reached_by_a_token(
    site: Site, client: TestClient, people: People
) -> None:
    ines = reader(site, client, people.instructor.actor)
    page = f"/courses/{people.course_id}/lms"
    assert "Grades also go, by a token" not in text_of(ines.get(page))
    with site.database.writing() as session:
        made = CanvasCourse(
            course_id=people.course_id,
            base_url="https://canvas.example",
            canvas_id="7",
            title="Deep Learning <26>",
            token="t",
            author_id=people.instructor.actor.person_id,
        )
        session.add(made)
        session.flush()
        link_id = made.id
    shown = ines.get(page)
    assert "to Deep Learning <26> (https://canvas.example)" in text_of(shown)
    assert f'href="/courses/{people.course_id}/canvas/{link_id}"' in shown.text
    assert "<26>" not in shown.text


def test_no_name_of_an_lms_is_more_than_text(
    site: Site, client: TestClient, people: People, root: Reader
) -> None:
    registered(site, people.admin.actor, Lms())
    context_id = link(site, people.course_id, people.instructor.actor.person_id)
    with site.database.writing() as session:
        context = session.get_one(Context, context_id)
        context.title = context.sync_failure = "<script>alert(1)</script>"
        session.query(Platform).one().name = "<script>alert(2)</script>"
    for by, path in (
        (root, "/platforms"),
        (reader(site, client, people.instructor.actor), f"/courses/{people.course_id}/lms"),
    ):
        assert "<script>alert" not in by.get(path).text
