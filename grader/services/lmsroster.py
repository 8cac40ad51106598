"""The people of an LMS's course, brought here: by a button, and by itself now and then.

The network is asked outside of any transaction, and all is then done in one. Who is listed no more
loses the role that the LMS gave, unless they have handed in. Whom a launch brought as staff keeps
that, however the roster lists them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from grader.db import audit, contexts
from grader.db.models import Context, ContextMember, Person, Platform, Role
from grader.db.session import Session, hold, moment
from grader.errors import ChainruleError, Conflict, NotFound
from grader.lms.memberships import Member, members
from grader.services.access import Actor, Right, permit
from grader.services.lmspeople import RolesSettled, Told, recognise, settle
from grader.services.platforms import facts_of, way_to
from grader.services.site import Site

_EVERY = timedelta(hours=1)
_LEAST = timedelta(seconds=10)  # between two times that a person asks
_LOOK = timedelta(seconds=15)
_AT_ONCE = 20
_STAFF = (Role.TA, Role.INSTRUCTOR)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Synced:
    """What came of it: how many are listed, what became of roles, and who is listed with no role
    that means anything here, by name; `stays` are staff by a launch, who are listed no more."""

    context: Context
    listed: int
    roles: RolesSettled
    without_role: Sequence[str]
    stays: Sequence[Person]


class SyncFailed(Conflict):
    """The LMS did not tell who is in the course; the message says why."""


def sync(site: Site, actor: Actor, context_row: int) -> Synced:
    """Bring the people now; for who manages the course. Raises SyncFailed with the reason,
    Conflict where it was done a moment ago."""
    with site.database.writing() as session:
        context = session.get(Context, context_row)
        if context is None:
            raise NotFound("there is no such thing")
        permit(session, actor, context.course_id, Right.MANAGE)
        if not contexts.begin_sync(session, context_row, _LEAST):
            raise Conflict("the people were asked for just now; wait some seconds")
    return _sync(site, context_row)


def sync_due(site: Site) -> int:
    """Those that were not asked for in a while; how many were tried."""
    with site.database.reading() as session:
        due = contexts.due(session, _EVERY, _AT_ONCE)
    tried = 0
    for row_id in due:
        with site.database.writing() as session:
            is_ours = contexts.begin_sync(session, row_id, _EVERY)
        if is_ours:
            tried += 1
            try:
                _sync(site, row_id)
            except SyncFailed as error:
                log.warning("the people of the linked course %d: %s", row_id, error)
    return tried


def run(site: Site, over: threading.Event) -> None:
    """Round after round until it is over; one that fails does not end it."""
    while not over.wait(_LOOK.total_seconds()):
        try:
            sync_due(site)
        except Exception:
            log.exception("this round of people of linked courses failed")


def _sync(site: Site, context_row: int) -> Synced:
    with site.database.reading() as session:
        found = contexts.with_platform(session, context_row)
    if found is None:
        raise NotFound("there is no such thing")
    context, platform = found
    try:
        listed = _listed(site, context, platform)
        with site.database.writing() as session:
            return _brought(session, context_row, platform, listed)
    except SyncFailed as error:
        with site.database.writing() as session:
            row = session.get(Context, context_row)
            if row is not None:
                row.sync_failure = str(error)[:2000]
        raise


def _listed(site: Site, context: Context, platform: Platform) -> Sequence[Member]:
    if platform.disabled_at is not None:
        raise SyncFailed("the LMS is not let in any more: ask who runs Chainrule")
    if context.memberships_url is None:
        raise SyncFailed(
            "the LMS offers no list of its people (Names and Roles): an administrator of it can "
            "allow that for Chainrule"
        )
    try:
        url = context.memberships_url
        outside = way_to(site, platform, url)
        found = list(members(outside, site.service_tokens, facts_of(platform), url))
    except ChainruleError as error:
        raise SyncFailed(str(error)) from error
    if not any(one.is_active and one.role for one in found):
        # Nobody would be left: it is more likely that the LMS is wrong.
        raise SyncFailed("the LMS lists nobody who has a role here; nothing was changed")
    return found


def _brought(
    session: Session, context_row: int, platform: Platform, listed: Sequence[Member]
) -> Synced:
    context = session.get(Context, context_row)
    if context is None:
        raise NotFound("there is no such thing")
    hold(session, context)
    there = [one for one in listed if one.is_active and one.role]
    told = [Told(one.subject, one.name, one.email) for one in there]
    persons = recognise(session, platform.issuer, told)
    known = contexts.members(session, context_row)
    for one in there:
        person = persons[one.subject]
        member = known.get(person.id)
        if member is None:
            member = ContextMember(context_id=context_row, person_id=person.id)
            session.add(member)
            known[person.id] = member
        assert one.role is not None
        member.roster_role = Role(one.role)
    here = {persons[one.subject].id for one in there}
    gone = [one for one in known.values() if one.roster_role and one.person_id not in here]
    stays = []
    for member in gone:
        member.roster_role = None
        if member.launch_role in _STAFF:
            stays.append(session.get_one(Person, member.person_id))
        else:
            member.launch_role = None
    session.flush()
    concerned = here | {one.person_id for one in gone}
    roles = settle(session, context.course_id, concerned)
    context.synced_at, context.sync_failure = moment(session), None
    if roles.given or roles.removed:
        audit.record(
            session,
            None,
            "context.synced",
            context,
            course_id=context.course_id,
            title=context.title,
            given=len(roles.given),
            removed=len(roles.removed),
        )
    return Synced(
        context=context,
        listed=len(listed),
        roles=roles,
        without_role=[one.name or "–" for one in listed if one.is_active and one.role is None],
        stays=stays,
    )
