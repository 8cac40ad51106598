"""Grades for an LMS: what is owed follows what is released, and nothing else.

A grade that was released goes to each column that its assignment is linked to. One that is taken
back is not cleared there: an LMS's grade is taken away by who teaches there, never by us.
"""

from __future__ import annotations

from grader.db import passbacks
from grader.db.models import Assignment
from grader.db.session import Session, hold
from grader.services.site import Site

_A_ROUND = 50


def follow(session: Session, assignment_id: int) -> None:
    """Owe what is released of the assignment, which the caller holds, in the same transaction."""
    passbacks.follow(session, assignment_id)


def catch_up(site: Site) -> int:
    """Owe what was released before its column was there, or its student was known there.

    For how many assignments there was something.
    """
    with site.database.writing() as session:
        passbacks.add_columns(session)
    with site.database.reading() as session:
        behind = passbacks.behind(session, _A_ROUND)
    for assignment_id in behind:
        with site.database.writing() as session:
            hold(session, session.get_one(Assignment, assignment_id))
            passbacks.follow(session, assignment_id)
    return len(behind)
