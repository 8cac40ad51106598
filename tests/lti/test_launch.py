"""Launches from an LMS, in the order of the lines that say what they must hold to."""

from __future__ import annotations

import base64
import json
import re
import time
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from starlette.testclient import TestClient

from grader.db.models import (
    Context,
    ContextMember,
    Enrolment,
    Person,
    Platform,
    PlatformLogin,
    PlatformPerson,
    ResourceLink,
    Role,
    SigningKey,
)
from grader.lms.outside import Answer
from grader.services import signing_in
from grader.services.platforms import disable_platform
from grader.services.site import Site
from grader.web.pages.visitors import COOKIE
from tests.coursework import assignment_of
from tests.lmsplatform import (
    ASSISTANT,
    INSTRUCTOR,
    LEARNER,
    LIS,
    LTI,
    Browser,
    Lms,
    key_pair,
    registered,
)
from tests.lti._linked import person, role
from tests.sites import People, app_of
from tests.web._pages import text_of
from tests.web._work import assignment

NO_LAUNCHES: list[tuple[dict[str, str], str]] = [
    ({"iss": "https://evil.example"}, "is not registered here"),
    ({"client_id": "another"}, "is not registered here"),
    ({"login_hint": ""}, "iss and login_hint"),
    ({"target_link_uri": "https://evil.example/lti/launch"}, "somewhere else than here"),
    ({"target_link_uri": "http://127.0.0.1:8000@evil.example/"}, "somewhere else"),
    ({"lti_storage_target": "a b"}, "no name of a frame"),
    ({"lti_message_hint": "x" * 9000}, "too long"),
    ({"iss": "https://lms.example\0"}, "no plain text"),
]


NO_KEYS = [
    (Answer(500, {}, b""), "status 500"),
    (Answer(200, {}, b"<html>"), "no JSON"),
    (Answer(200, {}, b"[]"), "no set of keys"),
    (Answer(200, {}, b'{"keys": [' + b" " * 300_000 + b"]}"), "more than 256 KiB"),
    (Answer(200, {}, json.dumps({"keys": [{}] * 51}).encode()), "more than 50 keys"),
]


class TestLogin:
    """OIDC login by GET and POST."""

    def test_it_leads_to_the_platform_with_what_it_asked_for(self, browser: Browser) -> None:
        answer = browser.begin("u1", lti_message_hint="hint & more")
        address = urlsplit(answer.headers["location"])
        asked = dict(parse_qsl(address.query))
        assert f"{address.scheme}://{address.netloc}{address.path}" == "https://lms.example/auth"
        assert asked["lti_message_hint"] == "hint & more"
        assert {name: asked[name] for name in ("scope", "response_type", "response_mode")} == {
            "scope": "openid",
            "response_type": "id_token",
            "response_mode": "form_post",
        }
        assert asked["prompt"] == "none"
        assert asked["redirect_uri"] == "http://127.0.0.1:8000/lti/launch"
        assert len(asked["state"]) >= 40
        assert len(asked["nonce"]) >= 40

    def test_a_form_does_the_same_as_an_address(self, browser: Browser, lms: Lms) -> None:
        form = dict(parse_qsl(urlsplit(lms.begin("u1")).query))
        answer = browser.post(form, "/lti/login")
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("https://lms.example/auth?")

    def test_what_can_t_be_a_launch_is_refused_with_the_reason(
        self, browser: Browser, site: Site
    ) -> None:
        for change, words in NO_LAUNCHES:
            answer = browser.begin("u1", **change)
            assert answer.status_code in (403, 422)
            assert words in text_of(answer)
            assert "<h1>This could not be opened</h1>" in answer.text
            # Where the launch was, so that it is seen there; nowhere for who is not known.
            frames = "'none'" if "iss" in change else "https://lms.example"
            policy = answer.headers["content-security-policy"]
            assert f"frame-ancestors {frames};" in policy
        with site.database.reading() as session:
            assert session.query(PlatformLogin).count() == 0

    def test_a_disabled_registration_leaves_the_other_one_the_only_one(
        self, browser: Browser, site: Site, people: People, platform_id: int
    ) -> None:
        other = registered(site, people.admin.actor, Lms(client_id="client-2"))
        with site.database.writing() as session:
            session.get_one(Platform, platform_id).pages = "https://former.example"
        several = browser.begin("u1", client_id="")
        assert "several registrations" in text_of(several)
        assert "https://former.example" in several.headers["content-security-policy"]
        disable_platform(site, people.admin.actor, platform_id, disabled=True)
        answer = browser.begin("u1", client_id="")
        assert "client_id=client-2" in answer.headers["location"]
        wrong = browser.begin("u1", client_id="", target_link_uri="https://evil.example/")
        policy = wrong.headers["content-security-policy"]
        assert "frame-ancestors https://lms.example;" in policy
        disable_platform(site, people.admin.actor, other, disabled=True)
        assert "not let in any more" in text_of(browser.begin("u1", client_id=""))

    def test_an_issuer_alone_is_enough_where_it_has_one_registration(
        self, browser: Browser, site: Site, people: People
    ) -> None:
        assert "client_id=client-1" in browser.begin("u1", client_id="").headers["location"]
        registered(site, people.admin.actor, Lms(client_id="client-2"))
        refused = browser.begin("u1", client_id="")
        assert refused.status_code == 403
        assert "several registrations" in text_of(refused)
        assert "client_id=client-1" in browser.begin("u1").headers["location"]

    def test_a_parameter_that_comes_twice_is_refused(self, browser: Browser, lms: Lms) -> None:
        answer = browser.client.get(f"{lms.begin('u1')}&iss=https://lms.example")
        assert answer.status_code == 422
        assert "iss comes twice" in text_of(answer).lower()

    def test_with_tls_the_cookie_comes_back_from_other_sites_frames(
        self, site: Site, lms: Lms, platform_id: int
    ) -> None:
        from dataclasses import replace

        settings = replace(site.settings, url="https://chainrule.example")
        lms.registration.set_launch_url("https://chainrule.example/lti/launch")
        with app_of(replace(site, settings=settings)) as app, TestClient(app) as client:
            cookie = Browser(client, lms).begin("u1").headers["set-cookie"]
        assert cookie.startswith("__Host-chainrule_launch_")
        for part in ("HttpOnly", "Secure", "SameSite=None", "Partitioned", "Path=/"):
            assert part in cookie.split("; ")
        assert "domain" not in cookie.lower()


