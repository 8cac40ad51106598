"""A first password for who has none: links for one use, which a course's instructors hand out.

A link is made for those alone who are the course's to let in: with an address that was added by
hand, no password, no token, no LMS that they come from, no say in another course or the
installation. All of that is asked once more when it is used, and whether its author still manages
the course. Who has a password keeps it, whatever an instructor does. Each course makes its own: the
first one that is used ends them all.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from grader.db import audit, passwordlinks, people
from grader.db.models import PasswordLink, Person
from grader.db.passwordlinks import Missing
from grader.db.session import Session, hold, moment
from grader.errors import Conflict, NotFound
from grader.services import signing_in
from grader.services.access import RIGHTS, Actor, Right, permit
from grader.services.people import password_hash
from grader.services.signing_in import SignedIn
from grader.services.site import Site
from grader.services.tables import csv_text

LASTS = timedelta(days=14)  # so that one made before a term's first week outlasts it

_OVER = (
    "this link holds no more: it was used, has run out, or a newer one was made. Ask your "
    "instructor for another"
)


class WayIn(StrEnum):
    """How somebody signs in."""

    PASSWORD = "password"
    # By a password that was chosen with a link of another course: on the word of its instructors.
    PASSWORD_ELSEWHERE = "password_elsewhere"
    LMS = "lms"
    LMS_OR_ELSEWHERE = "lms_or_elsewhere"  # both of these
    LINK = "link"  # not yet, but a link for them is open
    NONE = "none"
    OTHERS = "others"  # not yet, and it is an administrator's to let them in


@dataclass(frozen=True)
class IssuedLink:
    """A link as whoever made it sees it, once: its secret is kept nowhere."""

    person: Person
    url: str
    expires_at: datetime


def make_link(site: Site, actor: Actor, course_id: int, person_id: int) -> IssuedLink:
    """A link for somebody in the course; one of the course that they had before holds no more.

    Raises Conflict where it is not the instructors' to let them in.
    """
    with site.database.writing() as session:
        permit(session, actor, course_id, Right.MANAGE)
        if people.role_in(session, person_id, course_id) is None:
            raise NotFound("they are not in this course")
        found = passwordlinks.held_without_way_in(session, course_id, only=person_id)
        if not found:
            raise _not_theirs(session.get_one(Person, person_id))
        (made,) = _made(site, session, actor, course_id, found)
    return made


def make_links(site: Site, actor: Actor, course_id: int, *, again: bool) -> list[IssuedLink]:
    """A link for everybody in the course who has no way in yet, by their ids.

    `again`: also for who has one that is still open; it holds no more. Raises Conflict where there
    is nobody.
    """
    with site.database.writing() as session:
        permit(session, actor, course_id, Right.MANAGE)
        found = passwordlinks.held_without_way_in(session, course_id)
        if not again:
            # Asked once they are held: two who press the button at once make one link for each.
            there = passwordlinks.open_among(session, course_id, [one.id for one in found])
            found = [one for one in found if one.id not in there]
        if not found:
            raise Conflict(
                "there is nobody to make a link for: everybody has a way in"
                + ("" if again else ", or a link that is still open")
            )
        return _made(site, session, actor, course_id, found)


def missing(site: Site, actor: Actor, course_id: int) -> Missing:
    """How many of the course have no way in yet, for who manages it."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.MANAGE)
        return passwordlinks.missing(session, course_id)


def ways_in(
    site: Site, actor: Actor, course_id: int, persons: Sequence[Person]
) -> Mapping[int, WayIn]:
    """How these people of the course sign in, for who manages it."""
    ids = [one.id for one in persons]
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.MANAGE)
        by_lms = passwordlinks.known_to_platforms(session, ids)
        opened = passwordlinks.opened_by(session, ids)
        may = passwordlinks.may_be_let_in(session, course_id, ids)
        links = passwordlinks.open_among(session, course_id, ids)

    def way(person: Person) -> WayIn:
        comes_by_lms = person.id in by_lms or person.email is None
        # First: an LMS that they come from as well vouches for nobody's password.
        if opened.get(person.id, course_id) != course_id:
            return WayIn.LMS_OR_ELSEWHERE if comes_by_lms else WayIn.PASSWORD_ELSEWHERE
        if comes_by_lms:
            return WayIn.LMS
        if person.password_hash is not None:
            return WayIn.PASSWORD
        if person.id not in may:
            return WayIn.OTHERS
        return WayIn.LINK if person.id in links else WayIn.NONE

    return {one.id: way(one) for one in persons}


