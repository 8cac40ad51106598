"""Numbers in the place of names, where an assignment is graded without knowing whose work it is."""

from __future__ import annotations

from grader.db.models import Assignment, Role, Submission
from grader.services.access import Actor, Right


def shown_name(assignment: Assignment, submission: Submission, name: str) -> str:
    """What who grades calls the person who handed this in: of an anonymous assignment the number
    of the submission, which tells nothing and finds it again."""
    return f"Submission {submission.id}" if assignment.anonymous else name


def shown_file(assignment: Assignment, submission: Submission) -> str:
    """What its file is called: people write their names into names of files."""
    if assignment.anonymous:
        return f"submission-{submission.id}.{submission.format}"
    return submission.name


def is_nameless(assignment: Assignment, actor: Actor, role: Role | None) -> bool:
    """Whether staff are not told which submission is whose, where they know whose a grade is.

    Who manages the course may show the names at any time, and is told.
    """
    return assignment.anonymous and not actor.may(Right.MANAGE, role)
