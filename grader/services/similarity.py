"""Which submissions of an assignment are alike: for people to look at, and never points."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from grader.apart import run_apart
from grader.db import audit, similarity
from grader.db.assignments import Hold, held
from grader.db.models import (
    Assignment,
    AssignmentVersion,
    AttemptState,
    Comparison,
)
from grader.db.pages import Page
from grader.db.session import Session
from grader.db.similarity import Pair as Pair  # for the web, too
from grader.db.similarity import Side as Side
from grader.errors import Conflict, NotFound
from grader.services import sending
from grader.services.access import Actor, Right, permit_assignment, permit_submission
from grader.services.anonymity import shown_file, shown_name
from grader.services.comparing import starter_sent
from grader.services.site import Site
from grader.similarity.given import sent

HIGH = 0.5  # from this share on a pair is told where nobody has asked for it

_MODULE = "grader.similarity.match"
_LONGEST_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The comparison that was started last, the last one that came to an end, and its pairs."""

    latest: Comparison | None
    done: Comparison | None
    pairs: Page[Pair]
    high: int


@dataclass(frozen=True, kw_only=True)
class Flagged:
    """How many pairs of an assignment are at least HIGH alike, by the comparison of when."""

    comparison: Comparison
    pairs: int


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A pair with what both have: `parts`, and each side's cells in pieces with their part."""

    assignment: Assignment
    pair: Pair
    parts: Sequence[Mapping[str, Any]]
    first: Sequence[Any]
    second: Sequence[Any]


def start(site: Site, actor: Actor, assignment_id: int) -> Comparison:
    """Have a worker compare what counts now; where a comparison waits or runs already, that one.

    Raises Conflict for a draft.
    """
    with site.database.writing() as session:
        permit_assignment(session, actor, assignment_id, Right.GRADE)
        assignment = held(session, assignment_id, Hold.CHANGES)
        if assignment is None or assignment.live_version_id is None:
            raise Conflict("nothing can have been handed in for a draft")
        open_one = similarity.open_one(session, assignment_id)
        if open_one is not None:
            return open_one
        comparison = similarity.enqueue(session, assignment, actor.person_id)
        audit.record(
            session,
            actor.person_id,
            "comparison.started",
            comparison,
            course_id=assignment.course_id,
            assignment_id=assignment_id,
        )
    sending.send_comparison(site, comparison)
    return comparison


def overview(
    site: Site,
    actor: Actor,
    assignment_id: int,
    *,
    least: float = 0.0,
    name: str = "",
    cursor: str | None = None,
) -> Overview:
    """Where comparing stands, and a page of the pairs that it found, for staff."""
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        if name.strip() and assignment.anonymous:
            raise Conflict("names are hidden in this assignment: nobody is found by theirs")
        latest = similarity.latest(session, assignment_id)
        done = similarity.latest(session, assignment_id, AttemptState.DONE)
        if done is None:
            return Overview(latest=latest, done=None, pairs=Page([], None), high=0)
        pairs = similarity.pairs(session, done, least=least, name=name.strip(), cursor=cursor)
        high = similarity.count(session, done.id, HIGH)
    shown = [_as_shown(assignment, one) for one in pairs.items]
    return Overview(latest=latest, done=done, pairs=Page(shown, pairs.next_cursor), high=high)


def flagged(site: Site, actor: Actor, assignment_id: int) -> Flagged | None:
    """How many pairs staff should look at; None where nothing was compared yet."""
    with site.database.reading() as session:
        permit_assignment(session, actor, assignment_id, Right.GRADE)
        done = similarity.latest(session, assignment_id, AttemptState.DONE)
        if done is None:
            return None
        return Flagged(comparison=done, pairs=similarity.count(session, done.id, HIGH))


def pairs_of(site: Site, actor: Actor, submission_id: int) -> list[Pair]:
    """What the last comparison found about a submission, the most alike first; for staff."""
    with site.database.reading() as session:
        _, assignment = permit_submission(session, actor, submission_id, Right.GRADE)
        done = similarity.latest(session, assignment.id, AttemptState.DONE)
        found = [] if done is None else similarity.pairs_of(session, done, submission_id)
    return [_as_shown(assignment, one) for one in found]


def side_by_side(
    site: Site, actor: Actor, comparison_id: int, first_id: int, second_id: int
) -> Compared:
    """Both submissions of a pair, with the parts that they share marked; for staff."""
    with site.database.reading() as session:
        comparison, assignment = _permitted(session, actor, comparison_id)
        pair = similarity.pair(session, comparison, first_id, second_id)
        if pair is None:
            raise NotFound("these two are no pair of this comparison")
        version_id = assignment.live_version_id
        version = version_id and session.get(AssignmentVersion, version_id)
        bundle = version.bundle_sha256 if version else None

    def given() -> Iterator[bytes]:
        yield from starter_sent(site, bundle, common=comparison.facts.get("common", []))
        for side in (pair.first, pair.second):
            name, sha256 = side.submission.name, side.submission.sha256
            yield from sent({"name": name}, site.blobs.read(sha256))

    with tempfile.TemporaryFile() as file:
        run_apart(_MODULE, given(), file, longest_s=_LONGEST_S, name="the view of the two")
        file.seek(0)
        found = json.load(file)
    return Compared(assignment=assignment, pair=_as_shown(assignment, pair), **found)


def _as_shown(assignment: Assignment, pair: Pair) -> Pair:
    """The pair, without whose work it is where names are hidden."""
    if not assignment.anonymous:
        return pair
    first, second = (
        replace(
            side,
            person=shown_name(assignment, side.submission, side.person),
            team=None,
            file=shown_file(assignment, side.submission),
        )
        for side in (pair.first, pair.second)
    )
    return replace(pair, first=first, second=second)


def _permitted(session: Session, actor: Actor, comparison_id: int) -> tuple[Comparison, Assignment]:
    comparison = session.get(Comparison, comparison_id)
    if comparison is None:
        raise NotFound("there is no such thing")
    return comparison, permit_assignment(session, actor, comparison.assignment_id, Right.GRADE)
