"""A session: one sandbox as the worker sees it, a connection to its supervisor.

Requests and replies alternate (docs/protocol.md). What the runner sent is decoded here, with
bounds, and handed on as domain objects; nothing of it is believed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import select
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from grader.domain.evidence import Answer, AnswerStatus
from grader.domain.outcomes import RunStatus
from grader.domain.questions import Probe, Rerun
from grader.domain.results import CellOutput
from grader.domain.rubric import Limits
from grader.errors import SandboxFailed, SandboxUnavailable
from workers.inside import wire
from workers.inside.frames import Closed, FrameError, Kind, pack, receive
from workers.sandbox.evidence import answer_from_wire

# A supervisor that says nothing for this long beyond the limits that it enforces is broken.
_PATIENCE_S = 30.0

_PLAIN = (str, int, float, bool, type(None))  # what most of a request is

CellStarted = Callable[[int], None]


@dataclass(frozen=True)
class Program:
    """What the runner runs, and where it stops, by indices of code cells; -1: before the first."""

    sources: tuple[str, ...]
    names: tuple[str, ...]
    stops: frozenset[int] = frozenset()
    trained_steps: int = 0
    keep: int | None = None
    cell_limit_s: float = 60.0


@dataclass(frozen=True)
class Stopped:
    """The runner waits after code cell `cell`."""

    cell: int
    trained: bool = False
    end: bool = False


@dataclass(frozen=True)
class Ending:
    """How the sandbox ended and what it used, by its supervisor's word."""

    status: RunStatus
    wall_s: float
    cpu_s: float
    peak_memory_bytes: int
    message: str


