"""What is noted of submissions beside how they were judged, for lists that are narrowed by it.

Each is given twice: as ids by an index, among them all that pass, and as a condition.
"""

from __future__ import annotations

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    false,
    func,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import aliased

from grader.db.models import (
    Assignment,
    AttemptState,
    Comparison,
    Enrolment,
    Extension,
    RegradeRequest,
    RequestState,
    SimilarPair,
    Submission,
)

Noted = tuple[Select[int] | CompoundSelect[int], ColumnElement[bool]]


def late(assignment: Assignment) -> Noted:
    """After it was due for whom it is of; an extension of one in a team is one of all."""
    if assignment.due_at is None:
        return select(Submission.id).where(false()), false()
    member, own = aliased(Enrolment), aliased(Enrolment)
    of_team = (
        select(member.person_id)
        .join(own, and_(own.course_id == member.course_id, own.team == member.team))
        .where(
            own.course_id == assignment.course_id,
            own.person_id == Submission.person_id,
            member.person_id == Extension.person_id,
        )
        .correlate(Submission, Extension)
        .exists()
    )
    extended = select(Extension.person_id).where(
        Extension.assignment_id == assignment.id,
        Extension.due_at >= Submission.received_at,
        or_(Extension.person_id == Submission.person_id, of_team),
    )
    is_extended = extended.correlate(Submission).exists()
    passes = and_(Submission.received_at > assignment.due_at, ~is_extended)
    return select(Submission.id).where(Submission.assignment_id == assignment.id, passes), passes


def requested(assignment: Assignment) -> Noted:
    """A request to look again is open."""
    query = select(RegradeRequest.submission_id).where(
        RegradeRequest.assignment_id == assignment.id, RegradeRequest.state == RequestState.OPEN
    )
    passes = query.where(RegradeRequest.submission_id == Submission.id).correlate(Submission)
    return query, passes.exists()


def similar(assignment: Assignment, alike: float) -> Noted:
    """At least so much like another one, by the comparison that was made last."""
    last = (
        select(func.max(Comparison.id))
        .where(Comparison.assignment_id == assignment.id, Comparison.state == AttemptState.DONE)
        .scalar_subquery()
    )
    here = (SimilarPair.comparison_id == last, SimilarPair.similarity >= alike)
    ids = union_all(
        select(SimilarPair.first_id).where(*here), select(SimilarPair.second_id).where(*here)
    )
    is_one = or_(SimilarPair.first_id == Submission.id, SimilarPair.second_id == Submission.id)
    passes = select(SimilarPair.first_id).where(*here, is_one).correlate(Submission)
    return ids, passes.exists()
