"""A complete right submission: mistakes are made in it to try the rubric out."""

import torch
from torch import nn
from torch.nn.functional import mse_loss


def generate_data(N):
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


# chainrule: ex1-forward
def forward(x):
    hidden = torch.relu(x @ W1 + B1)
    return torch.sigmoid(hidden @ W2 + B2)


# chainrule: ex2-backprop
def backprop(x):
    z1 = x @ W1 + B1
    h = torch.relu(z1)
    z2 = h @ W2 + B2
    y_hat = torch.sigmoid(z2)

    y_hat_grad = 2 * (y_hat - Y)
    z2_grad = y_hat_grad * y_hat * (1 - y_hat)
    h_grad = z2_grad @ W2.T
    z1_grad = h_grad * (z1 > 0)

    W1_grad = x.T @ z1_grad
    B1_grad = z1_grad.sum(dim=0)
    W2_grad = h.T @ z2_grad
    B2_grad = z2_grad.sum(dim=0)
    return W1_grad, B1_grad, W2_grad, B2_grad


# chainrule: ex3-loss-increase
"""
Yes. The gradient says which way is downhill at the point where we stand. A step of finite length
can cross the valley and end higher up on the other side, so a learning rate that is too large
makes the loss grow.
"""


# chainrule: ex4-toymodel
class ToyModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(3, 4)
        self.output = nn.Linear(4, 2)

    def forward(self, x):
        return torch.sigmoid(self.output(torch.relu(self.hidden(x))))


# chainrule: ex5-train
torch.manual_seed(7)
model = ToyModel()
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
for _ in range(300):
    optimizer.zero_grad()
    loss = mse_loss(model(X), Y)
    loss.backward()
    optimizer.step()

print(loss.item())
