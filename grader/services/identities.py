"""Who somebody with an account here is in LMSs, and taking the two apart again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from grader.db import audit, browsersessions, contexts, people, platforms
from grader.db.models import Person, PlatformPerson, Role
from grader.db.session import Session, hold
from grader.errors import Conflict, NotFound
from grader.services.access import Actor, Right, permit_admin, permit_own
from grader.services.lmspeople import settle
from grader.services.site import Site


@dataclass(frozen=True)
class Identity:
    """Somebody of an LMS who is an account here: `subject` is who they are to its `issuer`.

    `platform` is the name of a registration of that issuer, None where there is none any more.
    """

    id: int
    platform: str | None
    issuer: str
    subject: str
    known_since: datetime


def list_identities(site: Site, actor: Actor, person_id: int | None = None) -> Sequence[Identity]:
    """Who the actor is in LMSs, or for admins another person."""
    if person_id is None:
        person_id = actor.person_id
    else:
        permit_admin(actor)
    with site.database.reading() as session:
        _person(session, person_id)
        return [
            Identity(one.id, name, one.issuer, one.subject, one.created_at)
            for one, name in platforms.identities(session, person_id)
        ]


def separate(site: Site, actor: Actor, identity_id: int, person_id: int | None = None) -> None:
    """From now on who comes from the LMS is somebody else than the account: the actor's own, or for
    admins another person's.

    What the LMS says that they are in courses goes with them, and roles that it gave. All work and
    grades stay with the account, and so does its place wherever it has some. Its sessions end, for
    who came by the LMS may be in one. Raises NotFound, Conflict.
    """
    if person_id is None:
        permit_own(actor, Right.SUBMIT)
        person_id = actor.person_id
    else:
        permit_admin(actor)
    with site.database.writing() as session:
        person = _person(session, person_id)
        known = session.get(PlatformPerson, identity_id)
        if known is None or known.person_id != person_id:
            raise NotFound("there is no such identity of this person")
        if person.email is None:
            raise Conflict("they are known by this LMS alone: there is no account to separate")
        _hold(session, person, known)
        # The address that the LMS tells goes, too: it is of whoever that is.
        other = Person(email=None, name=person.name, contact=person.contact)
        person.contact = None
        session.add(other)
        session.flush()
        known.person_id = other.id
        session.flush()
        platforms.move_launches(session, person_id, other.id, known.issuer)
        for course_id in contexts.move_members_of(session, known.issuer, person_id, other.id):
            _keep_noted(session, course_id, person_id)
            settle(session, course_id, [person_id, other.id])
        browsersessions.end_all_of(session, person_id)
        audit.record(
            session,
            actor.person_id,
            "person.separated",
            person,
            issuer=known.issuer,
            separated_id=other.id,
        )


def _hold(session: Session, person: Person, known: PlatformPerson) -> None:
    """All that joining holds, in the same order; courses are held by whoever settles roles."""
    for context in contexts.of_member(session, person.id):
        hold(session, context)
    platforms.hold_people(session, known.issuer, [known.subject])
    hold(session, person)
    if known.person_id != person.id:
        raise Conflict("the two were separated a moment ago")


def _keep_noted(session: Session, course_id: int, person_id: int) -> None:
    """Who is a student by an LMS's word, and of whom staff have noted more, stays that by theirs: a
    team, more time and grades keep their place."""
    enrolment = people.enrolments_of(session, course_id, [person_id]).get(person_id)
    if enrolment is None or enrolment.role is not Role.STUDENT:
        return
    if contexts.is_noted_in(session, course_id, person_id):
        enrolment.by_lms = False
        session.flush()


def _person(session: Session, person_id: int) -> Person:
    person = session.get(Person, person_id)
    if person is None:
        raise NotFound("there is no such person")
    return person
