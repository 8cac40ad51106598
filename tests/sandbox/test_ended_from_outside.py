"""Whose fault it is that the kernel has killed a submission for memory."""

from __future__ import annotations

import signal
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from grader.domain.rubric import Limits
from grader.errors import SandboxFailed
from workers.inside.frames import Kind, pack
from workers.inside.meter import Usage
from workers.inside.supervisor import Supervisor
from workers.sandbox.session import Session


@pytest.mark.parametrize(
    ("used", "status"),
    [
        ({"out_of_memory": True}, "memory_limit"),
        ({"host_out_of_memory": True}, "internal_error"),
        ({}, "student_error"),
    ],
    ids=["at its limit", "the machine is full", "by its own hand"],
)
def test_a_kill_is_the_submission_s_unless_the_machine_was_full(
    used: dict[str, bool], status: str
) -> None:
    usage = Usage(cpu_s=1.0, peak_memory_bytes=1, **used)
    sandbox: Any = SimpleNamespace(usage=lambda: usage)
    here, there = socket.socketpair()
    with here, there:
        supervisor = Supervisor(here, make_sandbox=None)  # type: ignore[arg-type]
        supervisor._limits = {"memory_bytes": 1 << 30}
        assert supervisor._killed_words(signal.SIGKILL, sandbox)[0] == status


def test_what_was_ended_by_a_fault_of_ours_is_no_run() -> None:
    here, there = socket.socketpair()
    with there:
        said = {"status": "internal_error", "message": "the machine ran out of memory"}
        figures = {"wall_s": 1.0, "cpu_s": 1.0, "peak_memory_bytes": 1}
        there.sendall(pack(Kind.ENDED, {**said, **figures}))
        with pytest.raises(SandboxFailed, match="the machine ran out of memory"):
            Session(here, Limits()).close()
