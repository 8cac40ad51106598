"""What is run apart is held to its limits, and its failure is ours."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from grader.apart import Running, run_apart
from grader.errors import InternalError

ECHO = """
import os, sys
from grader.apart import limit_here
limit_here(cpu_s=2, memory_bytes=1 << 29)
sys.stdout.buffer.write(sys.stdin.buffer.read() + str(sorted(os.environ)).encode())
"""
WASTE = """
from grader.apart import limit_here
limit_here(cpu_s=2, memory_bytes=1 << 28)
wasted = bytearray(1 << 29)
"""
SLEEP = "import time\ntime.sleep(3600)"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Runs a program as a module."""
    root = Path(__file__).parent.parent.parent
    monkeypatch.setenv("PYTHONPATH", f"{root}:{tmp_path}")
    monkeypatch.setenv("CHAINRULE_DATABASE", "secret")

    def run(program: str, given: bytes = b"", **more: object) -> bytes:
        (tmp_path / "program.py").write_text(program)
        with tempfile.TemporaryFile() as file:
            run_apart("program", [given], file, **{"longest_s": 60.0, **more})  # type: ignore[arg-type]
            file.seek(0)
            return file.read()

    return run


def test_it_reads_and_writes_and_knows_no_secret(run) -> None:  # type: ignore[no-untyped-def]
    found = run(ECHO, b"hello ")

    assert found.startswith(b"hello ")
    assert b"CHAINRULE" not in found


@pytest.mark.parametrize("program", [WASTE, "raise SystemExit(3)"])
def test_what_fails_is_a_failure_of_ours(run, program: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InternalError):
        run(program)


def test_what_takes_too_long_is_ended(run) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InternalError):
        run(SLEEP, longest_s=0.2)


def test_another_may_end_it(run) -> None:  # type: ignore[no-untyped-def]
    def end(running: Running) -> None:
        assert not running.closed
        running.abort()

    with pytest.raises(InternalError):
        run(SLEEP, follow=end)
