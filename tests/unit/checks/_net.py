"""The network of the tests in numpy: 3 inputs, 4 hidden nodes with relu, 2 outputs with sigmoid.

Each function takes the bound globals and the batch, as `_play` has it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.unit.checks._play import Model, Player

Globals = dict[str, np.ndarray]

INPUTS: dict[str, Any] = {
    "X": {"normal": ["N", 3]},
    "W1": {"normal": [3, 4]},
    "B1": {"normal": [1, 4]},
    "W2": {"normal": [4, 2]},
    "B2": {"normal": [1, 2]},
}
NAMES = ("W1", "B1", "W2", "B2")


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(z / 2)  # without an overflow


def relu(z: np.ndarray) -> np.ndarray:
    return np.maximum(z, 0)


def forward(g: Globals, x: np.ndarray) -> np.ndarray:
    return sigmoid(relu(x @ g["W1"] + g["B1"]) @ g["W2"] + g["B2"])


def gradients(g: Globals, x: np.ndarray, **parts: Any) -> Globals:
    """The gradients of the sum of squared errors, in their parameters' shapes.

    `parts` replaces steps on the way back: `sigmoid_slope`, `relu_slope` (functions of z) and
    `to_hidden`, which takes the gradients of y_hat and of z2 to that of the hidden layer.
    """
    z1 = x @ g["W1"] + g["B1"]
    h = relu(z1)
    z2 = h @ g["W2"] + g["B2"]
    slope = parts.get("sigmoid_slope", lambda z: sigmoid(z) * (1 - sigmoid(z)))
    y_grad = 2 * (sigmoid(z2) - g["Y"])
    z2_grad = y_grad * slope(z2)
    h_grad = parts.get("to_hidden", lambda _, later: later @ g["W2"].T)(y_grad, z2_grad)
    z1_grad = h_grad * parts.get("relu_slope", lambda z: z >= 0)(z1)
    return {
        "W1": x.T @ z1_grad,
        "B1": z1_grad.sum(0, keepdims=True),
        "W2": h.T @ z2_grad,
        "B2": z2_grad.sum(0, keepdims=True),
    }


def backprop(g: Globals, x: np.ndarray, **parts: Any) -> tuple[np.ndarray, ...]:
    return tuple(gradients(g, x, **parts).values())


def weights(seed: int = 0) -> list[np.ndarray]:
    """Random parameters in the shapes that nn.Linear has."""
    rng = np.random.default_rng(seed)
    shapes = [(4, 3), (4,), (2, 4), (2,)]
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


def run(w: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """The network with parameters as nn.Linear has them."""
    return sigmoid(relu(x @ w[0].T + w[1]) @ w[2].T + w[3])


def model(values: list[np.ndarray] | None = None, **more: Any) -> Model:
    """A right model, or one that differs by `more`."""
    names = ["0.weight", "0.bias", "2.weight", "2.bias"]
    held = weights() if values is None else values
    fields = {"parameters": dict(zip(names, held, strict=True)), "forward": run, **more}
    return Model(**fields)


def reference(**more: Any) -> Player:
    """The reference: all that the checks of the tests ask it."""
    functions = {"forward": forward, "backprop": backprop, **more.pop("functions", {})}
    fields = {"gradients": gradients, "classes": {"ToyModel": model}, **more}
    return Player(functions=functions, **fields)
