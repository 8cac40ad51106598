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
from grader.services.counted import Counted, counted, counted_each
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
    each, needing = _counted_and_needing(site, session, assignments)
    found = dict(figures)
    if not each:
        return found
    latest = answers.latest_that_need_a_person(session, each.keys())
    released = grades.released_to(session, each.keys())
    for key, one in each.items():
        found[key] = replace(
            figures[key],
            needing=len(needing & one.names.keys()),
            aside=len(latest[key] - one.ids),
            unreleased=len(one.complete - released.get(key, set())),
        )
    return found


def numbers(site: Site, session: Session, assignments: Sequence[Assignment]) -> dict[int, int]:
    """How many submissions that count need a person, by assignment, where there are any."""
    each, needing = _counted_and_needing(site, session, assignments)
    found = {key: len(needing & one.names.keys()) for key, one in each.items()}
    return {key: number for key, number in found.items() if number}


def resolved(site: Site, session: Session, assignment: Assignment, filters: Filters) -> Filters:
    """The filters with what counts, where they ask for that."""
    if filters.counts is None:
        return filters
    if filters == NEEDS_PERSON and not answers.with_points_that_wait(session, [assignment.id]):
        return filters  # nothing passes, whatever counts
    return replace(filters, counting=sorted(counted(site, session, assignment).ids))


def _counted_and_needing(
    site: Site, session: Session, assignments: Sequence[Assignment]
) -> tuple[dict[int, Counted], set[int]]:
    """What counts in the assignments in which any points wait for a person, and of which of these
    submissions they do."""
    waiting = answers.with_points_that_wait(session, [one.id for one in assignments])
    each = counted_each(site, session, [one for one in assignments if one.id in waiting])
    names = sorted(key for one in each.values() for key in one.names)
    return each, answers.that_need_a_person(session, names)
