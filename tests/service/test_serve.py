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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.service._installation import ROOT
from tests.waiting import wait_until

SAMPLE = ROOT / "rubrics" / "uw-cse447-a0" / "sample.ipynb"


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


def test_from_nothing_to_a_verdict_and_back_to_nothing(data: Path) -> None:
    with served(data) as first:
        signing_in = re.search(r"curl (\S+) .*-d '(.+)'", first.printed)
        assert signing_in
        token = httpx2.post(signing_in[1], json=json.loads(signing_in[2])).json()["secret"]
        student = httpx2.Client(
            base_url=first.url, headers={"Authorization": f"Bearer {token}"}, timeout=60
        )
        with student, SAMPLE.open("rb") as file:
            assert student.get("/readyz").json()["status"] == "ok"
            (course,) = student.get("/api/v1/courses").json()["items"]
            found = student.get(f"/api/v1/courses/{course['id']}/assignments").json()["items"]
            (assignment,) = (one for one in found if one["slug"] == "uw-cse447-a0")
            path = f"/api/v1/assignments/{assignment['id']}/submissions"
            receipt = student.post(path, files={"file": ("a0.ipynb", file)})
            assert receipt.status_code == 202
            url = receipt.json()["url"]
            wait_until(lambda: student.get(url).json()["state"] == "done")
            assert student.get(url).json()["score"] == 15
        below = first.descendants()
        assert len(below) > 5
    assert not below & set(_ancestry())
    assert not (data / "redis.sock").exists()

    with served(data) as again:
        assert "curl" not in again.printed
        assert "demo-passwords.txt" in again.printed
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx2.get(f"{again.url}{url}", headers=headers, timeout=60).json()["score"] == 15

        below = again.descendants()
        again.process.kill()  # as the kernel does when memory is short
        wait_until(lambda: not below & set(_ancestry()))
