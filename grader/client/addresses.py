"""The address of a service as people type it."""

from __future__ import annotations

from urllib.parse import urlsplit

from grader.errors import BadInput
from grader.safetext import one_line

_API = "/api/v1"
_OWN = ("localhost", "127.0.0.1", "::1")


def address(text: str) -> str:
    """The address in one spelling: without a scheme it is https, and the API's path is ours."""
    typed = text.strip() if "://" in text else f"https://{text.strip()}"
    try:
        parts = urlsplit(typed)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _no_address(text) from None
    if parts.scheme not in ("http", "https") or not host or not typed.isprintable():
        raise _no_address(text)
    if "@" in parts.netloc or parts.query or parts.fragment or " " in typed:
        raise _no_address(text)
    host = f"[{host}]" if ":" in host else host
    path = parts.path.rstrip("/").removesuffix(_API).rstrip("/")
    return f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{path}"


def can_be_overheard(server: str) -> bool:
    """Whether what is sent there crosses a network as it is."""
    parts = urlsplit(server)
    return parts.scheme == "http" and parts.hostname not in _OWN


def _no_address(text: str) -> BadInput:
    return BadInput(
        f"{one_line(text, 200)!r} is no address of a service, as https://chainrule.example.org is"
    )
