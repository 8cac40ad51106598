"""A course of an LMS and a course here become one, by the instructor who has come from there."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from grader.errors import BadInput, NotSignedIn
from grader.services import linking
from grader.services.courses import zones
from grader.services.linking import ToLink
from grader.services.site import Site
from grader.web.pages.forms import Form, Password, Plain, Sheet, Slug, Typed, go
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor, Visitor, keep
from grader.web.routers import for_people
from grader.web.security import CurrentSite, RowInPath

router = for_people("/lti/link/{launch_id}")


class ExistingForm(Form):
    """A course that is here."""

    course_id: int = Field(title="Course", ge=1, lt=1 << 63)


class NewForm(Form):
    """A course to be made."""

    title: Plain = Field(title="Title", max_length=200)
    slug: Slug = Field(title="Short name")
    timezone: str = Field(title="Time zone", max_length=64)


class AccountForm(Form):
    """An account here."""

    email: str = Field(title="Address", max_length=254)
    password: Password = Field(title="Password")


@router.get("")
def ask(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, launch_id: RowInPath
) -> Response:
    """What may be done with the course that the visitor has come from."""
    return _ask(request, site, visitor, launch_id)


@router.post("/existing")
def link_existing(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, launch_id: RowInPath, typed: Typed
) -> Response:
    """Connect it to a course that the visitor manages."""
    sheet = Sheet(ExistingForm, typed, prefix="existing")
    with sheet.refusing():
        form = sheet.read()
        linking.link_to_course(site, visitor.actor, launch_id, form.course_id)
        return go(f"/courses/{form.course_id}/lms", "linked")
    return _ask(request, site, visitor, launch_id, existing=sheet)


@router.post("/new")
def link_new(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, launch_id: RowInPath, typed: Typed
) -> Response:
    """Connect it to a new course."""
    sheet = Sheet(NewForm, typed, prefix="new")
    with sheet.refusing():
        form = sheet.read()
        course_id = linking.link_to_new_course(site, visitor.actor, launch_id, **form.model_dump())
        return go(f"/courses/{course_id}/lms", "linked")
    return _ask(request, site, visitor, launch_id, new=sheet)


@router.post("/join")
def join(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, launch_id: RowInPath, typed: Typed
) -> Response:
    """From now on the visitor is who has this account, and goes on as that."""
    sheet = Sheet(AccountForm, typed, prefix="account")
    with sheet.refusing():
        form = sheet.read()
        address = request.client.host if request.client else ""
        try:
            joined = linking.join_account(
                site, visitor.actor, launch_id, form.email, form.password, address
            )
        except NotSignedIn as error:
            raise BadInput(f"password: {error}") from None
        answer = RedirectResponse(f"/lti/link/{launch_id}", 303)
        keep(answer, site, joined.secret)
        return answer
    return _ask(request, site, visitor, launch_id, account=sheet)


def _ask(
    request: Request,
    site: Site,
    visitor: Visitor,
    launch_id: int,
    *,
    existing: Sheet[ExistingForm] | None = None,
    new: Sheet[NewForm] | None = None,
    account: Sheet[AccountForm] | None = None,
) -> Response:
    found = linking.to_link(site, visitor.actor, launch_id)
    if found.course_id is not None:
        return go(f"/courses/{found.course_id}/lms")
    new = new or Sheet(NewForm, _first(found), prefix="new")
    sheets = (existing or Sheet(ExistingForm, prefix="existing"), new)
    account = account or Sheet(AccountForm, prefix="account")
    context: dict[str, Any] = {
        "found": found,
        "existing": sheets[0],
        "sheet": new,
        "account": account,
        "zones": [one for one in zones() if "/" in one or one == "UTC"],
    }
    status = max(sheets[0].status, new.status, account.status)
    return page(request, "lti/link.html", context, status=status)


def _first(found: ToLink) -> dict[str, str]:
    return {"title": found.title, "slug": found.suggested_slug, "timezone": "UTC"}
