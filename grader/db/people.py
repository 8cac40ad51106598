"""Persons, their tokens, and their roles in courses."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, delete, func, null, or_, select, update
from sqlalchemy.orm import Session

from grader.db.models import Course, Enrolment, Person, Role, Token
from grader.db.pages import Page, page
from grader.db.types import now

# What every request asks is built once: to build a statement takes longer than to ask it.
_BY_TOKEN = (
    select(Token, Person)
    .join(Person, Person.id == Token.person_id)
    .where(
        Token.hash == bindparam("token_hash"),
        Token.revoked_at.is_(None),
        Token.expires_at > now(),
    )
)
_IN_COURSE = (
    Enrolment.course_id == bindparam("course_id"),
    Enrolment.person_id == bindparam("person_id"),
)
_ROLE = select(Enrolment.role).where(*_IN_COURSE)
_TEAM = select(Enrolment.team).where(*_IN_COURSE)


def by_email(session: Session, email: str) -> Person | None:
    """The person with that address, in whatever case it is written."""
    return session.scalar(select(Person).where(func.lower(Person.email) == email.lower()))


def anybody_but(session: Session, email: str) -> bool:
    """Whether there is any other person than this one."""
    return session.scalar(select(Person.id).where(Person.email != email).limit(1)) is not None


def by_token(session: Session, token_hash: str) -> tuple[Token, Person] | None:
    """The token with that hash and whose it is, while it holds."""
    row = session.execute(_BY_TOKEN, {"token_hash": token_hash}).one_or_none()
    return None if row is None else (row[0], row[1])


def stamp_uses(session: Session, token_ids: Collection[int]) -> None:
    """Note that tokens were used."""
    # What another process holds is being stamped by it, or revoked.
    held = select(Token.id).where(Token.id.in_(token_ids)).with_for_update(skip_locked=True)
    session.execute(
        update(Token).where(Token.id.in_(session.scalars(held).all())).values(last_used_at=now())
    )


def tokens_of(session: Session, person_id: int) -> Sequence[Token]:
    """Somebody's tokens that are not revoked, the latest first."""
    mine = (Token.person_id == person_id, Token.revoked_at.is_(None))
    return session.scalars(select(Token).where(*mine).order_by(Token.id.desc())).all()


def revoke_tokens_of(session: Session, person_id: int) -> list[int]:
    """Somebody's tokens hold no more; which did."""
    mine = (Token.person_id == person_id, Token.revoked_at.is_(None))
    revoked = update(Token).where(*mine).values(revoked_at=now()).returning(Token.id)
    return sorted(session.scalars(revoked))


def sweep_tokens(session: Session, expired_for: timedelta) -> None:
    """Remove tokens that expired that long ago, whether they were revoked or not."""
    session.execute(delete(Token).where(Token.expires_at <= now() - expired_for))


def instructors_of(session: Session, course_id: int) -> set[int]:
    """Who manages a course."""
    query = select(Enrolment.person_id).where(
        Enrolment.course_id == course_id, Enrolment.role == Role.INSTRUCTOR
    )
    return set(session.scalars(query))


def hold_all(session: Session, person_ids: Collection[int]) -> Sequence[Person]:
    """These people, by their ids, read anew; whoever else holds one waits for the end of this
    transaction."""
    query = select(Person).where(Person.id.in_(person_ids)).order_by(Person.id)
    held = query.with_for_update(key_share=True)
    return session.scalars(held.execution_options(populate_existing=True)).all()


def staffed_by(session: Session, person_id: int) -> Sequence[int]:
    """The courses of whose staff somebody is."""
    query = select(Enrolment.course_id).where(
        Enrolment.person_id == person_id, Enrolment.role != Role.STUDENT
    )
    return session.scalars(query).all()


def managed_by(session: Session, person_id: int) -> Sequence[int]:
    """The courses that somebody manages, by their ids."""
    query = select(Enrolment.course_id).where(
        Enrolment.person_id == person_id, Enrolment.role == Role.INSTRUCTOR
    )
    return session.scalars(query.order_by(Enrolment.course_id)).all()


