"""Courses, people and what they may do."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from grader.db.models.base import Base, Created, Key, Name, Slug, one_of, refers_to


class Role(StrEnum):
    """What somebody is in one course."""

    STUDENT = "student"
    TA = "ta"
    INSTRUCTOR = "instructor"


class Course(Base):
    """A course in one term. `timezone` is an IANA name: its dates are shown in it.

    `served` is the number of the turn in which an attempt of it was last claimed, counted over all
    courses: the one with the lowest is next.
    """

    __tablename__ = "course"

    id: Mapped[Key]
    slug: Mapped[Slug] = mapped_column(unique=True)
    title: Mapped[Name]
    timezone: Mapped[str] = mapped_column(String(64), default="UTC")
    served: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[Created]


class Person(Base):
    """Somebody who signs in or holds a token.

    `email` is the address that a local account signs in with; who comes from an LMS has none.
    `contact` is the address that the LMS tells of them: to be shown, never to find out who they
    are, since they may set it there as they like.
    """

    __tablename__ = "person"

    id: Mapped[Key]
    email: Mapped[str | None] = mapped_column(String(254), unique=True)
    contact: Mapped[str | None] = mapped_column(String(254))
    name: Mapped[Name]
    password_hash: Mapped[str | None] = mapped_column(String(255))
    is_admin: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[Created]

    __table_args__ = (Index(None, "name", "id"),)

    @property
    def address(self) -> str:
        """Where they can be reached, for people to read; empty where nobody knows."""
        return self.email or self.contact or ""


class Enrolment(Base):
    """Somebody's role in a course. Those of one `team` share submissions and scores.

    `by_lms` tells that the role is the one that an LMS says: it follows what is said there, while
    one that a person gave stays.
    """

    __tablename__ = "enrolment"

    course_id: Mapped[int] = refers_to("course.id", primary_key=True)
    person_id: Mapped[int] = refers_to("person.id", primary_key=True)
    role: Mapped[Role] = mapped_column(one_of(Role))
    team: Mapped[str | None] = mapped_column(String(80))
    by_lms: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[Created]

    __table_args__ = (Index(None, "person_id"), Index(None, "course_id", "role"))


class Token(Base):
    """An API token: only its hash is kept. `scopes` are words separated by spaces."""

    __tablename__ = "token"

    id: Mapped[Key]
    person_id: Mapped[int] = refers_to("person.id", index=True)
    name: Mapped[Name]
    hash: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[str] = mapped_column(String(400))
    created_at: Mapped[Created]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("hash"),)


class BrowserSession(Base):
    """Somebody signed in on the pages: only the hash of the cookie is kept.

    It ends at `expires_at`, earlier where nothing is heard of it for long.
    """

    __tablename__ = "browser_session"

    id: Mapped[Key]
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[int] = refers_to("person.id", index=True)
    created_at: Mapped[Created]
    seen_at: Mapped[Created]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class PasswordLink(Base):
    """The last link that a course made for somebody to choose their first password by; its secret
    is kept as a hash.

    It holds on the word of its author, for the course that it was made in. One that was used stays,
    and ends those of other courses: it tells on whose word the account was opened, until an
    administrator sets a password for it.
    """

    __tablename__ = "password_link"

    person_id: Mapped[int] = refers_to("person.id", primary_key=True)
    course_id: Mapped[int] = refers_to("course.id", primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    author_id: Mapped[int] = refers_to("person.id")
    created_at: Mapped[Created]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
