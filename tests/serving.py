"""`chainrule serve` for tests: started, ready, and ended by Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.service._installation import ROOT


@dataclass
class Serving:
    """A running `serve`: its process, what it printed, and its address."""

    process: subprocess.Popen[str]
    printed: str
    url: str
    environment: dict[str, str]

    def descendants(self) -> set[int]:
        """All processes below it."""
        return {pid for pid in ancestry() if self.process.pid in _ancestors(pid)}


def ancestry() -> dict[int, int]:
    """All living processes of this machine, and whose child each is."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if stat[0] != "Z":
                parents[int(entry.name)] = int(stat[1])
    return parents


def _ancestors(pid: int) -> set[int]:
    parents, found = ancestry(), set()
    while pid := parents.get(pid, 0):
        found.add(pid)
    return found


def environment(data: Path, port: int, **variables: str) -> dict[str, str]:
    """What it is started with; `variables` without their prefix."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CHAINRULE_DATA": str(data),
        "CHAINRULE_LISTEN": f"127.0.0.1:{port}",
        "CHAINRULE_SLOTS": "1",
        **{f"CHAINRULE_{name}": value for name, value in variables.items()},
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(data: Path, **variables: str) -> Iterator[Serving]:
    """Everything, started and ready; ended by Ctrl-C unless the block has ended it."""
    port = _free_port()
    started_with = environment(data, port, **variables)
    command = [sys.executable, "-P", "-m", "grader.cli", "serve"]
    with subprocess.Popen(
        command, env=started_with, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            printed = ""
            while "Ctrl-C" not in printed:
                line = process.stdout.readline()
                assert line, "it ended before it was ready"
                printed += line
            yield Serving(process, printed, f"http://127.0.0.1:{port}", started_with)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            assert process.wait(60) in (0, -signal.SIGKILL)
