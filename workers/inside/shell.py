"""The shell in which a submission's cells run: one after the other, each within its time.

`prepare` builds it once, in the warm zygote; every run has a fork of it. It starts no thread,
opens no database, reads no configuration and draws no colours.
"""

from __future__ import annotations

import importlib.util
import linecache
import os
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from . import failures, figures, interactive, losses, stubs, watch
from .outputs import OutputLog
from .streams import CapturedText

_INLINE = "module://matplotlib_inline.backend_inline"
_AGAIN_S = 1.0  # an interrupt that the code swallowed is repeated after this long

# Run once in the zygote: what these import and compute lazily is then there for every fork. None
# of it may start a thread, an event loop or autograd.
_WARM_UP = (
    "x = 1",
    "print('x'); x",
    "%time x",
    "%%time\nx",
    "%timeit x",
    "%%capture\nx",
    "1 / 0",
    "x = = 1",
    "len?",
    "!true",
    "import asyncio",
    "from IPython.display import HTML, display; display(HTML('x'))",
    "import warnings; warnings.warn('x')",
)
_WARM_UP_FIGURE = (
    "%matplotlib inline",
    "import matplotlib.pyplot as plt; plt.plot([1, 2], label='x'); plt.legend(); plt.title('x')",
    "plt.imshow([[1, 2], [3, 4]]); plt.scatter([1], [2]); plt.show()",
    "import matplotlib.mathtext",
    # Open fonts would share their place in the file between forks.
    "import gc, matplotlib.font_manager as fm; fm._get_font.cache_clear(); gc.collect()",
)

_monotonic = time.monotonic
_setitimer, _signal = signal.setitimer, signal.signal


class CellTimeout(KeyboardInterrupt):
    """The cell has run for longer than a cell may."""

    __module__ = "builtins"  # tracebacks give its bare name


@dataclass(frozen=True)
class CellRun:
    """How a cell went: nbformat v4 outputs, and the exception that ended it."""

    outputs: list[dict[str, object]]
    error: str | None
    wall_s: float
    steps: int  # backward passes or optimiser steps


class Shell:
    """Runs cells and collects what they write."""

    def __init__(self) -> None:
        self._ipython: Any = interactive.make()
        self._limit_s = 0.0
        self._armed = False

    @property
    def namespace(self) -> dict[str, Any]:
        """The globals of the cells."""
        namespace: dict[str, Any] = self._ipython.user_ns
        return namespace

    @property
    def log(self) -> OutputLog:
        """Where outputs go."""
        log: OutputLog = self._ipython.cell_log
        return log

    def attach(self, log: OutputLog) -> None:
        """Collect into `log` what is written from here on; modules are found in this folder."""
        self._ipython.cell_log = log
        sys.stdout = CapturedText("stdout", 1, lambda text: self.log.write("stdout", text))
        sys.stderr = CapturedText("stderr", 2, lambda text: self.log.write("stderr", text))
        stubs.install(self._ipython.say, os.getcwd())
        sys.path.insert(0, "")

    def run_cell(self, source: str, index: int, name: str, limit_s: float) -> CellRun:
        """Run one cell for at most `limit_s` seconds; nothing that it does is raised here."""
        before, started = watch.steps(), _monotonic()
        error: BaseException | None = None
        try:
            with self._limited(limit_s):
                self._ipython.compile.name_next(index, name)
                figures.begin_cell(index)
                losses.begin_cell(index)
                result = self._ipython.run_cell(source, store_history=True)
                figures.end_cell()
                error = result.error_before_exec or result.error_in_exec
        except BaseException as escaped:  # an interrupt while the cell's own code did not run
            error = escaped
            self.log.error(failures.output(escaped))
        losses.end_cell()
        return CellRun(
            outputs=self.log.finish(),
            error=None if error is None else failures.summary(error),
            wall_s=_monotonic() - started,
            steps=watch.steps() - before,
        )

    def mute(self) -> None:
        """Keep nothing that is written from here on."""
        self.log.flood = None
        self.log.mute()

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Keep nothing that is written or drawn meanwhile."""
        log = self.log
        self._ipython.cell_log = OutputLog(0, sys.maxsize)
        try:
            with figures.unrecorded():
                yield
        finally:
            self._ipython.cell_log = log

    @contextmanager
    def _limited(self, limit_s: float) -> Iterator[None]:
        self._limit_s = limit_s
        _signal(signal.SIGALRM, self._on_alarm)
        try:
            self._armed = True
            _setitimer(signal.ITIMER_REAL, max(limit_s, 0.001), _AGAIN_S)
            yield
        finally:
            self._armed = False
            _setitimer(signal.ITIMER_REAL, 0)

    def _on_alarm(self, number: int, frame: FrameType | None) -> None:
        if self._armed:
            raise CellTimeout(f"the cell ran for more than {self._limit_s:g} s")

    def _warm_up(self) -> None:
        plots = _WARM_UP_FIGURE if importlib.util.find_spec("matplotlib") else ()
        for index, source in enumerate((*_WARM_UP, *plots)):
            self.run_cell(source, index, f"warm-up {index}", 60.0)
        self._ipython.magics_manager.load_all_lazy_magics()
        self._ipython.reset(new_session=True)
        self._ipython.compile = self._ipython.compiler_class()
        failures.forget_cells()
        linecache.clearcache()


def prepare() -> Shell:
    """Build the shell and warm what a first cell needs; call once, before the first fork."""
    os.environ.setdefault("MPLBACKEND", _INLINE)
    watch.install()
    warnings.filterwarnings("ignore", message="To exit: use")  # exit() only ends its cell here
    stdout, stderr, alarm = sys.stdout, sys.stderr, signal.getsignal(signal.SIGALRM)
    shell = Shell()
    sys.stdout = CapturedText("stdout", 1, lambda text: shell.log.write("stdout", text))
    sys.stderr = CapturedText("stderr", 2, lambda text: shell.log.write("stderr", text))
    try:
        shell._warm_up()
        figures.install()
    finally:
        sys.stdout, sys.stderr = stdout, stderr
        signal.signal(signal.SIGALRM, alarm)
    return shell
