"""Results as staff and students see them: the document, the executed notebook, the report.

One rule, `grader.domain.visibility`, makes the student's document of the stored one; report and
notebook are made from whichever document it is. Overrides are no part of a result: it says what was
computed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from grader.db import results, submissions
from grader.db.models import AssignmentVersion, AttemptState, Result, Submission
from grader.db.results import CauseCount
from grader.db.session import moment
from grader.domain.outcomes import Outcome
from grader.domain.visibility import student_view
from grader.errors import Forbidden, NotFound
from grader.notebooks.read import parse
from grader.notebooks.write import errors_of, numbered_cuts, numbered_errors, retold
from grader.resultdoc import ResultDocument
from grader.services.access import Actor, Right, permit_assignment
from grader.services.anonymity import shown_file
from grader.services.site import Site
from grader.services.submissions import due_at, see


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """A result, and its document as this person sees it."""

    submission: Submission
    result: Result
    document: Mapping[str, Any]
    is_staff: bool


@dataclass(frozen=True)
class CellNotes:
    """By their numbers the cells that raised, and what; and those whose output was cut off."""

    raised: Sequence[tuple[int, str]] = ()
    cut: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class Causes:
    """What is wrong how often, against which version."""

    version_id: int | None
    counts: Sequence[CauseCount]


def result_document(
    site: Site, actor: Actor, submission_id: int, version_id: int | None = None
) -> Mapping[str, Any]:
    """The result against the version in force, or for staff against any; without overrides.

    Raises NotFound where there is none, saying whether it waits or could not be judged.
    """
    return _shown(site, actor, submission_id, version_id).document


def cell_notes(site: Site, result: Result | None) -> CellNotes:
    """What a result's run has to say of single cells; nothing of who may see it is asked here."""
    if result is None or result.notebook is None:
        return CellNotes()
    notebook = site.blobs.read(result.notebook)
    return CellNotes(numbered_errors(notebook), numbered_cuts(notebook))


def report(site: Site, actor: Actor, submission_id: int, version_id: int | None = None) -> str:
    """The same for people, as plain text."""
    from grader.report import report_text  # it loads rich, which nothing else here needs

    shown = _shown(site, actor, submission_id, version_id)
    submission = parse(shown.submission.name, site.blobs.read(shown.submission.sha256))
    notebook = shown.result.notebook
    outputs = errors_of(site.blobs.read(notebook)) if notebook is not None else []
    return report_text(cast(ResultDocument, shown.document), submission, outputs)


def executed_notebook(
    site: Site, actor: Actor, submission_id: int, version_id: int | None = None
) -> tuple[Submission, Iterator[bytes]]:
    """A submission, and its notebook with what its cells wrote and the verdicts in its metadata."""
    shown = _shown(site, actor, submission_id, version_id)
    notebook = shown.result.notebook
    if notebook is None:
        raise NotFound("of this run no notebook was kept")
    if shown.is_staff:
        return shown.submission, site.blobs.chunks(notebook)
    return shown.submission, iter([retold(site.blobs.read(notebook), shown.document)])


def shown_notebook(
    site: Site, actor: Actor, submission_id: int, version_id: int | None = None
) -> tuple[Submission, Mapping[str, Any], str]:
    """A submission, its result as this person sees it, and the blob of its executed notebook.

    The verdicts in the blob are the staff's: it is not for being sent as it is.
    """
    shown = _shown(site, actor, submission_id, version_id)
    if shown.result.notebook is None:
        raise NotFound("of this run no notebook was kept")
    return shown.submission, shown.document, shown.result.notebook


def causes(site: Site, actor: Actor, assignment_id: int, outcomes: Collection[Outcome]) -> Causes:
    """What is wrong how often in the submissions of an assignment, for staff."""
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        version_id = assignment.live_version_id
        if version_id is None:
            return Causes(version_id=None, counts=[])
        return Causes(version_id=version_id, counts=results.causes(session, version_id, outcomes))


def _shown(site: Site, actor: Actor, submission_id: int, version_id: int | None) -> _Shown:
    with site.database.reading() as session:
        seen = see(session, actor, submission_id)
        submission, assignment = seen.submission, seen.assignment
        if version_id is None:
            version_id = assignment.live_version_id
        elif not seen.is_staff and version_id != assignment.live_version_id:
            raise Forbidden("version_id: results against other versions are for staff")
        elif not _is_of(session.get(AssignmentVersion, version_id), assignment.id):
            raise NotFound("version_id: this assignment has no such version")
        found = version_id and results.result_of(session, submission_id, version_id)
        if not found:
            last = submissions.last_attempts_of(session, [submission_id], version_id)
            raise NotFound(_why_none(last[submission_id].state if last else None))
        due = due_at(session, seen)
        due_passed = due is not None and due < moment(session)
    stored = json.loads(site.blobs.read(found.document))
    if seen.is_staff and assignment.anonymous:
        # The row is nobody else's: so the file's name is hidden wherever it is told.
        submission.name = stored["submission"]["name"] = shown_file(assignment, submission)
    return _Shown(
        submission=submission,
        result=found,
        document=stored if seen.is_staff else student_view(stored, due_passed=due_passed),
        is_staff=seen.is_staff,
    )


def _is_of(version: AssignmentVersion | None, assignment_id: int) -> bool:
    return version is not None and version.assignment_id == assignment_id


def _why_none(state: AttemptState | None) -> str:
    match state:
        case AttemptState.QUEUED | AttemptState.RUNNING:
            return "it is not judged yet"
        case AttemptState.FAILED:
            return "it could not be judged through a fault of ours; it is not a zero"
        case AttemptState.CANCELLED:
            return "its judging was cancelled"
    return "it was not judged against this version"
