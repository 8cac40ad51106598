"""A bound on what is read of a request, before anything else sees it."""

from __future__ import annotations

from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grader.web.incoming import Incoming
from grader.web.problems import too_large


class BodyLimit:
    """Answers 413 to a request that is, or turns out to be, longer than what is read of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what is read of its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope["app"].state
        declared = dict(scope["headers"]).get(b"content-length")
        most: int = state.site.settings.upload_bytes
        if declared is not None and (not declared.isdigit() or int(declared) > most):
            await _refused(scope, most)(scope, receive, send)
            return
        body = Incoming(None if declared is None else int(declared), most, state.bodies)
        scope.setdefault("state", {})["incoming"] = body
        answered = too_long = False

        async def counted() -> Message:
            nonlocal too_long
            # Before the first byte: nobody has said by now that it may be as long as it says.
            message = None if body.is_too_long else await receive()
            if message is not None:
                body.add(len(message.get("body", b"")))
            if message is None or body.is_too_long:
                too_long = True
                raise _TooLong
            return message

        async def watched(message: Message) -> None:
            nonlocal answered
            if too_long and not answered:
                return  # somebody has made another error of ours
            answered = True
            await send(message)

        try:
            with suppress(_TooLong):
                await self._app(scope, counted, watched)
        finally:
            body.over()
        if too_long and not answered:
            await _refused(scope, body.limit)(scope, receive, send)


def _refused(scope: Scope, limit: int) -> ASGIApp:
    words = f"a request is {limit >> 10} KiB at most here; of a notebook, clear the outputs"
    return too_large(scope, words)


class _TooLong(Exception):
    pass
