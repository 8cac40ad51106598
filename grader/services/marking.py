"""Marks: what a person gives for an exercise, and how that becomes points.

A mark takes effect as an override of its exercise: the points that checks gave in it, with those of
the rubric items that were picked and what was added or taken off besides, from 0 to what there is
to get. Grades, the gradebook and releases know overrides alone. Whenever the points of checks or of
items change, the overrides of the marks that stand follow, each as a new one in the place of the
former, so that it stays known what was released when.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from grader.db import audit, bulk, claims, grades, marks, rubricitems
from grader.db.assignments import Hold, held
from grader.db.marks import Automatic
from grader.db.models import Assignment, Mark, Override, Release, RubricItem, Submission
from grader.db.session import Session, moment
from grader.errors import BadInput, Conflict, NotFound
from grader.safetext import storable
from grader.services import overrides
from grader.services.access import Actor, Right, permit_assignment
from grader.services.site import Site
from grader.services.submissions import see

_MOST_ADJUSTMENT = 10_000.0
_LONGEST_COMMENT = 10_000
_LONGEST_REASON = 2000
_NOTHING_PICKED = "no rubric item was picked"


@dataclass(frozen=True, kw_only=True)
class Given:
    """What is given for an answer: items by their ids, points besides, and a comment.

    `adjustment` is None where no points were entered, which without an item is no mark.
    """

    items: Sequence[int] = ()
    adjustment: float | None = None
    comment: str = ""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A mark as whose work it is sees it: as it was when the grade was released."""

    exercise: str
    points: float
    picked: Sequence[str]
    comment: str


def give(
    site: Site,
    actor: Actor,
    assignment_id: int,
    exercise: str,
    submission_ids: Collection[int],
    given: Given,
    *,
    seen: Mapping[int, int | None],
) -> list[Mark]:
    """Grade these answers of an exercise alike: a mark for each, which are undone together.

    `seen` is the mark that the grader has seen to stand for each, None for none. Raises Conflict,
    and nothing is given, where another one stands by now, or points that are no mark's: undoing
    this would not bring those back.
    """
    with site.database.writing() as session:
        held(session, assignment_id, Hold.CHANGES)
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        besides, comment = _checked(given)
        items = _items(session, assignment, exercise, given)
        marks.hold_submissions(session, submission_ids)
        _refuse_strangers(session, assignment, submission_ids)
        standing = {
            one.submission_id: one
            for one in marks.of_submissions(session, submission_ids, exercise)
        }
        for key in submission_ids:
            now_there = standing.get(key)
            if (now_there.id if now_there else None) != seen.get(key):
                raise Conflict("somebody else has graded this meanwhile; look at what they gave")
        _refuse_other_points(session, exercise, submission_ids, standing.values())
        made = [
            Mark(
                submission_id=key,
                exercise=exercise,
                author_id=actor.person_id,
                adjustment=besides,
                comment=comment,
                replaces_id=standing[key].id if key in standing else None,
            )
            for key in sorted(submission_ids)
        ]
        _put(session, actor, assignment, made, {id(mark): items for mark in made}, "mark.given")
        claims.drop(session, submission_ids, exercise)
    return made


def undo(site: Site, actor: Actor, assignment_id: int, exercise: str) -> list[int]:
    """Take back what the actor gave last in an exercise and still stands: the mark before is given
    again, where there was one. The submissions; none where there is nothing to undo."""
    with site.database.writing() as session:
        held(session, assignment_id, Hold.CHANGES)
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        rubricitems.of_exercise(session, assignment_id, exercise, held=True)
        last = marks.last_action(session, assignment_id, exercise, actor.person_id)
        ids = [one.submission_id for one in last]
        marks.hold_submissions(session, ids)
        # Once more: somebody may have given another one before these were held.
        undone = marks.last_action(session, assignment_id, exercise, actor.person_id)
        if [one.id for one in undone] != [one.id for one in last]:
            raise Conflict("somebody else has graded this meanwhile; look, and try again")
        wanted = {one.replaces_id for one in undone if one.replaces_id is not None}
        before = marks.by_ids(session, wanted)
        picked = marks.picks(session, wanted)
        of_it = {one.override_id for one in undone}
        standing = [one for one in grades.standing(session, ids) if one.id in of_it]
        overrides.withdraw(
            session, actor.person_id, assignment.course_id, standing, moment(session)
        )
        for one in undone:
            _note(session, actor.person_id, assignment, "mark.undone", one)
        copies = {one.id: _copy(one) for one in before.values()}
        of_copies = {id(copy): picked.get(key, ()) for key, copy in copies.items()}
        _put(session, actor, assignment, list(copies.values()), of_copies, "mark.restored")
    return ids


