"""Who has no way in yet, and the links by which they choose a password."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, delete, exists, func, select
from sqlalchemy.orm import Session, aliased

from grader.db.models import Enrolment, PasswordLink, Person, PlatformPerson, Role, Token
from grader.db.session import moment
from grader.db.types import now, numbers

_AT_ONCE = 10_000  # ids in one query; a database takes some ten thousand parameters


class Missing(NamedTuple):
    """How many of a course have no way in: with a link of the course that is still open, and
    without one."""

    open: int
    without: int


def by_hash(session: Session, hashed: str) -> PasswordLink | None:
    """The link with that hash, whether it holds or not."""
    return session.scalar(select(PasswordLink).where(PasswordLink.hash == hashed))


def held_without_way_in(
    session: Session, course_id: int, *, only: int | None = None
) -> Sequence[Person]:
    """Those of a course for whom its instructors may make a link, by their ids, or `only` that
    person; held, so that nobody uses or makes one meanwhile."""
    query = _without_way_in(course_id).order_by(Person.id)
    if only is not None:
        query = query.where(Person.id == only)
    # Read anew: what was read before they were held may be somebody else's doing by now.
    held = query.with_for_update(of=Person, key_share=True)
    return session.scalars(held.execution_options(populate_existing=True)).all()


def may_be_let_in(session: Session, course_id: int, person_ids: Collection[int]) -> set[int]:
    """Those of these people for whom the instructors of the course may make a link."""
    query = _without_way_in(course_id).where(Person.id.in_(person_ids))
    return set(session.scalars(query.with_only_columns(Person.id)))


def missing(session: Session, course_id: int) -> Missing:
    """How many of a course have no way in."""
    query = _without_way_in(course_id).with_only_columns(_is_open(course_id).label("is_open"))
    each = query.subquery()
    rows = session.execute(select(each.c.is_open, func.count()).group_by(each.c.is_open))
    found = {bool(row[0]): row[1] for row in rows}
    return Missing(open=found.get(True, 0), without=found.get(False, 0))


def put(
    session: Session,
    person_ids: Sequence[int],
    hashes: Iterable[str],
    *,
    course_id: int,
    author_id: int,
    expires_at: datetime,
) -> None:
    """A link of the course for each of these people, who are held; the one of it that they had
    before holds no more."""
    session.flush()
    at = moment(session)
    for first in range(0, len(person_ids), _AT_ONCE):
        piece = person_ids[first : first + _AT_ONCE]
        session.execute(
            delete(PasswordLink).where(
                PasswordLink.course_id == course_id, PasswordLink.person_id.in_(piece)
            ),
            execution_options={"synchronize_session": False},
        )
    session.add_all(
        [
            PasswordLink(
                person_id=person_id,
                hash=hashed,
                course_id=course_id,
                author_id=author_id,
                created_at=at,
                expires_at=expires_at,
            )
            for person_id, hashed in zip(person_ids, hashes, strict=True)
        ]
    )
    session.flush()


def end_others(session: Session, link: PasswordLink) -> None:
    """Links that other courses have made for whom this one is for, which is used, hold no more."""
    others = delete(PasswordLink).where(
        PasswordLink.person_id == link.person_id, PasswordLink.course_id != link.course_id
    )
    session.execute(others)


def open_among(session: Session, course_id: int, person_ids: Collection[int]) -> set[int]:
    """Those of these people who have a link of the course that is still open."""
    query = select(PasswordLink.person_id).where(
        PasswordLink.course_id == course_id,
        PasswordLink.person_id.in_(numbers(person_ids)),
        *_open(),
    )
    return set(session.scalars(query))


def opened_by(session: Session, person_ids: Collection[int]) -> dict[int, int]:
    """Those of these people whose password was chosen by a link, and the course that it was of."""
    query = select(PasswordLink.person_id, PasswordLink.course_id).where(
        PasswordLink.person_id.in_(person_ids), PasswordLink.used_at.is_not(None)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def known_to_platforms(session: Session, person_ids: Collection[int]) -> set[int]:
    """Those of these people who come from an LMS."""
    query = select(PlatformPerson.person_id).where(PlatformPerson.person_id.in_(person_ids))
    return set(session.scalars(query))


def forget(session: Session, person_id: int) -> None:
    """There is no link for somebody any more, and there was none."""
    session.execute(delete(PasswordLink).where(PasswordLink.person_id == person_id))


def _without_way_in(course_id: int) -> Select[Person]:
    """Those of a course whom its instructors may let in: with an address, and nothing yet by which
    they are anybody's but this course's."""
    elsewhere = aliased(Enrolment)
    is_staff_elsewhere = exists().where(
        elsewhere.person_id == Person.id,
        elsewhere.course_id != course_id,
        elsewhere.role != Role.STUDENT,
    )
    has_token = exists().where(
        Token.person_id == Person.id, Token.revoked_at.is_(None), Token.expires_at > now()
    )
    return (
        select(Person)
        .select_from(Person)
        .join(Enrolment, Enrolment.person_id == Person.id)
        .where(
            Enrolment.course_id == course_id,
            Person.email.is_not(None),
            Person.password_hash.is_(None),
            Person.is_admin.is_(False),
            ~exists().where(PlatformPerson.person_id == Person.id),
            ~is_staff_elsewhere,
            ~has_token,
        )
    )


def _is_open(course_id: int) -> ColumnElement[bool]:
    here = (PasswordLink.person_id == Person.id, PasswordLink.course_id == course_id)
    return exists().where(*here, *_open())


def _open() -> tuple[ColumnElement[bool], ...]:
    return PasswordLink.used_at.is_(None), PasswordLink.expires_at > now()
