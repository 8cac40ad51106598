"""One request from the outside: its id, its line in the log, and its place in the metrics."""

from __future__ import annotations

import logging
import re
import time
import uuid

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grader.logs import bound
from grader.web.pages.files import Files
from grader.web.problems import failure_of_ours

_FILES = "/static"
NO_ROUTE = "(none)"  # the template of what no route answers: a client may ask for anything
_GONE = 499  # the client went before it was answered

_HEADER = b"x-request-id"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Asked every few seconds by machines; they would bury everything else.
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})

log = logging.getLogger(__name__)


class Requests:
    """Binds an id to each request, answers it in X-Request-ID and logs one line when it is over.

    The outermost of the application's layers: a failure that nothing below has handled is logged
    and answered here, with the id.
    """

    def __init__(self, app: ASGIApp, *, routed: FastAPI) -> None:
        self._app = app
        self._routed = routed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and watch it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _id_of(scope)
        scope.setdefault("state", {})
        status: int | None = None
        begun = time.perf_counter()

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), (_HEADER, request_id.encode())]
                message = {**message, "headers": headers}
            await send(message)

        with bound(request=request_id):
            try:
                await self._app(scope, receive, named)
            except Exception:
                log.exception("an unexpected failure")
                if status is not None:
                    raise  # half an answer is out: the server breaks the connection off
                await failure_of_ours(scope)(scope, receive, named)
            finally:
                self._over(scope, status or _GONE, time.perf_counter() - begun)

    def _over(self, scope: Scope, status: int, seconds: float) -> None:
        route = _template(scope)
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self._routed.state.metrics.observe(method, route, status, seconds)
        log.log(
            logging.DEBUG if route in _QUIET else logging.INFO,
            "request",
            extra={
                "method": method,
                "route": route,
                "status": status,
                "ms": round(seconds * 1000, 1),
                "actor": scope["state"].get("actor_id"),
            },
        )


def _template(scope: Scope) -> str:
    if "endpoint" not in scope:
        return NO_ROUTE
    if isinstance(scope["endpoint"], Files):
        return _FILES
    # The API's document has a route of another kind, whose path is the one that is asked for.
    return str(scope["route"].path if "route" in scope else scope["path"])


def _id_of(scope: Scope) -> str:
    """The id that the client or a proxy gave, where it is a plain one; otherwise a fresh one."""
    given = dict(scope["headers"]).get(_HEADER, b"").decode("latin-1")
    return given if _ID.fullmatch(given) else uuid.uuid4().hex
