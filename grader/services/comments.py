"""Comments on the cells of a submission: staff write them, students read them with their grade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.db import audit, comments
from grader.db.models import CellComment
from grader.db.session import Session, hold, moment
from grader.errors import BadInput, NotFound
from grader.safetext import storable
from grader.services.access import Actor, Right, permit_submission
from grader.services.site import Site
from grader.services.submissions import see

_LONGEST = 5000
_MOST_CELLS = 100_000
_MOST = 500  # comments on one submission


@dataclass(frozen=True, kw_only=True)
class Comment:
    """A comment; `author` is None for students, who need not know who graded."""

    id: int
    cell: int
    text: str
    author: str | None


@dataclass(frozen=True, kw_only=True)
class Comments:
    """The comments on a submission's cells, in their order; whether the actor may write some."""

    items: Sequence[Comment]
    may_write: bool


def add(site: Site, actor: Actor, submission_id: int, *, cell: int, text: str) -> CellComment:
    """Say something about a cell, by its number in the executed notebook, from 1."""
    text = storable(text).replace("\0", "").replace("\r\n", "\n").strip()
    if not text:
        raise BadInput("text: say something")
    if len(text) > _LONGEST:
        raise BadInput(f"text: {_LONGEST} characters at most")
    if not 1 <= cell <= _MOST_CELLS:
        raise BadInput("cell: its number in the notebook, from 1")
    with site.database.writing() as session:
        submission, assignment = permit_submission(session, actor, submission_id, Right.GRADE)
        hold(session, submission)
        if comments.count_on_cells(session, submission_id) >= _MOST:
            raise BadInput(f"a submission has {_MOST} comments at most")
        made = CellComment(
            submission_id=submission_id, cell=cell, text=text, author_id=actor.person_id
        )
        session.add(made)
        session.flush()
        audit.record(
            session,
            actor.person_id,
            "comment.added",
            made,
            course_id=assignment.course_id,
            submission_id=submission_id,
            cell=cell,
            text=text,
        )
    return made


def remove(site: Site, actor: Actor, submission_id: int, comment_id: int) -> None:
    """Take a comment back; nobody sees it any more."""
    with site.database.writing() as session:
        submission, assignment = permit_submission(session, actor, submission_id, Right.GRADE)
        hold(session, submission)
        comment = session.get(CellComment, comment_id)
        if comment is None or comment.submission_id != submission_id:
            raise NotFound("there is no such thing")
        if comment.removed_at is not None:
            return
        comment.removed_at = moment(session)
        audit.record(
            session,
            actor.person_id,
            "comment.removed",
            comment,
            course_id=assignment.course_id,
            submission_id=submission_id,
            cell=comment.cell,
        )


def list_comments(
    site: Site, actor: Actor, submission_id: int, cell: int | None = None
) -> Comments:
    """All comments on a submission, or those on one cell.

    Whose work it is sees those on the submission whose grade is released, and none before.
    """
    with site.database.reading() as session:
        seen = see(session, actor, submission_id)
        if seen.is_staff:
            return comments_for_staff(session, submission_id, cell)
        shown = comments.is_released(session, seen.assignment.id, actor.person_id, submission_id)
        rows = comments.on_cells(session, submission_id, cell) if shown else []
        items = [Comment(id=one.id, cell=one.cell, text=one.text, author=None) for one, _ in rows]
    return Comments(items=items, may_write=False)


def comments_for_staff(session: Session, submission_id: int, cell: int | None = None) -> Comments:
    """The same for who grades and was let in already: with who wrote them."""
    items = [
        Comment(id=one.id, cell=one.cell, text=one.text, author=name)
        for one, name in comments.on_cells(session, submission_id, cell)
    ]
    return Comments(items=items, may_write=True)
