"""Launches: how one begins, what it must be, who it brings, and where it leads.

A launch begins here (the platform sends somebody's browser), goes to the platform with a state and
a nonce of ours, and comes back with an id_token. Nothing of it is believed before the token holds;
state and nonce are used up by whoever comes first, in the browser in which it began.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit

from grader.broker.throttle import counted
from grader.db import contexts, passbacks, platforms
from grader.db.models import (
    Context,
    ContextMember,
    Deployment,
    Launch,
    Person,
    Platform,
    PlatformLogin,
    Role,
)
from grader.db.session import Session, hold, moment
from grader.errors import BadInput, Conflict, Forbidden, NotFound, NotNow
from grader.lms.claims import is_address, origin_of
from grader.lms.messages import Message, Picking, Refused, verified
from grader.services import signing_in
from grader.services.access import Actor
from grader.services.launchplaces import connect_link, place_of
from grader.services.lmspeople import Told, recognise, settle
from grader.services.platforms import facts_of, frame_origins, hashed
from grader.services.signing_in import SignedIn
from grader.services.site import Site

LOGIN_LASTS = timedelta(minutes=10)
TICKET_LASTS = timedelta(minutes=30)
_LAUNCH_LASTS = timedelta(hours=3)
_LONGEST = {"iss": 255, "client_id": 255, "login_hint": 4000, "lti_message_hint": 8000}
_DISABLED = "this LMS is not let in any more: ask who runs Chainrule"
_UNKNOWN = "this LMS is not registered here (iss, client_id): who runs Chainrule can register it"
_REMOVED = "where this launch came from is registered no more: ask who runs Chainrule"
# How often launches may begin from one address, behind which several lecture halls may sit.
_MOST, _WINDOW = 3000, timedelta(minutes=5)
_MOST_OPEN = 10_000  # of one platform, that have begun and are kept
_SOON = timedelta(minutes=10)  # after a launch of staff the people are asked for, not oftener

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Begun:
    """A launch that has begun: where the browser goes, and the secret that it keeps until then.

    `origins` are where pages of the platform may show ours in frames.
    """

    address: str
    state: str
    browser: str
    platform_origin: str
    origins: tuple[str, ...]


@dataclass(frozen=True)
class Waiting:
    """A launch that has come back to a browser of which we don't know that it is the same: the
    platform may keep its secret, in that frame."""

    storage_target: str
    platform_origin: str
    origins: tuple[str, ...]


@dataclass(frozen=True)
class Landed:
    """A launch that has held. `path` is where it leads, for the person who is `actor`; the ticket
    leads there in another window. `picking` is set where an instructor is to choose, and
    `is_joined` where the person has an account here."""

    launch_id: int
    actor: Actor
    path: str
    ticket: str
    is_joined: bool
    platform_name: str
    origins: tuple[str, ...]
    picking: Picking | None
    context_row: int | None


def begin(site: Site, given: Mapping[str, str], storage_target: str | None, address: str) -> Begun:
    """Begin a launch as the platform asks for it, for a browser at that address.

    Raises BadInput, Refused, NotNow.
    """
    wait = site.throttle.wait("launch", counted(address), most=_MOST, window=_WINDOW)
    if wait is not None:
        raise NotNow("too many launches; wait a few minutes", datetime.now(UTC) + wait)
    for name, most in _LONGEST.items():
        if len(given.get(name, "")) > most or "\0" in given.get(name, ""):
            raise BadInput(f"{name} is too long, or no plain text")
    issuer, target = given.get("iss", ""), given.get("target_link_uri", "")
    if not issuer or not given.get("login_hint"):
        raise BadInput("a launch begins with iss and login_hint: open it from your course's page")
    if not is_address(target) or origin_of(target) != origin_of(site.settings.url):
        raise Refused("the launch is to somewhere else than here (target_link_uri)")
    if storage_target is not None and not _is_frame(storage_target):
        raise BadInput("lti_storage_target is no name of a frame")
    state, nonce, browser = (secrets.token_urlsafe(32) for _ in range(3))
    with site.database.writing() as session:
        platform = _registered(session, issuer, given.get("client_id") or None)
        if not platforms.stays(session, platform):
            raise Refused(_UNKNOWN)
        row = PlatformLogin(
            state_hash=hashed(state),
            browser_hash=hashed(browser),
            nonce=nonce,
            platform_id=platform.id,
            storage_target=storage_target,
            expires_at=moment(session) + LOGIN_LASTS,
        )
        platforms.begin_login(session, row, _MOST_OPEN)
    site.platform_keys.prepare(facts_of(platform))
    asked = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": platform.client_id,
        "redirect_uri": f"{site.settings.url}/lti/launch",
        "login_hint": given["login_hint"],
        "state": state,
        "nonce": nonce,
    }
    if hint := given.get("lti_message_hint"):
        asked["lti_message_hint"] = hint
    joint = "&" if urlsplit(platform.login_url).query else "?"
    return Begun(
        address=f"{platform.login_url}{joint}{urlencode(asked)}",
        state=state,
        browser=browser,
        platform_origin=origin_of(platform.login_url) or "",
        origins=frame_origins(platform),
    )


def waiting(site: Site, state: str) -> Waiting | None:
    """How a browser without a cookie may show that it is the one; None where it can't."""
    with site.database.reading() as session:
        found = platforms.login(session, hashed(state))
    if found is None:
        return None
    row, platform = found
    if row.used_at is not None or row.storage_target is None:
        return None
    origin = origin_of(platform.login_url) or ""
    return Waiting(row.storage_target, origin, frame_origins(platform))


