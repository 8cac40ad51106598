"""A bound on what is read of a request, before anything else sees it."""

from __future__ import annotations

from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grader.web.problems import too_large


class BodyLimit:
    """Answers 413 to a request that is, or turns out to be, longer than the installation reads."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what is read of its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit: int = scope["app"].state.site.settings.upload_bytes
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > limit:
            await _refused(scope, limit)(scope, receive, send)
            return
        seen = 0
        answered = too_long = False

        async def counted() -> Message:
            nonlocal seen, too_long
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
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
            await _refused(scope, limit)(scope, receive, send)


def _refused(scope: Scope, limit: int) -> ASGIApp:
    words = f"a request is {limit >> 10} KiB at most; clear the notebook's outputs"
    return too_large(scope, words)


class _TooLong(Exception):
    pass
