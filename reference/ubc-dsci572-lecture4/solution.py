"""The reference for tensors and networks that fit data; run only in a sandbox.

Names that submissions have too mean what they mean there. The models are not trained here, because
this file runs for every attempt. Functions below the line are wrong on purpose.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn


def mse(X: Tensor, w: Tensor, y: Tensor) -> Tensor:
    """The mean squared error of w * x: scalar. Also what `mse_gradient` is the gradient of."""
    return (X * w - y).square().mean()


def mse_gradient(X: Tensor, w: Tensor, y: Tensor) -> Tensor:
    """The gradient of `mse` for w, shape (1,)."""
    return 2 * ((X * w - y) * X).mean().reshape(1)


def _epoch(X: Tensor, y: Tensor, *, table: bool = False, keep: float = 0.0) -> list[Tensor]:
    """Weight and bias of a line after each batch of five, by steps of 0.1.

    `table` takes every result with every target; `keep` is how much of a gradient stays.
    """
    weights, slope, steps = torch.zeros(2, dtype=X.dtype), torch.zeros(2, dtype=X.dtype), []
    for x, target in zip(X.split(5), y.split(5), strict=True):
        design = torch.cat([x, torch.ones_like(x)], dim=1)
        error = design @ weights - (target.mean() if table else target)
        slope = keep * slope + 2 * (design * error[:, None]).mean(dim=0)
        weights = weights - 0.1 * slope
        steps.append(weights)
    return steps


def weights_after(X: Tensor, y: Tensor) -> Tensor:
    return _epoch(X, y)[-1]


def least_squares(X: Tensor, y: Tensor) -> Tensor:
    """Intercept and weights of the best plane, shape (d + 1,)."""
    design = torch.cat([X.new_ones(len(X), 1), X], dim=1).double()
    return torch.linalg.pinv(design).matmul(y.double()).float()


def probability(logits: Tensor) -> Tensor:
    return torch.sigmoid(logits)


def predicted_class(logits: Tensor) -> Tensor:
    return (logits > 0).long()


def class_probabilities(logits: Tensor) -> Tensor:
    return torch.softmax(logits, dim=1)


def best_class(logits: Tensor) -> Tensor:
    return logits.argmax(dim=1)


class linearRegression(nn.Module):
    def __init__(self, input_size: int, output_size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, output_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)


class _Layers(nn.Module):
    """Linear layers of these sizes with an activation between any two."""

    def __init__(self, activation: type[nn.Module], *sizes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), activation()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class nonlinRegression(_Layers):
    def __init__(self, *sizes: int) -> None:
        super().__init__(nn.Sigmoid, *sizes)


class deepRegression(_Layers):
    def __init__(self, *sizes: int) -> None:
        super().__init__(nn.Sigmoid, *sizes)


class binaryClassifier(_Layers):
    def __init__(self, *sizes: int) -> None:
        super().__init__(nn.ReLU, *sizes)


class multiClassifier(_Layers):
    def __init__(self, *sizes: int) -> None:
        super().__init__(nn.ReLU, *sizes)


# The starter's data, drawn in the starter's order.

rng = np.random.default_rng(572)


def _tensors(x: object, y: object) -> tuple[Tensor, Tensor]:
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


_x = rng.normal(size=200)
_y = 45.5 * _x - 7.7 + 10 * rng.normal(size=200)
X1, y1 = _tensors(_x[:, None], _y)
y1_column = y1[:, None]

_table = np.loadtxt("three_features.csv", delimiter=",", skiprows=1)
X3, y3 = _tensors(_table[:, :3], _table[:, 3])
y3_column = y3[:, None]

# What models are tried on: from the same distributions, and not from the same stream.

_held_out = np.random.default_rng(4)


def _circles(n: int) -> tuple[Tensor, Tensor]:
    inside = np.arange(n) % 2
    angle = _held_out.uniform(0, 2 * np.pi, n)
    radius = np.where(inside == 1, 0.5, 1.0)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return _tensors(points + 0.1 * _held_out.normal(size=(n, 2)), inside)


def _blobs(n: int) -> tuple[Tensor, Tensor]:
    centres = np.array([[-1.0, 0.9], [-0.9, -0.9], [0.2, 0.0], [1.0, 0.8]])
    label = np.arange(n) % 4
    points, _ = _tensors(centres[label] + 0.2 * _held_out.normal(size=(n, 2)), 0)
    return points, torch.tensor(label)


_x = _held_out.uniform(-2, 2, 400)
X_curve_test, y_curve_test = _tensors(_x[:, None], _x**2 + 15 * np.sin(_x) ** 3)

X_circles_test, y_circles_test = _circles(600)
X_blobs_test, y_blobs_test = _blobs(600)


# Wrong on purpose: each is a mistake that the rubric knows by name.


def gradient_without_input(X: Tensor, w: Tensor, y: Tensor) -> Tensor:
    return 2 * (X * w - y).mean().reshape(1)


def gradient_of_errors(X: Tensor, w: Tensor, y: Tensor) -> Tensor:
    return 2 * ((X * w - y).square() * X).mean().reshape(1)


def gradient_without_two(X: Tensor, w: Tensor, y: Tensor) -> Tensor:
    return mse_gradient(X, w, y) / 2


def gradient_of_sum(X: Tensor, w: Tensor, y: Tensor) -> Tensor:
    return mse_gradient(X, w, y) * len(X)


def gradient_with_other_sign(X: Tensor, w: Tensor, y: Tensor) -> Tensor:
    return -mse_gradient(X, w, y)


def weights_by_table(X: Tensor, y: Tensor) -> Tensor:
    return _epoch(X, y, table=True)[-1]


def weights_without_clearing(X: Tensor, y: Tensor) -> Tensor:
    return _epoch(X, y, keep=1.0)[-1]


def weights_of_one_batch(X: Tensor, y: Tensor) -> Tensor:
    return _epoch(X, y)[0]


def weights_at_zero(X: Tensor, y: Tensor) -> Tensor:
    return torch.zeros(2)


def least_squares_without_intercept(X: Tensor, y: Tensor) -> Tensor:
    return torch.linalg.pinv(X.double()).matmul(y.double()).float()


def least_squares_intercept_last(X: Tensor, y: Tensor) -> Tensor:
    return least_squares(X, y).roll(-1)


def softmax_over_rows(logits: Tensor) -> Tensor:
    return torch.softmax(logits, dim=0)


def class_by_logit(logits: Tensor) -> Tensor:
    return (logits > 0.5).long()


def greatest_logit(logits: Tensor) -> Tensor:
    return logits.max(dim=1).values