def role_in(session: Session, person_id: int, course_id: int) -> Role | None:
    """Somebody's role in a course, None where they have none."""
    return session.scalar(_ROLE, {"course_id": course_id, "person_id": person_id})


def roles_of(session: Session, person_id: int) -> Collection[Role]:
    """The roles that somebody has, in whatever courses."""
    query = select(Enrolment.role).where(Enrolment.person_id == person_id).distinct()
    return session.scalars(query).all()


def courses_of(
    session: Session, person_id: int | None, *, cursor: str | None = None, limit: int = 50
) -> Page[tuple[Course, Role | None]]:
    """The courses that somebody is enrolled in with their role; of None, all courses."""
    if person_id is None:
        query: Select[*tuple[Any, ...]] = select(Course, null())
    else:
        query = (
            select(Course, Enrolment.role)
            .join(Enrolment, Enrolment.course_id == Course.id)
            .where(Enrolment.person_id == person_id)
        )
    return page(session, query, [Course.id], cursor=cursor, limit=limit)


def enrolled(
    session: Session,
    course_id: int,
    *,
    role: Role | None = None,
    search: str = "",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[tuple[Enrolment, Person]]:
    """The people of a course by name; or those of a role, or with `search` in name or address."""
    query = (
        select(Enrolment, Person)
        .join(Person, Person.id == Enrolment.person_id)
        .where(Enrolment.course_id == course_id)
    )
    if role is not None:
        query = query.where(Enrolment.role == role)
    if search:
        query = query.where(matching(search))
    return page(session, query, [Person.name, Person.id], cursor=cursor, limit=limit)


def counts(session: Session, course_id: int) -> dict[Role, int]:
    """How many people of each role a course has."""
    rows = session.execute(
        select(Enrolment.role, func.count())
        .where(Enrolment.course_id == course_id)
        .group_by(Enrolment.role)
    )
    return {row[0]: row[1] for row in rows}


def matching(text: str) -> ColumnElement[bool]:
    """The condition that somebody's name or address has the text in it, in whatever case."""
    small = text.lower()
    return or_(
        func.lower(Person.name).contains(small, autoescape=True),
        # SQLite knows no small letters but those from a to z.
        Person.name.contains(text, autoescape=True),
        func.lower(Person.email).contains(small, autoescape=True),
        func.lower(Person.contact).contains(small, autoescape=True),
    )


def names(session: Session, person_ids: Collection[int]) -> dict[int, str]:
    """The names of these people."""
    rows = session.execute(select(Person.id, Person.name).where(Person.id.in_(person_ids)))
    return {row[0]: row[1] for row in rows}


def by_ids(session: Session, person_ids: Collection[int]) -> dict[int, Person]:
    """These people, by their ids."""
    rows = session.scalars(select(Person).where(Person.id.in_(person_ids)))
    return {person.id: person for person in rows}


def by_emails(session: Session, emails: Collection[str]) -> dict[str, Person]:
    """The people with these addresses, by their addresses in small letters."""
    small = {email.lower() for email in emails}
    rows = session.scalars(select(Person).where(func.lower(Person.email).in_(small)))
    return {person.email.lower(): person for person in rows if person.email is not None}


def enrolments_of(
    session: Session, course_id: int, person_ids: Collection[int]
) -> dict[int, Enrolment]:
    """What these people are in a course, as far as they are in it."""
    rows = session.scalars(
        select(Enrolment).where(
            Enrolment.course_id == course_id, Enrolment.person_id.in_(person_ids)
        )
    )
    return {enrolment.person_id: enrolment for enrolment in rows}


def team_of(session: Session, course_id: int, person_id: int) -> Sequence[int]:
    """Everybody who shares submissions with this person in the course, themselves included."""
    team = session.scalar(_TEAM, {"course_id": course_id, "person_id": person_id})
    if team is None:
        return [person_id]
    return session.scalars(
        select(Enrolment.person_id).where(Enrolment.course_id == course_id, Enrolment.team == team)
    ).all()


def course_by_slug(session: Session, slug: str) -> Course | None:
    """The course of that slug."""
    return session.scalar(select(Course).where(Course.slug == slug))
