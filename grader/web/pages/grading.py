"""Grading by hand: how far it has come, and the desk at which people grade an exercise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from grader.domain.outcomes import Outcome
from grader.services import desk as desks
from grader.services.groups import Finger, Group
from grader.services.marking import signed
from grader.services.site import Site
from grader.web.pages.frame import assignment_frame
from grader.web.pages.rendering import is_part, page
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, RowInPath

router = for_people()

Key = Annotated[str, Form(max_length=64)]

_LISTED_GROUPS = 60
_LISTED_WORDINGS = 6


@router.get("/assignments/{assignment_id}/grading")
def overview(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, assignment_id: RowInPath
) -> Response:
    """The exercises with how many are left, and who grades."""
    found = desks.overview(site, visitor.actor, assignment_id)
    frame = assignment_frame(site, visitor.actor, assignment_id)
    return page(
        request,
        "grading/overview.html",
        {"frame": frame, "tab": "grading", "overview": found},
    )


@router.post("/assignments/{assignment_id}/grading/names")
def hide_names(
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: RowInPath,
    hidden: Annotated[bool, Form()] = False,
) -> Response:
    """Hide or show names while it is graded."""
    desks.hide_names(site, visitor.actor, assignment_id, hidden=hidden)
    return RedirectResponse(f"/assignments/{assignment_id}/grading", 303)


@router.get("/assignments/{assignment_id}/grading/{exercise}")
def desk(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: RowInPath,
    exercise: str,
    answer: int | None = None,
    group: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """The desk with one answer open; without one, with the groups to choose from."""
    return show_desk(request, site, visitor, assignment_id, exercise, answer=answer, group=group)


@router.post("/assignments/{assignment_id}/grading/{exercise}/next")
def next_ungraded(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: RowInPath,
    exercise: str,
    after: Annotated[int | None, Form()] = None,
    group: Key = "",
) -> Response:
    """The next answer that nobody has graded and nobody else has before them."""
    found = desks.take_next(
        site, visitor.actor, assignment_id, exercise, group=group or None, after=after
    )
    said = "" if found else "Nothing is left that nobody else has open."
    return go_on(request, site, visitor, assignment_id, exercise, found, group or None, said)


@router.post("/assignments/{assignment_id}/grading/{exercise}/answers/{submission_id}/claim")
def claim(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: RowInPath,
    exercise: str,
    submission_id: RowInPath,
) -> Response:
    """This answer is open: nobody else is handed it. Says so where somebody else has it."""
    if desks.claim(site, visitor.actor, assignment_id, exercise, submission_id):
        return Response(status_code=204)
    return page(request, "grading/taken.html")


@router.post("/assignments/{assignment_id}/grading/{exercise}/answers/{submission_id}/leave")
def leave(
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: RowInPath,
    exercise: str,
    submission_id: RowInPath,
) -> Response:
    """It is not open any more."""
    desks.leave(site, visitor.actor, assignment_id, exercise, submission_id)
    return Response(status_code=204)


def go_on(
    request: Request,
    site: Site,
    visitor: Visitor,
    assignment_id: int,
    exercise: str,
    answer: int | None,
    group: str | None,
    said: str,
) -> Response:
    """After something was done: the desk with another answer, in place or by its address."""
    if not is_part(request):
        return RedirectResponse(address(assignment_id, exercise, answer, group), 303)
    return show_desk(
        request, site, visitor, assignment_id, exercise, answer=answer, group=group, said=said
    )


def show_desk(
    request: Request,
    site: Site,
    visitor: Visitor,
    assignment_id: int,
    exercise: str,
    *,
    answer: int | None,
    group: str | None,
    said: str = "",
) -> Response:
    """The desk as a page, or as the part of it that is swapped; `said` is told to who listens."""
    actor = visitor.actor
    found = desks.get_desk(site, actor, assignment_id, exercise)
    opened = None if answer is None else desks.open_answer(site, actor, found, answer)
    frame = assignment_frame(site, actor, assignment_id)
    within = found.within(group)
    if answer is not None and answer not in within:
        group, within = None, found.order
    context = {
        "frame": frame,
        "tab": "grading",
        "desk": found,
        "opened": opened,
        "group": group,
        "said": said,
        "here": address(assignment_id, exercise),
        "link": lambda one, key=group: address(assignment_id, exercise, one, key),
        "within": within,
        "place": within.index(answer) if answer is not None else None,
        "together": desks.together(found, actor, answer) if answer is not None else [],
        "listed": _listed(found),
        "wrong_of": _wrong,
        "most_wordings": _LISTED_WORDINGS,
        **tools_context(site, visitor, assignment_id, exercise, opened),
    }
    restored = request.headers.get("hx-history-restore-request") == "true"
    if not is_part(request) or restored:
        return page(request, "grading/desk.html", context)
    pushed = {"HX-Push-Url": address(assignment_id, exercise, answer, group)}
    return page(request, "grading/workspace.html", context, headers=pushed)


def tools_context(
    site: Site,
    visitor: Visitor,
    assignment_id: int,
    exercise: str,
    opened: desks.Opened | None,
) -> Mapping[str, Any]:
    """What the rubric's panel and the comment library need."""
    mark = opened.mark if opened else None
    picked = opened.picked if opened else frozenset()
    # Without an item the points besides are what was given, also where they are none.
    has_besides = mark is not None and (mark.adjustment != 0 or not picked)
    return {
        "tools": desks.tools(site, visitor.actor, assignment_id, exercise),
        "signed": signed,
        "given": {
            "picked": picked,
            "adjustment": mark.adjustment if mark and has_besides else None,
            "comment": mark.comment if mark else "",
        },
    }


def address(
    assignment_id: int, exercise: str, answer: int | None = None, group: str | None = None
) -> str:
    """Where an exercise is graded; of an answer or a group of answers where one is given."""
    parts = {"answer": answer, "group": group}
    asked = urlencode({name: value for name, value in parts.items() if value is not None})
    path = f"/assignments/{assignment_id}/grading/{exercise}"
    return f"{path}?{asked}" if asked else path


def _wrong(group: Group) -> list[Finger]:
    """What checks found wrong in a group's answers."""
    fine = (Outcome.PASSED, Outcome.PENDING)
    return [one for one in group.fingers if one.outcome not in fine]


def _listed(found: desks.Desk) -> Mapping[str, Any]:
    """The groups that are listed by themselves, and how many answers are in smaller ones."""
    several = [one for one in found.groups if one.count > 1][:_LISTED_GROUPS]
    alone = [one for one in found.groups if one not in several]
    return {
        "groups": several,
        "alone": sum(one.count for one in alone),
        "others": len(alone),
        "alone_left": sum(one.left for one in alone),
    }
