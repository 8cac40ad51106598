"""Lists in pages, by the key of the last row seen instead of by counting rows."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, and_, or_
from sqlalchemy.orm import Session
from sqlalchemy.sql import coercions, roles
from sqlalchemy.types import TypeEngine

from grader.db.types import Instant
from grader.errors import BadInput
from grader.safetext import storable

MOST = 200
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_MICROSECOND = timedelta(microseconds=1)

Row = TypeVar("Row")


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows, and the cursors of the next page and the one before; None where there is none."""

    items: list[Row]
    next_cursor: str | None
    previous_cursor: str | None = None  # asked for with `backwards`


def page(
    session: Session,
    query: Select[*tuple[Any, ...]],
    keys: Sequence[SQLColumnExpression[Any]],
    *,
    cursor: str | None = None,
    limit: int = 50,
    descending: bool = False,
    backwards: bool = False,
) -> Page[Any]:
    """Rows of `query` in the order of `keys`, which the query has as columns and together name a
    row; from behind `cursor` on, or `backwards` those before it. Raises BadInput for a cursor that
    is none of this list's.

    The query's rows come as they are: tuples where it selects several things.
    """
    downwards = descending is not backwards
    limit = max(1, min(limit, MOST))
    labelled = query.add_columns(*(key.label(f"_key{n}") for n, key in enumerate(keys)))
    if cursor is not None:
        labelled = labelled.where(_behind(keys, _read(cursor, keys), downwards))
    order = [key.desc() if downwards else key.asc() for key in keys]
    rows = session.execute(labelled.order_by(*order).limit(limit + 1)).all()
    more = len(rows) > limit
    rows = rows[:limit]
    if not rows:
        return Page([], None)
    if backwards:
        rows = rows[::-1]
    bare = [row[0] if len(row) == len(keys) + 1 else tuple(row[: -len(keys)]) for row in rows]
    first, last = (cursor_of(rows[at][-len(keys) :], keys) for at in (0, -1))
    came_along = cursor is not None  # there is something where the cursor came from
    return Page(
        bare,
        last if (came_along if backwards else more) else None,
        first if (more if backwards else came_along) else None,
    )


def cursor_of(values: Sequence[Any], keys: Sequence[SQLColumnExpression[Any]]) -> str:
    """The cursor that stands at the row with these keys."""
    plain = [
        (value - _EPOCH) // _MICROSECOND if isinstance(value, datetime) else value
        for value in values
    ]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def _behind(
    keys: Sequence[SQLColumnExpression[Any]], values: Sequence[Any], descending: bool
) -> ColumnElement[bool]:
    # Spelled out instead of as a comparison of tuples: SQLite would not use an index for those.
    steps = []
    for n, (key, value) in enumerate(zip(keys, values, strict=True)):
        same = [earlier == values[at] for at, earlier in enumerate(keys[:n])]
        steps.append(and_(*same, key < value if descending else key > value))
    # The first key by itself, so that an index is entered there instead of walked along to it.
    first = keys[0] <= values[0] if descending else keys[0] >= values[0]
    return and_(first, or_(*steps))


def position(cursor: str | None, keys: Sequence[SQLColumnExpression[Any]]) -> list[Any] | None:
    """The keys of the last row that was seen; None at the beginning. Raises BadInput."""
    return None if cursor is None else _read(cursor, keys)


def _read(cursor: str, keys: Sequence[SQLColumnExpression[Any]]) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        values = None
    fitting = isinstance(values, list) and len(values) == len(keys)
    if not fitting or not all(isinstance(value, int | float | str) for value in values):
        raise BadInput("cursor: it is none of this list's; begin again without one")
    try:
        return [
            _EPOCH + value * _MICROSECOND
            if isinstance(_type_of(key), Instant)
            else _fit(key, value)
            for key, value in zip(keys, values, strict=True)
        ]
    except (TypeError, ValueError, OverflowError):
        raise BadInput("cursor: it is none of this list's; begin again without one") from None


def _fit(key: SQLColumnExpression[Any], value: Any) -> Any:
    kind = _type_of(key).python_type
    if isinstance(value, bool) or isinstance(value, str) is not (kind is str):
        raise ValueError
    if isinstance(value, str) and ("\0" in value or storable(value) != value):
        raise ValueError
    if isinstance(value, int) and abs(value) >= 1 << 63:
        raise ValueError
    return value


def _type_of(key: SQLColumnExpression[Any]) -> TypeEngine[Any]:
    found: TypeEngine[Any] = coercions.expect(roles.ExpressionElementRole, key).type
    return found
