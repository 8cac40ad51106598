# %% [markdown]
# # Review: what a midterm may ask
#
# Questions of the kind that a midterm has, from memory layout to a training loop. Some are answered in words, others in code.
#
# | exercise | what you write | points |
# |---|---|---|
# | 1 | who shares memory with whom | 5 |
# | 2 | slices, and picking by a condition | 5 |
# | 3 | the gradient of a norm | 5 |
# | 4 | two partial derivatives | 4 |
# | 5 | a graph's node values, and their local derivatives | 6 |
# | 6 | its adjoints | 4 |
# | 7 | `LogisticRegression` | 3 |
# | 8 | `TwoClassDataset` | 3 |
# | 9 | three loaders | 3 |
# | 10 | `model_accuracy` | 2 |
# | 11 | `train`, a trained model, and a plot | 8 |
#
# Hand in this notebook. It is run from the top to the bottom, so try *Restart and run all* first. Keep the names. Lines with `chainrule:` say which exercise a cell belongs to; leave them where they are. Cells without such a line are given: they try out what you wrote.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler, TensorDataset

# %% [markdown]
# ## Tensors
#
# ### Exercise 1: storage
#
# Operations whose names end in an underscore write into the memory of the tensor itself. For the tensor `a` below, let `b` be the cosine of its entries, computed in the memory of `a`, and let `c` be the sum of `a` and `b`, in memory of its own.
#
# Then write `same_storage(x, y)`: whether two tensors use the same storage, as True or False. It is so for a tensor and any view of it, also for one that does not begin with the first element.

# %%
# chainrule: ex1-storage
a = torch.zeros(3, 2)
b = a.cos_()
c = a + b


def same_storage(x, y):
    return x.untyped_storage().data_ptr() == y.untyped_storage().data_ptr()

# %%
def kinship(t):
    """Which of eight tensors that are made from t share its storage: 1 where they do."""
    others = [t, t.T, t[1:], t[:, 1], t.flip(0), t.clone(), t + 0, torch.zeros_like(t)]
    return torch.tensor([float(same_storage(t, other)) for other in others])

# %%
found = [
    same_storage(a, b),
    same_storage(a, c),
    same_storage(c, c[1:]),
    same_storage(c, c.T),
    same_storage(c, c.clone()),
]
print(found)

# %% [markdown]
# Without running it: which number stands in every entry
#
# - a: of `a`, at the end of the cell above?
# - b: of `c`, at the end of the cell above?
# - c: of `c`, after `a.sub_(1)` has been called as well?

# %% [markdown]
# <!-- chainrule: ex1-words -->
# - a: 1
# - b: 2
# - c: 2

# %% [markdown]
# ### Exercise 2: slices and truth arrays
#
# - `top_right(a)`: the top right quarter of a table with an even number of rows and of columns, which need not be the same number. Copy nothing.
# - `multiples_of_four(a)`: the multiples of 4 in column three of a table, from top to bottom, in a tensor of one dimension. The column with index 0 is column zero. Negative numbers and 0 may be multiples of 4, too.

