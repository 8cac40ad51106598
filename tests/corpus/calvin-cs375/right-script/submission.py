import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from course import minimize, read_table

# chainrule: ex1-dot
def dot_loop(w, x):
    total = 0.0
    for i in range(len(w)):
        total = total + w[i] * x[i]
    return total


def dot_torch(w, x):
    return w @ x

# Both should be 32
w = torch.tensor([1.0, 2.0, 3.0])
x = torch.tensor([4.0, 5.0, 6.0])
dot_loop(w, x), dot_torch(w, x)

# chainrule: ex2-linear
def linear(x, w, b):
    return w * x + b

# chainrule: ex3-reductions
def row_sums(x):
    return x.sum(axis=1)


def column_means(x):
    return x.mean(axis=0)


def best_columns(x):
    return x.argmax(axis=1)

"""
chainrule: ex3-shapes
Let `x` have shape (4, 3). Which shapes have these?

- x.sum(axis=0).shape = (3,)
- x.argmax(axis=1).shape = (4,)
"""

# chainrule: ex4-mse
def mse(y_true, y_pred):
    differences = y_true - y_pred
    return (differences**2).mean()


def mse_torch(y_true, y_pred):
    return F.mse_loss(y_pred, y_true)

"""
chainrule: ex4-paper
On paper: the true values are 3, 5 and 2, the predictions 2, 5 and 4.

- MSE = 1.667
"""

minimize(lambda v: (v[0] - 3) ** 2 + (v[1] + 1) ** 2, torch.zeros(2))

# chainrule: ex5-line
def line_loss(w, b, x, y_true):
    return mse(y_true, w * x + b)


def fit_line(x, y_true):
    return minimize(lambda v: line_loss(v[0], v[1], x, y_true), torch.zeros(2))

X_flats, y_flats = read_table("flats.csv")
X_flats.shape, y_flats.shape

# chainrule: ex6-features
def predict(X, w, b):
    return X @ w + b


def fit(X, y_true):
    def loss(v):
        return mse(y_true, predict(X, v[:-1], v[-1]))

    best = minimize(loss, torch.zeros(X.shape[1] + 1))
    return best[:-1], best[-1]


w_flats, b_flats = fit(X_flats, y_flats)


def predict_rent(X):
    return predict(X, w_flats, b_flats)

# chainrule: ex7-softmax
def softmax(x):
    powers = torch.exp(x)
    return powers / powers.sum()

"""
chainrule: ex7-questions
- a = B
- b = C, D
- c = A and D
- d = logits
"""

"""
chainrule: ex8-largest
*Your answer:* The first score as large as possible compared with the others, say 100 and -100, -100. The output then comes as close to 1 as one likes, but never reaches it exactly.
"""

# chainrule: ex9-logreg
def logistic_regression(X, W, b):
    logits = X @ W + b
    powers = torch.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def cross_entropy(y_true_onehot, y_pred):
    losses = -(y_true_onehot * torch.log(y_pred)).sum(axis=1)
    return losses.mean()

"""
chainrule: ex10-houses
- X.shape = (100, 2)
- W.shape = (2, 3)
- b.shape = (3,)
- (X @ W + b).shape = (100, 3)
"""

"""
chainrule: ex11-steps
*Your answer:* Take e to the power of each score, so that all are positive, add the three up, and divide each by that sum.
"""

"""
chainrule: ex12-scores
- the probabilities = 0.259, 0.705, 0.035
- the accuracy = 1
- the loss = 0.349
"""

X_houses, y_houses = read_table("houses.csv")
y_houses = y_houses.long()  # 0 low, 1 medium, 2 high
X_houses.shape, y_houses.shape

# chainrule: ex13-model
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(in_features=2, out_features=3, bias=True)

    def forward(self, x):
        return self.linear(x)


model = Model()

# chainrule: ex13-training
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=2.0)
for _ in range(50):
    optimizer.zero_grad()
    loss = loss_fn(model(X_houses), y_houses)
    loss.backward()
    optimizer.step()

# chainrule: ex14-train
def train(model, loss_fn, optimizer, dataloader):
    model.train()
    for x, y_true in dataloader:
        optimizer.zero_grad()
        y_pred = model(x)
        loss = loss_fn(y_pred, y_true)
        loss.backward()
        optimizer.step()

X_digits, y_digits = read_table("digits.csv")
X_digits, y_digits = X_digits / 16, y_digits.long()
X_digits.shape, y_digits.shape

# chainrule: ex15-digits
digits_model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
digits_optimizer = optim.Adam(digits_model.parameters(), lr=0.03)
digits_loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(X_digits, y_digits), batch_size=60, shuffle=True
)
for _ in range(8):
    train(digits_model, F.cross_entropy, digits_optimizer, digits_loader)

# chainrule: ex16-autograd
w = torch.tensor(2.0, requires_grad=True)
y = w**2
y.backward()
slope = w.grad


def mse_gradients(X, y_true, w, b):
    w = w.detach().requires_grad_(True)
    b = b.detach().requires_grad_(True)
    loss = ((X @ w + b - y_true) ** 2).mean()
    loss.backward()
    return w.grad, b.grad

"""
chainrule: ex16-derivative
- dy/dw = 2w
"""

# chainrule: ex17-descent
def f(p):
    return p**2 + 2 * p + 1


def grad_f(p):
    # the derivative of f at p
    return 2 * p + 2


def descend(p, learning_rate, steps):
    for _ in range(steps):
        p = p - learning_rate * grad_f(p)
    return p


p = descend(torch.rand(()), 0.1, 100)
print(p)

"""
chainrule: ex17-values
- f(3) = 16
- grad_f(3) = 8
"""

if __name__ == "__main__":
    print("all done")
