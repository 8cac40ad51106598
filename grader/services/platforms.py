"""Platforms that may launch us: registered, changed and disabled by who runs the installation."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grader.db import audit, passbacks, platforms
from grader.db.models import Deployment, Platform
from grader.db.pages import Page
from grader.db.session import Session, hold, moment
from grader.errors import BadInput, Conflict, NotFound
from grader.lms.claims import LONGEST_ID, origin_of
from grader.lms.outside import Outside
from grader.lms.platforms import PlatformFacts
from grader.services.access import Actor, permit_admin
from grader.services.registrations import Registration, checked, other_keys_of, same_client_of
from grader.services.site import Site

_REGISTERED = "client_id: this issuer has a registration of this client already"
_OTHER_KEYS = (
    "other_keys: {}. People are known by their issuer: who holds these keys can come in as "
    "everybody who came by way of the other ones. If the LMS has moved its keys, change the Public "
    "keyset URL of the registration that is there; if both are the same LMS, confirm it"
)
_SAME_CLIENT = (
    "same_client: {}. What Chainrule signs to get tokens names it by this id: what one of the two "
    "gets may be good at the other. If you trust both, confirm it"
)


@dataclass(frozen=True)
class Use:
    """What hangs on a platform: courses that are linked, and people who are known by it alone."""

    courses: int
    people: int

    @property
    def why_kept(self) -> str:
        """Why it can't be deleted; empty where it can."""
        hangs = []
        if self.courses:
            hangs.append(f"{_counted(self.courses, 'course')} connected by it")
        if self.people:
            hangs.append(f"{_counted(self.people, 'person', 'people')} known by its issuer alone")
        if not hangs:
            return ""
        return f"it can't be deleted: {' and '.join(hangs)}. Disable it instead"


def list_platforms(
    site: Site, actor: Actor, *, cursor: str | None = None, limit: int = 50
) -> tuple[Page[Platform], Mapping[int, int]]:
    """All platforms, the latest first, and how many courses of each are linked; for admins."""
    permit_admin(actor)
    with site.database.reading() as session:
        found = platforms.all_platforms(session, cursor=cursor, limit=limit)
        return found, platforms.contexts_by_platform(session, [one.id for one in found.items])


def get_platform(
    site: Site, actor: Actor, platform_id: int
) -> tuple[Platform, Sequence[tuple[Deployment, int]]]:
    """A platform, and its deployments with how many courses of each are linked; for admins."""
    permit_admin(actor)
    with site.database.reading() as session:
        return _platform(session, platform_id), platforms.deployments(session, platform_id)


def register_platform(
    site: Site,
    actor: Actor,
    given: Registration,
    deployment_id: str | None = None,
    *,
    other_keys: bool = False,
    same_client: bool = False,
) -> Platform:
    """A platform by its own values, and a first deployment of it.

    Raises Conflict where its issuer is registered with keys at another address, or another issuer
    with the same client, unless that is meant: `other_keys`, `same_client`. Before any of that it
    raises Conflict where it is registered as it is.
    """
    permit_admin(actor)
    checked(site, given)
    with site.database.writing() as session:
        _only_once(session, given)
        if not other_keys and (words := other_keys_of(session, given)):
            raise Conflict(_OTHER_KEYS.format(words))
        if not same_client and (words := same_client_of(session, given)):
            raise Conflict(_SAME_CLIENT.format(words))
        return add(session, actor.person_id, given, deployment_id)


def add(
    session: Session, author_id: int, given: Registration, deployment_id: str | None
) -> Platform:
    """The platform as a row, in the transaction of whoever registers it.

    Raises Conflict where it is registered already, without a word of how: who asks may be a
    stranger.
    """
    if platforms.of_issuer(session, given.issuer, given.client_id):
        raise Conflict(_REGISTERED)
    row = Platform(**given.values, author_id=author_id)
    session.add(row)
    session.flush()
    session.refresh(row)
    if deployment_id:
        session.add(Deployment(platform_id=row.id, deployment_id=_deployment_id(deployment_id)))
    audit.record(
        session,
        author_id,
        "platform.registered",
        row,
        issuer=row.issuer,
        client_id=row.client_id,
        jwks_url=row.jwks_url,
        is_private=row.is_private,
    )
    return row


def change_platform(
    site: Site,
    actor: Actor,
    platform_id: int,
    given: Registration,
    *,
    other_keys: bool = False,
) -> Platform:
    """Other values of it. Its issuer and our id there stay: people and courses hang on them.

    Raises Conflict for keys at another address than those of another registration of its issuer,
    unless that is meant: `other_keys`.
    """
    permit_admin(actor)
    checked(site, given)
    with site.database.writing() as session:
        row = _held(session, platform_id)
        if (given.issuer, given.client_id) != (row.issuer, row.client_id):
            raise Conflict("issuer: another issuer or client is another platform: register that")
        is_moved = given.jwks_url != row.jwks_url
        if is_moved and not other_keys and (words := other_keys_of(session, given, but=row.id)):
            raise Conflict(_OTHER_KEYS.format(words))
        noted = {name: new for name, new in given.values.items() if getattr(row, name) != new}
        for name, value in noted.items():
            setattr(row, name, value)
        _take_up(session, row)
        audit.record(session, actor.person_id, "platform.changed", row, **noted)
    return row


def disable_platform(site: Site, actor: Actor, platform_id: int, *, disabled: bool) -> Platform:
    """Refuse its launches and ask nothing of it, or take it up again."""
    permit_admin(actor)
    with site.database.writing() as session:
        row = _held(session, platform_id)
        if (row.disabled_at is not None) is not disabled:
            row.disabled_at = moment(session) if disabled else None
            if not disabled:
                _take_up(session, row)
            word = "disabled" if disabled else "enabled"
            audit.record(session, actor.person_id, f"platform.{word}", row)
    return row


