"""The reference for automatic differentiation by hand; run only in a sandbox.

Names that submissions have too mean what they mean there. `neuron_loss` and `layer_loss` are the
oracles: autograd through them gives the gradients. `model` is left unfitted, because this file
runs for every attempt.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

import torch
from torch import Tensor, nn

# -- dual numbers ------------------------------------------------------------------------------


class Dual:
    """real + dual * eps, where eps * eps is 0: a value, and its derivative beside it."""

    def __init__(self, real: float, dual: float = 0.0) -> None:
        self.real, self.dual = real, dual

    @staticmethod
    def of(value: Dual | float) -> Dual:
        """A number is a constant, and the derivative of a constant is 0."""
        return value if isinstance(value, Dual) else Dual(value)

    def __add__(self, other: Dual | float) -> Dual:
        other = Dual.of(other)
        return Dual(self.real + other.real, self.dual + other.dual)

    def __sub__(self, other: Dual | float) -> Dual:
        other = Dual.of(other)
        return Dual(self.real - other.real, self.dual - other.dual)

    def __mul__(self, other: Dual | float) -> Dual:
        other = Dual.of(other)
        return Dual(self.real * other.real, self.dual * other.real + self.real * other.dual)

    def __truediv__(self, other: Dual | float) -> Dual:
        other = Dual.of(other)
        above = self.dual * other.real - self.real * other.dual
        return Dual(self.real / other.real, above / other.real**2)

    def __radd__(self, other: float) -> Dual:
        return Dual(other) + self

    def __rsub__(self, other: float) -> Dual:
        return Dual(other) - self

    def __rmul__(self, other: float) -> Dual:
        return Dual(other) * self

    def __rtruediv__(self, other: float) -> Dual:
        return Dual(other) / self


def sin(x: Dual) -> Dual:
    return Dual(math.sin(x.real), math.cos(x.real) * x.dual)


def exp(x: Dual) -> Dual:
    return Dual(math.exp(x.real), math.exp(x.real) * x.dual)


def log(x: Dual) -> Dual:
    return Dual(math.log(x.real), x.dual / x.real)


_OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
_FUNCTIONS = {"sin": sin, "exp": exp, "log": log}

Parts = list[float] | float  # of a dual number, or a number


def _number(value: Parts) -> Dual | float:
    return Dual(*value) if isinstance(value, list) else value


def _parts(value: Dual | float) -> Parts:
    return [value.real, value.dual] if isinstance(value, Dual) else value


def calculated(signs: str, left: Parts, right: Parts) -> dict[str, Parts]:
    """The result for each sign, and the two numbers as they are afterwards."""
    a, b = _number(left), _number(right)
    found = {sign: _parts(_OPERATIONS[sign](a, b)) for sign in signs}
    return {**found, "left": _parts(a), "right": _parts(b)}


def applied(name: str, x: list[float]) -> Parts:
    """sin, exp or log of a dual number."""
    return _parts(_FUNCTIONS[name](Dual(*x)))


def heron(a: Dual | float) -> Dual | float:
    """Eight steps of x = (x + a / x) / 2 from x = 1, towards the square root of `a` > 0."""
    x: Dual | float = 1.0
    for _ in range(8):
        x = (x + a / x) / 2
    return x


def root_and_slope(a: float) -> tuple[float, float]:
    """What `heron` makes of `a` > 0, and the derivative of that."""
    root = Dual.of(heron(Dual(a, 1.0)))
    return root.real, root.dual


# -- a computational graph ---------------------------------------------------------------------


class Node:
    """A value in a graph: what it was made from, and with which slopes."""

    def __init__(self, value: float, edges: tuple[tuple[Node, float], ...] = ()) -> None:
        self.value, self.edges, self.grad = value, edges, 0.0

    def __add__(self, other: Node) -> Node:
        return Node(self.value + other.value, ((self, 1.0), (other, 1.0)))

    def __sub__(self, other: Node) -> Node:
        return Node(self.value - other.value, ((self, 1.0), (other, -1.0)))

    def __mul__(self, other: Node) -> Node:
        return Node(self.value * other.value, ((self, other.value), (other, self.value)))

    def sigmoid(self) -> Node:
        s = 1 / (1 + math.exp(-self.value))
        return Node(s, ((self, s * (1 - s)),))

    def backward(self) -> None:
        """Set `grad` of this node and of all that it was made from: the sum over all paths."""
        order: list[Node] = []
        self._sort(order, set())
        for node in order:
            node.grad = 0.0
        self.grad = 1.0
        for node in reversed(order):
            for source, slope in node.edges:
                source.grad += slope * node.grad

    def _sort(self, order: list[Node], seen: set[Node]) -> None:
        """Append this node after all that it was made from."""
        if self not in seen:
            seen.add(self)
            for source, _ in self.edges:
                source._sort(order, seen)
            order.append(self)


def branches(a: float, b: float, c: float, d: float) -> list[float]:
    """A graph in which every node is used once: the result, and its derivatives."""
    nodes = [Node(a), Node(b), Node(c), Node(d)]
    result = (nodes[0] * nodes[1] - nodes[2] + nodes[3]).sigmoid()
    result.backward()
    return [result.value, *(node.grad for node in nodes)]


def diamond(a: float, b: float) -> list[float]:
    """One in which nodes are used several times: the result, its derivatives for a, b and a * b."""
    first, second = Node(a), Node(b)
    product = first * second
    total = product + first
    result = total * total + product * second
    result.backward()
    return [result.value, first.grad, second.grad, product.grad]


def neuron_graph(x: list[float], w: list[float], b: float, y: float) -> list[float]:
    """The loss of one neuron, and its derivatives for the three weights and the bias."""
    weights, bias = [Node(one) for one in w], Node(b)
    z = bias
    for weight, one in zip(weights, x, strict=True):
        z = z + weight * Node(one)
    error = z.sigmoid() - Node(y)
    loss = error * error
    loss.backward()
    return [loss.value, *(weight.grad for weight in weights), bias.grad]


# -- the same by hand --------------------------------------------------------------------------

Slope = Callable[[Tensor], Tensor]


def neuron(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """x (n, 3), w (3,), b (1,) -> (n,)."""
    return torch.sigmoid(x @ w + b)


def neuron_loss(x: Tensor, w: Tensor, b: Tensor, y: Tensor) -> Tensor:
    """What `neuron_gradients` differentiates."""
    return (neuron(x, w, b) - y).square().sum()


def _bell(s: Tensor) -> Tensor:
    """The slope of the sigmoid, in terms of its result."""
    return s * (1 - s)


def _neuron_backwards(
    x: Tensor,
    w: Tensor,
    b: Tensor,
    y: Tensor,
    error: Slope = lambda difference: 2 * difference,
    slope: Slope = _bell,
) -> tuple[Tensor, Tensor]:
    """The chain rule with exchangeable parts; the defaults are right."""
    s = neuron(x, w, b)
    z_grad = error(s - y) * slope(s)
    return z_grad @ x, z_grad.sum(dim=0, keepdim=True)


def neuron_gradients(x: Tensor, w: Tensor, b: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients for w (3,) and b (1,)."""
    return _neuron_backwards(x, w, b, y)


