"""Where a launch leads: to an assignment, to the course, or to the page that connects it."""

from __future__ import annotations

from urllib.parse import urlsplit

from grader.db import contexts
from grader.db.models import Assignment, Context, Launch, ResourceLink
from grader.db.session import Session
from grader.errors import Forbidden
from grader.lms.messages import Message, Refused


class NotYet(Forbidden):
    """The launch holds, but there is nothing here for it so far; waiting for somebody helps."""


def place_of(session: Session, launch: Launch, message: Message) -> str:
    """Where the launch leads: an assignment, the course, or the page that links it."""
    if message.context_id is None:
        raise Refused("the launch is from outside of any course: open it from within one")
    context = contexts.of_deployment(session, launch.deployment_id, message.context_id)
    if message.role is None:
        raise Refused(
            "your LMS says no role of yours in this course that means anything here: students, "
            "teaching assistants and instructors come in"
        )
    if context is None:
        if message.role == "instructor":
            return f"/lti/link/{launch.id}"
        raise NotYet(
            "this course is not connected to Chainrule yet: your instructor opens it once from "
            "the course's page, and then it is there for you"
        )
    assignment = _assignment(session, context, message)
    if assignment is None:
        return f"/courses/{context.course_id}"
    if assignment.live_version_id is None and message.role == "student":
        return f"/courses/{context.course_id}"
    return f"/assignments/{assignment.id}"


def _assignment(session: Session, context: Context, message: Message) -> Assignment | None:
    """What the link opens: as it says itself, since it may be chosen anew there, or as before."""
    if message.link_id is None:
        return None
    said = _said(session, context, message)
    if said is not None:
        return said
    known = contexts.link(session, context.id, message.link_id)
    found = None if known is None else session.get_one(Assignment, known.assignment_id)
    return found if found is not None and found.course_id == context.course_id else None


def _said(session: Session, context: Context, message: Message) -> Assignment | None:
    """The assignment that the link names: by our parameter, or by its address."""
    named = message.assignment
    if named is None:
        parts = urlsplit(message.target).path.rstrip("/").split("/")
        if len(parts) == 3 and parts[1] == "assignments" and len(parts[2]) < 19:
            named = int(parts[2]) if parts[2].isdecimal() and parts[2].isascii() else None
    found = None if named is None else session.get(Assignment, named)
    # A course that was copied in the LMS, to be linked elsewhere, still names the old one's.
    return found if found is not None and found.course_id == context.course_id else None


def connect_link(session: Session, context: Context, message: Message) -> bool:
    """Note which assignment the link opens, where that is known, and its column in the LMS.

    Whether it tells of another column than before.
    """
    if message.link_id is None:
        return False
    known = contexts.link(session, context.id, message.link_id)
    said = _said(session, context, message)
    if known is None:
        if said is None:
            return False
        known = ResourceLink(context_id=context.id, link_id=message.link_id, assignment_id=said.id)
        session.add(known)
    elif said is not None:
        known.assignment_id = said.id
    before, known.line_item_url = known.line_item_url, message.line_item_url
    return known.line_item_url not in (None, before)
