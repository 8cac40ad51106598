"""The runner: the process in which a submission's cells run.

It reads frames from its supervisor and speaks docs/protocol.md. Nothing that it says is believed:
student code shares its memory. What it does on its own account is bound at import, so that a
submission that patches modules gets in nobody's way but its own.
"""

from __future__ import annotations

import math
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from . import gpus, probes, wire
from .forks import Outcome, calm_down, in_fork, in_process, in_sequence
from .frames import Closed, FrameError, Kind, receive, send
from .outputs import OutputLog
from .reruns import Keeper
from .restoring import Kept
from .seeds import mix_in, reseed
from .shell import Shell

DONE = 0
CHANNEL_LOST = 3  # the socket to the supervisor broke or carried what is no frame
OUTPUT_LIMIT = 4  # more was written than the run may write
STRAY = 5  # a process that student code forked came back out of its cell

_ANSWERS = 4  # one reply carries at most the evidence of this many answers of the largest size

_INIT = 1
_BEFORE = -1  # in the place of a cell: before the first one
_SPENT = "a re-run has used the state of this sandbox"
_monotonic = time.monotonic
_getpid, _exit, _kill, _listdir = os.getpid, os._exit, os.kill, os.listdir


def serve(
    sock: socket.socket,
    shell: Shell,
    seed: int,
    *,
    trusted: bool = False,
    owns_namespace: bool = False,
    has_gpus: bool = False,
    output_bytes: int = 32 << 20,
    kept_output_bytes: int = 1 << 20,
    evidence_bytes: int = 8 << 20,
) -> int:
    """Serve requests from `sock` until it is closed; return the process's exit status.

    `seed` sets the random streams of the run, and again those of each probe. `trusted` answers
    probes in this process, but for those that change what they look at. `owns_namespace` says that
    every process but init that this one can see is the submission's, and may be stopped while
    probes are answered. With `has_gpus`, CUDA may have been initialised when there is something to
    answer: that happens in this process then, and the state is restored afterwards. Sizes are
    those of `Limits`.
    """
    signal.set_wakeup_fd(-1)
    calm_down()
    runner = _Runner(sock, shell, seed, trusted, owns_namespace, has_gpus, evidence_bytes)
    log = OutputLog(kept_output_bytes, output_bytes)
    log.flood = runner.flooded
    shell.attach(log)
    reseed(seed)
    try:
        while True:
            kind, body = receive(sock)
            request = wire.loads(body)
            assert isinstance(request, dict)
            runner.handle(kind, request)
    except Closed:
        return DONE
    except (OSError, FrameError, wire.WireError):
        return CHANNEL_LOST


def _signal_all(number: int) -> None:
    """Signal every process of this pid namespace but init and this one."""
    with suppress(OSError):  # there is none
        _kill(-1, number)


@dataclass
class _Program:
    cells: list[dict[str, str]]
    stops: frozenset[int]
    trained_steps: int
    keep: int | None
    cell_limit_s: float


