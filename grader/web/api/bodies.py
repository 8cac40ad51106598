"""What the bodies of several routes have in common."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from grader.safetext import storable


class Body(BaseModel):
    """What a client sends: unknown fields are an error."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class View(BaseModel):
    """What a client gets: read from a row or a dataclass."""

    model_config = ConfigDict(from_attributes=True)


def answered(view: View, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that holds the view, as a route of its `response_model`.

    For what everybody asks for at once: the framework would validate it once more, in another
    thread's turn.
    """
    text = view.model_dump_json()
    return Response(text, status, headers, media_type="application/json")


Item = TypeVar("Item")


class PageView(BaseModel, Generic[Item]):
    """A page of a list; `next_cursor` is None on the last one."""

    items: list[Item]
    next_cursor: str | None


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] = []


def _plain(text: str) -> str:
    # No database keeps a NUL, and no encoder a lone surrogate.
    if storable(text) != text or "\0" in text:
        raise ValueError("holds characters that cannot be stored")
    return text


def _in_our_time(moment: datetime) -> datetime:
    # Sums with a moment, and its way into another zone, have to be moments, too.
    if not 1970 < moment.year < 2200:
        raise ValueError("lies outside the years 1971 to 2199")
    return moment.astimezone(UTC)


Plain = AfterValidator(_plain)
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200), Plain]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=1000), Plain]
Email = Annotated[
    str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254, to_lower=True), Plain
]
Moment = Annotated[AwareDatetime, AfterValidator(_in_our_time)]
RowId = Annotated[int, Field(ge=1, lt=1 << 63)]


def items_of(view: Any, rows: list[Any]) -> list[Any]:
    """Each row as that view."""
    return [view.model_validate(row) for row in rows]
