"""Releasing grades: what students may rely on, as it was at that moment, until it is done again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from grader.db import audit, grades
from grader.db.grades import Member, Released
from grader.db.models import Assignment, Release, Role
from grader.db.pages import MOST
from grader.db.session import Session, hold, moment
from grader.domain.grades import Grade, GradeState
from grader.errors import NotFound
from grader.services import hookmessages
from grader.services.access import Actor, Right, permit_assignment
from grader.services.grades import grade_from
from grader.services.passback import follow
from grader.services.policies import policy_of
from grader.services.site import Site


@dataclass(frozen=True)
class Releasing:
    """What came of it: the grades that are new or another, how many were so already, and of whom
    none can be released, with how far it has come."""

    released: Sequence[Release]
    unchanged: int
    left: Sequence[tuple[int, GradeState]]


@dataclass(frozen=True)
class Releasable:
    """What releasing all would do now, in students: `new` ones, `another` grade than is released,
    and of whom none can be released, by how far it has come. `released` is how many are."""

    new: int
    another: int
    unchanged: int
    left: Mapping[GradeState, int]
    released: int


def preview_release(site: Site, actor: Actor, assignment_id: int) -> Releasable:
    """What `release` would do now."""
    new = another = unchanged = released = 0
    left: Counter[GradeState] = Counter()
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        for _, found, former in _grades(session, assignment, None):
            released += former is not None
            if found.state is not GradeState.COMPLETE:
                left[found.state] += 1
            elif former is None:
                new += 1
            elif _same(former, found):
                unchanged += 1
            else:
                another += 1
    return Releasable(new, another, unchanged, left, released)


def release(
    site: Site, actor: Actor, assignment_id: int, person_ids: Collection[int] | None = None
) -> Releasing:
    """Release the complete grades of these students, or of all.

    What waits for our judging or for a person is left out and told: it is no grade yet.
    """
    with site.database.writing() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        hold(session, assignment)
        at = moment(session)
        new: list[Release] = []
        left: list[tuple[int, GradeState]] = []
        unchanged = 0
        for member, found, former in list(_grades(session, assignment, person_ids)):
            if found.state is not GradeState.COMPLETE:
                left.append((member.person_id, found.state))
            elif former is not None and _same(former, found):
                unchanged += 1
            else:
                new.append(_released(session, actor, assignment, member, found, former, at))
        grades.forget_releases(session, assignment_id, [one.person_id for one in new])
        session.add_all(new)
        hookmessages.grades_released(session, assignment.course_id, new)
        follow(session, assignment_id)
    return Releasing(new, unchanged, left)


def unrelease(
    site: Site, actor: Actor, assignment_id: int, person_ids: Collection[int] | None = None
) -> int:
    """Take released grades of these people, or of all, back; how many there were.

    What an LMS was told stays there.
    """
    with site.database.writing() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        hold(session, assignment)
        gone = grades.releases(session, assignment_id, person_ids)
        for one in gone:
            session.delete(one)
            audit.record(
                session,
                actor.person_id,
                "grade.unreleased",
                assignment,
                course_id=assignment.course_id,
                person_id=one.person_id,
                score=one.score,
            )
        follow(session, assignment_id)
    return len(gone)


def _grades(
    session: Session, assignment: Assignment, person_ids: Collection[int] | None
) -> Iterator[tuple[Member, Grade, Released | None]]:
    """Of each student the grade and what is released of it; raises NotFound for who is none."""
    if person_ids is not None:
        students = grades.enrolled_among(
            session, assignment.course_id, person_ids, role=Role.STUDENT
        )
        if missing := set(person_ids) - students:
            raise NotFound(f"person_ids: {min(missing)} is no student of this course")
    live, policy = grades.assignment(session, assignment.id), policy_of(assignment)
    cursor: str | None = None
    more = True
    while more:
        page = grades.members(
            session, assignment.course_id, only=person_ids, cursor=cursor, limit=MOST
        )
        facts = grades.facts(session, assignment.course_id, [live], page.items)
        for member in page.items:
            former = facts.releases.get((assignment.id, member.person_id))
            yield member, grade_from(facts, live, policy, member), former
        cursor = page.next_cursor
        more = cursor is not None


def _same(former: Released, found: Grade) -> bool:
    assert found.counting is not None
    was = (former.submission_id, former.score, former.max_score)
    return was == (found.counting.id, found.points, found.max_score)


def _released(
    session: Session,
    actor: Actor,
    assignment: Assignment,
    member: Member,
    found: Grade,
    former: Released | None,
    at: datetime,
) -> Release:
    assert found.counting is not None
    assert found.points is not None
    before = None if former is None else former.score
    row = Release(
        assignment_id=assignment.id,
        person_id=member.person_id,
        submission_id=found.counting.id,
        score=found.points,
        max_score=found.max_score,
        released_at=at,
        author_id=actor.person_id,
    )
    audit.record(
        session,
        actor.person_id,
        "grade.released",
        assignment,
        course_id=assignment.course_id,
        person_id=member.person_id,
        submission_id=row.submission_id,
        score=row.score,
        max_score=row.max_score,
        before=before,
    )
    return row
