"""How far a run has come, told seldom enough to cost nothing."""

from __future__ import annotations

import pytest

from grader.broker.progress import Stage, Steps
from grader.domain.outcomes import Outcome
from grader.notebooks.read import parse
from tests.unit._builders import code, notebook, words
from workers.service import telling, trials
from workers.service.telling import Telling

SUBMISSION = parse(
    "a.ipynb", notebook(words("# Title"), code("x"), code("y"), words("so"), code("z"))
)


class Heard:
    """Stands for Redis; remembers what it is told."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self.steps: list[Steps] = []

    def tell(self, attempt_id: int, stage: Stage) -> None:
        self.stages.append(stage)

    def tell_trial(self, trial_id: int, steps: Steps) -> None:
        self.steps.append(steps)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    at = [0.0]
    monkeypatch.setattr(telling.time, "monotonic", lambda: at[0])
    monkeypatch.setattr(trials.time, "monotonic", lambda: at[0])
    return at


def test_a_new_stage_is_told_at_once_and_within_one_no_more_than_four_a_second(
    clock: list[float],
) -> None:
    heard = Heard()
    told = Telling(heard, 7, SUBMISSION)  # type: ignore[arg-type]
    told.cell(0)
    told.cell(1)
    clock[0] = 0.3
    told.cell(2)
    told.cell(99)  # a runner may say anything
    told.judged(0, 2, True, {})
    told.judged(1, 2, True, {})
    clock[0] = 0.6
    told.judged(2, 2, True, {"ex1": Outcome.PASSED})
    assert heard.stages == [
        Stage("starting", 0, 5),
        Stage("running", 2, 5),
        Stage("running", 5, 5),
        Stage("judging", 5, 5, 0, 2),
        Stage("judging", 5, 5, 2, 2, {"ex1": "passed"}),
    ]


def test_verdicts_between_cells_are_told_with_the_next_cell(clock: list[float]) -> None:
    heard = Heard()
    told = Telling(heard, 7, SUBMISSION)  # type: ignore[arg-type]
    told.cell(0)
    told.judged(1, 4, False, {})
    clock[0] = 1.0
    told.cell(1)
    assert heard.stages[-1] == Stage("running", 3, 5, 1, 4)


def test_a_trial_tells_each_part_at_once_and_its_runs_once_a_second(clock: list[float]) -> None:
    heard = Heard()
    told = trials._Counted(heard, 7)  # type: ignore[arg-type]
    told("mutants", 3)
    told("", 0)
    clock[0] = 1.5
    told("", 0)
    told("the starter", 1)
    assert heard.steps == [
        Steps("mutants", 0, 3),
        Steps("mutants", 2, 3),
        Steps("the starter", 0, 1),
    ]
