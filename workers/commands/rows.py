"""What became of each submission, as a row; nothing that goes wrong with one stops the others."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import click

from grader.domain.outcomes import RunStatus
from grader.domain.results import Result
from grader.errors import BadInput, InternalError, NotASubmission, SandboxUnavailable
from grader.nextstep import bundle_faults
from grader.notebooks.read import Submission, read_submission
from grader.resultdoc import document, error_document
from grader.safetext import one_line
from workers.commands.outputs import write_reports

log = logging.getLogger(__name__)

NOT_A_SUBMISSION: Literal["not_a_submission"] = "not_a_submission"

Judge = Callable[[Submission], Result]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One file of a folder. `status` is a RunStatus, or says that it was no submission.

    `failure` is set where it could not be judged for a reason of ours, and `unavailable` where no
    sandbox could be had for it at all. `line` is its document as one line of JSON. `faults` are
    those of the bundle that left checks not judged.
    """

    name: str
    sha256: str
    status: str
    line: str
    score: float | None = None
    max_score: float | None = None
    pending: float | None = None
    exercises: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)
    failure: bool = False
    unavailable: bool = False


def judged_row(judge: Judge, path: Path, name: str, report_stem: Path | None) -> Row:
    """Read and judge one file; with `report_stem`, write its reports beside that path."""
    try:
        if path.is_symlink():  # it could lead to the reference, or to another's submission
            raise NotASubmission(f"{one_line(name)} is a symbolic link, which is not followed")
        submission = read_submission(path, name)
    except NotASubmission as error:
        return _without_result(name, "", NOT_A_SUBMISSION, str(error))
    digest = submission.info.sha256
    try:
        result = judged(judge, submission)
        row = row_of(result)
        if report_stem is not None:
            try:
                write_reports(report_stem, result, submission)
            except BadInput as error:  # it has been judged all the same
                row = replace(row, error=str(error), failure=True)
        return row
    except InternalError as error:
        words, unavailable = str(error), isinstance(error, SandboxUnavailable)
    except Exception as error:
        log.exception("%s could not be judged", one_line(name))
        words, unavailable = f"an unexpected failure: {type(error).__name__}: {error}", False
    return _without_result(name, digest, "internal_error", words, unavailable=unavailable)


def judged(judge: Judge, submission: Submission) -> Result:
    """Judge, and once more where a sandbox failed for a reason of ours."""
    try:
        return judge(submission)
    except SandboxUnavailable:
        raise
    except InternalError as error:
        result = judge(submission)
        log.warning("%s took a second try: %s", submission.info.name, error)
        return result


def row_of(result: Result) -> Row:
    """The row of a submission that was judged."""
    completed = result.run.status is RunStatus.COMPLETED
    told = document(result)
    return Row(
        name=result.submission.name,
        sha256=result.submission.sha256,
        status=result.run.status.value,
        line=json.dumps(told, ensure_ascii=False),
        score=result.score,
        max_score=result.max_score,
        pending=result.pending,
        exercises={exercise.id: exercise.score for exercise in result.exercises},
        error="" if completed else result.run.message,
        faults=bundle_faults(told),
        failure=not result.is_judged,
    )


def tell_faults(faults: Mapping[str, str], assignment: str) -> None:
    """Say on stderr, one line for each check, what of the bundle left it not judged."""
    slug = one_line(assignment)
    lint = f"see `chainrule rubric lint {slug}` and `chainrule rubric test {slug}`"
    for key, fault in faults.items():
        click.echo(f"chainrule: {key} was not judged, by its bundle: {fault}; {lint}", err=True)


def _without_result(
    name: str,
    digest: str,
    status: Literal["not_a_submission", "internal_error"],
    error: str,
    unavailable: bool = False,
) -> Row:
    name, error = one_line(name), one_line(error, 2000)
    line = error_document(name, digest, status, error)
    return Row(
        name=name,
        sha256=digest,
        status=status,
        line=json.dumps(line, ensure_ascii=False),
        error=error,
        failure=status == "internal_error",
        unavailable=unavailable,
    )
