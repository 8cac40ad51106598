"""The supervisor: outside the student's reach, one for each sandbox.

Forked from the zygote for a connection, it makes the sandbox, relays frames between the worker
and the runner, enforces the limits, and in the end kills the whole pid namespace and says how the
run ended. It never runs student code and believes nothing of what the runner sends: it checks
length and kind of a frame and leaves its body alone. When it dies itself, the kernel kills the
sandbox (parent-death signal of init).
"""

from __future__ import annotations

import codecs
import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from . import runner, wire
from .frames import Closed, FrameError, Framer, Kind, framed, pack, receive
from .meter import Usage
from .sandbox import OPEN_S, Sandbox, SandboxError, SandboxMaker

_GRACE_S = 2.0  # beyond a probe's own limit, which the runner enforces
_ANSWERING = 6  # probes and re-runs together may take this many times as long as the cells
_POLL_S = 0.1  # how often limits are looked at while the kernel does not enforce them for us
_LAST_WORD_S = 1.0  # from the end of the runner's socket to init's word on how it ended
_CHUNK = 1 << 16
_UTF_8 = codecs.getincrementaldecoder("utf-8")
_BACKLOG = 32 << 20  # bytes that may wait for a slow worker before the runner is not read

_REPLY_TO = {
    Kind.RUN: Kind.STOPPED,
    Kind.RESUME: Kind.STOPPED,
    Kind.ASK: Kind.ANSWERS,
    Kind.RERUN: Kind.ANSWERS,
}
_EVENTS = {Kind.CELL_STARTED, Kind.CELL_FINISHED}


@dataclass
class _End:
    """Why the run ended; the first reason counts."""

    status: str
    message: str


@dataclass
class _Clock:
    """Wall time of cells, and the time by which the runner owes a reply."""

    budget_s: float
    used_s: float = 0.0
    answering_s: float = 0.0
    started: float | None = None
    deadline: float | None = None
    in_cells: bool = False

    @property
    def in_all_s(self) -> float:
        """Seconds of answering, those of the reply that is due included."""
        running = 0.0 if self.started is None else time.monotonic() - self.started
        return self.answering_s + running * (not self.in_cells)

    def start(self, kind: Kind, allowance_s: float) -> None:
        now = time.monotonic()
        self.in_cells = kind in (Kind.RUN, Kind.RESUME)
        left = self.budget_s - self.used_s
        if not self.in_cells:
            left = min(allowance_s + _GRACE_S, _ANSWERING * self.budget_s - self.answering_s)
        self.started, self.deadline = now, now + left

    def stop(self) -> None:
        if self.started is not None:
            took = time.monotonic() - self.started
            self.used_s += took * self.in_cells
            self.answering_s += took * (not self.in_cells)
        self.started = self.deadline = None


@dataclass
class _Streams:
    """What arrives on descriptors 1 and 2: kept up to a bound, counted beyond it."""

    limit: int
    keep: int
    total: int = 0
    kept: int = 0
    cell: int = 0
    letters: dict[str, codecs.IncrementalDecoder] = field(
        default_factory=lambda: {name: _UTF_8("replace") for name in ("stdout", "stderr")}
    )

    def frame(self, name: str, data: bytes) -> bytes | None:
        self.total += len(data)
        room = min(len(data), self.keep - self.kept)
        if room <= 0:
            return None
        self.kept += room
        text = self.letters[name].decode(data[:room])  # one may come in two reads
        return pack(Kind.STREAM, {"cell": self.cell, "name": name, "text": text})


