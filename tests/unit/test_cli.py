"""The command line: what it says on which stream, and its exit status."""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import click
import pytest

from grader import cli
from grader.cli import LogToStderr, run
from grader.errors import BadBundle, InternalError, SandboxFailed
from grader.resultdoc import error_json_schema
from grader.resultdoc import json_schema as result_schema
from grader.rubricfile import json_schema as rubric_schema

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch):
    """Makes `chainrule fail` a command that raises what it is given."""

    def install(error: BaseException) -> None:
        @click.command()
        def fail() -> None:
            raise error

        monkeypatch.setitem(cli.chainrule.commands, "fail", fail)

    return install


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (BadBundle("rubric.yaml:1:1: wrong"), 2, "chainrule: rubric.yaml:1:1: wrong\n"),
        (SandboxFailed("it went\naway \x1b[2J"), 3, "chainrule: it went away \\x1b[2J\n"),
        (KeyError("x"), 3, "chainrule: an unexpected failure: KeyError: 'x'\n"),
        (KeyboardInterrupt(), 130, "chainrule: interrupted\n"),
    ],
)
def test_a_failure_is_one_line_and_a_status(
    raising, capsys: pytest.CaptureFixture[str], error: BaseException, status: int, said: str
) -> None:
    raising(error)

    assert run(["fail"]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.strip("\n") + "\n" == said


def test_a_traceback_is_for_who_asks_for_it(
    raising, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(InternalError("ours"))
    monkeypatch.setenv("CHAINRULE_DEBUG", "1")

    assert run(["fail"]) == 3
    assert "Traceback" in capsys.readouterr().err


def test_what_is_logged_is_one_line_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = logging.Logger("some.module")
    log.addHandler(LogToStderr())
    try:
        raise ValueError("inside")
    except ValueError:
        log.exception("a check\nfailed \x1b[2J")
        assert capsys.readouterr().err == "chainrule: a check failed \\x1b[2J\n"
        monkeypatch.setenv("CHAINRULE_DEBUG", "1")
        log.exception("a check failed")
    assert "ValueError: inside" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["nothing"], ["--nothing"], ["rubric", "schema", "more"]])
def test_a_bad_call_is_one_line_that_names_the_help(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "--help)" in captured.err


def test_schemas_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rubric", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == rubric_schema()
    assert run(["result", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == result_schema()
    assert run(["result", "schema", "--error"]) == 0
    assert json.loads(capsys.readouterr().out) == error_json_schema()


def test_a_termination_at_any_moment_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def terminated() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(cli, "entry_points", lambda group: terminated() or [])
    monkeypatch.setattr(sys, "argv", ["chainrule", "grade"])
    monkeypatch.setattr(cli.logging, "basicConfig", lambda **_: None)
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "reconfigure", lambda **_: None, raising=False)
    try:
        with pytest.raises(SystemExit) as ended:
            cli.main()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == 143
    assert capsys.readouterr().err == "chainrule: terminated\n"


_READERLESS = """
import sys
import click
from rich.console import Console
from grader import cli

@click.command()
@click.argument("how")
def prints(how):
    for _ in range(10_000):
        if how == "click":
            click.echo("a line")
        elif how == "rich":
            Console().print("a line")
        else:
            print("a line")

cli.chainrule.add_command(prints)
cli.main()
"""


@pytest.mark.parametrize("arguments", ["prints click", "prints rich", "prints print", "--help"])
def test_where_nobody_reads_on_it_ends_as_by_a_broken_pipe(arguments: str) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    try:
        done = subprocess.run(
            [sys.executable, "-c", _READERLESS, *arguments.split()],
            cwd=ROOT,
            stdout=writes,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writes)
    assert (done.returncode, done.stderr) == (141, b"")


def test_where_nobody_reads_what_went_wrong_it_ends_as_by_a_broken_pipe() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    try:
        done = subprocess.run(
            [sys.executable, "-c", _READERLESS, "nosuch"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=writes,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writes)
    assert (done.returncode, done.stdout) == (141, b"")


def test_commands_come_from_entry_points(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = EntryPoint("hello", f"{__name__}:hello", cli._COMMANDS)
    gone = EntryPoint("gone", "no_such_package.commands:gone", cli._COMMANDS)
    monkeypatch.setattr(cli, "entry_points", lambda group: [here, gone])
    monkeypatch.setattr(EntryPoint, "load", lambda self: hello)
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name == "no_such_package" else 1)

    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "Say hello." in shown
    assert "gone" not in shown
    assert run(["hello"]) == 0
    assert capsys.readouterr().out == "hello\n"


@click.command()
def hello() -> None:
    """Say hello."""
    click.echo("hello")


def test_the_entry_points_of_the_project_are_commands() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = project["entry-points"][cli._COMMANDS]
    below = project["entry-points"][f"{cli._COMMANDS}.rubric"]

    assert set(named) >= {"grade", "doctor", "replay"}
    assert set(below) >= {"lint", "new", "preview", "test"}
    for name, value in [*named.items(), *below.items()]:
        module, _, attribute = value.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        assert command.name == name


def test_help_needs_nothing_heavy() -> None:
    """What takes long to import is imported when a command runs."""
    script = (
        "import sys\n"
        "import workers.commands.grade, workers.commands.doctor, workers.commands.replay\n"
        "import workers.commands.rubric_test, workers.commands.rubric_lint\n"
        "from grader.cli import run\n"
        "run(['--help'])\n"
        "heavy = {'torch', 'numpy', 'IPython', 'nbformat', 'pydantic', 'rich', 'yaml'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert "Usage: chainrule" in done.stdout
    assert done.stderr == "[]\n"


def test_a_new_bundle_is_begun_where_one_stands_and_found_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHAINRULE_RUBRICS", raising=False)
    monkeypatch.chdir(tmp_path)
    assert run(["rubric", "new", "begun-here"]) == 0
    assert (tmp_path / "rubrics" / "begun-here" / "rubric.yaml").is_file()
    assert (tmp_path / "reference" / "begun-here" / "solution.py").is_file()
    assert not (ROOT / "rubrics" / "begun-here").exists()
    assert run(["rubric", "lint", "begun-here"]) == 0

    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "rubrics").mkdir(parents=True)
    monkeypatch.setenv("CHAINRULE_RUBRICS", str(elsewhere))
    assert run(["rubric", "new", "begun-there"]) == 0
    assert (elsewhere / "rubrics" / "begun-there" / "rubric.yaml").is_file()
