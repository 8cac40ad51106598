"""The table of an assignment's submissions, for staff: its rows, and what is done to many at once.

What is done to many is done to whatever some filters list, of which a list of ids is one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from grader.db import people, submissionlists, submissionmarks, submissions
from grader.db.models import Assignment, AssignmentVersion, Enrolment, Role, Submission
from grader.db.pages import MOST, Page
from grader.db.session import Session
from grader.db.submissionfilters import Filters, Standing
from grader.db.submissionfilters import Finding as Finding  # for the web, too
from grader.domain.outcomes import Outcome
from grader.errors import BadInput, NotFound
from grader.services import extensions, regrading, release
from grader.services.access import Actor, Right, permit_assignment
from grader.services.anonymity import shown_file, shown_name
from grader.services.counted import counted, remembered
from grader.services.needing import NEEDS_PERSON, resolved
from grader.services.regrading import Regrade
from grader.services.release import Releasing
from grader.services.similarity import HIGH
from grader.services.site import Site
from grader.services.submissions import Found, Order, found_of
from grader.services.tables import csv_text

MOST_AT_ONCE = 10_000
COUNTED = submissionlists.FEW  # of a filter that leaves more it is only said that they are more

_EVERYTHING = Filters()


@dataclass(frozen=True, kw_only=True)
class Row:
    """A submission in the table; `outcomes` are those of the exercises in the rubric's order.

    `found` has what it is worth; `team` is none where it is graded without names.
    """

    found: Found
    who: str
    team: str | None
    file: str
    standing: Standing
    outcomes: Sequence[Outcome | None]
    is_overridden: bool
    is_requested: bool
    is_similar: bool

    @property
    def is_open(self) -> bool:
        """Whether it waits to be judged, or is being judged."""
        return self.standing is Standing.WAITING


@dataclass(frozen=True, kw_only=True)
class Head:
    """The answers at the head of the table.

    `count` is one more than `COUNTED` where they are more than that; `needing` counts likewise
    those that count and need a person, and `next_id` is the one that has waited longest.
    """

    count: int
    needing: int
    next_id: int | None


@dataclass(frozen=True, kw_only=True)
class Table(Head):
    """A page of the table, and its head. `exercises` are ids and titles."""

    rows: Page[Row]
    exercises: Sequence[tuple[str, str]]
    max_score: float


@dataclass(frozen=True)
class Selected:
    """What some filters list: how many submissions, and the people whose they are."""

    submissions: int
    people: int
    students: int


def table(
    site: Site,
    actor: Actor,
    assignment_id: int,
    filters: Filters,
    order: Order,
    *,
    descending: bool,
    cursor: str | None = None,
    backwards: bool = False,
    limit: int = 50,
) -> Table:
    """A page of an assignment's submissions."""
    with site.database.reading() as session:
        assignment = _permitted(session, actor, assignment_id, order)
        version = _live(session, assignment)
        these, needing = _narrowed(site, session, assignment, filters, NEEDS_PERSON)
        page = submissionlists.listed(
            session,
            these,
            order,
            descending=descending,
            cursor=cursor,
            backwards=backwards,
            limit=limit,
        )
        exercises = _exercises(version)
        known = remembered(site, session, assignment)
        return Table(
            **vars(_head(session, filters, these, needing)),
            rows=Page(
                _rows(session, assignment, exercises, page.items, known),
                page.next_cursor,
                page.previous_cursor,
            ),
            exercises=exercises,
            max_score=version.max_score if version else 0.0,
        )


def head(site: Site, actor: Actor, assignment_id: int, filters: Filters) -> Head:
    """The head of the table as it is now."""
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        these, needing = _narrowed(site, session, assignment, filters, NEEDS_PERSON)
        return _head(session, filters, these, needing)


def rows(
    site: Site, actor: Actor, assignment_id: int, ids: Sequence[int]
) -> tuple[list[Row], Sequence[tuple[str, str]]]:
    """The rows of these submissions as they are now, and the exercises; what is none of the
    assignment's is left out."""
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        these = submissionlists.narrowed(session, assignment, Filters(ids=ids))
        page = submissionlists.listed(session, these, "received_at", limit=MOST)
        exercises = _exercises(_live(session, assignment))
        known = remembered(site, session, assignment)
        return _rows(session, assignment, exercises, page.items, known), exercises