# %%
# chainrule: ex2-slicing
def top_right(a):
    return a[: a.shape[0] // 2, a.shape[1] // 2 :]


def multiples_of_four(a):
    e = a[:, 3]
    return e[e % 4 == 0]

# %%
table = torch.randint(low=-99, high=100, size=(10, 10))
d = top_right(table)
e = table[:, 3]
h = multiples_of_four(table)
print(d, e, h)

# %% [markdown]
# ## Derivatives
#
# ### Exercise 3: the gradient of a norm
#
# Let $f(x) = \tfrac12 \lVert Ax \rVert_2^2$ with $x \in \mathbb{R}^n$ and $A \in \mathbb{R}^{m \times n}$. Write `half_norm(A, x)`, the value of $f$ as a tensor without dimensions, and `norm_gradient(A, x)`, the gradient of $f$ for $x$. Work the latter out by hand: autograd may not be used in it.

# %%
# chainrule: ex3-norm
def half_norm(A, x):
    return 0.5 * (A @ x).pow(2).sum()


def norm_gradient(A, x):
    return A.T @ A @ x

# %% [markdown]
# And which shapes have, in terms of m and n,
#
# - a: the Jacobian of $y = Ax$ for $x$?
# - b: the gradient of $f$ for $x$?
# - c: the gradient of $\tfrac12\lVert y \rVert_2^2$ for $y$?

# %% [markdown]
# <!-- chainrule: ex3-shapes -->
# - a: (m, n)
# - b: (n,)
# - c: (m,)

# %% [markdown]
# ### Exercise 4: partial derivatives
#
# Let $f(x, y) = 2\cos^2(xy) + \ln(\cos(xy))$, where $\cos(xy)$ is positive. Write down the derivatives of $f$ for $x$ and for $y$. Any form will do: `cos(x*y)`, `cos(xy)`, `cos^2(xy)`.

# %% [markdown]
# <!-- chainrule: ex4-partials -->
# - df/dx = -4*y*cos(x*y)*sin(x*y) - y*sin(x*y)/cos(x*y)
# - df/dy = -4*x*cos(x*y)*sin(x*y) - x*sin(x*y)/cos(x*y)

# %% [markdown]
# ### Exercise 5: a graph for it
#
# The same function as a graph: $w_1 = x$ and $w_2 = y$; $w_3$ is their product; $w_4$ the cosine of that; $w_5$ the square of $w_4$; $w_6$ is twice $w_5$; $w_7$ is the natural logarithm of $w_4$; and $w_8$, the result, is the sum of $w_6$ and $w_7$. Write `node_values(x, y)` for tensors `x` and `y` without dimensions: it returns the values of $w_1$ to $w_8$ in a tensor of shape (8,).

# %%
# chainrule: ex5-nodes
def node_values(x, y):
    w1, w2 = x, y
    w3 = w1 * w2
    w4 = torch.cos(w3)
    w5 = w4**2
    w6 = 2 * w5
    w7 = torch.log(w4)
    w8 = w6 + w7
    return torch.stack([w1, w2, w3, w4, w5, w6, w7, w8])

# %% [markdown]
# What are these local derivatives, in terms of the nodes' values `w1` to `w8`?

# %% [markdown]
# <!-- chainrule: ex5-local -->
# - dw3/dw1 = w2
# - dw4/dw3 = -sin(w3)
# - dw5/dw4 = 2*w4
# - dw7/dw4 = 1/w4

# %% [markdown]
# ### Exercise 6: adjoints
#
# The adjoint of a node is the derivative of the result for it: the sum over the nodes that use it, each with its own adjoint times its local derivative. Write `adjoints(x, y)`, which returns the adjoints of $w_1$ to $w_8$ in a tensor of shape (8,), in this order. Walk backwards by hand: autograd may not be used. The first two are the derivatives of exercise 4.

# %%
# chainrule: ex6-adjoints
def adjoints(x, y):
    w3 = x * y
    w4 = torch.cos(w3)
    g8 = torch.ones_like(w4)
    g7 = g8
    g6 = g8
    g5 = 2 * g6
    g4 = g5 * 2 * w4 + g7 / w4
    g3 = -torch.sin(w3) * g4
    g2 = x * g3
    g1 = y * g3
    return torch.stack([g1, g2, g3, g4, g5, g6, g7, g8])

# %% [markdown]
# ## Logistic regression
#
# ### Exercise 7: the model
#
# Write the module `LogisticRegression(N)` for points with N coordinates. Its parameters are a weight for every coordinate and one bias; for points in a tensor of shape (n, N) it returns n probabilities, of shape (n,): the sigmoid of $w^\top x + b$.

# %%
# chainrule: ex7-model
class LogisticRegression(nn.Module):
    def __init__(self, N):
        super().__init__()
        self.w = nn.Parameter(torch.ones(N))
        self.b = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return 1 / (1 + torch.exp(-(x @ self.w + self.b)))

# %% [markdown]
# ### Exercise 8: the data
#
# Write the dataset `TwoClassDataset(N, sigma)` with N points in each of two classes. Those of the positive class come first: normally distributed around (-1, 1) with the standard deviation `sigma` in each coordinate, and labelled 1. The others are around (1, -1) and labelled 0. An item is a pair of a point, of shape (2,), and its label, without dimensions, both `float32`. Points and labels are drawn once, when the dataset is made.

# %%
# chainrule: ex8-dataset
class TwoClassDataset(Dataset):
    def __init__(self, N, sigma):
        plus_class = sigma * torch.randn(N, 2) + torch.tensor([-1.0, 1.0])
        negative_class = sigma * torch.randn(N, 2) + torch.tensor([1.0, -1.0])
        self.data = torch.cat([plus_class, negative_class])
        self.labels = torch.cat([torch.ones(N), torch.zeros(N)])

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        return self.data[idx], self.labels[idx]

# %%
def laid_out(N, sigma):
    """All points with their labels, shape (2 N, 3)."""
    dataset = TwoClassDataset(N, sigma)
    items = [dataset[idx] for idx in range(len(dataset))]
    return torch.stack([torch.cat([x, y.reshape(1)]) for x, y in items])


def spread(N, sigma):
    """The points' standard deviations within each class, shape (2, 2)."""
    return laid_out(N, sigma)[:, :2].reshape(2, N, 2).std(dim=1)


def drawn_again(N, sigma):
    """How far a point lies from itself when it is asked for twice, plus 1."""
    dataset = TwoClassDataset(N, sigma)
    return 1 + (dataset[0][0] - dataset[0][0]).abs().sum()


dataset = TwoClassDataset(100, 1.5)

# %% [markdown]
# ### Exercise 9: loaders
#
# Write `make_loaders(dataset, batch_size)`. It deals the items of a dataset out at random, 60 % for training, 20 % for validation and 20 % for testing, and returns three loaders in this order. The loader for training deals its items out in another order in every epoch.

# %%
# chainrule: ex9-loaders
def make_loaders(dataset, batch_size):
    indices = np.random.permutation(len(dataset))
    n_train, n_val = len(dataset) * 6 // 10, len(dataset) * 2 // 10
    parts = np.split(indices, [n_train, n_train + n_val])
    return [DataLoader(dataset, batch_size, sampler=SubsetRandomSampler(part)) for part in parts]

# %%
def dealt_out(n, batch_size):
    """How many items each loader has, how many different ones all have together, how many batches
    the first has; then 1 where the order is another one in the second epoch, and 1 where the
    training items are not just the first ones."""
    loaders = make_loaders(TensorDataset(torch.arange(n)), batch_size)
    epochs = [[torch.cat([x for (x,) in loader]).tolist() for loader in loaders] for _ in "12"]
    counts = [len(items) for items in epochs[0]]
    distinct = len({item for items in epochs[0] for item in items})
    another = epochs[0][0] != epochs[1][0]
    mixed = sorted(epochs[0][0]) != list(range(counts[0]))
    return torch.tensor([*counts, distinct, len(loaders[0]), float(another), float(mixed)])


train_loader, val_loader, test_loader = make_loaders(dataset, batch_size=8)

# %% [markdown]
# ### Exercise 10: accuracy
#
# Write `model_accuracy(model, input_data, labels)`: the share, from 0 to 1, of the points in `input_data` for which the model's probability is on the right side of 0.5. Labels are 0 and 1; the result has no dimensions.

# %%
# chainrule: ex10-accuracy
def model_accuracy(model, input_data, labels):
    with torch.no_grad():
        predictions = model(input_data) >= 0.5
    return (predictions == labels.bool()).float().mean()

# %%
class Slanted(nn.Module):
    """A model with these weights and no bias."""

    def __init__(self, w):
        super().__init__()
        self.w = w

    def forward(self, x):
        return torch.sigmoid(x @ self.w)


def accuracy_of(w, points, labels):
    return torch.as_tensor(model_accuracy(Slanted(w), points, labels), dtype=torch.float32)

# %% [markdown]
# ### Exercise 11: training
#
# Write `train(model, criterion, optimizer, loader, n_epoch)`. For each batch of each epoch it clears the old gradients, computes the loss, walks backwards and takes a step. It returns a list with the mean loss of every epoch.

# %%
# chainrule: ex11-train
def train(model, criterion, optimizer, loader, n_epoch):
    loss_values = []
    for _ in range(n_epoch):
        epoch_loss = 0.0
        for x_batch, y_batch in loader:
            optimizer.zero_grad()
            loss = criterion(model(x_batch), y_batch)
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item()
        loss_values.append(epoch_loss / len(loader))
    return loss_values

# %%
def losses_of(points, labels):
    """What train returns for two epochs in batches of four; the model's weights begin at zero."""
    model = Slanted(nn.Parameter(torch.zeros(2)))
    loader = DataLoader(TensorDataset(points, labels), batch_size=4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    return torch.tensor(train(model, nn.BCELoss(), optimizer, loader, 2))

# %% [markdown]
# Fit `logreg_model`, a `LogisticRegression` for two coordinates, with your functions. On new points of the same two classes its binary cross-entropy should be less than 0.5 (less than 0.6: half); no model comes below 0.39. Keep the losses as `loss_values`.

# %%
# chainrule: ex11-fit
logreg_model = LogisticRegression(2)
optimizer = torch.optim.SGD(logreg_model.parameters(), lr=0.2)
loss_values = train(logreg_model, nn.BCELoss(), optimizer, train_loader, 5)
print(model_accuracy(logreg_model, dataset.data, dataset.labels))

# %% [markdown]
# Draw `loss_values` as a line over the epochs, with a title and with labels on both axes.

# %%
# chainrule: ex11-plot
plt.plot(loss_values)
plt.title("Training")
plt.xlabel("epoch")
plt.ylabel("mean loss")
plt.show()
