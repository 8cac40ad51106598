"""A first password: where the links lead that instructors make for people who have none.

What a link holds stands behind its #, which browsers send to nobody: it is in no log and in no
address of a request. A script, or the person, puts it into a form.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import Response
from pydantic import AfterValidator, Field

from grader.db.models import Person
from grader.errors import BadInput
from grader.services import passwordlinks, signing_in
from grader.web.pages import forms
from grader.web.pages.forms import Password, Sheet, go
from grader.web.pages.rendering import page
from grader.web.pages.visitors import keep, kept, refuse_other_sites
from grader.web.routers import for_people
from grader.web.security import CurrentSite

router = for_people("/welcome")

_Text = Annotated[str, Form(max_length=1000)]


def _behind(link: str) -> str:
    return link.rpartition("#")[2].strip()


class CodeForm(forms.Form):
    """What stands behind the # of a link; it is read out of a whole link, too."""

    code: Annotated[str, AfterValidator(_behind)] = Field(
        title="Your link, or what stands behind its #", max_length=500
    )


class PasswordForm(forms.Form):
    """The password that is chosen."""

    new: Password = Field(title="Password")
    again: Password = Field(title="Password once more")


@router.get("")
def arrive(request: Request) -> Response:
    """Where a link leads."""
    return _code(request, Sheet(CodeForm))


@router.post("")
def look(request: Request, site: CurrentSite, code: _Text = "") -> Response:
    """Whom the link is for, and a form for their password."""
    refuse_other_sites(request)
    sheet = Sheet(CodeForm, {"code": code})
    with sheet.refusing():
        secret = sheet.read().code
        found = passwordlinks.whose(site, secret)
        return _ask(request, found, secret, Sheet(PasswordForm))
    return _code(request, sheet)


@router.post("/password")
def choose(
    request: Request, site: CurrentSite, code: _Text = "", new: _Text = "", again: _Text = ""
) -> Response:
    """It is their password from now on, and this browser is signed in; the link holds no more."""
    refuse_other_sites(request)
    held = Sheet(CodeForm, {"code": code})
    with held.refusing():
        secret = held.read().code
        found = passwordlinks.whose(site, secret)
        sheet = Sheet(PasswordForm, {"new": new, "again": again})
        with sheet.refusing(password="new"):
            form = sheet.read()
            if form.new != form.again:
                raise BadInput("again: the two differ")
            signed_in = passwordlinks.choose_password(site, secret, form.new)
            if former := kept(request, site):
                signing_in.sign_out(site, former)
            response = go("/courses")
            keep(response, site, signed_in.secret)
            return response
        return _ask(request, found, secret, sheet)
    return _code(request, held)


def _code(request: Request, sheet: Sheet[CodeForm]) -> Response:
    context = {"sheet": sheet, "person": None}
    return page(request, "welcome.html", context, status=sheet.status)


def _ask(request: Request, person: Person, code: str, sheet: Sheet[PasswordForm]) -> Response:
    context = {"sheet": sheet, "person": person, "code": code}
    return page(request, "welcome.html", context, status=sheet.status)
