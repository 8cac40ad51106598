"""From a submission to a result: run it, let every check look and ask, keep what they say.

Two sandboxes are open at a time, the submission's and the reference's. Checks are generators
(grader.domain.questions): this module answers what they ask, in the order of the run, and turns
verdicts into points. Judging happens here, in the worker, outside both sandboxes.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np

from grader.checks import KINDS
from grader.checks.base import Context
from grader.domain.evidence import Answer
from grader.domain.outcomes import Outcome, RunStatus
from grader.domain.questions import (
    Ask,
    Judging,
    Look,
    NextLook,
    Probe,
    Received,
    Replies,
    Rerun,
    RunTests,
    Verdict,
)
from grader.domain.results import CellOutput, CheckResult, ExerciseResult, Result, RunReport
from grader.domain.rubric import Bundle, CheckSpec, Exercise, Place, Training
from grader.errors import InternalError, NotASubmission, SandboxUnavailable
from grader.notebooks.names import definitions, place_of, python_source
from grader.notebooks.read import Submission
from grader.notebooks.starter import starter_cells
from workers.afresh import Afresh
from workers.references import Reference
from workers.sandbox.session import CellStarted, Ending, Program, Session, Stopped
from workers.stopping import Stop
from workers.tests_runner.client import TestFiles
from workers.zygote import Zygote

# Wide on purpose: code that is run as text or comes from a module may train as well.
_TRAINS = re.compile(r"backward|step|optim|grad|minimi|train|fit|exec|eval|import|magic")

# Just as wide: code with one of these may bind a name that it does not spell. A method like
# `model.eval` is none of them.
_BINDS_UNSEEN = re.compile(
    r"globals|locals|\bvars\b|setattr|__(?:main|dict|name|import)__|builtins|(?<!\.)\b(?:exec|eval)\b"
    r"|import[\s\\]*\*|magic|ipython|shell|user_ns|load_session|%run\b"
    r"|^[ \t]*(?:[%!]|(?-i:run)[ \t]+[\w./~\"'])",
    re.IGNORECASE | re.MULTILINE,
)

_NOT_ASCII = re.compile(r"[^\x00-\x7f]")

# How many checks have a verdict, of how many, and whether all cells have run.
Judged = Callable[[int, int, bool, Mapping[str, Outcome]], None]

log = logging.getLogger(__name__)


def grade(
    zygote: Zygote,
    bundle: Bundle,
    submission: Submission,
    seed: int | None = None,
    on_cell: CellStarted | None = None,
    on_judged: Judged | None = None,
    stop: Stop | None = None,
    *,
    gpus: tuple[int, ...] | None = None,
) -> Result:
    """Judge one submission against one version of an assignment.

    `seed` is the attempt's secret, from which every input is drawn; the same one gives the same
    result. `on_cell` hears of each code cell as it starts, `on_judged` how many checks of
    how many have a verdict, whether all cells have run, and how exercises came out that are done.
    `gpus` are the devices of the attempt, which nothing else uses meanwhile; by default as many as
    the rubric asks for of the zygote's. Raises InternalError where we failed, and Stopped where
    another thread calls `stop`.
    """
    seed = secrets.randbits(63) if seed is None else seed
    stop = stop or Stop()
    with stop.heeded(), _devices(zygote, bundle.rubric.runtime.gpu, gpus) as own:
        return _graded(zygote, bundle, submission, seed, own, stop, on_cell, on_judged)


def _devices(
    zygote: Zygote, wanted: int, given: tuple[int, ...] | None
) -> AbstractContextManager[tuple[int, ...]]:
    if given is None:
        return zygote.gpus.lend(wanted)
    if len(given) != wanted:
        raise SandboxUnavailable(f"the assignment asks for {wanted} GPUs, and not for {len(given)}")
    return nullcontext(given)


def _graded(
    zygote: Zygote,
    bundle: Bundle,
    submission: Submission,
    seed: int,
    gpus: tuple[int, ...],
    stop: Stop,
    on_cell: CellStarted | None,
    on_judged: Judged | None,
) -> Result:
    opened = partial(
        zygote.open,
        bundle.rubric.limits,
        files=bundle.files,
        seed=_derived(seed, "sandbox"),
        gpus=gpus,
    )

    def sandbox(on_cell: CellStarted | None = None) -> Session:
        session = opened(on_cell=on_cell)
        stop.follow(session)
        return session

    with (
        zygote.references.lend(bundle) as reference,
        sandbox(on_cell=on_cell) as student,
        Afresh(sandbox, once=bool(gpus)) as afresh,
    ):
        attempt = _Attempt(
            bundle, submission, seed, student, reference, zygote.tests, afresh, on_judged
        )
        attempt.run()
        ending = student.close()
        outputs = _with_given(student.cell_outputs(), submission, bundle)
        every = (ending, *afresh.close())
    report = RunReport(
        status=ending.status,
        wall_s=ending.wall_s,
        cpu_s=sum(one.cpu_s for one in every),
        peak_memory_bytes=max(one.peak_memory_bytes for one in every),
        cells_run=student.cells_run,
        cells_failed=sum(out.error is not None for out in outputs),
        layers=student.layers,
        gpus=student.gpus,
        in_sequence=student.in_sequence or afresh.in_sequence,
        message=_ended_in(submission, student.unfinished, ending),
    )
    return Result(
        assignment=bundle.rubric.slug,
        version=bundle.version,
        submission=submission.info,
        run=report,
        exercises=attempt.results(),
        seed=seed,
        outputs=outputs,
    )


def _ended_in(submission: Submission, unfinished: int | None, ending: Ending) -> str:
    """Why the run ended, begun with the cell in which it did; between cells it ends in none."""
    names = [cell.name for cell in submission.cells if cell.kind == "code"]
    if ending.status is RunStatus.COMPLETED or unfinished is None or unfinished >= len(names):
        return ending.message
    return f"{names[unfinished]}: {ending.message}"


def _with_given(
    outputs: tuple[CellOutput, ...], submission: Submission, bundle: Bundle
) -> tuple[CellOutput, ...]:
    """The outputs, those marked that raised in a cell which is the starter's, word for word."""
    if all(out.error is None for out in outputs):
        return outputs
    try:
        given = {cell.source.strip() for cell in starter_cells(bundle) or ()}
    except NotASubmission:  # then no cell can be the starter's
        return outputs
    code = [cell.source.strip() for cell in submission.cells if cell.kind == "code"]
    return tuple(
        replace(out, given=True) if out.error is not None and code[out.index] in given else out
        for out in outputs
    )


