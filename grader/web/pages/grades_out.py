"""Grades that go out to an LMS: what has arrived, what is held up, what is done about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import Field

from grader.services import gradefiles, gradesout
from grader.services.gradefiles import Reason
from grader.services.gradesout import Decision, GradesOut, Trouble
from grader.services.site import Site
from grader.web.pages.forms import Form, Sheet, Typed, go, sentence, what_is_done
from grader.web.pages.frame import course_frame, for_staff
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, Cursor, RowInPath

router = for_people()

TROUBLES = {
    Trouble.CHANGED: "Changed there by somebody",
    Trouble.NO_STUDENT: "No student there",
    Trouble.REFUSED: "Refused there, or by a rule of Chainrule",
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
    return _show(request, site, visitor, course_id, trouble, cursor)


@router.post("/courses/{course_id}/grades-out")
def decide(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    typed: Typed,
) -> Response:
    """Try again, write over, or leave: one, or all that are stuck for a reason."""
    sheet = Sheet(DecisionForm, typed)
    with sheet.refusing(ids="id"):
        form = sheet.read()
        ids = None if form.id is None else [form.id]
        gradesout.decide(
            site, visitor.actor, course_id, form.decision, ids=ids, trouble=form.trouble
        )
        return go(f"/courses/{course_id}/grades-out", form.decision)
    problem = sheet.problem or next(iter(sheet.errors.values()))
    return _show(request, site, visitor, course_id, problem=problem)


def _show(
    request: Request,
    site: Site,
    visitor: Visitor,
    course_id: int,
    trouble: Trouble | None = None,
    cursor: str | None = None,
    *,
    problem: str = "",
) -> Response:
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
        "problem": problem,
        "twice": _twice(site, visitor, course_id, found),
        "done": "" if problem else what_is_done(request, _DONE),
    }
    return page(request, "gradesout/page.html", context, status=422 if problem else 200)


def _twice(site: Site, visitor: Visitor, course_id: int, found: GradesOut) -> int:
    """How many students have an address that somebody else has: they may be unknown for that."""
    if not any(one.unknown for one in found.columns):
        return 0
    left_out = gradefiles.who_is_known(site, visitor.actor, course_id).left_out
    return sum(one.reason is Reason.SAME_ADDRESS for one in left_out)
