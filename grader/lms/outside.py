"""Requests to servers outside: bounded in time and size, and only to where we may go.

An address that somebody gave us may point into our own network. The name is looked up once, every
address of it is judged, and the connection goes to just those: a name that means something else a
moment later changes nothing. Redirects are not followed. How long the look-up takes is bounded by
this machine's resolver alone.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import math
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from grader.errors import BadInput, ChainruleError

_LARGEST = 4 << 20
_PATIENCE_S = 20.0  # for a whole answer
_STEP_S = 10.0  # for each part of it
_AGENT = "Chainrule"
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Not in all lists of Python's: NAT64 for local use, ways of writing an IPv4 address, site-local
# addresses, and those of protocols.
_WITHIN = [
    ipaddress.ip_network(one)
    for one in ("64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96", "fec0::/10", "192.0.0.0/24")
]
_NOBODY_S = [
    ipaddress.ip_network(one)
    for one in (
        *("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
        "240.0.0.0/4",
    )
]

# The addresses of a name and port, as texts.
Lookup = Callable[[str, int], list[str]]


class Unreachable(ChainruleError):
    """No answer, or none that can be read: trying again may help."""


class NotAllowed(BadInput):
    """An address that we do not go to; trying again does not help."""

    @property
    def with_who_may(self) -> str:
        """Why, and who may allow it where somebody may."""
        return str(self)


class NotUnderstood(Unreachable):
    """An answer with something else in it than what was asked for: somebody is there."""


class Private(NotAllowed):
    """An address within a private network, to which a setting of ours may lead."""

    @property
    def with_who_may(self) -> str:
        """As of NotAllowed."""
        return f"{self}. Who runs Chainrule may allow those (CHAINRULE_PRIVATE_ADDRESSES)"


@dataclass(frozen=True)
class Answer:
    """What came back; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON; raises Unreachable where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Unreachable(f"status {self.status}, and no JSON") from error


@dataclass(frozen=True)
class Outside:
    """A way out. `private` addresses are this machine's and those of networks around it: with it,
    plain http to them is allowed as well. `patience_s` is for a whole request and its answer, and
    `until`, on the monotonic clock, for all of them."""

    private: bool
    lookup: Lookup | None = None
    patience_s: float = _PATIENCE_S
    until: float = math.inf

    def within(self, seconds: float) -> Outside:
        """The same way for so long alone, however many requests there are."""
        return replace(self, until=time.monotonic() + seconds)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        largest: int = _LARGEST,
    ) -> Answer:
        """Send one request; raises NotAllowed, Unreachable."""
        import httpcore2

        from grader.lms.dialing import Dialer

        begun = time.monotonic()
        if begun >= self.until:
            raise Unreachable(f"{_host(url)} takes too long to answer all that is asked")
        host, addresses = self._judged(url)
        dialer = Dialer(addresses, min(begun + self.patience_s, self.until))
        # An answer that is packed could be far longer than what is read of it.
        sent: dict[bytes | str, bytes | str] = {}
        for name, value in (headers or {}).items():
            sent[name.lower()] = value
        sent |= {"host": urlsplit(url).netloc, "user-agent": _AGENT, "accept-encoding": "identity"}
        if content is not None:
            sent["content-length"] = str(len(content))
        waits = dict.fromkeys(("connect", "read", "write", "pool"), _STEP_S)
        try:
            with (
                httpcore2.ConnectionPool(ssl_context=_tls(), network_backend=dialer) as pool,
                pool.stream(
                    method,
                    url.partition("#")[0],
                    headers=sent,
                    content=content,
                    extensions={"timeout": waits},
                ) as answer,
            ):
                body = bytearray()
                for part in answer.iter_stream():
                    body += part
                    if len(body) > largest:
                        raise Unreachable(f"{host} answers with more than {largest >> 10} KiB")
                named: dict[str, str] = {}
                for raw_name, raw_value in answer.headers:
                    name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
                    # On several lines it is one header: of `Link` each may name another page.
                    named[name] = f"{named[name]}, {value}" if name in named else value
                return Answer(answer.status, named, bytes(body))
        except httpcore2.TimeoutException as error:
            raise Unreachable(f"{host} takes too long to answer") from error
        except httpcore2.NetworkError as error:
            # What happened is told by the error that it is made of.
            raise Unreachable(_broken(host, *error.args[:1])) from error
        except (
            httpcore2.ProtocolError,
            httpcore2.UnsupportedProtocol,
            UnicodeError,
        ) as error:
            # Not the error's own words: they repeat what was answered, which any server may be.
            raise Unreachable(f"{host} does not answer as a web server does") from error

    def check(self, url: str) -> None:
        """Raise NotAllowed where requests to this address would be refused, Unreachable where
        nobody knows the name."""
        self._judged(url)

    def _judged(self, url: str) -> tuple[str, list[str]]:
        """The host's name, and its addresses, all of which may be gone to."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise NotAllowed("this is no address") from error
        if parts.scheme not in ("https", "http") or not host or parts.username or parts.password:
            raise NotAllowed("an address begins with https:// and has a host, and no password")
        addresses = self._addresses(host, port or (443 if parts.scheme == "https" else 80))
        public = [_is_public(one) for one in addresses]
        if not all(public) and not self.private:
            if any(_is_nobody_s(one) for one in addresses):
                words = "is an address that is reserved, for documentation or for later"
                raise NotAllowed(f"{host} {words}: no server has it")
            raise Private(f"{host} is an address within a private network")
        if parts.scheme == "http" and (any(public) or not self.private):
            raise NotAllowed("only https:// is allowed")
        return host, addresses

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = (self.lookup or _look_up)(host, port)
        except (OSError, UnicodeError) as error:
            if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
                words = "can't be looked up now: this server's DNS does not answer"
                raise Unreachable(f"the name {host[:200]} {words}") from error
            raise Unreachable(_unknown(host)) from error
        if not found:
            raise Unreachable(_unknown(host))
        return found


def _unknown(host: str) -> str:
    return f"the name {host[:200]} is not known here; it is misspelt, or missing in DNS"


def _broken(host: str, cause: object = None) -> str:
    """Why there is no connection, in words."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate of {host} is not trusted here: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return f"{host} does not speak TLS as it should"
    number = cause.errno if isinstance(cause, OSError) else None
    if number == errno.ECONNREFUSED:
        return f"{host} refuses the connection: no server listens there"
    if number in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL):
        return f"no way leads from here to {host}"
    if number in (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED):
        return f"{host} has broken off the connection"
    return f"the connection to {host} failed"


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "the server"
    except ValueError:
        return "the server"


@cache
def _tls() -> ssl.SSLContext:
    import httpcore2

    return httpcore2.default_ssl_context()


def _is_public(address: str) -> bool:
    known = _meant(address)
    return known.is_global and not (known.is_multicast or any(known in one for one in _WITHIN))


def _is_nobody_s(address: str) -> bool:
    """Whether it is kept free, for examples or for times to come: no network has it."""
    known = _meant(address)
    return any(known in one for one in _NOBODY_S)


def _meant(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    known = ipaddress.ip_address(address)
    if isinstance(known, ipaddress.IPv6Address):
        # Addresses that stand for one of the old kind lead to wherever that one leads.
        within = known.ipv4_mapped or known.sixtofour
        if known in _NAT64:
            within = ipaddress.IPv4Address(int(known) & 0xFFFFFFFF)
        if within is not None:
            return within
    return known


def _look_up(host: str, port: int) -> list[str]:
    # An IPv6 address of this very link has its interface behind it.
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]).partition("%")[0] for entry in found]