def _derived(seed: int, purpose: str) -> int:
    """A seed that tells nothing about `seed`: the student's process may know this one."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:7], "little")


@dataclass
class _Judgement:
    """One check on its way to a verdict."""

    exercise: str
    spec: CheckSpec
    looks: _Looks
    judging: Judging | None = None
    verdict: Verdict | None = None

    @property
    def key(self) -> str:
        return f"{self.exercise}/{self.spec.id}"


@dataclass
class _Looks:
    """Where a check looks in this very submission."""

    cells: frozenset[int]
    trained: bool
    model_from: int = 0  # the first cell that may name what is to be trained
    taken: set[int] = field(default_factory=set)  # after which cells it did look

    def include(self, look: Look, trained: bool) -> bool:
        if look.end or look.cell in self.cells:
            return True
        return self.trained and trained and look.cell >= self.model_from


class _Attempt:
    """The submission's run and its checks, in step."""

    def __init__(
        self,
        bundle: Bundle,
        submission: Submission,
        seed: int,
        student: Session,
        reference: Reference,
        tests: TestFiles,
        afresh: Afresh,
        on_judged: Judged | None,
    ) -> None:
        self._bundle = bundle
        self._seed = seed
        self._student = student
        self._reference = reference
        self._tests = tests
        self._afresh = afresh
        self._on_judged = on_judged
        self._cells = submission.cells
        self._answers = submission.answers
        self._code = tuple(cell for cell in submission.cells if cell.kind == "code")
        self._python = tuple(python_source(cell.source) for cell in self._code)
        self._defined = definitions(self._python)
        self._judgements = list(self._planned())
        self._by_key = {judgement.key: judgement for judgement in self._judgements}
        self._program = self._planned_program()

    def run(self) -> None:
        """Run all cells; at each stop, let the checks that look there judge."""
        # The state before the training can be had again, for the few that need it.
        stopped = self._student.run(replace(self._program, keep=None))
        while stopped is not None and not stopped.end:
            self._look(Look(stopped.cell), stopped.trained)
            stopped = self._student.resume()
        self._tell(last=True)
        self._finish(stopped)

    def results(self) -> tuple[ExerciseResult, ...]:
        return tuple(self._exercise_result(one) for one in self._bundle.rubric.exercises)

    def _planned(self) -> Iterator[_Judgement]:
        for exercise in self._bundle.rubric.exercises:
            for spec in exercise.checks:
                yield _Judgement(exercise.id, spec, self._looks(spec))

    def _looks(self, spec: CheckSpec) -> _Looks:
        kind = KINDS[kind_of(spec)]
        places = spec.look or kind.places(spec)
        found = (self._place(place) for place in places if not place.trained)
        return _Looks(
            frozenset(cell for cell in found if cell is not None),
            any(place.trained for place in places),
            model_from=0 if kind.model is None else self._first_that_may_bind(kind.model(spec)),
        )

    def _first_that_may_bind(self, name: str) -> int:
        """By its text, since functions and code that is run as text bind names as well."""
        word = re.compile(rf"\b{re.escape(name)}\b")
        for index, (text, binds_unseen) in enumerate(self._texts):
            if binds_unseen or word.search(text):
                return index
        return 0

    @cached_property
    def _texts(self) -> list[tuple[str, bool]]:
        """Each cell's text as Python reads identifiers; whether it may bind names unseen."""
        return [_as_read(cell.source) for cell in self._code]

    def _place(self, place: Place) -> int | None:
        return place_of(place, self._code, self._defined)

    def _planned_program(self) -> Program:
        training = self._bundle.rubric.training
        keep = self._state_to_keep(training) if training is not None else None
        stops = frozenset().union(*(one.looks.cells for one in self._judgements))
        return Program(
            sources=tuple(cell.source for cell in self._code),
            names=tuple(cell.name for cell in self._code),
            stops=stops,
            trained_steps=training.steps if training else 0,
            keep=keep,
            cell_limit_s=self._bundle.rubric.limits.cell_s,
        )

    def _state_to_keep(self, training: Training) -> int | None:
        """After which cell re-runs begin: before the first of the training cells.

        None where no cell from there on could train anything.
        """
        start = self._place(training.start) or 0
        later = self._code[start:]
        return start - 1 if any(_TRAINS.search(cell.source) for cell in later) else None

    def _look(self, look: Look, trained: bool) -> None:
        for judgement in self._judgements:
            if judgement.verdict is None and judgement.looks.include(look, trained):
                judgement.looks.taken.add(look.cell)
                self._advance(judgement, look)
                self._tell(last=False)

    def _finish(self, stopped: Stopped | None) -> None:
        """The last look: whatever has no verdict yet comes to one."""
        last = Look(len(self._code) - 1, end=True, last=True, alive=stopped is not None)
        waiting = [one for one in self._judgements if one.verdict is None]
        while waiting:
            ready = [one for one in waiting if self._dependencies_decided(one)]
            for judgement in ready:
                self._advance(judgement, last)
                while judgement.verdict is None:  # it asked for a look beyond the last
                    self._step(judgement, None)
                self._tell(last=True)
            waiting = [one for one in waiting if one.verdict is None]

    def _tell(self, *, last: bool) -> None:
        if self._on_judged is not None:
            done = sum(one.verdict is not None for one in self._judgements)
            self._on_judged(done, len(self._judgements), last, dict(self._came_out()))

    def _came_out(self) -> Iterator[tuple[str, Outcome]]:
        """The exercises of which each check has a verdict, and how they came out."""
        for exercise in self._bundle.rubric.exercises:
            checks = [self._by_key[f"{exercise.id}/{spec.id}"] for spec in exercise.checks]
            if all(one.verdict is not None for one in checks):
                yield exercise.id, self._exercise_result(exercise).outcome

    def _dependencies(self, judgement: _Judgement) -> Iterator[_Judgement]:
        for name in judgement.spec.depends_on:
            yield self._by_key[name if "/" in name else f"{judgement.exercise}/{name}"]

    def _dependencies_decided(self, judgement: _Judgement) -> bool:
        return all(one.verdict is not None for one in self._dependencies(judgement))

    def _advance(self, judgement: _Judgement, look: Look) -> None:
        if not self._dependencies_decided(judgement):
            return  # it gets its turn at a later look, at the end at the latest
        for needed in self._dependencies(judgement):
            assert needed.verdict is not None
            if needed.verdict.outcome is not Outcome.PASSED:
                judgement.verdict = _skipped(needed)
                return
        if judgement.judging is None:
            spec = judgement.spec
            context = Context(
                look=look,
                rng=np.random.default_rng(_derived(self._seed, judgement.key)),
                cells=self._cells,
                code=self._python,
                answers=self._answers,
            )
            judgement.judging = KINDS[kind_of(spec)].judge(spec, context)
            self._step(judgement, None)
        else:
            self._step(judgement, look)

    def _step(self, judgement: _Judgement, sent: Look | None) -> None:
        """Drive a check until it waits for another look or has its verdict."""
        assert judgement.judging is not None
        reply: Received = sent
        try:
            while True:
                step = judgement.judging.send(reply)
                if isinstance(step, NextLook):
                    return
                if isinstance(step, RunTests):
                    reply = self._tests.run(step, self._bundle.tests, self._replies)
                else:
                    reply = self._replies(step)
        except StopIteration as done:
            judgement.verdict = done.value
        except InternalError:
            raise
        except Exception:
            # A check that fails is our failure, whatever the student's evidence was.
            log.exception("the check %s failed", judgement.key)
            judgement.verdict = _not_judged()

    def _replies(self, ask: Ask) -> Replies:
        # The reference goes first: where it fails, the submission need not be asked.
        reference = self._reference.ask(ask.reference) if ask.reference else ()
        student: list[Answer] = []
        pending: list[Probe] = []
        for question in ask.student:
            if isinstance(question, Probe):
                pending.append(question)
                continue
            student += self._student.ask(tuple(pending)) if pending else ()
            pending = []
            student.append(self._rerun(question))
        student += self._student.ask(tuple(pending)) if pending else ()
        return Replies(tuple(student), reference)

    def _rerun(self, question: Rerun) -> Answer:
        if self._program.keep is not None and self._student.ending is None:
            return self._afresh.rerun(question, self._program)
        return self._student.rerun(question)

    def _exercise_result(self, exercise: Exercise) -> ExerciseResult:
        checks = [self._by_key[f"{exercise.id}/{spec.id}"] for spec in exercise.checks]
        return ExerciseResult(
            id=exercise.id,
            title=exercise.title,
            checks=tuple(_check_result(judgement) for judgement in checks),
            cells=tuple(sorted(set().union(*(one.looks.taken for one in checks)))),
        )


