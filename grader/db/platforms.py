"""Platforms that may launch us, launches that have begun, and who is who to an issuer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from grader.db.models import (
    Context,
    Deployment,
    Invitation,
    Launch,
    Person,
    Platform,
    PlatformLogin,
    PlatformPerson,
)
from grader.db.pages import Page, page
from grader.db.session import hold
from grader.db.types import now


def of_issuer(session: Session, issuer: str, client_id: str | None) -> Sequence[Platform]:
    """The platforms of that issuer, or the one that knows us by that id; at most two, and those
    that are let in first."""
    query = select(Platform).where(Platform.issuer == issuer)
    if client_id is not None:
        query = query.where(Platform.client_id == client_id)
    is_disabled = Platform.disabled_at.is_not(None)
    return session.scalars(query.order_by(is_disabled, Platform.id).limit(2)).all()


def with_other_keys(
    session: Session, issuer: str, jwks_url: str, *, but: int | None = None
) -> Platform | None:
    """A registration of the issuer, but for that one, with keys at another address."""
    query = select(Platform).where(Platform.issuer == issuer, Platform.jwks_url != jwks_url)
    if but is not None:
        query = query.where(Platform.id != but)
    return session.scalar(query.order_by(Platform.id).limit(1))


def with_same_client(session: Session, issuer: str, client_id: str) -> Platform | None:
    """A platform of another issuer that knows us by that id as well."""
    query = select(Platform).where(Platform.client_id == client_id, Platform.issuer != issuer)
    return session.scalar(query.order_by(Platform.id).limit(1))


def all_platforms(session: Session, *, cursor: str | None, limit: int) -> Page[Platform]:
    """All of them, the latest first."""
    return page(
        session, select(Platform), [Platform.id], cursor=cursor, limit=limit, descending=True
    )


def is_any_let_in(session: Session) -> bool:
    """Whether any platform is registered and not disabled."""
    query = select(Platform.id).where(Platform.disabled_at.is_(None)).limit(1)
    return session.scalar(query) is not None


def contexts_by_platform(session: Session, platform_ids: Collection[int]) -> dict[int, int]:
    """How many courses of each are linked."""
    rows = session.execute(
        select(Deployment.platform_id, func.count())
        .join(Context, Context.deployment_id == Deployment.id)
        .where(Deployment.platform_id.in_(platform_ids))
        .group_by(Deployment.platform_id)
    )
    return {row[0]: row[1] for row in rows}


def deployments(session: Session, platform_id: int) -> Sequence[tuple[Deployment, int]]:
    """Those of a platform, each with how many courses of it are linked."""
    linked = func.count(Context.id)
    rows = session.execute(
        select(Deployment, linked)
        .outerjoin(Context, Context.deployment_id == Deployment.id)
        .where(Deployment.platform_id == platform_id)
        .group_by(Deployment.id)
        .order_by(Deployment.id)
    )
    return [(row[0], row[1]) for row in rows]


def deployment(session: Session, platform_id: int, deployment_id: str) -> Deployment | None:
    """The one that the platform calls so."""
    return session.scalar(
        select(Deployment).where(
            Deployment.platform_id == platform_id, Deployment.deployment_id == deployment_id
        )
    )


def stays(session: Session, row: Platform | Deployment) -> bool:
    """Whether it is there still. Until the end of this transaction it stays that, too: rows that
    refer to it may be made. Of both the platform is asked for first."""
    table = type(row)
    held = select(table.id).where(table.id == row.id).with_for_update(read=True, key_share=True)
    return session.scalar(held) is not None


def people_by_issuer_alone(session: Session, row: Platform) -> int:
    """How many people are known by the platform's issuer, of which it is the only registration."""
    others = select(Platform.id).where(Platform.issuer == row.issuer, Platform.id != row.id)
    query = select(func.count()).select_from(PlatformPerson)
    return session.scalar(query.where(PlatformPerson.issuer == row.issuer, ~others.exists())) or 0


def hold_whole(session: Session, row: Platform) -> None:
    """Hold a platform and its deployments, so that nothing comes to refer to them meanwhile, and
    the other registrations of its issuer, so that one of them stays for the people known by it.

    Raises NotFound where it was removed meanwhile.
    """
    of_issuer = select(Platform.id).where(Platform.issuer == row.issuer).order_by(Platform.id)
    session.scalars(of_issuer.with_for_update()).all()
    hold(session, row)
    of_it = select(Deployment).where(Deployment.platform_id == row.id).order_by(Deployment.id)
    session.scalars(of_it.with_for_update()).all()


