"""What a session makes of a runner's word about its cells."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest

from grader.domain.outcomes import RunStatus
from grader.domain.rubric import Limits
from grader.notebooks.read import parse
from tests.unit._builders import code, notebook, words
from workers.inside.frames import Kind, pack
from workers.pipeline import _ended_in
from workers.sandbox.session import Ending, Session

STARTED, FINISHED = Kind.CELL_STARTED, Kind.CELL_FINISHED
ENDING = Ending(RunStatus.STUDENT_ERROR, 1.0, 1.0, 1, "the process was ended by SIGSEGV")


@pytest.mark.parametrize(
    ("told", "unfinished"),
    [
        ([], None),
        ([(STARTED, 0), (FINISHED, 0), (STARTED, 1)], 1),
        ([(STARTED, 0), (FINISHED, 0)], None),
        ([(STARTED, 0), (STARTED, 10**9), (STARTED, -1), (STARTED, "1")], 0),
    ],
    ids=["none", "the second", "between cells", "what is no cell"],
)
def test_the_cell_that_started_and_never_finished_is_known(
    told: Sequence[tuple[Kind, object]], unfinished: int | None
) -> None:
    here, there = socket.socketpair()
    with there:
        for kind, cell in told:
            there.sendall(pack(kind, {"cell": cell}))
        figures = {"wall_s": 1.0, "cpu_s": 1.0, "peak_memory_bytes": 1}
        there.sendall(pack(Kind.ENDED, {"status": "student_error", "message": "", **figures}))
        session = Session(here, Limits())
        session.close()
    assert session.unfinished == unfinished


def test_a_cell_is_named_as_in_the_report() -> None:
    submission = parse("mine.ipynb", notebook(words("# Title"), code("x"), code("y")))
    assert _ended_in(submission, 1, ENDING) == "cell 3: the process was ended by SIGSEGV"
    script = parse("mine.py", b"# %%\nx = 1\n# %%\ny = 2\n")
    assert _ended_in(script, 1, ENDING) == "line 4: the process was ended by SIGSEGV"


@pytest.mark.parametrize("unfinished", [None, 2, 99_999])
def test_where_there_is_no_such_cell_none_is_named(unfinished: int | None) -> None:
    submission = parse("mine.ipynb", notebook(words("# Title"), code("x"), code("y")))
    assert _ended_in(submission, unfinished, ENDING) == ENDING.message
