"""Column types and expressions that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Select, String, bindparam, literal_column, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class _Duration(TypeDecorator[timedelta]):
    """A timedelta as microseconds: what is added to an Instant."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> int | None:
        return None if value is None else value // _MICROSECOND


class Instant(TypeDecorator[datetime]):
    """A moment as microseconds since 1970 in UTC: an aware datetime in Python.

    A whole number, since SQLite has no time with a zone, and one that sorts, compares and takes
    part in arithmetic alike on both databases.
    """

    impl = BigInteger
    cache_ok = True

    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> TypeEngine[Any]:
        """A timedelta can be added or taken off."""
        return _Duration() if isinstance(value, timedelta) else self

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Refuses a datetime without a zone: nobody knows which moment it is."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """In UTC."""
        return None if value is None else _EPOCH + value * _MICROSECOND


class now(FunctionElement[datetime]):
    """The database's clock at this very moment, not at the transaction's beginning.

    Leases are judged by it alone: the clocks of workers may be off by hours.
    """

    type = Instant()
    inherit_cache = True
    name = "now_instant"


@compiles(now, "sqlite")
def _now_on_sqlite(element: now, compiler: SQLCompiler, **_: Any) -> str:
    return "CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) * 1000 AS INTEGER)"


@compiles(now, "postgresql")
def _now_on_postgresql(element: now, compiler: SQLCompiler, **_: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"


class _each_of(FunctionElement[int]):
    """Rows `each` of one column `value`: the numbers of a text, between commas."""

    inherit_cache = True
    name = "each_of"


@compiles(_each_of, "sqlite")
def _each_on_sqlite(element: _each_of, compiler: SQLCompiler, **more: Any) -> str:
    text = compiler.process(element.clauses, **more)
    return f"json_each('[' || {text} || ']') AS each"


@compiles(_each_of, "postgresql")
def _each_on_postgresql(element: _each_of, compiler: SQLCompiler, **more: Any) -> str:
    text = compiler.process(element.clauses, **more)
    return f"unnest(CAST(string_to_array({text}, ',') AS BIGINT[])) AS each(value)"


def numbers(of: Collection[int]) -> Select[int]:
    """Any number of numbers for `IN`, as one parameter: of tens of thousands no database takes as
    many."""
    text = ",".join(map(str, sorted(of)))
    each = _each_of(bindparam("each", text, type_=String, unique=True))
    return select(literal_column("each.value", BigInteger)).select_from(each)


class secret_seed(FunctionElement[str]):
    """16 hexadecimal digits from the database's source of random numbers, others for each row."""

    type = String(16)
    inherit_cache = True
    name = "secret_seed"


@compiles(secret_seed, "sqlite")
def _seed_on_sqlite(element: secret_seed, compiler: SQLCompiler, **_: Any) -> str:
    return "lower(hex(randomblob(8)))"


@compiles(secret_seed, "postgresql")
def _seed_on_postgresql(element: secret_seed, compiler: SQLCompiler, **_: Any) -> str:
    # Of a random UUID the first eight digits are random all.
    return "left(gen_random_uuid()::text, 8) || left(gen_random_uuid()::text, 8)"