class TestRefusals:
    """RS256 only; keys, issuer, audience, times, deployment, version and kind are exact."""

    @pytest.fixture(autouse=True)
    def is_linked(self, linked: int) -> None:
        """What is refused here is let in but for the one thing."""

    def sent(self, browser: Browser, change: Any, **how: Any) -> Any:
        form = browser.lms.launch(browser.asked("u1"), "u1", [LEARNER], name="Ada")
        claims = browser.lms.claims(form)
        change(claims)
        return browser.post({**form, "id_token": browser.lms.signed(claims, **how)})

    def refused(self, site: Site, answer: Any, words: str) -> None:
        assert answer.status_code in (403, 413, 422, 502), answer.text
        assert words.lower() in text_of(answer).lower()
        assert COOKIE not in answer.headers.get("set-cookie", "")
        assert "Ada" not in answer.text
        with site.database.reading() as session:
            assert session.query(PlatformPerson).count() == 0

    def test_unchanged_it_is_let_in(self, browser: Browser) -> None:
        assert self.sent(browser, lambda claims: None).status_code == 303

    def test_a_claim_that_is_not_right_is_told_and_makes_nobody(
        self, browser: Browser, site: Site
    ) -> None:
        for name, value, words in (
            ("iss", "https://evil.example", "another issuer (iss)"),
            (f"{LTI}deployment_id", "elsewhere", "deployment_id elsewhere"),
            (f"{LTI}target_link_uri", "https://evil.example/x", "somewhere else than here"),
            ("azp", "somebody-else", "was given to another tool (azp)"),
            ("exp", int(time.time()) - 3600, "has expired (exp)"),
        ):
            answer = self.sent(browser, lambda claims, n=name, v=value: claims.update({n: v}))
            self.refused(site, answer, words)

    def test_a_signature_by_another_key_of_that_name_is_refused(
        self, browser: Browser, site: Site
    ) -> None:
        answer = self.sent(browser, lambda claims: None, key=key_pair(2)[0])
        self.refused(site, answer, "signature is not the platform's")

    def test_a_key_that_is_not_published_is_refused(self, browser: Browser, site: Site) -> None:
        answer = self.sent(browser, lambda claims: None, headers={"kid": "unknown"})
        self.refused(site, answer, "does not publish")

    def test_a_key_that_has_no_name_is_refused(self, browser: Browser, site: Site) -> None:
        form = browser.lms.launch(browser.asked("u1"), "u1", [LEARNER])
        header = base64.urlsafe_b64encode(b'{"alg":"RS256"}').decode().rstrip("=")
        token = ".".join([header, *form["id_token"].split(".")[1:]])
        answer = browser.post({**form, "id_token": token})
        self.refused(site, answer, "does not name its key (kid)")

    def test_alg_none_is_refused(self, browser: Browser, site: Site) -> None:
        def unsigned(text: str, header: str, signature: str) -> str:
            head = base64.urlsafe_b64encode(header.encode()).decode().rstrip("=")
            return f"{head}.{text.split('.')[1]}.{signature}"

        for header in ('{"alg":"none"}', '{"alg":"None","kid":"k"}', '{"kid":"k"}'):
            for signature in ("", "AAAA"):
                form = browser.lms.launch(browser.asked("u1"), "u1", [LEARNER])
                token = unsigned(form["id_token"], header, signature)
                answer = browser.post({**form, "id_token": token})
                self.refused(site, answer, "signed")

    def test_hs256_with_the_public_key_as_the_secret_is_refused(
        self, browser: Browser, site: Site, lms: Lms
    ) -> None:
        import hashlib
        import hmac

        form = lms.launch(browser.asked("u1"), "u1", [LEARNER])
        header = json.dumps({"alg": "HS256", "kid": lms.registration.get_kid()}).encode()
        text = ".".join(
            [base64.urlsafe_b64encode(header).decode().rstrip("="), form["id_token"].split(".")[1]]
        )
        mac = hmac.digest(key_pair()[1].encode(), text.encode(), hashlib.sha256)
        token = f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
        self.refused(site, browser.post({**form, "id_token": token}), "not signed by RS256")

    def test_another_algorithm_of_the_same_key_is_refused(
        self, browser: Browser, site: Site
    ) -> None:
        for algorithm in ("RS512", "PS256"):
            answer = self.sent(browser, lambda claims: None, algorithm=algorithm)
            self.refused(site, answer, "not signed by RS256")

    def test_what_is_no_token_is_refused(self, browser: Browser, site: Site) -> None:
        for token in ("", "x", "a.b", "a.b.c.d", "\u202e.b.c", "e30.e30.AAAA"):
            form = browser.lms.launch(browser.asked("u1"), "u1", [LEARNER])
            answer = browser.post({**form, "id_token": token})
            self.refused(site, answer, "the id_token")

    def test_a_huge_token_is_refused(self, browser: Browser, site: Site) -> None:
        form = browser.lms.launch(browser.asked("u1"), "u1", [LEARNER])
        answer = browser.post({**form, "id_token": f"e30.{'A' * 140_000}.AAAA"})
        self.refused(site, answer, "longer than 128 KiB")
        answer = browser.post({**form, "id_token": "A" * 300_000})
        assert answer.status_code == 413

    def test_a_deeply_nested_token_is_refused(self, browser: Browser, site: Site) -> None:
        form = browser.lms.launch(browser.asked("u1"), "u1", [LEARNER])
        deep = base64.urlsafe_b64encode(b"[" * 50_000).decode().rstrip("=")
        answer = browser.post({**form, "id_token": f"{deep}.e30.AAAA"})
        self.refused(site, answer, "no JWT")

    def test_a_disabled_platform_is_refused_at_both_ends(
        self, browser: Browser, site: Site, people: People, platform_id: int
    ) -> None:
        form = browser.lms.launch(browser.asked("u1"), "u1", [LEARNER])
        disable_platform(site, people.admin.actor, platform_id, disabled=True)
        answers = [browser.post(form), browser.begin("u1")]
        self.refused(site, answers[0], "not let in any more")
        assert "not let in any more" in text_of(answers[1])
        for one in answers:  # nor may its pages show ours
            assert "frame-ancestors 'none';" in one.headers["content-security-policy"]
        disable_platform(site, people.admin.actor, platform_id, disabled=False)
        assert browser.come("u1", [LEARNER]).status_code == 303

    def test_another_registered_platform_can_t_answer_for_this_one(
        self, browser: Browser, site: Site, people: People
    ) -> None:
        other = Lms(base="https://lms.example", client_id="client-2")
        registered(site, people.admin.actor, other)
        form = other.launch(browser.asked("u1") | {"client_id": "client-2"}, "u1", [LEARNER])
        self.refused(site, browser.post(form), "another tool (aud)")

    def test_an_error_of_the_platform_is_told(self, browser: Browser) -> None:
        asked = browser.asked("u1")
        form = {"state": asked["state"], "error": "login_required", "error_description": "<b>No"}
        answer = browser.post(form)
        assert answer.status_code == 403
        assert "&lt;b&gt;No" in answer.text
        # The launch is over.
        form = browser.lms.launch(asked, "u1", [LEARNER])
        assert browser.post(form).status_code == 403

    def test_words_that_are_not_of_a_launch_on_its_way_in_this_browser_are_not_shown(
        self, browser: Browser
    ) -> None:
        words = {"error": "Call 555-0100", "error_description": "Call 555-0100"}
        asked = browser.asked("u1")
        cookies = dict(browser.client.cookies)
        browser.client.cookies.clear()
        elsewhere = browser.post({"state": asked["state"], **words})
        unknown = browser.post({"state": "unknown", **words})
        stateless = browser.post(words)
        browser.client.cookies.update(cookies)
        assert "555-0100" in browser.post({"state": asked["state"], **words}).text
        browser.client.cookies.update(cookies)
        used = browser.post({"state": asked["state"], **words})
        for answer in (elsewhere, unknown, stateless, used):
            assert answer.status_code == 403
            assert "555" not in answer.text
            assert "has ended this launch: open it again from your course" in text_of(answer)

    def test_nobody_without_a_role_in_the_course_comes_in(
        self, browser: Browser, site: Site, people: People
    ) -> None:
        lis = "http://purl.imsglobal.org/vocab/lis/v2/"
        for roles in (
            [],
            [f"{lis}institution/person#Instructor", f"{lis}system/person#Administrator"],
            [f"{lis}membership#Mentor"],
        ):
            answer = browser.come("u1", roles)
            assert answer.status_code == 403
            assert "no role of yours in this course" in text_of(answer)
        with site.database.reading() as session:
            assert session.query(PlatformPerson).count() == 0

    def test_who_comes_with_a_role_no_more_has_lost_it_though_they_are_refused(
        self, browser: Browser, site: Site, people: People, linked: int
    ) -> None:
        browser.come("t1", [INSTRUCTOR, ASSISTANT])
        with site.database.writing() as session:
            session.query(ContextMember).one().roster_role = Role.TA
        assert role(site, people, "t1") is Role.TA
        refused = browser.come("t1", [f"{LIS}#Mentor"])
        assert "no role of yours in this course" in text_of(refused)
        assert role(site, people, "t1") is None
        with site.database.reading() as session:
            member = session.query(ContextMember).one()
        assert (member.launch_role, member.roster_role) == (None, None)
        # What a person has given here stays.
        ada = people.ada.actor.person_id
        with site.database.writing() as session:
            session.add(PlatformPerson(issuer="https://lms.example", subject="a", person_id=ada))
        assert browser.come("a", [f"{LIS}#Mentor"]).status_code == 403
        assert role(site, people, "a") is Role.STUDENT


