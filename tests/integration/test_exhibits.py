"""What there is to see of a real run: losses of its trainings, and where results are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grader.domain.exhibits import Difference, Losses
from grader.domain.outcomes import Outcome
from tests.grading import Assignment, assignment
from workers.zygote import Zygote

REFERENCE = """
import torch
from torch import nn
torch.manual_seed(3)
X = torch.randn(30, 2)
Y = X @ torch.tensor([[1.0], [-2.0]])
class Net(nn.Linear):
    def __init__(self): super().__init__(2, 1)
def double(x): return 2 * x
"""
MODEL = (
    REFERENCE.replace("torch.manual_seed(3)\n", "").replace(
        "X = torch.randn(30, 2)", "torch.manual_seed(3); X = torch.randn(30, 2)"
    ),
    "torch.manual_seed(5)\nmodel = Net()",
)
LOOP = """
optimizer = torch.optim.SGD(model.parameters(), lr={rate})
for step in range({steps}):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(X), Y)
    loss.backward()
    optimizer.step()
"""
TRAINING: dict[str, Any] = {
    "kind": "training",
    "model": "model",
    "data": {"inputs": "X", "targets": "Y"},
    "architecture": "Net",
    "loss": "mean_squared_error",
    "thresholds": [{"below": 1e-3, "fraction": 1}],
    "seeds": 2,
    "points": 4,
}
DOUBLE: dict[str, Any] = {
    "kind": "forward",
    "function": "double",
    "args": ["x"],
    "inputs": {"x": {"normal": [3, 4]}},
}
START = {"start": {"last_definition": "model"}, "steps": 10}


@pytest.fixture(scope="module")
def trained(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    root = tmp_path_factory.mktemp("trained")
    return assignment(zygote, root, TRAINING, REFERENCE, training=START)


def losses(made: Assignment, *cells: str) -> Losses:
    (found,) = made.grade(*cells).exhibits
    assert isinstance(found, Losses)
    return found


def test_a_training_shows_the_losses_of_its_backward_passes(trained: Assignment) -> None:
    found = losses(trained, *MODEL, LOOP.format(rate=0.2, steps=700))
    (own,) = found.runs
    assert (own.steps, own.every, own.counts) == (700, 2, True)
    assert own.losses[0] is not None
    assert own.losses[0] > 0.5
    assert own.final is not None
    assert own.final < 1e-3
    assert [(one.loss, one.points) for one in found.thresholds] == [(1e-3, 4)]


def test_each_further_seed_shows_its_own_losses(trained: Assignment) -> None:
    found = losses(trained, *MODEL, LOOP.format(rate=1e-3, steps=20))
    assert [run.steps for run in found.runs] == [20, 20, 20]
    assert len({run.losses for run in found.runs}) == 3


def test_only_the_cell_that_trained_is_shown_and_what_probes_do_is_not(
    trained: Assignment,
) -> None:
    before = "w = torch.ones(1, requires_grad=True)\n(3 * w).sum().backward()"
    found = losses(trained, MODEL[0], before, MODEL[1], LOOP.format(rate=1e-3, steps=20))
    assert {run.steps for run in found.runs} == {20}


def test_the_first_cell_begins_with_nothing(trained: Assignment) -> None:
    found = losses(trained, "\n".join((*MODEL, LOOP.format(rate=1e-2, steps=15))))
    assert found.runs[0].steps == 15


def test_judged_again_the_losses_are_the_same_to_the_bit(trained: Assignment) -> None:
    cells = (*MODEL, LOOP.format(rate=1e-2, steps=40))
    assert losses(trained, *cells) == losses(trained, *cells)


def test_an_answer_that_is_wrong_is_shown_unless_the_rubric_forbids_it(
    zygote: Zygote, tmp_path: Path
) -> None:
    wrong = "def double(x): return x + x.clip(max=0)"
    for forbids in (False, True):
        more = {"exhibits": False} if forbids else {}
        made = assignment(zygote, tmp_path / str(forbids), {**DOUBLE, **more}, REFERENCE)
        found = made.grade(wrong)
        assert found.outcome is Outcome.FAILED
        assert [type(one) for one in found.exhibits] == ([] if forbids else [Difference])
