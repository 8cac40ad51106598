# %% [markdown]
# # Tensors, and networks that fit data
#
# You will meet PyTorch's tensors, let it find a gradient, and build one small network after another: a line, a plane, a curve, and two that sort points into classes.
#
# | exercise | what you write | points |
# |---|---|---|
# | 4.1 | which statements are true | 2 |
# | 4.2 | tensors, their types and shapes | 6 |
# | 4.3 | a loss and its gradient by hand | 5 |
# | 4.4 | `linearRegression`: a line as a module | 3 |
# | 4.5 | `trainer`: the training loop | 4 |
# | 4.6 | `least_squares`, and a line that is trained | 4 |
# | 4.7 | the same with three features | 2 |
# | 4.8 | three more networks | 8 |
# | 4.9 | how many parameters they have | 5 |
# | 4.10 | a curve | 3 |
# | 4.11 | two classes | 4 |
# | 4.12 | four classes | 4 |
#
# Hand in this notebook. It is run from the top to the bottom, so try *Restart and run all* first. Keep the names. Lines with `chainrule:` say which exercise a cell belongs to; leave them where they are.

# %%
import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(572)

# %% [markdown]
# ## The data
#
# The data of all exercises are made here. Leave this cell as it is.

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
# ## Networks in words
#
# ### Exercise 4.1: which are true?
#
# - A: A hidden layer needs more nodes than there are inputs.
# - B: What makes a network more than one linear function of its inputs are its activation functions.
# - C: A network for regression should end in a sigmoid, as its other nodes do.
# - D: All nodes of a feedforward network have to have the same activation function.
# - E: A node first adds its bias to the weighted sum of its inputs, and then applies the activation function.

# %% [markdown]
# <!-- chainrule: ex1-statements -->
# Answer: B, E

# %% [markdown]
# ## Tensors
#
# A tensor is an array that can also live on a GPU and remember how it was computed. Whole numbers become `int64`, and one decimal point anywhere makes all of them `float32`, where NumPy would take `float64`.

# %%
print(torch.tensor([4, 2]).dtype, torch.tensor([4, 2.5]).dtype, np.array([4, 2.5]).dtype)

# %% [markdown]
# ### Exercise 4.2: making tensors
#
# - `a`: the numbers 1, 2, 3 as a tensor of `float32`
# - `b`: the same numbers as a tensor of `int64`
# - `p`: a tensor of shape (1,) that holds 3.14159 in `float64`
# - `x`: uniform random numbers in a tensor of shape (2, 3, 2, 2)
# - `X_numpy`: the tensor `X` below as a NumPy array. The numbers are not copied: who changes one of the two changes both.

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
# A tensor `row` has the shape (1, 3) and a tensor `column` the shape (3, 1). Which shape has
#
# - a: `row + column`
# - b: `row * column`
# - c: `row @ column`

# %% [markdown]
# <!-- chainrule: ex2-shapes -->
# - a: (3, 3)
# - b: (3, 3)
# - c: (1, 1)

# %% [markdown]
# ## Gradients
#
# ### Exercise 4.3: the mean squared error
#
# The model is $\hat y_i = w x_i$, with one weight and no bias. Write `mse(X, w, y)`, the mean of the squared errors as a tensor without dimensions, for `X` and `y` of shape (n,) and `w` of shape (1,). Then write `mse_gradient(X, w, y)`, its gradient for `w`, of shape (1,). Work it out by hand: autograd may not be used in it.

# %%
# chainrule: ex3-gradient
def mse(X, w, y):
    return ((X * w - y) ** 2).mean()


def mse_gradient(X, w, y):
    error = X * w - y
    return (2 * error * X).mean(dim=0, keepdim=True)

# %% [markdown]
# Now let PyTorch do it, for the three points (1, 2), (2, 4), (3, 6) and the weight 1. Give `w` what it needs so that a gradient is kept, call `backward()`, and store the gradient as `w_grad`. Compare it with yours.

# %%
# chainrule: ex3-points
X_points = torch.tensor([1.0, 2.0, 3.0])
y_points = torch.tensor([2.0, 4.0, 6.0])
w = torch.tensor([1.0], requires_grad=True)
mse(X_points, w, y_points).backward()
w_grad = w.grad

# %% [markdown]
# ## A line
#
# ### Exercise 4.4: linearRegression
#
# Write the module `linearRegression(input_size, output_size)`: one linear layer with a bias, and nothing else.

# %%
# chainrule: ex4-linear
class linearRegression(nn.Module):
    def __init__(self, input_size, output_size):
        super().__init__()
        self.linear = nn.Linear(input_size, output_size)

    def forward(self, x):
        return self.linear(x)

