"""How good predictions are: numbers that the grader computes itself, from plain arrays.

Predictions come in many forms (logits, probabilities, classes; with or without a second
dimension). What form they have is told by the rubric, or by the numbers themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from grader.checks.arrays import Array
from grader.checks.numbers.compare import fitted
from grader.checks.numbers.losses import loss

Metric = Literal[
    "mean_squared_error",
    "mean_absolute_error",
    "root_mean_squared_error",
    "r2",
    "cross_entropy",
    "binary_cross_entropy",
    "f1",
    "perplexity",
]
Outputs = Literal["auto", "logits", "probabilities", "classes"]
UPWARDS = frozenset({"r2", "f1"})  # the higher, the better
_SUMS_TO_ONE = 1e-3


class Unfit(ValueError):
    """The predictions are not of a form that the number can be computed from; says why."""


def metric(name: Metric, predictions: Array, targets: Array, outputs: Outputs = "auto") -> float:
    """The metric called `name`, both arrays rows first; NaN where predictions are not finite.

    f1 is that of class 1 where there are two classes, otherwise the mean over the classes; r2 the
    share of the variance that is explained; perplexity e to the power of the cross entropy.
    Raises Unfit.
    """
    if not np.isfinite(_wide(predictions)).all():
        return math.nan
    with np.errstate(all="ignore"):
        return float(_METRICS[name](_wide(predictions), targets, outputs))


def accuracy(predictions: Array, targets: Array, outputs: Outputs = "auto") -> float:
    """The share of rows whose class is right; NaN where a prediction is none.

    Raises Unfit.
    """
    if np.isnan(_wide(predictions)).any():  # an infinite score is one: the logarithm of nothing
        return math.nan
    truth = classes_of_targets(targets)
    with np.errstate(all="ignore"):
        return float(np.mean(classes(_wide(predictions), truth, outputs) == truth))


def classes_of_targets(targets: Array) -> Array:
    """The class of each row, of indices in one dimension or two, or of rows with a single 1."""
    if targets.ndim == 2 and targets.shape[1] > 1:
        found: Array = targets.argmax(axis=1)
        return found
    if targets.ndim > 2 or targets.size != len(targets) or (targets != np.rint(targets)).any():
        raise Unfit("the targets are no classes")
    return targets.reshape(-1).astype(np.int64)


def classes(predictions: Array, truth: Array, outputs: Outputs) -> Array:
    """The class that each row of the predictions means; `truth` is that of each row."""
    rows = _rows(predictions)
    if len(rows) != len(truth):
        raise Unfit(f"there are {len(rows)} predictions for {len(truth)} rows")
    if rows.ndim == 2:
        if rows.shape[1] <= truth.max():
            raise Unfit(f"each row has {rows.shape[1]} scores; there are {truth.max() + 1} classes")
        found: Array = rows.argmax(axis=1)
        return found
    whole = (rows == np.rint(rows)).all()
    if truth.max() > 1:
        if not whole or outputs in ("logits", "probabilities"):
            raise Unfit("each row has one number that is no class; a score for each was expected")
        return rows.astype(np.int64)
    if outputs == "classes" or (outputs == "auto" and whole and np.isin(rows, (0, 1)).all()):
        return rows.astype(np.int64)
    return np.asarray(rows > (0.0 if _are_logits(rows, outputs) else 0.5)).astype(np.int64)


def _rows(predictions: Array) -> Array:
    """(rows,) or (rows, scores), without further dimensions of 1."""
    if not predictions.ndim:
        raise Unfit("the result is a single number, not one prediction for each row")
    kept = [size for size in predictions.shape[1:] if size != 1]
    if len(kept) > 1:
        raise Unfit(f"the predictions have shape {predictions.shape}")
    return predictions.reshape(len(predictions), *kept)


def _are_logits(scores: Array, outputs: Outputs) -> bool:
    """Whether single scores are logits and not probabilities."""
    if outputs == "auto":
        return bool(((scores < 0) | (scores > 1)).any())
    return outputs == "logits"


def _fitted(predictions: Array, targets: Array) -> tuple[Array, Array]:
    """Both in one shape: they may differ in dimensions of 1, and are never broadcast."""
    found = fitted(predictions, targets.shape)
    if found.shape != targets.shape:
        raise Unfit(f"the predictions have shape {found.shape}, the targets {targets.shape}")
    return found, targets.astype(np.float64)


def _mean_squared_error(predictions: Array, targets: Array, _: Outputs) -> float:
    return loss("mean_squared_error", *_fitted(predictions, targets))


def _root_mean_squared_error(predictions: Array, targets: Array, outputs: Outputs) -> float:
    return math.sqrt(_mean_squared_error(predictions, targets, outputs))


def _mean_absolute_error(predictions: Array, targets: Array, _: Outputs) -> float:
    got, want = _fitted(predictions, targets)
    return float(np.abs(got - want).mean())


def _r2(predictions: Array, targets: Array, _: Outputs) -> float:
    """1 minus the squared errors over those of always predicting the targets' mean."""
    got, want = _fitted(predictions, targets)
    return 1 - float(((got - want) ** 2).sum() / ((want - want.mean(axis=0)) ** 2).sum())


