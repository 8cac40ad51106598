"""Quick, plain answers to what notebooks ask of a machine that is not there.

Shell commands, package managers, other languages, debuggers, questions to the user: each gets one
line that says what was not done and why, and the run goes on.
"""

from __future__ import annotations

import builtins
import getpass
import os
import pdb
import re
import sys
from collections.abc import Callable
from typing import Any

from IPython.core import debugger

from . import colab

_home = os.sep
_COMMAND = 200  # characters of a command that a note repeats
_QUESTIONS = (
    100  # answered with an empty line; a loop that asks for more is told that there is none
)

_NO_SHELL = "shell commands are not available while grading"
_NO_INSTALL = "nothing can be installed while grading"
_NO_DEBUGGER = "there is no debugger while grading"
_NO_EDITOR = "there is no editor while grading"
_NO_SUCH = "there is no such magic while grading"
_NO_NETWORK = "there is no network while grading"

_REPEATS = re.compile(r"^(\s*-[nr]\s*\d+)+")

_LINE_MAGICS = {
    **dict.fromkeys(("pip", "conda", "mamba", "micromamba", "uv"), _NO_INSTALL),
    **dict.fromkeys(("sx", "system", "sc", "rehashx"), _NO_SHELL),
    **dict.fromkeys(("debug", "pdb"), _NO_DEBUGGER),
    **dict.fromkeys(("edit", "ed"), _NO_EDITOR),
    **dict.fromkeys(("pastebin",), _NO_NETWORK),
    **dict.fromkeys(("bookmark", "store"), "nothing is kept between runs while grading"),
}
_CELL_MAGICS = dict.fromkeys(
    (
        *("script", "bash", "sh", "zsh", "cmd", "sx", "system", "!"),
        *("perl", "ruby", "python", "python2", "python3", "pypy"),
    ),
    "other programs are not available while grading",
)


def install(say: Callable[[str], None], folder: str) -> None:
    """Replace what would wait for a person or a machine; `say` is given the plain lines.

    `%cd` works in `folder` and below it.
    """
    global _home
    _home = os.path.realpath(folder)
    questions = 0

    def asked(prompt: object = "") -> str:
        nonlocal questions
        questions += 1
        if questions > _QUESTIONS:
            raise EOFError("nobody answers while grading")
        say(f"{prompt} [answered with an empty line: nobody answers while grading]")
        return ""

    def input(prompt: object = "", /) -> str:
        """Answer with an empty line."""
        return asked(prompt)

    def getpass_(prompt: object = "Password: ", stream: object = None, **_: object) -> str:
        """Answer with an empty line."""
        return asked(prompt)

    def no_debugger(*_: Any, **__: Any) -> None:
        """Say that there is no debugger."""
        say(f"[not done] breakpoint(): {_NO_DEBUGGER}")

    builtins.input = input
    getpass.getpass = getpass_
    sys.breakpointhook = no_debugger
    pdb.set_trace = no_debugger
    pdb.post_mortem = no_debugger
    debugger.set_trace = no_debugger
    colab.install(say)


def command_note(command: object) -> str:
    """The line for a shell command."""
    text = str(command).strip()
    name = text.split(maxsplit=1)[0] if text else ""
    installs = name in ("pip", "pip3", "conda", "apt", "apt-get") or "pip install" in text
    return _note(f"!{text}", _NO_INSTALL if installs else _NO_SHELL)


def line_magic_note(name: str, line: str, known: bool) -> str | None:
    """The line for a line magic, or None for one that works here."""
    if name == "cd":
        return _cd_note(line)
    why = _LINE_MAGICS.get(name) or (None if known else _NO_SUCH)
    return None if why is None else _note(f"%{name} {line}".strip(), why)


def cell_magic_note(name: str, line: str, known: bool) -> str | None:
    """The line for a cell magic, or None for one that works here."""
    why = _CELL_MAGICS.get(name) or (None if known else _NO_SUCH)
    return None if why is None else _note(f"%%{name} {line}".strip(), f"{why}; the cell is skipped")


def extension_note(name: str) -> str:
    """The line for an IPython extension that is not installed."""
    return _note(f"%load_ext {name}", "it is not installed here")


def reloads(name: str, line: str) -> bool:
    """Whether a line magic asks for modules to be reloaded when their files change.

    Nobody edits them during a run, and looking at every module before every cell is slow.
    """
    extension = name in ("load_ext", "reload_ext") and line.strip() == "autoreload"
    return extension or name in ("autoreload", "aimport")


def once(line: str) -> str:
    """The arguments of `%timeit` for a single execution: a grader measures nothing."""
    return "-n 1 -r 1 " + _REPEATS.sub("", line)


def _cd_note(line: str) -> str | None:
    """`%cd` works below the working directory alone: files of the assignment are there."""
    target = os.path.realpath(os.path.expanduser(line.strip().strip("'\"") or "~"))
    if os.path.isdir(target) and (target == _home or target.startswith(_home + os.sep)):
        return None
    return _note(f"%cd {line}".strip(), "the working directory stays while grading")


def _note(what: str, why: str) -> str:
    first, *more = what.splitlines()
    short = first[:_COMMAND] + ("..." if more or len(first) > _COMMAND else "")
    return f"[not done] {short}: {why}"
