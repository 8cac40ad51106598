"""The reference for a two-layer network with gradients by hand; run only in a sandbox.

Names that submissions have too (X, Y, W1, B1, W2, B2, forward, backprop, ToyModel, model) mean
what they mean there. `loss` is a function here: autograd through it is the oracle for gradients.
`model` is left unfitted, because this file runs for every attempt.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Gradients = tuple[Tensor, Tensor, Tensor, Tensor]
Slope = Callable[[Tensor], Tensor]


def generate_data(N: int) -> tuple[Tensor, Tensor]:
    """N points, shape (N, 3), and two labels for each, 0 or 1, shape (N, 2)."""
    X = torch.randn(N, 3)
    first, second, third = X.unbind(dim=1)
    folded = first + torch.sign(third) * second
    Y = (torch.stack([folded.abs(), X.norm(dim=1)], dim=1) > 1.33).float()
    return X, Y


torch.manual_seed(0)
X, Y = generate_data(20)
W1 = 0.2 * torch.randn(3, 4)
B1 = 0.2 * torch.randn(1, 4)
W2 = 0.2 * torch.randn(4, 2)
B2 = 0.2 * torch.randn(1, 2)


def forward(x: Tensor) -> Tensor:
    """The network's output for a batch: (n, 3) -> (n, 2)."""
    return torch.sigmoid(torch.relu(x @ W1 + B1) @ W2 + B2)


def loss(x: Tensor) -> Tensor:
    """Squared errors summed over the batch: what `backprop` differentiates."""
    return (forward(x) - Y).square().sum()


def _step(z: Tensor) -> Tensor:
    """The slope of relu; 1 at the kink."""
    return (z >= 0).to(z.dtype)


def _bell(z: Tensor) -> Tensor:
    """The slope of the sigmoid."""
    return torch.sigmoid(z) * (1 - torch.sigmoid(z))


def _pulled_back(
    x: Tensor,
    error: Callable[[Tensor], Tensor] = lambda difference: 2 * difference,
    sigmoid_slope: Slope = _bell,
    relu_slope: Slope = _step,
    relu_backward: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Gradients:
    """The chain rule with exchangeable parts; the defaults are right.

    `relu_backward(z1, h_grad)` replaces the product of `h_grad` and `relu_slope(z1)` as a whole.
    """
    z1 = x @ W1 + B1
    h = torch.relu(z1)
    z2 = h @ W2 + B2
    z2_grad = error(torch.sigmoid(z2) - Y) * sigmoid_slope(z2)
    h_grad = z2_grad @ W2.T
    z1_grad = relu_backward(z1, h_grad) if relu_backward else h_grad * relu_slope(z1)
    return x.T @ z1_grad, z1_grad.sum(dim=0), h.T @ z2_grad, z2_grad.sum(dim=0)


def backprop(x: Tensor) -> Gradients:
    """Gradients of `loss(x)` for W1 (3, 4), B1 (4,), W2 (4, 2) and B2 (2,)."""
    return _pulled_back(x)


# Wrong on purpose: each is a mistake that the rubric knows by name.


def sigmoid_derivative_missing(x: Tensor) -> Gradients:
    return _pulled_back(x, sigmoid_slope=torch.ones_like)


def sigmoid_derivative_of_output(x: Tensor) -> Gradients:
    return _pulled_back(x, sigmoid_slope=lambda z: _bell(torch.sigmoid(z)))


def sigmoid_derivative_without_sigmoid(x: Tensor) -> Gradients:
    return _pulled_back(x, sigmoid_slope=lambda z: z * (1 - z))


def sigmoid_in_place_of_derivative(x: Tensor) -> Gradients:
    return _pulled_back(x, sigmoid_slope=torch.sigmoid)


def cross_entropy_gradient(x: Tensor) -> Gradients:
    return _pulled_back(x, error=lambda difference: difference, sigmoid_slope=torch.ones_like)


def error_squared(x: Tensor) -> Gradients:
    return _pulled_back(x, error=torch.square)


def relu_derivative_missing(x: Tensor) -> Gradients:
    return _pulled_back(x, relu_slope=torch.ones_like)


def relu_in_place_of_derivative(x: Tensor) -> Gradients:
    return _pulled_back(x, relu_slope=torch.relu)


def relu_mask_inverted(x: Tensor) -> Gradients:
    return _pulled_back(x, relu_slope=lambda z: _step(-z))


def relu_mask_from_gradient(x: Tensor) -> Gradients:
    return _pulled_back(x, relu_backward=lambda z1, h_grad: h_grad * _step(h_grad))


class ToyModel(nn.Module):
    """The same network as a module: (n, 3) -> (n, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


model = ToyModel()
