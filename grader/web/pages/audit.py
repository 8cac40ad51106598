"""The audit log of a course: who did what, when and why."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response

from grader.services import courses
from grader.web.pages.auditwords import ACTIONS, facts_of, in_words, reason_of
from grader.web.pages.frame import course_frame, for_instructors
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, Cursor, RowInPath

router = for_people()


@router.get("/courses/{course_id}/audit")
def show_log(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    action: Annotated[str, Query(max_length=80)] = "",
    by: Annotated[str, Query(max_length=200)] = "",
    cursor: Cursor = None,
) -> Response:
    """The log, the latest first; for instructors."""
    frame = for_instructors(course_frame(site, visitor.actor, course_id))
    found, names = courses.audit_log(
        site, visitor.actor, course_id, action=action or None, by=by.strip(), cursor=cursor
    )
    entries = [
        {
            "at": one.at,
            "who": "Chainrule" if one.actor_id is None else names.people[one.actor_id],
            "words": in_words(one, names),
            "reason": reason_of(one),
            "facts": facts_of(one),
        }
        for one in found.items
    ]
    context = {
        "frame": frame,
        "tab": "audit",
        "entries": entries,
        "next_cursor": found.next_cursor,
        "actions": ACTIONS,
        "action": action,
        "by": by,
        "is_first": cursor is None,
    }
    return page(request, "audit.html", context)