@dataclass
class Session:
    """One sandbox. Close it, by `close()` or as a context manager: that kills what is in it."""

    sock: socket.socket
    limits: Limits
    layers: tuple[str, ...] = ()
    ending: Ending | None = None
    outputs: dict[int, CellOutput] = field(default_factory=dict)
    cells_run: int = 0
    unfinished: int | None = None  # the cell that runs, or in which it ended
    gpus: int = 0
    in_sequence: bool = False  # probes were answered in the runner itself
    _on_cell: CellStarted | None = None
    _streams: dict[tuple[int, str], list[str]] = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        address: str,
        limits: Limits,
        *,
        files: Mapping[str, bytes],
        seed: int,
        trusted: bool = False,
        gpus: tuple[int, ...] = (),
        accept_missing: frozenset[str] = frozenset(),
        on_cell: CellStarted | None = None,
    ) -> Session:
        """Have the zygote at `address` make a sandbox; raise SandboxUnavailable where it can't."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(_PATIENCE_S)
        try:
            sock.connect(address)
            sock.sendall(
                pack(
                    Kind.OPEN,
                    {
                        "limits": dataclasses.asdict(limits),
                        "files": dict(files),
                        "seed": seed,
                        "accept_missing": sorted(accept_missing),
                        "trusted": trusted,
                        "gpus": list(gpus),
                    },
                )
            )
            session = cls(sock, limits, gpus=len(gpus), _on_cell=on_cell)
            kind, body = session._receive()
            if kind is not Kind.OPENED:
                raise SandboxFailed(session._why_not_opened(kind, body))
            opened = wire.loads(body)
        except (OSError, wire.WireError, FrameError, Closed) as error:
            sock.close()
            raise SandboxUnavailable(f"the sandbox did not open: {error!r}") from error
        except BaseException:
            sock.close()
            raise
        assert isinstance(opened, dict)
        if missing := opened.get("missing"):
            sock.close()
            raise SandboxUnavailable(_missing_words(missing))
        session.layers = tuple(str(layer) for layer in opened["layers"])  # type: ignore[union-attr]
        return session

    def run(self, program: Program) -> Stopped | None:
        """Run to the first stop; None when the sandbox ended before one."""
        body = {
            "cells": [
                {"source": source, "name": name}
                for source, name in zip(program.sources, program.names, strict=True)
            ],
            "stops": sorted(program.stops),
            "trained_steps": program.trained_steps,
            "keep": program.keep,
            "cell_limit_s": program.cell_limit_s,
        }
        return self._until_stop(Kind.RUN, body, self.limits.wall_s)

    def resume(self) -> Stopped | None:
        """Run on to the next stop; None when the sandbox ended before one."""
        return self._until_stop(Kind.RESUME, {}, self.limits.wall_s)

    def ask(self, probes: tuple[Probe, ...]) -> tuple[Answer, ...]:
        """Have probes answered where the run stands; an ended sandbox answers "not run"."""
        limit = sum(probe.limit_s for probe in probes)
        body = {"limit_s": float(limit), "probes": wire.dumps([_plain(one) for one in probes])}
        return self._answers(Kind.ASK, body, limit, len(probes))

    def rerun(self, request: Rerun) -> Answer:
        """Repeat the training cells in a fork under another seed, and probe there."""
        body = {
            "until": request.until,
            "seed": request.seed,
            "limit_s": request.limit_s,
            "probe": _plain(request.probe),
        }
        limit = request.limit_s + request.probe.limit_s
        return self._answers(Kind.RERUN, body, limit, 1)[0]

    def is_open(self) -> bool:
        """Whether the supervisor is there and has said nothing unasked, such as an ending."""
        ready, _, _ = select.select([self.sock], [], [], 0)
        return self.ending is None and not ready

    def close(self) -> Ending:
        """End the sandbox, if it has not ended by itself, and say how it went."""
        try:
            if self.ending is None:
                self._send(Kind.CLOSE, {})
                self.sock.settimeout(_PATIENCE_S)
                while self.ending is None:
                    self._event(*self._receive())
        except (OSError, Closed, FrameError, wire.WireError) as error:
            raise SandboxFailed(f"the supervisor went away: {error!r}") from error
        finally:
            self.sock.close()
        return self.ending

    @property
    def closed(self) -> bool:
        """Whether it was closed here."""
        return self.sock.fileno() < 0

    def abort(self) -> None:
        """From whatever thread: the sandbox ends, and who waits for its answer gets an error."""
        with contextlib.suppress(OSError):  # it is closed already
            self.sock.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc: object) -> None:
        self.sock.close()  # a closed connection kills the sandbox

    def _until_stop(self, kind: Kind, body: object, limit_s: float) -> Stopped | None:
        got = self._request(kind, body, limit_s, Kind.STOPPED)
        if got is None:
            return None
        reply = _dict(got)
        why = reply.get("why")
        cell = reply.get("cell")
        return Stopped(cell if isinstance(cell, int) else -1, why == "trained", why == "end")

    def _answers(self, kind: Kind, body: object, limit_s: float, count: int) -> tuple[Answer, ...]:
        ended_before = self.ending is not None
        got = self._request(kind, body, limit_s, Kind.ANSWERS)
        if got is None:
            assert self.ending is not None
            late = self.ending.status is RunStatus.TIME_LIMIT and not ended_before
            status = AnswerStatus.TIME_LIMIT if late else AnswerStatus.NOT_RUN
            return (Answer(status, {}, self.ending.message),) * count
        reply = _dict(got)
        self.in_sequence |= reply.get("in_sequence") is True
        raw = reply.get("answers")
        items = raw if isinstance(raw, list) else []
        answers = [answer_from_wire(item) for item in items[:count]]
        lacking = Answer(AnswerStatus.MALFORMED, {}, "no answer came")
        return tuple(answers + [lacking] * (count - len(answers)))

    def _request(self, kind: Kind, body: object, limit_s: float, reply: Kind) -> bytes | None:
        """The undecoded body of the reply, or None when the sandbox ended instead."""
        try:
            if self.ending is None:
                self._send(kind, body)
                self.sock.settimeout(limit_s + _PATIENCE_S)
            while self.ending is None:
                got, content = self._receive()
                if got is reply:
                    return content
                self._event(got, content)
        except (OSError, Closed, FrameError, wire.WireError) as error:
            raise SandboxFailed(f"the supervisor went away: {error!r}") from error
        return None

    def _send(self, kind: Kind, body: object) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.sock.sendall(pack(kind, body))  # an ended sandbox has its ENDED frame waiting

    def _receive(self) -> tuple[Kind, bytes]:
        return receive(self.sock)

    def _event(self, kind: Kind, content: bytes) -> None:
        if kind is Kind.ENDED:
            self.ending = _ending(wire.loads(content))
            if self.ending.status is RunStatus.INTERNAL_ERROR:
                raise SandboxFailed(f"the sandbox ended by our fault: {self.ending.message}")
            return
        event = _dict(content)
        cell = event.get("cell")
        if not isinstance(cell, int) or not 0 <= cell < 100_000:
            return
        if kind is Kind.CELL_STARTED:
            self.unfinished = cell
            if self._on_cell is not None:
                self._on_cell(cell)
        elif kind is Kind.CELL_FINISHED:
            self.unfinished = None
            self.cells_run += cell not in self.outputs
            self.outputs[cell] = _cell_output(cell, event)
        elif kind is Kind.STREAM:
            name = "stderr" if event.get("name") == "stderr" else "stdout"
            self._streams.setdefault((cell, name), []).append(str(event.get("text")))

    def cell_outputs(self) -> tuple[CellOutput, ...]:
        """What each code cell wrote, low-level streams included, in the order of the cells."""
        every = {**{cell: CellOutput(index=cell) for cell, _ in self._streams}, **self.outputs}
        for (cell, name), texts in self._streams.items():
            low = {"output_type": "stream", "name": name, "text": "".join(texts)}
            every[cell] = dataclasses.replace(every[cell], outputs=(*every[cell].outputs, low))
        return tuple(out for _, out in sorted(every.items()))

    def _why_not_opened(self, kind: Kind, body: bytes) -> str:
        if kind is Kind.ENDED:
            return f"the sandbox ended while it opened: {_ending(wire.loads(body)).message}"
        return f"the supervisor sent {kind.name} instead of OPENED"


def _plain(probe: Probe) -> dict[str, object]:
    return {
        "kind": probe.kind,
        "payload": _encodable(probe.payload),
        "limit_s": float(probe.limit_s),
    }


def _encodable(value: object) -> object:
    """`value` with numpy arrays as wire arrays, and mappings and tuples as dicts and lists."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, np.ndarray):
        flat = np.ascontiguousarray(value)
        return wire.Array(str(flat.dtype), tuple(value.shape), flat.tobytes())
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple) and not isinstance(value, wire.Array):
        return [_encodable(item) for item in value]
    return value


