"""Persons, passwords and tokens."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from grader.db import audit, browsersessions, passwordlinks, people
from grader.db.models import Person, Role, Token
from grader.db.session import Session, hold
from grader.errors import BadInput, Conflict, NotFound, NotNow, NotSignedIn
from grader.safetext import one_line
from grader.services.access import RIGHTS, Actor, Right, permit_admin
from grader.services.site import Site

_ADDRESS = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")
_PREFIX = "crt_"  # so that a token that lies around somewhere is known for what it is
_LONGEST = timedelta(days=366)
_LEAST_PASSWORD = 10
_EXPIRED_FOR = timedelta(days=30)  # so long their owner sees what it was that works no more

_hasher = PasswordHasher()
# A hash takes 64 MiB while it is made, and anybody may ask for one: signing in needs no token.
_hashing = threading.BoundedSemaphore(2)
_PATIENCE = timedelta(seconds=5)
# How often somebody may say a password of theirs wrongly.
_TRIES, _WINDOW = 10, timedelta(minutes=5)
_STALE = timedelta(minutes=1)


@dataclass(frozen=True)
class IssuedToken:
    """A token as its owner sees it, once: `secret` is kept nowhere."""

    token: Token
    secret: str


def actor_of_token(site: Site, secret: str) -> Actor:
    """Whoever holds the token; raises NotSignedIn."""
    with site.database.reading() as session:
        found = people.by_token(session, _hashed(secret))
    if found is None:
        raise NotSignedIn("the token is unknown, expired or revoked")
    token, person = found
    used = token.last_used_at
    if used is None or datetime.now(UTC) - used > _STALE:
        site.uses.token(token.id)
    return _actor(person, frozenset(map(Right, token.scopes.split())))


def actor_of_password(site: Site, email: str, password: str) -> Actor:
    """Whoever has this address and password; raises NotSignedIn, without saying which is wrong."""
    with site.database.reading() as session:
        person = people.by_email(session, email)
    nobody = _nobody_s_hash()
    known = person.password_hash if person is not None and person.password_hash else nobody
    try:
        with _turn():
            _hasher.verify(known, password)
    except (Argon2Error, InvalidHashError):
        person = None
    if person is None or known is nobody:
        raise NotSignedIn("the address or the password is not right")
    return _actor(person, frozenset(Right))


def rights_anywhere(site: Site, actor: Actor) -> frozenset[Right]:
    """What somebody may do in any of their courses, and so what a token of theirs can be good for;
    what students may in any case, who may be in a course tomorrow."""
    if actor.is_admin:
        return frozenset(Right)
    with site.database.reading() as session:
        roles = people.roles_of(session, actor.person_id)
    return RIGHTS[Role.STUDENT].union(*(RIGHTS[role] for role in roles))


def issue_token(
    site: Site, actor: Actor, name: str, scopes: frozenset[Right], lasts: timedelta
) -> IssuedToken:
    """A token of the actor's own with at most the rights that they act with."""
    if not timedelta(0) < lasts <= _LONGEST:
        raise BadInput(f"expires_in_days: from 1 to {_LONGEST.days}")
    if beyond := sorted(scopes - actor.scopes):
        raise BadInput(f"scopes: this token has no {', '.join(beyond)} to hand on")
    secret = _PREFIX + secrets.token_urlsafe(32)
    with site.database.writing() as session:
        token = Token(
            person_id=actor.person_id,
            name=name,
            hash=_hashed(secret),
            scopes=" ".join(sorted(scopes)),
            expires_at=datetime.now(UTC) + lasts,
        )
        session.add(token)
        session.flush()
        session.refresh(token)
        audit.record(session, actor.person_id, "token.issued", token, scopes=token.scopes)
    return IssuedToken(token, secret)


def list_tokens(site: Site, actor: Actor) -> Sequence[Token]:
    """The actor's own tokens."""
    with site.database.reading() as session:
        return people.tokens_of(session, actor.person_id)


def revoke_token(site: Site, actor: Actor, token_id: int) -> None:
    """One of the actor's tokens holds no more; raises NotFound for any other's."""
    with site.database.writing() as session:
        token = session.get(Token, token_id)
        if token is None or token.person_id != actor.person_id:
            raise NotFound("you have no such token")
        if token.revoked_at is None:
            token.revoked_at = datetime.now(UTC)
            audit.record(session, actor.person_id, "token.revoked", token)


def revoke_tokens(site: Site, actor: Actor) -> None:
    """All of the actor's tokens hold no more, whichever they act with."""
    with site.database.writing() as session:
        person = session.get_one(Person, actor.person_id)
        if revoked := people.revoke_tokens_of(session, person.id):
            audit.record(session, person.id, "tokens.revoked", person, tokens=revoked)


def sweep_tokens(site: Site) -> None:
    """Remove tokens that expired long ago."""
    with site.database.writing() as session:
        people.sweep_tokens(session, _EXPIRED_FOR)


