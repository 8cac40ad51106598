"""The submissions that are measured: the net of uw-cse447-a0, with and without training."""

from __future__ import annotations

_NET = """
import torch
import torch.nn as nn
from torch.nn.functional import mse_loss


def generate_data(N):
    X = torch.randn(N, 3)
    first = torch.where(X[:, 2] > 0, X[:, 0] + X[:, 1], X[:, 0] - X[:, 1])
    Y = (torch.stack([first, X.norm(dim=1)], dim=1).abs() > 1.33).float()
    return X, Y


torch.manual_seed(0)
X, Y = generate_data(20)
W1, B1 = torch.randn(3, 4) * 0.2, torch.randn(1, 4) * 0.2
W2, B2 = torch.randn(4, 2) * 0.2, torch.randn(1, 2) * 0.2


def forward(x):
    return torch.sigmoid(torch.relu(x @ W1 + B1) @ W2 + B2)


def backprop(x):
    z1 = x @ W1 + B1
    h = torch.relu(z1)
    y_hat = torch.sigmoid(h @ W2 + B2)
    z2_grad = 2 * (y_hat - Y) * y_hat * (1 - y_hat)
    z1_grad = (z2_grad @ W2.T) * (z1 >= 0).float()
    return x.T @ z1_grad, z1_grad.sum(0), h.T @ z2_grad, z2_grad.sum(0)


class ToyModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.Sigmoid())

    def forward(self, x):
        return self.net(x)
"""

_STEPS = """
torch.manual_seed(7)
model = ToyModel()
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
for step in range(300):
    optimizer.zero_grad()
    loss = mse_loss(model(X), Y)
    loss.backward()
    optimizer.step()
"""

UNTRAINED = _NET + "\nmodel = ToyModel()\nloss = mse_loss(model(X), Y)\n"
TRAINED = _NET + _STEPS

# Trains once for each line that it is sent, and says how many CPU seconds that took.
YARDSTICK = (
    f"import sys, time, torch\ntorch.set_num_threads(1)\n{_NET}{_STEPS}"
    "for _ in sys.stdin:\n    begun = time.process_time()\n"
    + "".join(f"    {line}\n" for line in _STEPS.strip().splitlines())
    + "    print(time.process_time() - begun, flush=True)\n"
)
