"""An LMS that is not ours: the platform of the package lti1p3platform, without a network.

It logs in, launches, signs tokens and lists people by that package's code. What a test wants to be
wrong it changes in the claims, or signs by another key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jwt as pyjwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from httpx2 import Response
from lti1p3platform.ltiplatform import LTI1P3PlatformConfAbstract
from lti1p3platform.membership import Context
from lti1p3platform.message_launch import LTIAdvantageMessageLaunchAbstract
from lti1p3platform.oidc_login import OIDCLoginAbstract
from lti1p3platform.registration import Registration
from lti1p3platform.request import Request, TRequest
from lti1p3platform.service_connector import NamesRoleProvisioningService
from starlette.testclient import TestClient

from grader.lms.keysets import PlatformKeys
from grader.lms.outside import Answer, Outside, Unreachable
from grader.lms.tokens import ServiceTokens
from grader.services.access import Actor
from grader.services.platforms import register_platform
from grader.services.registrations import Registration as OurRegistration
from grader.services.signingkeys import signing_key
from grader.services.site import Site

LIS = "http://purl.imsglobal.org/vocab/lis/v2/membership"
LEARNER, INSTRUCTOR = f"{LIS}#Learner", f"{LIS}#Instructor"
ASSISTANT = f"{LIS}/Instructor#TeachingAssistant"
LTI = "https://purl.imsglobal.org/spec/lti/claim/"
DEPLOYMENT = "deployment-1"
COURSE = {"context_id": "course-7", "context_title": "Deep Learning (LMS)"}


class Registered(Registration):
    """The package's registration, which reads its key once instead of for each signature."""

    def get_kid(self) -> str | None:
        """As the package has it."""
        return _kid(self.get_platform_public_key() or "")

    def get_platform_private_key(self) -> Any:
        """As the package has it."""
        return _private(self._platform_private_key or "")


@cache
def _kid(public: str) -> str:
    found: str = Registration.get_jwk(public)["kid"]
    return found


@cache
def _private(private: str) -> Any:
    return serialization.load_pem_private_key(private.encode(), None)


@cache
def key_pair(number: int = 1) -> tuple[str, str]:
    """A private and a public key as PEM; another pair for each number."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = made.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


class Conf(LTI1P3PlatformConfAbstract):
    """The package's platform, with the one registration that it is given."""

    def init_platform_config(self, **kwargs: Any) -> None:
        """As the package has it."""
        self._registration = kwargs["registration"]

    def get_registration_by_params(self, **kwargs: Any) -> Registration:
        """As the package has it."""
        return self._registration


class Login(OIDCLoginAbstract):
    """The package's beginning of a launch, as the address that it leads to."""

    def set_lti_message_hint(self, **kwargs: Any) -> None:
        """As the package has it."""
        self._lti_message_hint = kwargs["hint"]

    def get_redirect(self, url: str) -> str:
        """As the package has it."""
        return url


class Asked(Request):
    """A request as the package reads one."""

    def build_metadata(self, request: Any) -> TRequest:
        """As the package has it."""
        return {
            "method": "GET",
            "form_data": {},
            "get_data": {},
            "headers": {},
            "content_type": None,
            "path": "",
            "json": None,
            **request,
        }


