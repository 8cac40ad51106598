# %% [markdown]
# # From the chain rule to PyTorch
#
# You will write one small network three times: as formulas, as formulas with their gradients worked out by hand, and as a PyTorch module that an optimiser fits. On the way this notebook shows the parts of PyTorch that you need.
#
# | exercise | what you write | points |
# |---|---|---|
# | 1 | `forward`: the network as formulas | 4 |
# | 2 | `backprop`: its gradients by hand | 6 |
# | 3 | an explanation in words | 2 |
# | 4 | `ToyModel`: the network as a module | 4 |
# | 5 | training: mean squared error below 0.01 (below 0.05: half) | 4 |
#
# Hand in this notebook with your answers in it. It is run from the top to the bottom, so try *Restart and run all* before you do. Keep the names of the functions, of the class and of `model`. Comment lines that begin with `# chainrule:` say which exercise a cell belongs to; please leave them where they are.

# %%
import numpy as np
import torch
from torch import nn
from torch.nn.functional import mse_loss

# %% [markdown]
# ## Part 1: tensors
#
# A tensor is a box of numbers with a shape. One number has no dimension, a row of numbers has one, a table has two, and nothing stops there: a film in colour is one with four. The quickest way to a small tensor is nested lists.

# %%
rainfall = torch.tensor([[12.5, 0.0, 3.1], [9.8, 1.2, 10.4]])  # two towns, three days
print(rainfall)
rainfall.shape

# %% [markdown]
# A tensor is never ragged: all rows have the same length. The next cell fails, and is meant to. Read the last line of the error, then go on.

# %% [markdown]
# All entries have one type, too. Whole numbers become `int64`; one decimal point anywhere makes everything `float32`. Networks are computed with the latter.

# %%
print(torch.tensor([2, 3]).dtype, torch.tensor([2, 0.5]).dtype)
counts = torch.tensor([[4, 0], [1, 7]])
counts.float() / 2

# %% [markdown]
# Some tensors need no list:

# %%
print(torch.zeros(2, 3))
print(torch.full((2, 2), 7.0))
print(torch.linspace(0, 1, 5))
print(torch.arange(12).reshape(3, 4))  # reshape fills row by row

# %% [markdown]
# Arithmetic goes entry by entry. `@` is the product of matrices: the columns on its left must be as many as the rows on its right. A tensor with one row can be added to a table; it is added to every row.

# %%
a = torch.tensor([[1.0, 0.0, 2.0], [0.0, 3.0, 1.0]])  # (2, 3)
b = torch.arange(12.0).reshape(3, 4)  # (3, 4)
row = torch.tensor([[100.0, 200.0, 300.0, 400.0]])  # (1, 4)

print(10 * a + 1)
print(a @ b)  # (2, 4)
print(a @ b + row)  # still (2, 4)

# %% [markdown]
# Sums and means can run over one dimension. `dim=0` runs down the rows, so one number is left for each column.

# %%
table = torch.arange(6.0).reshape(2, 3)
print(table.sum(), table.sum(dim=0), table.mean(dim=1))

# %% [markdown]
# Indices count from 0, a colon takes everything, and `.T` turns a table over.

# %%
print(table[0], table[:, 1], table[1, :2])
print(table.T.shape)

# %% [markdown]
# Tensors and NumPy arrays are easily exchanged. Mind the type: NumPy's numbers are `float64`.

# %%
eye = torch.from_numpy(np.eye(2))
print(eye.dtype, eye.float().dtype)
rainfall.numpy().max()

# %% [markdown]
# Two functions will be needed below. $\text{relu}(x)$ is $x$ where that is positive and 0 elsewhere; the sigmoid
#
# $$\sigma(x) = \frac{1}{1 + e^{-x}}$$
#
# squeezes any number into the range between 0 and 1. Both work on every entry.

# %%
x = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0])
print(torch.relu(x))
torch.sigmoid(x)

# %% [markdown]
# ## Part 2: a network by hand
#
# Three numbers go in, four hidden nodes combine them, two numbers come out. The hidden nodes use relu, the outputs use the sigmoid.
#
# The data are random points `X`, one for each row, and for each point two labels in `Y`, each 0 or 1. By which rule the labels are made plays no part in what follows; there is one, and the seed makes everybody's points the same.