def origins_of_ticket(site: Site, ticket: str) -> tuple[str, ...]:
    """Where a page about the launch with this ticket, used or not, may be shown in frames."""
    with site.database.reading() as session:
        platform = platforms.platform_of_ticket(session, hashed(ticket))
    return () if platform is None else frame_origins(platform)


def origins_of_state(site: Site, state: str) -> tuple[str, ...]:
    """Where a page about the launch with this state may be shown in frames."""
    with site.database.reading() as session:
        found = platforms.login(session, hashed(state))
    return () if found is None else frame_origins(found[1])


def land(site: Site, state: str, token: str, browser: str | None) -> Landed:
    """Judge a launch, and bring who comes with it in.

    Raises Refused and other BadInput with the reason, NoKeys where the platform's keys can't be
    read, NotYet where the course is not linked and this is not who links it.
    """
    try:
        row, platform = _used_up(site, state, browser)
        message = verified(
            token,
            facts_of(platform),
            site.platform_keys,
            nonce=row.nonce,
            origin=origin_of(site.settings.url) or "",
        )
    except BadInput as error:
        log.warning("a launch was refused: %s", error)
        raise
    try:
        return _judged(site, platform, message)
    except (Conflict, NotFound):
        # The same person twice at the same moment, for the first time; or the course was unlinked.
        return _judged(site, platform, message)


def open_ticket(site: Site, ticket: str) -> tuple[SignedIn, str]:
    """A session for whom the ticket is for, and where it leads; raises Forbidden.

    It begins while the launch is held: who joins or separates accounts takes launches first, and
    then ends sessions, this one as well.
    """
    with site.database.writing() as session:
        launch_id = platforms.use_ticket(session, hashed(ticket), TICKET_LASTS)
        if launch_id is None:
            raise Forbidden("this was opened already, or long ago: open it from your course again")
        launch = session.get_one(Launch, launch_id)
        deployment_of(session, launch)
        person = session.get_one(Person, launch.person_id)
        path = place_of(session, launch, message_of(launch))
        _refuse_admins(person)
        return signing_in.begin_in(session, Actor(person.id, person.name)), path


def message_of(launch: Launch) -> Message:
    """What a launch has said, from its row."""
    said = dict(launch.message)
    said["grade_scopes"] = tuple(said["grade_scopes"])
    if said["picking"] is not None:
        said["picking"] = Picking(**said["picking"])
    return Message(**said)


def enter(session: Session, context: Context, person: Person, message: Message) -> None:
    """Note what the launch says of a linked course and of who comes, and settle their role."""
    context.title = message.context_title or context.title
    context.memberships_url = message.memberships_url or context.memberships_url
    before = _grade_services(context)
    context.line_items_url = message.line_items_url or context.line_items_url
    context.scopes = " ".join(message.grade_scopes)[:1000] or context.scopes
    role = None if message.role is None else Role(message.role)
    _note_role(session, context, person, role)
    begun = context.sync_begun_at
    is_staff = role in (Role.TA, Role.INSTRUCTOR)
    if is_staff and begun is not None and moment(session) - begun > _SOON:
        context.sync_begun_at = None
    if connect_link(session, context, message) or _grade_services(context) != before:
        session.flush()
        passbacks.unlock(session, passbacks.of_context(context.id))
    session.flush()


def _grade_services(context: Context) -> tuple[str | None, str]:
    """Where columns are, and what we may do with them."""
    return context.line_items_url, context.scopes


def _note_role(session: Session, context: Context, person: Person, role: Role | None) -> None:
    """This is what they are now, whatever was said of them before."""
    member = session.get(ContextMember, (context.id, person.id))
    if member is None:
        if role is None:
            return
        member = ContextMember(context_id=context.id, person_id=person.id)
        session.add(member)
    member.launch_role, member.launched_at = role, moment(session)
    if member.roster_role is not None:
        member.roster_role = role
    session.flush()
    settle(session, context.course_id, [person.id])


def _used_up(site: Site, state: str, browser: str | None) -> tuple[PlatformLogin, Platform]:
    with site.database.writing() as session:
        row_id = None
        if browser is not None:
            row_id = platforms.use_login(session, hashed(state), hashed(browser))
        if row_id is None:
            raise Refused(_why_not(session, state, browser))
        row = session.get_one(PlatformLogin, row_id)
        platform = session.get_one(Platform, row.platform_id)
    if platform.disabled_at is not None:
        raise Refused(_DISABLED)
    return row, platform