def neighbours(
    site: Site,
    actor: Actor,
    assignment_id: int,
    filters: Filters,
    order: Order,
    submission_id: int,
    *,
    descending: bool,
) -> tuple[int | None, int | None]:
    """The submissions before and after one in the table."""
    with site.database.reading() as session:
        assignment = _permitted(session, actor, assignment_id, order)
        (these,) = _narrowed(site, session, assignment, filters)
        return submissionlists.beside(session, these, order, submission_id, descending=descending)


def selected(site: Site, actor: Actor, assignment_id: int, filters: Filters) -> Selected:
    """How many submissions and people these are. Raises BadInput where they are none, or more than
    are acted on at once."""
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        ids = _ids(site, session, assignment, filters)
        people = submissions.people_of(session, assignment, ids)
        (everything,) = _narrowed(site, session, assignment, filters)
        count = submissionlists.number_of(session, everything) if ids is None else len(ids)
    students = [one for one, role in people.items() if role is Role.STUDENT]
    return Selected(submissions=count, people=len(people), students=len(students))


def regrade(
    site: Site, actor: Actor, assignment_id: int, filters: Filters, *, reason: str
) -> Regrade:
    """Judge them again."""
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        ids = _ids(site, session, assignment, filters)
    return regrading.regrade(site, actor, assignment_id, reason=reason, submission_ids=ids)


def release_grades(site: Site, actor: Actor, assignment_id: int, filters: Filters) -> Releasing:
    """Release the grades of the students whose submissions these are."""
    if filters == _EVERYTHING:
        return release.release(site, actor, assignment_id)
    people = _people(site, actor, assignment_id, filters, students=True)
    return release.release(site, actor, assignment_id, people)


def unrelease_grades(site: Site, actor: Actor, assignment_id: int, filters: Filters) -> int:
    """Take their grades back; how many there were."""
    if filters == _EVERYTHING:
        return release.unrelease(site, actor, assignment_id)
    people = _people(site, actor, assignment_id, filters, students=False)
    return release.unrelease(site, actor, assignment_id, people)


def extend(
    site: Site,
    actor: Actor,
    assignment_id: int,
    filters: Filters,
    *,
    due_at: datetime,
    reason: str,
) -> int:
    """Give the people whose submissions these are more time; how many they are."""
    people = _people(site, actor, assignment_id, filters, students=False)
    given = extensions.extend(site, actor, assignment_id, people, due_at=due_at, reason=reason)
    return len(given)


def export(site: Site, actor: Actor, assignment_id: int, filters: Filters) -> Iterator[str]:
    """The submissions as CSV, piece by piece. What is refused is refused at once."""
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        exercises = _exercises(_live(session, assignment))
        counts = counted(site, session, assignment).ids
    if filters.counts is not None:
        filters = replace(filters, counting=counts)
    return _csv(site, assignment, filters, exercises, counts)


def _csv(
    site: Site,
    assignment: Assignment,
    filters: Filters,
    exercises: Sequence[tuple[str, str]],
    counts: Collection[int],
) -> Iterator[str]:
    header = ["submission", "person", "email", "number", "file", "received_at", "lateness", "state"]
    header += ["run", "score", "of", "pending", "points", "counts"]
    yield csv_text([header + [exercise for exercise, _ in exercises]])
    cursor: str | None = None
    more = True
    while more:
        # Each page in a session of its own: who downloads slowly holds no connection meanwhile.
        with site.database.reading() as session:
            these = submissionlists.narrowed(session, assignment, filters)
            page = submissionlists.listed(session, these, "received_at", cursor=cursor, limit=MOST)
            found = _rows(session, assignment, exercises, page.items, counts)
            people = {one.found.submission.person_id for one in found}
            emails = {} if assignment.anonymous else submissions.emails_of(session, people)
        yield csv_text([_line(one, emails) for one in found])
        cursor = page.next_cursor
        more = cursor is not None


def _line(row: Row, emails: Mapping[int, str]) -> list[str]:
    submission, result, valued = row.found.submission, row.found.result, row.found.valued
    return [
        str(submission.id),
        row.who,
        emails.get(submission.person_id, ""),
        str(submission.number),
        row.file,
        submission.received_at.isoformat(),
        row.found.lateness,
        row.standing,
        result.run_status if result else "",
        _number(result.score if result else None),
        _number(result.max_score if result else None),
        _number(result.pending if result else None),
        _number(valued.points if valued else None),
        "yes" if valued and valued.counts else "no",
        *(outcome or "" for outcome in row.outcomes),
    ]


