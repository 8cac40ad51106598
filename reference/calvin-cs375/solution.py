"""The reference for arrays, regression, classification and gradients; run only in a sandbox.

Names that submissions have too mean what they mean there. Held-out data are drawn here, from the
same generators as the tables in `files`, and are nowhere else. Models are left unfitted, because
this file runs for every attempt.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from course import read_table
from torch import Tensor, nn
from torch.nn import functional as F

# -- data -------------------------------------------------------------------------------------


def flats(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Size, floor and distance of flats, (count, 3), and their rents, (count,)."""
    random = torch.Generator().manual_seed(seed)
    spread = torch.rand(count, 3, generator=random)
    X = torch.tensor([2.0, 0.0, 0.2]) + spread * torch.tensor([8.0, 6.0, 7.0])
    noise = 0.3 * torch.randn(count, generator=random)
    return X, X @ torch.tensor([1.4, 0.25, -0.9]) + 3.5 + noise


def houses(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Longitude and latitude of houses around a centre, (count, 2), and price classes 0, 1, 2."""
    random = torch.Generator().manual_seed(seed)
    classes = torch.randint(3, (count,), generator=random)
    centres = torch.tensor([[-1.6, -0.8], [0.2, 1.5], [1.7, -0.9]])
    return centres[classes] + 0.7 * torch.randn(count, 2, generator=random), classes


_GLYPHS = """
.####... ...#.... .####... .####... ....#... ######.. ..###... ######.. .####... .####...
#....#.. ..##.... #....#.. #....#.. ...##... #....... .#...... .....#.. #....#.. #....#..
#....#.. .#.#.... .....#.. .....#.. ..#.#... #####... #....... ....#... #....#.. #....#..
#....#.. ...#.... ....#... ..###... .#..#... .....#.. #####... ...#.... .####... .#####..
#....#.. ...#.... ...#.... .....#.. ######.. .....#.. #....#.. ..#..... #....#.. .....#..
#....#.. ...#.... ..#..... #....#.. ....#... #....#.. #....#.. ..#..... #....#.. ....#...
.####... .#####.. ######.. .####... ....#... .####... .####... ..#..... .####... .###....
........ ........ ........ ........ ........ ........ ........ ........ ........ ........
"""


def digits(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Images of digits, 8 by 8 numbers from 0 to 16 in a row, (count, 64), and the digits.

    A glyph moved by up to one place down and two to the right, in another strength, with noise.
    """
    random = torch.Generator().manual_seed(seed)
    rows = [line.split() for line in _GLYPHS.split("\n") if line]
    glyphs = torch.tensor([[[c == "#" for c in row[n]] for row in rows] for n in range(10)])
    shown = torch.randint(10, (count,), generator=random)
    images = torch.zeros(count, 8, 8)
    for image, digit in zip(images, shown, strict=True):
        down, right = (torch.rand(2, generator=random) * torch.tensor([2, 3])).int().tolist()
        image.copy_(glyphs[digit].roll((down, right), dims=(0, 1)))
    strength = 0.6 + 0.4 * torch.rand(count, 1, 1, generator=random)
    images = strength * images + 0.15 * torch.randn(count, 8, 8, generator=random)
    return (16 * images.clamp(0, 1)).round().flatten(1), shown


X_flats, y_flats = read_table("flats.csv")
X_houses, y_houses = read_table("houses.csv")
y_houses = y_houses.long()
X_digits, y_digits = read_table("digits.csv")
X_digits, y_digits = X_digits / 16, y_digits.long()

X_flats_test, y_flats_test = flats(200, seed=2)
X_houses_test, y_houses_test = houses(400, seed=2)
X_digits_test, y_digits_test = digits(400, seed=2)
X_digits_test = X_digits_test / 16

# -- arrays -----------------------------------------------------------------------------------


def dot_loop(w: Tensor, x: Tensor) -> Tensor:
    """The dot product of two vectors, as a loop."""
    total = torch.zeros((), dtype=x.dtype)
    for one, other in zip(w, x, strict=True):
        total = total + one * other
    return total


def dot_torch(w: Tensor, x: Tensor) -> Tensor:
    """The same in one operation."""
    return w @ x


def linear(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """y = w * x + b, entry by entry."""
    return w * x + b


def row_sums(x: Tensor) -> Tensor:
    """(rows, columns) -> (rows,)"""
    return x.sum(axis=1)


def column_means(x: Tensor) -> Tensor:
    """(rows, columns) -> (columns,)"""
    return x.mean(axis=0)


def best_columns(x: Tensor) -> Tensor:
    """The place of the largest entry of each row: (rows, columns) -> (rows,), integers."""
    return x.argmax(axis=1)


def mse(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean squared error, by hand."""
    return ((y_true - y_pred) ** 2).mean()


def mse_torch(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean squared error, ready-made."""
    return F.mse_loss(y_pred, y_true)


# -- linear regression ------------------------------------------------------------------------


def line_loss(w: Tensor, b: Tensor, x: Tensor, y_true: Tensor) -> Tensor:
    """The mean squared error of the line w * x + b."""
    return mse(y_true, w * x + b)


def fit_line(x: Tensor, y_true: Tensor) -> Tensor:
    """The slope and the height of the line with the smallest error, (2,)."""
    w, b = fit(x[:, None], y_true)
    return torch.stack([w[0], b])


def predict(X: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """One prediction for each sample: (samples, features) -> (samples,)"""
    return X @ w + b


def fit(X: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor]:
    """The weights, (features,), and the bias of the smallest mean squared error."""
    columns = torch.cat([X, torch.ones_like(X[:, :1])], dim=1)
    solution = torch.linalg.lstsq(columns, y_true[:, None]).solution[:, 0]
    return solution[:-1], solution[-1]


def predict_rent(X: Tensor) -> Tensor:
    """The rents of flats: (flats, 3) -> (flats,)"""
    return predict(X, *fit(X_flats, y_flats))


# -- classification ---------------------------------------------------------------------------


def softmax(x: Tensor) -> Tensor:
    """Probabilities from the logits of one sample: (n,) -> (n,)"""
    powers = torch.exp(x - x.max())
    return powers / powers.sum()


def logistic_regression(X: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """Probabilities of classes: (samples, features) -> (samples, classes)"""
    return torch.softmax(X @ W + b, dim=1)


def cross_entropy(y_true_onehot: Tensor, y_pred: Tensor) -> Tensor:
    """The mean over the samples of each one's loss; both are (samples, classes)."""
    return -(y_true_onehot * y_pred.log()).sum(axis=1).mean()


class Model(nn.Module):
    """Logistic regression with two features and three classes; gives logits."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features=2, out_features=3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)


model = Model()
digits_model = nn.Linear(64, 10)


def train(
    model: nn.Module,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    dataloader: torch.utils.data.DataLoader[tuple[Tensor, Tensor]],
) -> None:
    """One epoch: a step of the optimiser for each batch."""
    model.train()
    for x, y_true in dataloader:
        optimizer.zero_grad()
        loss_fn(model(x), y_true).backward()
        optimizer.step()


# -- gradients --------------------------------------------------------------------------------


def regression_loss(X: Tensor, y_true: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """What `mse_gradients` differentiates."""
    return mse(y_true, predict(X, w, b))


def f(p: Tensor) -> Tensor:
    """The parabola that is to be minimised."""
    return p**2 + 2 * p + 1


def grad_f(p: Tensor) -> Tensor:
    """Its derivative."""
    return 2 * p + 2


def descend(p: Tensor, learning_rate: float, steps: int) -> Tensor:
    """Where gradient descent on f comes from p."""
    for _ in range(steps):
        p = p - learning_rate * grad_f(p)
    return p


# Wrong on purpose: each is a mistake that the rubric knows by name.


def sum_of_squares(y_true: Tensor, y_pred: Tensor) -> Tensor:
    return (y_true - y_pred).square().sum()


def mean_of_absolutes(y_true: Tensor, y_pred: Tensor) -> Tensor:
    return (y_true - y_pred).abs().mean()


def mean_of_differences(y_true: Tensor, y_pred: Tensor) -> Tensor:
    return (y_true - y_pred).mean()


def squared_mean(y_true: Tensor, y_pred: Tensor) -> Tensor:
    return (y_true - y_pred).mean().square()


def root_of_mean(y_true: Tensor, y_pred: Tensor) -> Tensor:
    return mse(y_true, y_pred).sqrt()


def line_sum_of_squares(w: Tensor, b: Tensor, x: Tensor, y_true: Tensor) -> Tensor:
    return sum_of_squares(y_true, w * x + b)


def line_without_bias(w: Tensor, b: Tensor, x: Tensor, y_true: Tensor) -> Tensor:
    return mse(y_true, w * x)


def column_sums(x: Tensor) -> Tensor:
    return x.sum(axis=0)


def row_means(x: Tensor) -> Tensor:
    return x.mean(axis=1)


def best_rows(x: Tensor) -> Tensor:
    return x.argmax(axis=0)


def best_values(x: Tensor) -> Tensor:
    return x.max(dim=1).values


def powers_only(x: Tensor) -> Tensor:
    return x.exp()


def shares_without_exp(x: Tensor) -> Tensor:
    return x / x.sum()


def log_of_softmax(x: Tensor) -> Tensor:
    return x.log_softmax(dim=0)


def softmax_down_the_samples(X: Tensor, W: Tensor, b: Tensor) -> Tensor:
    return torch.softmax(X @ W + b, dim=0)


def softmax_of_all(X: Tensor, W: Tensor, b: Tensor) -> Tensor:
    return softmax((X @ W + b).flatten()).reshape(len(X), -1)


def sigmoid_of_each(X: Tensor, W: Tensor, b: Tensor) -> Tensor:
    return torch.sigmoid(X @ W + b)


def cross_entropy_summed(y_true_onehot: Tensor, y_pred: Tensor) -> Tensor:
    return -(y_true_onehot * y_pred.log()).sum()


def cross_entropy_of_entries(y_true_onehot: Tensor, y_pred: Tensor) -> Tensor:
    return -(y_true_onehot * y_pred.log()).mean()


def cross_entropy_in_bits(y_true_onehot: Tensor, y_pred: Tensor) -> Tensor:
    return -(y_true_onehot * y_pred.log2()).sum(axis=1).mean()


def cross_entropy_of_probabilities(y_true_onehot: Tensor, y_pred: Tensor) -> Tensor:
    return F.cross_entropy(y_pred, y_true_onehot)


def one_step(p: Tensor, learning_rate: float, steps: int) -> Tensor:
    return descend(p, learning_rate, 1)


def uphill(p: Tensor, learning_rate: float, steps: int) -> Tensor:
    return descend(p, -learning_rate, steps)


def without_learning_rate(p: Tensor, learning_rate: float, steps: int) -> Tensor:
    return descend(p, 1.0, steps)


def by_value(p: Tensor, learning_rate: float, steps: int) -> Tensor:
    for _ in range(steps):
        p = p - learning_rate * f(p)
    return p
