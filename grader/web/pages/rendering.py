"""Templates made into pages: what every template is given, and how values are written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from grader.web.pages.visitors import Visitor
from grader.web.pages.words import OUTCOME_WORDS, bytes_in_words, points, relative

STATIC = Path(__file__).parent.parent / "static"
_TEMPLATES = Path(__file__).parent.parent / "templates"


def page(
    request: Request,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """A page, or a part of one, from a template.

    Each template is given `request`, `visitor` (None where nobody is signed in), `form_token()` and
    `now`, besides its own context.
    """
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    text = (
        _environment()
        .get_template(template)
        .render(
            {
                "request": request,
                "visitor": visitor,
                "form_token": visitor.form_token if visitor else str,
                "now": datetime.now(UTC),
                **(context or {}),
            }
        )
    )
    return HTMLResponse(text, status, headers=dict(headers or {}))


def is_part(request: Request) -> bool:
    """Whether a script asks for a part of a page that is open already."""
    return request.headers.get("hx-request") == "true"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(static=_static_url, outcome_words=OUTCOME_WORDS)
    environment.filters.update(
        points=points, size=bytes_in_words, moment=_moment, exact=_exact, plural=_plural
    )
    return environment


@cache
def _static_url(name: str) -> str:
    """The address of a file of ours; another one whenever its content is, so that it is cached."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def _moment(at: datetime | None, zone: str = "UTC", never: str = "never") -> Markup | str:
    """A moment as people say it, with the exact one in the zone on hover and for machines."""
    if at is None:
        return never
    exact = f"{_exact(at, zone)} {zone}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.isoformat(), exact, relative(at, datetime.now(UTC))
    )


def _exact(at: datetime, zone: str = "UTC") -> str:
    """A moment by day and time in the zone."""
    return f"{at.astimezone(ZoneInfo(zone)):%a %d %b %Y, %H:%M}"


def _plural(count: int, one: str, many: str | None = None) -> str:
    """A number with its noun: 1 submission, 2 submissions."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
