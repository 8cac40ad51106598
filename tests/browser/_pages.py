"""Every page, who looks at it, and where it is: for tests and for pictures of all of them.

A page that is added gets a line here; a route without one fails a test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from grader.web import pages
from grader.web.pages.failures import is_for_pages

NOBODY = "nobody"

# By the route's path: those who look, by first names (see `_filled`), and the picture's name.
PAGES: Mapping[str, tuple[str, ...]] = {
    "/sign-in": (NOBODY,),
    "/courses": ("ada", "ines"),
    "/submissions/{submission_id}/notebook": ("ada", "ines"),
    "/assignments/{assignment_id}/similarity": ("ines",),
    "/similarity/{comparison_id}/{first_id}/{second_id}": ("ines",),
}

# Routes that answer with something else than a page of their own: where that is looked at.
ELSEWHERE: Mapping[str, str] = {
    "/": "leads to /courses",
    "/submissions/{submission_id}/notebook/frame": "in its frame",
    "/submissions/{submission_id}/notebook.ipynb": "a file",
}


@dataclass(frozen=True)
class Look:
    """Somebody at a page."""

    route: str
    who: str
    address: str

    @property
    def name(self) -> str:
        """A name for a picture of it: what the page is about, and who looks."""
        words = [part for part in self.route.split("/") if part and not part.startswith("{")]
        return "-".join([*(words or ["home"]), self.who])


def looks(ids: Mapping[str, Any]) -> Iterator[Look]:
    """All of them; `ids` are what stands in the paths, by its name there."""
    for route, people in PAGES.items():
        for who in people:
            yield Look(route, who, route.format(**ids))


def routes() -> set[str]:
    """The paths of all routes that a browser opens."""
    return {path for path in _paths(pages.router.routes) if is_for_pages(path)}


def _paths(found: Any) -> Iterator[str]:
    for route in found:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _paths(inner.routes)
        elif "GET" in route.methods:
            yield route.path