_POINT = (
    torch.tensor([[0.1, 0.15, 0.2]]),
    torch.tensor([0.5, -0.3, 0.8]),
    torch.tensor([0.1]),
    torch.tensor([1.0]),
)
point_loss = neuron_loss(*_POINT)
point_w_grad, _ = neuron_gradients(*_POINT)


def layer(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """x (3,), W (3, 4), b (4,) -> (4,)."""
    return torch.softmax(x @ W + b, dim=0)


def layer_loss(x: Tensor, W: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """What `layer_gradients` differentiates."""
    return (layer(x, W, b) - t).square().sum()


def _layer_backwards(
    x: Tensor, W: Tensor, b: Tensor, t: Tensor, back: Callable[[Tensor, Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """`back(p, p_grad)` leads from the probabilities back to the logits."""
    p = layer(x, W, b)
    z_grad = back(p, 2 * (p - t))
    return torch.outer(x, z_grad), z_grad


def layer_gradients(x: Tensor, W: Tensor, b: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients for W (3, 4) and b (4,)."""
    return _layer_backwards(x, W, b, t, lambda p, p_grad: p * (p_grad - p_grad @ p))


# Wrong on purpose: each is a mistake that the rubric knows by name.


def sigmoid_slope_missing(x: Tensor, w: Tensor, b: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return _neuron_backwards(x, w, b, y, slope=torch.ones_like)


def sigmoid_slope_of_output(x: Tensor, w: Tensor, b: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return _neuron_backwards(x, w, b, y, slope=lambda s: _bell(torch.sigmoid(s)))


def sigmoid_for_its_slope(x: Tensor, w: Tensor, b: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return _neuron_backwards(x, w, b, y, slope=lambda s: s)


def neuron_cross_entropy(x: Tensor, w: Tensor, b: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return _neuron_backwards(x, w, b, y, error=lambda d: d, slope=torch.ones_like)


def neuron_error_squared(x: Tensor, w: Tensor, b: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return _neuron_backwards(x, w, b, y, error=torch.square)


def input_missing(x: Tensor, w: Tensor, b: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    _, b_grad = neuron_gradients(x, w, b, y)
    return b_grad.expand(3), b_grad


def softmax_slope_missing(x: Tensor, W: Tensor, b: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    return _layer_backwards(x, W, b, t, lambda p, p_grad: p_grad)


def softmax_diagonal_only(x: Tensor, W: Tensor, b: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    return _layer_backwards(x, W, b, t, lambda p, p_grad: p * (1 - p) * p_grad)


def softmax_first_term_only(x: Tensor, W: Tensor, b: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    return _layer_backwards(x, W, b, t, lambda p, p_grad: p * p_grad)


def layer_cross_entropy(x: Tensor, W: Tensor, b: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    return _layer_backwards(x, W, b, t, lambda p, p_grad: p_grad / 2)


# -- tensors -----------------------------------------------------------------------------------


def below(a: Tensor, b: Tensor) -> Tensor:
    """(n, d), (m, d) -> (n + m, d)."""
    return torch.cat([a, b], dim=0)


def paired(a: Tensor, b: Tensor) -> Tensor:
    """(n, d), (n, d) -> (n, 2, d)."""
    return torch.stack([a, b], dim=1)


def tables(a: Tensor) -> Tensor:
    """(n, 6) -> (n, 2, 3)."""
    return torch.reshape(a, (len(a), 2, 3))


def without_channel(a: Tensor) -> Tensor:
    """(n, 1, d) -> (n, d), also where n or d is 1."""
    return torch.squeeze(a, dim=1)


def differences(v: Tensor) -> Tensor:
    """(n,) -> (n, n): v[i] - v[j] at [i, j]."""
    return torch.unsqueeze(v, 1) - torch.unsqueeze(v, 0)


# -- a feedforward network ---------------------------------------------------------------------


class FeedForward(nn.Module):
    """(n, inputs) -> (n, outputs), logits."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def make_points(n: int) -> tuple[Tensor, Tensor]:
    """n points of 6 numbers each, shape (n, 6), in 3 classes, shape (n,)."""
    y = torch.arange(n) % 3
    corners = torch.tensor(
        [
            [2.0, 0.0, 0.0, 2.0, 0.0, 0.0],
            [0.0, 2.0, 0.0, 0.0, 2.0, 0.0],
            [0.0, 0.0, 2.0, 0.0, 0.0, 2.0],
        ]
    )
    return corners[y] * (torch.randint(0, 2, (n, 1)) * 2 - 1) + 0.5 * torch.randn(n, 6), y


torch.manual_seed(0)
X, Y = make_points(120)
model = FeedForward(6, 16, 3)
