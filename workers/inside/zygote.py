"""The zygote: a warm process that every sandbox is forked from.

Started by `workers.zygote` under the interpreter that the assignment names, with one argument, a
JSON object: `listener` (the descriptor of a listening unix socket), `preload` (module names),
`niceness` (how far it yields), `single` (whether one submission is all that comes) and `folder`
(its private scratch folder, which it removes in the end). It says one JSON line on stdout when it
is warm, or why it can't be; then every accepted connection is handed to a supervisor. It ends when
its standard input does. It never starts a thread, runs autograd or touches CUDA.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import select
import shutil
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from .sandbox import Workshop

_SHORT_OF_S = 0.1  # between tries to take a connection for which there is no descriptor


def main() -> NoReturn:
    """Warm up, say so, serve until standard input ends."""
    sys.path.remove(sys.argv[1])
    config = json.loads(sys.argv[2])
    try:
        zygote = _warmed(config)
    except Exception as error:
        traceback.print_exc()
        _say({"error": f"{type(error).__name__}: {error}"})
        os._exit(1)
    _say({"ready": True})
    zygote.serve()
    shutil.rmtree(config["folder"], ignore_errors=True)  # also where its worker was killed
    os._exit(0)


def _warmed(config: dict[str, object]) -> _Zygote:
    gc.disable()  # of what it loads nearly all stays: to look through it ever again took 0.4 s
    import torch

    from . import compiler, namespaces, runner, shell, warm  # noqa: F401 - the runner is for the forks
    from .politeness import yield_to_others
    from .sandbox import Workshop

    yield_to_others(int(str(config["niceness"])))
    torch.set_num_threads(1)
    compiler.stand_in()
    warm.load(config["preload"])  # type: ignore[arg-type]
    warm.load_lazy_parts()
    warm.forget_absent_devices()
    prepared = shell.prepare()
    namespaces.enter_user_namespace_if_needed()
    workshop = Workshop.prepare(prepared)
    if config["single"]:
        gc.freeze()
    else:
        warm.settle()
    gc.enable()
    return _Zygote(socket.socket(fileno=int(str(config["listener"]))), workshop)


class _Zygote:
    def __init__(self, listener: socket.socket, workshop: Workshop) -> None:
        self._listener = listener
        self._workshop = workshop
        self._supervisors: set[int] = set()

    def serve(self) -> None:
        """Accept and fork until standard input ends; then end every supervisor."""
        wake, woken = os.pipe()
        for fd in (wake, woken):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        poll = select.poll()
        for fd in (self._listener.fileno(), sys.stdin.fileno(), wake):
            poll.register(fd, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll()}
            if wake in ready:
                os.read(wake, 4096)
                self._reap()
            if sys.stdin.fileno() in ready and not os.read(sys.stdin.fileno(), 4096):
                break
            if self._listener.fileno() in ready:
                self._accept((wake, woken))
        for pid in self._supervisors:
            os.kill(pid, signal.SIGKILL)
        while self._supervisors:
            self._reap(block=True)

    def _accept(self, close: tuple[int, int]) -> None:
        try:
            conn, _ = self._listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                time.sleep(_SHORT_OF_S)  # it waits on, and would be ready again at once
            return  # otherwise it went away again
        with conn:
            try:
                self._supervise(conn, close)
            except OSError:
                traceback.print_exc()  # no process to be had: this one connection is closed

    def _supervise(self, conn: socket.socket, close: tuple[int, int]) -> None:
        from .supervisor import Supervisor

        pid = os.fork()
        if pid:
            self._supervisors.add(pid)
            return
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for fd in close:
                os.close(fd)
            self._listener.close()
            os.close(sys.stdin.fileno())
            self._workshop.bind_life()
            Supervisor(conn, self._workshop.make).serve()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def _reap(self, block: bool = False) -> None:
        while self._supervisors:
            pid, status = os.waitpid(-1, 0 if block else os.WNOHANG)
            if pid == 0:
                return
            self._supervisors.discard(pid)
            if status != 0:
                self._clear_after(pid)

    def _clear_after(self, supervisor: int) -> None:
        from .layers import LayerError

        try:
            self._workshop.clear_after(supervisor)
        except LayerError:
            traceback.print_exc()  # it takes its time to go; the worker sweeps in the end


def _say(message: dict[str, object]) -> None:
    with suppress(BrokenPipeError):  # whoever started it is gone, and standard input tells so
        os.write(1, json.dumps(message).encode() + b"\n")
