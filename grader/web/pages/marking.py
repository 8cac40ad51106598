"""What graders do at the desk: marks, undoing them, rubric items and the comment library."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from grader.services import desk as desks
from grader.services import marking, rubricitems, savedcomments
from grader.services.marking import Given, signed
from grader.services.site import Site
from grader.web.pages.grading import address, go_on
from grader.web.pages.rendering import is_part, page
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, RowInPath

router = for_people("/assignments/{assignment_id}/grading/{exercise}")

Key = Annotated[str, Form(max_length=64)]
Items = Annotated[list[int] | None, Form(max_length=100)]
Points = Annotated[float, Form(allow_inf_nan=False)]
Besides = Annotated[Annotated[float, Field(allow_inf_nan=False)] | None, Form()]
Text = Annotated[str, Form(max_length=20_000)]


@router.post("/answers/{submission_id}/mark")
def mark(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: RowInPath,
    exercise: str,
    submission_id: RowInPath,
    item: Items = None,
    adjustment: Besides = None,
    comment: Text = "",
    seen: Annotated[int | None, Form()] = None,
    together: Annotated[int | None, Form()] = None,
    group: Key = "",
) -> Response:
    """Grade this answer, or with it as many like it as the grader was told; then on to the next."""
    actor = visitor.actor
    ids = [submission_id]
    if together is not None:
        ids = desks.in_group(site, actor, assignment_id, exercise, submission_id, together)
    given = Given(items=item or (), adjustment=adjustment, comment=comment)
    looked_at = {submission_id: seen or None}
    marking.give(site, actor, assignment_id, exercise, ids, given, seen=looked_at)
    found = desks.take_next(
        site, actor, assignment_id, exercise, group=group or None, after=submission_id
    )
    said = "Saved." if len(ids) == 1 else f"Saved for {len(ids)} answers."
    return go_on(request, site, visitor, assignment_id, exercise, found, group or None, said)


@router.post("/undo")
def undo(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: RowInPath,
    exercise: str,
    answer: Annotated[int | None, Form()] = None,
    group: Key = "",
) -> Response:
    """Take back what one gave last, and look at it again."""
    undone = marking.undo(site, visitor.actor, assignment_id, exercise)
    if undone:
        said = "Undone." if len(undone) == 1 else f"Undone for {len(undone)} answers."
        answer = undone[0]
    else:
        said = "There is nothing of yours to undo."
    return go_on(request, site, visitor, assignment_id, exercise, answer, group or None, said)


@router.post("/items")
def add_item(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: RowInPath,
    exercise: str,
    label: Annotated[str, Form(max_length=300)],
    points: Points,
    item: Items = None,
) -> Response:
    """One more rubric item."""
    made = rubricitems.add_item(
        site, visitor.actor, assignment_id, exercise, label=label, points=points
    )
    told = f"Added “{made.label}”."
    return _items(request, site, visitor, assignment_id, exercise, item, told, added=True)


@router.post("/items/{item_id}")
def change_item(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: RowInPath,
    exercise: str,
    item_id: RowInPath,
    label: Annotated[str, Form(max_length=300)],
    points: Points,
    item: Items = None,
) -> Response:
    """Other words or points of an item; what is graded already follows."""
    followed = rubricitems.change_item(
        site, visitor.actor, assignment_id, item_id, label=label, points=points
    )
    told = f"Changed; {followed} {_answers(followed)} graded already."
    return _items(request, site, visitor, assignment_id, exercise, item, told)


@router.post("/items/{item_id}/retire")
def retire_item(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: RowInPath,
    exercise: str,
    item_id: RowInPath,
    item: Items = None,
) -> Response:
    """Pick it no more."""
    followed = rubricitems.retire_item(site, visitor.actor, assignment_id, item_id)
    told = f"Retired; {followed} {_answers(followed)} graded already."
    return _items(request, site, visitor, assignment_id, exercise, item, told)


@router.post("/comments")
def keep_comment(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: RowInPath,
    exercise: str,
    comment: Text = "",
) -> Response:
    """Keep a comment for using it again."""
    savedcomments.keep_comment(site, visitor.actor, assignment_id, exercise, comment)
    return _library(request, site, visitor, assignment_id, exercise, "Kept in the library.")


@router.post("/comments/{comment_id}/remove")
def forget_comment(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: RowInPath,
    exercise: str,
    comment_id: RowInPath,
) -> Response:
    """Keep it no more."""
    savedcomments.forget_comment(site, visitor.actor, assignment_id, comment_id)
    return _library(request, site, visitor, assignment_id, exercise, "Removed from the library.")


def _items(
    request: Request,
    site: Site,
    visitor: Visitor,
    assignment_id: int,
    exercise: str,
    picked: list[int] | None,
    told: str,
    *,
    added: bool = False,
) -> Response:
    """The items anew, with what was picked before it is saved."""
    if not is_part(request):
        return RedirectResponse(address(assignment_id, exercise), 303)
    context = {
        "here": address(assignment_id, exercise),
        "tools": desks.tools(site, visitor.actor, assignment_id, exercise),
        "signed": signed,
        "picked": frozenset(picked or ()),
        "told": told,
        "added": added,
        "is_open": True,
    }
    return page(request, "grading/items.html", context)


def _library(
    request: Request, site: Site, visitor: Visitor, assignment_id: int, exercise: str, told: str
) -> Response:
    if not is_part(request):
        return RedirectResponse(address(assignment_id, exercise), 303)
    context = {
        "here": address(assignment_id, exercise),
        "tools": desks.tools(site, visitor.actor, assignment_id, exercise),
        "told": told,
    }
    return page(request, "grading/library.html", context)


def _answers(count: int) -> str:
    return "answer follows that was" if count == 1 else "answers follow that were"