class TestKeys:
    """Keys only from the registered JWKS, cached, re-read on an unknown kid."""

    @pytest.fixture(autouse=True)
    def is_linked(self, linked: int) -> None:
        """Launches lead somewhere."""

    def reads(self, lms: Lms) -> int:
        return sum(url.endswith("/jwks") for _, url, _ in lms.asked)

    def test_they_are_read_once_for_many_launches(self, browser: Browser, lms: Lms) -> None:
        assert [browser.come("u1", [LEARNER]).status_code for _ in range(3)] == [303] * 3
        assert self.reads(lms) == 1

    def test_an_unknown_name_has_them_read_again_but_not_for_ever(
        self, browser: Browser, lms: Lms, site: Site
    ) -> None:
        clock = [0.0]
        site.platform_keys._clock = lambda: clock[0]
        assert browser.come("u1", [LEARNER]).status_code == 303
        private, public = key_pair(2)
        lms.registration.set_platform_private_key(private).set_platform_public_key(public)
        assert browser.come("u1", [LEARNER]).status_code == 403
        assert self.reads(lms) == 1
        clock[0] = 61.0
        assert browser.come("u1", [LEARNER]).status_code == 303
        assert self.reads(lms) == 2

    def test_where_they_can_t_be_read_it_is_told(
        self, browser: Browser, lms: Lms, site: Site
    ) -> None:
        for answer, words in NO_KEYS:
            site.platform_keys._kept.clear()
            lms.answers["/jwks"] = lambda answer=answer: answer
            refused = browser.come("u1", [LEARNER])
            assert refused.status_code == 502
            assert words in text_of(refused)

    def test_private_and_symmetric_keys_among_them_are_nobody_s_signature(
        self, browser: Browser, lms: Lms, site: Site
    ) -> None:
        from jwcrypto.jwk import JWK

        private = json.loads(JWK.from_pem(key_pair()[0].encode()).export_private())
        secret = {"kty": "oct", "k": "AAAA", "kid": private["kid"], "alg": "HS256"}
        small = {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": private["kid"]}
        public = {name: private[name] for name in ("kty", "n", "e", "kid")}
        for keys in ([private], [secret], [small], [{**public, "use": "enc"}]):
            lms.answers["/jwks"] = lambda keys=keys: Answer(
                200, {}, json.dumps({"keys": keys}).encode()
            )
            site.platform_keys._kept.clear()
            assert browser.come("u1", [LEARNER]).status_code in (403, 502)

    def test_ours_are_published_without_their_private_half_and_rotated(
        self, client: TestClient, site: Site, people: People
    ) -> None:
        from grader.services.signingkeys import rotate

        first = client.get("/lti/jwks").json()["keys"]
        assert [set(key) for key in first] == [{"kty", "n", "e", "kid", "alg", "use"}]
        rotate(site, people.admin.actor)
        second = client.get("/lti/jwks").json()["keys"]
        assert second[1:] == first
        assert second[0]["kid"] != first[0]["kid"]

    def test_a_new_one_of_ours_signs_once_platforms_have_read_it(
        self, site: Site, people: People
    ) -> None:
        from grader.services.signingkeys import STAYS, jwks, rotate, signing_key, sweep_keys

        def pass_by(time: timedelta) -> None:
            with site.database.writing() as session:
                for row in session.query(SigningKey):
                    row.created_at -= time
                    row.retired_at = row.retired_at and row.retired_at - time

        first = signing_key(site.database).kid
        second = rotate(site, people.admin.actor).kid
        third = rotate(site, people.admin.actor).kid
        assert signing_key(site.database).kid == first
        assert [one["kid"] for one in jwks(site)["keys"]] == [third, second, first]
        pass_by(timedelta(minutes=5))
        assert signing_key(site.database).kid == first
        pass_by(timedelta(minutes=5))
        assert signing_key(site.database).kid == third
        # Nobody who signs no more keeps what it was signed with.
        sweep_keys(site)
        pass_by(STAYS)
        sweep_keys(site)
        with site.database.reading() as session:
            assert [one.kid for one in session.query(SigningKey)] == [third]

    def test_they_are_read_while_somebody_is_on_their_way(self, browser: Browser, lms: Lms) -> None:
        from threading import Event

        read, answer = Event(), lms.answer

        def noted(*asked: Any) -> Answer:
            read.set()
            return answer(*asked)

        lms.answer = noted  # type: ignore[method-assign]
        browser.begin("u1")
        assert read.wait(10)


class TestOnce:
    """State and nonce used up atomically, once, by the browser in which the launch began."""

    @pytest.fixture(autouse=True)
    def is_linked(self, linked: int) -> None:
        """Launches lead somewhere."""

    def test_the_same_launch_a_second_time_is_refused(self, browser: Browser) -> None:
        form = browser.lms.launch(browser.asked("u1"), "u1", [LEARNER])
        cookies = dict(browser.client.cookies)
        assert browser.post(form).status_code == 303
        browser.client.cookies.update(cookies)
        again = browser.post(form)
        assert again.status_code == 403
        assert "was used already (state)" in text_of(again)

    def test_a_token_is_no_answer_to_another_launch_of_the_same_person(
        self, browser: Browser
    ) -> None:
        first = browser.lms.launch(browser.asked("u1"), "u1", [LEARNER])
        second = browser.asked("u1")
        answer = browser.post({"state": second["state"], "id_token": first["id_token"]})
        assert answer.status_code == 403
        assert "(nonce)" in text_of(answer)

    def test_a_launch_that_failed_can_t_be_tried_again_with_another_token(
        self, browser: Browser
    ) -> None:
        form = browser.lms.launch(browser.asked("u1"), "u1", [LEARNER])
        cookies = dict(browser.client.cookies)
        assert browser.post({**form, "id_token": "a.b.c"}).status_code == 403
        browser.client.cookies.update(cookies)
        assert "was used already" in text_of(browser.post(form))

    def test_another_browser_can_t_bring_it(self, browser: Browser) -> None:
        form = browser.lms.launch(browser.asked("u1"), "u1", [LEARNER])
        name = next(name for name in browser.client.cookies if "launch" in name)
        browser.client.cookies.clear()
        assert "has kept nothing of this launch" in text_of(browser.post(form))
        browser.client.cookies.set(name, "another secret")
        assert "began in another browser (state)" in text_of(browser.post(form))
        guessed = {**form, "browser": "a guess"}
        own = {"sec-fetch-site": "same-origin"}
        assert "in another browser" in text_of(browser.post(guessed, **own))

    def test_a_state_of_nobody_s_or_of_long_ago_is_refused(
        self, browser: Browser, site: Site
    ) -> None:
        form = browser.lms.launch(browser.asked("u1"), "u1", [LEARNER])
        assert "did not begin here" in text_of(browser.post({**form, "state": "unknown"}))
        with site.database.writing() as session:
            row = session.query(PlatformLogin).one()
            row.expires_at = row.created_at
        assert "took too long" in text_of(browser.post(form))
        browser.asked("u2")
        with site.database.reading() as session:
            assert session.query(PlatformLogin).count() == 1  # the old one is swept

    def test_of_many_at_the_same_moment_one_is_let_in(self, browser: Browser, site: Site) -> None:
        from concurrent.futures import ThreadPoolExecutor

        from grader.lms.messages import Refused
        from grader.services.launching import land

        form = browser.lms.launch(browser.asked("u1"), "u1", [LEARNER])
        (secret,) = browser.client.cookies.values()

        def come(_: int) -> bool:
            try:
                land(site, form["state"], form["id_token"], secret)
            except Refused:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(come, range(16))) == 1