def create_person(
    site: Site,
    actor: Actor,
    *,
    email: str,
    name: str,
    password: str | None = None,
    is_admin: bool = False,
) -> Person:
    """A person who can be enrolled; without a password they sign in by way of an LMS."""
    permit_admin(actor)
    kept = password_hash(password)  # it takes a while: not while others wait to write
    with site.database.writing() as session:
        if people.by_email(session, email) is not None:
            raise Conflict(f"email: {email} is somebody's already")
        person = Person(email=email, name=name, password_hash=kept, is_admin=is_admin)
        session.add(person)
        session.flush()
        session.refresh(person)
        audit.record(session, actor.person_id, "person.created", person, is_admin=is_admin)
    return person


def change_person(
    site: Site,
    actor: Actor,
    person_id: int,
    *,
    name: str | None = None,
    password: str | None = None,
    is_admin: bool | None = None,
) -> Person:
    """Change what is given; for admins.

    A new password ends sessions and tokens: somebody else may have had them, as the old one. Who
    becomes an admin signs in anew: a session may have begun by an LMS, which no admin's may. Raises
    Conflict where their password was chosen by a link of an instructor's, and no other is given.
    """
    permit_admin(actor)
    kept = password_hash(password)
    with site.database.writing() as session:
        person = session.get(Person, person_id)
        if person is None:
            raise NotFound("there is no such person")
        hold(session, person)
        person.name = person.name if name is None else name
        if is_admin and not person.is_admin:
            if kept is None and passwordlinks.opened_by(session, [person.id]):
                raise Conflict(
                    "password: theirs was chosen by a link that an instructor made; set another "
                    "as you make them an administrator, so that it is surely theirs alone"
                )
            browsersessions.end_all_of(session, person.id)
        person.is_admin = person.is_admin if is_admin is None else is_admin
        given = {"name": name, "is_admin": is_admin}
        noted: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        if kept is not None:
            person.password_hash = kept
            passwordlinks.forget(session, person.id)
            browsersessions.end_all_of(session, person.id)
            noted |= {"password": "new", "tokens": people.revoke_tokens_of(session, person.id)}
        audit.record(session, actor.person_id, "person.changed", person, **noted)
    return person


def change_password(site: Site, actor: Actor, *, old: str, new: str) -> None:
    """One's own password; raises NotSignedIn where the old one is not right, NotNow after too many
    tries.

    It signs one out of the pages, everywhere. Tokens stay: programs go on, and `revoke_tokens` ends
    them.
    """
    who = f"person:{actor.person_id}"
    if wait := site.throttle.wait("password", who, most=_TRIES, window=_WINDOW):
        raise NotNow("too many tries; wait a few minutes", datetime.now(UTC) + wait)
    kept = password_hash(new)
    email = get_person(site, actor).email
    if email is None:
        raise Conflict("you sign in by way of your course's pages, and have no password here")
    actor_of_password(site, email, old)
    with site.database.writing() as session:
        person = session.get_one(Person, actor.person_id)
        person.password_hash = kept
        browsersessions.end_all_of(session, person.id)
        audit.record(session, actor.person_id, "person.changed", person, password="new")


def make_admin(site: Site, *, email: str, name: str, lasts: timedelta) -> IssuedToken:
    """A token for an admin of that address, who is made, or made one, for it.

    No actor: whoever calls this has the database anyway. A password that was chosen by a link of an
    instructor's is theirs no more, with all that was got by it: nobody here has vouched for it.
    """
    if not _ADDRESS.fullmatch(email):
        raise BadInput(f"{one_line(email, 80)} is no address, as ines@example.org is")
    with site.database.writing() as session:
        person = people.by_email(session, email)
        if person is None:
            person = Person(email=email.lower(), name=name)
            session.add(person)
        elif not person.is_admin:
            _forget_what_a_link_opened(session, person)
        person.is_admin = True
        session.flush()
        audit.record(session, None, "person.made-admin", person)
        actor = _actor(person, frozenset(Right))
    return issue_token(site, actor, "made on the command line", frozenset(Right), lasts)


def get_person(site: Site, actor: Actor) -> Person:
    """The actor as a person."""
    with site.database.reading() as session:
        return session.get_one(Person, actor.person_id)


def password_hash(password: str | None) -> str | None:
    """What is kept of a password; raises BadInput for one that is too short."""
    if password is None:
        return None
    if len(password) < _LEAST_PASSWORD:
        raise BadInput(f"password: at least {_LEAST_PASSWORD} characters")
    with _turn():
        return _hasher.hash(password)


def _forget_what_a_link_opened(session: Session, person: Person) -> None:
    hold(session, person)
    if passwordlinks.opened_by(session, [person.id]):
        person.password_hash = None
        browsersessions.end_all_of(session, person.id)
        people.revoke_tokens_of(session, person.id)
    passwordlinks.forget(session, person.id)


@contextmanager
def _turn() -> Iterator[None]:
    if not _hashing.acquire(timeout=_PATIENCE.total_seconds()):
        raise NotNow("many sign in at this moment; try again soon", datetime.now(UTC) + _PATIENCE)
    try:
        yield
    finally:
        _hashing.release()


def _actor(person: Person, scopes: frozenset[Right]) -> Actor:
    return Actor(person.id, person.name, person.is_admin, scopes)


@cache
def _nobody_s_hash() -> str:
    """Verified where there is no such person, so that the time taken does not tell."""
    return _hasher.hash(secrets.token_hex(16))


def _hashed(secret: str) -> str:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()
