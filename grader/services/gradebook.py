"""The gradebook of a course: a matrix of students and assignments, in pages or as one CSV file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from grader.db import grades, gradesout, overview
from grader.db.grades import Live, Member, Released
from grader.db.pages import MOST, Page
from grader.db.session import Session
from grader.domain.grades import Grade
from grader.services.access import Actor, Right, permit
from grader.services.anonymity import is_nameless
from grader.services.grades import grade_from
from grader.services.needing import numbers
from grader.services.policies import policy_of
from grader.services.site import Site
from grader.services.tables import csv_text


@dataclass(frozen=True, kw_only=True)
class GradebookRow:
    """A student, and by assignment the grade and what is released of it."""

    member: Member
    cells: Sequence[tuple[Grade, Released | None]]


@dataclass(frozen=True, kw_only=True)
class Gradebook:
    """A page of a course's matrix: the columns, and a row for each student.

    `nameless` are the assignments of which it is not told which submissions count.
    """

    assignments: Sequence[Live]
    rows: Page[GradebookRow]
    nameless: Collection[int] = ()


@dataclass(frozen=True)
class Head:
    """What a gradebook's head says: how many students there are, by assignment how many
    submissions that count need a person, and how many grades are stuck on the way to an LMS."""

    students: int
    needing: Mapping[int, int]
    stuck: int


def head(site: Site, actor: Actor, course_id: int) -> Head:
    """The head of a course's gradebook, for staff."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.GRADE)
        every = [live.assignment for live in grades.assignments(session, course_id)]
        return Head(
            overview.students(session, course_id),
            numbers(site, session, every),
            sum(one.stuck for one in gradesout.columns(session, course_id)),
        )


def gradebook(
    site: Site,
    actor: Actor,
    course_id: int,
    *,
    search: str = "",
    cursor: str | None = None,
    limit: int = 50,
) -> Gradebook:
    """A page of a course's students by name with all of their grades, for staff.

    `search` looks into names and addresses.
    """
    with site.database.reading() as session:
        role = permit(session, actor, course_id, Right.GRADE)
        lives = grades.assignments(session, course_id)
        found = grades.members(session, course_id, search=search, cursor=cursor, limit=limit)
        book = with_grades(session, course_id, lives, found)
        every = [live.assignment for live in lives]
        nameless = [one.id for one in every if is_nameless(one, actor, role)]
    return replace(book, nameless=nameless)


def gradebook_csv(site: Site, actor: Actor, course_id: int) -> Iterator[str]:
    """The whole gradebook as CSV, piece by piece. What is refused is refused at once."""
    lives = columns(site, actor, course_id)
    return _csv(site, course_id, lives)


def columns(site: Site, actor: Actor, course_id: int) -> Sequence[Live]:
    """The assignments of a gradebook, for staff."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.GRADE)
        return grades.assignments(session, course_id)


def with_grades(
    session: Session, course_id: int, lives: Sequence[Live], found: Page[Member]
) -> Gradebook:
    """These members with their grades in these assignments."""
    facts = grades.facts(session, course_id, lives, found.items)
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
        for member in found.items
    ]
    return Gradebook(assignments=lives, rows=Page(rows, found.next_cursor))


def all_rows(site: Site, course_id: int, lives: Sequence[Live]) -> Iterator[Sequence[GradebookRow]]:
    """All students' rows, a page of them at a time, each page in a session of its own: who
    downloads slowly holds no connection meanwhile."""
    cursor: str | None = None
    more = True
    while more:
        with site.database.reading() as session:
            found = grades.members(session, course_id, cursor=cursor, limit=MOST)
            book = with_grades(session, course_id, lives, found)
        yield book.rows.items
        cursor = book.rows.next_cursor
        more = cursor is not None


def header(lives: Sequence[Live]) -> list[str]:
    """What the columns of an exported gradebook are called."""
    names = ["person_id", "name", "email", "team"]
    for live in lives:
        slug = live.assignment.slug
        names += [f"{slug} points", f"{slug} of", f"{slug} state", f"{slug} released"]
    return names


def line(row: GradebookRow) -> list[str | float | None]:
    """A student's cells below these columns."""
    member = row.member
    cells: list[str | float | None] = [member.person_id, member.name, member.email, member.team]
    for found, release in row.cells:
        released = None if release is None else release.score
        cells += [found.points, found.max_score, found.state.value, released]
    return cells


def _csv(site: Site, course_id: int, lives: Sequence[Live]) -> Iterator[str]:
    yield csv_text([header(lives)])
    for rows in all_rows(site, course_id, lives):
        yield csv_text([[_text(cell) for cell in line(row)] for row in rows])


def _text(cell: str | float | None) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.6f}".rstrip("0").rstrip(".")
    return str(cell)
