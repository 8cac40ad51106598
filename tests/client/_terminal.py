"""A terminal: commands are typed, and what they print is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from grader.cli import chainrule, run
from grader.commands.login import login, logout
from grader.commands.submit import submit


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def last(self) -> str:
        """The last line of what went wrong."""
        return self.err.rstrip("\n").rpartition("\n")[2]


@dataclass(frozen=True)
class Terminal:
    """Whose files are in `folder`."""

    folder: Path

    def run(self, *arguments: object, typed: str = "") -> Said:
        """What comes of a command, to whose questions that is typed."""
        with CliRunner().isolation(input=typed) as (out, err, _):
            status = run([str(one) for one in arguments])
            said = Said(status, out.getvalue().decode(), err.getvalue().decode())
        assert "Traceback" not in said.err
        return said

    def sign_in(self, server: str, token: str) -> None:
        """With a token that was made elsewhere."""
        said = self.run("login", server, "--token-file", "-", typed=token)
        assert said.status == 0, said.err


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Where somebody types commands; nobody is signed in yet."""
    for command in (login, logout, submit):
        assert command.name is not None
        monkeypatch.setitem(chainrule.commands, command.name, command)
    for variable in ("CHAINRULE_SERVER", "CHAINRULE_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    return Terminal(tmp_path / "settings" / "chainrule")
