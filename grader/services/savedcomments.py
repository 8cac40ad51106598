"""The comment library: what graders say again and again about an exercise."""

from __future__ import annotations

from grader.db import audit, comments
from grader.db.models import SavedComment
from grader.errors import BadInput, NotFound
from grader.safetext import storable
from grader.services.access import Actor, Right, permit_assignment
from grader.services.exercises import exercise_of
from grader.services.site import Site

_LONGEST = 2000


def keep_comment(
    site: Site, actor: Actor, assignment_id: int, exercise: str, text: str
) -> SavedComment:
    """Keep a comment for this exercise; one of the same text is that one."""
    text = storable(text).replace("\0", "").replace("\r\n", "\n").strip()
    if not text:
        raise BadInput("comment: write it first, then keep it")
    if len(text) > _LONGEST:
        raise BadInput(f"comment: {_LONGEST} characters at most are kept")
    with site.database.writing() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        exercise_of(session, assignment, exercise)
        known = comments.saved_like(session, assignment_id, exercise, text)
        if known is not None:
            return known
        made = SavedComment(
            assignment_id=assignment_id, exercise=exercise, text=text, author_id=actor.person_id
        )
        session.add(made)
        session.flush()
        audit.record(
            session,
            actor.person_id,
            "saved_comment.added",
            made,
            course_id=assignment.course_id,
            exercise=exercise,
            text=text,
        )
    return made


def forget_comment(site: Site, actor: Actor, assignment_id: int, comment_id: int) -> None:
    """Keep it no more; where it was used, it stays."""
    with site.database.writing() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        comment = session.get(SavedComment, comment_id)
        if comment is None or comment.assignment_id != assignment_id:
            raise NotFound("there is no such thing")
        audit.record(
            session,
            actor.person_id,
            "saved_comment.removed",
            comment,
            course_id=assignment.course_id,
            exercise=comment.exercise,
            text=comment.text,
        )
        session.delete(comment)
