"""Signing in and out."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from grader.errors import NotNow, NotSignedIn
from grader.services import signing_in
from grader.web.pages.rendering import page
from grader.web.pages.visitors import (
    COOKIE,
    CurrentVisitor,
    forget,
    keep,
    refuse_other_sites,
    visitor_of,
)
from grader.web.security import CurrentSite

router = APIRouter()

Text = Annotated[str, Form(max_length=1000)]


@router.get("/")
def home() -> Response:
    """Where everybody begins."""
    return RedirectResponse("/courses", 303)


@router.get("/sign-in")
def ask(request: Request, site: CurrentSite, then: str = "/courses") -> Response:
    """The form; who is signed in already goes on."""
    try:
        visitor_of(request, site)
    except NotSignedIn:
        return page(request, "sign_in.html", {"then": _ours(then), "email": "", "problem": None})
    return RedirectResponse(_ours(then), 303)


@router.post("/sign-in")
def sign_in(
    request: Request,
    site: CurrentSite,
    email: Text = "",
    password: Text = "",
    then: Text = "/courses",
) -> Response:
    """A new session, whatever cookie there was; with the form again where that may not be."""
    refuse_other_sites(request)
    address = request.client.host if request.client else ""
    try:
        signed_in = signing_in.sign_in(site, email, password, address)
    except (NotSignedIn, NotNow) as error:
        status = 429 if isinstance(error, NotNow) else 401
        problem = str(error)[:1].upper() + str(error)[1:] + "."
        context = {"then": _ours(then), "email": email, "problem": problem}
        return page(request, "sign_in.html", context, status=status)
    if former := request.cookies.get(COOKIE):
        signing_in.sign_out(site, former)
    response = RedirectResponse(_ours(then), 303)
    keep(response, signed_in.secret, secure=site.settings.url.startswith("https:"))
    return response


@router.post("/sign-out")
def sign_out(site: CurrentSite, visitor: CurrentVisitor) -> Response:
    """The session ends here and wherever else its cookie lies."""
    signing_in.sign_out(site, visitor.secret)
    response = RedirectResponse("/sign-in", 303)
    forget(response)
    return response


def _ours(then: str) -> str:
    """Where to go on, if that is on this site."""
    parts = urlsplit(then)
    local = then.startswith("/") and not then.startswith(("//", "/\\"))
    return then if local and not parts.scheme and not parts.netloc else "/courses"
