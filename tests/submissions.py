"""The corpus as cases: a submission, and the verdict that it must get (tests/corpus/README.md)."""

from __future__ import annotations

import dataclasses
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from grader.domain.results import Result
from grader.domain.rubric import Bundle, Limits
from grader.notebooks.read import Submission, read_submission
from grader.rubricfile import load_bundle
from workers import pipeline
from workers.zygote import Zygote

ROOT = Path(__file__).parent.parent
CORPUS = ROOT / "tests" / "corpus"
SUBMISSIONS = ("submission.ipynb", "submission.py")

# What a hostile submission prints where an attack of its came off.
BREACH = "BREACH: "


@dataclass(frozen=True)
class Expected:
    """expect.yaml."""

    about: str
    status: str | list[str]
    score: float
    pending: float
    exercises: Mapping[str, float]
    outcomes: Mapping[str, str] = field(default_factory=dict)
    hints: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    says: str = ""

    @property
    def statuses(self) -> list[str]:
        """The statuses that are right."""
        return [self.status] if isinstance(self.status, str) else self.status


@dataclass(frozen=True)
class Case:
    """One folder of the corpus."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def slug(self) -> str:
        return self.folder.parent.name

    @property
    def kind(self) -> str:
        """right, wrong, cheat or hostile."""
        return self.name.partition("-")[0]

    @property
    def expected(self) -> Expected:
        return _expected(self.folder)

    @property
    def submission(self) -> Submission:
        (path,) = (self.folder / name for name in SUBMISSIONS if (self.folder / name).exists())
        return read_submission(path)

    def bundle(self) -> Bundle:
        """The assignment, with the limits that this case sets for itself."""
        bundle = _bundle(self.slug)
        own: dict[str, Any] = dict(self.expected.limits)
        limits: Limits = dataclasses.replace(bundle.rubric.limits, **own)
        return dataclasses.replace(bundle, rubric=dataclasses.replace(bundle.rubric, limits=limits))

    def grade(self, zygote: Zygote, seed: int | None = None) -> Result:
        """Grade it; every case has a seed of its own unless one is given."""
        chosen = zlib.crc32(self.name.encode()) if seed is None else seed
        return pipeline.grade(zygote, self.bundle(), self.submission, seed=chosen)


def cases(*kinds: str) -> list[Case]:
    """The cases of these kinds, of all assignments; without kinds all."""
    found = [Case(path.parent) for path in sorted(CORPUS.glob("*/*/expect.yaml"))]
    return [case for case in found if not kinds or case.kind in kinds]


def disagreements(case: Case, result: Result) -> list[str]:
    """Where a result is not what the case expects, in words; empty where it is."""
    expected = case.expected
    checks = {
        f"{exercise.id}/{check.id}": check
        for exercise in result.exercises
        for check in exercise.checks
    }
    points = {exercise.id: exercise.score for exercise in result.exercises}
    pairs: list[tuple[str, object, object]] = [
        ("the score", result.score, expected.score),
        ("the points pending", result.pending, expected.pending),
        ("the exercises", points, dict(expected.exercises)),
    ]
    pairs += [
        (f"the outcome of {key}", checks[key].outcome, wanted)
        for key, wanted in expected.outcomes.items()
    ]
    pairs += [
        (f"the hint of {key}", checks[key].detail.get("cause"), wanted)
        for key, wanted in expected.hints.items()
    ]
    found = [f"{what}: {was!r}, not {wanted!r}" for what, was, wanted in pairs if was != wanted]
    if result.run.status not in expected.statuses:
        found.append(
            f"the status: {result.run.status.value} ({result.run.message}), not {expected.status}"
        )
    text = written(result)
    if BREACH in text:
        at = text.index(BREACH)
        found.append(f"it got through: {text[at : at + 200]}")
    if expected.says not in text:
        found.append(f"it never came to say {expected.says!r}")
    return found


def explained(case: Case, result: Result) -> str:
    """What a person needs to see why a result is not the one expected."""
    lines = [f"{case.slug}/{case.name}, seed {result.seed}: {case.expected.about}"]
    lines += [f"  {line}" for line in disagreements(case, result)]
    lines += [
        f"  {exercise.id}/{check.id}: {check.outcome.value} {check.score} {check.message}"
        for exercise in result.exercises
        for check in exercise.checks
    ]
    lines += [f"  cell {out.index}: {out.error}" for out in result.outputs if out.error]
    return "\n".join(lines)


def written(result: Result) -> str:
    """All that the cells wrote."""
    return json.dumps([dict(one) for out in result.outputs for one in out.outputs], default=str)


@cache
def _expected(folder: Path) -> Expected:
    return Expected(**yaml.safe_load((folder / "expect.yaml").read_text()))


@cache
def _bundle(slug: str) -> Bundle:
    return load_bundle(slug, ROOT)
