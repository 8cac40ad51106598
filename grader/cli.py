"""The command line `chainrule`.

Commands that need a worker's rooms are found by entry point ("chainrule.commands"), so that the
service never imports the workers. Exit status: 0 done; 2 a bad call, or a file, rubric or setting
that is not valid; 3 a failure of ours; 130 interrupted; 143 terminated.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from types import FrameType
from typing import Any

import click

from grader import config
from grader.errors import BadInput, InternalError
from grader.safetext import one_line

BAD_INPUT = 2
FAILURE = 3
INTERRUPTED = 130
TERMINATED = 143
_BROKEN_PIPE = 141  # as if SIGPIPE had ended it

_COMMANDS = "chainrule.commands"


class Terminated(BaseException):
    """SIGTERM came. Like KeyboardInterrupt no Exception, so that nothing takes it for an error."""


class _NobodyReads(Exception):
    """Whoever read our output has gone."""


@contextmanager
def _noticing_broken_pipes() -> Iterator[None]:
    """Raise _NobodyReads for a broken pipe, before click sees one and leaves with status 1."""
    try:
        yield
    except BrokenPipeError:
        raise _NobodyReads from None
    except SystemExit as error:  # so does rich
        if isinstance(error.__context__, BrokenPipeError):
            raise _NobodyReads from None
        raise


class _Commands(click.Group):
    """A group whose further commands come from other packages.

    They are the entry points "chainrule.commands", and of a group below "chainrule.commands.NAME".
    """

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """The context, in making which help is printed."""
        with _noticing_broken_pipes():
            return super().make_context(*args, **more)

    def invoke(self, ctx: click.Context) -> Any:
        """Run what was asked for."""
        with _noticing_broken_pipes():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name, sorted."""
        return sorted({*super().list_commands(ctx), *self._entry_points()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported when it is asked for."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        found = self._entry_points().get(cmd_name)
        if found is None:
            return None
        command = found.load()
        if not isinstance(command, click.Command):
            raise InternalError(f"the entry point {found.value} is no command")
        return command

    def _entry_points(self) -> dict[str, EntryPoint]:
        """The commands whose package is here: an image may leave `workers` out."""
        group = _COMMANDS if self.name == "chainrule" else f"{_COMMANDS}.{self.name}"
        return {
            found.name: found
            for found in entry_points(group=group)
            if find_spec(found.module.partition(".")[0])
        }


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="chainrule", message="%(prog)s %(version)s")
def chainrule() -> None:
    """Grades PyTorch assignments: runs them in a sandbox and judges outside it."""


@chainrule.group(cls=_Commands)
def rubric() -> None:
    """About rubrics."""


@rubric.command("schema")
def rubric_schema() -> None:
    """Print the JSON Schema of rubric.yaml, for editors."""
    from grader.rubricfile import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


@chainrule.group()
def result() -> None:
    """About the result document."""


@result.command("schema")
@click.option("--error", is_flag=True, help="Of the line for a file of a folder without a result.")
def result_schema(error: bool) -> None:
    """Print the JSON Schema of the document that `grade --json` prints."""
    from grader.resultdoc import error_json_schema, json_schema

    click.echo(json.dumps(error_json_schema() if error else json_schema(), indent=2))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return the exit status; nothing is raised."""
    try:
        return _status_of(arguments)
    except (_NobodyReads, BrokenPipeError):  # the latter where a failure was to be told
        # The interpreter must not fail on flushing what is left.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
        return _BROKEN_PIPE


def _status_of(arguments: Sequence[str]) -> int:
    try:
        status = chainrule.main(list(arguments), prog_name="chainrule", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return BAD_INPUT
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "chainrule"
        return _failed(f"{error.format_message()} (see {command} --help)", BAD_INPUT)
    except click.ClickException as error:
        return _failed(error.format_message(), BAD_INPUT)
    except BadInput as error:
        return _failed(str(error), BAD_INPUT)
    except (click.Abort, KeyboardInterrupt):
        return _failed("interrupted", INTERRUPTED)
    except Terminated:
        return _failed("terminated", TERMINATED)
    except _NobodyReads:
        raise
    except InternalError as error:
        return _failed(str(error), FAILURE)
    except Exception as error:
        return _failed(f"an unexpected failure: {type(error).__name__}: {error}", FAILURE)


def _failed(message: str, status: int) -> int:
    """Say what went wrong in one line."""
    click.echo(f"chainrule: {one_line(message, 2000)}", err=True)
    if status == FAILURE and _wants_tracebacks():
        traceback.print_exc()
    return status


def _wants_tracebacks() -> bool:
    try:
        return config.debug()
    except BadInput:
        return True


class LogToStderr(logging.Handler):
    """What is logged on the way, as one line each; tracebacks for who asks for them."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        click.echo(f"chainrule: {one_line(record.getMessage(), 2000)}", err=True)
        if record.exc_info and _wants_tracebacks():
            click.echo("".join(traceback.format_exception(*record.exc_info)), err=True)


def _terminate(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # one is enough: what follows cleans up
    raise Terminated


def main() -> None:
    """The console script."""
    signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    logging.basicConfig(level=logging.WARNING, handlers=[LogToStderr()])
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
