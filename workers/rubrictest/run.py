"""Running a trial: the right submission, the starter, hollow submissions, then all mutants."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from grader.domain.outcomes import Outcome
from grader.domain.results import CheckResult, Result
from grader.domain.rubric import Bundle
from grader.errors import InternalError, SandboxUnavailable
from grader.notebooks.read import Submission
from workers.commands.rows import judged
from workers.mutation.answers import answer_mutants
from workers.mutation.hollow import with_zeros, without_results
from workers.mutation.mutants import Mutant, mutants
from workers.mutation.reach import Reached, reached_by
from workers.mutation.written import written_by_students
from workers.pipeline import grade, kind_of
from workers.rubrictest.bounds import bounded, specs
from workers.rubrictest.findings import Findings, Judged
from workers.rubrictest.trial import Trial
from workers.stopping import Stop
from workers.zygote import Zygote

_MUTANT_SEED = 0

# What these look at is made of values, so that zeros must not do.
_OF_VALUES = {"forward", "gradient", "function", "module", "gradcheck", "autograd_function"}
_OF_GRADIENTS = {"gradient"}

Advance = Callable[[str, int], None]
Points = Mapping[str, CheckResult]
_Done = TypeVar("_Done")


def try_out(
    zygote: Zygote, trial: Trial, jobs: int | None, advance: Advance, stop: Stop | None = None
) -> Findings:
    """Run the whole test; `advance` hears of each phase, and with a count of 0 of each step.

    Raises Stopped where another thread calls `stop`.
    """
    started = time.monotonic()
    findings = Findings()
    pool = ThreadPoolExecutor(jobs or len(os.sched_getaffinity(0)))
    try:
        run = _Run(zygote, trial, findings, pool, advance, stop)
        if run.right_submissions():
            run.starter()
            run.vacuous()
            run.mutants()
            if not trial.only:
                findings.unused_waivers = trial.waivers.unused(findings.waived)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    findings.wall_s = time.monotonic() - started
    return findings


class _Run:
    def __init__(
        self,
        zygote: Zygote,
        trial: Trial,
        findings: Findings,
        pool: ThreadPoolExecutor,
        advance: Advance,
        stop: Stop | None,
    ) -> None:
        self._stop = stop
        self._zygote = zygote
        self._trial = trial
        self._found = findings
        self._pool = pool
        self._advance = advance
        rubric, cells = trial.bundle.rubric, trial.answer.cells
        self._surely = reached_by(rubric, cells, surely=True)
        self._maybe = reached_by(rubric, cells, surely=False)
        self._alone_s = 0.0

    def right_submissions(self) -> bool:
        """The model answer gets full marks under every seed; False where nothing follows."""
        bundle, answer = self._trial.bundle, self._trial.answer
        began = time.monotonic()
        self._advance("the model answer", self._trial.seeds)
        first = self._grade(bundle, answer, 0)
        self._alone_s = time.monotonic() - began
        self._advance("", 0)
        results = [first]
        if not _not_full(first):
            graded = [partial(self._grade, bundle, answer, n) for n in range(1, self._trial.seeds)]
            results += self._all(graded)
        for seed, result in enumerate(results):
            self._found.right += [f"{words} (seed {seed})" for words in _not_full(result)]
        self._found.right = list(dict.fromkeys(self._found.right))[:50]
        return not self._found.right

    def starter(self) -> None:
        """The untouched starter earns nothing."""
        starter = self._trial.starter
        if starter is None:
            self._found.notes.append("There is no starter.ipynb, so no untouched one was tried.")
            return
        self._advance("the starter", 1)
        [result] = self._all([partial(self._grade, self._trial.bundle, starter, 0)])
        for key, check in _checks(result).items():
            if check.score:
                words = f"{key} gives the untouched starter {check.score:g} of {check.max_score:g}"
                self._keep_unless_waived(self._found.starter, f"passes/{key}/starter", words)

    def vacuous(self) -> None:
        """No check passes where every function returns None, or zeros."""
        hollow = {
            "none": without_results(self._trial.answer),
            "zeros": with_zeros(self._trial.answer),
        }
        self._advance("hollow submissions", len(hollow))
        bundle = bounded(self._trial.bundle, self._alone_s)
        results = self._all([partial(self._grade, bundle, one, 0) for one in hollow.values()])
        for name, result in zip(hollow, results, strict=True):
            for key, check in _checks(result).items():
                if check.outcome is not Outcome.PASSED or not check.max_score:
                    continue
                if name == "zeros" and check.kind not in _OF_VALUES:
                    continue
                if not self._surely[key].calls:  # it looks at no function
                    continue
                words = f"{key} passes where every function returns {_HOLLOW[name]}"
                self._keep_unless_waived(self._found.vacuous, f"passes/{key}/{name}", words)

    def mutants(self) -> None:
        """Each mutant loses points, and only where it is wrong."""
        trial = self._trial
        written = written_by_students(trial.answer, trial.starter)
        tried: list[Mutant] = []
        for mutant in (
            *mutants(trial.answer),
            *answer_mutants(trial.bundle.rubric, trial.answer),
        ):
            if not (mutant.answers or written(mutant)):
                self._found.given += 1
            elif not self._points_at_stake(mutant):
                self._found.unreached.append(mutant.name)
            elif trial.only in mutant.name:
                tried.append(mutant)
        if trial.only:
            self._found.notes.append(f"Only mutants with {trial.only!r} in their names were tried.")
        self._advance("mutants", len(tried))
        right = self._grade(bounded(trial.bundle, self._alone_s), trial.answer, _MUTANT_SEED)
        if lost := _not_full(right):
            self._found.failures.append(f"in the time of a mutant, the model answer: {lost[0]}")
            return
        base = _checks(right)
        self._found.mutants = self._all([partial(self._judged, one, base) for one in tried])
        for one in self._found.mutants:
            name = one.mutant.name
            if one.failure:
                self._found.failures.append(f"{name}: {one.failure}")
            elif one.survived:
                self._waive(f"survives/{name}")
            if one.spilled:
                self._waive(f"spills/{name}")

    # -- one submission -----------------------------------------------------------------------

    def _judged(self, mutant: Mutant, base: Points) -> Judged:
        reached = self._checks_reached(mutant, self._maybe)
        bundle = bounded(self._trial.bundle, self._alone_s, reached)
        try:
            result = self._grade(bundle, mutant.submission(self._trial.answer), _MUTANT_SEED)
        except SandboxUnavailable:
            raise
        except InternalError as error:
            return Judged(mutant, failure=str(error))
        now = _checks(result)
        unjudged = [key for key, one in now.items() if one.outcome is Outcome.NOT_JUDGED]
        if unjudged:
            return Judged(mutant, failure=f"{unjudged[0]} was not judged")
        less = [key for key, one in now.items() if one.score < base[key].score]
        exercises = {key.partition("/")[0] for key in reached}
        lost = dict.fromkeys(key.partition("/")[0] for key in less)
        gradients = [now[key] for key in less if now[key].kind in _OF_GRADIENTS and key in reached]
        causes = [check.detail.get("cause") for check in gradients]
        cause = next((str(one) for one in causes if one), None)
        return Judged(
            mutant,
            tuple(one for one in lost if one in exercises),
            tuple(one for one in lost if one not in exercises),
            cause,
            of_gradient=bool(gradients),
            own_cause=cause in self._own_causes(),
        )

    def _own_causes(self) -> set[str]:
        """The names of mistakes that the rubric gives itself."""
        return {
            name
            for _, check in specs(self._trial.bundle)
            for name in getattr(check, "near_misses", ())
        }

    def _checks_reached(self, mutant: Mutant, of: Mapping[str, Reached]) -> frozenset[str]:
        if mutant.answers:
            return mutant.answers
        return frozenset(
            key for key, one in of.items() if one.includes(mutant.cell, mutant.definition)
        )

    def _points_at_stake(self, mutant: Mutant) -> bool:
        reached = self._checks_reached(mutant, self._surely)
        return any(
            check.points and kind_of(check) != "manual"
            for key, check in specs(self._trial.bundle)
            if key in reached
        )

    def _grade(self, bundle: Bundle, submission: Submission, seed: int) -> Result:
        def once(one: Submission) -> Result:
            return grade(self._zygote, bundle, one, seed=seed, stop=self._stop)

        return judged(once, submission)

    def _all(self, tasks: Iterable[Callable[[], _Done]]) -> list[_Done]:
        futures = [self._pool.submit(task) for task in tasks]
        for future in futures:
            future.add_done_callback(lambda _: self._advance("", 0))
        return [future.result() for future in futures]

    def _keep_unless_waived(self, problems: list[str], name: str, words: str) -> None:
        if not self._waive(name):
            problems.append(words)

    def _waive(self, name: str) -> bool:
        reason = self._trial.waivers.reasons.get(name)
        if reason is not None:
            self._found.waived[name] = reason
        return reason is not None


_HOLLOW = {"none": "None", "zeros": "zeros"}


def _checks(result: Result) -> dict[str, CheckResult]:
    return {
        f"{exercise.id}/{check.id}": check
        for exercise in result.exercises
        for check in exercise.checks
    }


def _not_full(result: Result) -> list[str]:
    """Where a right submission lost something, in words."""
    found = []
    for key, check in _checks(result).items():
        if check.outcome not in (Outcome.PASSED, Outcome.PENDING):
            why = str(check.detail.get("fault", "")) or check.message
            found.append(f"{key} is {check.outcome.value.replace('_', ' ')}: {why}")
    return found
