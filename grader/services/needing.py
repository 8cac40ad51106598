"""What needs a person in assignments: of all that was handed in what counts, as at the desk.

What somebody's latest submission leaves open is nobody's work where another one of theirs counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grader.db import answers, grades
from grader.db.models import Assignment
from grader.db.overview import Figures
from grader.db.session import Session
from grader.db.submissionfilters import Filters, Standing
from grader.services.counted import counted, counted_each
from grader.services.site import Site

NEEDS_PERSON = Filters(standing=Standing.NEEDS_PERSON, counts=True)


def with_needs(
    site: Site,
    session: Session,
    assignments: Sequence[Assignment],
    figures: Mapping[int, Figures],
) -> dict[int, Figures]:
    """The figures of some assignments of a course with what needs a person.

    Where points wait for one, what is left to release is counted by the grades themselves, too.
    """
    waiting = answers.with_points_that_wait(session, [one.id for one in assignments])
    found = dict(figures)
    if not waiting:
        return found
    each = counted_each(site, session, [one for one in assignments if one.id in waiting])
    needing = answers.that_need_a_person(
        session, sorted(key for one in each.values() for key in one.names)
    )
    latest = answers.latest_that_need_a_person(session, waiting)
    released = grades.released_to(session, waiting)
    for key, one in each.items():
        found[key] = replace(
            figures[key],
            needing=len(needing & one.names.keys()),
            aside=len(latest[key] - one.ids),
            unreleased=len(one.complete - released.get(key, set())),
        )
    return found


def resolved(site: Site, session: Session, assignment: Assignment, filters: Filters) -> Filters:
    """The filters with what counts, where they ask for that."""
    if filters.counts is None:
        return filters
    if filters == NEEDS_PERSON and not answers.with_points_that_wait(session, [assignment.id]):
        return filters  # nothing passes, whatever counts
    return replace(filters, counting=sorted(counted(site, session, assignment).ids))