class MessageLaunch(LTIAdvantageMessageLaunchAbstract):
    """The package's launch, as the form's fields."""

    def render_launch_form(self, launch_data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """As the package has it."""
        return launch_data


class Roster(NamesRoleProvisioningService):
    """The package's list of members, of which there is one page."""

    people: list[dict[str, Any]]

    def get_member_data_page(self, *args: Any, **kwargs: Any) -> Any:
        """As the package has it."""
        return {"content": [dict(one) for one in self.people], "has_next": False}

    def get_context_by_id(self) -> Context:
        """As the package has it."""
        return Context("course-7", "DL", "Deep Learning")


@dataclass
class Lms:
    """One LMS; its addresses lead to it by the way out that `out` gives."""

    base: str = "https://lms.example"
    client_id: str = "client-1"
    tool: str = "http://127.0.0.1:8000"
    members: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    answers: dict[str, Callable[[], Answer]] = field(default_factory=dict)
    tool_keys: Callable[[], Any] | None = None

    def __post_init__(self) -> None:
        private, public = key_pair()
        self.registration = (
            Registered()
            .set_iss(self.base)
            .set_client_id(self.client_id)
            .set_deployment_id(DEPLOYMENT)
            .set_launch_url(f"{self.tool}/lti/launch")
            .set_deeplink_launch_url(f"{self.tool}/lti/launch")
            .set_oidc_login_url(f"{self.tool}/lti/login")
            .set_platform_private_key(private)
            .set_platform_public_key(public)
        )
        self.conf = Conf(registration=self.registration)

    @property
    def members_url(self) -> str:
        """Where it lists its people."""
        return f"{self.base}/members?type=1"

    def begin(self, user: str, hint: str = "hint-1") -> str:
        """The address by which a browser is sent to begin a launch."""
        login = Login(None, self.conf)
        login.set_lti_message_hint(hint=hint)
        address: str = login.initiate_login(user)
        return address

    def launch(
        self,
        asked: Mapping[str, str],
        user: str,
        roles: list[str],
        *,
        name: str | None = None,
        email: str | None = None,
        link: str | None = "link-1",
        deep_linking: bool = False,
        custom: Mapping[str, str] | None = None,
        course: Mapping[str, str] | None = COURSE,
        services: bool = True,
    ) -> dict[str, str]:
        """The form by which the launch comes back, for what was asked."""
        made = MessageLaunch(Asked({"get_data": dict(asked)}), self.conf)
        made.set_user_data(user, roles, full_name=name, email_address=email)
        if link is not None and not deep_linking:
            made.set_resource_link_claim(link, title="A link")
        if course is not None:
            made.set_launch_context_claim(**course)
        if custom:
            made.set_custom_parameters_claim(dict(custom))
        if services:
            made.set_nrps(self.members_url)
            made.set_ags(f"{self.base}/items", f"{self.base}/items/4?type_id=1")
        if deep_linking:
            made.set_dl(f"{self.base}/picked", extra_data={})
        form = made.lti_launch()
        return {name: form[name] for name in ("state", "id_token")}

    def claims(self, form: Mapping[str, str]) -> dict[str, Any]:
        """What a launch says."""
        return pyjwt.decode(form["id_token"], options={"verify_signature": False})

    def signed(
        self,
        claims: Mapping[str, Any],
        *,
        key: Any = None,
        algorithm: str = "RS256",
        headers: Mapping[str, Any] | None = None,
    ) -> str:
        """Claims as a token; by the platform's own key unless another one is given."""
        return pyjwt.encode(
            dict(claims),
            self.registration.get_platform_private_key() if key is None else key,
            algorithm=algorithm,
            headers={"kid": self.registration.get_kid(), **(headers or {})},
        )

    def out(self) -> Outside:
        """The way to it, for a site."""
        return Way(self)

    def answer(self, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """What it answers to a request of ours."""
        self.asked.append((method, url, headers))
        path = urlsplit(url).path
        if path in self.answers:
            return self.answers[path]()
        if path == "/jwks":
            return _json(self.conf.get_jwks())
        if path == "/token":
            form = {name: values[0] for name, values in parse_qs(content.decode()).items()}
            if self.tool_keys is not None:
                self.registration.set_tool_key_set(self.tool_keys())
            return _json(self.conf.get_access_token(form))
        if path == "/members":
            asked = {"method": method, "headers": {"Authorization": headers["authorization"]}}
            roster = Roster(Asked(asked), self.conf, self.members_url)
            roster.people = self.members
            found = roster.handle_resp(roster.handle_get_members)
            return _json(found.result, found.code)
        return _json({}, 404)


@dataclass(frozen=True)
class Way(Outside):
    """Leads to one LMS and nowhere else."""

    private: bool = True
    lms: Lms | None = None

    def __init__(self, lms: Lms) -> None:
        object.__setattr__(self, "lms", lms)
        object.__setattr__(self, "private", True)

    def check(self, url: str) -> None:
        """Everywhere may be gone to."""

    def within(self, seconds: float) -> Way:
        """It takes no time."""
        return self

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        largest: int = 1 << 20,
    ) -> Answer:
        """As of Outside."""
        assert self.lms is not None
        assert url.startswith(self.lms.base)
        answer = self.lms.answer(method, url, headers or {}, content or b"")
        if len(answer.body) > largest:
            raise Unreachable(f"it answers with more than {largest >> 10} KiB")
        return answer


def _json(body: Any, status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps(body).encode())


def with_platform(site: Site, lms: Lms) -> Site:
    """The site, whose ways out lead to this LMS."""
    from dataclasses import replace

    from grader.services.signingkeys import jwks

    out = lms.out()
    made = replace(
        site,
        to_platforms=out,
        outside=out,
        platform_keys=PlatformKeys(lambda _: out),
        service_tokens=ServiceTokens(lambda _: out, lambda: signing_key(site.database)),
    )
    lms.tool_keys = lambda: jwks(made)
    return made


def registered(
    site: Site,
    admin: Actor,
    lms: Lms,
    deployment: str | None = DEPLOYMENT,
    *,
    is_private: bool = False,
) -> int:
    """The LMS, registered by hand; the platform's id."""
    given = OurRegistration(
        name="Moodle of the faculty",
        issuer=lms.base,
        client_id=lms.client_id,
        login_url=f"{lms.base}/auth",
        token_url=f"{lms.base}/token",
        jwks_url=f"{lms.base}/jwks",
        is_private=is_private,
    )
    return register_platform(site, admin, given, deployment).id


@dataclass
class Browser:
    """Somebody's browser, as far as launches need one: cookies, and what frame it is in."""

    client: TestClient
    lms: Lms
    dest: str = "document"

    def begin(self, user: str, **more: str) -> Response:
        """The first step: to us, by the LMS."""
        parts = urlsplit(self.lms.begin(user))
        query = dict(parse_qsl(parts.query)) | more
        headers = {"sec-fetch-dest": self.dest}
        return self.client.get(parts.path, params=query, headers=headers, follow_redirects=False)

    def asked(self, user: str) -> dict[str, str]:
        """What the LMS is asked by the browser that we have sent on."""
        answer = self.begin(user)
        assert answer.status_code == 303, answer.text
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    def post(self, form: Mapping[str, str], path: str = "/lti/launch", **more: str) -> Response:
        """A form that comes back to us."""
        headers = {"sec-fetch-dest": self.dest, "sec-fetch-site": "cross-site", **more}
        return self.client.post(path, data=dict(form), headers=headers, follow_redirects=False)

    def come(self, user: str, roles: list[str], **more: Any) -> Response:
        """A whole launch; the answer to its last step."""
        return self.post(self.lms.launch(self.asked(user), user, roles, **more))
