"""Somebody signed in on the pages, as a browser would be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from grader.services import signing_in
from grader.services.access import Actor
from grader.services.site import Site
from grader.web.pages.visitors import COOKIE, Visitor


@dataclass(frozen=True)
class Visit:
    """A session of somebody's; forms are sent with its token, and nothing is followed."""

    client: TestClient
    visitor: Visitor | None

    def get(self, path: str, **headers: str) -> Response:
        """A page."""
        return self._send("GET", path, headers=headers)

    def post(self, path: str, data: Mapping[str, Any] | None = None, **more: Any) -> Response:
        """A form."""
        token = {} if self.visitor is None else {"csrf": self.visitor.form_token()}
        return self._send("POST", path, data={**token, **(data or {})}, **more)

    def _send(self, method: str, path: str, *, headers: Any = None, **more: Any) -> Response:
        cookie = {} if self.visitor is None else {"cookie": f"{COOKIE}={self.visitor.secret}"}
        sent = {**cookie, **(headers or {})}
        return self.client.request(method, path, headers=sent, follow_redirects=False, **more)


def visit(site: Site, client: TestClient, who: Actor | None) -> Visit:
    """Somebody's new session; nobody's for None."""
    secret = None if who is None else signing_in.begin(site, who).secret
    return Visit(client, None if who is None or secret is None else Visitor(who, secret))
