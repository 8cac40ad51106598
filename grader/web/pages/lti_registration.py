"""What an LMS needs to know of us: keys, a configuration, and a page by which it registers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import JSONResponse, Response

from grader.errors import BadInput
from grader.lms.outside import Unreachable
from grader.lms.registration import canvas_tool
from grader.services import registering, signingkeys
from grader.services.platforms import frame_origins
from grader.web.pages.framing import ADMIN, Posted, first, framed, refused
from grader.web.pages.visitors import refuse_other_sites
from grader.web.routers import for_people
from grader.web.security import CurrentSite

router = for_people("/lti")

_Text = Annotated[str, Query(max_length=8000)]
_FAILED = "The LMS is not registered"
_FOR_ANYBODY = {
    "cache-control": "public, max-age=300",
    "cross-origin-resource-policy": "cross-origin",
}


@router.get("/jwks")
def keys(site: CurrentSite) -> Response:
    """Our public keys."""
    return JSONResponse(signingkeys.jwks(site), headers=_FOR_ANYBODY)


@router.get("/configuration")
def configuration(site: CurrentSite) -> Response:
    """What Canvas reads to make a developer key."""
    return JSONResponse(canvas_tool(site.settings.url), headers=_FOR_ANYBODY)


@router.get("/register")
def ask(
    request: Request,
    site: CurrentSite,
    invitation: _Text = "",
    openid_configuration: _Text = "",
    registration_token: _Text = "",
) -> Response:
    """A registration that an LMS has begun: what would be done, and a button."""
    try:
        found = registering.offered(site, invitation, openid_configuration)
    except BadInput as error:
        origins = registering.frame_origins(site, invitation, openid_configuration)
        return refused(request, _FAILED, str(error), error.status, origins, ADMIN)
    context: dict[str, Any] = {
        "host": found.host,
        "invitation": invitation,
        "openid_configuration": openid_configuration,
        "registration_token": registration_token,
    }
    return framed(request, "lti/register.html", context, [found.origin])


@router.post("/register")
def register(request: Request, site: CurrentSite, posted: Posted) -> Response:
    """Register; the page that answers tells the LMS that it may close it."""
    refuse_other_sites(request)
    secret, url = first(posted, "invitation") or "", first(posted, "openid_configuration") or ""
    token = first(posted, "registration_token") or None
    try:
        platform = registering.register_invited(site, secret, url, token)
    except (BadInput, Unreachable) as error:
        origins = registering.frame_origins(site, secret, url)
        status = error.status if isinstance(error, BadInput) else 502
        return refused(request, _FAILED, str(error), status, origins, ADMIN)
    return framed(request, "lti/registered.html", {"platform": platform}, frame_origins(platform))
