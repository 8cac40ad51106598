"""What a worker calls to compare the submissions of an assignment; as `judging`, no person acts.

Of everybody the submission that counts is compared; those of a team share one, and so are not
compared with themselves.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from grader.apart import Running, run_apart
from grader.db import grades, similarity
from grader.db.models import Assignment, AssignmentVersion, Comparison, Queue
from grader.db.pages import MOST
from grader.db.session import Session
from grader.errors import BlobMissing
from grader.services.bundles import unpacked
from grader.services.grades import grade_from
from grader.services.judging import Held
from grader.services.policies import policy_of
from grader.services.site import Site
from grader.similarity.given import sent

MOST_SUBMISSIONS = 5000  # the earliest of them; beyond that a comparison says what it left out

_MODULE = "grader.similarity.compare"
_LONGEST_S = 900.0
_STARTER = "starter.ipynb"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is compared: the files by id, name and blob, and the bundle that holds the starter."""

    bundle_sha256: str | None
    files: list[tuple[int, str, str]]
    left_out: int


@dataclass
class Outcome:
    """What came out of a comparison."""

    facts: dict[str, Any]
    pairs: list[tuple[int, int, float]] = field(default_factory=list)


def claim_comparison(site: Site, queue: Queue) -> Held | None:
    """The comparison that has waited longest; None where none waits in the queue."""
    with site.database.writing() as session:
        claim = similarity.claim(session, site.settings.node, [queue], site.settings.lease)
    return None if claim is None else Held(Comparison, claim, queue)


def start_comparison(site: Site, held: Held) -> Subject | None:
    """What the worker compares; None where the claim was lost."""
    with site.database.reading() as session:
        assignment = similarity.assignment_of(session, held.claim)
        if assignment is None:
            return None
        ids = sorted(_counting(session, assignment))
        version_id = assignment.live_version_id
        version = version_id and session.get(AssignmentVersion, version_id)
        return Subject(
            bundle_sha256=version.bundle_sha256 if version else None,
            files=similarity.files(session, ids[:MOST_SUBMISSIONS]),
            left_out=max(0, len(ids) - MOST_SUBMISSIONS),
        )


def compare(site: Site, subject: Subject, follow: Callable[[Running], None]) -> Outcome:
    """Compare them, in a process that `follow` is handed. Raises BlobMissing."""
    with tempfile.TemporaryFile() as file:
        run_apart(
            _MODULE,
            _given(site, subject),
            file,
            longest_s=_LONGEST_S,
            name="the comparison",
            follow=follow,
        )
        file.seek(0)
        found = json.load(file)
    pairs = [(first, second, share) for first, second, share, _ in found.pop("pairs")]
    return Outcome(facts={**found, "left_out": subject.left_out}, pairs=pairs)


def finish_comparison(site: Site, held: Held, outcome: Outcome) -> bool:
    """Keep what came out; False, and nothing is, where the claim was lost."""
    with site.database.writing() as session:
        return similarity.finish(session, held.claim, outcome.facts, outcome.pairs)


def starter_of(site: Site, bundle_sha256: str | None) -> bytes:
    """The starter in a bundle's blob; nothing where there is none."""
    if bundle_sha256 is None:
        return b""
    with tempfile.TemporaryDirectory(prefix="chainrule-starter-") as name:
        try:
            path = unpacked(site, bundle_sha256, Path(name, "bundle")) / _STARTER
        except BlobMissing:
            return b""
        return path.read_bytes() if path.is_file() else b""


def starter_sent(site: Site, bundle_sha256: str | None, **header: Any) -> Iterator[bytes]:
    """The starter on its way to the process, with what else is to be known there."""
    return sent({"id": None, "name": _STARTER, **header}, starter_of(site, bundle_sha256))


def _given(site: Site, subject: Subject) -> Iterator[bytes]:
    submissions = (
        sent({"id": submission_id, "name": name}, site.blobs.read(sha256))
        for submission_id, name, sha256 in subject.files
    )
    yield from starter_sent(site, subject.bundle_sha256)
    yield from chain.from_iterable(submissions)


def _counting(session: Session, assignment: Assignment) -> set[int]:
    """The submissions that count, of all students of the course."""
    live = grades.assignment(session, assignment.id)
    policy = policy_of(assignment)
    found: set[int] = set()
    cursor: str | None = None
    while True:
        some = grades.members(session, assignment.course_id, cursor=cursor, limit=MOST)
        facts = grades.facts(session, assignment.course_id, [live], some.items)
        for member in some.items:
            grade = grade_from(facts, live, policy, member)
            if grade.counting is not None:
                found.add(grade.counting.id)
        cursor = some.next_cursor
        if cursor is None:
            return found
