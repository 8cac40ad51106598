"""Whether the address by which people know this installation is one that LMSs can use."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from grader.config import Settings

# Names that mean something within a network alone.
_WITHIN = (".localhost", ".local", ".lan", ".internal", ".home.arpa", ".intranet")


def obstacles(settings: Settings) -> list[str]:
    """What is wrong with it, in sentences; none where nothing is."""
    found = []
    if settings.url == f"http://{settings.host}:{settings.port}":
        found.append(
            "CHAINRULE_URL is not set: instead of an address that others know, they begin with "
            f"{settings.url}, where the service listens."
        )
    if settings.url.startswith("http:"):
        found.append(
            "They have no TLS (http://): LMSs ask for https://, and without it browsers keep no "
            "cookies in an LMS's frames."
        )
    host = urlsplit(settings.url).hostname or ""
    if not _is_public(host):
        found.append(
            f"{host or 'An address without a host'} is no public name: an LMS elsewhere, and "
            "people outside of this network, can't find it."
        )
    return found


def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith(_WITHIN)
