"""Linking a course of an LMS to one here, and somebody's account here to who they are there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from grader.db import audit, browsersessions, contexts, passbacks, people, platforms
from grader.db.models import (
    Assignment,
    Context,
    Course,
    Launch,
    Person,
    Platform,
    PlatformPerson,
    ResourceLink,
    Role,
)
from grader.db.session import Session, hold
from grader.errors import Conflict, Forbidden, NotFound
from grader.lms.messages import Message
from grader.services import signing_in
from grader.services.access import Actor, Right, permit
from grader.services.courses import zone
from grader.services.identities import hold_assignments
from grader.services.launching import deployment_of, enter, message_of
from grader.services.roles import give_role, unvouched
from grader.services.signing_in import SignedIn
from grader.services.site import Site

_MOST_COURSES = 200


@dataclass(frozen=True)
class ToLink:
    """A course of an LMS that is to be linked, and the courses here that it may be linked to.

    `has_account` tells whether who launched has an address and a password here.
    """

    launch_id: int
    title: str
    platform: Platform
    courses: Sequence[Course]
    suggested_slug: str
    has_account: bool
    course_id: int | None  # where it is linked already


@dataclass(frozen=True)
class Linked:
    """A course of an LMS that is linked, where it is, and its links to assignments."""

    context: Context
    platform: Platform
    links: Sequence[tuple[ResourceLink, Assignment]]


def to_link(site: Site, actor: Actor, launch_id: int) -> ToLink:
    """What the instructor who has launched may link; raises NotFound for anybody else."""
    with site.database.reading() as session:
        launch, message = _own(session, actor, launch_id)
        _, platform = deployment_of(session, launch)
        context = _context(session, launch, message)
        return ToLink(
            launch_id=launch.id,
            title=message.context_title or "A course without a title",
            platform=platform,
            courses=contexts.managed_courses(session, actor.person_id, _MOST_COURSES),
            suggested_slug=_slug(message.context_title),
            has_account=session.get_one(Person, actor.person_id).email is not None,
            course_id=None if context is None else context.course_id,
        )


def link_to_course(site: Site, actor: Actor, launch_id: int, course_id: int) -> None:
    """Link it to a course that the actor manages here."""
    with site.database.writing() as session:
        launch, message = _own(session, actor, launch_id)
        permit(session, actor, course_id, Right.MANAGE)
        _link(session, actor, launch, message, course_id)


def link_to_new_course(
    site: Site, actor: Actor, launch_id: int, *, slug: str, title: str, timezone: str
) -> int:
    """Link it to a new course, which an instructor of a registered LMS may make; the course's id.

    Who registered the platform has let it say who teaches a course.
    """
    zone(timezone)
    with site.database.writing() as session:
        launch, message = _own(session, actor, launch_id)
        if people.course_by_slug(session, slug) is not None:
            raise Conflict(f"slug: there is a course {slug} already")
        course = Course(slug=slug, title=title, timezone=timezone)
        session.add(course)
        session.flush()
        audit.record(session, actor.person_id, "course.created", course, course_id=course.id)
        _link(session, actor, launch, message, course.id)
    return course.id


def to_join(site: Site, actor: Actor) -> int | None:
    """The last launch by which somebody without an account has come, to join one; None where they
    have one, or have not come from an LMS for a while."""
    with site.database.reading() as session:
        if session.get_one(Person, actor.person_id).email is not None:
            return None
        launch = platforms.latest_launch(session, actor.person_id)
        return None if launch is None else launch.id


def join_account(
    site: Site, actor: Actor, launch_id: int, email: str, password: str, address: str
) -> SignedIn:
    """From now on who launched is the person who has this address and password here.

    What they were in courses by the LMS goes over to that account, which keeps what it is already,
    but for a course that nobody would manage, and so does what stands in the LMS of theirs. No
    course's staff become an account that another one's link has opened. A session of it begins.
    Raises NotSignedIn, NotNow, Conflict, Forbidden.
    """
    with site.database.reading() as session:
        _launched(session, actor, launch_id)
    account = signing_in.known(site, email, password, address)
    with site.database.writing() as session:
        launch, message = _launched(session, actor, launch_id)
        _, platform = deployment_of(session, launch)
        known, former, joined = _held(
            session, platform.issuer, message.subject, actor.person_id, account.person_id
        )
        if joined.is_admin:
            raise Forbidden(
                "this is an administrator's account: it is never joined to an LMS, whose own "
                "administrators could then come in as you"
            )
        if former.email is not None:
            raise Conflict("you are known by an account of yours already")
        if platforms.knows(session, platform.issuer, joined.id):
            raise Conflict(
                "this account is joined to somebody else of this LMS already, and one account is "
                "one person there: join another, or go on without one"
            )
        if contexts.has_ever_handed_in(session, former.id):
            raise Conflict("you have handed in as who you are in the LMS: that can't be moved")
        if contexts.is_noted_beyond_membership(session, former.id):
            raise Conflict(
                "course staff have given you a team, more time or a grade as who you are in the "
                "LMS: that can't be moved. Ask them, and go on without joining until they have "
                "seen to it"
            )
        staffed = people.staffed_by(session, former.id)
        if any(unvouched(session, course_id, [joined.id]) for course_id in staffed):
            raise Conflict(
                "the password of this account was chosen by a link that instructors of a course "
                "made, and you are staff of another by the LMS: whoever had that link could come "
                "into it. Ask an administrator to set a password for the account first"
            )
        assignments = hold_assignments(session, platform.issuer, former.id)
        _keep_managed(session, former, joined)
        known.person_id = joined.id
        session.flush()
        moved = passbacks.move(session, platform.issuer, former.id, joined.id)
        contexts.move_memberships(session, former.id, joined.id)
        for assignment_id in assignments if moved else ():
            passbacks.follow(session, assignment_id)
        platforms.move_launches(session, former.id, joined.id)
        browsersessions.end_all_of(session, former.id)
        people.revoke_tokens_of(session, former.id)
        audit.record(
            session,
            joined.id,
            "person.joined",
            joined,
            issuer=platform.issuer,
            former_id=former.id,
        )
        return signing_in.begin_in(session, account)


def _held(
    session: Session, issuer: str, subject: str, former_id: int, joined_id: int
) -> tuple[PlatformPerson, Person, Person]:
    """Who is to be joined, and to whom, held in the order of `lmspeople`: no launch, list or other
    joining says anything of them meanwhile."""
    for context in contexts.of_member(session, former_id):
        hold(session, context)
    platforms.hold_people(session, issuer, [subject])
    persons = {one: session.get_one(Person, one) for one in sorted((former_id, joined_id))}
    for person in persons.values():
        hold(session, person)
    known = platforms.person_of(session, issuer, subject)
    if known is None or known[0].person_id != former_id:
        raise Conflict("you were joined to an account a moment ago: open it again from your course")
    return known[0], persons[former_id], persons[joined_id]


def _keep_managed(session: Session, former: Person, joined: Person) -> None:
    """Who becomes the account and is a course's last instructor stays that as the account, which an
    LMS has made something else there. Courses are held by their ids, after all else.

    Raises Conflict where a person has made it that: their word holds, also once the two should be
    separated again.
    """
    for course_id in people.managed_by(session, former.id):
        course = session.get_one(Course, course_id)
        hold(session, course)
        both = people.enrolments_of(session, course_id, [former.id, joined.id])
        its = both.get(joined.id)
        if its is None or people.instructors_of(session, course_id) != {former.id}:
            continue
        if not its.by_lms:
            raise Conflict(
                f"as who you are in the LMS you are the only instructor of {course.title}, where "
                "your account is something else: make it an instructor there first, on People"
            )
        give_role(session, joined.id, course_id, joined, its, Role.INSTRUCTOR, its.team)
        its.by_lms = both[former.id].by_lms  # it goes over as it is


def list_linked(site: Site, actor: Actor, course_id: int) -> Sequence[Linked]:
    """What is linked to a course; for who manages it."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.MANAGE)
        links = contexts.links_of_course(session, course_id)
        return [
            Linked(context, platform, links.get(context.id, ()))
            for context, platform in contexts.of_course(session, course_id)
        ]


