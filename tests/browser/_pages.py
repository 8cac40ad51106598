"""Every page, who looks at it, and where it is: for tests and for pictures of all of them.

A page that is added gets a line here; a route without one fails a test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from grader.web import pages

NOBODY = "nobody"

# By the route's path those who look, by first names (see `_filled`).
PAGES: Mapping[str, tuple[str, ...]] = {
    "/account": ("ines",),
    "/account/join": ("ada",),
    "/assignments/{assignment_id}": ("ada", "ines"),
    "/assignments/{assignment_id}/extensions": ("ines",),
    "/assignments/{assignment_id}/files": ("ada",),
    "/assignments/{assignment_id}/grading": ("tom",),
    "/assignments/{assignment_id}/grading/{exercise}": ("tom",),
    "/assignments/{assignment_id}/release": ("ines",),
    "/assignments/{assignment_id}/requests": ("tom",),
    "/assignments/{assignment_id}/settings": ("ines",),
    "/assignments/{assignment_id}/similarity": ("tom",),
    "/assignments/{assignment_id}/submissions": ("tom",),
    "/assignments/{assignment_id}/versions": ("ines",),
    "/courses": ("ada", "ines"),
    "/courses/new": ("root",),
    "/courses/{course_id}": ("ada", "ines"),
    "/courses/{course_id}/assignments/new": ("ines",),
    "/courses/{course_id}/audit": ("ines",),
    "/courses/{course_id}/canvas": ("ines",),
    "/courses/{course_id}/canvas/{link_id}": ("ines",),
    "/courses/{course_id}/gradebook": ("ines",),
    "/courses/{course_id}/gradebook/files": ("tom",),
    "/courses/{course_id}/gradebook/fill": ("tom",),
    "/courses/{course_id}/gradebook/import": ("ines",),
    "/courses/{course_id}/grades-out": ("tom",),
    "/courses/{course_id}/lms": ("ines",),
    "/courses/{course_id}/people": ("ines",),
    "/courses/{course_id}/people/import": ("ines",),
    "/courses/{course_id}/people/{person_id}": ("ines",),
    "/courses/{course_id}/queue": ("tom",),
    "/courses/{course_id}/settings": ("ines",),
    "/courses/{course_id}/webhooks": ("ines",),
    "/courses/{course_id}/webhooks/{webhook_id}": ("ines",),
    "/lti/link/{launch_id}": ("ines",),
    "/platforms": ("root",),
    "/platforms/new": ("root",),
    "/platforms/{platform_id}": ("root",),
    "/requests/{request_id}": ("ada", "tom"),
    "/sign-in": (NOBODY,),
    "/similarity/{comparison_id}/{first_id}/{second_id}": ("tom",),
    "/submissions/{submission_id}": ("ada", "tom"),
    "/submissions/{submission_id}/compare/{other_id}": ("ada",),
    "/submissions/{submission_id}/notebook": ("ada",),
    "/versions/{version_id}": ("ines",),
    "/versions/{version_id}/shadow": ("ines",),
    "/welcome": (NOBODY,),
    "/workers": ("root",),
}

# Routes that answer with something else than a page of their own, and what that is.
ELSEWHERE: Mapping[str, str] = {
    "/": "leads to /courses",
    "/assignments/{assignment_id}/files/{name:path}": "a file",
    "/assignments/{assignment_id}/submissions/live": "rows of the table",
    "/assignments/{assignment_id}/release/counts": "part of the page of releases",
    "/attempts/{attempt_id}/events": "news of the progress",
    "/attempts/{attempt_id}/progress": "part of a submission's page",
    "/courses/{course_id}/gradebook.csv": "a file",
    "/courses/{course_id}/gradebook.xlsx": "a file",
    "/courses/{course_id}/gradebook/for/{lms}.csv": "a file",
    "/courses/{course_id}/people/choices": "choices of a field",
    "/courses/{course_id}/queue/now": "part of the queue's page",
    "/lti/configuration": "for Canvas",
    "/lti/jwks": "our keys",
    "/lti/login": "leads to an LMS",
    "/lti/register": "for an LMS, with a link of its own",
    "/submissions/{submission_id}/comments": "part of a submission's page",
    "/submissions/{submission_id}/file": "a file",
    "/submissions/{submission_id}/notebook.ipynb": "a file",
    "/submissions/{submission_id}/notebook/frame": "in its frame",
    "/submissions/{submission_id}/progress": "part of a submission's page",
    "/submissions/{submission_id}/replay/file": "a file",
    "/submissions/{submission_id}/replay/result.json": "a file",
    "/versions/{version_id}/bundle": "a file",
    "/versions/{version_id}/shadow/progress": "part of the shadow's page",
    "/versions/{version_id}/trial": "part of a version's page",
    "/workers/now": "part of the workers' page",
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
        words = re.sub(r"\{(\w+?)(?:_id)?\}", r"\1", self.route).split("/")
        return "-".join([*filter(None, words), self.who])


def looks(ids: Mapping[str, Any]) -> Iterator[Look]:
    """All of them; `ids` are what stands in the paths, by its name there."""
    for route, people in PAGES.items():
        for who in people:
            yield Look(route, who, route.format(**ids))


def routes() -> set[str]:
    """The paths of all routes that a browser opens."""
    return {route.path for route in pages.ROUTES if "GET" in route.methods}