def links_csv(issued: Sequence[IssuedLink]) -> Iterator[str]:
    """These links for sending each to whom it is for."""
    yield csv_text([["name", "email", "link", "holds until"]])
    for one in issued:
        until = f"{one.expires_at:%Y-%m-%d %H:%M} UTC"
        yield csv_text([[one.person.name, one.person.email or "", one.url, until]])


def whose(site: Site, secret: str) -> Person:
    """Whom a link is for; raises Conflict where it holds no more."""
    with site.database.reading() as session:
        return _holding(session, secret)[1]


def choose_password(site: Site, secret: str, password: str) -> SignedIn:
    """Whoever holds the link has this password from now on, and is signed in; it holds no more.

    Raises Conflict where it held no more before, and BadInput for a password that is too short.
    """
    whose(site, secret)  # before anything is computed that costs much: anybody may ask
    kept = password_hash(password)
    with site.database.writing() as session:
        link, person = _holding(session, secret, held=True)
        person.password_hash, link.used_at = kept, moment(session)
        passwordlinks.end_others(session, link)
        audit.record(
            session,
            person.id,
            "password_link.used",
            person,
            course_id=link.course_id,
            author_id=link.author_id,
        )
        # In the same transaction, so that a password which an admin sets next ends this one, too.
        return signing_in.begin_in(session, Actor(person.id, person.name))


def _made(
    site: Site, session: Session, actor: Actor, course_id: int, found: Sequence[Person]
) -> list[IssuedLink]:
    chosen = [secrets.token_urlsafe(32) for _ in found]
    expires_at = moment(session) + LASTS
    passwordlinks.put(
        session,
        [one.id for one in found],
        map(_hashed, chosen),
        course_id=course_id,
        author_id=actor.person_id,
        expires_at=expires_at,
    )
    for one in found:
        audit.record(session, actor.person_id, "password_link.made", one, course_id=course_id)
    # Behind the #: what stands there is sent to no server, and so is in nobody's log.
    where = f"{site.settings.url}/welcome#"
    return [
        IssuedLink(one, where + secret, expires_at)
        for one, secret in zip(found, chosen, strict=True)
    ]


def _holding(session: Session, secret: str, *, held: bool = False) -> tuple[PasswordLink, Person]:
    """The link of that secret and whose it is, as long as it holds; they are held, if wished."""
    link = passwordlinks.by_hash(session, _hashed(secret))
    if link is None:
        raise Conflict(_OVER)
    person = session.get_one(Person, link.person_id)
    if held:
        hold(session, person)
        session.expire_all()
        link = passwordlinks.by_hash(session, _hashed(secret))
    if link is None or link.used_at is not None or link.expires_at <= moment(session):
        raise Conflict(_OVER)
    if not passwordlinks.may_be_let_in(session, link.course_id, [person.id]):
        raise Conflict(_OVER)
    author = session.get_one(Person, link.author_id)
    role = people.role_in(session, author.id, link.course_id)
    if not author.is_admin and (role is None or Right.MANAGE not in RIGHTS[role]):
        raise Conflict(_OVER)
    return link, person


def _not_theirs(person: Person) -> Conflict:
    if person.email is None:
        return Conflict("they come from an LMS, and sign in there")
    if person.password_hash is not None:
        return Conflict("they have a password; an administrator can set another one")
    # Why, is not said: what they are elsewhere is nothing for this course.
    return Conflict("this account is not the course's alone: an administrator can let them in")


def _hashed(secret: str) -> str:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()
