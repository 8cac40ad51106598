"""Who somebody with an account here is in LMSs, and taking the two apart again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from grader.db import audit, browsersessions, contexts, passbacks, people, platforms
from grader.db.models import Assignment, Passback, Person, PlatformPerson, Role
from grader.db.session import Session, hold
from grader.errors import Conflict, NotFound
from grader.services.access import Actor, Right, permit_admin, permit_own
from grader.services.lmspeople import UNNAMED, settle
from grader.services.site import Site

_NOT_ALONE = (
    "as this account you have handed in, or staff have given you a team, more time or a grade: "
    "separated, you would have a second place beside it, and grades may stand in the LMS by then. "
    "Ask an administrator of Chainrule, who can separate the two"
)


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


def why_not_alone(site: Site, actor: Actor) -> str:
    """Why the actor can't take who they are in LMSs apart themselves; empty where they can."""
    with site.database.reading() as session:
        return _why_not_alone(session, actor.person_id)


def separate(site: Site, actor: Actor, identity_id: int, person_id: int | None = None) -> None:
    """From now on who comes from the LMS is somebody else than the account: the actor's own, or for
    admins another person's.

    What the LMS says that they are in courses goes with them, and roles that it gave. All work and
    grades stay with the account, and so does its place wherever it has some. What was sent to the
    LMS stays there, with a note to staff. Sessions and tokens of the account end, this one as well:
    who came by the LMS may have one. Who has handed in, or of whom staff have noted more, asks an
    admin. Raises NotFound, Conflict.
    """
    is_own = person_id is None
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
        if is_own and (why := _why_not_alone(session, person_id)):
            raise Conflict(why)
        hold_assignments(session, known.issuer, person_id)
        # The address goes along where it can be of nobody else; a name the LMS tells by itself.
        is_sole = len(platforms.identities(session, person_id)) == 1
        other = Person(email=None, name=UNNAMED, contact=person.contact if is_sole else None)
        person.contact = None
        session.add(other)
        session.flush()
        known.person_id = other.id
        session.flush()
        platforms.move_launches(session, person_id, other.id, known.issuer)
        for row in passbacks.move(session, known.issuer, person_id, other.id):
            row.note = _what_stands(row, person)
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
            tokens=people.revoke_tokens_of(session, person_id),
        )


def hold_assignments(session: Session, issuer: str, person_id: int) -> Sequence[int]:
    """Hold what somebody's grades in an issuer's LMS are of, as a release does, after people and
    before courses: nothing of theirs comes to be wanted meanwhile. Which they are."""
    held = passbacks.assignments_there(session, issuer, person_id)
    for assignment_id in held:
        hold(session, session.get_one(Assignment, assignment_id))
    return held


def _what_stands(row: Passback, person: Person) -> str:
    """What staff should know of a cell in which there is a grade of somebody who is another person
    by now."""
    points = "what was tried last"
    if row.sent_score is not None and row.sent_max_score is not None:
        points = f"{row.sent_score:.10g} of {row.sent_max_score:.10g}"
    return (
        f"{points} was sent there as the grade of {person.name[:100]}, who was taken for the same "
        "person: look whose grade it is, and correct it there"
    )


def _why_not_alone(session: Session, person_id: int) -> str:
    has_place = contexts.has_ever_handed_in(
        session, person_id
    ) or contexts.is_noted_beyond_membership(session, person_id)
    return _NOT_ALONE if has_place else ""


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
