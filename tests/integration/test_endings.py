"""Which cell ended the run is said where it says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.domain.outcomes import RunStatus
from tests.grading import Assignment, assignment
from workers.zygote import Zygote

CHECK = {"kind": "forward", "function": "f", "inputs": {"x": {"values": [1.0, 2.0]}}}
RIGHT = "def f(x):\n    return x * 2"


@pytest.fixture
def doubling(zygote: Zygote, tmp_path: Path) -> Assignment:
    return assignment(zygote, tmp_path, CHECK, RIGHT, limits={"wall_s": 3, "output_bytes": 100_000})


@pytest.mark.parametrize(
    ("source", "status", "said"),
    [
        ("import os\nos._exit(0)", RunStatus.STUDENT_ERROR, "ended itself with exit status 0"),
        ("import os\nos.kill(os.getpid(), 11)", RunStatus.STUDENT_ERROR, "ended by SIGSEGV"),
        ("while True: pass", RunStatus.TIME_LIMIT, "all cells together ran for more than 3 s"),
        (
            "import os\nwhile True: os.write(1, b'x' * 65536)",
            RunStatus.OUTPUT_LIMIT,
            "it wrote more than",
        ),
    ],
    ids=["it exits", "it crashes", "it never ends", "it writes too much"],
)
def test_the_cell_that_ended_the_run_is_named(
    doubling: Assignment, source: str, status: RunStatus, said: str
) -> None:
    run = doubling.result(RIGHT, source, "f(1)").run
    assert run.status is status
    assert run.message.startswith("cell 2: ")
    assert said in run.message


def test_a_run_to_the_last_cell_names_none(doubling: Assignment) -> None:
    run = doubling.result(RIGHT, "raise ValueError", "f(1)").run
    assert (run.status, run.message) == (RunStatus.COMPLETED, "")
