"""Learning management systems: who they are, what of theirs is linked here, grades on their way.

Identity is (issuer, subject), never an e-mail address. A platform is one registration of ours with
an LMS; a deployment is one place in it where the tool was added; a context is a course there, and
several may be linked to one course here.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from grader.db.models.base import Base, Created, Key, Name, one_of, refers_to
from grader.db.models.delivered import Delivered, delivered_arguments
from grader.db.models.people import Role

_LONGEST_ADDRESS = 2000


class SigningKey(Base):
    """A key of ours, by which platforms know that we are we: PEM of an RSA key.

    The newest that is not retired signs, once it has been published for some minutes; a retired one
    is still published for a while: platforms keep what they have read.
    """

    __tablename__ = "signing_key"

    id: Mapped[Key]
    kid: Mapped[str] = mapped_column(String(64), unique=True)
    private_pem: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Created]
    retired_at: Mapped[datetime | None]


class Platform(Base):
    """An LMS that may launch us, as it was registered. `product` is its family: moodle, canvas.

    `pages` are further origins, with spaces between them, at which people use it: its pages show
    ours in frames. `is_private`: an admin has vouched for addresses of it in private networks.
    While it does not answer, since `failing_since`, no grade is sent to it before `resting_until`.
    """

    __tablename__ = "platform"

    id: Mapped[Key]
    name: Mapped[Name]
    product: Mapped[str] = mapped_column(String(80), default="")
    issuer: Mapped[str] = mapped_column(String(255))
    client_id: Mapped[str] = mapped_column(String(255))
    login_url: Mapped[str] = mapped_column(String(_LONGEST_ADDRESS))
    token_url: Mapped[str] = mapped_column(String(_LONGEST_ADDRESS))
    token_audience: Mapped[str | None] = mapped_column(String(_LONGEST_ADDRESS))
    jwks_url: Mapped[str] = mapped_column(String(_LONGEST_ADDRESS))
    pages: Mapped[str] = mapped_column(String(1000), default="")
    is_private: Mapped[bool] = mapped_column(default=False)
    author_id: Mapped[int] = refers_to("person.id")
    created_at: Mapped[Created]
    disabled_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    resting_until: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("issuer", "client_id"),)


class Deployment(Base):
    """A place in a platform where the tool was added; others of it are refused."""

    __tablename__ = "deployment"

    id: Mapped[Key]
    platform_id: Mapped[int] = refers_to("platform.id")
    deployment_id: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[Created]

    __table_args__ = (UniqueConstraint("platform_id", "deployment_id"),)


class Invitation(Base):
    """A link by which one platform may register itself, once; its secret is kept as a hash.

    One that was taken back, or whose platform is deleted, ends when it was made. One that is used
    and has no platform is under way.
    """

    __tablename__ = "invitation"

    id: Mapped[Key]
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    author_id: Mapped[int] = refers_to("person.id")
    created_at: Mapped[Created]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    platform_id: Mapped[int | None] = refers_to("platform.id")


class PlatformLogin(Base):
    """A launch that has begun: its state and nonce are used up by whoever comes first.

    `browser_hash` is of a secret that the browser in which it began keeps, in a cookie or where the
    platform keeps it for us: in the frame `storage_target`.
    """

    __tablename__ = "platform_login"

    id: Mapped[Key]
    state_hash: Mapped[str] = mapped_column(String(64), unique=True)
    browser_hash: Mapped[str] = mapped_column(String(64))
    nonce: Mapped[str] = mapped_column(String(64))
    platform_id: Mapped[int] = refers_to("platform.id")
    storage_target: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[Created]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "platform_id", "id"),)


class Launch(Base):
    """A launch that has held, until what it is for is done. `message` is what it said, as plain
    data; its ticket is for one use, and kept as a hash."""

    __tablename__ = "launch"

    id: Mapped[Key]
    deployment_id: Mapped[int] = refers_to("deployment.id")
    person_id: Mapped[int] = refers_to("person.id")
    message: Mapped[dict[str, Any]]
    ticket_hash: Mapped[str] = mapped_column(String(64), unique=True)
    ticket_used_at: Mapped[datetime | None]
    created_at: Mapped[Created]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class PlatformPerson(Base):
    """Who somebody is to an issuer."""

    __tablename__ = "platform_person"

    id: Mapped[Key]
    issuer: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(255))
    person_id: Mapped[int] = refers_to("person.id", index=True)
    created_at: Mapped[Created]

    __table_args__ = (UniqueConstraint("issuer", "subject"),)


class Context(Base):
    """A course in an LMS and the course here that it is linked to; addresses are its services.

    `sync_begun_at` is when its people were last asked for, None where they are to be at once.
    """

    __tablename__ = "context"

    id: Mapped[Key]
    deployment_id: Mapped[int] = refers_to("deployment.id")
    context_id: Mapped[str] = mapped_column(String(255))
    title: Mapped[Name]
    course_id: Mapped[int] = refers_to("course.id", index=True)
    memberships_url: Mapped[str | None] = mapped_column(String(_LONGEST_ADDRESS))
    line_items_url: Mapped[str | None] = mapped_column(String(_LONGEST_ADDRESS))
    scopes: Mapped[str] = mapped_column(String(1000), default="")
    linked_by: Mapped[int] = refers_to("person.id")
    linked_at: Mapped[Created]
    sync_begun_at: Mapped[datetime | None] = mapped_column(index=True)
    synced_at: Mapped[datetime | None]
    sync_failure: Mapped[str | None] = mapped_column(String(2000))

    __table_args__ = (UniqueConstraint("deployment_id", "context_id"),)


class ContextMember(Base):
    """What somebody is in a course of an LMS, as they have last come and as it lists them.

    `launched_at` is when they have last come: an older list says nothing against it.
    """

    __tablename__ = "context_member"

    context_id: Mapped[int] = refers_to("context.id", primary_key=True)
    person_id: Mapped[int] = refers_to("person.id", primary_key=True)
    launch_role: Mapped[Role | None] = mapped_column(one_of(Role, "launch_role"))
    launched_at: Mapped[datetime | None]
    roster_role: Mapped[Role | None] = mapped_column(one_of(Role, "roster_role"))

    __table_args__ = (Index(None, "person_id"),)


class ResourceLink(Base):
    """A link in a course of an LMS, and the assignment that it opens.

    `line_item_url` is the column that the LMS has made for the link by itself, as it told last.
    """

    __tablename__ = "resource_link"

    id: Mapped[Key]
    context_id: Mapped[int] = refers_to("context.id")
    link_id: Mapped[str] = mapped_column(String(255))
    assignment_id: Mapped[int] = refers_to("assignment.id", index=True)
    line_item_url: Mapped[str | None] = mapped_column(String(_LONGEST_ADDRESS))
    created_at: Mapped[Created]

    __table_args__ = (UniqueConstraint("context_id", "link_id"),)


class CanvasCourse(Base):
    """A course in Canvas that is reached by its own REST, with a token that somebody gave.

    While that Canvas does not answer, it rests as a platform does, with all courses at its address.
    """

    __tablename__ = "canvas_course"

    id: Mapped[Key]
    course_id: Mapped[int] = refers_to("course.id")
    base_url: Mapped[str] = mapped_column(String(500))
    canvas_id: Mapped[str] = mapped_column(String(40))
    title: Mapped[Name]
    token: Mapped[str] = mapped_column(String(500))
    author_id: Mapped[int] = refers_to("person.id")
    created_at: Mapped[Created]
    disabled_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    resting_until: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("course_id", "base_url", "canvas_id"),)


class CanvasPerson(Base):
    """Who somebody is in a course of Canvas, as staff have confirmed it."""

    __tablename__ = "canvas_person"

    canvas_course_id: Mapped[int] = refers_to("canvas_course.id", primary_key=True)
    person_id: Mapped[int] = refers_to("person.id", primary_key=True)
    user_id: Mapped[str] = mapped_column(String(40))

    __table_args__ = (UniqueConstraint("canvas_course_id", "user_id"),)


class Trouble(StrEnum):
    """Why a grade is stuck."""

    CHANGED = "changed"  # somebody has changed it in the LMS
    NO_STUDENT = "no_student"  # the LMS takes no grade for this person
    REFUSED = "refused"  # the LMS says no for another reason
    GONE = "gone"  # the column is not there any more, and we cannot make it anew
    LOCKED = "locked"  # the LMS does not let us in, or lets us read nothing
    TIRED = "tired"  # it was tried for about a day


class GradeColumn(Base):
    """An assignment's column in the gradebook of an LMS: a line item, or Canvas's assignment.

    `address` is the line item's, or the number of the assignment in Canvas; None until it is found
    or made, by who holds it until `looking_until`. `max_score` is its own scale. `ours` tells
    whether we have made it. Where it is gone from the LMS, `gone_at` says since when.
    """

    __tablename__ = "grade_column"

    id: Mapped[Key]
    assignment_id: Mapped[int] = refers_to("assignment.id")
    context_id: Mapped[int | None] = refers_to("context.id")
    canvas_course_id: Mapped[int | None] = refers_to("canvas_course.id")
    address: Mapped[str | None] = mapped_column(String(_LONGEST_ADDRESS))
    title: Mapped[Name] = mapped_column(default="")
    max_score: Mapped[float | None]
    ours: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[Created]
    gone_at: Mapped[datetime | None]
    looking_until: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("assignment_id", "context_id"),
        UniqueConstraint("assignment_id", "canvas_course_id"),
        CheckConstraint("(context_id IS NULL) <> (canvas_course_id IS NULL)", name="in_one_place"),
        Index(None, "context_id"),
        Index(None, "canvas_course_id"),
    )


class Passback(Delivered, Base):
    """A released grade on its way to a column of an LMS: one row for each student, latest wins.

    `score` and `max_score` are what is wanted there, None where the release was taken back: then
    nothing is sent, since an LMS's grade is never cleared. `sent_*` are what we have written last,
    `sent_of` the scale of the column by then, `sent_hidden` a zero that the LMS shows as nothing.
    `tried` holds what we may have written since, without having heard of it: until `unsure_until`
    it may still take effect there. `stamp` was the last time that a score carried.
    `found_score` is what somebody else has written there meanwhile, on the column's own scale,
    which is not overwritten before staff say so: `overwrite`. `refusals` counts how often the LMS
    has let nobody in since it was last wanted. `note` is what staff should know although it has
    arrived.
    """

    __tablename__ = "passback"

    id: Mapped[Key]
    column_id: Mapped[int] = refers_to("grade_column.id")
    person_id: Mapped[int] = refers_to("person.id")
    submission_id: Mapped[int | None] = refers_to("submission.id")
    score: Mapped[float | None]
    max_score: Mapped[float | None]
    stamp: Mapped[datetime | None]
    sent_score: Mapped[float | None]
    sent_max_score: Mapped[float | None]
    sent_of: Mapped[float | None]
    sent_hidden: Mapped[bool] = mapped_column(default=False)
    sent_submission_id: Mapped[int | None] = refers_to("submission.id")
    tried: Mapped[dict[str, Any]] = mapped_column(default=dict)
    unsure_until: Mapped[datetime | None]
    found_score: Mapped[float | None]
    overwrite: Mapped[bool] = mapped_column(default=False)
    refusals: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    trouble: Mapped[Trouble | None] = mapped_column(one_of(Trouble))
    note: Mapped[str | None] = mapped_column(String(300))

    __table_args__ = (
        UniqueConstraint("column_id", "person_id"),
        Index(None, "column_id", "state", "id"),
        Index(None, "person_id"),
        *delivered_arguments("passback", "column_id"),
    )
