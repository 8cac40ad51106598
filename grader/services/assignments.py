"""Assignments: what students see, when, and by which rules.

Until a version of it is published an assignment is a draft, which staff alone know of. From then on
students see it: announced until it opens, and open afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypedDict

from grader.db import assignments, audit, people
from grader.db.models import Assignment, AssignmentVersion, Course, Role
from grader.db.pages import Page
from grader.db.session import Session
from grader.domain.policy import Policy, own_due_at, refusal
from grader.domain.rules import rules_in_words
from grader.errors import BadInput, Conflict, NotFound
from grader.services.access import Actor, Right, permit, permit_assignment
from grader.services.policies import changed, plain, policy_of
from grader.services.site import Site


class Stage(StrEnum):
    """How far an assignment has come for somebody."""

    DRAFT = "draft"  # nothing is published: for staff alone
    ANNOUNCED = "announced"  # seen by students, and not open yet
    OPEN = "open"
    CLOSED = "closed"  # nothing is accepted any more


class Changes(TypedDict, total=False):
    """What of an assignment is changed; what is left out stays."""

    title: str
    opens_at: datetime | None
    due_at: datetime | None
    policy: Mapping[str, Any]  # the parts of it that are given


@dataclass(frozen=True)
class Seen:
    """An assignment as one person meets it; `due_at` is their own due date."""

    assignment: Assignment
    live: AssignmentVersion | None
    timezone: str
    stage: Stage
    due_at: datetime | None
    rules: list[str]


def create_assignment(
    site: Site,
    actor: Actor,
    course_id: int,
    *,
    slug: str,
    title: str,
    opens_at: datetime | None = None,
    due_at: datetime | None = None,
    policy: Policy | None = None,
) -> Seen:
    """An assignment, a draft until a version of it is published."""
    with site.database.writing() as session:
        permit(session, actor, course_id, Right.MANAGE)
        if session.get(Course, course_id) is None:
            raise NotFound("there is no such thing")
        if assignments.by_slug(session, course_id, slug) is not None:
            raise Conflict(f"slug: there is an assignment {slug} in this course already")
        assignment = Assignment(
            course_id=course_id,
            slug=slug,
            title=title,
            opens_at=opens_at,
            due_at=due_at,
            policy=plain(policy or Policy()),
        )
        _refuse_wrong_dates(assignment)
        session.add(assignment)
        session.flush()
        session.refresh(assignment)
        audit.record(
            session,
            actor.person_id,
            "assignment.created",
            assignment,
            course_id=course_id,
            slug=slug,
            **_noted({"opens_at": opens_at, "due_at": due_at}),
        )
        return _seen(session, actor, [(assignment, None)])[0]


def change_assignment(site: Site, actor: Actor, assignment_id: int, changes: Changes) -> Seen:
    """Change what is given; lateness is judged anew by it wherever it is asked for."""
    with site.database.writing() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.MANAGE)
        values: dict[str, Any] = dict(changes)
        if "policy" in changes:
            values["policy"] = plain(changed(policy_of(assignment), changes["policy"]))
        for name, value in values.items():
            setattr(assignment, name, value)
        _refuse_wrong_dates(assignment)
        audit.record(
            session,
            actor.person_id,
            "assignment.changed",
            assignment,
            course_id=assignment.course_id,
            **_noted(values),
        )
        session.flush()
        return _seen(session, actor, [(assignment, _live(session, assignment))])[0]


def list_assignments(
    site: Site, actor: Actor, course_id: int, *, cursor: str | None = None, limit: int = 50
) -> Page[Seen]:
    """The assignments of a course that the actor may know of."""
    with site.database.reading() as session:
        role = permit(session, actor, course_id, Right.READ)
        found = assignments.of_course(
            session, course_id, published_only=role is Role.STUDENT, cursor=cursor, limit=limit
        )
        return Page(_seen(session, actor, found.items), found.next_cursor)


def get_assignment(site: Site, actor: Actor, assignment_id: int) -> Seen:
    """One assignment."""
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.READ)
        return _seen(session, actor, [(assignment, _live(session, assignment))])[0]


def _live(session: Session, assignment: Assignment) -> AssignmentVersion | None:
    if assignment.live_version_id is None:
        return None
    return session.get_one(AssignmentVersion, assignment.live_version_id)


def _seen(
    session: Session,
    actor: Actor,
    found: Collection[tuple[Assignment, AssignmentVersion | None]],
) -> list[Seen]:
    """Assignments of one course as the actor meets them."""
    if not found:
        return []
    course_id = next(iter(found))[0].course_id
    timezone = session.get_one(Course, course_id).timezone
    team = people.team_of(session, course_id, actor.person_id)
    extended = assignments.extensions(session, [one.id for one, _ in found], team)
    seen = []
    for assignment, live in found:
        policy = policy_of(assignment)
        due_at = own_due_at(assignment.due_at, extended.get(assignment.id, ()))
        rules = rules_in_words(policy, has_due_date=due_at is not None)
        stage = _stage(assignment, policy, due_at)
        seen.append(Seen(assignment, live, timezone, stage, due_at, rules))
    return seen


def _stage(assignment: Assignment, policy: Policy, due_at: datetime | None) -> Stage:
    if assignment.live_version_id is None:
        return Stage.DRAFT
    at = datetime.now(UTC)
    no = refusal(at, policy, opens_at=assignment.opens_at, due_at=due_at, earlier=())
    if no is None:
        return Stage.OPEN
    return Stage.ANNOUNCED if no.until is not None else Stage.CLOSED


def _refuse_wrong_dates(assignment: Assignment) -> None:
    opens_at, due_at = assignment.opens_at, assignment.due_at
    if opens_at is not None and due_at is not None and due_at <= opens_at:
        raise BadInput("due_at: it is due before it opens")


def _noted(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }
