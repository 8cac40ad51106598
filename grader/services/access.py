"""Who may do what: roles in a course, and what a token narrows them to.

Everything that belongs to a course is reached by way of `permit`. Whoever is not enrolled in it
learns nothing about it, not even that it exists: NotFound. Whoever is, but may not do this:
Forbidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from grader.db import people
from grader.db.models import Assignment, Course, Role, Submission
from grader.db.session import Session
from grader.errors import Forbidden, NotFound


class Right(StrEnum):
    """What somebody may do in a course. The words are the scopes of tokens, too."""

    READ = "read"  # see the course, its assignments, and one's own work
    SUBMIT = "submit"  # hand in, and choose what counts
    GRADE = "grade"  # see everybody's work, override, regrade, extend, release
    MANAGE = "manage"  # assignments, versions, people
    ADMIN = "admin"  # the installation: courses, persons, workers


_OF_STUDENT = frozenset({Right.READ, Right.SUBMIT})
_OF_TA = _OF_STUDENT | {Right.GRADE}
_OF_INSTRUCTOR = _OF_TA | {Right.MANAGE}

RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.STUDENT: _OF_STUDENT,
    Role.TA: _OF_TA,
    Role.INSTRUCTOR: _OF_INSTRUCTOR,
}


@dataclass(frozen=True)
class Actor:
    """Who acts: a person, and the rights that their token leaves them."""

    person_id: int
    name: str
    is_admin: bool = False
    scopes: frozenset[Right] = frozenset(Right)

    def may(self, right: Right, role: Role | None) -> bool:
        """Whether this person, with that role in the course, has the right."""
        held = frozenset(Right) if self.is_admin else RIGHTS[role] if role else frozenset()
        return right in held & self.scopes


def permit(session: Session, actor: Actor, course_id: int, right: Right) -> Role | None:
    """The actor's role in the course, None for an admin who has none.

    Raises NotFound where the course is none of the actor's, and Forbidden where the role or the
    token lacks the right.
    """
    role = people.role_in(session, actor.person_id, course_id)
    if role is None and (not actor.is_admin or session.get(Course, course_id) is None):
        raise NotFound("there is no such thing")
    if not actor.may(right, role):
        raise _forbidden(actor, right)
    return role


def permit_assignment(
    session: Session, actor: Actor, assignment_id: int, right: Right
) -> Assignment:
    """The assignment, where `permit` lets the actor do that in its course.

    A draft is NotFound for students: they know nothing of it.
    """
    assignment = session.get(Assignment, assignment_id)
    if assignment is None:
        raise NotFound("there is no such thing")
    role = permit(session, actor, assignment.course_id, right)
    if role is Role.STUDENT and assignment.live_version_id is None:
        raise NotFound("there is no such thing")
    return assignment


def permit_submission(
    session: Session, actor: Actor, submission_id: int, right: Right
) -> tuple[Submission, Assignment]:
    """The submission and its assignment, where `permit` lets the actor do that in its course."""
    submission = session.get(Submission, submission_id)
    if submission is None:
        raise NotFound("there is no such thing")
    return submission, permit_assignment(session, actor, submission.assignment_id, right)


def permit_admin(actor: Actor) -> None:
    """Raise Forbidden unless the actor runs the installation."""
    if not actor.may(Right.ADMIN, None):
        raise _forbidden(actor, Right.ADMIN)


def permit_own(actor: Actor, right: Right) -> None:
    """Raise Forbidden where the actor's token lacks the right for what concerns them alone."""
    if right not in actor.scopes:
        raise _forbidden(actor, right)


def _forbidden(actor: Actor, right: Right) -> Forbidden:
    if right not in actor.scopes:
        return Forbidden(f"this token lacks the scope {right}")
    return Forbidden(f"your role does not include the right to {_WORDS[right]}")


_WORDS = {
    Right.READ: "see this",
    Right.SUBMIT: "hand in work",
    Right.GRADE: "grade",
    Right.MANAGE: "manage the course",
    Right.ADMIN: "run the installation",
}