def is_any_registered(site: Site, actor: Actor, course_id: int) -> bool:
    """Whether there is an LMS by which a course could be linked; for who manages one."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.MANAGE)
        return platforms.is_any_let_in(session)


def unlink(site: Site, actor: Actor, context_row: int) -> int:
    """Unlink a course of an LMS; people and their work stay here, and grades there. The course."""
    with site.database.writing() as session:
        context = session.get(Context, context_row)
        if context is None:
            raise NotFound("there is no such thing")
        permit(session, actor, context.course_id, Right.MANAGE)
        hold(session, context)  # no launch nor list brings anybody meanwhile
        course_id = context.course_id
        audit.record(
            session,
            actor.person_id,
            "context.unlinked",
            context,
            course_id=course_id,
            title=context.title,
        )
        contexts.forget(session, context)
    return course_id


def _launched(session: Session, actor: Actor, launch_id: int) -> tuple[Launch, Message]:
    """A launch of the actor's own."""
    launch = platforms.launch(session, launch_id)
    if launch is None or launch.person_id != actor.person_id:
        raise NotFound("this launch is over: open it again from your course's page")
    return launch, message_of(launch)


def _own(session: Session, actor: Actor, launch_id: int) -> tuple[Launch, Message]:
    """The same by which a course may be linked."""
    launch, message = _launched(session, actor, launch_id)
    if message.role != "instructor":
        raise Forbidden("a course is connected by its instructor")
    return launch, message


def _context(session: Session, launch: Launch, message: Message) -> Context | None:
    assert message.context_id is not None
    return contexts.of_deployment(session, launch.deployment_id, message.context_id)


def _link(session: Session, actor: Actor, launch: Launch, message: Message, course_id: int) -> None:
    if _context(session, launch, message) is not None:
        raise Conflict("this course of the LMS is connected already")
    assert message.context_id is not None
    deployment, platform = deployment_of(session, launch)
    if not platforms.stays(session, platform) or not platforms.stays(session, deployment):
        raise Conflict("this LMS was removed a moment ago: ask who runs Chainrule")
    context = Context(
        deployment_id=launch.deployment_id,
        context_id=message.context_id,
        title=message.context_title or "A course without a title",
        course_id=course_id,
        linked_by=actor.person_id,
    )
    session.add(context)
    session.flush()
    audit.record(
        session,
        actor.person_id,
        "context.linked",
        context,
        course_id=course_id,
        title=context.title,
    )
    enter(session, context, session.get_one(Person, actor.person_id), message)


def _slug(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:64].strip("-")
