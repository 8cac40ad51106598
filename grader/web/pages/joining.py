"""Who comes from an LMS and has an account here as well becomes one person, by themselves."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response
from pydantic import Field

from grader.errors import BadInput, Conflict, NotSignedIn
from grader.services import linking, people
from grader.services.site import Site
from grader.web.pages.forms import Form, Password, Sheet, Typed, go
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor, Visitor, keep
from grader.web.routers import for_people
from grader.web.security import CurrentSite

router = for_people("/account/join")

_OVER = "you have not come from your course's page for a while: open it there again, then join here"


class AccountForm(Form):
    """An account here."""

    email: str = Field(title="Address", max_length=254)
    password: Password = Field(title="Password")


@router.get("")
def ask(request: Request, site: CurrentSite, visitor: CurrentVisitor) -> Response:
    """The form, for who comes from an LMS."""
    return _ask(request, site, visitor, Sheet(AccountForm))


@router.post("")
def join(request: Request, site: CurrentSite, visitor: CurrentVisitor, typed: Typed) -> Response:
    """From now on the visitor is who has this account, and goes on as that."""
    sheet = Sheet(AccountForm, typed)
    with sheet.refusing():
        form = sheet.read()
        launch_id = linking.to_join(site, visitor.actor)
        if launch_id is None:
            raise Conflict(_OVER)
        address = request.client.host if request.client else ""
        try:
            joined = linking.join_account(
                site, visitor.actor, launch_id, form.email, form.password, address
            )
        except NotSignedIn as error:
            raise BadInput(f"password: {error}") from None
        answer = go("/account", "joined")
        keep(answer, site, joined.secret)
        return answer
    return _ask(request, site, visitor, sheet)


def _ask(request: Request, site: Site, visitor: Visitor, sheet: Sheet[AccountForm]) -> Response:
    sheet.values["password"] = ""
    context = {
        "person": people.get_person(site, visitor.actor),
        "may_join": linking.to_join(site, visitor.actor) is not None,
        "sheet": sheet,
    }
    return page(request, "account/join.html", context, status=sheet.status)
