"""Deep linking: an instructor picks assignments in the LMS, which makes links of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from grader.db import assignments, contexts, platforms
from grader.db.models import Assignment, AssignmentVersion, Context, Launch, Platform
from grader.db.pages import MOST
from grader.db.session import Session
from grader.errors import BadInput, Forbidden
from grader.lms.deeplinking import Picked, response
from grader.lms.messages import Picking
from grader.services.access import Actor, Right, permit
from grader.services.launching import TICKET_LASTS, deployment_of, message_of
from grader.services.platforms import facts_of, frame_origins, hashed
from grader.services.signingkeys import signing_key
from grader.services.site import Site


@dataclass(frozen=True)
class Offer:
    """What may be picked in the course that is linked."""

    course_id: int
    platform_name: str
    several: bool
    assignments: Sequence[Assignment]
    origins: tuple[str, ...]


@dataclass(frozen=True)
class Brought:
    """The message that goes back to the LMS, and where it goes."""

    jwt: str
    return_url: str
    origins: tuple[str, ...]


def offer(site: Site, ticket: str) -> Offer:
    """What who holds the ticket may pick; it is not used up by that. Raises Forbidden."""
    with site.database.reading() as session:
        _, context, platform, picking = _asked(session, ticket)
        return Offer(
            course_id=context.course_id,
            platform_name=platform.name,
            several=picking.several,
            assignments=[one for one, _ in _of_course(session, context.course_id)],
            origins=frame_origins(platform),
        )


def bring(site: Site, ticket: str, assignment_ids: Collection[int]) -> Brought:
    """Bring these back, or nothing; the ticket is used up. Raises BadInput, Forbidden."""
    key = signing_key(site.database)
    with site.database.writing() as session:
        launch, context, platform, picking = _asked(session, ticket)
        every = _of_course(session, context.course_id)
        picked = [(one, live) for one, live in every if one.id in assignment_ids]
        if len(picked) != len(set(assignment_ids)):
            raise BadInput("assignments: choose among those of the course")
        if len(picked) > 1 and not picking.several:
            raise BadInput("assignments: the LMS takes one at a time here")
        if platforms.use_ticket(session, hashed(ticket), TICKET_LASTS) is None:
            raise Forbidden("this was sent already: choose again in your LMS")
        deployment, _ = deployment_of(session, launch)
    items = [
        Picked(one.id, one.title, None if live is None else live.max_score, one.due_at)
        for one, live in picked
    ]
    message = response(
        facts_of(platform),
        deployment.deployment_id,
        picking,
        items,
        f"{site.settings.url}/lti/launch",
        key,
    )
    return Brought(message, picking.return_url, frame_origins(platform))


def _of_course(
    session: Session, course_id: int
) -> Sequence[tuple[Assignment, AssignmentVersion | None]]:
    return assignments.of_course(session, course_id, published_only=False, limit=MOST).items


def _asked(session: Session, ticket: str) -> tuple[Launch, Context, Platform, Picking]:
    launch = platforms.launch_by_ticket(session, hashed(ticket), TICKET_LASTS)
    if launch is None:
        raise Forbidden("this was sent already, or opened long ago: choose again in your LMS")
    message = message_of(launch)
    _, platform = deployment_of(session, launch)
    context = None
    if message.context_id is not None:
        context = contexts.of_deployment(session, launch.deployment_id, message.context_id)
    if message.picking is None or context is None:
        raise Forbidden("there is nothing to choose in this launch")
    permit(session, Actor(launch.person_id, ""), context.course_id, Right.MANAGE)
    return launch, context, platform, message.picking