def _number(points: float | None) -> str:
    return "" if points is None else f"{points:.6f}".rstrip("0").rstrip(".")


def _rows(
    session: Session,
    assignment: Assignment,
    exercises: Sequence[tuple[str, str]],
    these: Sequence[Submission],
    counts: Collection[int] | None,
) -> list[Row]:
    found = found_of(session, assignment, these, counts)
    ids = [one.id for one in these]
    known = submissionmarks.marks(session, assignment, ids, alike=HIGH)
    enrolments: Mapping[int, Enrolment] = {}
    if not assignment.anonymous:
        whose = {one.person_id for one in these}
        enrolments = people.enrolments_of(session, assignment.course_id, whose)
    teams = {key: enrolment.team for key, enrolment in enrolments.items()}
    return [
        Row(
            found=one,
            who=shown_name(assignment, one.submission, one.person),
            team=teams.get(one.submission.person_id),
            file=shown_file(assignment, one.submission),
            standing=known.standings[key],
            outcomes=[known.exercises.get(key, {}).get(exercise) for exercise, _ in exercises],
            is_overridden=key in known.overridden,
            is_requested=key in known.requested,
            is_similar=key in known.similar,
        )
        for key, one in zip(ids, found, strict=True)
    ]


def _head(
    session: Session,
    filters: Filters,
    these: submissionlists.Narrowed,
    needing: submissionlists.Narrowed,
) -> Head:
    first = submissionlists.listed(session, needing, "received_at", limit=1)
    at_most = None if filters == _EVERYTHING else COUNTED
    return Head(
        count=submissionlists.number_of(session, these, at_most),
        needing=submissionlists.number_of(session, needing, COUNTED),
        next_id=first.items[0].id if first.items else None,
    )


def _permitted(session: Session, actor: Actor, assignment_id: int, order: Order) -> Assignment:
    assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
    if order == "name" and assignment.anonymous:
        raise BadInput("sort: it is graded without names, and has no order of them")
    return assignment


def _live(session: Session, assignment: Assignment) -> AssignmentVersion | None:
    if assignment.live_version_id is None:
        return None
    return session.get_one(AssignmentVersion, assignment.live_version_id)


def _exercises(version: AssignmentVersion | None) -> list[tuple[str, str]]:
    outline: Mapping[str, Any] = version.outline if version else {}
    return [(one["id"], one["title"]) for one in outline.get("exercises", [])]


def _narrowed(
    site: Site, session: Session, assignment: Assignment, *filters: Filters
) -> list[submissionlists.Narrowed]:
    return [
        submissionlists.narrowed(session, assignment, one)
        for one in resolved(site, session, assignment, *filters)
    ]


def _ids(
    site: Site, session: Session, assignment: Assignment, filters: Filters
) -> Sequence[int] | None:
    """The ids of what is meant; None where that is everything."""
    (these,) = _narrowed(site, session, assignment, filters)
    if filters == _EVERYTHING:
        if not submissionlists.number_of(session, these, 1):
            raise BadInput("nothing was handed in yet")
        return None
    ids = submissionlists.ids_of(session, these, MOST_AT_ONCE)
    if not ids:
        raise BadInput("nothing is selected: tick some rows, or all that match")
    if len(ids) > MOST_AT_ONCE:
        raise BadInput(
            f"they are more than {MOST_AT_ONCE:,}: narrow the filters, or act on all without any"
        )
    return ids


def _people(
    site: Site, actor: Actor, assignment_id: int, filters: Filters, *, students: bool
) -> list[int]:
    """Who of them is in the course; `students` alone, or whoever."""
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        ids = _ids(site, session, assignment, filters)
        found = submissions.people_of(session, assignment, ids)
    people = [one for one, role in found.items() if not students or role is Role.STUDENT]
    if len(people) > MOST_AT_ONCE:
        raise BadInput(f"they are more than {MOST_AT_ONCE:,} people: narrow the filters")
    if not people:
        raise NotFound("nobody whose submissions these are is in the course any more")
    return people
