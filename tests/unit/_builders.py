"""Makes what tests of reading and writing begin with: notebooks, results, bundles."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from grader.domain.exhibits import Exhibit
from grader.domain.outcomes import Outcome, RunStatus
from grader.domain.results import (
    CellOutput,
    CheckResult,
    ExerciseResult,
    Result,
    RunReport,
    SubmissionInfo,
)
from grader.domain.rubric import Visibility

Cell = dict[str, object]


def code(source: str | list[str], **more: object) -> Cell:
    """A code cell as a notebook file has it."""
    return {"cell_type": "code", "metadata": {}, "outputs": [], "source": source, **more}


def words(source: str | list[str], **more: object) -> Cell:
    """A markdown cell as a notebook file has it."""
    return {"cell_type": "markdown", "metadata": {}, "source": source, **more}


def notebook(*cells: object, **more: object) -> bytes:
    """A notebook file of these cells; `more` are further fields at its top."""
    fields = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells), **more}
    return json.dumps(fields).encode()


def check(
    id: str = "values",
    outcome: Outcome = Outcome.PASSED,
    score: float = 4.0,
    max_score: float = 4.0,
    message: str = "Every value agrees.",
    hint: str | None = None,
    detail: dict[str, object] | None = None,
    visibility: Visibility = "visible",
    exhibits: tuple[Exhibit, ...] = (),
) -> CheckResult:
    """A check's result; by default a passed one of 4 points."""
    return CheckResult(
        id=id,
        kind="forward",
        outcome=outcome,
        score=score,
        max_score=max_score,
        message=message,
        hint=hint,
        detail=detail or {},
        title="the right values",
        visibility=visibility,
        exhibits=exhibits,
    )


def exercise(*checks: CheckResult, id: str = "ex1", title: str = "Forward") -> ExerciseResult:
    """An exercise's result; by default with one passed check."""
    return ExerciseResult(id=id, title=title, checks=checks or (check(),))


def result(
    *exercises: ExerciseResult,
    name: str = "mine.ipynb",
    status: RunStatus = RunStatus.COMPLETED,
    message: str = "",
    outputs: Sequence[CellOutput] = (),
) -> Result:
    """A judging's result; by default of one passed exercise."""
    return Result(
        assignment="two-layers",
        version="sha256:0123",
        submission=SubmissionInfo(name=name, sha256="ab" * 32, format="ipynb"),
        run=RunReport(
            status=status,
            wall_s=1.25,
            cpu_s=1.5,
            peak_memory_bytes=100 << 20,
            cells_run=len(outputs),
            cells_failed=sum(one.error is not None for one in outputs),
            layers=("pid", "seccomp"),
            message=message,
        ),
        exercises=exercises or (exercise(),),
        seed=7,
        outputs=tuple(outputs),
    )


SOLUTION = "def forward(x):\n    return x\n"


def bundle_folder(root: Path, rubric: str, slug: str = "two-layers") -> Path:
    """A bundle on disk below `root`: `rubric` as rubric.yaml, and a reference that parses."""
    folder = root / "rubrics" / slug
    (root / "reference" / slug).mkdir(parents=True)
    folder.mkdir(parents=True)
    (root / "reference" / slug / "solution.py").write_text(SOLUTION)
    (folder / "rubric.yaml").write_text(rubric)
    return folder
