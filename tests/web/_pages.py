"""Somebody who looks at pages and sends their forms."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from httpx2 import Response
from starlette.testclient import TestClient

from grader.services.access import Actor
from grader.services.site import Site
from tests.web._visiting import Visit, visit


@dataclass(frozen=True)
class Reader:
    """Somebody on the pages, whose searches and forms are given by the names of their fields."""

    visit: Visit

    def get(self, path: str, **params: Any) -> Response:
        """A page; where it leads is not followed."""
        return self.visit.get(f"{path}?{urlencode(params)}" if params else path)

    def post(self, path: str, *, files: Any = None, **fields: Any) -> Response:
        """A form, with the token that the page would have put into it."""
        return self.visit.post(path, fields, files=files)


def reader(site: Site, client: TestClient, actor: Actor) -> Reader:
    """Somebody in a fresh session."""
    return Reader(visit(site, client, actor))


def text_of(answer: Response) -> str:
    """What a page says, without its tags and on one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())


def hidden(answer: Response, name: str) -> str:
    """The value of a hidden field of a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.text)
    assert found, name
    return html.unescape(found[1])
