"""Who looks at a page: the session's cookie, and the proof that a form is one of ours.

A form of ours carries a token that only who has the session's cookie can make; the browser's own
word on where a request comes from is asked besides. Together they keep another site from acting in
somebody's name.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response

from grader.errors import Forbidden, NotSignedIn
from grader.services.access import Actor
from grader.services.signing_in import LASTS, actor_of_session
from grader.services.site import Site
from grader.web.files import FORM
from grader.web.incoming import incoming
from grader.web.security import CurrentSite

COOKIE = "chainrule_session"
_HOST = "__Host-"  # with it browsers take a cookie from this very host alone, over TLS
FIELD, HEADER = "csrf", "x-csrf-token"

_SAFE = frozenset({"GET", "HEAD"})
_OURS = frozenset({"same-origin", "none"})  # none: the person's own doing, as a bookmark is
_BYTES = 32


@dataclass(frozen=True)
class Visitor:
    """Somebody signed in on the pages; `secret` is their cookie's."""

    actor: Actor
    secret: str

    def form_token(self) -> str:
        """What a form of theirs carries; another one each time, so that compression tells nothing
        about it."""
        pad = secrets.token_bytes(_BYTES)
        masked = bytes(a ^ b for a, b in zip(pad, _proof(self.secret), strict=True))
        return base64.urlsafe_b64encode(pad + masked).decode()


def visitor_of(request: Request, site: Site) -> Visitor:
    """Who the request's cookie says it is; raises NotSignedIn."""
    secret = kept(request, site)
    if not secret:
        raise NotSignedIn("sign in first")
    visitor = Visitor(actor_of_session(site, secret), secret)
    request.state.actor_id = visitor.actor.person_id  # for the log
    request.state.visitor = visitor  # for the layout, that of an error's page as well
    return visitor


def refuse_other_sites(request: Request) -> None:
    """Raise Forbidden where another site has made the browser send this."""
    if request.method in _SAFE:
        return
    said = request.headers.get("sec-fetch-site")
    if said is not None:
        if said not in _OURS:
            raise Forbidden("this came from another site's page")
        return
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden("this came from another site's page")


async def _visitor(request: Request, site: CurrentSite) -> Visitor:
    from anyio.to_thread import run_sync

    # Who hands in was known before: see grader.web.pages.handing_in.
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    if visitor is None:
        visitor = await run_sync(visitor_of, request, site)
    refuse_other_sites(request)
    if request.method not in _SAFE:
        if request.headers.get("content-type", "").startswith(FORM):
            incoming(request).allow(visitor.actor.person_id)
        given = request.headers.get(HEADER) or (await request.form()).get(FIELD)
        if not isinstance(given, str) or not _fits(given, visitor.secret):
            raise Forbidden("this page is from another session; load it again, then try once more")
    return visitor


CurrentVisitor = Annotated[Visitor, Depends(_visitor)]


def is_secure(site: Site) -> bool:
    """Whether browsers reach this service by TLS."""
    return site.settings.url.startswith("https:")


def cookie_name(site: Site, name: str) -> str:
    """How a cookie of ours is called there; it is for every path, and says so."""
    return f"{_HOST}{name}" if is_secure(site) else name


def kept(request: Request, site: Site) -> str | None:
    """The secret of the session that the browser keeps."""
    return request.cookies.get(cookie_name(site, COOKIE))


def keep(response: Response, site: Site, secret: str) -> None:
    """Have the browser keep the session."""
    _set(response, site, secret, int(LASTS.total_seconds()))


def forget(response: Response, site: Site) -> None:
    """Have the browser forget it."""
    _set(response, site, "", 0)


def _set(response: Response, site: Site, secret: str, lasts: int) -> None:
    response.set_cookie(
        cookie_name(site, COOKIE),
        secret,
        max_age=lasts,
        httponly=True,
        secure=is_secure(site),
        samesite="lax",
        path="/",
    )


def _proof(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"chainrule form", hashlib.sha256)


def _fits(given: str, secret: str) -> bool:
    try:
        raw = base64.urlsafe_b64decode(given.encode())
    except ValueError:
        return False
    if len(raw) != 2 * _BYTES:
        return False
    bare = bytes(a ^ b for a, b in zip(raw[:_BYTES], raw[_BYTES:], strict=True))
    return hmac.compare_digest(bare, _proof(secret))
