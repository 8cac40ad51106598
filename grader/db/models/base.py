"""What every table has in common."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import JSON, BigInteger, Enum, ForeignKey, Integer, MetaData, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

from grader.db.types import Instant, now

# SQLite numbers rows by itself only where the key is an INTEGER.
_KEY = BigInteger().with_variant(Integer, "sqlite")
_JSON = JSON().with_variant(JSONB, "postgresql")


class Base(DeclarativeBase):
    """The models' base; constraints have names, so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - as SQLAlchemy wants it
        datetime: Instant,
        dict[str, Any]: _JSON,
        int: BigInteger,
    }


def one_of(words: type[StrEnum], name: str | None = None) -> Enum:
    """The values of an enumeration as text, held by a check constraint; where a table has several
    columns of one, each has a `name`."""
    return Enum(
        words,
        native_enum=False,
        create_constraint=True,
        length=24,
        name=name or words.__name__.lower(),
        values_callable=lambda kind: [member.value for member in kind],
    )


def refers_to(column: str, **more: Any) -> Any:
    """A column that names a row of another table; what is referred to is not deleted."""
    return mapped_column(ForeignKey(column), **more)


Key = Annotated[int, mapped_column(_KEY, primary_key=True)]
Created = Annotated[datetime, mapped_column(Instant, server_default=now())]
Sha256 = Annotated[str, mapped_column(String(64))]
Name = Annotated[str, mapped_column(String(200))]
Slug = Annotated[str, mapped_column(String(80))]
