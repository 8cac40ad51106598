"""Inputs as a rubric writes them, and losses as PyTorch defines them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from grader.checks.calling.inputs import Draw, check_names, check_sizes, draw, draw_all
from grader.checks.numbers.losses import Loss, loss


def drawn(spec: dict[str, Any], **sizes: int) -> np.ndarray:
    read = TypeAdapter(Draw).validate_python(spec)
    return draw(read, sizes, np.random.default_rng(1))


@pytest.mark.parametrize(
    ("spec", "shape", "dtype"),
    [
        ({"normal": ["N", 3]}, (5, 3), "float32"),
        ({"uniform": ["N"], "low": -1, "high": 1}, (5,), "float32"),
        ({"bernoulli": ["N", "N"]}, (5, 5), "float32"),
        ({"integers": [2, "N"], "high": 10}, (2, 5), "int64"),
        ({"values": [[1, 2], [3, 4]]}, (2, 2), "float32"),
        ({"values": 2.5, "dtype": "float64"}, (), "float64"),
        ({"normal": [4], "dtype": "float64", "scale": 0.1}, (4,), "float64"),
        ({"bernoulli": [4], "dtype": "bool"}, (4,), "bool"),
    ],
)
def test_shapes_sizes_and_dtypes(spec: dict[str, Any], shape: tuple[int, ...], dtype: str) -> None:
    array = drawn(spec, N=5)
    assert (array.shape, str(array.dtype)) == (shape, dtype)


def test_each_kind_draws_from_its_own_range() -> None:
    assert set(np.unique(drawn({"bernoulli": [100]}))) == {0.0, 1.0}
    whole = drawn({"integers": [200], "low": 3, "high": 6})
    assert set(whole.tolist()) == {3, 4, 5}
    between = drawn({"uniform": [200], "low": 2, "high": 3})
    assert between.min() >= 2
    assert between.max() <= 3
    assert np.abs(drawn({"normal": [200], "scale": 0.01})).max() < 0.1
    assert drawn({"values": [1, 2.5]}).tolist() == [1, 2.5]


def test_inputs_of_one_shape_differ() -> None:
    specs = {"x": Draw(normal=("N", 3)), "X": Draw(normal=("N", 3))}
    both = draw_all(specs, {"N": 4}, np.random.default_rng(0))
    assert not np.allclose(both["x"], both["X"])


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"normal": [2], "uniform": [2]},
        {"normal": [0]},
        {"integers": [2], "low": 3, "high": 3},
        {"integers": [2], "low": 0.2, "high": 0.8},
        {"values": [[1, 2], [3]]},
        {"normal": [2], "colour": "red"},
    ],
)
def test_what_makes_no_sense_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Draw).validate_python(spec)


def test_a_case_has_to_give_every_size_and_not_too_much() -> None:
    specs = [Draw(normal=("N", 3))]
    check_sizes(specs, [{"N": 3}])
    with pytest.raises(ValueError, match="size N"):
        check_sizes(specs, [{"N": 3}, {}])
    with pytest.raises(ValueError, match="at least 1"):
        check_sizes(specs, [{"N": 0}])
    with pytest.raises(ValueError, match="elements"):
        check_sizes(specs, [{"N": 10**9}])


def test_names_have_to_be_those_of_inputs() -> None:
    check_names(["x"], ["x", 3, None], "args")
    with pytest.raises(ValueError, match="args names y"):
        check_names(["x"], ["y"], "args")


LOGITS = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]])


@pytest.mark.parametrize(
    ("name", "predictions", "targets", "value"),
    [
        ("sum_squared_error", [[1.0, 2.0]], [[0.0, 0.0]], 5.0),
        ("mean_squared_error", [[1.0, 2.0]], [[0.0, 0.0]], 2.5),
        ("binary_cross_entropy", [[0.5, 0.5]], [[0.0, 1.0]], np.log(2)),
        ("binary_cross_entropy", [[0.0]], [[1.0]], 100.0),
        ("cross_entropy", LOGITS, [0, 1], 0.28872623),
    ],
)
def test_losses(name: Loss, predictions: Any, targets: Any, value: float) -> None:
    assert loss(name, np.array(predictions), np.array(targets)) == pytest.approx(value)


@pytest.mark.parametrize(
    ("name", "predictions", "targets"),
    [
        ("mean_squared_error", np.ones((4, 1)), np.ones(4)),
        ("sum_squared_error", np.ones((0, 2)), np.ones((0, 2))),
        ("cross_entropy", LOGITS, np.array([0, 3])),
        ("cross_entropy", LOGITS, np.array([[0], [1]])),
    ],
)
def test_a_loss_never_broadcasts(name: Loss, predictions: Any, targets: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        loss(name, predictions, targets)


def test_what_is_not_finite_stays_so() -> None:
    assert np.isnan(loss("mean_squared_error", np.array([np.nan]), np.array([1.0])))
