"""Dynamic registration: what a platform says of itself, and what we tell it of us."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from grader.errors import BadInput
from grader.lms import claims
from grader.lms.memberships import SCOPE as MEMBERS
from grader.lms.outside import Outside, Unreachable
from grader.lms.platforms import PlatformFacts

TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
_PLATFORM = "https://purl.imsglobal.org/spec/lti-platform-configuration"
_AGS = "https://purl.imsglobal.org/spec/lti-ags/scope/"
SCOPES = (
    f"{_AGS}lineitem",
    f"{_AGS}result.readonly",
    f"{_AGS}score",
    MEMBERS,
)
NAME = "Chainrule"
DESCRIPTION = "Grades PyTorch assignments."
_LARGEST = 256 << 10


class NotRegistered(BadInput):
    """The registration did not come about; the message says why."""


@dataclass(frozen=True)
class OpenIdConfiguration:
    """A platform as it describes itself."""

    issuer: str
    login_url: str
    token_url: str
    token_audience: str | None
    jwks_url: str
    registration_url: str
    product: str


@dataclass(frozen=True)
class Registered:
    """What came of it; the deployment where the platform has made one at once."""

    facts: PlatformFacts
    product: str
    deployment_id: str | None


def configuration(outside: Outside, url: str, token: str | None) -> OpenIdConfiguration:
    """What the platform says of itself at that address; raises NotRegistered, Unreachable.

    Some tell it only to who has the registration's token.
    """
    if not claims.is_address(url):
        raise NotRegistered("openid_configuration is no address on the web")
    answer = outside.send("GET", url, headers=_headers(token), largest=_LARGEST)
    if not answer.ok:
        raise NotRegistered(f"the platform does not describe itself (status {answer.status})")
    said = answer.json()
    if not isinstance(said, dict):
        raise NotRegistered("the platform does not describe itself in JSON")
    issuer = claims.identifier(said, "issuer")
    if claims.origin_of(issuer) != claims.origin_of(url):
        # Another port or scheme of the same host may be somebody else's.
        raise NotRegistered("the issuer is another site than the one that describes it")
    return OpenIdConfiguration(
        issuer=issuer,
        login_url=_needed(said, "authorization_endpoint"),
        token_url=_needed(said, "token_endpoint"),
        token_audience=_audience(said),
        jwks_url=_needed(said, "jwks_uri"),
        registration_url=_needed(said, "registration_endpoint"),
        product=claims.words(claims.section(said, _PLATFORM), "product_family_code", 80),
    )


def register(
    outside: Outside, found: OpenIdConfiguration, token: str | None, own_url: str
) -> Registered:
    """Tell the platform who we are; raises NotRegistered, Unreachable."""
    answer = outside.send(
        "POST",
        found.registration_url,
        headers=_headers(token) | {"content-type": "application/json"},
        content=json.dumps(tool(own_url)).encode(),
        largest=_LARGEST,
    )
    if not answer.ok:
        # Not what it says: any server may have been asked, for anybody who holds an invitation.
        raise NotRegistered(f"the platform refuses (status {answer.status})")
    try:
        said = answer.json()
    except Unreachable:
        said = None
    if not isinstance(said, dict):
        raise NotRegistered("the platform's answer is not in JSON")
    ours = claims.section(said, TOOL)
    return Registered(
        facts=PlatformFacts(
            issuer=found.issuer,
            client_id=claims.identifier(said, "client_id"),
            login_url=found.login_url,
            token_url=found.token_url,
            jwks_url=found.jwks_url,
            token_audience=found.token_audience,
        ),
        product=found.product,
        deployment_id=claims.identifier(ours, "deployment_id") if "deployment_id" in ours else None,
    )


def tool(own_url: str) -> dict[str, Any]:
    """Who we are, as platforms register tools."""
    return {
        "application_type": "web",
        "response_types": ["id_token"],
        "grant_types": ["implicit", "client_credentials"],
        "initiate_login_uri": f"{own_url}/lti/login",
        "redirect_uris": [f"{own_url}/lti/launch"],
        "client_name": NAME,
        "jwks_uri": f"{own_url}/lti/jwks",
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": " ".join(SCOPES),
        TOOL: {
            "domain": urlsplit(own_url).netloc,
            "description": DESCRIPTION,
            "target_link_uri": f"{own_url}/lti/launch",
            "claims": ["iss", "sub", "name", "given_name", "family_name", "email"],
            "messages": [
                {"type": "LtiResourceLinkRequest", "target_link_uri": f"{own_url}/lti/launch"},
                {
                    "type": "LtiDeepLinkingRequest",
                    "target_link_uri": f"{own_url}/lti/launch",
                    "label": NAME,
                },
            ],
        },
    }


def canvas_tool(own_url: str) -> dict[str, Any]:
    """The same as Canvas reads it from an address, for a developer key."""
    placement = {"target_link_uri": f"{own_url}/lti/launch", "enabled": True}
    return {
        "title": NAME,
        "description": DESCRIPTION,
        "target_link_uri": f"{own_url}/lti/launch",
        "oidc_initiation_url": f"{own_url}/lti/login",
        "public_jwk_url": f"{own_url}/lti/jwks",
        "scopes": list(SCOPES),
        "custom_fields": {},
        "extensions": [
            {
                "platform": "canvas.instructure.com",
                "privacy_level": "public",
                "settings": {
                    "placements": [
                        {
                            **placement,
                            "placement": "assignment_selection",
                            "message_type": "LtiDeepLinkingRequest",
                        },
                        {
                            **placement,
                            "placement": "link_selection",
                            "message_type": "LtiDeepLinkingRequest",
                        },
                        {
                            **placement,
                            "placement": "course_navigation",
                            "message_type": "LtiResourceLinkRequest",
                            "windowTarget": "_blank",
                        },
                    ]
                },
            }
        ],
    }


def _headers(token: str | None) -> dict[str, str]:
    headers = {"accept": "application/json"}
    if token:
        if not token.isascii() or not token.isprintable() or " " in token:
            raise NotRegistered("registration_token is none that could be sent")
        headers["authorization"] = f"Bearer {token}"
    return headers


def _needed(said: Mapping[str, Any], name: str) -> str:
    found = claims.address(said, name)
    if found is None:
        raise NotRegistered(f"the platform does not tell its {name}")
    return found


def _audience(said: Mapping[str, Any]) -> str | None:
    found = said.get("authorization_server")
    return found if isinstance(found, str) and 0 < len(found) <= claims.LONGEST_ADDRESS else None