def _binary_cross_entropy(predictions: Array, targets: Array, outputs: Outputs) -> float:
    got, want = _fitted(predictions, targets)
    if _are_logits(got, outputs):
        return float(np.mean(np.logaddexp(0, got) - want * got))
    if ((got < 0) | (got > 1)).any():
        raise Unfit("the predictions are no probabilities")
    return loss("binary_cross_entropy", got, want)


def _cross_entropy(predictions: Array, targets: Array, outputs: Outputs) -> float:
    scores, truth = _scores(predictions, targets)
    if _are_shares(scores, outputs):
        scores = np.log(np.maximum(scores, np.finfo(np.float64).tiny))
    try:
        return loss("cross_entropy", scores, truth)
    except ValueError as error:
        raise Unfit(str(error)) from None


def _scores(predictions: Array, targets: Array) -> tuple[Array, Array]:
    """Scores (rows, classes) and a class for each, of sequences too.

    Of a batch of sequences the classes may come last, or second as PyTorch's loss takes them.
    """
    if targets.ndim == 2 and targets.shape[1] > 1 and targets.shape == predictions.shape:
        return predictions, targets.argmax(axis=1)
    shape = targets.shape
    if targets.ndim == 2 and shape[1] == 1:
        shape = shape[:1]
    if predictions.ndim == len(shape) + 1 and predictions.shape[:-1] != shape:
        predictions = np.moveaxis(predictions, 1, -1)
    if predictions.shape[:-1] != shape or not predictions.size:
        raise Unfit(f"the predictions have shape {predictions.shape}, the targets {targets.shape}")
    return predictions.reshape(-1, predictions.shape[-1]), targets.reshape(-1)


def _are_shares(scores: Array, outputs: Outputs) -> bool:
    """Whether each row holds probabilities and not logits."""
    if outputs != "auto":
        return outputs == "probabilities"
    return bool((scores >= 0).all() and (np.abs(scores.sum(axis=-1) - 1) < _SUMS_TO_ONE).all())


def _perplexity(predictions: Array, targets: Array, outputs: Outputs) -> float:
    return float(np.exp(_cross_entropy(predictions, targets, outputs)))


def _f1(predictions: Array, targets: Array, outputs: Outputs) -> float:
    """2 TP / (2 TP + FP + FN) of a class."""
    truth = classes_of_targets(targets)
    got = classes(predictions, truth, outputs)
    scored, which = np.unique(np.concatenate([got, truth]), return_inverse=True)
    hits = np.bincount(which[: len(got)][got == truth], minlength=len(scored))
    scores = 2 * hits / np.bincount(which)
    if truth.max() <= 1:
        return float(scores[scored == 1].sum())
    return float(scores.mean())


def _wide(array: Array) -> Array:
    return array.astype(np.float64)


_METRICS: dict[Metric, Callable[[Array, Array, Outputs], float]] = {
    "mean_squared_error": _mean_squared_error,
    "mean_absolute_error": _mean_absolute_error,
    "root_mean_squared_error": _root_mean_squared_error,
    "r2": _r2,
    "cross_entropy": _cross_entropy,
    "binary_cross_entropy": _binary_cross_entropy,
    "f1": _f1,
    "perplexity": _perplexity,
}
