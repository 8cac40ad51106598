# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler, TensorDataset

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
# <!-- chainrule: ex1-words -->
# - a: 1
# - b: 2
# - c: 2

# %%
# chainrule: ex2-slicing
def top_right(a):
    return a[: a.shape[0] // 2, a.shape[1] // 2 :]


def multiples_of_four(a):
    e = a[:, 3]
    return e % 4 == 0

# %%
table = torch.randint(low=-99, high=100, size=(10, 10))
d = top_right(table)
e = table[:, 3]
h = multiples_of_four(table)
print(d, e, h)

# %%
# chainrule: ex3-norm
def half_norm(A, x):
    return 0.5 * (A @ x).pow(2).sum()


def norm_gradient(A, x):
    return A.T @ A @ x

# %% [markdown]
# <!-- chainrule: ex3-shapes -->
# - a: (m, n)
# - b: (n,)
# - c: (m,)

# %% [markdown]
# <!-- chainrule: ex4-partials -->
# - df/dx = -4*y*cos(x*y)*sin(x*y) - y*sin(x*y)/cos(x*y)
# - df/dy = -4*x*cos(x*y)*sin(x*y) - x*sin(x*y)/cos(x*y)

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
# <!-- chainrule: ex5-local -->
# - dw3/dw1 = w2
# - dw4/dw3 = -sin(w3)
# - dw5/dw4 = 2*w4
# - dw7/dw4 = 1/w4

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

# %%
# chainrule: ex7-model
class LogisticRegression(nn.Module):
    def __init__(self, N):
        super().__init__()
        self.w = nn.Parameter(torch.ones(N))
        self.b = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return 1 / (1 + torch.exp(-(x @ self.w + self.b)))

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

# %%
# chainrule: ex11-fit
logreg_model = LogisticRegression(2)
optimizer = torch.optim.SGD(logreg_model.parameters(), lr=0.2)
loss_values = train(logreg_model, nn.BCELoss(), optimizer, train_loader, 5)
print(model_accuracy(logreg_model, dataset.data, dataset.labels))

# %%
# chainrule: ex11-plot
plt.plot(loss_values)
plt.title("Training")
plt.xlabel("epoch")
plt.ylabel("mean loss")
plt.show()