@dataclass
class _Runner:
    sock: socket.socket
    shell: Shell
    seed: int
    trusted: bool
    owns_namespace: bool
    has_gpus: bool
    evidence_bytes: int
    _program: _Program = field(default_factory=lambda: _Program([], frozenset(), 0, None, 0.0))
    _next: int = 0
    _keeper: Keeper | None = None
    _stands_at_keep: bool = False  # a re-run can begin in this very process, once
    _why_no_rerun: str = "the state before the training cells was not reached"
    _pid: int = field(default_factory=_getpid)

    def handle(self, kind: Kind, request: dict[str, Any]) -> None:
        """Do what one frame asks for, and reply."""
        if kind is Kind.RUN:
            self._program = _Program(
                cells=request["cells"],
                stops=frozenset(request["stops"]),
                trained_steps=request["trained_steps"],
                keep=request["keep"],
                cell_limit_s=request["cell_limit_s"],
            )
            self._keep_if_due(_BEFORE)
            if _BEFORE in self._program.stops:
                self._send(Kind.STOPPED, {"cell": _BEFORE, "why": "planned"})
            else:
                self._run_on()
        elif kind is Kind.RESUME:
            self._run_on()
        elif kind is Kind.ASK:
            asked: Any = wire.loads(request["probes"])
            with self._alone():
                if self._forks():
                    self._answers([self._answered(probe) for probe in asked])
                else:
                    self._answers(self._answered_in_sequence(asked), in_sequence=True)
        elif kind is Kind.RERUN:
            in_sequence = self._stands_at_keep
            self._answers([self._rerun(request)], in_sequence=in_sequence)
        else:
            raise FrameError(f"a frame of kind {kind.name}")

    def flooded(self) -> None:
        """End the run: it has written more than it may. Called from inside the running cell."""
        if _getpid() != self._pid:
            _exit(STRAY)
        words = "the run wrote more than it may"
        self._finished(self._next, self.shell.log.finish(), words, 0.0, 0)
        _exit(OUTPUT_LIMIT)

    def _run_on(self) -> None:
        """Run to the next stop. The last cell can be one: the end is then a stop of its own."""
        program = self._program
        while self._next < len(program.cells):
            index = self._next
            self._stands_at_keep = False
            trained = self._run_cell(index)
            self._next = index + 1
            if trained or index in program.stops:
                why = "trained" if trained else "planned"
                self._send(Kind.STOPPED, {"cell": index, "why": why})
                return
        self._send(Kind.STOPPED, {"cell": len(program.cells) - 1, "why": "end"})

    def _run_cell(self, index: int) -> bool:
        """Run one cell and report it; whether it trained something."""
        program = self._program
        cell = program.cells[index]
        self._send(Kind.CELL_STARTED, {"cell": index})
        run = self.shell.run_cell(cell["source"], index, cell["name"], program.cell_limit_s)
        if _getpid() != self._pid:
            _exit(STRAY)
        self._finished(index, run.outputs, run.error, run.wall_s, run.steps)
        self._keep_if_due(index)
        return 0 < program.trained_steps <= run.steps

    def _finished(
        self, index: int, outputs: list[Any], error: str | None, wall_s: float, steps: int
    ) -> None:
        body = {
            "cell": index,
            "outputs": outputs,
            "error": error,
            "wall_s": wall_s,
            "steps": steps,
        }
        self._send(Kind.CELL_FINISHED, body)

    def _keep_if_due(self, index: int) -> None:
        if self._program.keep != index:
            return
        if self._forks():
            self._keeper = Keeper(self._repeat, self.evidence_bytes)
        else:
            self._stands_at_keep = True

    def _forks(self) -> bool:
        """Whether a fork of this process can answer."""
        return not self.has_gpus or gpus.forks_work()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While probes are answered, nothing else runs that the submission has started.

        A process forked by an earlier cell could otherwise compute in a probe's stead, unwatched.
        """
        if not (self.owns_namespace and self._has_company()):
            yield
            return
        _signal_all(signal.SIGSTOP)
        try:
            yield
        finally:
            _signal_all(signal.SIGCONT)

    def _has_company(self) -> bool:
        """Whether the sandbox holds more processes than init, this one and the keeper."""
        expected = {_INIT, self._pid, self._keeper.pid if self._keeper else self._pid}
        try:
            return any(name.isdigit() and int(name) not in expected for name in _listdir("/proc"))
        except OSError:
            return True  # it cannot be told

    def _answered(self, probe: dict[str, Any]) -> Outcome:
        def compute() -> bytes:
            return self._evidence(probe)

        if probes.only_looks(probe["kind"], probe["payload"], self.shell.namespace):
            return in_process(lambda: self._found(probe), self.evidence_bytes)
        if self.trusted and probe["kind"] not in probes.CHANGING:
            return in_process(compute, self.evidence_bytes)
        return in_fork(
            compute,
            float(probe["limit_s"]),
            self.evidence_bytes,
            alone=self.owns_namespace,
            threads=self.has_gpus,  # CUDA begins with some
        )

    def _answered_in_sequence(self, asked: list[dict[str, Any]]) -> list[Outcome]:
        """Each in this process, from the state in which the run stands and which it has again."""
        kept = Kept(self.shell.namespace)
        outcomes = []
        for probe in asked:
            try:
                with self.shell.muted():
                    outcomes.append(
                        in_sequence(
                            lambda: self._evidence(probe),  # noqa: B023
                            float(probe["limit_s"]),
                            self.evidence_bytes,
                        )
                    )
            finally:
                kept.restore()
        return outcomes

    def _evidence(self, probe: dict[str, Any]) -> bytes:
        if not self.trusted:
            self.shell.mute()
        reseed(self.seed)
        return self._found(probe)

    def _found(self, probe: dict[str, Any]) -> bytes:
        room = self.evidence_bytes * 3 // 4  # for arrays; the rest is for what names them
        found = probes.answer(probe["kind"], probe["payload"], self.shell.namespace, room)
        return wire.dumps(found, self.evidence_bytes)

    def _rerun(self, request: dict[str, Any]) -> Outcome:
        if self._keeper is not None:
            return self._keeper.rerun(request)
        if self._stands_at_keep:
            return self._rerun_here(request)
        return Outcome("not_run", detail=self._why_no_rerun)

    def _rerun_here(self, request: dict[str, Any]) -> Outcome:
        """In this very process, where no fork could do it: it is of no use afterwards.

        Cells and probe are interrupted when their time is over; the supervisor ends the sandbox
        of code that ignores it.
        """
        self._stands_at_keep, self._why_no_rerun = False, _SPENT
        until = _monotonic() + float(request["limit_s"])
        self._repeat_cells(request, until)
        if _monotonic() > until:
            return Outcome("time_limit", detail="it took too long")
        probe = request["probe"]
        return in_sequence(
            lambda: self._evidence(probe), float(probe["limit_s"]), self.evidence_bytes
        )

    def _repeat(self, request: dict[str, Any]) -> bytes:
        """In a fork of the keeper: the cells after the kept state once more, then the probe."""
        self._repeat_cells(request)
        return self._evidence(request["probe"])

    def _repeat_cells(self, request: dict[str, Any], until: float = math.inf) -> None:
        program = self._program
        assert program.keep is not None
        self.shell.mute()
        reseed(request["seed"])
        mix_in(request["seed"], self.shell.namespace)
        last = min(request["until"], len(program.cells) - 1)
        for index in range(program.keep + 1, last + 1):
            cell = program.cells[index]
            left_s = min(program.cell_limit_s, until - _monotonic())
            self.shell.run_cell(cell["source"], index, cell["name"], left_s)

    def _answers(self, outcomes: list[Outcome], *, in_sequence: bool = False) -> None:
        room = self.evidence_bytes * _ANSWERS
        answers = []
        for outcome in outcomes:
            room -= len(outcome.evidence)
            if room < 0:
                outcome = Outcome("malformed", detail="more evidence than fits one reply")
            answers.append(outcome.as_wire())
        self._send(Kind.ANSWERS, {"answers": answers, "in_sequence": in_sequence})

    def _send(self, kind: Kind, body: object) -> None:
        send(self.sock, kind, body)
