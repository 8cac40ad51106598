"""A trained model in the run as it was written and under further seeds: which run counts, and why.

Luck is no part of the grade: where the run as written misses what all points need, the training
cells run again under further seeds, and the best run counts. Weights in which every seed ends were
not trained.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from grader.checks.base import Context
from grader.checks.looks import Asking, ask_student
from grader.checks.models.copied import may_be_copied
from grader.checks.models.goals import Goal
from grader.checks.models.recorded import NOTHING, Recorded, Told, loss_exhibit
from grader.checks.verdicts import Failure, NearMiss, cell_number, place
from grader.domain.evidence import Answer, AnswerStatus
from grader.domain.exhibits import Exhibit
from grader.domain.questions import Look, Probe, Rerun
from grader.domain.rubric import Place


class Score(Protocol):
    """What was measured of one model: a number, NaN where it is none, and prints of the model.

    Two models that came from different random starts have no print in common. The losses of the
    training before it are for a picture alone.
    """

    @property
    def value(self) -> float:
        """The number."""

    @property
    def prints(self) -> frozenset[bytes]:
        """Digests of what only the same model has."""

    @property
    def losses(self) -> Recorded:
        """Those of the training before it."""


M = TypeVar("M", bound=Score)
M_co = TypeVar("M_co", bound=Score, covariant=True)


class Measuring(Protocol[M_co]):
    """How a model is asked for, and measured by what comes back."""

    def probe(self) -> Probe:
        """The question to the submission."""

    def measured(self, answer: Answer, limit_s: float) -> Asking[M_co | Failure]:
        """What the answer is worth, or why it is worth nothing."""


@dataclass(frozen=True)
class Run(Generic[M]):
    """One trained model: where it was found, under which further seed, and what was measured."""

    cell: int
    measured: M | None  # None where a re-run left nothing to measure
    seed: int | None = None

    @property
    def value(self) -> float:
        return math.nan if self.measured is None else self.measured.value

    @property
    def prints(self) -> frozenset[bytes]:
        return frozenset() if self.measured is None else self.measured.prints

    @property
    def losses(self) -> Recorded:
        return NOTHING if self.measured is None else self.measured.losses


@dataclass(kw_only=True)
class Trials(Generic[M]):
    """What has been seen so far of the model `model`.

    Missing the goal, up to `seeds` re-runs follow, each at most `rerun_limit_s` of wall time; no
    further one begins once they have used `budget_s` of CPU time.
    """

    model: str
    goal: Goal
    measuring: Measuring[M]
    context: Context
    seeds: int
    rerun_limit_s: float
    budget_s: float
    runs: list[Run[M]] = field(default_factory=list)
    reruns: list[Run[M]] = field(default_factory=list)
    trained_at: int | None = None  # the best cell that trained
    broken: bool = False  # a re-run ended as running the cells the first time did not

    def add(self, look: Look, measured: M) -> None:
        """Take what was measured at a look."""
        self.runs.append(Run(look.cell, measured))
        if not look.end:
            best = self._best_of(self.runs)
            self.trained_at = self.runs[-1].cell if best is None else best.cell

    @property
    def own(self) -> Run[M] | None:
        """The best run as written; None where none has a number."""
        return self._best_of(self.runs)

    @property
    def best(self) -> Run[M] | None:
        """The run that counts: the one as written if it earns everything, else the best."""
        own = self.own
        if own is not None and self.goal.fraction(own.value) == 1:
            return own
        return self._best_of([*self.runs, *self.reruns])

    @property
    def earned(self) -> float:
        """The fraction of the points that the best run earns."""
        best = self.best
        return 0.0 if best is None else self.goal.fraction(best.value)

    def settled(self, look: Look, *, trained: bool) -> Asking[Failure | None]:
        """Train again where that is needed at this look; then what is wrong with how it trained.

        `trained` asks for weights that training in this very run made.
        """
        if trained and self.trained_at is None:
            return Failure(f"No training of {self.model} was seen.", NearMiss("no-training"))
        if look.last and look.alive and self.earned < 1:
            yield from self._again(self.seeds)
        elif trained and self.earned and look.alive and self._may_be_copied():
            yield from self._again(1)
        return self._copied() if trained else None

    def words(self) -> str:
        """What was reached, and by which run."""
        best = self.best
        assert best is not None
        reached = self.goal.words(best.value)
        where = place(self.context, best.cell, None)
        if not self.reruns or (best.seed is None and self.goal.fraction(best.value) == 1):
            return f"{reached} (after {where})." if where else f"{reached}."
        tries = len(self.reruns)
        seeds = "1 further seed" if tries == 1 else f"{tries} further seeds"
        as_written = f"{self.own.value:.4g}" if self.own else f"no finite {self.goal.name}"
        if best.seed is None:
            return f"{reached}. Trained again under {seeds}, it did no better; your own run counts."
        number = next(n for n, run in enumerate(self.reruns, 1) if run is best)
        return (
            f"{reached}. As you ran it, it came to {as_written}; trained again under {seeds}, "
            f"the best of them, number {number}, counts."
        )

    def detail(self, number: str) -> dict[str, object]:
        """The re-runs and what counted, for staff; `number` is the key of what was measured."""
        best = self.best
        return {
            "reruns": [{"seed": run.seed, number: finite(run.value)} for run in self.reruns],
            "counted": None
            if best is None
            else {"cell_number": cell_number(self.context, best.cell), "seed": best.seed},
        }

    def exhibits(self, points: float, *, is_loss: bool) -> tuple[Exhibit, ...]:
        """How the loss fell, in the run as written and under further seeds.

        Thresholds, with what they earn of the check's points, stand beside it where the number
        that has to be reached is a loss as well.
        """
        best = self.best
        own = best if best is not None and best.seed is None else self.own or self.runs[-1]
        again = [f"Trained again, number {n}" for n, _ in enumerate(self.reruns, 1)]
        told = [
            Told(
                label=label,
                recorded=run.losses,
                final=finite(run.value) if is_loss else None,
                counts=run is best,
            )
            for label, run in zip(["As you ran it", *again], [own, *self.reruns], strict=True)
        ]
        limits = [(one.limit, one.fraction * points) for one in self.goal.thresholds]
        return loss_exhibit(told, limits if is_loss else ())

    def _best_of(self, runs: Iterable[Run[M]]) -> Run[M] | None:
        able = (run for run in runs if math.isfinite(run.value))
        return max(able, key=lambda run: self.goal.rank(run.value), default=None)

    def _until(self) -> int:
        """The last cell that a re-run repeats: where the model was trained, or what counts."""
        best = self.best
        cells = [self.trained_at, best.cell if best and best.seed is None else None]
        return max((cell for cell in cells if cell is not None), default=-1)

    def _may_be_copied(self) -> bool:
        return may_be_copied(self.context.code, self._until())

    def _again(self, tries: int) -> Asking[None]:
        """Run the training cells again, each time from the state before them, until one is good."""
        spent = 0.0
        until = self._until()
        for _ in range(tries):
            if spent >= self.budget_s or self.trained_at is None:
                return
            seed = int(self.context.rng.integers(1, 1 << 31))
            rerun = Rerun(seed, until, self.measuring.probe(), self.rerun_limit_s)
            answer = yield from ask_student(rerun)
            late = answer.status is AnswerStatus.TIME_LIMIT
            spent += max(self.rerun_limit_s, answer.cpu_s) if late else answer.cpu_s
            measured = yield from self.measuring.measured(answer, self.rerun_limit_s)
            self.broken |= answer.status in (AnswerStatus.DIED, AnswerStatus.MALFORMED)
            found = None if isinstance(measured, Failure) else measured
            self.reruns.append(Run(until, found, seed))
            if self.goal.fraction(self.reruns[-1].value) == 1:
                return

    def _copied(self) -> Failure | None:
        """A failure where the best run has a print, to the bit, that another seed's has."""
        best = self.best
        if best is None or not self.earned or not best.prints:
            return None
        others = (run for run in self.reruns if run is not best)
        differ = all(run.prints.isdisjoint(best.prints) for run in others)
        if differ and not (self.broken and best.seed is None):
            return None
        return Failure(
            f"The weights of {self.model} do not come from the training: every seed ends in them.",
            NearMiss("not-trained"),
        )


def finite(value: float | None) -> float | None:
    """A number as JSON can hold it."""
    return value if value is not None and math.isfinite(value) else None


def check_trials(seeds: int, look: Iterable[Place]) -> None:
    """Raise ValueError for re-runs, or places to look, that a trained model can't have."""
    if not 0 <= seeds <= 100:
        raise ValueError("seeds must be between 0 and 100")
    if any(not (one.trained or one.end) for one in look):
        raise ValueError("this check looks where a model was trained, and at the end")