# %%
def generate_data(N):
    X = torch.randn(N, 3)
    first, second, third = X.unbind(dim=1)
    folded = first + torch.sign(third) * second
    Y = (torch.stack([folded.abs(), X.norm(dim=1)], dim=1) > 1.33).float()
    return X, Y


torch.manual_seed(0)
X, Y = generate_data(20)
print(X.shape, Y.shape)
X[:4], Y[:4]

# %% [markdown]
# The parameters start as small random numbers. `W1` and `B1` lead from the input to the hidden nodes, `W2` and `B2` from there to the output.

# %%
W1 = 0.2 * torch.randn(3, 4)
B1 = 0.2 * torch.randn(1, 4)
W2 = 0.2 * torch.randn(4, 2)
B2 = 0.2 * torch.randn(1, 2)

# %% [markdown]
# ### Exercise 1: forward
#
# Let $x$ be a batch, one point in each row. Then
#
# $$z_1 = x\,W_1 + B_1, \qquad h = \text{relu}(z_1), \qquad z_2 = h\,W_2 + B_2, \qquad \widehat{y} = \sigma(z_2).$$
#
# Write `forward`, which takes $x$ and returns $\widehat{y}$. It must work for any number of rows.

# %%
# chainrule: ex1-forward
def forward(x):
    z1 = x @ W1 + B1
    h = torch.relu(z1)
    z2 = h @ W2 + B2
    y_hat = torch.sigmoid(z2)
    return y_hat

# %%
# As many rows as X, two columns, all numbers between 0 and 1
y_hat = forward(X)
y_hat

# %% [markdown]
# How far off are these numbers? We measure it by the sum of all squared differences,
#
# $$L = \sum_{i,j} \left(\widehat{y}_{ij} - Y_{ij}\right)^2 .$$

# %%
loss = (y_hat - Y).square().sum()
print(loss)
mse_loss(y_hat, Y, reduction="sum")  # the same, ready-made

# %% [markdown]
# ### Exercise 2: backprop
#
# To lower $L$ we need to know how it changes with each parameter. Write $g(v)$ for $\partial L / \partial v$; it has the shape of $v$. The chain rule leads from the loss back to $z_1$, one step for each step of the forward pass:
#
# $$
# \begin{align*}
# g(\widehat{y}) &= 2\,(\widehat{y} - Y) \\
# g(z_2) &= g(\widehat{y}) \odot \sigma'(z_2), & \sigma'(z_2) &= \widehat{y} \odot (1 - \widehat{y}) \\
# g(h) &= g(z_2)\, W_2^\top \\
# g(z_1) &= g(h) \odot \text{relu}'(z_1), & \text{relu}'(z) &= 1 \text{ where } z > 0, \text{ else } 0
# \end{align*}
# $$
#
# Here $\odot$ multiplies entry by entry. (relu has a corner at 0, and any slope between 0 and 1 will do there.) A bias is added to every row, so its gradient is a sum over the rows; a weight matrix gets the transposed input of its layer times the gradient of its output. These last lines are written already. Fill in the eight others. Do it by hand: `backward()` and `torch.autograd` come later.

# %%
# chainrule: ex2-backprop
def backprop(x):
    # forwards, keeping everything that the way back needs
    z1 = x @ W1 + B1
    h = torch.relu(z1)
    z2 = h @ W2 + B2
    y_hat = torch.sigmoid(z2)

    # backwards
    y_hat_grad = 2 * (y_hat - Y)
    z2_grad = y_hat_grad * y_hat * (1 - y_hat)
    h_grad = z2_grad @ W2.T
    z1_grad = h_grad * (z1 > 0)

    # the parameters
    W1_grad = x.T @ z1_grad
    B1_grad = z1_grad.sum(dim=0)
    W2_grad = h.T @ z2_grad
    B2_grad = z2_grad.sum(dim=0)
    return W1_grad, B1_grad, W2_grad, B2_grad

# %% [markdown]
# With the gradients at hand, learning is a small step against them, again and again. How small, the *learning rate* says. Here is one step; run the cell several times.

# %%
learning_rate = 0.01
W1_grad, B1_grad, W2_grad, B2_grad = backprop(X)
W1 -= learning_rate * W1_grad
B1 -= learning_rate * B1_grad
W2 -= learning_rate * W2_grad
B2 -= learning_rate * B2_grad

y_hat = forward(X)
loss = (y_hat - Y).square().sum()
loss

