"""What grading a submission leaves: the run's report, and results with points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from grader.domain.exhibits import Exhibit
from grader.domain.outcomes import Outcome, RunStatus, combined
from grader.domain.rubric import Visibility


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """How execution ended and what it used. CPU and memory cover the whole sandbox."""

    status: RunStatus
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0
    cells_run: int = 0
    cells_failed: int = 0
    layers: tuple[str, ...] = ()
    gpus: int = 0  # devices that it had
    in_sequence: bool = False  # some probes were answered in the process itself, not in forks
    message: str = ""  # one plain sentence where the run did not complete


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """A check's outcome with its points, a message for the student and detail for staff."""

    id: str
    kind: str
    outcome: Outcome
    score: float
    max_score: float
    message: str
    hint: str | None = None
    detail: Mapping[str, object] = field(default_factory=dict)
    title: str = ""
    visibility: Visibility = "visible"
    exhibits: tuple[Exhibit, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ExerciseResult:
    """An exercise's checks; its score is their sum. `cells` are the code cells, counted from 0,
    after which they looked."""

    id: str
    title: str
    checks: tuple[CheckResult, ...]
    cells: tuple[int, ...] = ()

    @property
    def score(self) -> float:
        return round(sum(check.score for check in self.checks), 6)

    @property
    def max_score(self) -> float:
        return round(sum(check.max_score for check in self.checks), 6)

    @property
    def outcome(self) -> Outcome:
        return combined((check.outcome for check in self.checks), self.score, self.max_score)


@dataclass(frozen=True, kw_only=True)
class CellOutput:
    """What one code cell wrote, in nbformat's v4 output dicts, bounded; and how it ended."""

    index: int  # among the code cells
    outputs: tuple[Mapping[str, object], ...] = ()
    error: str | None = None  # the exception's type and message
    given: bool = False  # it raised as the starter's own cell: nobody has touched it
    wall_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class SubmissionInfo:
    """The file as handed in."""

    name: str
    sha256: str
    format: str  # "ipynb" or "py"


@dataclass(frozen=True, kw_only=True)
class Result:
    """One judging of one submission against one version."""

    assignment: str
    version: str
    submission: SubmissionInfo
    run: RunReport
    exercises: tuple[ExerciseResult, ...]
    seed: int | None  # inputs were drawn from it; None in what students see
    outputs: tuple[CellOutput, ...] = ()

    @property
    def score(self) -> float:
        """Points judged so far."""
        return round(sum(exercise.score for exercise in self.exercises), 6)

    @property
    def max_score(self) -> float:
        return round(sum(exercise.max_score for exercise in self.exercises), 6)

    @property
    def is_judged(self) -> bool:
        """Whether nothing was left without an outcome through a failure of ours."""
        return self.run.status is not RunStatus.INTERNAL_ERROR and not any(
            exercise.outcome is Outcome.NOT_JUDGED for exercise in self.exercises
        )

    @property
    def pending(self) -> float:
        """Points that wait for a person."""
        waiting = (
            check.max_score
            for exercise in self.exercises
            for check in exercise.checks
            if check.outcome is Outcome.PENDING
        )
        return round(sum(waiting), 6)
