"""Grades that go out to an LMS: what has arrived, what is held up, what is done about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from grader.services import gradesout
from grader.services.gradesout import Decision, Trouble
from grader.web.pages.forms import Form, Sheet, Typed, go, sentence, what_is_done
from grader.web.pages.frame import course_frame, for_staff
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor
from grader.web.security import CurrentSite, Cursor, RowInPath

router = APIRouter()

TROUBLES = {
    Trouble.CHANGED: "Changed there by somebody",
    Trouble.NO_STUDENT: "No student there",
    Trouble.REFUSED: "Refused",
    Trouble.GONE: "The column is gone",
    Trouble.LOCKED: "We are not let in",
    Trouble.TIRED: "Tried for a day",
}
_DONE: Mapping[str, str] = {
    Decision.AGAIN: "It is tried again, in a few seconds.",
    Decision.OVERWRITE: "The grade from here is written over the one there, in a few seconds.",
    Decision.LEAVE: "The grade there stays as it is.",
}


class DecisionForm(Form):
    """What to do about one grade, or about all that are stuck for a reason."""

    decision: Decision = Field(title="What to do")
    id: int | None = Field(None, ge=1, lt=1 << 63, title="Grade")
    trouble: Trouble | None = Field(None, title="Reason")


@router.get("/courses/{course_id}/grades-out")
def show_grades_out(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    trouble: Annotated[Trouble | None, Query()] = None,
    cursor: Cursor = None,
) -> Response:
    """Linked columns with their counts, and what is held up; for staff."""
    frame = for_staff(course_frame(site, visitor.actor, course_id))
    found = gradesout.grades_out(site, visitor.actor, course_id, trouble=trouble, cursor=cursor)
    context = {
        "frame": frame,
        "tab": "gradebook",
        "out": found,
        "trouble": trouble,
        "troubles": TROUBLES,
        "sentence": sentence,
        "is_first": cursor is None,
        "done": what_is_done(request, _DONE),
    }
    return page(request, "gradesout/page.html", context)


@router.post("/courses/{course_id}/grades-out")
def decide(
    site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath, typed: Typed
) -> Response:
    """Try again, write over, or leave: one, or all that are stuck for a reason."""
    form = Sheet(DecisionForm, typed).read()
    ids = None if form.id is None else [form.id]
    gradesout.decide(site, visitor.actor, course_id, form.decision, ids=ids, trouble=form.trouble)
    return go(f"/courses/{course_id}/grades-out", form.decision)
