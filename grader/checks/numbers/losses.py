"""Losses that the grader computes itself, as PyTorch defines them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from grader.checks.arrays import Array

Loss = Literal["sum_squared_error", "mean_squared_error", "binary_cross_entropy", "cross_entropy"]


def loss(name: Loss, predictions: Array, targets: Array) -> float:
    """The loss of `predictions` (batch first) for `targets`; NaN or inf where they are.

    Raises ValueError where the shapes are not those that the loss needs: equal ones, and for
    `cross_entropy` logits of shape (batch, classes) for integer targets of shape (batch,).
    """
    with np.errstate(all="ignore"):
        return float(_LOSSES[name](predictions.astype(np.float64), targets))


def _sum_squared_error(predictions: Array, targets: Array) -> float:
    return float(np.sum(_differences(predictions, targets) ** 2))


def _mean_squared_error(predictions: Array, targets: Array) -> float:
    return float(np.mean(_differences(predictions, targets) ** 2))


def _binary_cross_entropy(predictions: Array, targets: Array) -> float:
    _differences(predictions, targets)
    # torch clamps the logarithms at -100, so that a certain and wrong prediction stays finite.
    yes, no = np.maximum(np.log(predictions), -100), np.maximum(np.log1p(-predictions), -100)
    return float(-np.mean(targets * yes + (1 - targets) * no))


def _cross_entropy(predictions: Array, targets: Array) -> float:
    if predictions.ndim != 2 or targets.shape != predictions.shape[:1]:
        raise ValueError(f"cross entropy of {predictions.shape} for {targets.shape}")
    classes = targets.astype(np.int64)
    if classes.size == 0 or classes.min() < 0 or classes.max() >= predictions.shape[1]:
        raise ValueError("a target is not one of the classes")
    shifted = predictions - predictions.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return float(np.mean(log_sum - shifted[np.arange(len(classes)), classes]))


def _differences(predictions: Array, targets: Array) -> Array:
    if predictions.shape != targets.shape or not predictions.size:
        raise ValueError(f"predictions of {predictions.shape} for targets of {targets.shape}")
    return predictions - targets


_LOSSES: dict[Loss, Callable[[Array, Array], float]] = {
    "sum_squared_error": _sum_squared_error,
    "mean_squared_error": _mean_squared_error,
    "binary_cross_entropy": _binary_cross_entropy,
    "cross_entropy": _cross_entropy,
}
