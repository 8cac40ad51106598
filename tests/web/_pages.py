"""Somebody who looks at pages and sends their forms."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from grader.services import signing_in
from grader.services.access import Actor
from grader.services.site import Site
from grader.web.pages.visitors import COOKIE, Visitor


@dataclass(frozen=True)
class Reader:
    """A person signed in on the pages."""

    client: TestClient
    visitor: Visitor

    def get(self, path: str, **params: Any) -> Response:
        """A page; where it leads is not followed."""
        return self.client.get(path, params=params, headers=self._cookie, follow_redirects=False)

    def post(self, path: str, *, files: Any = None, **fields: Any) -> Response:
        """A form, with the token that the page would have put into it."""
        data = {"csrf": self.visitor.form_token(), **fields}
        return self.client.post(
            path, data=data, files=files, headers=self._cookie, follow_redirects=False
        )

    @property
    def _cookie(self) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self.visitor.secret}"}


def reader(site: Site, client: TestClient, actor: Actor) -> Reader:
    """Somebody in a fresh session."""
    secret = signing_in.begin(site, actor).secret
    return Reader(client, Visitor(actor, secret))


def text_of(answer: Response) -> str:
    """What a page says, without its tags and on one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())


def hidden(answer: Response, name: str) -> str:
    """The value of a hidden field of a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.text)
    assert found, name
    return html.unescape(found[1])
