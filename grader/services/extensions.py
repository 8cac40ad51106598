"""Extensions: a later due date for some people. Of a team one member's holds for all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from grader.db import audit, grades
from grader.db.models import Extension, Person
from grader.db.pages import Page
from grader.db.session import hold, moment
from grader.errors import BadInput, Conflict, NotFound
from grader.services.access import Actor, Right, permit_assignment
from grader.services.site import Site


def list_extensions(
    site: Site,
    actor: Actor,
    assignment_id: int,
    *,
    search: str = "",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[tuple[Extension, Person]]:
    """Who has more time; or those of them whose name or address has `search` in it."""
    with site.database.reading() as session:
        permit_assignment(session, actor, assignment_id, Right.GRADE)
        return grades.extensions(session, assignment_id, search=search, cursor=cursor, limit=limit)


def extend(
    site: Site,
    actor: Actor,
    assignment_id: int,
    person_ids: Collection[int],
    *,
    due_at: datetime,
    reason: str,
) -> Sequence[Extension]:
    """Give these people that due date, instead of one they were given before.

    All of them or, where one is not in the course, none.
    """
    with site.database.writing() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        if assignment.due_at is None:
            raise Conflict("the assignment has no due date that could be later for somebody")
        if due_at <= assignment.due_at:
            raise BadInput("due_at: an extension ends after the assignment's due date")
        hold(session, assignment)
        wanted = sorted(set(person_ids))
        missing = set(wanted) - grades.enrolled_among(session, assignment.course_id, wanted)
        if missing:
            raise NotFound(f"person_ids: {min(missing)} is not in this course")
        known = grades.extensions_of(session, assignment_id, wanted)
        at = moment(session)
        given = []
        for person_id in wanted:
            extension = known.get(person_id)
            before = None if extension is None else extension.due_at
            if extension is None:
                extension = Extension(assignment_id=assignment_id, person_id=person_id)
                session.add(extension)
            extension.due_at, extension.reason = due_at, reason
            extension.author_id, extension.created_at = actor.person_id, at
            given.append(extension)
            audit.record(
                session,
                actor.person_id,
                "extension.set",
                assignment,
                course_id=assignment.course_id,
                person_id=person_id,
                due_at=due_at.isoformat(),
                before=None if before is None else before.isoformat(),
                reason=reason,
            )
    return given


def withdraw(site: Site, actor: Actor, assignment_id: int, person_id: int) -> None:
    """The assignment's due date holds for them again."""
    with site.database.writing() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        hold(session, assignment)
        extension = session.get(Extension, (assignment_id, person_id))
        if extension is None:
            raise NotFound("they have no extension")
        session.delete(extension)
        audit.record(
            session,
            actor.person_id,
            "extension.removed",
            assignment,
            course_id=assignment.course_id,
            person_id=person_id,
            due_at=extension.due_at.isoformat(),
        )
