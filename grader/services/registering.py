"""Dynamic registration: a platform that was invited registers itself, and us with it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from urllib.parse import urlsplit

from grader.db import platforms
from grader.db.models import Invitation, Platform
from grader.errors import ChainruleError, Forbidden
from grader.lms.claims import is_address, origin_of
from grader.lms.registration import NotRegistered, Registered, configuration, register
from grader.services.platforms import Registration, add, checked, hashed
from grader.services.site import Site

_OVER = "this link to register a platform is used, expired or unknown: ask for another one"
_LONGEST_TOKEN = 8000

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Offered:
    """A registration that may be done: who would be registered, as its address has it."""

    host: str
    origin: str


def offered(site: Site, secret: str, configuration_url: str) -> Offered:
    """What a link of ours, opened by a platform, would do; raises Forbidden, NotRegistered."""
    with site.database.reading() as session:
        if platforms.invitation(session, hashed(secret)) is None:
            raise Forbidden(_OVER)
    origin = origin_of(configuration_url)
    if not is_address(configuration_url) or origin is None:
        raise NotRegistered(
            "open this link from within your LMS, where tools are registered: it adds its own "
            "address (openid_configuration)"
        )
    return Offered(urlsplit(configuration_url).netloc, origin)


def frame_origins(site: Site, secret: str, configuration_url: str) -> tuple[str, ...]:
    """Where a page about this registration may be shown: by whom a link of ours, used or not, has
    been given to."""
    origin = origin_of(configuration_url)
    with site.database.reading() as session:
        is_ours = platforms.any_invitation(session, hashed(secret))
    return (origin,) if origin and is_ours else ()


def register_invited(
    site: Site, secret: str, configuration_url: str, token: str | None
) -> Platform:
    """Do it: the invitation is used up, unless it fails.

    Raises Forbidden, NotRegistered, Unreachable, Conflict.
    """
    if token is not None and len(token) > _LONGEST_TOKEN:
        raise NotRegistered("registration_token is too long")
    with site.database.writing() as session:
        invitation_id = platforms.use_invitation(session, hashed(secret))
    if invitation_id is None:
        raise Forbidden(_OVER)
    try:
        found = configuration(site.to_platforms, configuration_url)
        done = register(site.to_platforms, found, token, site.settings.url)
        return _kept(site, invitation_id, done)
    except ChainruleError as error:
        log.warning("the registration of %s failed: %s", configuration_url[:200], error)
        with site.database.writing() as session:
            session.get_one(Invitation, invitation_id).used_at = None
        raise


def _kept(site: Site, invitation_id: int, done: Registered) -> Platform:
    facts = done.facts
    given = Registration(
        name=(urlsplit(facts.issuer).netloc or facts.issuer)[:200],
        issuer=facts.issuer,
        client_id=facts.client_id,
        login_url=facts.login_url,
        token_url=facts.token_url,
        jwks_url=facts.jwks_url,
        token_audience=facts.token_audience,
        product=done.product,
    )
    checked(given)
    with site.database.writing() as session:
        invitation = session.get_one(Invitation, invitation_id)
        row = add(session, invitation.author_id, given, done.deployment_id)
        invitation.platform_id = row.id
    return row
