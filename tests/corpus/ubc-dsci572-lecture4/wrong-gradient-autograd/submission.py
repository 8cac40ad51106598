# %%
import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(572)

# %%
rng = np.random.default_rng(572)
centres = np.array([[-1.0, 0.9], [-0.9, -0.9], [0.2, 0.0], [1.0, 0.8]])


def circles(n):
    inside = np.arange(n) % 2
    angle = rng.uniform(0, 2 * np.pi, n)
    radius = np.where(inside == 1, 0.5, 1.0)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return points + 0.1 * rng.normal(size=(n, 2)), inside


def blobs(n):
    label = np.arange(n) % 4
    return centres[label] + 0.2 * rng.normal(size=(n, 2)), label


# A line
x_line = rng.normal(size=200)
y_line = 45.5 * x_line - 7.7 + 10 * rng.normal(size=200)

X1 = torch.tensor(x_line[:, None], dtype=torch.float32)
y1 = torch.tensor(y_line, dtype=torch.float32)

# Three features
table = np.loadtxt("three_features.csv", delimiter=",", skiprows=1)
X3 = torch.tensor(table[:, :3], dtype=torch.float32)
y3 = torch.tensor(table[:, 3], dtype=torch.float32)

# A curve
x_curve = np.sort(rng.normal(size=200))
y_curve = x_curve**2 + 15 * np.sin(x_curve) ** 3

X_curve = torch.tensor(x_curve[:, None], dtype=torch.float32)
y_curve = torch.tensor(y_curve, dtype=torch.float32)

# Two classes
points, inside = circles(200)
X_circles = torch.tensor(points, dtype=torch.float32)
y_circles = torch.tensor(inside, dtype=torch.float32)

# Four classes
points, label = blobs(200)
X_blobs = torch.tensor(points, dtype=torch.float32)
y_blobs = torch.tensor(label, dtype=torch.int64)

# %% [markdown]
# <!-- chainrule: ex1-statements -->
# Answer: B, E

# %%
print(torch.tensor([4, 2]).dtype, torch.tensor([4, 2.5]).dtype, np.array([4, 2.5]).dtype)

# %%
X = torch.rand(3, 3)

# %%
# chainrule: ex2-tensors
a = torch.tensor([1, 2, 3.0])
b = torch.tensor([1, 2, 3])
p = torch.tensor([3.14159], dtype=torch.float64)
x = torch.rand(2, 3, 2, 2)
X_numpy = X.numpy()

# %% [markdown]
# <!-- chainrule: ex2-shapes -->
# - a: (3, 3)
# - b: (3, 3)
# - c: (1, 1)

# %%
# chainrule: ex3-gradient
def mse(X, w, y):
    return ((X * w - y) ** 2).mean()


def mse_gradient(X, w, y):
    w = w.clone().requires_grad_()
    mse(X, w, y).backward()
    return w.grad

# %%
# chainrule: ex3-points
X_points = torch.tensor([1.0, 2.0, 3.0])
y_points = torch.tensor([2.0, 4.0, 6.0])
w = torch.tensor([1.0], requires_grad=True)
mse(X_points, w, y_points).backward()
w_grad = w.grad

# %%
# chainrule: ex4-linear
class linearRegression(nn.Module):
    def __init__(self, input_size, output_size):
        super().__init__()
        self.linear = nn.Linear(input_size, output_size)

    def forward(self, x):
        return self.linear(x)

