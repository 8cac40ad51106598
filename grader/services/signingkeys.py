"""The installation's own keys: made when one is first needed, published, rotated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from grader.db import audit, signingkeys
from grader.db.models import SigningKey
from grader.db.session import Database
from grader.lms.keys import OwnKey, new_key, published
from grader.services.access import Actor, permit_admin

if TYPE_CHECKING:
    from grader.services.site import Site

# Platforms may keep the published ones for five minutes (/lti/jwks), and not all of them read again
# for a key that they don't know.
_SETTLES = timedelta(minutes=10)
STAYS = timedelta(days=14)  # a retired key among those published: platforms keep what they read


def signing_key(database: Database) -> OwnKey:
    """The key that signs now; it is made where there is none yet."""
    with database.reading() as session:
        found = signingkeys.signing(session, _SETTLES)
    if found is None:
        fresh = new_key()  # it takes a while: not while others wait to write
        with database.writing() as session:
            found = signingkeys.signing(session, _SETTLES)
            if found is None:
                found = SigningKey(kid=fresh.kid, private_pem=fresh.private_pem)
                session.add(found)
    return _own(found)


def jwks(site: Site) -> dict[str, Any]:
    """The public halves of our keys, for any platform."""
    signing_key(site.database)
    with site.database.reading() as session:
        return published([_own(row) for row in signingkeys.published(session, STAYS)])


def list_keys(site: Site, actor: Actor) -> Sequence[SigningKey]:
    """The keys that are published, the newest first; for admins."""
    permit_admin(actor)
    with site.database.reading() as session:
        return signingkeys.published(session, STAYS)


def which_signs(site: Site, actor: Actor) -> str | None:
    """The id of the key that signs now, if there is one; for admins."""
    permit_admin(actor)
    with site.database.reading() as session:
        found = signingkeys.signing(session, _SETTLES)
        return None if found is None else found.kid


def rotate(site: Site, actor: Actor) -> SigningKey:
    """A new key is published, and signs soon; the former ones stay published for a while."""
    permit_admin(actor)
    fresh = new_key()
    with site.database.writing() as session:
        signingkeys.retire_all(session)
        row = SigningKey(kid=fresh.kid, private_pem=fresh.private_pem)
        session.add(row)
        session.flush()
        session.refresh(row)
        audit.record(session, actor.person_id, "signing-key.rotated", row, kid=row.kid)
    return row


def sweep_keys(site: Site) -> None:
    """Remove those that are published no more, with their private halves."""
    with site.database.writing() as session:
        signingkeys.forget(session, STAYS)


def _own(row: SigningKey) -> OwnKey:
    return OwnKey(row.kid, row.private_pem)
