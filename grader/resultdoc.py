"""The result document, "chainrule.result/1": what the command line prints and the service serves.

Its JSON Schema is published as docs/result.schema.json, that of the line in its place for a file
that is no submission, "chainrule.error/1", as docs/error.schema.json. Nothing that the student's
process said is part of it beyond what checks put into their details and exhibits. The student's
document,
without the seed, details and what is hidden, is made of it by
`grader.domain.visibility.student_view`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from grader.domain.outcomes import Outcome, RunStatus
from grader.domain.results import CheckResult, ExerciseResult, Result
from grader.domain.rubric import Visibility
from grader.exhibitdoc import PARTS, ExhibitDocument, ExhibitDocuments
from grader.safetext import storable

SCHEMA: Literal["chainrule.result/1"] = "chainrule.result/1"
ERROR_SCHEMA: Literal["chainrule.error/1"] = "chainrule.error/1"

_MAX_TEXT = 2000
_MAX_ITEMS = 200
_MAX_DEPTH = 6
_MAX_DETAIL = 2000  # values in one detail, at whatever depth
_EXACT = 1 << 53  # integers beyond it are no exact numbers in most readers of JSON


class SubmissionDocument(TypedDict):
    """The file as handed in."""

    name: str
    sha256: str
    format: Literal["ipynb", "py"]


class SandboxDocument(TypedDict):
    """The layers that held while it ran, and the GPUs that it had.

    `in_sequence`: probes were answered in the submission's process, whose state was restored after
    each, since a process that has begun with CUDA can't be forked.
    """

    layers: list[str]
    gpus: int
    in_sequence: bool


class RunDocument(TypedDict):
    """How execution ended and what it used; `message` says why it did not complete."""

    status: RunStatus
    message: str
    wall_s: float
    cpu_s: float
    peak_memory_bytes: int
    cells_run: int
    cells_failed: int
    sandbox: SandboxDocument


class CheckDocument(TypedDict):
    """A check's outcome; `detail` is for staff, and its keys are the kind's.

    Of it students see what they wrote in words for a person to grade, as `answer`.

    `exhibits` are what there is to see beside the words; documents made before there were any have
    none.
    """

    id: str
    title: str
    kind: str
    visibility: Visibility
    outcome: Outcome
    score: float
    max_score: float
    message: str
    hint: str | None
    detail: dict[str, Any]
    exhibits: NotRequired[list[ExhibitDocument]]


class ExerciseDocument(TypedDict):
    """An exercise and its checks."""

    id: str
    title: str
    outcome: Outcome
    score: float
    max_score: float
    checks: list[CheckDocument]


class ResultDocument(TypedDict):
    """One judging of one submission. `score` holds what is judged, `pending` what waits.

    From `seed` all inputs were drawn, and it can be judged again from it; null for students. It is
    text, since it may be beyond the integers that readers of JSON keep exact.
    """

    schema: Literal["chainrule.result/1"]
    assignment: str
    version: str
    seed: str | None
    submission: SubmissionDocument
    run: RunDocument
    score: float
    max_score: float
    pending: float
    exercises: list[ExerciseDocument]


class FileDocument(TypedDict):
    """A file of a folder; `sha256` is empty where it is no submission."""

    name: str
    sha256: str


class ErrorDocument(TypedDict):
    """A file of a folder that has no result, and why: no submission, or a failure of ours."""

    schema: Literal["chainrule.error/1"]
    submission: FileDocument
    status: Literal["not_a_submission", "internal_error"]
    error: str


for _part in (
    FileDocument,
    ErrorDocument,
    SubmissionDocument,
    SandboxDocument,
    RunDocument,
    CheckDocument,
    ExerciseDocument,
    ResultDocument,
    *PARTS,
):
    # No property but these; set from outside, because mypy takes it for one of them inside.
    _part.__pydantic_config__ = {"extra": "forbid"}


def document(result: Result) -> ResultDocument:
    """The result as JSON-safe plain values, every one of them bounded."""
    info, run = result.submission, result.run
    exhibits = ExhibitDocuments()
    return {
        "schema": SCHEMA,
        "assignment": result.assignment,
        "version": result.version,
        "seed": None if result.seed is None else str(result.seed),
        "submission": {
            "name": _text(info.name),
            "sha256": info.sha256,
            "format": "ipynb" if info.format == "ipynb" else "py",
        },
        "run": {
            "status": run.status,
            "message": _text(run.message),
            "wall_s": round(run.wall_s, 3),
            "cpu_s": round(run.cpu_s, 3),
            "peak_memory_bytes": run.peak_memory_bytes,
            "cells_run": run.cells_run,
            "cells_failed": run.cells_failed,
            "sandbox": {
                "layers": list(run.layers),
                "gpus": run.gpus,
                "in_sequence": run.in_sequence,
            },
        },
        "score": result.score,
        "max_score": result.max_score,
        "pending": result.pending,
        "exercises": [_exercise(exercise, exhibits) for exercise in result.exercises],
    }


def error_document(
    name: str, sha256: str, status: Literal["not_a_submission", "internal_error"], error: str
) -> ErrorDocument:
    """What stands in the place of a result, for a file of a folder that has none."""
    return {
        "schema": ERROR_SCHEMA,
        "submission": {"name": _text(name), "sha256": sha256},
        "status": status,
        "error": _text(error),
    }


def json_schema() -> dict[str, object]:
    """The JSON Schema of the document."""
    return _json_schema(ResultDocument, "chainrule result schema")


def error_json_schema() -> dict[str, object]:
    """The JSON Schema of the line that a file without a result gets."""
    return _json_schema(ErrorDocument, "chainrule result schema --error")


def _json_schema(part: type, command: str) -> dict[str, object]:
    from pydantic import TypeAdapter  # only the schema needs it

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"Made by: {command}",
        **TypeAdapter(part).json_schema(),
    }


def _exercise(exercise: ExerciseResult, exhibits: ExhibitDocuments) -> ExerciseDocument:
    return {
        "id": exercise.id,
        "title": exercise.title,
        "outcome": exercise.outcome,
        "score": exercise.score,
        "max_score": exercise.max_score,
        "checks": [_check(check, exhibits) for check in exercise.checks],
    }


def _check(check: CheckResult, exhibits: ExhibitDocuments) -> CheckDocument:
    return {
        "id": check.id,
        "title": _text(check.title),
        "kind": check.kind,
        "visibility": check.visibility,
        "outcome": check.outcome,
        "score": check.score,
        "max_score": check.max_score,
        "message": _text(check.message),
        "hint": None if check.hint is None else _text(check.hint),
        "detail": safe_detail(check.detail),
        "exhibits": exhibits.of(check.exhibits),
    }


def safe_detail(detail: Mapping[str, object]) -> dict[str, Any]:
    """A check's detail as JSON-safe plain data: what is no number is text, what is much is cut."""
    return _Detail().mapping(detail, 0)


