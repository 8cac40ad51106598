"""The losses of a training, as the runner records them for a picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from tests.unit.test_probes import arr, asked
from workers.inside import losses, watch

MODEL = {"name": "model", "make": False, "args": [], "parameters": [], "inputs": [], "seed": 0}
ROWS = arr([[1.0, 2.0]])


@pytest.fixture(autouse=True)
def recording(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing recorded before, and all of it undone afterwards."""
    engine = torch.autograd.graph._engine_run_backward
    monkeypatch.setattr(losses, "_present", losses._Present())
    watch.install()
    losses.begin_cell(0)
    yield
    torch.autograd.graph._engine_run_backward = engine
    torch.autograd._engine_run_backward = engine  # type: ignore[attr-defined]


def seen() -> Any:
    """What a probe says of it."""
    return asked("module", {**MODEL, "losses": True}, {"model": nn.Linear(2, 1)}).get("losses")


def leaf() -> torch.Tensor:
    return torch.ones((), requires_grad=True)


def train(steps: int, first: int = 0) -> None:
    x = leaf()
    for step in range(first, first + steps):
        (x * step).backward()


def test_the_numbers_on_which_backward_was_called_are_kept_in_order() -> None:
    train(5)
    assert seen() == {"values": [0.0, 1.0, 2.0, 3.0, 4.0], "every": 1, "steps": 5}


@pytest.mark.parametrize("steps", [500, 501, 999, 1000, 1001, 3000, 12_345])
def test_a_long_training_is_thinned_evenly(steps: int) -> None:
    train(steps)
    found = seen()
    assert found["steps"] == steps
    assert found["values"] == [float(step) for step in range(0, steps, found["every"])]
    assert len(found["values"]) <= 500
    assert steps < 500 or len(found["values"]) >= 250


def test_each_cell_begins_anew() -> None:
    train(5)
    losses.begin_cell(1)
    assert seen()["steps"] == 5  # until it trains
    train(2, first=7)
    assert seen()["values"] == [7.0, 8.0]


def test_outside_a_cell_nothing_is_recorded() -> None:
    losses.end_cell()
    train(3)
    assert seen() is None


def test_a_probe_asks_for_it_or_is_told_nothing() -> None:
    train(3)
    namespace = {"model": nn.Linear(2, 1)}
    assert "losses" not in asked("module", {**MODEL, "losses": False}, namespace)
    predict = {"name": "model", "inputs": ROWS, "rows": 1}
    assert "losses" not in asked("predict", predict, namespace)
    assert asked("predict", {**predict, "losses": True}, namespace)["losses"]["steps"] == 3


def test_gradients_without_a_backward_pass_are_no_training() -> None:
    x = leaf()
    torch.autograd.grad(2 * x, x)
    assert seen() is None


def test_what_is_no_single_number_is_left_out() -> None:
    x = torch.ones(3, requires_grad=True)
    (2 * x).backward(torch.ones(3))
    torch.autograd.backward([x.sum(), x.sum()])
    x.sum()[None].backward()
    assert seen() == {"values": [3.0], "every": 1, "steps": 1}


def test_a_tensor_with_a_mind_of_its_own_is_not_asked() -> None:
    class Lying(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function: Any, *_: Any, **__: Any) -> Any:
            raise AssertionError(f"{function} was asked")

    inner = leaf() * 3
    losses.note((inner.as_subclass(Lying),))  # type: ignore[attr-defined]
    assert seen()["values"] == [3.0]


@pytest.mark.parametrize(
    "outputs", [None, (), (None,), ("loss",), (torch.ones((), device="meta"),), [leaf(), leaf()]]
)
def test_what_cannot_be_read_disturbs_nothing(outputs: Any) -> None:
    losses.note(outputs)
    assert seen() in (None, {"values": [], "every": 1, "steps": 1})


def test_a_number_that_is_complex_is_left_out() -> None:
    losses.note((torch.ones((), dtype=torch.complex64),))
    assert seen()["values"] == []


def test_a_large_tensor_behind_the_loss_is_not_held() -> None:
    x = torch.ones(1000, requires_grad=True)
    many = 2 * x
    many[3].backward()
    recording = losses._present.recording
    assert recording is not None
    assert [type(one) for one in recording.values] == [float]
