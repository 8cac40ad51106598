"""Errors as pages: what happened in words, and the one thing to do next."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from grader.web.pages.rendering import is_part, page

_TITLES = {
    401: "Sign in first",
    403: "This is not yours to do",
    404: "There is no such page",
    409: "That does not fit any more",
    413: "That is too large",
    422: "Something in it is not right",
    429: "Not so fast",
    503: "Not at this moment",
}
_OURS = "This failed on our side"


def is_for_pages(path: str) -> bool:
    """Whether people ask for this, and not programs."""
    return not path.startswith(("/api/", "/metrics", "/healthz", "/readyz"))


def failure_page(
    request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """A page, or for a part of one a message on the page that is open.

    Who is not signed in is led there, and back afterwards.
    """
    if status == 401:
        return _to_sign_in(request)
    title = _TITLES.get(status, _OURS if status >= 500 else "This could not be done")
    detail = detail[:1].upper() + detail[1:]
    context = {
        "title": title,
        "detail": detail if detail.endswith((".", "!", "?")) else f"{detail}.",
    }
    if is_part(request):
        where = {"HX-Retarget": "#messages", "HX-Reswap": "beforeend", **(headers or {})}
        return page(
            request,
            "parts/message.html",
            {**context, "kind": "problem"},
            status=status,
            headers=where,
        )
    return page(
        request, "failure.html", {**context, "status": status}, status=status, headers=headers
    )


def _open_page(request: Request) -> str:
    """The page that asks for a part of itself, as it says; the courses where it says nothing."""
    said = urlsplit(request.headers.get("hx-current-url", ""))
    if said.netloc != request.url.netloc or not said.path.startswith("/"):
        return "/courses"
    return said.path + (f"?{said.query}" if said.query else "")


def _to_sign_in(request: Request) -> Response:
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    then = path if request.method == "GET" and not is_part(request) else _open_page(request)
    target = f"/sign-in?then={quote(then, safe='')}"
    if is_part(request):
        return Response(status_code=204, headers={"HX-Redirect": target})
    return RedirectResponse(target, 303)