class TestPlaces:
    """A launch lands the student on the assignment, staff on its overview."""

    def test_our_parameter_names_the_assignment_and_the_link_keeps_it(
        self, browser: Browser, site: Site, people: People, linked: int
    ) -> None:
        one = assignment(site, people.course_id)
        custom = {"chainrule_assignment": str(one)}
        answer = browser.come("u1", [LEARNER], custom=custom, name="Ada L.", email="a@b.example")
        assert answer.headers["location"] == f"/assignments/{one}"
        shown = browser.client.get(answer.headers["location"])
        assert shown.status_code == 200
        assert "Ada L." in shown.text
        # Without the parameter, and as an assistant: it is the link that is known.
        answer = browser.come("u2", [INSTRUCTOR, ASSISTANT])
        assert answer.headers["location"] == f"/assignments/{one}"
        assert role(site, people, "u2") is Role.TA
        with site.database.reading() as session:
            link = session.query(ResourceLink).one()
            context = session.get_one(Context, linked)
        assert (link.link_id, link.line_item_url) == (
            "link-1",
            "https://lms.example/items/4?type_id=1",
        )
        assert context.memberships_url == "https://lms.example/members?type=1"
        assert context.line_items_url == "https://lms.example/items"
        assert "lti-ags/scope/score" in context.scopes

    def test_a_link_that_is_chosen_anew_opens_the_other_assignment_from_then_on(
        self, browser: Browser, site: Site, people: People, linked: int
    ) -> None:
        first = assignment(site, people.course_id)
        staff = people.instructor.actor.person_id
        other = assignment_of(site, people.course_id, staff, slug="other").assignment_id
        for named, opened in ((first, first), (other, other), (None, other)):
            custom = {} if named is None else {"chainrule_assignment": str(named)}
            answer = browser.come("u1", [LEARNER], custom=custom)
            assert answer.headers["location"] == f"/assignments/{opened}"

    def test_a_column_that_the_lms_has_deleted_is_forgotten(
        self, browser: Browser, site: Site, people: People, linked: int
    ) -> None:
        custom = {"chainrule_assignment": str(assignment(site, people.course_id))}
        browser.come("u1", [LEARNER], custom=custom)
        browser.come("u1", [LEARNER], custom=custom, services=False)
        with site.database.reading() as session:
            link = session.query(ResourceLink).one()
            context = session.get_one(Context, linked)
        assert link.line_item_url is None
        # What the launch does not say of the course is as it was said before.
        assert context.line_items_url == "https://lms.example/items"
        assert context.memberships_url == "https://lms.example/members?type=1"

    def test_an_address_of_an_assignment_here_names_it_as_well(
        self, browser: Browser, lms: Lms, site: Site, people: People, linked: int
    ) -> None:
        one = assignment(site, people.course_id)
        lms.registration.set_launch_url(f"http://127.0.0.1:8000/assignments/{one}")
        answer = browser.come("u1", [LEARNER])
        assert answer.headers["location"] == f"/assignments/{one}"

    def test_an_assignment_of_another_course_is_none(
        self, browser: Browser, site: Site, people: People, linked: int
    ) -> None:
        other = assignment(site, people.other_course_id)
        for named in (str(other), "x", "9" * 30, "²"):
            answer = browser.come("u1", [LEARNER], custom={"chainrule_assignment": named})
            assert answer.headers["location"] == f"/courses/{people.course_id}"

    def test_a_link_without_an_assignment_leads_to_the_course(
        self, browser: Browser, people: People, linked: int
    ) -> None:
        answer = browser.come("u1", [LEARNER])
        assert answer.headers["location"] == f"/courses/{people.course_id}"
        assert browser.client.get(answer.headers["location"]).status_code == 200

    def test_a_draft_is_for_staff_alone(
        self, browser: Browser, site: Site, people: People, linked: int
    ) -> None:
        one = assignment(site, people.course_id, is_published=False)
        custom = {"chainrule_assignment": str(one)}
        answer = browser.come("u1", [LEARNER], custom=custom)
        assert answer.headers["location"] == f"/courses/{people.course_id}"
        answer = browser.come("u2", [INSTRUCTOR], custom=custom)
        assert answer.headers["location"] == f"/assignments/{one}"

    def test_a_student_who_comes_first_waits_for_the_instructor(
        self, browser: Browser, site: Site
    ) -> None:
        answer = browser.come("u1", [LEARNER])
        assert answer.status_code == 403
        assert "your instructor opens it once" in text_of(answer)
        assert COOKIE not in answer.headers.get("set-cookie", "")

    def test_outside_of_a_course_there_is_nowhere_to_go(self, browser: Browser) -> None:
        answer = browser.come("u1", [LEARNER], course=None)
        assert "from outside of any course" in text_of(answer)


