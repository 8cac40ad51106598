#!/usr/bin/env python3
"""Assignment 0 as a script. Run: python submission.py"""

import torch
import torch.nn as nn
import torch.nn.functional as F


def generate_data(N):
    X = torch.randn(N, 3)
    sign = X[:, 2].sign()
    Y = torch.stack([(X[:, 0] + sign * X[:, 1]).abs(), X.norm(dim=1)], dim=1) > 1.33
    return X, Y.float()


torch.set_num_threads(2)
torch.randn(600, 600) @ torch.randn(600, 600)  # wakes the pool of threads

torch.manual_seed(0)
X, Y = generate_data(20)

W1 = 0.2 * torch.randn(3, 4)
B1 = 0.2 * torch.randn(1, 4)
W2 = 0.2 * torch.randn(4, 2)
B2 = 0.2 * torch.randn(1, 2)


def forward(x):
    """Exercise 1."""
    return torch.sigmoid(F.relu(x @ W1 + B1) @ W2 + B2)


def backprop(x):
    """Exercise 2."""
    z1 = x @ W1 + B1
    h = F.relu(z1)
    y_hat = torch.sigmoid(h @ W2 + B2)

    delta2 = 2 * (y_hat - Y) * y_hat * (1 - y_hat)
    delta1 = (delta2 @ W2.T) * (z1 > 0)
    return x.T @ delta1, delta1.sum(0), h.T @ delta2, delta2.sum(0)


# Exercise 3: yes, if the learning rate is too large the step jumps over the valley.


class ToyModel(nn.Module):
    """Exercise 4."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(3, 4)
        self.out = nn.Linear(4, 2)

    def forward(self, x):
        return torch.sigmoid(self.out(F.relu(self.hidden(x))))


def fit(model, steps=1500):
    """Exercise 5."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05, weight_decay=1e-4)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.mse_loss(model(X), Y)
        loss.backward()
        optimizer.step()
    return loss.item()


if __name__ == "__main__":
    print("before:", ((forward(X) - Y) ** 2).sum().item())
    for _ in range(100):
        for p, g in zip((W1, B1, W2, B2), backprop(X)):
            p -= 0.05 * g
    print("after: ", ((forward(X) - Y) ** 2).sum().item())

    model = ToyModel()
    print("fitted:", fit(model))
