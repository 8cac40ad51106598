"""`chainrule serve`: one command from nothing to a verdict, and nothing is left when it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader.config import load_settings
from grader.services.site import Site, open_site
from tests.service._installation import ROOT, installation
from tests.waiting import wait_until


@dataclass
class Serving:
    """A running `serve`: its process, what it printed, and its address."""

    process: subprocess.Popen[str]
    printed: str
    url: str

    def descendants(self) -> set[int]:
        """All processes below it."""
        return {pid for pid in _ancestry() if self.process.pid in _ancestors(pid)}


def _ancestry() -> dict[int, int]:
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
    parents, found = _ancestry(), set()
    while pid := parents.get(pid, 0):
        found.add(pid)
    return found


def _environment(data: Path, port: int) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CHAINRULE_DATA": str(data),
        "CHAINRULE_LISTEN": f"127.0.0.1:{port}",
        "CHAINRULE_SLOTS": "1",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(data: Path) -> Iterator[Serving]:
    """Everything, started and ready; ended by Ctrl-C unless the block has ended it."""
    port = _free_port()
    command = [sys.executable, "-P", "-m", "grader.cli", "serve"]
    with subprocess.Popen(
        command, env=_environment(data, port), cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            printed = ""
            while "Ctrl-C" not in printed:
                line = process.stdout.readline()
                assert line, "it ended before it was ready"
                printed += line
            yield Serving(process, printed, f"http://127.0.0.1:{port}")
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            assert process.wait(60) in (0, -signal.SIGKILL)


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder with a short path."""
    with tempfile.TemporaryDirectory(prefix="chainrule-data-") as name:
        yield Path(name)


@contextmanager
def site_of(data: Path) -> Iterator[Site]:
    """The installation in the data folder, as another process of it sees it."""
    site = open_site(load_settings({"CHAINRULE_DATA": str(data)}))
    yield site
    site.close()


def test_from_nothing_to_a_verdict_and_back_to_nothing(data: Path, tmp_path: Path) -> None:
    with served(data) as first:
        with urllib.request.urlopen(f"{first.url}/readyz") as answer:
            assert json.load(answer)["status"] == "ok"
        curl = re.search(r"curl (\S+) .*-d '(.+)'", first.printed)
        assert curl
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(curl[1], curl[2].encode(), headers)
        with urllib.request.urlopen(request) as answer:
            secret = json.load(answer)["secret"]
        with site_of(data) as site:
            here = installation(site, tmp_path / "bundle")
            attempt_id = here.submit("def double(x):\n    return 2 * x")
            assert here.await_done(attempt_id) == [2.0]
        below = first.descendants()
        assert len(below) > 5
    assert not below & set(_ancestry())
    assert not (data / "redis.sock").exists()

    with served(data) as again:
        assert "curl" not in again.printed
        assert "demo-passwords.txt" in again.printed
        me = urllib.request.Request(
            f"{again.url}/api/v1/courses", headers={"Authorization": f"Bearer {secret}"}
        )
        with urllib.request.urlopen(me) as answer:
            assert [one["slug"] for one in json.load(answer)["items"]] == ["demo"]

        below = again.descendants()
        again.process.kill()  # as the kernel does when memory is short
        wait_until(lambda: not below & set(_ancestry()))
