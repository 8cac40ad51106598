"""How far judging an attempt has come, as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Annotated

import anyio.to_thread
from fastapi import Depends, Header, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from grader.services import watching
from grader.services.access import Actor
from grader.services.site import Site
from grader.services.watching import News
from grader.web.api.attempts import AttemptId, news_view
from grader.web.files import text_answer
from grader.web.routers import for_programs
from grader.web.security import Credentials, CurrentSite, actor_of
from grader.web.watcher import Watcher

router = for_programs("attempts")

LastEventId = Annotated[str | None, Header(max_length=100)]

_HEARTBEAT_S = 15.0
_RETRY_MS = 2000
_OVER = "over"  # the id of the last event

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # a proxy that gathers would keep the news back
    "X-Content-Type-Options": "nosniff",
}


def _watching(
    request: Request, site: CurrentSite, credentials: Credentials, attempt_id: AttemptId
) -> Actor:
    # In one go: each dependency of its own is another thread's turn.
    actor = actor_of(request, site, credentials)
    watching.may_watch(site, actor, attempt_id)
    return actor


@router.get(
    "/attempts/{attempt_id}/events",
    response_class=StreamingResponse,
    responses={
        **text_answer("text/event-stream"),
        204: {"description": "The last event was received before: don't connect again"},
    },
)
async def watch_attempt(
    request: Request,
    site: CurrentSite,
    actor: Annotated[Actor, Depends(_watching)],
    attempt_id: AttemptId,
    last_event_id: LastEventId = None,
) -> Response:
    """Where the attempt stands, and every change, until it is done, failed or cancelled.

    Events are named `news` and hold what `news` of an attempt holds. On connecting, and so also on
    connecting again, the present state comes first.
    """
    return await stream(request, site, actor, attempt_id, last_event_id)


async def stream(
    request: Request, site: Site, actor: Actor, attempt_id: int, last_event_id: str | None
) -> Response:
    """The events of an attempt for `actor`, who may watch it, however they have signed in."""
    if last_event_id == _OVER:
        news = await anyio.to_thread.run_sync(watching.look, site, [attempt_id])
        if news[attempt_id].is_last:
            return Response(status_code=204)
    watcher: Watcher = request.app.state.watcher
    with ExitStack() as stack:
        # Before it begins: many that are asked for at one moment begin only afterwards.
        stack.enter_context(watcher.counted(actor.person_id))
        return _Events(watcher, attempt_id, stack.pop_all())


class _Events(StreamingResponse):
    """The events of an attempt; `over` is closed with it, also where it has never begun."""

    def __init__(self, watcher: Watcher, attempt_id: int, over: ExitStack) -> None:
        events = _events(watcher, attempt_id)
        super().__init__(events, media_type="text/event-stream", headers=_HEADERS)
        self._over = over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        with self._over:
            await super().__call__(scope, receive, send)


async def _events(watcher: Watcher, attempt_id: int) -> AsyncIterator[str]:
    with watcher.watching(attempt_id) as stream:
        yield f"retry: {_RETRY_MS}\n\n"
        while True:
            news = await stream.next(_HEARTBEAT_S)
            if news is None:
                yield ": still here\n\n"
                continue
            yield _event(news)
            if news.is_last:
                return


def _event(news: News) -> str:
    name = _OVER if news.is_last else "now"
    return f"id: {name}\nevent: news\ndata: {news_view(news).model_dump_json()}\n\n"