def use_of(site: Site, actor: Actor, platform_id: int) -> Use:
    """What hangs on a platform, so that it can't be deleted; for admins."""
    permit_admin(actor)
    with site.database.reading() as session:
        return _use(session, _platform(session, platform_id))


def delete_platform(site: Site, actor: Actor, platform_id: int) -> None:
    """Delete a registration on which nothing hangs, with its deployments. Raises Conflict."""
    permit_admin(actor)
    with site.database.writing() as session:
        row = _platform(session, platform_id)
        platforms.hold_whole(session, row)
        if why := _use(session, row).why_kept:
            raise Conflict(why)
        audit.record(
            session,
            actor.person_id,
            "platform.deleted",
            row,
            name=row.name,
            issuer=row.issuer,
            client_id=row.client_id,
            jwks_url=row.jwks_url,
        )
        platforms.forget(session, row)


def add_deployment(site: Site, actor: Actor, platform_id: int, deployment_id: str) -> Deployment:
    """A further place in the platform where the tool was added."""
    permit_admin(actor)
    with site.database.writing() as session:
        row = _held(session, platform_id)
        given = _deployment_id(deployment_id)
        if platforms.deployment(session, platform_id, given) is not None:
            raise Conflict("deployment_id: it is registered already")
        made = Deployment(platform_id=platform_id, deployment_id=given)
        session.add(made)
        session.flush()
        session.refresh(made)
        audit.record(session, actor.person_id, "deployment.added", row, deployment_id=given)
    return made


def remove_deployment(site: Site, actor: Actor, platform_id: int, deployment_row: int) -> None:
    """Take a place away again, of which no course is linked."""
    permit_admin(actor)
    with site.database.writing() as session:
        row = _platform(session, platform_id)
        platforms.hold_whole(session, row)
        of_it = {one.id: (one, linked) for one, linked in platforms.deployments(session, row.id)}
        if deployment_row not in of_it:
            raise NotFound("there is no such deployment")
        one, linked = of_it[deployment_row]
        if linked:
            raise Conflict("courses of it are linked: unlink them first, or disable the platform")
        platforms.forget_deployment(session, one)
        audit.record(
            session,
            actor.person_id,
            "deployment.removed",
            row,
            deployment_id=one.deployment_id,
        )


def facts_of(row: Platform) -> PlatformFacts:
    """What requests to a platform need to know of it."""
    return PlatformFacts(
        issuer=row.issuer,
        client_id=row.client_id,
        login_url=row.login_url,
        token_url=row.token_url,
        jwks_url=row.jwks_url,
        token_audience=row.token_audience,
        is_private=row.is_private,
    )


def frame_origins(row: Platform) -> tuple[str, ...]:
    """Where pages of the platform may show ours in frames: nowhere while it is disabled."""
    if row.disabled_at is not None:
        return ()
    found = [origin_of(row.issuer), origin_of(row.login_url), *row.pages.split()]
    return tuple(dict.fromkeys(one for one in found if one))


def origins_of_issuer(site: Site, issuer: str) -> tuple[str, ...]:
    """Where pages of an issuer's platforms may show ours: nowhere where nobody lets it in."""
    if "\0" in issuer:
        return ()
    with site.database.reading() as session:
        found = platforms.of_issuer(session, issuer, None)
    return tuple(dict.fromkeys(origin for one in found for origin in frame_origins(one)))


def way_to(site: Site, row: Platform, *urls: str | None) -> Outside:
    """The way to addresses that a platform's launches have told.

    They may lie in our own network where an admin has vouched for that, at its registered addresses
    and nowhere else there: who holds a platform's key must not have us ask machines around us.
    """
    if not row.is_private:
        return site.outside
    registered = {origin_of(url) for url in (row.login_url, row.token_url, row.jwks_url)}
    registered |= {origin_of(row.issuer), *row.pages.split()}
    told = {origin_of(url) for url in urls if url}
    return site.to_platforms if told <= registered else site.outside


def hashed(secret: str) -> str:
    """What is kept of a secret of 256 random bits, in which there is nothing to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _only_once(session: Session, given: Registration) -> None:
    """Raise Conflict where it is registered already, for admins: with what is there."""
    for former in platforms.of_issuer(session, given.issuer, given.client_id):
        state = ", which is disabled" if former.disabled_at is not None else ""
        raise Conflict(f"{_REGISTERED}: {former.name}{state}")


def _take_up(session: Session, row: Platform) -> None:
    """What kept grades out of it may have been mended."""
    row.failing_since = row.resting_until = None
    session.flush()
    passbacks.unlock(session, passbacks.of_platform(row.id))


def _use(session: Session, row: Platform) -> Use:
    return Use(
        courses=platforms.contexts_by_platform(session, [row.id]).get(row.id, 0),
        people=platforms.people_by_issuer_alone(session, row),
    )


def _counted(count: int, one: str, many: str = "") -> str:
    return f"1 {one} is" if count == 1 else f"{count:,} {many or one + 's'} are"


def _deployment_id(text: str) -> str:
    if not text or len(text) > LONGEST_ID or not text.isprintable():
        raise BadInput(f"deployment_id: from 1 to {LONGEST_ID} characters")
    return text


def _platform(session: Session, platform_id: int) -> Platform:
    row = session.get(Platform, platform_id)
    if row is None:
        raise NotFound("there is no such platform")
    return row


def _held(session: Session, platform_id: int) -> Platform:
    """The same, which nobody else changes or deletes meanwhile."""
    row = _platform(session, platform_id)
    hold(session, row)
    return row
