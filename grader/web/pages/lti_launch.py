"""Launches from an LMS: the way there and back, and into a window of our own.

Our pages are never shown in frames. A launch in one ends in a page that opens a window.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from grader.errors import BadInput, NotNow
from grader.lms.keysets import NoKeys
from grader.safetext import one_line
from grader.services import deeplinks, launching, signing_in
from grader.services.launching import LOGIN_LASTS, Begun, Landed
from grader.services.platforms import origins_of_issuer
from grader.services.site import Site
from grader.web.pages.framing import Posted, first, framed, is_alone, refused
from grader.web.pages.visitors import cookie_name, is_secure, keep, kept, refuse_other_sites
from grader.web.routers import for_people
from grader.web.security import CurrentSite

router = for_people("/lti")

_ASKED = ("iss", "login_hint", "target_link_uri", "client_id", "lti_message_hint")
_TRIED = "cookie_tried"
_STORAGE = "lti_storage_target"
_LONGEST_QUERY = 16_000
_PREFIX = "chainrule_launch_"
_NOT_OPENED = "This could not be opened"


@router.get("/login")
@router.post("/login")
def begin(request: Request, site: CurrentSite, posted: Posted) -> Response:
    """A launch begins: with the state in a cookie, or kept by the platform, to the platform."""
    try:
        return _begun(request, site, posted)
    except NotNow:
        raise  # with when to come again
    except BadInput as error:
        issuers = [*request.query_params.getlist("iss"), *posted.get("iss", ())]
        origins = origins_of_issuer(site, issuers[0]) if issuers else ()
        return refused(request, _NOT_OPENED, str(error), error.status, origins)


def _begun(request: Request, site: Site, posted: Mapping[str, list[str]]) -> Response:
    if len(request.url.query) > _LONGEST_QUERY:
        raise BadInput("the address of this launch is too long")
    query = {name: request.query_params.getlist(name) for name in request.query_params}
    fields = {**query, **posted}
    given = {name: first(fields, name) or "" for name in _ASKED}
    storage = first(fields, _STORAGE) or None
    address = request.client.host if request.client else ""
    begun = launching.begin(site, given, storage, address)
    if storage is not None:
        context = {
            "begun": begun,
            "storage": storage,
            "key": _name(site, begun.state),
            "otherwise": _once_more(given),
        }
        answer = framed(request, "lti/keep.html", context, begun.origins)
    elif is_alone(request) or not request.headers.get("sec-fetch-dest"):
        answer = RedirectResponse(begun.address, 303)
    elif (tried := first(fields, _TRIED)) is None:
        # In a frame: does it keep a cookie? It comes back once, and shows.
        again = urlencode({**given, _TRIED: _name(site, begun.state)})
        answer = RedirectResponse(f"/lti/login?{again}", 303)
    elif tried in request.cookies and tried.startswith(cookie_name(site, _PREFIX)):
        answer = RedirectResponse(begun.address, 303)
        # It has done its work; many of them would be more than a proxy takes.
        _set(answer, site, tried, "", 0)
    else:
        context = {"address": _once_more(given)}
        answer = framed(request, "lti/elsewhere.html", context, begun.origins)
    _bind(answer, site, begun)
    answer.headers["cross-origin-opener-policy"] = "unsafe-none"
    return answer


@router.post("/launch")
def land(request: Request, site: CurrentSite, posted: Posted) -> Response:
    """A launch comes back: who it brings goes on to where it leads, or is told why not."""
    state = first(posted, "state") or ""
    name = _name(site, state)
    cookie = request.cookies.get(name)
    if problem := first(posted, "error"):
        # Anybody can send somebody here with words of theirs: the LMS's are those for a launch
        # that has begun in this browser.
        words = "open it again from your course's page"
        if launching.ended(site, state, cookie):
            words = one_line(first(posted, "error_description") or problem)
        answer = _refused(request, site, state, f"the LMS has ended this launch: {words}", 403)
        _set(answer, site, name, "", 0)
        return answer
    token, browser = first(posted, "id_token") or "", cookie or first(posted, "browser")
    if browser is None:
        waiting = launching.waiting(site, state)
        if waiting is not None:
            context = {"waiting": waiting, "key": name, "state": state, "token": token}
            return framed(request, "lti/recall.html", context, waiting.origins)
    try:
        if first(posted, "browser") is not None:
            # Our own page alone says it in a cookie's place; another site would bring somebody
            # into an account that is not theirs.
            refuse_other_sites(request)
        answer = _landed(request, site, launching.land(site, state, token, browser))
    except (BadInput, NoKeys) as error:
        return _refused(request, site, state, str(error), error.status)
    _set(answer, site, name, "", 0)
    return answer


@router.post("/open")
def open_window(request: Request, site: CurrentSite, posted: Posted) -> Response:
    """The window that a launch in a frame opens: its ticket is a session, once."""
    refuse_other_sites(request)
    try:
        signed_in, path = launching.open_ticket(site, first(posted, "ticket") or "")
    except BadInput as error:
        return refused(request, _NOT_OPENED, str(error), error.status, ())
    return _enter(request, site, signed_in.secret, path)


def _landed(request: Request, site: Site, landed: Landed) -> Response:
    if landed.picking is not None and landed.context_row is not None:
        context: dict[str, Any] = {
            "offer": deeplinks.offer(site, landed.ticket),
            "ticket": landed.ticket,
            "problem": "",
            "chosen": [],
        }
        return framed(request, "lti/pick.html", context, landed.origins)
    if landed.picking is None and is_alone(request):
        signed_in, path = launching.open_ticket(site, landed.ticket)
        return _enter(request, site, signed_in.secret, path)
    context = {
        "landed": landed,
        "is_to_link": landed.path.startswith("/lti/link/"),
        "is_picking": landed.picking is not None,
    }
    return framed(request, "lti/open.html", context, landed.origins)


def _enter(request: Request, site: Site, secret: str, path: str) -> Response:
    """On to the page, with a new session in the place of the one that the browser may have.

    That one ends where its cookie has come along, as it does from a page of ours. From an LMS's
    page browsers don't send it with a form: that session is in no cookie any more, and lapses.
    """
    if former := kept(request, site):
        signing_in.sign_out(site, former)
    answer = RedirectResponse(path, 303)
    keep(answer, site, secret)
    return answer


def _refused(request: Request, site: Site, state: str, words: str, status: int) -> Response:
    return refused(request, _NOT_OPENED, words, status, launching.origins_of_state(site, state))


def _once_more(given: Mapping[str, str]) -> str:
    return f"/lti/login?{urlencode({name: value for name, value in given.items() if value})}"


def _name(site: Site, state: str) -> str:
    """The cookie of a launch: several may be on their way in one browser."""
    return cookie_name(site, _PREFIX + hashlib.sha256(state.encode()).hexdigest()[:16])


def _bind(answer: Response, site: Site, begun: Begun) -> None:
    _set(answer, site, _name(site, begun.state), begun.browser, int(LOGIN_LASTS.total_seconds()))


def _set(answer: Response, site: Site, name: str, value: str, lasts: int) -> None:
    """A cookie that comes back when the platform's page sends the browser to us, from a frame too.

    Without TLS no browser keeps such a one, but one that says nothing on other sites comes back for
    two minutes. It is for every path, which is the price of its being from this very host: a
    neighbour's page could else have a launch of its own answered in this browser. It is written out
    here, since the framework's cookies can't be partitioned.
    """
    secure = "; Secure; SameSite=None; Partitioned" if is_secure(site) else ""
    cookie = f"{name}={value}; Max-Age={lasts}; Path=/; HttpOnly{secure}"
    answer.headers.append("set-cookie", cookie)
