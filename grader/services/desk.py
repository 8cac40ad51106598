"""The grading desk: what people grade in an assignment, in which order, and who has what.

The answers of an exercise are those submissions that count. They come in an order that looks random
and stays, so that nobody is always graded first or last, and in groups of answers that are wrong
for the same reason or say the same.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from grader.db import audit, claims, comments, grades, marks, submissions
from grader.db.claims import Holder
from grader.db.models import Assignment, Mark, Override, SavedComment, Submission
from grader.db.session import Session, hold
from grader.errors import Conflict, NotFound
from grader.services.access import Actor, Right, permit_assignment
from grader.services.counted import Counted, counted
from grader.services.exercises import Exercise, exercise_of, exercises_of
from grader.services.groups import Group, groups_of
from grader.services.results import result_document
from grader.services.rubricitems import Item, listed
from grader.services.site import Site

CLAIM_LASTS = timedelta(minutes=5)  # renewed while the answer is open


@dataclass(frozen=True, kw_only=True)
class Desk:
    """An exercise's answers in their order, by submission; `done` have a person's points."""

    assignment: Assignment
    exercise: Exercise
    order: Sequence[int]
    done: frozenset[int]
    groups: Sequence[Group]
    counted: Counted
    holders: Mapping[int, Holder]

    @property
    def left(self) -> int:
        """How many are not graded."""
        return len(self.order) - len(self.done)

    def group_of(self, submission_id: int) -> Group:
        """The answers like this one."""
        return next(one for one in self.groups if submission_id in one.submission_ids)

    def within(self, key: str | None) -> Sequence[int]:
        """The answers of a group in the order of all; all where there is no such group."""
        group = next((one for one in self.groups if one.key == key), None)
        if group is None:
            return self.order
        wanted = set(group.submission_ids)
        return [one for one in self.order if one in wanted]


@dataclass(frozen=True, kw_only=True)
class Opened:
    """One answer as its grader has it before them.

    `names` are None where names are hidden. `mark` stands, with who gave it and what it picked;
    `override` are points that stand, of the mark or given otherwise, for the exercise or for all.
    """

    desk: Desk
    submission: Submission
    names: Sequence[str] | None
    checks: Mapping[str, Any]
    automatic: float
    mark: Mark | None
    author: str | None
    picked: frozenset[int]
    override: Override | None
    holder: Holder | None


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What a grader of an exercise has at hand: rubric items, and comments that were kept."""

    items: Sequence[Item]
    saved: Sequence[SavedComment]


@dataclass(frozen=True, kw_only=True)
class ExerciseProgress:
    """How far an exercise is graded."""

    exercise: Exercise
    done: int
    left: int


@dataclass(frozen=True, kw_only=True)
class Grader:
    """Who grades: how many answers they have graded by exercise, and what they have open."""

    person_id: int
    name: str
    marks: Mapping[str, int]
    at: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Overview:
    """How far grading by hand has come in an assignment; `waiting` are not judged yet."""

    exercises: Sequence[ExerciseProgress]
    graders: Sequence[Grader]
    answers: int
    waiting: int


def overview(site: Site, actor: Actor, assignment_id: int) -> Overview:
    """The exercises with how many are left, and who has graded how much."""
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        found = counted(site, session, assignment)
        given = marks.given(session, assignment_id)
        whole = {key for key, exercise in given if exercise is None} & found.names.keys()
        of: dict[str, set[int]] = defaultdict(lambda: set(whole))
        for key, exercise in given:
            if exercise is not None and key in found.names:
                of[exercise].add(key)
        exercises = [
            ExerciseProgress(
                exercise=one, done=len(of[one.id]), left=len(found.names) - len(of[one.id])
            )
            for one in exercises_of(session, assignment)
        ]
        progress = marks.progress(session, assignment_id)
        holders = claims.holders(session, assignment_id)
    names = {one.person_id: one.name for one in progress}
    names.update({one.person_id: one.name for one in holders})
    graders = [
        Grader(
            person_id=key,
            name=name,
            marks={one.exercise: one.marks for one in progress if one.person_id == key},
            at=sorted({one.exercise for one in holders if one.person_id == key}),
        )
        for key, name in sorted(names.items(), key=lambda pair: (pair[1], pair[0]))
    ]
    return Overview(
        exercises=exercises,
        graders=graders,
        answers=len(found.names),
        waiting=len(found.waiting),
    )


def get_desk(site: Site, actor: Actor, assignment_id: int, exercise: str) -> Desk:
    """An exercise with its answers and groups, for who grades."""
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        return _desk(site, session, assignment, exercise)


def tools(site: Site, actor: Actor, assignment_id: int, exercise: str) -> Tools:
    """What is at hand."""
    with site.database.reading() as session:
        permit_assignment(session, actor, assignment_id, Right.GRADE)
        return Tools(
            items=listed(session, assignment_id, exercise),
            saved=comments.saved(session, assignment_id, exercise),
        )


def open_answer(site: Site, actor: Actor, desk: Desk, submission_id: int) -> Opened:
    """One of the desk's answers. Raises NotFound where it is none, or none any more."""
    if submission_id not in desk.counted.names:
        raise NotFound("this submission does not count any more, or is not judged; go to the next")
    exercise = desk.exercise.id
    document = result_document(site, actor, submission_id)
    with site.database.reading() as session:
        submission = session.get_one(Submission, submission_id)
        standing = marks.of_submissions(session, [submission_id], exercise)
        mark = standing[0] if standing else None
        picked = marks.picks(session, [mark.id]).get(mark.id, ()) if mark else ()
        names = submissions.names_of(session, [mark.author_id] if mark else [])
        given = [
            one
            for one in grades.standing(session, [submission_id])
            if one.exercise in (exercise, None)
        ]
    checks = next((one for one in document["exercises"] if one["id"] == exercise), None)
    if checks is None:
        raise NotFound("the result of this submission has no such exercise")
    holder = desk.holders.get(submission_id)
    return Opened(
        desk=desk,
        submission=submission,
        names=None if desk.assignment.anonymous else desk.counted.names[submission_id],
        checks=checks,
        automatic=checks["score"],
        mark=mark,
        author=names[mark.author_id] if mark else None,
        picked=frozenset(item.id for item in picked),
        # The whole is the last word.
        override=min(given, key=lambda one: one.exercise is not None, default=None),
        holder=None if holder is None or holder.person_id == actor.person_id else holder,
    )


