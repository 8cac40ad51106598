"""The difference between two submissions: their cells, and what their checks came to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grader.db.models import Submission
from grader.domain.outcomes import Outcome
from grader.errors import BadInput, NotFound
from grader.notebooks.changes import Changes, changes
from grader.notebooks.read import parse
from grader.services.access import Actor
from grader.services.results import result_document
from grader.services.site import Site
from grader.services.submissions import get_submission

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class CheckChange:
    """A check that came out differently, as the two documents have it; None where one lacks it."""

    exercise: str
    title: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Two submissions of one assignment, the earlier one first, and what is different."""

    before: Submission
    after: Submission
    cells: Changes
    checks: Sequence[CheckChange]
    scores: tuple[float | None, float | None]


def compare(site: Site, actor: Actor, submission_id: int, other_id: int) -> Difference:
    """What is different between two submissions that the actor may see.

    Raises BadInput where they are of different assignments, or one and the same.
    """
    rows = [get_submission(site, actor, one).submission for one in (submission_id, other_id)]
    before, after = sorted(rows, key=lambda row: (row.received_at, row.id))
    if before.id == after.id or before.assignment_id != after.assignment_id:
        raise BadInput("two different submissions of one assignment can be compared")
    documents = [_document(site, actor, row.id) for row in (before, after)]
    read = [parse(row.name, site.blobs.read(row.sha256)).cells for row in (before, after)]
    return Difference(
        before=before,
        after=after,
        cells=changes(*read),
        checks=_checks(*documents),
        scores=(_score(documents[0]), _score(documents[1])),
    )


def _document(site: Site, actor: Actor, submission_id: int) -> Mapping[str, Any] | None:
    try:
        return result_document(site, actor, submission_id)
    except NotFound:  # not judged, or not yet
        return None


def _score(document: Mapping[str, Any] | None) -> float | None:
    return None if document is None else document["score"]


def _checks(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> Sequence[CheckChange]:
    """The checks with another outcome, other points or another cause, in the rubric's order."""
    if before is None or after is None:
        return []
    old, new = _by_id(before), _by_id(after)
    found = []
    for key in [*old, *(key for key in new if key not in old)]:
        (exercise, a), (_, b) = old.get(key) or new[key], new.get(key) or old[key]
        one, other = (a if key in old else None), (b if key in new else None)
        if _came_to(one) != _came_to(other):
            found.append(CheckChange(exercise, a["title"] or a["id"], one, other))
    return found


def _by_id(document: Mapping[str, Any]) -> dict[tuple[str, str], tuple[str, Mapping[str, Any]]]:
    return {
        (exercise["id"], check["id"]): (exercise["title"], check)
        for exercise in document["exercises"]
        for check in exercise["checks"]
    }


def _came_to(check: Mapping[str, Any] | None) -> tuple[Any, ...] | None:
    if check is None:
        return None
    came_to = (check["outcome"], check["score"], check["max_score"])
    if check["outcome"] == Outcome.PASSED:
        return came_to
    # What is wrong; numbers alone differ from seed to seed.
    said = _NUMBER.sub("0", check["message"])
    return (*came_to, check["detail"].get("cause"), check["hint"], said)
