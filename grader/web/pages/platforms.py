"""The platforms that may launch us, for who runs the installation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import AfterValidator, Field

from grader.errors import BadInput
from grader.services import invitations, platforms, registrations, signingkeys
from grader.services.access import permit_admin
from grader.services.invitations import Invited
from grader.services.ownaddress import obstacles
from grader.services.platformaddresses import try_addresses
from grader.services.registrations import Registration
from grader.services.site import Site
from grader.web.pages.forms import Form, Plain, Sheet, Typed, go, sentence, what_is_done
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, Cursor, RowInPath

router = for_people("/platforms")

_DONE = {
    "registered": "The platform is registered.",
    "saved": "Saved.",
    "rotated": "A new key is published. It signs in ten minutes; the former ones stay two weeks.",
    "added": "The deployment is registered: its launches come in.",
    "removed": "The deployment is registered no more.",
    "enabled": "The platform is let in again.",
    "deleted": "The registration is deleted.",
    "uninvited": "The registration link is taken back: nobody can register by it.",
}


def _judged(judge: Callable[[str], str]) -> AfterValidator:
    """What the registration itself would refuse, so that all that is wrong is said at once."""

    def judged(text: str) -> str:
        try:
            judge(text)
        except BadInput as error:
            raise ValueError(str(error)) from None
        return text

    return AfterValidator(judged)


_Address = Annotated[Plain, _judged(registrations.address)]
_Id = Annotated[Plain, _judged(registrations.plain)]


class NamedForm(Form):
    """What a platform is called."""

    name: Plain = Field(title="Name", max_length=200)


class WhoForm(NamedForm):
    """Who a platform is, and who we are to it: what never changes of it."""

    issuer: _Id = Field(title="Issuer (platform ID)", max_length=255)
    client_id: _Id = Field(title="Client ID", max_length=255)


class PlatformForm(NamedForm):
    """A platform's values that may change."""

    login_url: _Address = Field(title="Authentication request URL", max_length=2000)
    token_url: _Address = Field(title="Access token URL", max_length=2000)
    jwks_url: _Address = Field(title="Public keyset URL", max_length=2000)
    token_audience: Annotated[Plain, _judged(registrations.audience)] | None = Field(
        None, title="Audience of tokens", max_length=2000
    )
    pages: Annotated[Plain, _judged(registrations.origins)] = Field(
        "", title="Addresses of its pages", max_length=1000
    )
    is_private: bool = Field(False, title="Its addresses may lie in private networks")
    other_keys: bool = Field(False, title="Both registrations are the same LMS")


class NewPlatformForm(PlatformForm, WhoForm):
    """A platform to be registered, with a first deployment."""

    deployment_id: Plain | None = Field(None, title="Deployment ID", max_length=255)
    same_client: bool = Field(False, title="Both LMSs may know Chainrule by this client ID")


class DeploymentForm(Form):
    """A further deployment."""

    deployment_id: Plain = Field(title="Deployment ID", max_length=255)


@router.get("")
def list_platforms(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    cursor: Cursor = None,
    links: Cursor = None,
) -> Response:
    """All platforms, open links to register, our own addresses to copy, and our keys; for admins.

    `links` is the cursor of the list of links.
    """
    return _list(request, site, visitor, cursor=cursor, links=links)


@router.post("/invitations")
def invite(request: Request, site: CurrentSite, visitor: CurrentVisitor) -> Response:
    """A link by which a platform registers itself; it is on the page that answers alone."""
    return _list(request, site, visitor, invited=invitations.invite(site, visitor.actor))


@router.post("/invitations/{invitation_id}/take-back")
def take_back(site: CurrentSite, visitor: CurrentVisitor, invitation_id: RowInPath) -> Response:
    """Nobody registers by that link any more."""
    invitations.take_back(site, visitor.actor, invitation_id)
    return go("/platforms", "uninvited")


@router.post("/keys")
def rotate(site: CurrentSite, visitor: CurrentVisitor) -> Response:
    """A new key signs."""
    signingkeys.rotate(site, visitor.actor)
    return go("/platforms", "rotated")


@router.get("/new")
def ask(request: Request, site: CurrentSite, visitor: CurrentVisitor) -> Response:
    """A form for a platform; for admins."""
    permit_admin(visitor.actor)
    return _new(request, site, Sheet(NewPlatformForm))


@router.post("/new")
def register(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, typed: Typed
) -> Response:
    """Register it."""
    sheet = Sheet(NewPlatformForm, typed)
    with sheet.refusing():
        fields = sheet.read().model_dump()
        deployment_id = fields.pop("deployment_id")
        confirmed = {name: fields.pop(name) for name in ("other_keys", "same_client")}
        given = Registration(**fields)
        made = platforms.register_platform(site, visitor.actor, given, deployment_id, **confirmed)
        return go(f"/platforms/{made.id}", "registered")
    return _new(request, site, sheet)


@router.get("/{platform_id}")
def show(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    platform_id: RowInPath,
    look: Annotated[bool, Query()] = False,
) -> Response:
    """A platform, its deployments, and its values to be changed; for admins.

    With `look`, and when they have just been given, its addresses are tried.
    """
    is_new = request.query_params.get("done") in ("registered", "saved")
    return _show(request, site, visitor, platform_id, look=look or is_new)


