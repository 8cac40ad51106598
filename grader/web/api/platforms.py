"""Platforms of LMSs, for who runs the installation; and what of them is linked to a course."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field

from grader.db.models import Context, Platform
from grader.services import invitations, linking, lmsroster, platforms, signingkeys
from grader.services.lmsroster import Synced
from grader.services.platformaddresses import try_addresses
from grader.services.registrations import Registration
from grader.web.api.bodies import Body, Name, PageView, Plain, RowId, View
from grader.web.routers import for_programs
from grader.web.security import CurrentActor, CurrentSite, Cursor, Limit

router = for_programs("lms")

Id = Annotated[str, Field(min_length=1, max_length=255), Plain]
Address = Annotated[str, Field(min_length=1, max_length=2000), Plain]

_CONFIRMED = {"other_keys", "same_client"}


class PlatformBody(Body):
    """A platform by its own values; `pages` are further addresses at which people use it.

    `is_private` lets the service ask it at addresses within private networks. `other_keys` confirms
    that keys at another address than those of the issuer's other registration may sign for the same
    people.
    """

    name: Name
    issuer: Id
    client_id: Id
    login_url: Address
    token_url: Address
    jwks_url: Address
    token_audience: Address | None = None
    pages: Annotated[str, Field(max_length=1000), Plain] = ""
    product: Annotated[str, Field(max_length=80), Plain] = ""
    is_private: bool = False
    other_keys: bool = False


class NewPlatformBody(PlatformBody):
    """The same with a first deployment. `same_client` confirms that a platform of another issuer
    knows us by the same client id."""

    deployment_id: Id | None = None
    same_client: bool = False


class StateBody(Body):
    """Whether a platform is let in."""

    disabled: bool


class DeploymentBody(Body):
    """A place in a platform where the tool was added."""

    deployment_id: Id


class PlatformView(View):
    """A platform."""

    id: int
    name: str
    product: str
    issuer: str
    client_id: str
    login_url: str
    token_url: str
    token_audience: str | None
    jwks_url: str
    pages: str
    is_private: bool
    created_at: datetime
    disabled_at: datetime | None


class DeploymentView(View):
    """A deployment, and how many courses of it are linked."""

    id: int
    deployment_id: str
    contexts: int


class FullPlatformView(PlatformView):
    """A platform with its deployments."""

    deployments: list[DeploymentView]


class AddressesView(View):
    """What is found at a platform's addresses: how many keys that can be used, and by field what is
    wrong; nothing where nothing is."""

    keys: int
    problems: dict[str, str]


class InvitationView(View):
    """A link by which one platform registers itself, once; it is shown this once."""

    id: int
    url: str
    expires_at: datetime


class OpenInvitationView(View):
    """A link that may still be used, without its secret: who has made it, and when it ends.

    Where `used_at` is set, an LMS has begun to register by it then, and is not done.
    """

    id: int
    author_id: int
    author: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


class SigningKeyView(View):
    """A key of ours, by its name."""

    kid: str
    created_at: datetime
    retired_at: datetime | None


class ContextView(View):
    """A course of an LMS that is linked."""

    id: int
    platform: str
    context_id: str
    title: str
    linked_at: datetime
    synced_at: datetime | None
    sync_failure: str | None


class SyncedView(View):
    """What came of asking for the people: how many are listed, and the ids of those whose role is
    new or another, was taken away, or was kept though they are listed no more."""

    listed: int
    given: list[int]
    removed: list[int]
    kept: list[int]


@router.get("/platforms")
def list_platforms(
    site: CurrentSite, actor: CurrentActor, cursor: Cursor = None, limit: Limit = 50
) -> PageView[PlatformView]:
    """All platforms, the latest first; for admins."""
    found, _ = platforms.list_platforms(site, actor, cursor=cursor, limit=limit)
    items = [PlatformView.model_validate(one) for one in found.items]
    return PageView(items=items, next_cursor=found.next_cursor)


@router.post("/platforms", status_code=201)
def register_platform(
    site: CurrentSite, actor: CurrentActor, body: NewPlatformBody
) -> FullPlatformView:
    """Register a platform; for admins."""
    given = Registration(**body.model_dump(exclude={"deployment_id", *_CONFIRMED}))
    confirmed = body.model_dump(include=_CONFIRMED)
    made = platforms.register_platform(site, actor, given, body.deployment_id, **confirmed)
    return _full(site, actor, made.id)


@router.post("/platforms/invitations", status_code=201)
def invite_platform(site: CurrentSite, actor: CurrentActor) -> InvitationView:
    """A link by which a platform registers itself; for admins."""
    made = invitations.invite(site, actor)
    url = invitations.invitation_url(site, made)
    row = made.invitation
    return InvitationView(id=row.id, url=url, expires_at=row.expires_at)


@router.get("/platforms/invitations")
def list_invitations(
    site: CurrentSite, actor: CurrentActor, cursor: Cursor = None, limit: Limit = 50
) -> PageView[OpenInvitationView]:
    """Links to register that may still be used, or by which an LMS is registering, the latest
    first; for admins."""
    found = invitations.open_invitations(site, actor, cursor=cursor, limit=limit)
    items = [
        OpenInvitationView(
            id=row.id,
            author_id=row.author_id,
            author=author,
            created_at=row.created_at,
            expires_at=row.expires_at,
            used_at=row.used_at,
        )
        for row, author in found.items
    ]
    return PageView(items=items, next_cursor=found.next_cursor)


@router.delete("/platforms/invitations/{invitation_id}", status_code=204)
def take_invitation_back(
    site: CurrentSite, actor: CurrentActor, invitation_id: Annotated[RowId, Path()]
) -> None:
    """Nobody can register by that link any more; for admins."""
    invitations.take_back(site, actor, invitation_id)


@router.get("/platforms/{platform_id}")
def get_platform(
    site: CurrentSite, actor: CurrentActor, platform_id: Annotated[RowId, Path()]
) -> FullPlatformView:
    """A platform with its deployments; for admins."""
    return _full(site, actor, platform_id)


@router.get("/platforms/{platform_id}/addresses")
def try_platform(
    site: CurrentSite, actor: CurrentActor, platform_id: Annotated[RowId, Path()]
) -> AddressesView:
    """Read its keys and look up its hosts now; for admins."""
    return AddressesView.model_validate(try_addresses(site, actor, platform_id))


@router.put("/platforms/{platform_id}")
def change_platform(
    site: CurrentSite,
    actor: CurrentActor,
    platform_id: Annotated[RowId, Path()],
    body: PlatformBody,
) -> FullPlatformView:
    """Other values of it; issuer and client stay. For admins."""
    given = Registration(**body.model_dump(exclude={"other_keys"}))
    platforms.change_platform(site, actor, platform_id, given, other_keys=body.other_keys)
    return _full(site, actor, platform_id)


@router.patch("/platforms/{platform_id}")
def disable_platform(
    site: CurrentSite, actor: CurrentActor, platform_id: Annotated[RowId, Path()], body: StateBody
) -> FullPlatformView:
    """Refuse its launches, or let it in again; for admins."""
    platforms.disable_platform(site, actor, platform_id, disabled=body.disabled)
    return _full(site, actor, platform_id)


@router.delete("/platforms/{platform_id}", status_code=204)
def delete_platform(
    site: CurrentSite, actor: CurrentActor, platform_id: Annotated[RowId, Path()]
) -> None:
    """Delete a registration by which no course is connected and nobody is known; for admins."""
    platforms.delete_platform(site, actor, platform_id)


@router.post("/platforms/{platform_id}/deployments", status_code=201)
def add_deployment(
    site: CurrentSite,
    actor: CurrentActor,
    platform_id: Annotated[RowId, Path()],
    body: DeploymentBody,
) -> FullPlatformView:
    """A further place of it; for admins."""
    platforms.add_deployment(site, actor, platform_id, body.deployment_id)
    return _full(site, actor, platform_id)


@router.delete("/platforms/{platform_id}/deployments/{deployment_id}", status_code=204)
def remove_deployment(
    site: CurrentSite,
    actor: CurrentActor,
    platform_id: Annotated[RowId, Path()],
    deployment_id: Annotated[RowId, Path()],
) -> None:
    """A place of it no more; for admins."""
    platforms.remove_deployment(site, actor, platform_id, deployment_id)


@router.get("/signing-keys")
def list_keys(site: CurrentSite, actor: CurrentActor) -> list[SigningKeyView]:
    """Our keys that are published, the newest first; for admins."""
    return [SigningKeyView.model_validate(one) for one in signingkeys.list_keys(site, actor)]


@router.post("/signing-keys", status_code=201)
def rotate_keys(site: CurrentSite, actor: CurrentActor) -> SigningKeyView:
    """A new key, which signs in ten minutes; the former ones stay published for two weeks. For
    admins."""
    return SigningKeyView.model_validate(signingkeys.rotate(site, actor))


@router.get("/courses/{course_id}/contexts")
def list_contexts(
    site: CurrentSite, actor: CurrentActor, course_id: Annotated[RowId, Path()]
) -> list[ContextView]:
    """The courses of LMSs that are linked to a course; for instructors."""
    found = linking.list_linked(site, actor, course_id)
    return [_context(one.context, one.platform) for one in found]


@router.post("/contexts/{context_id}/sync")
def sync_context(
    site: CurrentSite, actor: CurrentActor, context_id: Annotated[RowId, Path()]
) -> SyncedView:
    """Bring the people of an LMS's course now; for instructors."""
    return _synced(lmsroster.sync(site, actor, context_id))