# %% [markdown]
# ### Exercise 4.5: trainer
#
# Write `trainer(model, criterion, optimizer, dataloader, epochs=5, verbose=True)`. In every epoch it goes once through the batches of `dataloader`; for each batch it clears the gradients, computes the model's results, flattens them to the shape of `y`, computes the loss, walks backwards and takes a step. Where `verbose` is true it prints the mean loss of each epoch. What happens in the last line of your loop if the results keep their shape (n, 1) and `y` has the shape (n,)?

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

# %% [markdown]
# ### Exercise 4.6: the line
#
# There is a formula for the best line. Write `least_squares(X, y)` for a tensor `X` of shape (n, d) and `y` of shape (n,): it returns the weights $w_0, w_1, \dots, w_d$ that make the squared errors smallest, in a tensor of shape (d + 1,), the intercept $w_0$ first. `torch.linalg.lstsq` may be used.
#
# Then train `line_model`, a `linearRegression` with one input, on `X1` and `y1`, until its mean squared error is less than 90 (less than 150: half). The formula reaches 86.5.

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

# %% [markdown]
# ### Exercise 4.7: three features
#
# `X3` and `y3` come from the file `three_features.csv`. Train `plane_model`, a `linearRegression` with three inputs, until its mean squared error is less than 106 (less than 150: half). Compare its weights with those of `least_squares`.

# %%
# chainrule: ex7-plane
plane_model = linearRegression(3, 1)
dataloader = DataLoader(TensorDataset(X3, y3), batch_size=40, shuffle=True)
optimizer = optim.SGD(plane_model.parameters(), lr=0.1)
trainer(plane_model, nn.MSELoss(), optimizer, dataloader, epochs=8, verbose=False)
print(least_squares(X3, y3), plane_model.state_dict())

# %% [markdown]
# ## Networks
#
# ### Exercise 4.8: four modules
#
# Linear layers with biases, in this order:
#
# - `nonlinRegression(input_size, hidden_size, output_size)`: linear, sigmoid, linear
# - `deepRegression(input_size, hidden_size_1, hidden_size_2, output_size)`: linear, sigmoid, linear, sigmoid, linear
# - `binaryClassifier(input_size, hidden_size, output_size)`: linear, relu, linear
# - `multiClassifier(input_size, hidden_size, output_size)`: linear, relu, linear
#
# The classifiers return logits: the losses that they are trained with apply sigmoid and softmax themselves.

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
# ### Exercise 4.9: how many parameters?
#
# Count weights and biases of
#
# - a: `nonlinRegression(1, 3, 1)`
# - b: `deepRegression(1, 5, 3, 1)`
# - c: `deepRegression(1, 10, 10, 1)`
# - d: `binaryClassifier(2, 5, 1)`
# - e: `multiClassifier(2, 5, 4)`

# %% [markdown]
# <!-- chainrule: ex9-counting -->
# - a: 10
# - b: 32
# - c: 141
# - d: 21
# - e: 39

# %% [markdown]
# ### Exercise 4.10: a curve
#
# No line fits `X_curve` and `y_curve`. Train `curve_model`, a `deepRegression` with two hidden layers of ten nodes, on them. On other points of the same curve, between -2 and 2, its mean squared error should be less than 8 (less than 13: half).

# %%
# chainrule: ex10-curve
curve_model = deepRegression(1, 10, 10, 1)
dataloader = DataLoader(TensorDataset(X_curve, y_curve), batch_size=40, shuffle=True)
optimizer = optim.Adam(curve_model.parameters(), lr=0.2)
trainer(curve_model, nn.MSELoss(), optimizer, dataloader, epochs=25, verbose=False)

# %% [markdown]
# ## Classes
#
# ### Exercise 4.11: two classes
#
# A logit is any number. Write `probability(logits)`, which makes probabilities of the positive class from logits, and `predicted_class(logits)`, which is 1 where that probability is greater than 0.5 and 0 elsewhere, as a tensor of `int64`; both keep the shape.
#
# Then train `circle_model`, a `binaryClassifier` with 5 hidden nodes and one output, on `X_circles` and `y_circles`. On points that it has not seen, 90 of 100 should be put into the right class (80 of 100: half). Use `nn.BCEWithLogitsLoss`.

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

# %% [markdown]
# ### Exercise 4.12: four classes
#
# Write `class_probabilities(logits)`, which makes probabilities from logits of shape (n, classes), and `best_class(logits)`, which names the class with the greatest probability for every row, shape (n,).
#
# Then train `blob_model`, a `multiClassifier` with 5 hidden nodes and four outputs, with `nn.CrossEntropyLoss` on `X_blobs` and `y_blobs`. On points that it has not seen, its cross-entropy should be less than 0.3 (less than 0.6: half). The results must not be flattened here.

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
