"""The people of an LMS's course, brought here: by a button, and by itself now and then.

The network is asked outside of any transaction, and all is then done in one, unless somebody has
asked again meanwhile: what the LMS said later counts. Who is listed no more, or not as active,
loses the role that the LMS gave, whether by its list or by a launch. Some it lets come and never
lists, as Moodle's managers: theirs lasts a day from when they came.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from grader.db import audit, contexts, people, platforms
from grader.db.models import Context, ContextMember, Person, Platform, Role
from grader.db.session import Session, hold, moment
from grader.errors import ChainruleError, Conflict, NotFound
from grader.lms.memberships import Member, members
from grader.services.access import Actor, Right, permit
from grader.services.lmspeople import RolesSettled, Told, recognise, role_of, settle
from grader.services.platforms import facts_of, way_to
from grader.services.site import Site

_EVERY = timedelta(hours=1)
_LEAST = timedelta(seconds=10)  # between two times that a person asks
_LOOK = timedelta(seconds=15)
_A_ROUND = 20  # courses
_OF_ONE = 2  # of them of one LMS: a round is over when the slowest has answered
_AT_ONCE = 4  # LMSs, each of which is asked for one course after the other
_UNLISTED_LASTS = timedelta(days=1)

# What may list somebody with less than it launches them with: Moodle, and what is not known to be
# something else.
_LISTS_LOWER = ("", "moodle")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Synced:
    """What came of it: how many are listed, what became of roles, and who is listed with no role
    that means anything here, by name; `stays` are those whom a launch brought within a day, who
    were never listed, and whose role ends then."""

    context: Context
    listed: int
    roles: RolesSettled
    without_role: Sequence[str]
    stays: Sequence[Person]


class SyncFailed(Conflict):
    """The LMS did not tell who is in the course; the message says why."""


class Superseded(Conflict):
    """The people were asked for again meanwhile: this answer counts for nothing."""


def sync(site: Site, actor: Actor, context_row: int) -> Synced:
    """Bring the people now; for who manages the course. Raises SyncFailed with the reason,
    Conflict where it was done a moment ago."""
    with site.database.writing() as session:
        context = session.get(Context, context_row)
        if context is None:
            raise NotFound("there is no such thing")
        permit(session, actor, context.course_id, Right.MANAGE)
        begun = contexts.begin_sync(session, context_row, _LEAST)
    if begun is None:
        raise Conflict("the people were asked for just now; wait some seconds")
    return _sync(site, context_row, begun)


def sync_due(site: Site) -> int:
    """Those that were not asked for in a while; how many were tried.

    Several LMSs are asked at a time, each for a few courses: one that is slow holds up a round for
    as long as these take, and the next round begins with whoever has waited longest.
    """
    with site.database.reading() as session:
        due = contexts.due(session, _EVERY, _A_ROUND, _OF_ONE)
    by_platform: defaultdict[int, list[int]] = defaultdict(list)
    for row_id, platform_id in due:
        by_platform[platform_id].append(row_id)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return sum(threads.map(partial(_sync_each, site), by_platform.values()))


def _sync_each(site: Site, row_ids: Sequence[int]) -> int:
    tried = 0
    for row_id in row_ids:
        with site.database.writing() as session:
            begun = contexts.begin_sync(session, row_id, _EVERY)
        if begun is not None:
            tried += 1
            try:
                _sync(site, row_id, begun)
            except (Conflict, NotFound) as error:
                log.warning("the people of the linked course %d: %s", row_id, error)
    return tried


def run(site: Site, over: threading.Event) -> None:
    """Round after round until it is over; one that fails does not end it."""
    while not over.wait(_LOOK.total_seconds()):
        try:
            sync_due(site)
        except Exception:
            log.exception("this round of people of linked courses failed")


def _sync(site: Site, context_row: int, begun: datetime) -> Synced:
    with site.database.reading() as session:
        found = contexts.with_platform(session, context_row)
    if found is None:
        raise NotFound("there is no such thing")
    context, platform = found
    try:
        listed = _listed(site, context, platform)
    except SyncFailed as error:
        with site.database.writing() as session:
            _held(session, context_row, begun).sync_failure = str(error)[:2000]
        raise
    with site.database.writing() as session:
        return _brought(session, _held(session, context_row, begun), platform, listed, begun)


def _held(session: Session, context_row: int, begun: datetime) -> Context:
    """The linked course, which nobody else changes meanwhile; raises Superseded where its people
    were asked for again since, or are to be."""
    context = session.get(Context, context_row)
    if context is None:
        raise NotFound("there is no such thing")
    hold(session, context)
    if context.sync_begun_at != begun:
        raise Superseded("the people were asked for again meanwhile: that answer counts")
    return context


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
        found = members(outside, site.service_tokens, facts_of(platform), url)
    except ChainruleError as error:
        raise SyncFailed(str(error)) from error
    if not any(one.is_active and one.role for one in found):
        # Nobody would be left: it is more likely that the LMS is wrong.
        raise SyncFailed("the LMS lists nobody who has a role here; nothing was changed")
    return found


def _brought(
    session: Session,
    context: Context,
    platform: Platform,
    listed: Sequence[Member],
    begun: datetime,
) -> Synced:
    there = [one for one in listed if one.is_active and one.role]
    told = [Told(one.subject, one.name, one.email) for one in there]
    persons = recognise(session, platform.issuer, told)
    known = contexts.members(session, context.id)
    for one in there:
        person = persons[one.subject]
        member = known.get(person.id)
        if member is None:
            member = ContextMember(context_id=context.id, person_id=person.id)
            session.add(member)
            known[person.id] = member
        assert one.role is not None
        if not _has_come_since(member, begun):
            member.roster_role = Role(one.role)
            if platform.product not in _LISTS_LOWER:
                member.launch_role = None
    here = {persons[one.subject].id for one in there}
    absent = [one for one in known.values() if one.person_id not in here]
    left_over = _left_over(session, context, absent)
    denied = _denied(session, platform, listed)
    gone, stays = [], []
    for member in absent:
        is_unlisted = member.roster_role is None and member.person_id not in denied
        if _is_nobody(member) or _has_come_since(member, begun):
            continue
        if is_unlisted and _has_come_since(member, begun - _UNLISTED_LASTS):
            stays.append(member.person_id)
            continue
        member.roster_role = member.launch_role = None
        gone.append(member.person_id)
    session.flush()
    roles = settle(session, context.course_id, here | left_over | set(gone))
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
        stays=_whose_role_ends(session, context, stays),
    )


def _whose_role_ends(
    session: Session, context: Context, person_ids: Sequence[int]
) -> Sequence[Person]:
    """Of these those who are something else here without this course of the LMS: not who was
    enrolled by hand, who has as much by another course, or is a student for their work anyway."""
    if not person_ids:
        return ()
    enrolled = people.enrolments_of(session, context.course_id, person_ids)
    said = contexts.members_by_course(session, context.course_id, person_ids)
    working = contexts.have_handed_in(session, context.course_id, person_ids)
    ending = []
    for one in person_ids:
        enrolment = enrolled.get(one)
        if enrolment is None or not enrolment.by_lms:
            continue
        others = [told for told in said[one] if told.context_id != context.id]
        left = role_of(others) or (Role.STUDENT if one in working else None)
        if left is not enrolment.role:
            ending.append(one)
    persons = people.by_ids(session, ending)
    return [persons[one] for one in ending]


def _has_come_since(member: ContextMember, moment: datetime) -> bool:
    return member.launched_at is not None and member.launched_at >= moment


def _is_nobody(member: ContextMember) -> bool:
    return member.launch_role is None and member.roster_role is None


def _denied(session: Session, platform: Platform, listed: Sequence[Member]) -> set[int]:
    """Of whom the LMS says that they are not active, or nobody, as far as they are known here."""
    subjects = [one.subject for one in listed if not (one.is_active and one.role)]
    known = platforms.known_people(session, platform.issuer, subjects)
    return {person.id for _, person in known.values()}


def _left_over(session: Session, context: Context, absent: Sequence[ContextMember]) -> set[int]:
    """Who stayed the course's instructor for want of another one: there may be one by now."""
    enrolled = people.enrolments_of(
        session,
        context.course_id,
        [one.person_id for one in absent if _is_nobody(one)],
    )
    return {key for key, one in enrolled.items() if one.by_lms and one.role is Role.INSTRUCTOR}