def follow(
    session: Session, actor_id: int | None, assignment: Assignment, these: Sequence[Mark]
) -> int:
    """Have the points of marks that stand follow what they are made of; how many have changed.

    Marks of exercises that are not judged against the version in force stay as they are. The
    submissions are held by this transaction.
    """
    version_id = assignment.live_version_id
    if not these or version_id is None:
        return 0
    ids = {one.submission_id for one in these}
    automatic = marks.automatic(session, version_id, ids)
    picked = marks.picks(session, [one.id for one in these])
    standing = {one.id: one for one in grades.standing(session, ids)}
    at = moment(session)
    changed: list[tuple[Mark, Override, Override]] = []
    for mark in these:
        former = standing.get(mark.override_id)
        checks = automatic.get((mark.submission_id, mark.exercise))
        if former is None or checks is None:
            continue
        items = picked.get(mark.id, ())
        score, reason = _points(checks, mark, items), _reason(mark, items)
        if (score, reason) != (former.score, former.reason):
            changed.append((mark, former, _override(mark, score, reason, at)))
    session.add_all([new for _, _, new in changed])
    session.flush()
    for mark, _, new in changed:
        mark.override_id = new.id
    session.flush()
    for mark, former, new in changed:
        audit.record(
            session,
            actor_id,
            "mark.followed",
            mark,
            course_id=assignment.course_id,
            submission_id=mark.submission_id,
            exercise=mark.exercise,
            score=new.score,
            before=former.score,
        )
        former.revoked_at = at
    session.flush()
    return len(changed)


def follow_judging(session: Session, submission_id: int, version_id: int) -> None:
    """A submission has a new result against a version: where that is in force, its marks follow."""
    marks.hold_submissions(session, [submission_id])
    these = marks.of_submissions(session, [submission_id])
    if these:
        submission = session.get_one(Submission, submission_id)
        assignment = session.get_one(Assignment, submission.assignment_id)
        if assignment.live_version_id == version_id:
            follow(session, None, assignment, these)


def follow_version(session: Session, actor: Actor, assignment: Assignment) -> int:
    """Another version is in force: the marks of what was judged against it follow."""
    these = marks.of_assignment(session, assignment.id)
    marks.hold_submissions(session, {one.submission_id for one in these})
    standing = marks.of_assignment(session, assignment.id)
    return follow(session, actor.person_id, assignment, standing)


def marks_for_student(site: Site, actor: Actor, submission_id: int) -> list[Shown]:
    """What was picked and said in a submission, for whose it is and for staff.

    As it was when their grade was released; nothing before that, nor where the grade is that of
    another submission.
    """
    with site.database.reading() as session:
        seen = see(session, actor, submission_id)
        person_id = seen.submission.person_id if seen.is_staff else actor.person_id
        release = session.get(Release, (seen.assignment.id, person_id))
        if release is None or release.submission_id != submission_id:
            return []
        stood = marks.stood_at(session, submission_id, release.released_at)
    return [
        Shown(
            exercise=mark.exercise,
            points=override.score,
            picked=[] if override.reason == _NOTHING_PICKED else override.reason.split("\n"),
            comment=mark.comment,
        )
        for mark, override in stood
    ]


def _put(
    session: Session,
    actor: Actor,
    assignment: Assignment,
    made: Sequence[Mark],
    items: Mapping[int, Sequence[RubricItem]],
    action: str,
) -> None:
    """Have new marks stand; `items` are those that each picked, by the identity of the mark."""
    if not made:
        return
    if assignment.live_version_id is None:
        raise Conflict("the assignment has no version yet that is published")
    ids = [one.submission_id for one in made]
    automatic = marks.automatic(session, assignment.live_version_id, ids)
    at = moment(session)
    points = []
    for mark in made:
        checks = automatic.get((mark.submission_id, mark.exercise))
        if checks is None:
            raise Conflict("it is not judged yet against the version in force")
        picked = items[id(mark)]
        points.append(_override(mark, _points(checks, mark, picked), _reason(mark, picked), at))
    overrides.put(session, actor.person_id, assignment.course_id, points)
    for mark, override in zip(made, points, strict=True):
        mark.override_id, mark.created_at = override.id, at
        mark.action = mark.action or points[0].id
    session.add_all(made)
    session.flush()
    marks.keep_picks(session, [(mark.id, item.id) for mark in made for item in items[id(mark)]])
    for mark, override in zip(made, points, strict=True):
        _note(
            session,
            actor.person_id,
            assignment,
            action,
            mark,
            score=override.score,
            reason=override.reason,
        )