def _why_not(session: Session, state: str, browser: str | None) -> str:
    found = platforms.login(session, hashed(state))
    if found is None:
        return "this launch did not begin here, or long ago (state): open it again"
    row, _ = found
    if row.used_at is not None:
        return "this launch was used already (state): open it again from your course's page"
    if row.expires_at <= moment(session):
        return "this launch took too long (state): open it again from your course's page"
    if browser is None:
        return (
            "your browser has kept nothing of this launch: allow cookies, or open it in a new "
            "window from your course's page"
        )
    return "this launch began in another browser (state): open it again from your course's page"


def _take_role(site: Site, platform: Platform, message: Message) -> None:
    """Who comes as nobody, and was somebody in the course, is that no more."""
    with site.database.writing() as session:
        context = _held_context(
            session, platforms.deployment(session, platform.id, message.deployment_id), message
        )
        platforms.hold_people(session, platform.issuer, [message.subject])
        known = platforms.person_of(session, platform.issuer, message.subject)
        if context is not None and known is not None:
            _note_role(session, context, known[1], None)


def _held_context(
    session: Session, deployment: Deployment | None, message: Message
) -> Context | None:
    """The linked course that the launch is from, which nobody else changes meanwhile."""
    if deployment is None or message.context_id is None:
        return None
    context = contexts.of_deployment(session, deployment.id, message.context_id)
    if context is not None:
        hold(session, context)
    return context


def _judged(site: Site, platform: Platform, message: Message) -> Landed:
    if message.role is None:
        _take_role(site, platform, message)  # for good, before they are told
    return _landed(site, platform, message)


def _landed(site: Site, platform: Platform, message: Message) -> Landed:
    ticket = secrets.token_urlsafe(32)
    with site.database.writing() as session:
        if not platforms.stays(session, platform):
            raise Refused(_UNKNOWN)
        deployment = platforms.deployment(session, platform.id, message.deployment_id)
        if deployment is None or not platforms.stays(session, deployment):
            log.warning("a launch from the unknown deployment %r", message.deployment_id)
            raise Refused(
                f"the tool was added in a place of the LMS that is not registered here "
                f"(deployment_id {message.deployment_id}): who runs Chainrule can add it"
            )
        context = _held_context(session, deployment, message)
        told = Told(message.subject, message.name, message.email)
        person = recognise(session, platform.issuer, [told])[message.subject]
        _refuse_admins(person)
        if message.product and not platform.product:
            session.get_one(Platform, platform.id).product = message.product
        if context is not None:
            enter(session, context, person, message)
        launch = Launch(
            deployment_id=deployment.id,
            person_id=person.id,
            message=asdict(message),
            ticket_hash=hashed(ticket),
            expires_at=moment(session) + _LAUNCH_LASTS,
        )
        platforms.keep_launch(session, launch)
        path = place_of(session, launch, message)
    return Landed(
        launch_id=launch.id,
        actor=Actor(person.id, person.name),
        path=path,
        ticket=ticket,
        is_joined=person.email is not None,
        platform_name=platform.name,
        origins=frame_origins(platform),
        picking=message.picking,
        context_row=None if context is None else context.id,
    )


def ended(site: Site, state: str, browser: str | None) -> bool:
    """The platform says that a launch has failed: whether that was one of ours that was on its way,
    in this browser. It can't be used any more."""
    if browser is None:
        return False
    with site.database.writing() as session:
        return platforms.use_login(session, hashed(state), hashed(browser)) is not None


def _registered(session: Session, issuer: str, client_id: str | None) -> Platform:
    found = platforms.of_issuer(session, issuer, client_id)
    if not found:
        log.warning("a launch by an unknown platform: iss %.255r, client %.255r", issuer, client_id)
        raise Refused(_UNKNOWN)
    let_in = [one for one in found if one.disabled_at is None]
    if not let_in:
        raise Refused(_DISABLED)
    if len(let_in) > 1:
        raise Refused("this LMS has several registrations and does not say which (client_id)")
    return let_in[0]


def _refuse_admins(person: Person) -> None:
    if person.is_admin:
        raise Refused(
            "an administrator of Chainrule does not come in by way of an LMS: sign in with your "
            "password instead"
        )


def _is_frame(name: str) -> bool:
    plain = all(c.isascii() and (c.isalnum() or c in "_-.") for c in name)
    return plain and 0 < len(name) <= 255


def deployment_of(session: Session, launch: Launch) -> tuple[Deployment, Platform]:
    """The place that a launch came from; raises Refused where it is not let in any more."""
    found = platforms.deployment_of(session, launch)
    if found is None:
        raise Refused(_REMOVED)
    if found[1].disabled_at is not None:
        raise Refused(_DISABLED)
    return found