class TestPeople:
    """Identity is (iss, sub), never the e-mail address; roles live in our own table."""

    def test_an_address_of_somebody_here_makes_nobody_them(
        self, browser: Browser, site: Site, people: People, linked: int
    ) -> None:
        answer = browser.come("u1", [LEARNER], name="Ada", email="ada@example.org")
        assert answer.status_code == 303
        found = person(site, "u1")
        assert found.id != people.ada.actor.person_id
        assert (found.email, found.contact, found.name) == (None, "ada@example.org", "Ada")

    def test_the_same_subject_is_the_same_person_and_follows_the_lms(
        self, browser: Browser, site: Site, linked: int
    ) -> None:
        browser.come("u1", [LEARNER], name="Ada", email="a@x.example")
        first = person(site, "u1")
        browser.come("u1", [LEARNER], name="Ada Lovelace", email="b@x.example")
        browser.come("u1", [LEARNER])
        now = person(site, "u1")
        assert (now.id, now.name, now.contact) == (first.id, "Ada Lovelace", "b@x.example")

    def test_a_subject_in_other_letters_is_somebody_else(
        self, browser: Browser, site: Site, linked: int
    ) -> None:
        for subject in ("u1", "U1", "u1 ", "ü1", "u\u03081"):
            assert browser.come(subject, [LEARNER]).status_code == 303
        with site.database.reading() as session:
            found = {one.subject: one.person_id for one in session.query(PlatformPerson)}
        assert len(found) == len(set(found.values())) == 5

    def test_another_issuer_s_same_subject_is_somebody_else(
        self, browser: Browser, site: Site, people: People, linked: int
    ) -> None:
        browser.come("u1", [LEARNER])
        with site.database.writing() as session:
            session.query(Platform).one().issuer = "https://other.example"
        browser.lms.registration.set_iss("https://other.example")
        assert browser.come("u1", [LEARNER]).status_code == 303
        with site.database.reading() as session:
            ids = [one.person_id for one in session.query(PlatformPerson).filter_by(subject="u1")]
        assert len(set(ids)) == 2

    def test_a_role_given_by_hand_stays_and_one_of_the_lms_follows(
        self, browser: Browser, site: Site, people: People, linked: int
    ) -> None:
        from grader.services.courses import change_role

        browser.come("u1", [LEARNER])
        assert role(site, people, "u1") is Role.STUDENT
        browser.come("u1", [INSTRUCTOR])
        assert role(site, people, "u1") is Role.INSTRUCTOR
        browser.come("u1", [LEARNER])
        assert role(site, people, "u1") is Role.STUDENT
        change_role(
            site,
            people.instructor.actor,
            people.course_id,
            person(site, "u1").id,
            role=Role.TA,
            team=None,
        )
        browser.come("u1", [LEARNER])
        assert role(site, people, "u1") is Role.TA

    def test_a_team_given_by_hand_does_not_make_the_role_so(
        self, browser: Browser, site: Site, people: People, linked: int
    ) -> None:
        from grader.services.courses import change_role

        browser.come("u1", [LEARNER])
        change_role(
            site,
            people.instructor.actor,
            people.course_id,
            person(site, "u1").id,
            role=Role.STUDENT,
            team="red",
        )
        browser.come("u1", [INSTRUCTOR, ASSISTANT])
        with site.database.reading() as session:
            found = session.get_one(Enrolment, (people.course_id, person(site, "u1").id))
        assert (found.role, found.team) == (Role.TA, "red")

    def test_an_administrator_does_not_come_in_by_an_lms(
        self, browser: Browser, site: Site, linked: int
    ) -> None:
        browser.come("u1", [LEARNER])
        with site.database.writing() as session:
            session.get_one(Person, person(site, "u1").id).is_admin = True
        answer = browser.come("u1", [LEARNER])
        assert answer.status_code == 403
        assert "sign in with your password" in text_of(answer)

    def test_the_session_is_a_new_one_and_a_former_whose_cookie_comes_along_ends(
        self, browser: Browser, site: Site, people: People, linked: int
    ) -> None:
        former = signing_in.begin(site, people.ada.actor).secret
        browser.client.cookies.set(COOKIE, former)
        answer = browser.come("u1", [LEARNER])
        found = re.search(rf"{COOKIE}=([^;]+)", answer.headers["set-cookie"])
        assert found
        assert found[1] != former
        assert signing_in.actor_of_session(site, found[1]).person_id == person(site, "u1").id
        with pytest.raises(Exception, match="not signed in"):
            signing_in.actor_of_session(site, former)

    def test_what_a_launch_says_is_noted_for_the_context(
        self, browser: Browser, site: Site, linked: int
    ) -> None:
        browser.come("u1", [INSTRUCTOR, ASSISTANT])
        with site.database.reading() as session:
            member = session.query(ContextMember).one()
        assert (member.launch_role, member.roster_role) == (Role.TA, None)