@dataclass
class Supervisor:
    """Serves one connection; `serve` returns when nothing of the sandbox is left."""

    conn: socket.socket
    make_sandbox: SandboxMaker
    _sandbox: Sandbox | None = None
    _end: _End | None = None
    _at_end: bool = False  # the runner said that all cells have run
    _closing: bool = False
    _cells: int = 0
    _progress: dict[Kind, int] = field(default_factory=dict)  # the last cell that each kind told of
    _due: Kind | None = None  # the reply that the runner owes
    _channel_gone: bool = False  # the runner closed its socket, by ending or on purpose
    _event_bytes: int = 0  # what the runner sent without having been asked
    _to_worker: bytearray = field(default_factory=bytearray)
    _to_runner: bytearray = field(default_factory=bytearray)

    def serve(self) -> None:
        """Make the sandbox, relay until an end, clear up, report."""
        started = time.monotonic()
        try:
            opened = self._opened()
            if opened is None:
                return
            limits = opened["limits"]
            assert isinstance(limits, dict)
            self._limits: Mapping[str, float] = limits
            self._event_limit = 4 * int(limits["kept_output_bytes"]) + (8 << 20)
            self._clock = _Clock(budget_s=float(limits["wall_s"]))
            self._streams = _Streams(int(limits["output_bytes"]), int(limits["kept_output_bytes"]))
            assert self._sandbox is not None
            self._relay(self._sandbox)
        finally:
            if self._sandbox is not None:
                self._sandbox.kill()
        self._report(self._sandbox, started)

    def _opened(self) -> dict[str, object] | None:
        """The request, once its sandbox stands; None where there is none, or nobody to tell."""
        try:
            return self._open()
        except (Closed, FrameError, wire.WireError, OSError):
            return None  # the worker is gone or talks something else

    def _open(self) -> dict[str, object] | None:
        self.conn.settimeout(OPEN_S)
        kind, body = receive(self.conn)
        request = wire.loads(body)
        if kind is not Kind.OPEN or not isinstance(request, dict):
            raise FrameError("the first frame is not OPEN")
        try:
            self._sandbox = self.make_sandbox(request)
        except SandboxError as error:
            self.conn.sendall(pack(Kind.OPENED, {"missing": [[error.layer, str(error)]]}))
            return None
        self.conn.sendall(pack(Kind.OPENED, {"layers": list(self._sandbox.layers)}))
        return request  # type: ignore[return-value]

    def _relay(self, sandbox: Sandbox) -> None:
        self.conn.setblocking(False)
        sandbox.sock.setblocking(False)
        from_worker = Framer()
        largest = max(int(self._limits["evidence_bytes"]), int(self._limits["kept_output_bytes"]))
        from_runner = Framer(largest * 4 + (8 << 20))
        poll = select.poll()
        conn, inner = self.conn.fileno(), sandbox.sock.fileno()
        streams = {sandbox.stdout: "stdout", sandbox.stderr: "stderr"}
        for fd in (*streams, sandbox.exited):
            os.set_blocking(fd, False)
            poll.register(fd, select.POLLIN)
        next_look = 0.0
        while self._end is None and not self._closing:
            room = len(self._to_worker) < _BACKLOG
            poll.register(conn, select.POLLIN | (select.POLLOUT if self._to_worker else 0))
            if not self._channel_gone:
                wanted = (select.POLLIN if room else 0) | (select.POLLOUT * bool(self._to_runner))
                poll.register(inner, wanted)
            # The socket first: it says which cell has started, so whose output the streams hold.
            for fd, event in sorted(poll.poll(self._timeout_ms()), key=lambda one: one[0] != inner):
                if fd == conn:
                    self._worker_ready(event, from_worker)
                elif fd == inner:
                    self._runner_ready(event, sandbox, from_runner, poll)
                elif fd in streams:
                    self._stream_ready(fd, streams[fd], poll)
                else:
                    self._runner_exited(sandbox, from_runner)
            now = time.monotonic()
            if self._clock.deadline is not None and now > self._clock.deadline:
                if self._channel_gone:
                    self._runner_exited(sandbox, from_runner)
                else:
                    self._ended("time_limit", self._time_words())
            if now >= next_look:
                next_look = now + _POLL_S
                self._look_at(sandbox.usage())

    def _timeout_ms(self) -> float:
        if self._clock.deadline is None:
            return _POLL_S * 1000
        left = self._clock.deadline - time.monotonic()
        return max(0.0, min(_POLL_S, left)) * 1000 + 1

    def _worker_ready(self, event: int, framer: Framer) -> None:
        if event & select.POLLOUT and self._to_worker:
            try:
                del self._to_worker[: self.conn.send(self._to_worker)]
            except OSError:
                self._closing = True
                return
        if event & (select.POLLIN | select.POLLHUP | select.POLLERR):
            data = _recv(self.conn)
            if data is None:
                return
            if not data:
                self._closing = True  # the worker went away: its sandbox goes with it
                return
            for kind, body in framer.feed(data):
                self._from_worker(kind, body)

    def _from_worker(self, kind: Kind, body: bytes) -> None:
        if kind is Kind.CLOSE:
            self._closing = True
            return
        if kind not in _REPLY_TO:
            raise FrameError(f"the worker sent {kind.name}")
        self._due = _REPLY_TO[kind]
        if kind is Kind.RUN:
            self._cells = _cell_count(body)
        self._clock.start(kind, _allowance_s(kind, body))
        self._to_runner += framed(kind, body)

    def _runner_ready(
        self, event: int, sandbox: Sandbox, framer: Framer, poll: select.poll
    ) -> None:
        if event & select.POLLOUT and self._to_runner:
            try:
                del self._to_runner[: sandbox.sock.send(self._to_runner)]
            except OSError:
                self._to_runner.clear()  # its end is closed; its exit tells why
        if event & (select.POLLIN | select.POLLHUP):
            data = _recv(sandbox.sock)
            if data is None:
                return
            if data:
                self._from_runner(data, framer)
                return
            poll.unregister(sandbox.sock)
            self._channel_gone = True
            # Most likely it has ended: init says how in a moment.
            self._clock.deadline = time.monotonic() + _LAST_WORD_S

    def _from_runner(self, data: bytes, framer: Framer) -> None:
        try:
            for kind, body in framer.feed(data):
                if kind not in _EVENTS and kind is not self._due:
                    raise FrameError(f"a frame of kind {kind.name} that was not due")
                self._take(kind, body)
        except (FrameError, wire.WireError) as error:
            self._ended(
                "policy_violation",
                f"the process wrote to the grader's own channel ({error})",
            )

    def _take(self, kind: Kind, body: bytes) -> None:
        if kind is self._due:
            self._due = None
            self._clock.stop()
        else:
            self._event_bytes += len(body)
            if self._event_bytes > self._event_limit:
                raise FrameError("more output than the runner keeps")
        if kind is not Kind.ANSWERS:
            self._take_progress(kind, wire.loads(body))
        self._to_worker += framed(kind, body)

    def _take_progress(self, kind: Kind, said: object) -> None:
        """Cells start, finish and are stopped after in their order, each at most once.

        A stop before the first one comes first of all.
        """
        cell = said.get("cell") if isinstance(said, dict) else None
        if not isinstance(said, dict) or type(cell) is not int or not cell < self._cells:
            raise FrameError("progress of a cell that there is not")
        if kind is Kind.STOPPED and said.get("why") == "end":
            if self._at_end:
                raise FrameError("a second end")
            self._at_end = True
        elif cell <= self._progress.get(kind, -2 if kind is Kind.STOPPED else -1):
            raise FrameError("progress that was told before")
        self._progress[kind] = cell
        if kind is Kind.CELL_STARTED:
            self._streams.cell = cell

    def _stream_ready(self, fd: int, name: str, poll: select.poll) -> None:
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return
        if not data:
            poll.unregister(fd)  # closed on purpose; whatever else is written there is lost
            return
        frame = self._streams.frame(name, data)
        if frame is not None:
            self._to_worker += frame
        if self._streams.total > self._streams.limit:
            self._ended("output_limit", self._output_words())

    def _look_at(self, usage: Usage) -> None:
        # Where the kernel holds a limit it kills or refuses by itself, and the run may go on.
        if usage.memory_bytes > self._limits["memory_bytes"]:
            self._ended("memory_limit", self._memory_words())
        if usage.cpu_s > self._limits["cpu_s"]:
            self._ended("time_limit", self._cpu_words())
        if usage.tasks > self._limits["processes"] + 1:  # and init
            self._ended(
                "policy_violation",
                f"it had more than {int(self._limits['processes'])} processes and threads",
            )

    def _runner_exited(self, sandbox: Sandbox, framer: Framer) -> None:
        """The runner is gone: take what it sent before, then say how it went."""
        while data := _recv(sandbox.sock):
            self._from_runner(data, framer)
        status = sandbox.exit_status()
        if self._at_end:
            self._ended("completed", "")
        elif status is None:
            self._ended("student_error", "the process closed the grader's own channel")
        elif os.WIFEXITED(status) and os.WEXITSTATUS(status) == runner.OUTPUT_LIMIT:
            self._ended("output_limit", self._output_words())
        elif os.WIFSIGNALED(status):
            self._ended(*self._killed_words(os.WTERMSIG(status), sandbox))
        else:
            self._ended(
                "student_error",
                f"the process ended itself with exit status {os.WEXITSTATUS(status)}",
            )

    def _killed_words(self, number: int, sandbox: Sandbox) -> tuple[str, str]:
        if number == signal.SIGSYS:
            return "policy_violation", "it made a system call that no coursework needs"
        if number == signal.SIGKILL:
            usage = sandbox.usage()
            if usage.out_of_memory:
                return "memory_limit", self._memory_words()
            if usage.host_out_of_memory:
                return "internal_error", "the machine ran out of memory"
        if number == signal.SIGXCPU:
            return "time_limit", self._cpu_words()
        return "student_error", f"the process was ended by {signal.Signals(number).name}"

    def _time_words(self) -> str:
        if self._clock.in_cells:
            return f"all cells together ran for more than {self._limits['wall_s']:g} s"
        if self._clock.in_all_s >= _ANSWERING * self._clock.budget_s:
            return f"its answers took more than {_ANSWERING * self._clock.budget_s:g} s in all"
        return "it did not answer in time"

    def _output_words(self) -> str:
        return f"it wrote more than {_bytes(self._streams.limit)}"

    def _cpu_words(self) -> str:
        return f"it used more than {self._limits['cpu_s']:g} s of CPU time"

    def _memory_words(self) -> str:
        return f"it needed more than {_bytes(int(self._limits['memory_bytes']))} of memory"

    def _ended(self, status: str, message: str) -> None:
        if self._end is None:
            self._end = _End(status, message)

    def _report(self, sandbox: Sandbox, started: float) -> None:
        self._clock.stop()
        end = self._end or _End("completed", "")
        usage = sandbox.final_usage()
        ended = pack(
            Kind.ENDED,
            {
                "status": end.status,
                "wall_s": self._clock.used_s,
                "cpu_s": usage.cpu_s,
                "peak_memory_bytes": usage.peak_memory_bytes,
                "message": end.message,
            },
        )
        self.conn.settimeout(OPEN_S)
        with contextlib.suppress(OSError):  # the worker went away: nobody to tell
            self.conn.sendall(bytes(self._to_worker) + ended)


def _recv(sock: socket.socket) -> bytes | None:
    """What there is to read, b"" at the end of the stream, None when there is nothing yet."""
    try:
        return sock.recv(_CHUNK * 4)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _cell_count(body: bytes) -> int:
    request = wire.loads(body)
    assert isinstance(request, dict)
    cells = request["cells"]
    assert isinstance(cells, list)
    return len(cells)


def _allowance_s(kind: Kind, body: bytes) -> float:
    """What an ASK or RERUN may take; the worker's word is trusted."""
    if kind not in (Kind.ASK, Kind.RERUN):
        return 0.0
    request = wire.loads(body)
    assert isinstance(request, dict)
    if kind is Kind.ASK:
        return float(request["limit_s"])  # type: ignore[arg-type]
    return float(request["limit_s"]) + float(request["probe"]["limit_s"])  # type: ignore


def _bytes(count: int) -> str:
    return f"{count / (1 << 20):g} MiB"
