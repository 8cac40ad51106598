"""One sandbox as its supervisor holds it, and the workshop in the zygote that makes them."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import NoReturn

from . import cgroups, confine, cuda, gpus, layers, namespaces, privileges, runner, syscalls, wire
from .frames import Closed, FrameError, Kind, receive, send
from .layers import LayerError
from .meter import Meter, Usage
from .root import Layout, Root
from .shell import Shell

OPEN_S = 20.0  # wall seconds for each step of making a sandbox

_LENGTH = struct.Struct("<H")  # a pipe takes that much in one piece


class SandboxError(Exception):
    """No sandbox can be made; `layer` names what failed."""

    def __init__(self, layer: str, detail: str) -> None:
        super().__init__(detail)
        self.layer = layer


@dataclass
class Sandbox:
    """A running sandbox: the supervisor's end of the runner's socket and streams.

    `exited` becomes readable when the runner, or init, has ended.
    """

    init: int
    sock: socket.socket
    stdout: int
    stderr: int
    exited: int
    layers: tuple[str, ...]
    meter: Meter
    _rusage_cpu_s: float = 0.0
    _final: Usage | None = None

    def usage(self) -> Usage:
        """What it uses now."""
        return self.meter.read()

    def exit_status(self) -> int | None:
        """The runner's wait status as init reports it, None where init could not."""
        try:
            said = os.read(self.exited, 4096)
        except BlockingIOError:
            return None
        return int(said) if said.strip().isdigit() else None

    def kill(self) -> None:
        """End every process of it, and let go of what it held on the host."""
        if self._final is not None:
            return
        os.kill(self.init, signal.SIGKILL)
        # The kernel kills the whole pid namespace before it lets init be waited for.
        _, _, used = os.wait4(self.init, 0)
        self._final = self.meter.close(used.ru_utime + used.ru_stime)
        self.sock.close()
        for fd in (self.stdout, self.stderr, self.exited):
            os.close(fd)

    def final_usage(self) -> Usage:
        """What it used in all; once it has been killed."""
        assert self._final is not None
        return self._final


@dataclass
class Workshop:
    """Made once in the zygote; every supervisor, a fork of it, makes its one sandbox here."""

    shell: Shell
    layout: Layout
    root: Root
    hierarchies: cgroups.Hierarchies
    zygote: int = field(default_factory=os.getpid)

    @classmethod
    def prepare(cls, shell: Shell) -> Workshop:
        """Build the root that all sandboxes share, and find where control groups can be made."""
        layout = Layout.of_runtime()
        return cls(shell, layout, Root.build(layout), cgroups.find())

    def bind_life(self) -> None:
        """In a supervisor: die when the zygote does."""
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self.zygote:
            os._exit(1)

    def clear_after(self, supervisor: int) -> None:
        """Remove what a supervisor that died of something left on the host; raises LayerError."""
        cgroups.remove_named(self._group_name(supervisor), self.hierarchies)

    def make(self, request: Mapping[str, object]) -> Sandbox:
        """The sandbox for an OPEN request; raises SandboxError.

        A layer that cannot be put in place is left out only if the request accepts that.
        """
        try:
            if request["gpus"]:
                return self._with_gpus(request)._make(request)
            return self._make(request)
        except OSError as error:  # no process, descriptor or memory is to be had
            raise SandboxError(layers.PID, f"nothing can be made now: {error}") from error

    def _with_gpus(self, request: Mapping[str, object]) -> Workshop:
        """One whose root has the device nodes that the request names."""
        devices = gpus.nodes(int(number) for number in request["gpus"])  # type: ignore[attr-defined]
        layout = self.layout.with_devices(devices)
        try:
            return replace(self, layout=layout, root=Root.build(layout))
        except LayerError as error:
            raise SandboxError(error.layer, error.detail) from error

    def _make(self, request: Mapping[str, object]) -> Sandbox:
        accepted = {str(name) for name in request["accept_missing"]}  # type: ignore[attr-defined]
        without: set[str] = set()
        while True:
            try:
                return self._made(request, without)
            except LayerError as error:
                if error.layer in without or not layers.may_be_missing(error.layer, accepted):
                    raise SandboxError(error.layer, error.detail) from error
                without.add(error.layer)

    def _made(self, request: Mapping[str, object], without: set[str]) -> Sandbox:
        limits = request["limits"]
        assert isinstance(limits, dict)
        with ExitStack() as undo, ExitStack() as inner_ends:
            meter = Meter(self.hierarchies, self._group_name(os.getpid()), limits)
            undo.callback(meter.close, 0.0)
            ours, theirs = socket.socketpair()
            undo.callback(ours.close)
            inner_ends.callback(theirs.close)
            report, report_in = _pipe(undo, inner_ends)
            out, out_in = _pipe(undo, inner_ends)
            err, err_in = _pipe(undo, inner_ends)
            own_data = privileges.data_bytes()

            def init() -> int:
                inner = _Inner(self, request, without, theirs, report_in, out_in, err_in)
                return inner.init(own_data)

            pid = namespaces.spawn(
                init,
                self.root,
                namespaces.host_ids(os.getpid()),
                doors=meter.doors,
                without=without,
            )
            undo.callback(namespaces.end, pid)
            meter.watch(pid)
            inner_ends.close()
            held = (*self._said(report), *self._said_by_runner(ours), *meter.layers)
            undo.pop_all()
        return Sandbox(pid, ours, out, err, report, held, meter)

    def _said(self, report: int) -> list[str]:
        """The layers that init put in place."""
        told = _told(report)
        said = json.loads(told) if told else {}
        if "failed" in said:
            raise LayerError(*said["failed"])
        if "layers" not in said:
            raise LayerError(layers.PID, "the sandbox's first process died")
        return list(said["layers"])

    def _said_by_runner(self, sock: socket.socket) -> list[str]:
        """The layers that the runner put in place; no student code has run yet."""
        sock.settimeout(OPEN_S)
        try:
            _, body = receive(sock)
        except (OSError, Closed, FrameError) as error:
            raise LayerError(layers.SECCOMP, f"the runner did not start ({error!r})") from error
        said = wire.loads(body)
        assert isinstance(said, dict)
        if failed := said.get("failed"):
            raise LayerError(str(failed[0]), str(failed[1]))  # type: ignore[index]
        return [str(name) for name in said["layers"]]  # type: ignore[union-attr]

    def _group_name(self, supervisor: int) -> str:
        return f"chainrule-{self.zygote}-{supervisor}"