class TestFrames:
    """Platform storage where lti_storage_target arrives, else a new window."""

    @pytest.fixture
    def framed(self, browser: Browser, linked: int) -> Browser:
        return Browser(browser.client, browser.lms, dest="iframe")

    def test_without_storage_a_frame_is_asked_for_its_cookie_first(self, framed: Browser) -> None:
        first = framed.begin("u1")
        assert first.status_code == 303
        again = first.headers["location"]
        assert again.startswith("/lti/login?")
        headers = {"sec-fetch-dest": "iframe"}
        kept = framed.client.get(again, headers=headers, follow_redirects=False)
        assert kept.headers["location"].startswith("https://lms.example/auth?")
        # The cookie that it was tried with has gone.
        assert len([one for one in framed.client.cookies if "launch" in one]) == 1
        framed.client.cookies.clear()
        lost = framed.client.get(again, headers=headers, follow_redirects=False)
        assert lost.status_code == 200
        assert "Open Chainrule in a new window" in text_of(lost)
        assert 'target="_blank"' in lost.text
        assert "cookie_tried" not in lost.text
        policy = lost.headers["content-security-policy"]
        assert "frame-ancestors https://lms.example;" in policy

    def test_the_platform_keeps_the_secret_and_gives_it_back(
        self, framed: Browser, site: Site
    ) -> None:
        page = framed.begin("u1", lti_storage_target="_parent")
        assert page.status_code == 200
        data = dict(re.findall(r'data-(\w+)="([^"]*)"', page.text))
        assert data["origin"] == "https://lms.example"
        onward = data["onward"].replace("&amp;", "&")
        asked = dict(parse_qsl(urlsplit(onward).query))
        framed.client.cookies.clear()
        form = framed.lms.launch(asked, "u1", [LEARNER], name="Ada")
        recall = framed.post(form)
        assert recall.status_code == 200
        assert 'data-launch="recall"' in recall.text
        # Whoever knows the secret of a launch of theirs can't bring others into it from elsewhere.
        elsewhere = framed.post({**form, "browser": data["value"]})
        assert "from another site's page" in text_of(elsewhere)
        own = {"sec-fetch-site": "same-origin"}
        landed = framed.post({**form, "browser": data["value"]}, **own)
        assert "You are known as Ada" in text_of(landed)
        again = framed.post({**form, "browser": data["value"]}, **own)
        assert "was used already" in text_of(again)

    def test_in_a_frame_it_ends_in_a_button_that_opens_a_window_once(
        self, framed: Browser, site: Site, people: People
    ) -> None:
        framed.client.get("/lti/jwks")
        one = assignment(site, people.course_id)
        asked = dict(parse_qsl(urlsplit(self.onward(framed)).query))
        form = framed.lms.launch(
            asked, "u1", [LEARNER], name="Ada", custom={"chainrule_assignment": str(one)}
        )
        answer = framed.post(form)
        assert COOKIE not in answer.headers.get("set-cookie", "")
        assert "frame-ancestors https://lms.example;" in answer.headers["content-security-policy"]
        found = re.search(r'name="ticket" value="([^"]+)"', answer.text)
        assert found
        ticket = {"ticket": found[1]}
        window = Browser(framed.client, framed.lms)
        elsewhere = window.post(ticket, "/lti/open")
        assert elsewhere.status_code == 403
        opened = window.post(ticket, "/lti/open", **{"sec-fetch-site": "same-origin"})
        assert opened.headers["location"] == f"/assignments/{one}"
        assert COOKIE in opened.headers["set-cookie"]
        again = window.post(ticket, "/lti/open", **{"sec-fetch-site": "same-origin"})
        assert again.status_code == 403
        assert "was opened already" in text_of(again)

    def onward(self, framed: Browser) -> str:
        first = framed.begin("u1").headers["location"]
        headers = {"sec-fetch-dest": "iframe"}
        answer = framed.client.get(first, headers=headers, follow_redirects=False)
        address: str = answer.headers["location"]
        return address

    def test_further_addresses_of_its_pages_may_show_ours(
        self, framed: Browser, site: Site
    ) -> None:
        with site.database.writing() as session:
            session.query(Platform).one().pages = "https://school.example"
        page = framed.begin("u1", lti_storage_target="_parent")
        policy = page.headers["content-security-policy"]
        assert "frame-ancestors https://lms.example https://school.example;" in policy
        assert page.headers["cross-origin-opener-policy"] == "unsafe-none"