def take_next(
    site: Site,
    actor: Actor,
    assignment_id: int,
    exercise: str,
    *,
    group: str | None = None,
    after: int | None = None,
) -> int | None:
    """Claim the next answer that is not graded and that nobody else has before them.

    From behind `after` on, then from the beginning, and `after` itself last; of a group first where
    one is given. None where nothing is left.
    """
    desk = get_desk(site, actor, assignment_id, exercise)
    begin = desk.order.index(after) + 1 if after in desk.order else 0
    turned = [*desk.order[begin:], *desk.order[:begin]]
    of_group = set(desk.within(group))
    for submission_id in sorted(turned, key=lambda one: one not in of_group):
        holder = desk.holders.get(submission_id)
        elsewhere = holder is not None and holder.person_id != actor.person_id
        if submission_id in desk.done or elsewhere:
            continue
        if _taken(site, actor, submission_id, exercise):
            return submission_id
    return None


def claim(site: Site, actor: Actor, assignment_id: int, exercise: str, submission_id: int) -> bool:
    """Claim an answer that was opened, or prolong one's claim; False where somebody else has it."""
    with site.database.writing() as session:
        exercise_of(session, _of_assignment(session, actor, assignment_id, submission_id), exercise)
        if not claims.take(session, submission_id, exercise, actor.person_id, CLAIM_LASTS):
            return False
        claims.release_others(session, submission_id, exercise, actor.person_id)
        return True


def leave(site: Site, actor: Actor, assignment_id: int, exercise: str, submission_id: int) -> None:
    """Somebody else may have this answer."""
    with site.database.writing() as session:
        _of_assignment(session, actor, assignment_id, submission_id)
        claims.release(session, submission_id, exercise, actor.person_id)


def in_group(
    site: Site, actor: Actor, assignment_id: int, exercise: str, submission_id: int, count: int
) -> list[int]:
    """The answers like this one that are graded with it: those not graded that nobody has open.

    Raises Conflict unless they are as many as the grader was told, `count`.
    """
    desk = get_desk(site, actor, assignment_id, exercise)
    if submission_id not in desk.counted.names:
        raise NotFound("this submission does not count any more, or is not judged; go to the next")
    found = together(desk, actor, submission_id)
    if len(found) != count:
        raise Conflict(f"by now {len(found)} answers are like this one; look, and try again")
    return found


def together(desk: Desk, actor: Actor, submission_id: int) -> list[int]:
    """Of the answers like this one those that would be graded with it, itself included."""
    return [
        one
        for one in desk.group_of(submission_id).submission_ids
        if one == submission_id
        or (
            one not in desk.done
            and (one not in desk.holders or desk.holders[one].person_id == actor.person_id)
        )
    ]


def hide_names(site: Site, actor: Actor, assignment_id: int, *, hidden: bool) -> None:
    """Have names hidden while an assignment is graded, or shown."""
    with site.database.writing() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.MANAGE)
        hold(session, assignment)
        if assignment.anonymous == hidden:
            return
        assignment.anonymous = hidden
        audit.record(
            session,
            actor.person_id,
            "assignment.names_hidden" if hidden else "assignment.names_shown",
            assignment,
            course_id=assignment.course_id,
        )


def _taken(site: Site, actor: Actor, submission_id: int, exercise: str) -> bool:
    with site.database.writing() as session:
        hold(session, session.get_one(Submission, submission_id))
        if not claims.take(session, submission_id, exercise, actor.person_id, CLAIM_LASTS):
            return False
        # Whoever had it until now may just have graded it.
        if marks.has_points(session, submission_id, exercise):
            claims.release(session, submission_id, exercise, actor.person_id)
            return False
        claims.release_others(session, submission_id, exercise, actor.person_id)
        return True


def _of_assignment(
    session: Session, actor: Actor, assignment_id: int, submission_id: int
) -> Assignment:
    """The assignment, whose submission this is; it is held."""
    assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
    submission = session.get(Submission, submission_id)
    if submission is None or submission.assignment_id != assignment_id:
        raise NotFound("there is no such thing")
    hold(session, submission)
    return assignment


def _desk(site: Site, session: Session, assignment: Assignment, exercise: str) -> Desk:
    outlined = exercise_of(session, assignment, exercise)
    found = counted(site, session, assignment)
    order = sorted(found.names, key=lambda one: _shuffled(assignment.id, exercise, one))
    done = frozenset(marks.done(session, assignment.id, exercise) & found.names.keys())
    if exercise not in found.made:
        found.made[exercise] = groups_of(session, found, exercise)
    held = claims.holders(session, assignment.id, exercise)
    return Desk(
        assignment=assignment,
        exercise=outlined,
        order=order,
        done=done,
        groups=[
            replace(group, left=sum(one not in done for one in group.submission_ids))
            for group in found.made[exercise]
        ],
        counted=found,
        holders={one.submission_id: one for one in held},
    )


def _shuffled(assignment_id: int, exercise: str, submission_id: int) -> bytes:
    return hashlib.sha256(f"{assignment_id}/{exercise}/{submission_id}".encode()).digest()
