"""What a platform says when it launches us: an id_token, judged, and then read."""

from __future__ import annotations

import base64
import json
import math
import re
import time
from dataclasses import dataclass
from typing import Any, Literal

from grader.errors import BadInput, TooLarge
from grader.lms import claims
from grader.lms.claims import Claims, Malformed
from grader.lms.keys import ALGORITHM
from grader.lms.keysets import PlatformKeys
from grader.lms.platforms import PlatformFacts
from grader.lms.roles import CourseRole, course_role
from grader.safetext import storable

LONGEST_TOKEN = 128 << 10
ASSIGNMENT = "chainrule_assignment"  # the custom parameter of links that we have made
_LEEWAY_S = 60
_LONGEST_DATA = 32 << 10
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_UNSIGNED = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.")

Kind = Literal["LtiResourceLinkRequest", "LtiDeepLinkingRequest"]
_KINDS: tuple[Kind, ...] = ("LtiResourceLinkRequest", "LtiDeepLinkingRequest")


class Refused(BadInput):
    """An id_token that does not hold; the message says why."""

    status = 403


@dataclass(frozen=True)
class Picking:
    """What an instructor who picks in the LMS may bring back, and where to."""

    return_url: str
    several: bool
    line_items: bool
    data: str | None


@dataclass(frozen=True)
class Message:
    """A launch as the platform has said it; plain values, to be kept as they are."""

    kind: Kind
    deployment_id: str
    target: str
    subject: str
    name: str
    email: str | None
    role: CourseRole | None
    context_id: str | None
    context_title: str
    link_id: str | None
    link_title: str
    assignment: int | None
    memberships_url: str | None
    line_items_url: str | None
    line_item_url: str | None
    grade_scopes: tuple[str, ...]
    product: str
    picking: Picking | None


def verified(
    token: str, platform: PlatformFacts, keys: PlatformKeys, *, nonce: str, origin: str
) -> Message:
    """What the token says, where it is the platform's, for us, now, and answers what we asked.

    `origin` is our own. Raises Refused, Malformed, TooLarge, UnknownKey, NoKeys.
    """
    said = _signed_claims(token, platform, keys)
    _judge(said, platform, nonce)
    return _read(said, origin)


def _signed_claims(token: str, platform: PlatformFacts, keys: PlatformKeys) -> Claims:
    from joserfc import jwt
    from joserfc.errors import JoseError

    if len(token) > LONGEST_TOKEN:
        raise TooLarge(f"the id_token is longer than {LONGEST_TOKEN >> 10} KiB")
    if _UNSIGNED.fullmatch(token):
        raise Refused("the id_token is not signed")
    if not _SHAPE.fullmatch(token):
        raise Refused("the id_token is no JWT")
    header = _header(token)
    if header.get("alg") != ALGORITHM:
        # Before any key is looked at: what a header says decides nothing.
        raise Refused(f"the id_token is not signed by {ALGORITHM}")
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= claims.LONGEST_ID:
        raise Refused("the id_token does not name its key (kid)")
    key = keys.key(platform, kid)
    try:
        found = jwt.decode(token, key, algorithms=[ALGORITHM]).claims
    except (JoseError, ValueError, RecursionError) as error:
        raise Refused("the id_token's signature is not the platform's") from error
    if not isinstance(found, dict):
        raise Refused("the id_token holds no claims")
    return found


def _header(token: str) -> dict[str, Any]:
    part = token.partition(".")[0]
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused("the id_token is no JWT")
    return found


def _judge(said: Claims, platform: PlatformFacts, nonce: str) -> None:
    if said.get("iss") != platform.issuer:
        raise Refused("the id_token is from another issuer (iss) than the one that began")
    audience, party = said.get("aud"), said.get("azp")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or platform.client_id not in audiences:
        raise Refused("the id_token is for another tool (aud)")
    if party is not None and party != platform.client_id:
        raise Refused("the id_token was given to another tool (azp)")
    if len(audiences) > 1 and party is None:
        raise Refused("the id_token is for several tools and does not say which one it was given")
    now = time.time()
    if _seconds(said, "exp") <= now - _LEEWAY_S:
        raise Refused("the id_token has expired (exp): is a clock wrong?")
    if _seconds(said, "iat") > now + _LEEWAY_S:
        raise Refused("the id_token is from the future (iat): is a clock wrong?")
    if "nbf" in said and _seconds(said, "nbf") > now + _LEEWAY_S:
        raise Refused("the id_token does not hold yet (nbf): is a clock wrong?")
    if said.get("nonce") != nonce:
        raise Refused("the id_token answers another question (nonce)")
    if said.get(claims.VERSION) != "1.3.0":
        raise Refused("the launch is not one of LTI 1.3.0 (version)")