def forget(session: Session, row: Platform) -> None:
    """Remove a platform on which no course hangs, with its deployments and launches."""
    of_it = select(Deployment.id).where(Deployment.platform_id == row.id)
    session.execute(delete(Launch).where(Launch.deployment_id.in_(of_it)))
    session.execute(delete(Deployment).where(Deployment.platform_id == row.id))
    session.execute(delete(PlatformLogin).where(PlatformLogin.platform_id == row.id))
    session.execute(
        update(Invitation)
        .where(Invitation.platform_id == row.id)
        .values(platform_id=None, expires_at=Invitation.created_at)
    )
    session.delete(row)
    session.flush()


def open_invitations(
    session: Session, *, cursor: str | None, limit: int
) -> Page[tuple[Invitation, str]]:
    """Those by which a platform may still register, or is registering, and who has made each; the
    latest first."""
    query = (
        select(Invitation, Person.name)
        .join(Person, Person.id == Invitation.author_id)
        .where(Invitation.platform_id.is_(None), Invitation.expires_at > now())
    )
    return page(session, query, [Invitation.id], cursor=cursor, limit=limit, descending=True)


def invitation(session: Session, hashed: str) -> Invitation | None:
    """The one with that hash, while it may be used."""
    holds = (Invitation.used_at.is_(None), Invitation.expires_at > now())
    return session.scalar(select(Invitation).where(Invitation.hash == hashed, *holds))


def any_invitation(session: Session, hashed: str) -> bool:
    """Whether there is one with that hash, used or not."""
    query = select(Invitation.id).where(Invitation.hash == hashed)
    return session.scalar(query) is not None


def use_invitation(session: Session, hashed: str) -> int | None:
    """Use it up; its id, or None where it can't be used any more."""
    holds = (Invitation.used_at.is_(None), Invitation.expires_at > now())
    return session.scalar(
        update(Invitation)
        .where(Invitation.hash == hashed, *holds)
        .values(used_at=now())
        .returning(Invitation.id)
    )


def begin_login(session: Session, row: PlatformLogin, most: int) -> None:
    """A launch that begins; what has expired goes, and of the platform's the oldest above `most`.

    Anybody may begin one. Whoever begins very many has theirs and older ones go; refusing new ones
    would keep everybody out instead.
    """
    session.execute(delete(PlatformLogin).where(PlatformLogin.expires_at <= now()))
    of_it = PlatformLogin.platform_id == row.platform_id
    last = (
        select(PlatformLogin.id)
        .where(of_it)
        .order_by(PlatformLogin.id.desc())
        .offset(most - 1)
        .limit(1)
        .scalar_subquery()
    )
    session.execute(delete(PlatformLogin).where(of_it, PlatformLogin.id <= last))
    session.add(row)