@router.post("/{platform_id}")
def change(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    platform_id: RowInPath,
    typed: Typed,
) -> Response:
    """Other values."""
    sheet = Sheet(PlatformForm, typed)
    with sheet.refusing():
        row, _ = platforms.get_platform(site, visitor.actor, platform_id)
        fields = sheet.read().model_dump()
        other_keys = fields.pop("other_keys")
        kept = {name: getattr(row, name) for name in ("issuer", "client_id", "product")}
        given = Registration(**fields, **kept)
        platforms.change_platform(site, visitor.actor, platform_id, given, other_keys=other_keys)
        return go(f"/platforms/{platform_id}", "saved")
    return _show(request, site, visitor, platform_id, sheet=sheet)


@router.post("/{platform_id}/disable")
def disable(site: CurrentSite, visitor: CurrentVisitor, platform_id: RowInPath) -> Response:
    """Its launches are refused."""
    platforms.disable_platform(site, visitor.actor, platform_id, disabled=True)
    return go(f"/platforms/{platform_id}")  # which says so itself


@router.post("/{platform_id}/enable")
def enable(site: CurrentSite, visitor: CurrentVisitor, platform_id: RowInPath) -> Response:
    """They are taken again."""
    platforms.disable_platform(site, visitor.actor, platform_id, disabled=False)
    return go(f"/platforms/{platform_id}", "enabled")


@router.post("/{platform_id}/delete")
def delete(site: CurrentSite, visitor: CurrentVisitor, platform_id: RowInPath) -> Response:
    """A wrong registration goes, on which nothing hangs."""
    platforms.delete_platform(site, visitor.actor, platform_id)
    return go("/platforms", "deleted")


@router.post("/{platform_id}/deployments")
def add_deployment(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    platform_id: RowInPath,
    typed: Typed,
) -> Response:
    """A further place of it."""
    sheet = Sheet(DeploymentForm, typed, prefix="deployment")
    with sheet.refusing():
        given = sheet.read().deployment_id
        platforms.add_deployment(site, visitor.actor, platform_id, given)
        return go(f"/platforms/{platform_id}", "added")
    return _show(request, site, visitor, platform_id, deployment=sheet)


@router.post("/{platform_id}/deployments/{deployment_id}/remove")
def remove_deployment(
    site: CurrentSite, visitor: CurrentVisitor, platform_id: RowInPath, deployment_id: RowInPath
) -> Response:
    """A place of it no more."""
    platforms.remove_deployment(site, visitor.actor, platform_id, deployment_id)
    return go(f"/platforms/{platform_id}", "removed")


def _own(site: Site) -> list[tuple[str, str, str]]:
    """Our own addresses, by the names that LMSs have for them: id, words, address."""
    base = site.settings.url
    return [
        ("own-launch", "Tool URL, redirect URI, target link URI", f"{base}/lti/launch"),
        ("own-login", "Initiate login URL, OIDC login URL", f"{base}/lti/login"),
        ("own-jwks", "Public keyset URL, JWKS URL", f"{base}/lti/jwks"),
        ("own-canvas", "Configuration for a developer key of Canvas", f"{base}/lti/configuration"),
    ]


def _list(
    request: Request,
    site: Site,
    visitor: Visitor,
    *,
    cursor: str | None = None,
    links: str | None = None,
    invited: Invited | None = None,
) -> Response:
    found, linked = platforms.list_platforms(site, visitor.actor, cursor=cursor)
    context: dict[str, Any] = {
        "found": found,
        "linked": linked,
        "own": _own(site),
        "obstacles": obstacles(site.settings),
        "keys": signingkeys.list_keys(site, visitor.actor),
        "signing": signingkeys.which_signs(site, visitor.actor),
        "invitations": invitations.open_invitations(site, visitor.actor, cursor=links),
        "link": None if invited is None else invitations.invitation_url(site, invited),
        "link_ends": None if invited is None else invited.invitation.expires_at,
        "done": what_is_done(request, _DONE),
    }
    return page(request, "platforms/list.html", context)


def _new(request: Request, site: Site, sheet: Sheet[NewPlatformForm]) -> Response:
    context = {"sheet": sheet, "own": _own(site), "obstacles": obstacles(site.settings)}
    return page(request, "platforms/new.html", context, status=sheet.status)


def _show(
    request: Request,
    site: Site,
    visitor: Visitor,
    platform_id: int,
    *,
    sheet: Sheet[PlatformForm] | None = None,
    deployment: Sheet[DeploymentForm] | None = None,
    look: bool = False,
) -> Response:
    row, deployments = platforms.get_platform(site, visitor.actor, platform_id)
    values = {name: getattr(row, name, None) for name in PlatformForm.model_fields}
    is_asked = look and row.disabled_at is None
    sheet = sheet or Sheet(PlatformForm, values)
    deployment = deployment or Sheet(DeploymentForm, prefix="deployment")
    context = {
        "platform": row,
        "deployments": deployments,
        "why_kept": platforms.use_of(site, visitor.actor, platform_id).why_kept,
        "sheet": sheet,
        "deployment": deployment,
        "found": try_addresses(site, visitor.actor, platform_id) if is_asked else None,
        "sentence": sentence,
        "done": what_is_done(request, _DONE),
    }
    status = max(sheet.status, deployment.status)
    return page(request, "platforms/platform.html", context, status=status)
