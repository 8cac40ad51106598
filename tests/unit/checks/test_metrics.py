"""Numbers of predictions: in every form that they come in, and refused where they don't fit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from grader.checks.models.goals import Goal, Threshold
from grader.checks.numbers.metrics import Outputs, Unfit, accuracy, metric

THREE = np.array([0, 2, 1, 2])
SCORES = np.array([[3.0, 1, 0], [0, 1, 2], [0, 5, 1], [9, 0, 1]])  # the last one is wrong
TWO = np.array([0, 1, 1, 0])


def shares(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores)
    found: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return found


@pytest.mark.parametrize(
    "predictions",
    [
        SCORES,
        shares(SCORES),
        np.log(shares(SCORES)),
        SCORES[:, :, None],
        SCORES.argmax(axis=1),
        SCORES.argmax(axis=1).astype(np.float32),
        SCORES.argmax(axis=1)[:, None],
    ],
    ids=["logits", "probabilities", "log", "one more dimension", "classes", "floats", "column"],
)
@pytest.mark.parametrize("targets", [THREE, THREE[:, None], THREE.astype(float), np.eye(3)[THREE]])
def test_the_class_of_each_row_however_it_is_given(
    predictions: np.ndarray, targets: np.ndarray
) -> None:
    assert accuracy(predictions, targets) == 0.75


@pytest.mark.parametrize(
    ("predictions", "outputs"),
    [
        ([-1.0, 2.0, 0.3, 4.0], "auto"),
        ([0.4, 0.9, 0.6, 0.7], "auto"),
        ([0.4, 0.9, 0.6, 0.7], "probabilities"),
        ([-0.4, 0.9, 0.6, 0.7], "logits"),
        ([False, True, True, True], "auto"),
        ([0.0, 1.0, 1.0, 1.0], "classes"),
        ([[2.0, 1.0], [1.0, 2.0], [-1.0, 0.0], [0.0, 1.0]], "auto"),
    ],
)
def test_two_classes_may_come_as_one_number(predictions: Any, outputs: Outputs) -> None:
    assert accuracy(np.array(predictions), TWO, outputs) == 0.75


@pytest.mark.parametrize(
    ("predictions", "why"),
    [
        (np.float64(3.0), "single number"),
        (np.zeros(3), "3 predictions for 4 rows"),
        (np.zeros((4, 2)), "2 scores; there are 3 classes"),
        (np.zeros((4, 2, 2)), "shape"),
        (np.full(4, 0.5), "no class"),
    ],
)
def test_what_is_no_prediction_of_a_class_is_refused(predictions: np.ndarray, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        accuracy(np.asarray(predictions), THREE)


def test_predictions_that_are_not_finite_have_no_number() -> None:
    assert math.isnan(accuracy(np.array([0, np.nan, 1, 2]), THREE))
    assert math.isnan(metric("r2", np.array([np.inf, 1.0]), np.array([1.0, 2.0])))


WANT = np.array([[1.0], [2.0], [4.0]])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mean_squared_error", 5 / 3),
        ("root_mean_squared_error", math.sqrt(5 / 3)),
        ("mean_absolute_error", 1.0),
        ("r2", 1 - 5 / (14 / 3)),
    ],
)
def test_errors_of_numbers_in_one_dimension_or_two(name: Any, value: float) -> None:
    got = np.array([1.0, 4.0, 3.0])
    assert metric(name, got, WANT) == pytest.approx(value)
    assert metric(name, got[:, None], WANT[:, 0]) == pytest.approx(value)


def test_nothing_is_broadcast() -> None:
    for got in (np.zeros(1), np.zeros((3, 3)), np.zeros(())):
        with pytest.raises(Unfit, match="shape"):
            metric("mean_squared_error", got, WANT)


def test_cross_entropies_of_logits_and_of_probabilities_are_the_same() -> None:
    want = -np.log(shares(SCORES))[np.arange(4), THREE].mean()
    for got in (SCORES, shares(SCORES), np.log(shares(SCORES))):
        assert metric("cross_entropy", got, THREE) == pytest.approx(want)
    assert metric("cross_entropy", SCORES, np.eye(3)[THREE]) == pytest.approx(want)
    assert metric("perplexity", SCORES, THREE) == pytest.approx(math.exp(want))
    one = np.array([-2.0, 3.0, 0.5, 1.0])
    sigmoid = 1 / (1 + np.exp(-one))
    want = -np.log(np.where(TWO == 1, sigmoid, 1 - sigmoid)).mean()
    for got in (one, sigmoid, one[:, None]):
        assert metric("binary_cross_entropy", got, TWO) == pytest.approx(want)
    with pytest.raises(Unfit, match="no probabilities"):
        metric("binary_cross_entropy", one, TWO, "probabilities")


def test_sequences_may_have_their_classes_last_or_second() -> None:
    scores = np.random.default_rng(0).standard_normal((2, 5, 3))
    targets = np.array([[0, 1, 2, 1, 0], [2, 2, 1, 0, 0]])
    want = metric("perplexity", scores.reshape(10, 3), targets.reshape(10))
    assert metric("perplexity", scores, targets) == pytest.approx(want)
    assert metric("perplexity", np.moveaxis(scores, -1, 1), targets) == pytest.approx(want)
    with pytest.raises(Unfit):
        metric("perplexity", scores[:, :4], targets)


@pytest.mark.parametrize("name", ["cross_entropy", "perplexity", "f1"])
def test_scores_of_no_class_are_refused(name: Any) -> None:
    with pytest.raises(Unfit):
        metric(name, np.zeros((4, 0)), THREE)


def test_an_infinite_score_still_names_a_class_and_nan_none() -> None:
    certain = np.where(np.eye(3)[THREE] == 1, 0.0, -np.inf)
    assert accuracy(certain, THREE) == 1
    assert math.isnan(accuracy(np.where(certain == 0, np.nan, 1.0), THREE))


def test_f1_counts_each_class_that_is_predicted_or_there() -> None:
    assert metric("f1", np.array([7, 2, 1, 9]), THREE) == pytest.approx((0 + 1 + 2 / 3 + 0 + 0) / 5)
    assert metric("f1", np.array([0, 0, 0, 0]), TWO) == 0


def test_f1_is_of_class_1_or_the_mean_over_classes() -> None:
    assert metric("f1", np.array([1, 1, 1, 0]), TWO) == pytest.approx(2 * 2 / (3 + 2))
    each = [2 * 1 / (1 + 2), 2 * 1 / (1 + 1), 2 * 1 / (1 + 2)]
    got = metric("f1", np.array([0, 2, 1, 0]), THREE)
    assert got == pytest.approx(np.mean([2 / 3, 1.0, 2 / 3]))
    assert got == pytest.approx(np.mean(each))


STEPS = (Threshold(above=0.9, fraction=1), Threshold(above=0.8, fraction=0.5))


def test_a_goal_is_reached_in_steps_or_along_a_line() -> None:
    steps = Goal(name="accuracy", thresholds=STEPS, upwards=True)
    assert [steps.fraction(one) for one in (0.95, 0.9, 0.85, 0.8, math.nan)] == [1, 0.5, 0.5, 0, 0]
    line = Goal(name="accuracy", thresholds=STEPS, upwards=True, linear=True)
    found = [line.fraction(one) for one in (0.95, 0.875, 0.79)]
    assert found == pytest.approx([1, 0.875, 0])
    down = (Threshold(below=1, fraction=1), Threshold(below=5, fraction=0))
    error = Goal(name="error", thresholds=down, linear=True)
    assert [error.fraction(one) for one in (0.5, 2, 4, 6)] == pytest.approx([1, 0.75, 0.25, 0])
    assert error.words(0.5) == "The error is 0.5, below 1"
    assert steps.words(0.85) == "The accuracy is 0.85, not above 0.9"


@pytest.mark.parametrize("wrong", [{}, {"above": 1, "below": 2}, {"above": 1, "fraction": 2}])
def test_a_threshold_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="threshold"):
        Threshold(**{"fraction": 1, **wrong})