def login(session: Session, state_hash: str) -> tuple[PlatformLogin, Platform] | None:
    """The launch that began with that state, used or not, until it is swept, and its platform."""
    row = session.execute(
        select(PlatformLogin, Platform)
        .join(Platform, Platform.id == PlatformLogin.platform_id)
        .where(PlatformLogin.state_hash == state_hash)
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def use_login(session: Session, state_hash: str, browser_hash: str) -> int | None:
    """Use the state up for the browser in which it began: whoever asks first has the row's id."""
    return session.scalar(
        update(PlatformLogin)
        .where(
            PlatformLogin.state_hash == state_hash,
            PlatformLogin.browser_hash == browser_hash,
            PlatformLogin.used_at.is_(None),
            PlatformLogin.expires_at > now(),
        )
        .values(used_at=now())
        .returning(PlatformLogin.id)
    )


def keep_launch(session: Session, row: Launch) -> None:
    """A launch that has held; what has expired goes."""
    session.execute(delete(Launch).where(Launch.expires_at <= now()))
    session.add(row)
    session.flush()


def launch(session: Session, launch_id: int) -> Launch | None:
    """One that is not over."""
    return session.scalar(select(Launch).where(Launch.id == launch_id, Launch.expires_at > now()))


def latest_launch(session: Session, person_id: int) -> Launch | None:
    """The last one of somebody that is not over."""
    return session.scalar(
        select(Launch)
        .where(Launch.person_id == person_id, Launch.expires_at > now())
        .order_by(Launch.id.desc())
        .limit(1)
    )


def launch_by_ticket(session: Session, hashed: str, lasts: timedelta) -> Launch | None:
    """The launch whose ticket has not been used, while the ticket lasts."""
    return session.scalar(select(Launch).where(*_unused(hashed, lasts)))


def platform_of_ticket(session: Session, hashed: str) -> Platform | None:
    """The platform of a launch by its ticket, used or not, until it is swept."""
    return session.scalar(
        select(Platform)
        .join(Deployment, Deployment.platform_id == Platform.id)
        .join(Launch, Launch.deployment_id == Deployment.id)
        .where(Launch.ticket_hash == hashed)
    )


def deployment_of(session: Session, row: Launch) -> tuple[Deployment, Platform] | None:
    """Where a launch came from; None where that was removed meanwhile."""
    found = session.execute(
        select(Deployment, Platform)
        .join(Platform, Platform.id == Deployment.platform_id)
        .where(Deployment.id == row.deployment_id)
    ).one_or_none()
    return None if found is None else (found[0], found[1])


def use_ticket(session: Session, hashed: str, lasts: timedelta) -> int | None:
    """Use a ticket up: whoever asks first has the launch's id."""
    return session.scalar(
        update(Launch)
        .where(*_unused(hashed, lasts))
        .values(ticket_used_at=now())
        .returning(Launch.id)
    )


def _unused(hashed: str, lasts: timedelta) -> tuple[Any, ...]:
    return (
        Launch.ticket_hash == hashed,
        Launch.ticket_used_at.is_(None),
        Launch.created_at > now() - lasts,
        Launch.expires_at > now(),
    )


def known_people(
    session: Session, issuer: str, subjects: Collection[str]
) -> Mapping[str, tuple[PlatformPerson, Person]]:
    """Of these subjects of an issuer those who are somebody here."""
    rows = session.execute(
        select(PlatformPerson, Person)
        .join(Person, Person.id == PlatformPerson.person_id)
        .where(PlatformPerson.issuer == issuer, PlatformPerson.subject.in_(subjects))
    )
    return {row[0].subject: (row[0], row[1]) for row in rows}


def hold_people(session: Session, issuer: str, subjects: Collection[str]) -> None:
    """Have whoever else holds these subjects of an issuer wait for the end of this transaction:
    nobody else says meanwhile who they are here."""
    session.scalars(
        select(PlatformPerson)
        .where(PlatformPerson.issuer == issuer, PlatformPerson.subject.in_(subjects))
        .order_by(PlatformPerson.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()


def person_of(session: Session, issuer: str, subject: str) -> tuple[PlatformPerson, Person] | None:
    """Who a subject of an issuer is here."""
    return known_people(session, issuer, [subject]).get(subject)


def knows(session: Session, issuer: str, person_id: int) -> bool:
    """Whether somebody here is a subject of that issuer. Who holds the person may go by it."""
    query = select(PlatformPerson.id).where(
        PlatformPerson.person_id == person_id, PlatformPerson.issuer == issuer
    )
    return session.scalar(query.limit(1)) is not None


def identities(session: Session, person_id: int) -> Sequence[tuple[PlatformPerson, str | None]]:
    """Who somebody is to issuers, each with the name of a platform of it."""
    of_it = select(func.min(Platform.name)).where(Platform.issuer == PlatformPerson.issuer)
    rows = session.execute(
        select(PlatformPerson, of_it.scalar_subquery())
        .where(PlatformPerson.person_id == person_id)
        .order_by(PlatformPerson.id)
    )
    return [(row[0], row[1]) for row in rows]


def move_launches(
    session: Session, former_id: int, person_id: int, issuer: str | None = None
) -> None:
    """Launches of somebody, of an issuer or all, become another person's: what they lead to is
    opened as that one."""
    where = [Launch.person_id == former_id]
    if issuer is not None:
        of_it = select(Deployment.id).join(Platform, Platform.id == Deployment.platform_id)
        where.append(Launch.deployment_id.in_(of_it.where(Platform.issuer == issuer)))
    session.execute(
        update(Launch).where(*where).values(person_id=person_id),
        execution_options={"synchronize_session": False},
    )


def forget_deployment(session: Session, row: Deployment) -> None:
    """Remove a deployment that no course hangs on, with the launches that came from it."""
    session.execute(delete(Launch).where(Launch.deployment_id == row.id))
    session.delete(row)