@dataclass
class _Inner:
    """What happens inside: init, and the runner that it forks."""

    workshop: Workshop
    request: Mapping[str, object]
    without: set[str]
    sock: socket.socket
    report: int
    out: int
    err: int

    def init(self, own_data: int) -> int:
        """Confine, lay out the files, fork the runner, wait for it and for orphans."""
        limits = self.request["limits"]
        assert isinstance(limits, dict)
        keep = (2, self.sock.fileno(), self.report, self.out, self.err)
        try:
            held = confine.enter(
                self.workshop.layout,
                limits,
                own_data_bytes=own_data,
                keep_fds=keep,
                without=self.without,
            )
            _lay_out(self.request["files"])  # type: ignore[arg-type]
        except (LayerError, OSError) as error:
            layer = getattr(error, "layer", layers.WORKDIR)
            detail = getattr(error, "detail", str(error))
            _tell(self.report, {"failed": [layer, detail[:1000]]})
            return 1
        _tell(self.report, {"layers": held})
        pid = os.fork()
        if pid == 0:
            self._runner(limits)
        for fd in (self.sock.fileno(), self.out, self.err):
            os.close(fd)
        while True:
            ended, status = os.waitpid(-1, 0)
            if ended == pid:
                with suppress(BrokenPipeError):  # the supervisor died, and this dies with it
                    os.write(self.report, str(status).encode())
                return 0

    def _runner(self, limits: Mapping[str, float]) -> NoReturn:
        code = 1
        try:
            os.close(self.report)
            _make_null(0)
            # Its standard error stays the zygote's until student code can run: for our failures.
            held = confine.lock_down(self.workshop.layout, without=self.without)
            send(self.sock, Kind.OPENED, {"layers": held})
            for fd, target in ((self.out, 1), (self.err, 2)):
                os.dup2(fd, target)
                os.close(fd)
            if devices := self.request["gpus"]:
                cuda.begin(len(devices))  # type: ignore[arg-type]
            code = runner.serve(
                self.sock,
                self.workshop.shell,
                int(self.request["seed"]),  # type: ignore[call-overload]
                trusted=self.request["trusted"] is True,
                owns_namespace=True,
                has_gpus=bool(self.request["gpus"]),
                output_bytes=int(limits["output_bytes"]),
                kept_output_bytes=int(limits["kept_output_bytes"]),
                evidence_bytes=int(limits["evidence_bytes"]),
            )
        except LayerError as error:
            send(self.sock, Kind.OPENED, {"failed": [error.layer, error.detail]})
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)


def _tell(report: int, said: dict[str, object]) -> None:
    """In init: say what stands, or failed, in one piece, with its length before it."""
    body = json.dumps(said).encode()
    os.write(report, _LENGTH.pack(len(body)) + body)


def _told(fd: int) -> bytes:
    """What `_tell` wrote and nothing beyond; cut short where it does not come in time."""
    ready, _, _ = select.select([fd], [], [], OPEN_S)
    head = os.read(fd, _LENGTH.size) if ready else b""
    return os.read(fd, _LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else b""


def _pipe(outer: ExitStack, inner: ExitStack) -> tuple[int, int]:
    """A pipe whose ends to read and to write these two close."""
    reader, writer = os.pipe()
    outer.callback(os.close, reader)
    inner.callback(os.close, writer)
    return reader, writer


def _make_null(target: int) -> None:
    """Make `target` a descriptor of nothing to read, whether it is open or not."""
    nothing = os.open("/dev/null", os.O_RDONLY)
    if nothing != target:
        os.dup2(nothing, target)
        os.close(nothing)


def _lay_out(files: Mapping[str, bytes]) -> None:
    """Put the assignment's files into the working directory; their names are relative."""
    for name, content in files.items():
        if folder := os.path.dirname(name):
            os.makedirs(folder, exist_ok=True)
        with open(name, "xb") as file:
            file.write(content)


SandboxMaker = Callable[[Mapping[str, object]], Sandbox]
