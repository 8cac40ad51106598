"""An LMS with pages of its own, in a thread: courses whose links open a tool, in a frame or not.

Its pages are at another site than ours (localhost against 127.0.0.1), so that a browser keeps no
cookie of ours in its frames. What it says and signs is made by the package lti1p3platform.
"""

from __future__ import annotations

import html
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from grader.services.access import Actor
from grader.services.platforms import register_platform
from grader.services.registrations import Registration
from grader.services.site import Site
from tests.lmsplatform import DEPLOYMENT, Lms

# The platform's side of keeping what a tool has nowhere to keep.
_KEEPER = """
<script>
const kept = new Map();
addEventListener("message", (event) => {
  const {subject, key, value, message_id} = event.data;
  const answer = {subject: `${subject}.response`, message_id, key};
  if (event.origin !== "%s") return;
  if (subject === "lti.put_data") { kept.set(key, value); answer.value = value; }
  else if (subject === "lti.get_data") { answer.value = kept.get(key); }
  else return;
  event.source.postMessage(answer, event.origin);
});
</script>
"""


@dataclass
class LmsSite:
    """The LMS with its pages. `url` is where people are, `doors` where machines ask. Its tokens
    expire `late_by` sooner."""

    lms: Lms
    url: str
    doors: str
    who: dict[str, dict[str, Any]] = field(default_factory=dict)
    brought: list[Any] = field(default_factory=list)
    late_by: timedelta = timedelta(0)

    def register(self, site: Site, admin: Actor) -> int:
        """Have it registered; the platform's id."""
        given = Registration(
            name="Moodle of the faculty",
            issuer=self.lms.base,
            client_id=self.lms.client_id,
            login_url=f"{self.url}/auth",
            token_url=f"{self.doors}/token",
            jwks_url=f"{self.doors}/jwks",
            is_private=True,
        )
        return register_platform(site, admin, given, DEPLOYMENT).id

    def enrol(self, user: str, roles: list[str], **more: Any) -> None:
        """Somebody in its course; more is what a launch of theirs says."""
        self.who[user] = {"roles": roles, **more}

    def course(self, user: str, *, frame: bool = False, storage: bool = False) -> str:
        """The address of its course's page, as somebody sees it."""
        return f"{self.url}/course?user={user}&frame={int(frame)}&storage={int(storage)}"


@contextmanager
def lms_site(tool: str) -> Iterator[LmsSite]:
    """One for the tool at this address, running."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    url, doors = f"http://localhost:{port}", f"http://127.0.0.1:{port}"
    made = LmsSite(Lms(base=url, tool=tool, client_id=f"client-{port}"), url, doors)
    server = uvicorn.Server(uvicorn.Config(_app(made, tool), log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield made
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def _app(made: LmsSite, tool: str) -> FastAPI:
    app = FastAPI(openapi_url=None)
    lms = made.lms

    @app.get("/course")
    def course(user: str, frame: int, storage: int) -> Response:
        begin = lms.begin(user, hint=user) + ("&lti_storage_target=_parent" if storage else "")
        address = html.escape(begin)
        link = f'<a href="{address}">Open the assignment</a>'
        if frame:
            link = f'<iframe src="{address}" title="Tool" width="95%" height="700"></iframe>'
        page = f"<!doctype html><title>LMS</title><h1>A course</h1>{link}{_KEEPER % tool}"
        return HTMLResponse(page)

    @app.get("/auth")
    def auth(request: Request) -> Response:
        asked = dict(request.query_params)
        user = asked["lti_message_hint"]
        form = lms.launch(asked, user, **made.who[user])
        if made.late_by:
            claims = lms.claims(form)
            claims["exp"] -= made.late_by.total_seconds()
            form["id_token"] = lms.signed(claims)
        fields = "".join(
            f'<input type="hidden" name="{name}" value="{html.escape(value)}">'
            for name, value in form.items()
        )
        return HTMLResponse(
            f'<form method="post" action="{html.escape(asked["redirect_uri"])}">{fields}</form>'
            "<script>document.forms[0].submit()</script>"
        )

    @app.post("/picked")
    async def picked(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        lms.registration.set_tool_key_set(httpx2.get(f"{tool}/lti/jwks").json())
        made.brought[:] = lms.conf.validate_deeplinking_resp(form)
        return RedirectResponse("/done", 303)

    @app.get("/done")
    def done() -> Response:
        titles = ", ".join(html.escape(one["title"]) for one in made.brought)
        return HTMLResponse(f"<!doctype html><title>LMS</title><p>Added: {titles}</p>")

    @app.get("/jwks")
    def jwks() -> Response:
        return JSONResponse(lms.conf.get_jwks())

    return app