# %%
# chainrule: ex5-trainer
def trainer(model, criterion, optimizer, dataloader, epochs=5, verbose=True):
    model.train()
    for epoch in range(epochs):
        total = 0.0
        for X, y in dataloader:
            optimizer.zero_grad()
            loss = criterion(model(X).flatten(), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        if verbose:
            print(f"epoch {epoch + 1}: {total / len(dataloader):.4f}")

# %%
def weights_after(X, y):
    """Weight and bias of a line after one epoch in batches of five, from zero."""
    line = nn.Linear(1, 1)
    with torch.no_grad():
        line.weight.zero_()
        line.bias.zero_()
    loader = DataLoader(TensorDataset(X, y), batch_size=5)
    optimizer = optim.SGD(line.parameters(), lr=0.1)
    trainer(line, nn.MSELoss(), optimizer, loader, epochs=1, verbose=False)
    return torch.cat([line.weight.detach().flatten(), line.bias.detach()])

# %%
# chainrule: ex6-least-squares
def least_squares(X, y):
    with_ones = torch.cat([torch.ones(len(X), 1, dtype=X.dtype), X], dim=1)
    return torch.linalg.lstsq(with_ones, y.unsqueeze(1)).solution.flatten()

# %%
dataloader = DataLoader(TensorDataset(X1, y1), batch_size=20, shuffle=True)

# %%
# chainrule: ex6-line
line_model = linearRegression(1, 1)
optimizer = optim.SGD(line_model.parameters(), lr=0.05)
trainer(line_model, nn.MSELoss(), optimizer, dataloader, epochs=8, verbose=False)
print(least_squares(X1, y1), line_model.state_dict())

# %%
# chainrule: ex7-plane
plane_model = linearRegression(3, 1)
dataloader = DataLoader(TensorDataset(X3, y3), batch_size=40, shuffle=True)
optimizer = optim.SGD(plane_model.parameters(), lr=0.1)
trainer(plane_model, nn.MSELoss(), optimizer, dataloader, epochs=8, verbose=False)
print(least_squares(X3, y3), plane_model.state_dict())

# %%
# chainrule: ex8-networks
class nonlinRegression(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(input_size, hidden_size),
            nn.Sigmoid(),
            nn.Linear(hidden_size, output_size),
        )

    def forward(self, x):
        return self.main(x)


class deepRegression(nn.Module):
    def __init__(self, input_size, hidden_size_1, hidden_size_2, output_size):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(input_size, hidden_size_1),
            nn.Sigmoid(),
            nn.Linear(hidden_size_1, hidden_size_2),
            nn.Sigmoid(),
            nn.Linear(hidden_size_2, output_size),
        )

    def forward(self, x):
        return self.main(x)


class binaryClassifier(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(input_size, hidden_size),
            nn.ReLU(),
            nn.Linear(hidden_size, output_size),
        )

    def forward(self, x):
        return self.main(x)


class multiClassifier(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(input_size, hidden_size),
            nn.ReLU(),
            nn.Linear(hidden_size, output_size),
        )

    def forward(self, x):
        return self.main(x)

# %% [markdown]
# <!-- chainrule: ex9-counting -->
# - a: 10
# - b: 32
# - c: 141
# - d: 21
# - e: 39

# %%
# chainrule: ex10-curve
curve_model = deepRegression(1, 10, 10, 1)
dataloader = DataLoader(TensorDataset(X_curve, y_curve), batch_size=40, shuffle=True)
optimizer = optim.Adam(curve_model.parameters(), lr=0.2)
trainer(curve_model, nn.MSELoss(), optimizer, dataloader, epochs=25, verbose=False)

# %%
# chainrule: ex11-classes
def probability(logits):
    return torch.sigmoid(logits)


def predicted_class(logits):
    return (probability(logits) > 0.5).long()

# %%
# chainrule: ex11-circles
circle_model = binaryClassifier(2, 5, 1)
dataloader = DataLoader(TensorDataset(X_circles, y_circles), batch_size=50, shuffle=True)
optimizer = optim.Adam(circle_model.parameters(), lr=0.3)
trainer(circle_model, nn.BCEWithLogitsLoss(), optimizer, dataloader, epochs=25, verbose=False)

# %%
# chainrule: ex12-classes
def class_probabilities(logits):
    return torch.softmax(logits, dim=1)


def best_class(logits):
    return logits.argmax(dim=1)

# %%
# chainrule: ex12-blobs
blob_model = multiClassifier(2, 5, 4)
dataloader = DataLoader(TensorDataset(X_blobs, y_blobs), batch_size=40, shuffle=True)
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(blob_model.parameters(), lr=0.1)
for _ in range(15):
    for X, y in dataloader:
        optimizer.zero_grad()
        loss = criterion(blob_model(X), y)
        loss.backward()
        optimizer.step()