@router.delete("/contexts/{context_id}", status_code=204)
def unlink_context(
    site: CurrentSite, actor: CurrentActor, context_id: Annotated[RowId, Path()]
) -> None:
    """It is linked no more; people and their work stay. For instructors."""
    linking.unlink(site, actor, context_id)


def _full(site: CurrentSite, actor: CurrentActor, platform_id: int) -> FullPlatformView:
    row, found = platforms.get_platform(site, actor, platform_id)
    deployments = [
        DeploymentView(id=one.id, deployment_id=one.deployment_id, contexts=linked)
        for one, linked in found
    ]
    plain = PlatformView.model_validate(row).model_dump()
    return FullPlatformView(**plain, deployments=deployments)


def _context(context: Context, platform: Platform) -> ContextView:
    return ContextView(
        id=context.id,
        platform=platform.name,
        context_id=context.context_id,
        title=context.title,
        linked_at=context.linked_at,
        synced_at=context.synced_at,
        sync_failure=context.sync_failure,
    )


def _synced(found: Synced) -> SyncedView:
    return SyncedView(
        listed=found.listed,
        given=[one.id for one in found.roles.given],
        removed=[one.id for one in found.roles.removed],
        kept=[one.id for one in (*found.roles.kept, *found.roles.last, *found.stays)],
    )