class _Detail:
    """Counts what of one detail has been taken; what is left out is said in its place."""

    def __init__(self) -> None:
        self._left = _MAX_DETAIL

    def mapping(self, value: Mapping[Any, object], depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, item in value.items():
            if len(found) >= _MAX_ITEMS or self._left <= 0:
                found["…"] = f"{len(value) - len(found)} more"
                break
            found[_text(str(key), 200)] = self.safe(item, depth + 1)
        return found

    def items(self, value: Sequence[object], depth: int) -> list[Any]:
        found: list[Any] = []
        for item in value:
            if len(found) >= _MAX_ITEMS or self._left <= 0:
                found.append(f"… {len(value) - len(found)} more")
                break
            found.append(self.safe(item, depth + 1))
        return found

    def safe(self, value: object, depth: int) -> Any:
        self._left -= 1
        match value:
            case None | bool():
                return value
            case str():
                return _text(value)
            case Integral():
                return int(value) if abs(int(value)) <= _EXACT else _text(hex(int(value)))
            case Real():
                number = float(value)
                return number if math.isfinite(number) else str(number)
            case complex():
                return str(value)
            case Mapping() | list() | tuple() if depth > _MAX_DEPTH:
                return "…"
            case Mapping():
                return self.mapping(value, depth)
            case list() | tuple():
                return self.items(value, depth)
        return f"a {type(value).__name__}"


def _text(text: str, limit: int = _MAX_TEXT) -> str:
    text = storable(text)
    return text if len(text) <= limit else text[:limit] + "…"
