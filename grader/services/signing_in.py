"""Signing in on the pages: sessions of browsers, and how often somebody may try.

The cookie's secret is kept as a hash alone, and each signing in makes another one.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from grader.broker.throttle import counted
from grader.db import browsersessions
from grader.db.models import BrowserSession, Person
from grader.db.session import Session, moment
from grader.errors import NotNow, NotSignedIn
from grader.services.access import Actor, Right
from grader.services.people import actor_of_password
from grader.services.site import Site

LASTS = timedelta(days=14)
IDLE = timedelta(days=2)  # without a word from the browser

_STALE = timedelta(minutes=1)
# How often somebody may try in _WINDOW: for one account from one address; for it from anywhere, so
# often that nobody locks its owner out by the way; and from one address, behind which a whole
# lecture hall may sit.
_FROM_THERE, _FOR_ACCOUNT, _FROM_ADDRESS = 10, 200, 600
_WINDOW = timedelta(minutes=5)


@dataclass(frozen=True)
class SignedIn:
    """A browser's session: `secret` goes into its cookie and is kept nowhere."""

    actor: Actor
    secret: str


def sign_in(site: Site, email: str, password: str, address: str) -> SignedIn:
    """A new session for who has this address and password, asked for from `address`.

    Raises NotSignedIn where they don't fit, NotNow after too many tries from there or for them.
    """
    return begin(site, known(site, email, password, address))


def known(site: Site, email: str, password: str, address: str) -> Actor:
    """Who has this address and password, without a session; raises what `sign_in` does."""
    account, there = email.strip().lower(), counted(address)
    for who, most in (
        (f"both:{there}:{account}", _FROM_THERE),
        (f"account:{account}", _FOR_ACCOUNT),
        (f"from:{there}", _FROM_ADDRESS),
    ):
        wait = site.throttle.wait("sign-in", who, most=most, window=_WINDOW)
        if wait is not None:
            raise NotNow("too many tries; wait a few minutes", datetime.now(UTC) + wait)
    return actor_of_password(site, email.strip(), password)


def begin(site: Site, actor: Actor) -> SignedIn:
    """A new session for somebody who has shown who they are."""
    with site.database.writing() as session:
        return begin_in(session, actor)


def begin_in(session: Session, actor: Actor) -> SignedIn:
    """The same, in the transaction that says who they are."""
    secret, until = secrets.token_urlsafe(32), moment(session) + LASTS
    kept = BrowserSession(hash=_hashed(secret), person_id=actor.person_id, expires_at=until)
    session.add(kept)
    return SignedIn(actor, secret)


def actor_of_session(site: Site, secret: str) -> Actor:
    """Who is signed in by this cookie; raises NotSignedIn."""
    with site.database.reading() as session:
        found = browsersessions.find(session, _hashed(secret), IDLE)
    if found is None:
        raise NotSignedIn("you are not signed in, or no longer")
    kept, person = found
    if datetime.now(UTC) - kept.seen_at > _STALE:
        site.uses.session(kept.id)
    return _actor(person)


def sign_out(site: Site, secret: str) -> None:
    """The session ends, wherever its cookie still lies."""
    with site.database.writing() as session:
        browsersessions.end(session, _hashed(secret))


def sweep_sessions(site: Site) -> None:
    """Remove sessions that hold no more."""
    with site.database.writing() as session:
        browsersessions.sweep(session, IDLE)


def _actor(person: Person) -> Actor:
    return Actor(person.id, person.name, person.is_admin, frozenset(Right))


def _hashed(secret: str) -> str:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()
