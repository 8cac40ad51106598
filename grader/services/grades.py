"""Grades of one person, as they see it and as staff do.

A student sees at once what was judged automatically, with lateness and without what people gave;
the official grade, with overrides, is theirs when it is released, and stays as it was then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from grader.db import grades, people
from grader.db.grades import Facts, Live, Member, Released
from grader.db.models import Assignment, Override, Submission
from grader.db.session import Session
from grader.domain.grades import Grade, HandedIn, Worth, grade, worth
from grader.domain.policy import Policy, own_due_at
from grader.errors import NotFound
from grader.services.access import Actor, Right, permit_assignment
from grader.services.anonymity import is_nameless
from grader.services.policies import policy_of
from grader.services.site import Site

__all__ = [
    "OfficialGrade",
    "OwnGrade",
    "Released",
    "StaffGrade",
    "Valued",
    "counting_of",
    "grade_from",
    "grade_of",
    "own_grade",
    "valued",
]


@dataclass(frozen=True, kw_only=True)
class OfficialGrade:
    """A grade as it was released, with the overrides that were part of it."""

    release: Released
    overrides: Sequence[Override]


@dataclass(frozen=True, kw_only=True)
class OwnGrade:
    """What somebody sees of their own: what was judged, and the grade once it is released."""

    assignment: Assignment
    automatic: Grade
    released: OfficialGrade | None


@dataclass(frozen=True, kw_only=True)
class StaffGrade:
    """All that there is to a grade; `overrides` of the submission that counts, revoked ones too.

    `is_nameless`: which submission that is, is not told.
    """

    assignment: Assignment
    member: Member
    grade: Grade
    overrides: Sequence[tuple[Override, str]]
    release: Released | None
    is_nameless: bool


@dataclass(frozen=True)
class Valued:
    """What a submission is worth, and whether a student's grade is made of it."""

    worth: Worth
    counts: bool

    @property
    def points(self) -> float | None:
        """Those that hold; where a part was not judged through a fault of ours, those of the rest,
        and None where there are none yet."""
        found = self.worth.points
        return self.worth.before_lateness if found is None else found


def valued(
    session: Session,
    assignment: Assignment,
    rows: Sequence[Submission],
    counting: Collection[int] | None = None,
    *,
    with_overrides: bool,
) -> Mapping[int, Valued]:
    """What these submissions of an assignment are worth, by their ids; at most a page of them.

    `counting` are those that count, of these or of all; without it that is found out here, from all
    that was handed in by whose these are. `with_overrides`: with what people gave, which students
    don't see before it is released.
    """
    if not rows:
        return {}
    live, policy = grades.assignment(session, assignment.id), policy_of(assignment)
    owners, ids = {row.person_id for row in rows}, {row.id for row in rows}
    students = grades.students_with(session, assignment.course_id, owners)
    # Who is no student here has no grade; what they handed in is worth something all the same.
    others = sorted(owners - {one.person_id for one in students})
    every = [*students, *(Member(one, "", "", False, None, (one,)) for one in others)]
    facts = grades.facts(
        session,
        assignment.course_id,
        [live],
        every,
        only=None if counting is None else ids,
        also=ids,
        with_releases=False,
    )
    if counting is None:
        counting = _that_count(facts, live, policy, students, with_overrides=with_overrides)
    due = {one.person_id: _due_at(facts, live, one) for one in every}
    handed_in = [one for several in facts.handed_in.values() for one in several]
    return {
        one.id: Valued(
            worth(
                one if with_overrides else _untouched(one),
                policy,
                due[one.person_id],
                live.max_score,
            ),
            counts=one.id in counting,
        )
        for one in handed_in
        if one.id in ids
    }


def counting_of(
    session: Session,
    assignment: Assignment,
    person_ids: Collection[int],
    *,
    with_overrides: bool = True,
) -> set[int]:
    """The submissions of which the grades are made of the students that these people are, or hand
    in with. What staff tried out, and of who has left, counts for nobody's.

    Without overrides: those that students see before their grades are released.
    """
    live, policy = grades.assignment(session, assignment.id), policy_of(assignment)
    students = grades.students_with(session, assignment.course_id, person_ids)
    facts = grades.facts(session, assignment.course_id, [live], students, with_releases=False)
    return _that_count(facts, live, policy, students, with_overrides=with_overrides)


def own_grade(site: Site, actor: Actor, assignment_id: int) -> OwnGrade:
    """The actor's own."""
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.READ)
        live, member = _live_and_member(session, assignment, actor.person_id)
        facts = grades.facts(session, assignment.course_id, [live], [member])
        release = facts.releases.get((assignment_id, actor.person_id))
        released = None
        if release is not None:
            given = [one for one, _ in grades.overrides(session, release.submission_id)]
            part_of_it = [one for one in given if _stood(one, release.released_at)]
            released = OfficialGrade(release=release, overrides=part_of_it)
    automatic = grade_from(facts, live, policy_of(assignment), member, with_overrides=False)
    return OwnGrade(assignment=assignment, automatic=automatic, released=released)


def grade_of(site: Site, actor: Actor, assignment_id: int, person_id: int) -> StaffGrade:
    """Anybody's, for staff."""
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        live, member = _live_and_member(session, assignment, person_id)
        facts = grades.facts(session, assignment.course_id, [live], [member])
        found = grade_from(facts, live, policy_of(assignment), member)
        given = grades.overrides(session, found.counting.id) if found.counting else []
        role = people.role_in(session, actor.person_id, assignment.course_id)
    return StaffGrade(
        assignment=assignment,
        member=member,
        grade=found,
        overrides=given,
        release=facts.releases.get((assignment_id, person_id)),
        is_nameless=is_nameless(assignment, actor, role),
    )


def grade_from(
    facts: Facts, live: Live, policy: Policy, member: Member, *, with_overrides: bool = True
) -> Grade:
    """The grade of a member in an assignment; they and whoever they hand in with share it."""
    keys = [(live.assignment.id, person_id) for person_id in member.shares_with]
    handed_in = [one for key in keys for one in facts.handed_in.get(key, ())]
    if not with_overrides:
        handed_in = [_untouched(one) for one in handed_in]
    return grade(handed_in, policy, _due_at(facts, live, member), live.max_score)


def _that_count(
    facts: Facts, live: Live, policy: Policy, students: Sequence[Member], *, with_overrides: bool
) -> set[int]:
    found = (
        grade_from(facts, live, policy, one, with_overrides=with_overrides).counting
        for one in students
    )
    return {one.id for one in found if one is not None}


def _due_at(facts: Facts, live: Live, member: Member) -> datetime | None:
    keys = [(live.assignment.id, person_id) for person_id in member.shares_with]
    own = [facts.extensions[key] for key in keys if key in facts.extensions]
    return own_due_at(live.assignment.due_at, own)


def _untouched(one: HandedIn) -> HandedIn:
    return one._replace(overrides={}) if one.overrides else one


def _live_and_member(
    session: Session, assignment: Assignment, person_id: int
) -> tuple[Live, Member]:
    found = grades.members(session, assignment.course_id, only=[person_id])
    if not found.items:
        raise NotFound("they are not in this course")
    return grades.assignment(session, assignment.id), found.items[0]


def _stood(one: Override, at: datetime) -> bool:
    return one.created_at <= at and (one.revoked_at is None or one.revoked_at > at)
