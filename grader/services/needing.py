"""What needs a person in assignments: of all that was handed in what counts, as at the desk.

What somebody's latest submission leaves open is nobody's work where another one of theirs counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grader.db import answers
from grader.db.models import Assignment
from grader.db.overview import Figures
from grader.db.session import Session
from grader.db.submissionfilters import Filters, Standing
from grader.services.counted import counted, counted_each, remembered
from grader.services.site import Site

NEEDS_PERSON = Filters(standing=Standing.NEEDS_PERSON, counts=True)


def with_needs(
    site: Site,
    session: Session,
    assignments: Sequence[Assignment],
    figures: Mapping[int, Figures],
) -> dict[int, Figures]:
    """The figures of some assignments of a course with what needs a person."""
    found = numbers(site, session, assignments)
    return {key: replace(one, needing=found.get(key, 0)) for key, one in figures.items()}


def numbers(site: Site, session: Session, assignments: Sequence[Assignment]) -> dict[int, int]:
    """How many submissions that count need a person, by assignment, where there are any."""
    waiting = answers.with_points_that_wait(session, [one.id for one in assignments])
    each = counted_each(site, session, [one for one in assignments if one.id in waiting])
    names = sorted(key for one in each.values() for key in one.names)
    needing = answers.that_need_a_person(session, names)
    found = {key: len(needing & one.names.keys()) for key, one in each.items()}
    return {key: number for key, number in found.items() if number}


def resolved(
    site: Site, session: Session, assignment: Assignment, *filters: Filters
) -> list[Filters]:
    """The filters with what counts, where they ask for that."""
    asking = [one for one in filters if one.counts is not None]
    if not asking:
        return list(filters)
    if (
        all(one == NEEDS_PERSON for one in asking)
        and remembered(site, session, assignment) is None
        and not answers.with_points_that_wait(session, [assignment.id])
    ):
        return list(filters)  # nothing passes, whatever counts
    ids = counted(site, session, assignment).ids
    return [one if one.counts is None else replace(one, counting=ids) for one in filters]