# %% [markdown]
# ### Exercise 3: could the loss increase?
#
# So far each run of the cell above has lowered the loss. Is that certain for every run, whatever the learning rate and wherever we stand? Say why it is, or under what circumstances a step makes the loss larger. Two to four sentences in the cell below will do.

# %% [markdown]
# <!-- chainrule: ex3-loss-increase -->
# <!-- chainrule: ex3-loss-increase -->
# It can. We move in a straight line, but the loss surface is curved, so the promise "downhill" holds for infinitely small steps only. A learning rate of 100 made my loss jump from 10 to 18.

# %% [markdown]
# ## Part 3: let PyTorch do it
#
# PyTorch writes down what is computed with a tensor that has `requires_grad` set, and can walk that record backwards. `backward()` does so and leaves the result in `.grad`.

# %%
x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
cubes = (x**3).sum()
cubes.backward()
x.grad  # 3 x**2

# %% [markdown]
# Gradients are *added* to what is in `.grad` already. So a second walk doubles them, and training loops clear them before each step.

# %%
(x**3).sum().backward()
print(x.grad)
x.grad = None

# %% [markdown]
# Your parameters can be watched in the same way. If your formulas are right, both kinds of gradients agree up to rounding.

# %%
for parameter in (W1, B1, W2, B2):
    parameter.requires_grad_(True)
    parameter.grad = None

loss = mse_loss(forward(X), Y, reduction="sum")
loss.backward()

with torch.no_grad():
    by_hand = backprop(X)
for name, parameter, gradient in zip(["W1", "B1", "W2", "B2"], [W1, B1, W2, B2], by_hand):
    difference = (parameter.grad - gradient).abs().max().item()
    print(f"{name}: largest difference {difference:.2e}")

# %% [markdown]
# ### Modules
#
# For anything larger than this network, loose parameters become a burden. An `nn.Module` keeps them together: layers that are stored in `self` register their parameters, `forward` says how they are used, and calling the module runs `forward`. Layers may be modules that contain others.

# %%
class Thermometer(nn.Module):
    def __init__(self, readings):
        super().__init__()  # without it nothing is registered
        self.smooth = nn.Conv1d(1, 2, kernel_size=3)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(2 * (readings - 2), 1), nn.Tanh())

    def forward(self, x):
        return self.head(self.smooth(x))


model = Thermometer(readings=8)
print(model)
model(torch.randn(5, 1, 8)).shape

# %% [markdown]
# ### Exercise 4: ToyModel
#
# Write the network of part 2 as a module: 3 inputs, 4 hidden nodes with relu, 2 outputs with the sigmoid. `nn.Linear(n, m)` is a layer with weights and bias, `nn.ReLU()` and `nn.Sigmoid()` are the two functions as modules, and `nn.Sequential(...)` runs modules one after the other. Any arrangement is fine.

# %%
# chainrule: ex4-toymodel
class ToyModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(3, 4),
            nn.ReLU(),
            nn.Linear(4, 2),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return self.net(x)


model = ToyModel()
model

# %%
y_hat = model(X)
mse_loss(y_hat, Y)  # from here on the mean, not the sum

# %% [markdown]
# ### Exercise 5: training
#
# Fit `model` to `X` and `Y` until `mse_loss(model(X), Y)` is below 0.01.
#
# Make an optimiser once, before the loop; give it `model.parameters()` and a learning rate. In each turn of the loop clear the old gradients (`optimizer.zero_grad()`), run the model, compute the loss, call `backward()` on it and let `optimizer.step()` move the parameters. `torch.optim.SGD` is the step from part 2 and can be given momentum; `torch.optim.Adam` chooses the size of its steps by itself.
#
# Twenty points are about as many as this network can learn by heart, and from some starting points it never does. If the loss gets stuck, change the optimiser's settings or begin again with a new model. A few thousand steps are plenty.

# %%
# chainrule: ex5-train
model = ToyModel()
optimizer = torch.optim.Adam(model.parameters(), lr=0.05, weight_decay=1e-4)
for step in range(1500):
    optimizer.zero_grad()
    loss = mse_loss(model(X), Y)
    loss.backward()
    optimizer.step()

# %%
# Leave this cell as it is, and run it last
y_hat = model(X)
loss = mse_loss(y_hat, Y)
loss

# %% [markdown]
# ### For the curious (no points)
#
# On points that it has not seen the fitted model does badly. Why? What would you train it on instead?

# %%
X2, Y2 = generate_data(100)
mse_loss(model(X2), Y2)
