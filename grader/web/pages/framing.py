"""Pages of launches: the few that an LMS may show in a frame, and forms that come from one.

In a frame there is no session of ours: browsers keep cookies from frames of other sites. Such pages
know nobody, and what they let somebody do is carried by a ticket in their form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import Depends, Request
from fastapi.responses import Response

from grader.errors import BadInput, TooLarge
from grader.web.pages.forms import sentence
from grader.web.pages.rendering import page
from grader.web.pages.safety import policy

STAFF = "your instructor, or to who runs Chainrule"
ADMIN = "who runs Chainrule"
_LARGEST = 256 << 10
_MOST_FIELDS = 300


async def _posted(request: Request) -> Mapping[str, list[str]]:
    """The fields of a form, read within bounds that are far below those of an upload."""
    if request.method != "POST":
        return {}
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise BadInput("this takes a form, as a browser sends it")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            raise TooLarge(f"this takes {_LARGEST >> 10} KiB at most")
    try:
        return parse_qs(
            body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=_MOST_FIELDS,
            errors="strict",
        )
    except ValueError as error:
        raise BadInput("this takes a form, as a browser sends it") from error


Posted = Annotated[Mapping[str, list[str]], Depends(_posted)]


def first(fields: Mapping[str, list[str]], name: str) -> str | None:
    """The value of a field that comes once; None where it is not there. Raises BadInput."""
    found = fields.get(name)
    if found is None:
        return None
    if len(found) > 1:
        raise BadInput(f"{name} comes twice")
    return found[0]


def framed(
    request: Request,
    template: str,
    context: Mapping[str, Any],
    frames: Sequence[str],
    *,
    forms: Sequence[str] = (),
    status: int = 200,
) -> Response:
    """A page that pages of these origins may show in a frame.

    It may be in a window that a page of theirs has opened and waits for.
    """
    headers = {
        "content-security-policy": policy(frames, forms),
        "cross-origin-opener-policy": "unsafe-none",
    }
    return page(request, template, context, status=status, headers=headers)


def refused(
    request: Request, what: str, words: str, status: int, frames: Sequence[str], who: str = STAFF
) -> Response:
    """A page that says what did not work and why, to be shown where the launch was; `who` can do
    something about it."""
    context = {"what": what, "words": sentence(words), "who": who}
    return framed(request, "lti/refused.html", context, frames, status=status)


def is_alone(request: Request) -> bool:
    """Whether the browser says that this is a window of its own, and no frame."""
    return request.headers.get("sec-fetch-dest") == "document"
