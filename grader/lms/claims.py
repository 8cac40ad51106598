"""Values that came from outside, read within bounds; what does not fit is refused by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from grader.errors import BadInput
from grader.safetext import one_line, storable

_LTI = "https://purl.imsglobal.org/spec/lti/claim/"
VERSION = f"{_LTI}version"
MESSAGE_TYPE = f"{_LTI}message_type"
DEPLOYMENT = f"{_LTI}deployment_id"
TARGET = f"{_LTI}target_link_uri"
ROLES = f"{_LTI}roles"
CONTEXT = f"{_LTI}context"
RESOURCE_LINK = f"{_LTI}resource_link"
CUSTOM = f"{_LTI}custom"
TOOL_PLATFORM = f"{_LTI}tool_platform"
MEMBERSHIPS = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
GRADES = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
SETTINGS = "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings"
CONTENT_ITEMS = "https://purl.imsglobal.org/spec/lti-dl/claim/content_items"
DATA = "https://purl.imsglobal.org/spec/lti-dl/claim/data"

LONGEST_ID = 255
LONGEST_ADDRESS = 2000
LONGEST_NAME = 200
LONGEST_EMAIL = 254

Claims = Mapping[str, Any]


class Malformed(BadInput):
    """What a platform said is not as its protocol has it."""


def identifier(claims: Claims, name: str) -> str:
    """A text that names something: as it is, since it is compared."""
    found = claims.get(name)
    if not isinstance(found, str) or not found:
        raise Malformed(f"{_short(name)} is missing")
    if len(found) > LONGEST_ID:
        raise Malformed(f"{_short(name)} is longer than {LONGEST_ID} characters")
    if not found.isprintable() or storable(found) != found:
        raise Malformed(f"{_short(name)} holds characters that cannot be kept")
    return found


def words(claims: Claims, name: str, limit: int = LONGEST_NAME) -> str:
    """A text for people, on one line and cut to the limit; empty where there is none."""
    found = claims.get(name)
    # What does not print is spelled out, which makes it longer: cut once more.
    return one_line(storable(found), limit)[:limit] if isinstance(found, str) else ""


def section(claims: Claims, name: str) -> Claims:
    """An object of further claims; empty where there is none."""
    found = claims.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Malformed(f"{_short(name)} is no object")
    return found


def texts(claims: Claims, name: str, most: int = 100) -> list[str]:
    """A list of texts; empty where there is none."""
    found = claims.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Malformed(f"{_short(name)} is no list of texts")
    if len(found) > most or any(len(one) > LONGEST_ADDRESS for one in found):
        raise Malformed(f"{_short(name)} is too long")
    return found


def address(claims: Claims, name: str) -> str | None:
    """An address on the web; None where there is none."""
    found = claims.get(name)
    if found is None or found == "":
        return None
    if not isinstance(found, str) or not is_address(found):
        raise Malformed(f"{_short(name)} is no address on the web")
    return found


def is_address(text: str) -> bool:
    """Whether a text is an address on the web that can be kept and sent as it is."""
    if len(text) > LONGEST_ADDRESS or not text.isascii() or not text.isprintable() or " " in text:
        return False
    return origin_of(text) is not None


def origin_of(url: str) -> str | None:
    """Scheme, host and port of an address, as browsers write them; None where it has none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("https", "http") or not host or parts.username is not None:
        return None
    if not all(c.isascii() and (c.isalnum() or c in ".-:") for c in host):
        return None
    shown = f"[{host}]" if ":" in host else host
    usual = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{shown}" + ("" if port in (None, usual) else f":{port}")


def shown(url: str) -> str:
    """An address for logs and for people: on one line, bounded, and without its query, which may
    hold a secret."""
    if not is_address(url):
        return "what is no address"
    return one_line(f"{origin_of(url)}{urlsplit(url).path}", 200)


def _short(name: str) -> str:
    return name.rsplit("/", 1)[-1]
