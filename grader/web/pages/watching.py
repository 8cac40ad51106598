"""How far judging has come, for pages: as events, and as a part that scripts ask for instead."""

from __future__ import annotations

from typing import Annotated

from anyio import to_thread
from fastapi import Path, Request, Response
from fastapi.responses import StreamingResponse

from grader.services.attempts import get_attempt
from grader.services.watching import may_watch
from grader.web.api.bodies import RowId
from grader.web.api.events import LastEventId, stream
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite

router = for_people()

AttemptId = Annotated[RowId, Path()]


@router.get("/attempts/{attempt_id}/events", response_class=StreamingResponse)
async def watch(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    attempt_id: AttemptId,
    last_event_id: LastEventId = None,
) -> Response:
    """The events of the API, for who is signed in on the pages."""
    await to_thread.run_sync(may_watch, site, visitor.actor, attempt_id)
    return await stream(request, site, visitor.actor, attempt_id, last_event_id)


@router.get("/attempts/{attempt_id}/progress")
def progress(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, attempt_id: AttemptId
) -> Response:
    """Where it stands, where events do not come through; once it is over the page loads anew."""
    watched = get_attempt(site, visitor.actor, attempt_id)
    headers = {"HX-Refresh": "true"} if watched.news.is_last else {}
    return page(request, "student/progress_part.html", {"news": watched.news}, headers=headers)
