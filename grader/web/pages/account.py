"""Signing in and out, one's own password, and one's API tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from grader.errors import BadInput, NotNow, NotSignedIn
from grader.services import identities, people, signing_in
from grader.services.access import Right
from grader.services.people import IssuedToken
from grader.services.site import Site
from grader.web.pages import forms
from grader.web.pages.forms import Password, Plain, Sheet, Typed, go, what_is_done
from grader.web.pages.rendering import page
from grader.web.pages.visitors import (
    CurrentVisitor,
    Visitor,
    forget,
    keep,
    kept,
    refuse_other_sites,
    visitor_of,
)
from grader.web.routers import for_people
from grader.web.security import CurrentSite, RowInPath

router = for_people()

Text = Annotated[str, Form(max_length=1000)]

_DONE = {
    "password": "Your password is changed. You are signed out everywhere but here.",
    "joined": "The two are one person from now on, whichever way you come.",
    "revoked": "The token is revoked: it holds no more.",
    "all-revoked": "All tokens are revoked: none holds any more.",
}
_DONE_OUT = {
    "separated": "The two are separate: who comes from the LMS is somebody else here from now on. "
    "You are signed out everywhere, and tokens of the account hold no more. Open it again from "
    "your course's page in the LMS, or sign in with the account's password.",
}
_SCOPES = {
    Right.READ: "See courses, assignments and one's own work",
    Right.SUBMIT: "Hand in work, and choose what counts",
    Right.GRADE: "See everybody's work, grade, extend, release",
    Right.MANAGE: "Change assignments, versions and people",
    Right.ADMIN: "Run the installation",
}


class PasswordForm(forms.Form):
    """One's own password, and what it is to be."""

    old: Password = Field(title="Present password")
    new: Password = Field(title="New password")
    again: Password = Field(title="New password once more")


class TokenForm(forms.Form):
    """A token to be made."""

    name: Plain = Field(title="What it is for", max_length=200)
    scopes: list[Right] = Field(title="What it may do", min_length=1)
    expires_in_days: int = Field(title="Days that it lasts", ge=1, le=366)


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
        done = what_is_done(request, _DONE_OUT)
        context = {"then": _ours(then), "email": "", "problem": None, "done": done}
        return page(request, "sign_in.html", context)
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
        context = {"then": _ours(then), "email": email, "problem": problem, "done": ""}
        return page(request, "sign_in.html", context, status=status)
    if former := kept(request, site):
        signing_in.sign_out(site, former)
    response = RedirectResponse(_ours(then), 303)
    keep(response, site, signed_in.secret)
    return response


@router.post("/sign-out")
def sign_out(site: CurrentSite, visitor: CurrentVisitor) -> Response:
    """The session ends here and wherever else its cookie lies."""
    signing_in.sign_out(site, visitor.secret)
    response = RedirectResponse("/sign-in", 303)
    forget(response, site)
    return response


@router.get("/account")
def show_account(request: Request, site: CurrentSite, visitor: CurrentVisitor) -> Response:
    """One's own password, tokens, and who one is in LMSs."""
    return _account(request, site, visitor)


@router.post("/account/password")
def change_password(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, typed: Typed
) -> Response:
    """Another password: it ends all sessions, and this browser goes on with a new one."""
    sheet = Sheet(PasswordForm, typed)
    with sheet.refusing(password="new"):
        form = sheet.read()
        if form.new != form.again:
            raise BadInput("again: the two differ")
        try:
            people.change_password(site, visitor.actor, old=form.old, new=form.new)
        except NotSignedIn:
            raise BadInput("old: this is not your present password") from None
        response = go("/account", "password")
        keep(response, site, signing_in.begin(site, visitor.actor).secret)
        return response
    return _account(request, site, visitor, password=sheet)


@router.post("/account/tokens")
def make_token(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, typed: Typed
) -> Response:
    """A token; its secret is on the page that answers, and nowhere else afterwards."""
    sheet = Sheet(TokenForm, typed, prefix="token")
    with sheet.refusing():
        form = sheet.read()
        issued = people.issue_token(
            site,
            visitor.actor,
            form.name,
            frozenset(form.scopes),
            timedelta(days=form.expires_in_days),
        )
        return _account(request, site, visitor, issued=issued)
    return _account(request, site, visitor, token=sheet)


@router.post("/account/tokens/revoke")
def revoke_tokens(site: CurrentSite, visitor: CurrentVisitor) -> Response:
    """None holds any more."""
    people.revoke_tokens(site, visitor.actor)
    return go("/account", "all-revoked")


@router.post("/account/tokens/{token_id}/revoke")
def revoke_token(site: CurrentSite, visitor: CurrentVisitor, token_id: RowInPath) -> Response:
    """It holds no more."""
    people.revoke_token(site, visitor.actor, token_id)
    return go("/account", "revoked")


@router.post("/account/identities/{identity_id}/separate")
def separate(site: CurrentSite, visitor: CurrentVisitor, identity_id: RowInPath) -> Response:
    """Who comes from that LMS is somebody else from now on, and who this browser is is asked anew:
    it may have come as either of the two."""
    identities.separate(site, visitor.actor, identity_id)
    response = go("/sign-in", "separated")
    forget(response, site)
    return response


def _account(
    request: Request,
    site: Site,
    visitor: Visitor,
    *,
    password: Sheet[PasswordForm] | None = None,
    token: Sheet[TokenForm] | None = None,
    issued: IssuedToken | None = None,
) -> Response:
    password = password or Sheet(PasswordForm)
    first = {"scopes": [Right.READ], "expires_in_days": 90}
    token = token or Sheet(TokenForm, first, prefix="token")
    rights = people.rights_anywhere(site, visitor.actor)
    context = {
        "person": people.get_person(site, visitor.actor),
        "tokens": people.list_tokens(site, visitor.actor),
        "identities": identities.list_identities(site, visitor.actor),
        "why_not_alone": identities.why_not_alone(site, visitor.actor),
        "password": password,
        "token": token,
        "issued": issued,
        "scopes": {scope: words for scope, words in _SCOPES.items() if scope in rights},
        "done": what_is_done(request, _DONE),
    }
    return page(request, "account/account.html", context, status=max(password.status, token.status))


def _ours(then: str) -> str:
    """Where to go on, if that is on this site."""
    parts = urlsplit(then)
    local = then.startswith("/") and not then.startswith(("//", "/\\"))
    return then if local and not parts.scheme and not parts.netloc else "/courses"
