"""Links by which platforms register themselves: made, looked at and taken back by admins."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from grader.db import audit, platforms
from grader.db.models import Invitation
from grader.db.pages import Page
from grader.db.session import hold, moment
from grader.errors import Conflict, NotFound
from grader.services.access import Actor, permit_admin
from grader.services.platforms import hashed
from grader.services.site import Site

_LASTS = timedelta(days=7)


@dataclass(frozen=True)
class Invited:
    """An invitation, and its secret, which is kept nowhere."""

    invitation: Invitation
    secret: str


def invite(site: Site, actor: Actor) -> Invited:
    """A link's secret by which one platform may register itself, once, within a week."""
    permit_admin(actor)
    secret = secrets.token_urlsafe(32)
    with site.database.writing() as session:
        row = Invitation(
            hash=hashed(secret),
            author_id=actor.person_id,
            expires_at=moment(session) + _LASTS,
        )
        session.add(row)
        session.flush()
        session.refresh(row)
        audit.record(session, actor.person_id, "platform.invited", row)
    return Invited(row, secret)


def invitation_url(site: Site, invited: Invited) -> str:
    """The link that goes to the platform."""
    return f"{site.settings.url}/lti/register?invitation={invited.secret}"


def open_invitations(
    site: Site, actor: Actor, *, cursor: str | None = None, limit: int = 50
) -> Page[tuple[Invitation, str]]:
    """Invitations that may still be used, or by which an LMS is registering, the latest first, each
    with who made it; for admins."""
    permit_admin(actor)
    with site.database.reading() as session:
        return platforms.open_invitations(session, cursor=cursor, limit=limit)


def take_back(site: Site, actor: Actor, invitation_id: int) -> None:
    """Nobody can register by it any more, also who has just begun to; for admins.

    Raises Conflict where a platform has registered by it.
    """
    permit_admin(actor)
    with site.database.writing() as session:
        row = session.get(Invitation, invitation_id)
        if row is None:
            raise NotFound("there is no such registration link")
        hold(session, row)
        if row.platform_id is not None:
            raise Conflict(
                "an LMS has registered by this link meanwhile: disable or delete it instead"
            )
        if not is_taken_back(row):
            row.expires_at = row.created_at
            audit.record(session, actor.person_id, "platform.uninvited", row)


def is_taken_back(row: Invitation) -> bool:
    """Whether somebody has taken it back: it lasts no time then."""
    return row.expires_at <= row.created_at