def _as_read(text: str) -> tuple[str, bool]:
    """A cell's text with letters as Python reads them; whether it may bind names unseen.

    A letter at a time: normalising long rows of combining marks takes the square of their length.
    """
    has_marks = False
    if not text.isascii():
        has_marks = any(map(unicodedata.combining, text))
        text = _NOT_ASCII.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    return text, has_marks or _BINDS_UNSEEN.search(text) is not None


def kind_of(spec: CheckSpec) -> str:
    """The `kind` of a check, which each kind's own spec class declares."""
    kind: str = spec.kind  # type: ignore[attr-defined]
    return kind


def _check_result(judgement: _Judgement) -> CheckResult:
    verdict, spec = judgement.verdict, judgement.spec
    assert verdict is not None
    if verdict.outcome is Outcome.PARTIAL and not spec.partial:
        verdict = replace(verdict, outcome=Outcome.FAILED, fraction=0.0)
    detail = dict(verdict.detail)
    if verdict.cause is not None:
        detail["cause"] = verdict.cause
    return CheckResult(
        id=spec.id,
        kind=kind_of(spec),
        outcome=verdict.outcome,
        score=round(spec.points * min(1.0, max(0.0, verdict.fraction)), 6),
        max_score=spec.points,
        message=verdict.message,
        hint=verdict.hint,
        detail=detail,
        title=spec.title,
        visibility=spec.visibility,
        exhibits=verdict.exhibits if spec.exhibits else (),
    )


def _skipped(needed: _Judgement) -> Verdict:
    title = needed.spec.title or needed.spec.id
    return Verdict(Outcome.SKIPPED, 0.0, f"Not looked at, because “{title}” did not pass.")


def _not_judged() -> Verdict:
    return Verdict(
        Outcome.NOT_JUDGED, 0.0, "This could not be judged through a fault of ours, not yours."
    )
