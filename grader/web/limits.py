"""A bound on what is read of a request, before anything else sees it."""

from __future__ import annotations

from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grader.web.problems import too_large


class BodyLimit:
    """Answers 413 to a request that is, or turns out to be, longer than `limit` bytes."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what is read of its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self._limit:
            await self._refused(scope)(scope, receive, send)
            return
        seen = 0
        answered = too_long = False

        async def counted() -> Message:
            nonlocal seen, too_long
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                too_long = True
                raise _TooLong
            return message

        async def watched(message: Message) -> None:
            nonlocal answered
            if too_long and not answered:
                return  # somebody has made another error of ours
            answered = True
            await send(message)

        with suppress(_TooLong):
            await self._app(scope, counted, watched)
        if too_long and not answered:
            await self._refused(scope)(scope, receive, send)

    def _refused(self, scope: Scope) -> ASGIApp:
        words = f"a request is {self._limit >> 10} KiB at most; clear the notebook's outputs"
        return too_large(scope, words)


class _TooLong(Exception):
    pass
