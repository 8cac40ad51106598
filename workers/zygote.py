"""The worker's handle on a zygote: starts it, opens sandboxes, ends it.

One warm zygote per runtime environment. It is a process of the interpreter that the assignment
names and serves a unix socket in a private folder; every connection is one sandbox. Ending this
handle, or the death of this process, ends the zygote and every sandbox of it.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import workers.inside.cgroups as cgroups
import workers.inside.gpus as devices
from grader.domain.rubric import Limits, Runtime
from grader.errors import SandboxUnavailable
from workers.devices import Devices
from workers.inside.layers import LayerError
from workers.references import References
from workers.sandbox.session import CellStarted, Session
from workers.tests_runner.client import TestFiles

_INSIDE = Path(__file__).with_name("inside")
_START_S = 120.0
_CUDA_BYTES, _CUDA_THREADS = 4 << 30, 32  # of the host, for each device of an attempt
_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from inside.zygote import main; main()"

log = logging.getLogger(__name__)


class Zygote:
    """A running zygote; use it as a context manager. Sessions may be opened from any thread."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        accept_missing: frozenset[str] = frozenset(),
        gpus: tuple[int, ...] | Devices = (),
        niceness: int = 0,
        single: bool = False,
    ) -> None:
        """`gpus` are the devices that attempts may have, by the numbers of their nodes.

        Several zygotes that hand out the same ones share a `Devices`. With a `niceness` it and its
        sandboxes yield to what else runs on this machine. For a `single` submission it is ready a
        second sooner, since its memory is not prepared for hundreds of forks.
        """
        self.runtime = runtime
        self.gpus = gpus if isinstance(gpus, Devices) else Devices(gpus)
        self.accept_missing = accept_missing
        self._niceness = niceness
        self._single = single
        self.references = References(self)
        self.tests = TestFiles()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None

    def __enter__(self) -> Zygote:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The zygote's process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs; what it was asked before it died gets an error."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the zygote and wait until it is warm; raise SandboxUnavailable if it is not."""
        if self.runtime.gpu:
            _expect_nodes(self.gpus.numbers)
        self._folder = Path(tempfile.mkdtemp(prefix="chainrule-"))
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        config = {
            "listener": listener.fileno(),
            "preload": list(self.runtime.preload),
            "folder": str(self._folder),
            "niceness": self._niceness,
            "single": self._single,
        }
        python = self.runtime.python or sys.executable
        try:
            listener.bind(str(self._address))
            listener.listen(128)
            self._process = subprocess.Popen(
                [python, "-s", "-P", "-B", "-c", _BOOT, str(_INSIDE.parent), json.dumps(config)],
                stdin=subprocess.PIPE,  # its end tells the zygote that this process is gone
                stdout=subprocess.PIPE,
                env=_environment(self._folder, with_cuda=self.runtime.gpu > 0),
                pass_fds=[listener.fileno()],
                cwd="/",
                start_new_session=True,  # Ctrl-C is for this process to handle
            )
            self._await_ready()
        except OSError as error:
            self.close()
            raise SandboxUnavailable(f"{python} could not be started: {error}") from error
        except BaseException:
            self.close()
            raise
        finally:
            listener.close()

    def open(
        self,
        limits: Limits,
        *,
        files: Mapping[str, bytes],
        seed: int,
        trusted: bool = False,
        gpus: tuple[int, ...] = (),
        on_cell: CellStarted | None = None,
    ) -> Session:
        """A fresh sandbox with `files` in its working directory, and with these devices alone."""
        _expect_nodes(gpus)
        return Session.open(
            str(self._address),
            _with_room_for_cuda(limits, len(gpus)),
            files=files,
            seed=seed,
            trusted=trusted,
            gpus=gpus,
            accept_missing=self.accept_missing,
            on_cell=on_cell,
        )

    def close(self) -> None:
        """End the zygote and whatever it still runs; nothing of it stays on the host."""
        self.references.close()
        self.tests.close()
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.close()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process.stdout.close()
            pid, self._process = self._process.pid, None
            try:
                cgroups.sweep(group_prefix(pid))
            except LayerError as error:  # the next worker that starts removes it
                log.warning("a control group does not go: %s", error.detail)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    @property
    def _address(self) -> Path:
        if self._folder is None:
            raise SandboxUnavailable("the zygote is not running")
        return self._folder / "zygote.sock"

    def _await_ready(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        deadline = time.monotonic() + _START_S
        line = _line_before(self._process.stdout.fileno(), deadline)
        try:
            said = json.loads(line)
        except ValueError:
            raise SandboxUnavailable(
                f"the zygote did not get ready under {self.runtime.python or sys.executable}: it "
                f"needs torch, numpy and IPython there; what it said stands above"
            ) from None
        if error := said.get("error"):
            raise SandboxUnavailable(f"the zygote did not get ready: {error}")


def group_prefix(zygote: int) -> str:
    """The names of a zygote's control groups begin with this."""
    return f"chainrule-{zygote}-"


def _line_before(fd: int, deadline: float) -> bytes:
    import select

    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([fd], [], [], max(0.0, deadline - time.monotonic()))
        piece = os.read(fd, 4096) if ready else b""
        if not piece:
            return line
        line += piece
    return line


def _expect_nodes(gpus: tuple[int, ...]) -> None:
    if missing := devices.missing(gpus):
        raise SandboxUnavailable(
            f"there is no {', no '.join(missing)}: see what `chainrule doctor` says of GPUs"
        )


def _with_room_for_cuda(limits: Limits, count: int) -> Limits:
    """What CUDA itself takes of the host is not the student's to save."""
    if not count:
        return limits
    return replace(
        limits,
        memory_bytes=limits.memory_bytes + count * _CUDA_BYTES,
        processes=limits.processes + count * _CUDA_THREADS,
    )


def _environment(folder: Path, *, with_cuda: bool) -> dict[str, str]:
    """All that the zygote, and so student code, sees of the environment."""
    folder_of_driver = devices.library_path() if with_cuda else ""
    return {
        **(devices.ENVIRONMENT if with_cuda else {}),
        **({"LD_LIBRARY_PATH": folder_of_driver} if folder_of_driver else {}),
        "HOME": "/home/student",
        "USER": "student",
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",  # replays come out the same
        "OMP_NUM_THREADS": "1",
        "OMP_THREAD_LIMIT": "1",  # whatever code asks for: no pool of threads survives a fork
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MPLCONFIGDIR": str(folder / "matplotlib"),
        "IPYTHONDIR": str(folder / "ipython"),
        "TORCHINDUCTOR_CACHE_DIR": "/tmp/torchinductor",
    }
