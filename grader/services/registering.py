"""Dynamic registration: a platform that was invited registers itself, and us with it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from urllib.parse import urlsplit

from grader.db import platforms
from grader.db.models import Invitation, Platform
from grader.db.session import hold
from grader.errors import ChainruleError, Conflict, Forbidden
from grader.lms.claims import is_address, origin_of, shown
from grader.lms.outside import NotAllowed, Unreachable
from grader.lms.registration import NotRegistered, Registered, configuration, register
from grader.safetext import one_line
from grader.services.invitations import is_taken_back
from grader.services.platforms import add, hashed
from grader.services.registrations import Registration, checked, other_keys_of, same_client_of
from grader.services.site import Site

_OVER = (
    "this link to register a platform is used, taken back, expired or unknown: ask for another one"
)
# Whoever holds a link is told what they have said themselves. Of others admins read in the log.
_OTHER_KEYS = (
    "the issuer {} is registered already, with keys at another address than {}. People are known "
    "by their issuer: who runs Chainrule finds both in the log, and can change the Public keyset "
    "URL of the registration that is there, or register this one by hand"
)
# Our assertions name us by this id. One that a platform has had from us may be good at another.
_SAME_CLIENT = (
    "client_id: another LMS knows Chainrule by {} as well: who runs Chainrule finds both in the "
    "log, and can register this one by hand"
)
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
    return Offered(one_line(urlsplit(configuration_url).netloc, 255), origin)


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
        return _kept(site, invitation_id, _registered(site, configuration_url, token))
    except ChainruleError as error:
        log.warning("the registration of %s failed: %s", shown(configuration_url), error)
        with site.database.writing() as session:
            session.get_one(Invitation, invitation_id).used_at = None
        raise


def _registered(site: Site, configuration_url: str, token: str | None) -> Registered:
    try:
        # Not the way to platforms: nobody has vouched for what an invitation's holder names.
        found = configuration(site.outside, configuration_url, token)
        return register(site.outside, found, token, site.settings.url)
    except NotAllowed as error:
        raise NotRegistered(
            f"{error}; who runs Chainrule can register this LMS by hand, and allow that there"
        ) from error
    except Unreachable as error:
        raise Unreachable(
            f"the LMS gives no answer that can be used: {error}. The link can be tried again"
        ) from error


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
    checked(site, given)
    with site.database.writing() as session:
        invitation = session.get_one(Invitation, invitation_id)
        hold(session, invitation)
        if is_taken_back(invitation):
            raise Forbidden(_OVER)
        if words := other_keys_of(session, given):
            log.warning("not registered: %s", words)
            raise Conflict(_OTHER_KEYS.format(given.issuer, shown(given.jwks_url)))
        if words := same_client_of(session, given):
            log.warning("not registered: %s", words)
            raise Conflict(_SAME_CLIENT.format(given.client_id))
        row = add(session, invitation.author_id, given, done.deployment_id)
        invitation.platform_id = row.id
    return row
