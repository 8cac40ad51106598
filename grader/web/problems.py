"""Every error as problem details (RFC 9457), or as a page for people; one handler a source."""

from __future__ import annotations

import errno
import logging
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, get_args

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import Scope

from grader.errors import (
    NO_ROOM,
    BadFields,
    BadInput,
    Busy,
    ChainruleError,
    InternalError,
    NotNow,
    NotSignedIn,
)
from grader.safetext import storable
from grader.web.pages.failures import failure_page, is_for_pages
from grader.web.routers import PROBLEM

_OURS = "This failed on our side. It is logged; try again."

_FULL = (errno.ENOSPC, errno.EDQUOT)
_AGAIN = timedelta(minutes=1)

_NAMED = re.compile(r"(?P<field>(?P<first>[a-z_]+)(\.\w+)*): (?P<words>.+)", re.DOTALL)

# Between the words of a name like NotASubmission.
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

log = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Have the app answer all errors alike."""
    app.add_exception_handler(ChainruleError, _chainrule_error)
    app.add_exception_handler(OSError, _os_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)


def problem(
    status: int,
    kind: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """One problem; `kind` is its type's last word, `errors` say what is wrong with which field."""
    body: dict[str, Any] = {
        "type": f"urn:chainrule:problem:{kind}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": storable(detail),
    }
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=PROBLEM)


def failure_of_ours(scope: Scope) -> Response:
    """The answer where nothing is known but that it is our fault."""
    return _answer(Request(scope), 500, "internal-error", _OURS)


def too_large(scope: Scope, detail: str) -> Response:
    """The answer to a request that is longer than what is read."""
    return _answer(Request(scope), 413, "too-large", detail, headers={"Connection": "close"})


def _answer(
    request: Request,
    status: int,
    kind: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    if is_for_pages(request.url.path):
        return failure_page(request, status, storable(detail), headers)
    return problem(status, kind, detail, errors=errors, headers=headers)


async def _chainrule_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ChainruleError)
    # One field or several: the same kind of problem.
    named = BadInput if isinstance(error, BadFields) else type(error)
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", named.__name__).lower()
    if isinstance(error, Busy):
        log.warning("put off: %s", error)
    elif isinstance(error, InternalError):
        log.error("a failure of ours: %s", error, exc_info=error)
        return _answer(request, error.status, kind, _OURS)
    headers = {}
    status = error.status
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = 'Bearer realm="chainrule"'
    if isinstance(error, NotNow | Busy) and error.until is not None:
        wait = (error.until - datetime.now(UTC)).total_seconds()
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    if isinstance(error, NotNow) and error.until is not None:
        status = 429
    return _answer(
        request, status, kind, str(error), errors=_by_field(request, error), headers=headers
    )


async def _os_error(request: Request, error: Exception) -> Response:
    if getattr(error, "errno", None) not in _FULL:
        raise error
    log.error("there is no room: %s", error)
    return await _chainrule_error(request, Busy(NO_ROOM, datetime.now(UTC) + _AGAIN))


def _by_field(request: Request, error: ChainruleError) -> Sequence[Mapping[str, str]]:
    """Use cases begin their words with the name of the field that is wrong, where it is one."""
    fields = _fields(request.scope.get("route"))
    if isinstance(error, BadFields):
        return [
            {"field": name, "message": storable(words)[:500]}
            for name, words in error.fields.items()
            if name in fields
        ]
    named = _NAMED.fullmatch(str(error))
    if named is None or named["first"] not in fields:
        return ()
    return [{"field": named["field"], "message": storable(named["words"])[:500]}]


def _fields(route: Any) -> set[str]:
    """What a request to a route may name: what stands in its path and query, and the fields of its
    body or its form. What the route is handed besides, as who sends it, is no field of anybody's.
    """
    asked = getattr(route, "dependant", None)
    if asked is None:
        return set()
    found = set()
    for field in (*asked.path_params, *asked.query_params, *asked.body_params):
        found.add(field.alias)
        hint = field.field_info.annotation
        for one in (hint, *get_args(hint)):
            if isinstance(one, type) and issubclass(one, BaseModel):
                found.update(one.model_fields)
    # A file is read by the route's own way, and told to the document by it.
    form = (route.openapi_extra or {}).get("requestBody", {}).get("content", {})
    for one in form.values():
        found.update(one["schema"]["properties"])
    return found


async def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"field": ".".join(map(str, one["loc"][1:])), "message": storable(str(one["msg"]))[:500]}
        for one in error.errors()[:20]
    ]
    if is_for_pages(request.url.path) and all(one["loc"][0] == "path" for one in error.errors()):
        # No link leads there: an address of a page that is none.
        return _answer(request, 404, "not-found", "there is no such thing")
    first = errors[0]
    detail = f"{first['field']}: {first['message']}" if first["field"] else first["message"]
    return _answer(request, 422, "invalid-request", detail, errors=errors)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    return _answer(request, error.status_code, kind, str(error.detail), headers=error.headers)
