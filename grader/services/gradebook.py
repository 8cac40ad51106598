"""The gradebook of a course: a matrix of students and assignments, in pages or as one CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.db import grades
from grader.db.grades import Live, Member, Released
from grader.db.pages import MOST, Page
from grader.db.session import Session
from grader.domain.grades import Grade
from grader.services.access import Actor, Right, permit
from grader.services.grades import grade_from
from grader.services.policies import policy_of
from grader.services.site import Site

# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True, kw_only=True)
class GradebookRow:
    """A student, and by assignment the grade and what is released of it."""

    member: Member
    cells: Sequence[tuple[Grade, Released | None]]


@dataclass(frozen=True, kw_only=True)
class Gradebook:
    """A page of a course's matrix: the columns, and a row for each student."""

    assignments: Sequence[Live]
    rows: Page[GradebookRow]


def gradebook(
    site: Site, actor: Actor, course_id: int, *, cursor: str | None = None, limit: int = 50
) -> Gradebook:
    """A page of a course's students with all of their grades, for staff."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.GRADE)
        lives = grades.assignments(session, course_id)
        return _gradebook(session, course_id, lives, cursor, limit)


def gradebook_csv(site: Site, actor: Actor, course_id: int) -> Iterator[str]:
    """The whole gradebook as CSV, piece by piece. What is refused is refused at once."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.GRADE)
        lives = grades.assignments(session, course_id)
    return _csv(site, course_id, lives)


def _gradebook(
    session: Session, course_id: int, lives: Sequence[Live], cursor: str | None, limit: int
) -> Gradebook:
    page = grades.members(session, course_id, cursor=cursor, limit=limit)
    facts = grades.facts(session, course_id, lives, page.items)
    policies = [policy_of(live.assignment) for live in lives]
    rows = [
        GradebookRow(
            member=member,
            cells=[
                (
                    grade_from(facts, live, policy, member),
                    facts.releases.get((live.assignment.id, member.person_id)),
                )
                for live, policy in zip(lives, policies, strict=True)
            ],
        )
        for member in page.items
    ]
    return Gradebook(assignments=lives, rows=Page(rows, page.next_cursor))


def _csv(site: Site, course_id: int, lives: Sequence[Live]) -> Iterator[str]:
    yield _written([_header(lives)])
    cursor: str | None = None
    more = True
    while more:
        # Each page in a session of its own: who downloads slowly holds no connection meanwhile.
        with site.database.reading() as session:
            book = _gradebook(session, course_id, lives, cursor, MOST)
        yield _written([_line(row) for row in book.rows.items])
        cursor = book.rows.next_cursor
        more = cursor is not None


def _header(lives: Sequence[Live]) -> list[str]:
    columns = ["person_id", "name", "email", "team"]
    for live in lives:
        slug = live.assignment.slug
        columns += [f"{slug} points", f"{slug} of", f"{slug} state", f"{slug} released"]
    return columns


def _line(row: GradebookRow) -> list[str]:
    member = row.member
    cells = [str(member.person_id), member.name, member.email, member.team or ""]
    for found, release in row.cells:
        released = None if release is None else release.score
        cells += [_number(found.points), _number(found.max_score), found.state, _number(released)]
    return cells


def _number(points: float | None) -> str:
    return "" if points is None else f"{points:.6f}".rstrip("0").rstrip(".")


def _written(lines: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([[_harmless(cell) for cell in line] for line in lines])
    return text.getvalue()


def _harmless(cell: str) -> str:
    """The cell as text where a spreadsheet would run it as a formula; points are never negative."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell
