"""Rubric items: an exercise's marking scheme, which grows while people grade.

What is changed applies to what is graded already: the marks that picked an item follow it in the
same transaction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from grader.db import audit, marks, rubricitems
from grader.db.models import Assignment, RubricItem
from grader.db.session import Session, hold, moment
from grader.errors import BadInput, NotFound
from grader.safetext import one_line
from grader.services.access import Actor, Right, permit_assignment
from grader.services.exercises import exercise_of
from grader.services.marking import follow
from grader.services.site import Site

_LONGEST = 300
_MOST_POINTS = 10_000.0
_MOST_ITEMS = 60


@dataclass(frozen=True, kw_only=True)
class Item:
    """A rubric item, and how many marks that stand picked it."""

    item: RubricItem
    uses: int


def listed(session: Session, assignment_id: int, exercise: str) -> list[Item]:
    """An exercise's items in their order."""
    found = rubricitems.of_exercise(session, assignment_id, exercise)
    uses = rubricitems.uses(session, [one.id for one in found])
    return [Item(item=one, uses=uses.get(one.id, 0)) for one in found]


def list_items(site: Site, actor: Actor, assignment_id: int, exercise: str) -> Sequence[Item]:
    """An exercise's items in their order, for staff."""
    with site.database.reading() as session:
        permit_assignment(session, actor, assignment_id, Right.GRADE)
        return listed(session, assignment_id, exercise)


def add_item(
    site: Site, actor: Actor, assignment_id: int, exercise: str, *, label: str, points: float
) -> RubricItem:
    """One more, behind the others."""
    with site.database.writing() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        exercise_of(session, assignment, exercise)
        hold(session, assignment)
        if len(rubricitems.of_exercise(session, assignment_id, exercise)) >= _MOST_ITEMS:
            raise BadInput(f"an exercise has {_MOST_ITEMS} rubric items at most")
        item = RubricItem(
            assignment_id=assignment_id,
            exercise=exercise,
            position=rubricitems.next_position(session, assignment_id, exercise),
            label=_label(label),
            points=_points(points),
        )
        session.add(item)
        session.flush()
        _note(session, actor, assignment, "rubric_item.added", item)
    return item


def change_item(
    site: Site, actor: Actor, assignment_id: int, item_id: int, *, label: str, points: float
) -> int:
    """Other words or points; how many marks have followed."""
    with site.database.writing() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        item = _item(session, assignment, item_id)
        before = {"label": item.label, "points": item.points}
        item.label, item.points = _label(label), _points(points)
        session.flush()
        followed = _follow(session, actor, assignment, item)
        _note(
            session,
            actor,
            assignment,
            "rubric_item.changed",
            item,
            before=before,
            followed=followed,
        )
    return followed


def retire_item(site: Site, actor: Actor, assignment_id: int, item_id: int) -> int:
    """It can be picked no more and counts no more; how many marks have followed."""
    with site.database.writing() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        item = _item(session, assignment, item_id)
        item.retired_at = moment(session)
        session.flush()
        followed = _follow(session, actor, assignment, item)
        _note(session, actor, assignment, "rubric_item.retired", item, followed=followed)
    return followed


def _follow(session: Session, actor: Actor, assignment: Assignment, item: RubricItem) -> int:
    these = marks.that_picked(session, item.id)
    marks.hold_submissions(session, {one.submission_id for one in these})
    # Those that stand now, while nobody can give others.
    standing = marks.that_picked(session, item.id)
    return follow(session, actor.person_id, assignment, standing)


def _item(session: Session, assignment: Assignment, item_id: int) -> RubricItem:
    item = session.get(RubricItem, item_id)
    if item is None or item.assignment_id != assignment.id or item.retired_at is not None:
        raise NotFound("there is no such thing")
    hold(session, item)
    return item


def _label(text: str) -> str:
    label = one_line(text, _LONGEST - 1)
    if not label:
        raise BadInput("label: say in a few words what it is for")
    return label


def _points(points: float) -> float:
    if not math.isfinite(points) or abs(points) > _MOST_POINTS:
        raise BadInput("points: a number")
    return round(points, 6)


def _note(
    session: Session,
    actor: Actor,
    assignment: Assignment,
    action: str,
    item: RubricItem,
    **detail: object,
) -> None:
    audit.record(
        session,
        actor.person_id,
        action,
        item,
        course_id=assignment.course_id,
        exercise=item.exercise,
        label=item.label,
        points=item.points,
        **detail,
    )