def _dict(content: bytes) -> dict[str, object]:
    """The runner's frame as a dict; an ill-formed one is as good as empty."""
    try:
        value = wire.loads(content)
    except wire.WireError:
        return {}
    return value if isinstance(value, dict) else {}  # type: ignore[return-value]


def _cell_output(cell: int, event: Mapping[str, object]) -> CellOutput:
    outputs = event.get("outputs")
    error = event.get("error")
    wall = event.get("wall_s")
    return CellOutput(
        index=cell,
        outputs=tuple(one for one in outputs if isinstance(one, dict))
        if isinstance(outputs, list)
        else (),
        error=error[:2000] if isinstance(error, str) else None,
        wall_s=wall if isinstance(wall, float) else 0.0,
    )


def _ending(body: object) -> Ending:
    if not isinstance(body, dict):
        raise SandboxFailed("the supervisor's last word is no report")
    return Ending(
        RunStatus(body["status"]),
        float(body["wall_s"]),
        float(body["cpu_s"]),
        int(body["peak_memory_bytes"]),
        str(body["message"]),
    )


def _missing_words(missing: object) -> str:
    pairs = missing if isinstance(missing, list) else []
    words = "; ".join(f"{pair[0]} ({pair[1]})" for pair in pairs)
    return (
        f"the sandbox lacks {words}. Run `chainrule doctor` for what to do, or accept it by name "
        "with --accept-missing"
    )