def _seconds(said: Claims, name: str) -> float:
    found = said.get(name)
    if isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found):
        return found
    raise Refused(f"the id_token has no time in {name}")


def _read(said: Claims, origin: str) -> Message:
    kind = next((one for one in _KINDS if one == said.get(claims.MESSAGE_TYPE)), None)
    if kind is None:
        raise Refused("the launch is of a kind that is not known here (message_type)")
    target = claims.address(said, claims.TARGET)
    if target is None:
        raise Refused("the launch does not say where to (target_link_uri)")
    if claims.origin_of(target) != origin:
        raise Refused("the launch is to somewhere else than here (target_link_uri)")
    context = claims.section(said, claims.CONTEXT)
    link = claims.section(said, claims.RESOURCE_LINK)
    if kind == "LtiResourceLinkRequest" and not link:
        raise Malformed("resource_link is missing")
    grades = claims.section(said, claims.GRADES)
    members = claims.section(said, claims.MEMBERSHIPS)
    return Message(
        kind=kind,
        deployment_id=claims.identifier(said, claims.DEPLOYMENT),
        target=target,
        subject=claims.identifier(said, "sub"),
        name=name_of(said),
        email=email_of(said),
        role=course_role(claims.texts(said, claims.ROLES)),
        context_id=claims.identifier(context, "id") if context else None,
        context_title=claims.words(context, "title") or claims.words(context, "label"),
        link_id=claims.identifier(link, "id") if link else None,
        link_title=claims.words(link, "title"),
        assignment=_assignment(claims.section(said, claims.CUSTOM)),
        memberships_url=claims.address(members, "context_memberships_url"),
        line_items_url=claims.address(grades, "lineitems"),
        line_item_url=claims.address(grades, "lineitem"),
        grade_scopes=tuple(filter(claims.is_address, claims.texts(grades, "scope", 20))),
        product=claims.words(claims.section(said, claims.TOOL_PLATFORM), "product_family_code", 80),
        picking=_picking(said) if kind == "LtiDeepLinkingRequest" else None,
    )


def name_of(said: Claims) -> str:
    """What somebody is called; empty where the platform does not tell."""
    whole = claims.words(said, "name")
    if whole:
        return whole
    parts = (claims.words(said, "given_name", 99), claims.words(said, "family_name", 99))
    return " ".join(part for part in parts if part)


def email_of(said: Claims) -> str | None:
    """The address that the platform tells of somebody: to be shown and nothing else."""
    found = said.get("email")
    if not isinstance(found, str) or not 3 <= len(found) <= claims.LONGEST_EMAIL:
        return None
    return found if found.isprintable() and "@" in found and " " not in found else None


def _assignment(custom: Claims) -> int | None:
    found = custom.get(ASSIGNMENT)
    if not isinstance(found, str) or not found.isascii() or len(found) > 18:
        return None
    return int(found) if found.isdecimal() else None


def _picking(said: Claims) -> Picking:
    settings = claims.section(said, claims.SETTINGS)
    return_url = claims.address(settings, "deep_link_return_url")
    if return_url is None:
        raise Malformed("deep_link_return_url is missing")
    if "ltiResourceLink" not in claims.texts(settings, "accept_types"):
        raise Refused("the LMS takes no links to a tool here (accept_types)")
    data = settings.get("data")
    if data is not None and not (isinstance(data, str) and _can_be_kept(data)):
        raise Malformed("data of deep_linking_settings is no text that can be kept, or too long")
    return Picking(
        return_url=return_url,
        several=settings.get("accept_multiple") is True,
        line_items=settings.get("accept_lineitem") is not False,
        data=data,
    )


def _can_be_kept(text: str) -> bool:
    return len(text) <= _LONGEST_DATA and "\0" not in text and storable(text) == text
