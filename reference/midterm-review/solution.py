"""The reference for the review; run only in a sandbox.

Names that submissions have too mean what they mean there. Functions below the line are wrong on
purpose.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def kinship(t: Tensor) -> Tensor:
    """Of eight tensors made from t, the first four are t itself and views of it."""
    return torch.tensor([1.0] * 4 + [0.0] * 4)


def top_right(a: Tensor) -> Tensor:
    rows, columns = a.shape
    return a[: rows // 2, columns // 2 :]


def multiples_of_four(a: Tensor) -> Tensor:
    column = a[:, 3]
    return column[column.remainder(4) == 0]


def half_norm(A: Tensor, x: Tensor) -> Tensor:
    """f(x), scalar. Also what `norm_gradient` is the gradient of."""
    return (A @ x).square().sum() / 2


def norm_gradient(A: Tensor, x: Tensor) -> Tensor:
    return A.T @ (A @ x)


def node_values(x: Tensor, y: Tensor) -> Tensor:
    """w1 to w8, shape (8,)."""
    product = x * y
    cosine = torch.cos(product)
    square, logarithm = cosine * cosine, torch.log(cosine)
    result = 2 * square + logarithm
    return torch.stack([x, y, product, cosine, square, 2 * square, logarithm, result])


def _walked_back(
    x: Tensor,
    y: Tensor,
    of_square: float = 1.0,
    of_logarithm: float = 1.0,
    slope: float = -1.0,
    swapped: bool = False,
) -> Tensor:
    """The adjoints with exchangeable parts; the defaults are right.

    `of_square` and `of_logarithm` weigh the two paths from w4, `slope` is the sign of cos'.
    """
    one = torch.ones_like(x)
    w3 = x * y
    w4 = torch.cos(w3)
    to_w4 = of_square * 4 * w4 + of_logarithm / w4
    to_w3 = slope * torch.sin(w3) * to_w4
    first, second = (x, y) if swapped else (y, x)
    return torch.stack([to_w3 * first, to_w3 * second, to_w3, to_w4, 2 * one, one, one, one])


def adjoints(x: Tensor, y: Tensor) -> Tensor:
    """The derivatives of w8 for w1 to w8, shape (8,)."""
    return _walked_back(x, y)


class LogisticRegression(nn.Module):
    def __init__(self, N: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(N))
        self.b = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x @ self.w + self.b)


_CENTRE = torch.tensor([-1.0, 1.0])


def laid_out(N: int, sigma: float) -> Tensor:
    """Points and labels of both classes, shape (2 N, 3)."""
    label = torch.cat([torch.ones(N), torch.zeros(N)])
    centre = torch.where(label[:, None] == 1, _CENTRE, -_CENTRE)
    return torch.cat([centre + sigma * torch.randn(2 * N, 2), label[:, None]], dim=1)


def spread(N: int, sigma: float) -> Tensor:
    return torch.full((2, 2), float(sigma))


def drawn_again(N: int, sigma: float) -> Tensor:
    return torch.tensor(1.0)


def dealt_out(n: int, batch_size: int) -> Tensor:
    train, other = n * 6 // 10, n * 2 // 10
    batches = -(-train // batch_size)
    return torch.tensor([train, other, other, n, batches, 1.0, 1.0])


def accuracy_of(w: Tensor, points: Tensor, labels: Tensor) -> Tensor:
    return ((points @ w >= 0) == (labels == 1)).float().mean()


def _epochs(points: Tensor, labels: Tensor, *, rate: float = 0.5, keep: float = 0.0) -> Tensor:
    """The mean losses of two epochs in batches of four, from weights of zero.

    `keep` is how much of a gradient stays.
    """
    w, slope, means = torch.zeros_like(points[0]), torch.zeros_like(points[0]), []
    for _ in range(2):
        losses = []
        for x, label in zip(points.split(4), labels.split(4), strict=True):
            probability = torch.sigmoid(x @ w)
            losses.append(nn.functional.binary_cross_entropy(probability, label))
            slope = keep * slope + (probability - label) @ x / len(x)
            w = w - rate * slope
        means.append(torch.stack(losses).mean())
    return torch.stack(means)


def losses_of(points: Tensor, labels: Tensor) -> Tensor:
    return _epochs(points, labels)


# New points of the two classes, on which the trained model is tried.

torch.manual_seed(11)
_points = laid_out(1000, 1.5)
new_points, new_labels = _points[:, :2].contiguous(), _points[:, 2].contiguous()


# Wrong on purpose: each is a mistake that the rubric knows by name.


def kinship_by_first_element(t: Tensor) -> Tensor:
    return torch.tensor([1.0, 1.0] + [0.0] * 6)


def top_left(a: Tensor) -> Tensor:
    rows, columns = a.shape
    return a[: rows // 2, : columns // 2]


def bottom_right(a: Tensor) -> Tensor:
    rows, columns = a.shape
    return a[rows // 2 :, columns // 2 :]


def norm_not_squared(A: Tensor, x: Tensor) -> Tensor:
    return norm_gradient(A, x) / (A @ x).norm()


def gradient_of_sum(A: Tensor, x: Tensor) -> Tensor:
    return A.sum(dim=0)


def nodes_with_cosine_of_square(x: Tensor, y: Tensor) -> Tensor:
    values = node_values(x, y).clone()
    values[4] = torch.cos(values[2] ** 2)
    values[5] = 2 * values[4]
    values[7] = values[5] + values[6]
    return values


def nodes_with_log_of_square(x: Tensor, y: Tensor) -> Tensor:
    values = node_values(x, y).clone()
    values[6] = torch.log(values[4])
    values[7] = values[5] + values[6]
    return values


def nodes_with_common_log(x: Tensor, y: Tensor) -> Tensor:
    values = node_values(x, y).clone()
    values[6] = torch.log10(values[3])
    values[7] = values[5] + values[6]
    return values


def only_through_logarithm(x: Tensor, y: Tensor) -> Tensor:
    return _walked_back(x, y, of_square=0.0)


def only_through_square(x: Tensor, y: Tensor) -> Tensor:
    return _walked_back(x, y, of_logarithm=0.0)


def cosine_slope_positive(x: Tensor, y: Tensor) -> Tensor:
    return _walked_back(x, y, slope=1.0)


def product_slopes_swapped(x: Tensor, y: Tensor) -> Tensor:
    return _walked_back(x, y, swapped=True)


def square_slope_without_two(x: Tensor, y: Tensor) -> Tensor:
    return _walked_back(x, y, of_square=0.5)


def labels_swapped(N: int, sigma: float) -> Tensor:
    points = laid_out(N, sigma)
    return torch.cat([points[:, :2], 1 - points[:, 2:]], dim=1)


def centres_swapped(N: int, sigma: float) -> Tensor:
    return laid_out(N, sigma) * torch.tensor([-1.0, -1.0, 1.0])


def test_gets_the_rest(n: int, batch_size: int) -> Tensor:
    return torch.tensor([60, 20, n - 80, n, -(-60 // batch_size), 1.0, 1.0])


def never_shuffled(n: int, batch_size: int) -> Tensor:
    return dealt_out(n, batch_size) * torch.tensor([1, 1, 1, 1, 1, 0.0, 0.0])


def same_order_in_every_epoch(n: int, batch_size: int) -> Tensor:
    return dealt_out(n, batch_size) * torch.tensor([1, 1, 1, 1, 1, 0.0, 1.0])


def split_never_mixed(n: int, batch_size: int) -> Tensor:
    return dealt_out(n, batch_size) * torch.tensor([1, 1, 1, 1, 1, 1.0, 0.0])


def number_right(w: Tensor, points: Tensor, labels: Tensor) -> Tensor:
    return accuracy_of(w, points, labels) * len(labels)


def threshold_at_zero(w: Tensor, points: Tensor, labels: Tensor) -> Tensor:
    return (labels == 1).float().mean()


def share_wrong(w: Tensor, points: Tensor, labels: Tensor) -> Tensor:
    return 1 - accuracy_of(w, points, labels)


def sums_of_losses(points: Tensor, labels: Tensor) -> Tensor:
    return _epochs(points, labels) * (len(points) // 4)


def losses_without_clearing(points: Tensor, labels: Tensor) -> Tensor:
    return _epochs(points, labels, keep=1.0)


def losses_without_steps(points: Tensor, labels: Tensor) -> Tensor:
    return _epochs(points, labels, rate=0.0)
