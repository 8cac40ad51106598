"""Grades a made-up submission against a made-up assignment, through real sandboxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from grader.domain.results import CheckResult, ExerciseResult, Result
from grader.notebooks.read import read_submission
from grader.rubricfile import load_bundle
from tests.unit._builders import code, notebook
from workers import pipeline
from workers.zygote import Zygote


@dataclass(frozen=True)
class Assignment:
    """One exercise with one check of these fields, and the source of its reference.

    `rubric` holds further sections of the rubric.
    """

    zygote: Zygote
    root: Path
    check: Mapping[str, Any]
    reference: str
    rubric: Mapping[str, Any]

    def grade(self, *cells: str, seed: int = 1) -> CheckResult:
        """The check's result for a notebook of these code cells."""
        return self.exercise(*cells, seed=seed).checks[0]

    def exercise(self, *cells: str, seed: int = 1) -> ExerciseResult:
        """The same, with where it was looked at."""
        return self.result(*cells, seed=seed).exercises[0]

    def result(self, *cells: str, seed: int = 1) -> Result:
        """All of it, with how the run ended."""
        bundle = load_bundle(str(self.root / "rubrics" / "made-up"), self.root)
        path = self.root / "submission.ipynb"
        path.write_bytes(notebook(*(code(cell) for cell in cells)))
        return pipeline.grade(self.zygote, bundle, read_submission(path), seed)


def assignment(
    zygote: Zygote, root: Path, check: Mapping[str, Any], reference: str, **rubric: Any
) -> Assignment:
    """Lay the assignment into the folder `root`, which holds none yet."""
    for part in ("rubrics", "reference"):
        (root / part / "made-up").mkdir(parents=True)
    checks = [{"id": "it", "points": 1, **check}]
    exercises = [{"id": "ex1", "title": "Made up", "checks": checks}]
    document = {"title": "Made up", "exercises": exercises, **rubric}
    (root / "rubrics" / "made-up" / "rubric.yaml").write_text(yaml.safe_dump(document))
    (root / "reference" / "made-up" / "solution.py").write_text(reference)
    return Assignment(zygote, root, check, reference, rubric)
