"""Grades from a file: what it would change, and then giving just that, as overrides of the whole.

A file that was exported, edited and is imported again changes what was edited: a cell that says
what somebody has already, and an empty one, do nothing.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from grader.db import audit, grades, marks, people
from grader.db.grades import Live, Member
from grader.db.models import Override
from grader.db.pages import MOST
from grader.db.session import Session, moment
from grader.domain.grades import Grade
from grader.errors import BadInput, Conflict
from grader.services import overrides
from grader.services.access import Actor, Right, permit
from grader.services.gradebook import with_grades
from grader.services.site import Site
from grader.services.tables import CellError, Table

Some = TypeVar("Some")

_SAME = 1e-6  # points: files have as many decimals
_OF_EXPORT = ("name", "email", "team", "person_id")
_OTHERS = (" of", " state", " released")  # columns of the export that say what cannot be given


@dataclass(frozen=True)
class Wanted:
    """Points that somebody is to have in an assignment, by row of the file."""

    row: int
    person_id: int
    assignment_id: int
    points: float


@dataclass(frozen=True)
class GradeChange:
    """Points to give for the submission that counts; `before` is None where there are none yet."""

    row: int
    member: Member
    live: Live
    submission_id: int
    before: float | None
    after: float


@dataclass
class GradePlan:
    """What a file would do; `passed_over` are columns that say nothing that can be given, and
    `without_work` is how many of the errors are points for who handed in nothing."""

    changes: list[GradeChange] = field(default_factory=list)
    errors: list[CellError] = field(default_factory=list)
    unchanged: int = 0
    without_work: int = 0
    passed_over: list[str] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """Names all that changes, and from what."""
        said = [
            [one.member.person_id, one.live.assignment.id, one.submission_id, one.before, one.after]
            for one in self.changes
        ]
        return hashlib.sha256(json.dumps(sorted(said, key=lambda x: x[:2])).encode()).hexdigest()

    def wanted(self) -> list[Wanted]:
        """The changes as they are confirmed."""
        return [
            Wanted(one.row, one.member.person_id, one.live.assignment.id, one.after)
            for one in self.changes
        ]


def plan_grades(site: Site, actor: Actor, course_id: int, table: Table) -> GradePlan:
    """What the file would change.

    One column says who, person_id or email; an assignment's column is called by its slug, or as in
    the export: `a0 points`.
    """
    plan = GradePlan()
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.GRADE)
        lives = grades.assignments(session, course_id)
        cells = _cells(session, table, lives, plan)
        _compare(session, course_id, lives, cells, plan)
    return plan


def give_grades(
    site: Site,
    actor: Actor,
    course_id: int,
    wanted: Sequence[Wanted],
    *,
    digest: str,
    reason: str,
) -> int:
    """Give what `plan_grades` has shown, all of it or nothing; how many submissions got points.

    Raises Conflict where that would change something else by now.
    """
    with site.database.writing() as session:
        permit(session, actor, course_id, Right.GRADE)
        lives = grades.assignments(session, course_id)
        held = _planned(session, course_id, lives, wanted)
        marks.hold_submissions(session, [one.submission_id for one in held.changes])
        plan = _planned(session, course_id, lives, wanted)
        if plan.errors or plan.digest != digest:
            raise Conflict("grades have changed meanwhile: import the file again and look")
        given = {one.submission_id: one.after for one in plan.changes}
        _give(session, actor, course_id, given, reason)
    return len(given)


def _planned(
    session: Session, course_id: int, lives: Sequence[Live], wanted: Iterable[Wanted]
) -> GradePlan:
    plan = GradePlan()
    _compare(session, course_id, lives, wanted, plan)
    return plan


def _give(
    session: Session, actor: Actor, course_id: int, given: Mapping[int, float], reason: str
) -> None:
    at = moment(session)
    for some in _batches(given):
        made = [
            Override(
                submission_id=submission_id,
                exercise=None,
                score=given[submission_id],
                reason=reason,
                author_id=actor.person_id,
                created_at=at,
            )
            for submission_id in some
        ]
        overrides.put(session, actor.person_id, course_id, made)
        for one in made:
            audit.record(
                session,
                actor.person_id,
                "override.given",
                one,
                course_id=course_id,
                submission_id=one.submission_id,
                exercise=None,
                score=one.score,
                reason=reason,
                imported=True,
            )


def _cells(session: Session, table: Table, lives: Sequence[Live], plan: GradePlan) -> list[Wanted]:
    """The numbers of the file, each with who and what it is for."""
    names = [name.lower() for name in table.columns]
    by_name = {one.assignment.slug: one for one in lives}
    of_column: dict[int, Live] = {}
    for at, name in enumerate(names):
        live = by_name.get(name.removesuffix(" points"))
        if live is not None:
            of_column[at] = live
        elif name and name not in _OF_EXPORT and not _is_of_export(name, by_name):
            plan.passed_over.append(table.columns[at])
    if not of_column:
        known = ", ".join(by_name) or "none yet"
        raise BadInput(f"file: no column is called as an assignment is; there are {known}")
    people_of_rows = _people(session, table, names, plan)
    cells = []
    for row, texts in table.rows:
        person_id = people_of_rows.get(row)
        for at, live in of_column.items():
            if texts[at] and person_id is not None:
                points = _number(texts[at])
                if points is None:
                    words = f"{texts[at]} is no number of points"
                    plan.errors.append(CellError(row, table.columns[at], words))
                else:
                    cells.append(Wanted(row, person_id, live.assignment.id, points))
    return cells


def _is_of_export(name: str, slugs: Collection[str]) -> bool:
    return any(name.endswith(other) and name.removesuffix(other) in slugs for other in _OTHERS)


def _people(
    session: Session, table: Table, names: Sequence[str], plan: GradePlan
) -> dict[int, int]:
    """Who each row is about, by person_id where the file has that, otherwise by email."""
    column = next((name for name in ("person_id", "email") if name in names), None)
    if column is None:
        raise BadInput("file: no column says who: person_id or email")
    keys = {row: texts[names.index(column)] for row, texts in table.rows}
    if column == "email":
        # Where it begins as a formula does the export has put an apostrophe before it.
        keys = {row: key.removeprefix("'").lower() for row, key in keys.items()}
        known = {}
        for some in _batches(sorted(set(keys.values()))):
            known.update({email: one.id for email, one in people.by_emails(session, some).items()})
    else:
        known = {key: int(key) for key in keys.values() if key.isdecimal() and len(key) < 19}
    found: dict[int, int] = {}
    rows_of: dict[int, int] = {}
    for row, key in keys.items():
        person_id = known.get(key)
        if person_id is None:
            words = f"nobody has this {column.replace('_id', ' id')}: {key or 'it is empty'}"
            plan.errors.append(CellError(row, column, words))
        elif person_id in rows_of:
            words = f"stands in row {rows_of[person_id]} already"
            plan.errors.append(CellError(row, column, words))
        else:
            found[row] = rows_of.setdefault(person_id, row) and person_id
    return found


def _compare(
    session: Session,
    course_id: int,
    lives: Sequence[Live],
    cells: Iterable[Wanted],
    plan: GradePlan,
) -> None:
    by_person: dict[int, dict[int, Wanted]] = defaultdict(dict)
    for cell in cells:
        by_person[cell.person_id][cell.assignment_id] = cell
    given: dict[int, GradeChange] = {}  # by submission: a team shares it
    for some in _batches(sorted(by_person)):
        found = grades.members(session, course_id, only=some, limit=MOST)
        book = with_grades(session, course_id, lives, found)
        for person_id in set(some) - {row.member.person_id for row in book.rows.items}:
            row_number = next(iter(by_person[person_id].values())).row
            plan.errors.append(CellError(row_number, "", "they are not in this course"))
        for row in book.rows.items:
            asked = by_person[row.member.person_id]
            for live, (grade, _) in zip(lives, row.cells, strict=True):
                if live.assignment.id in asked:
                    wish = asked[live.assignment.id]
                    _compare_one(wish, row.member, live, grade, given, plan)
    plan.errors.sort(key=lambda error: error.row)
    plan.changes.sort(key=lambda change: (change.row, change.live.assignment.id))


def _compare_one(
    wish: Wanted,
    member: Member,
    live: Live,
    grade: Grade,
    given: dict[int, GradeChange],
    plan: GradePlan,
) -> None:
    if grade.points is not None and abs(grade.points - wish.points) <= _SAME:
        plan.unchanged += 1
        return
    words = _refused(wish.points, member, live, grade)
    if words:
        plan.without_work += grade.counting is None and live.assignment.live_version_id is not None
    else:
        assert grade.counting is not None
        submission_id = grade.counting.id
        change = GradeChange(wish.row, member, live, submission_id, grade.points, wish.points)
        other = given.setdefault(submission_id, change)
        if other is change:
            plan.changes.append(change)
        elif abs(other.after - wish.points) > _SAME:
            words = f"they share it with row {other.row}, which gives {other.after:g}"
    if words:
        plan.errors.append(CellError(wish.row, live.assignment.slug, words))


def _refused(points: float, member: Member, live: Live, grade: Grade) -> str:
    if live.assignment.live_version_id is None:
        return "no version of it is published"
    if grade.counting is None:
        return f"nothing was handed in by {member.name}, so there is nothing to give points to"
    if not 0 <= points <= live.max_score:
        return f"{points:g} is not from 0 to {live.max_score:g}"
    return ""


def _number(text: str) -> float | None:
    try:
        number = float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except ValueError:
        return None
    return round(number, 6) if math.isfinite(number) and "_" not in text else None


def _batches(things: Iterable[Some]) -> Iterator[list[Some]]:
    """Bit by bit: as many as a page of a list may have."""
    every = list(things)
    for begin in range(0, len(every), MOST):
        yield every[begin : begin + MOST]
