"""What the service answers, as far as the terminal needs it; what is more in an answer is left out.

An answer may come from anybody: a field that is missing, or is not what it should be, is a failure
with that field's name, and texts are shown by way of `grader.safetext`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Id = Annotated[int, Field(ge=1, lt=1 << 63)]
Text = Annotated[str, StringConstraints(max_length=2000)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Secret = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,500}$")]

_ENDS = ("done", "failed", "cancelled")

Item = TypeVar("Item")


class Answer(BaseModel):
    """What was answered; a newer service may say more."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Page(Answer, Generic[Item]):
    """A part of a list; `next_cursor` is None in the last one."""

    items: list[Item]
    next_cursor: str | None


class Person(Answer):
    """Whose token it is."""

    email: Text
    name: Text


class Token(Answer):
    """A token that was just made."""

    id: Id
    secret: Secret


class Course(Answer):
    """A course of one's own."""

    id: Id
    slug: Slug
    title: Text


class Assignment(Answer):
    """An assignment as one meets it oneself: `due_at` is one's own due date."""

    id: Id
    slug: Slug
    title: Text
    stage: Text
    due_at: AwareDatetime | None

    @property
    def is_open(self) -> bool:
        """Whether it takes submissions."""
        return self.stage == "open"


class Receipt(Answer):
    """That a submission is safe."""

    id: Id
    number: int
    name: Text
    sha256: Sha256
    received_at: AwareDatetime
    lateness: Text
    attempt_id: Id


class HandedIn(Answer):
    """A submission that was handed in before; without an attempt it is not judged."""

    id: Id
    name: Text
    attempt_id: Id | None


class News(Answer):
    """Where an attempt stands, in words and by its stage."""

    stage: Text
    words: Text

    @property
    def is_last(self) -> bool:
        """Whether nothing follows."""
        return self.stage in _ENDS


class Attempt(Answer):
    """One judging of a submission."""

    news: News


class Problem(Answer):
    """Problem details (RFC 9457)."""

    detail: Text


def clock(at: datetime) -> str:
    """A moment by this machine's clock and zone, to the second."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z}"
