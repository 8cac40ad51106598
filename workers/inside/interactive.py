"""IPython without a front end: outputs go to an `OutputLog`, and nothing touches the disk."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import Any

from IPython.core.autocall import ExitAutocall
from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.text import LSString, SList
from traitlets import Type, default
from traitlets.config import Config

from . import failures, stubs
from .outputs import OutputLog


def make() -> Interactive:
    """The process's IPython shell; student code finds it as `get_ipython()`."""
    config = Config()
    config.HistoryManager.enabled = False
    config.HistoryManager.hist_file = ":memory:"
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.display_page = True
    config.IPCompleter.use_jedi = False
    shell: Interactive = Interactive.instance(config=config)
    return shell


class CellCompiler(CachingCompiler):
    """Compiles each cell under the name that its notebook gives it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "<cell>"
        self._names: dict[int, str] = {}

    def name_next(self, index: int, name: str) -> None:
        """Compile what follows as cell `index`, named `name`; equal names are told apart."""
        if index not in self._names:
            wanted = f"<{name[:100]}>"
            taken = wanted in self._names.values()
            self._names[index] = f"<{name[:100]} #{index}>" if taken else wanted
            failures.register_cell(self._names[index], index)
        self._name = self._names[index]

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        """The file name for tracebacks and `inspect`."""
        return self._name


class _Publisher(DisplayPublisher):
    shell: Any

    def publish(  # type: ignore[override]
        self,
        data: Any,
        metadata: Any = None,
        *,
        transient: Any = None,
        update: bool = False,
        **_: Any,
    ) -> None:
        key = transient.get("display_id") if type(transient) is dict else None
        self.shell.cell_log.display(data, display_id=key, update=update)

    def clear_output(self, wait: bool = False) -> None:
        self.shell.cell_log.clear(wait)


class _Hook(DisplayHook):
    shell: Any

    def write_output_prompt(self) -> None:
        """The result carries its number."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        self.shell.cell_log.result(format_dict, self.prompt_count)

    def log_output(self, format_dict: Any) -> None:
        """Keep no second copy."""

    def finish_displayhook(self) -> None:
        self._is_active = False


class _Quit(ExitAutocall):
    """`exit` and `quit`: they end the cell."""

    def __call__(self, code: object = None, **_: object) -> None:
        raise SystemExit(code)

    def __repr__(self) -> str:
        return "exit() ends this cell"


class Interactive(InteractiveShell):
    """An InteractiveShell whose outputs go to `cell_log`.

    What it cannot do beside a grader (commands, installing, debuggers) is answered by `stubs`.
    """

    compiler_class = Type(CellCompiler)
    display_pub_class = Type(_Publisher)
    displayhook_class = Type(_Hook)
    cell_log = OutputLog()
    db: Any = None  # what IPython keeps between sessions

    def say(self, line: str) -> None:
        """Write one plain line into the outputs of the running cell."""
        self.cell_log.write("stdout", line + "\n")

    @default("exiter")
    def _exiter_default(self) -> _Quit:
        return _Quit()  # type: ignore[no-untyped-call]

    def init_profile_dir(self, profile_dir: Any) -> None:
        """There is none; what would be kept there lasts for the run."""
        self.db = {}

    def init_ipython_dir(self, ipython_dir: Any) -> None:
        """There is none."""

    def init_virtualenv(self) -> None:
        """The interpreter's own path is the right one."""

    def should_run_async(self, raw_cell: str, **how: Any) -> bool:
        """Whether the cell awaits something: to find out, IPython compiles it once more."""
        if "await" not in raw_cell and "async" not in raw_cell:
            return False
        return bool(super().should_run_async(raw_cell, **how))

    def enable_gui(self, gui: Any = None) -> None:
        """There is no event loop of a window system."""

    def enable_matplotlib(self, gui: Any = None) -> Any:
        """Figures go into the outputs, whatever backend is asked for."""
        try:
            return super().enable_matplotlib("inline")  # type: ignore[no-untyped-call]
        except ImportError as error:
            self.say(f"[not done] %matplotlib: {error}")
            return None, None

    def _tee(self, channel: str) -> Any:
        return nullcontext()  # no second copy of what is written

    def _format_exception_for_storage(self, *_: Any, **__: Any) -> dict[str, object]:
        return {}  # no second copy of the traceback

    def showtraceback(self, exc_tuple: Any = None, *_: Any, **__: Any) -> None:
        """Put the exception into the outputs."""
        error = exc_tuple[1] if exc_tuple else sys.exc_info()[1]
        if isinstance(error, BaseException):
            self.cell_log.error(failures.output(error))

    def showsyntaxerror(self, *_: Any, **__: Any) -> None:
        """Put the error into the outputs."""
        self.showtraceback()

    def showindentationerror(self) -> None:
        """Put the error into the outputs."""
        self.showtraceback()

    def system_piped(self, cmd: str) -> None:
        """Say that the command was not run."""
        self.say(stubs.command_note(cmd))
        self.user_ns["_exit_code"] = 0

    system = system_raw = system_piped

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
        """Say that the command was not run; it wrote nothing."""
        self.say(stubs.command_note(cmd))
        return SList() if split else LSString()

    def run_line_magic(self, magic_name: str, line: str, _stack_depth: int = 1) -> Any:
        """Run a line magic, or say why not."""
        if magic_name == "matplotlib":
            self.enable_matplotlib()
            return None
        if stubs.reloads(magic_name, line):
            return None
        known = self.find_line_magic(magic_name) is not None  # type: ignore[no-untyped-call]
        note = stubs.line_magic_note(magic_name, line, known)
        if note is not None:
            self.say(note)
            return SList() if magic_name in ("sx", "system") else None
        if magic_name == "timeit":
            line = stubs.once(line)
        if magic_name == "load_ext":
            return self._load_extension(line)
        return super().run_line_magic(magic_name, line, _stack_depth=_stack_depth + 1)

    def run_cell_magic(self, magic_name: str, line: str, cell: str) -> Any:
        """Run a cell magic, or say why not."""
        known = self.find_cell_magic(magic_name) is not None  # type: ignore[no-untyped-call]
        note = stubs.cell_magic_note(magic_name, line, known)
        if note is not None:
            self.say(note)
            return None
        if magic_name == "timeit":
            line = stubs.once(line)
        return super().run_cell_magic(magic_name, line, cell)  # type: ignore[no-untyped-call]

    def _load_extension(self, line: str) -> Any:
        try:
            return super().run_line_magic("load_ext", line, _stack_depth=2)
        except ModuleNotFoundError:
            self.say(stubs.extension_note(line))
            return None