def _override(mark: Mark, score: float, reason: str, at: datetime) -> Override:
    return Override(
        submission_id=mark.submission_id,
        exercise=mark.exercise,
        score=score,
        reason=reason,
        author_id=mark.author_id,
        created_at=at,
    )


def _copy(mark: Mark) -> Mark:
    """What an earlier mark gave, to be given again: of the same author, and undone in its turn."""
    return Mark(
        submission_id=mark.submission_id,
        exercise=mark.exercise,
        author_id=mark.author_id,
        adjustment=mark.adjustment,
        comment=mark.comment,
        replaces_id=mark.replaces_id,
        action=mark.action,
    )


def _points(checks: Automatic, mark: Mark, items: Sequence[RubricItem]) -> float:
    total = checks.score + math.fsum(item.points for item in items) + mark.adjustment
    return round(min(max(total, 0.0), checks.max_score), 6)


def _reason(mark: Mark, items: Sequence[RubricItem]) -> str:
    """What was picked in words, a line for each; the override's reason, which students see."""
    lines = [f"{signed(item.points)} {item.label}" for item in items]
    if mark.adjustment:
        lines.append(f"{signed(mark.adjustment)} besides")
    if not lines:
        return _NOTHING_PICKED
    while len("\n".join(lines)) > _LONGEST_REASON:
        lines[-2:] = ["and more"]
    return "\n".join(lines)


def signed(points: float) -> str:
    """Points that are added or taken off: +2, −0.5."""
    return f"{'−' if points < 0 else '+'}{abs(points):g}"


def _checked(given: Given) -> tuple[float, str]:
    """The points besides, and the comment. Raises BadInput where nothing is given."""
    if given.adjustment is None and not given.items:
        raise BadInput(
            "nothing is given yet: pick a rubric item, or enter points besides; "
            "0 leaves what checks gave"
        )
    besides = given.adjustment or 0.0
    if not math.isfinite(besides) or abs(besides) > _MOST_ADJUSTMENT:
        raise BadInput("adjustment: a number of points")
    comment = storable(given.comment).replace("\0", "").replace("\r\n", "\n").strip()
    if len(comment) > _LONGEST_COMMENT:
        raise BadInput(f"comment: {_LONGEST_COMMENT} characters at most")
    return round(besides, 6), comment


def _items(
    session: Session, assignment: Assignment, exercise: str, given: Given
) -> list[RubricItem]:
    there = rubricitems.of_exercise(session, assignment.id, exercise, held=True)
    known = {one.id: one for one in there}
    if not known.keys() >= set(given.items):
        raise Conflict("the rubric has changed meanwhile; look at its items again")
    return [item for key, item in known.items() if key in set(given.items)]


def _refuse_strangers(
    session: Session, assignment: Assignment, submission_ids: Collection[int]
) -> None:
    if bulk.strangers(session, assignment.id, submission_ids):
        raise NotFound("there is no such thing")


def _refuse_other_points(
    session: Session, exercise: str, submission_ids: Collection[int], standing: Iterable[Mark]
) -> None:
    of_marks = {mark.override_id for mark in standing}
    for one in grades.standing(session, submission_ids):
        if one.exercise == exercise and one.id not in of_marks:
            raise Conflict(
                f"{one.score:g} points were given for this beside the desk; "
                "take those back first, on the submission's page"
            )


def _note(
    session: Session,
    actor_id: int | None,
    assignment: Assignment,
    action: str,
    mark: Mark,
    **detail: object,
) -> None:
    audit.record(
        session,
        actor_id,
        action,
        mark,
        course_id=assignment.course_id,
        submission_id=mark.submission_id,
        exercise=mark.exercise,
        **detail,
    )
