# %% [markdown]
# # Arrays, regression, classification, gradients
#
# Seventeen exercises lead from a dot product to a classifier of handwritten digits and to what an optimiser does. Hand in this notebook with your answers in it. It is run from the top to the bottom, so try *Restart and run all* before you do.
#
# Keep the names of functions, classes and variables. Lines that begin with `# chainrule:` or hide in a text cell say which exercise a cell belongs to; please leave them where they are. In a text cell write your answer on the line of the question, behind the `=` or the `:`.

# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from course import minimize, read_table

# %% [markdown]
# ## Part 1: arrays
#
# Python is slow, and yet nearly all of deep learning is written in it. The trick: one line of Python starts one operation on a whole array, and that operation is fast.
#
# ### Exercise 1: the dot product
#
# For two vectors of the same length, $w \cdot x = w_1 x_1 + \dots + w_N x_N$.
#
# Write it twice. `dot_loop` goes through the entries in a loop and adds up, without a ready-made product or sum. `dot_torch` has no loop: a single operation, or two, on whole vectors.

# %%
# chainrule: ex1-dot
dot_loop = lambda w, x: sum(a * b for a, b in zip(w, x))
dot_torch = lambda w, x: torch.matmul(w, x)

# %%
# Both should be 32
w = torch.tensor([1.0, 2.0, 3.0])
x = torch.tensor([4.0, 5.0, 6.0])
dot_loop(w, x), dot_torch(w, x)

# %% [markdown]
# ### Exercise 2: a linear transformation
#
# `linear` computes $y = w x + b$ entry by entry, for arrays `x` and `w` of the same shape and a bias `b`.

# %%
# chainrule: ex2-linear
from functools import partial, reduce

linear = lambda x, w, b: torch.addcmul(b.expand_as(x), w, x)

# %% [markdown]
# ### Exercise 3: reductions
#
# A reduction makes fewer numbers out of many: `sum`, `mean`, `max`, or `argmax`, which says *where* the largest is. Without more they reduce the whole array to one number; with `axis=...` only that axis goes.
#
# `row_sums` gives the sum of each row of a table, `column_means` the mean of each column, and `best_columns` for each row the index of the column with the largest entry.

# %%
# chainrule: ex3-reductions
row_sums = partial(torch.sum, dim=1)
column_means = partial(torch.mean, dim=0)
best_columns = partial(torch.argmax, dim=-1)

# %% [markdown]
# <!-- chainrule: ex3-shapes -->
# Let `x` have shape (4, 3). Which shapes have these?
#
# - x.sum(axis=0).shape = (3,)
# - x.argmax(axis=1).shape = (4,)

# %% [markdown]
# ### Exercise 4: the mean squared error
#
# How far are predictions from the truth? Take the differences, square them, take the mean:
#
# $$\text{MSE} = \frac{1}{n} \sum_i \left(y^{\text{true}}_i - y^{\text{pred}}_i\right)^2$$
#
# Write `mse` by these three steps, and `mse_torch` with what PyTorch has ready-made.

# %%
# chainrule: ex4-mse
mse = lambda y_true, y_pred: (y_pred - y_true).pow(2).mean()
mse_torch = lambda y_true, y_pred: nn.MSELoss(reduction="mean")(y_pred, y_true)

# %% [markdown]
# <!-- chainrule: ex4-paper -->
# On paper: the true values are 3, 5 and 2, the predictions 2, 5 and 4.
#
# - MSE = 1.667

# %% [markdown]
# ## Part 2: linear regression
#
# The simplest network is a line. To *fit* it means to find the parameters for which the loss is smallest. How that is found comes at the end; until then `minimize(loss, start)` is a black box. It takes a function of one vector and a vector to begin with, and returns the vector at which the function is smallest:

# %%
minimize(lambda v: (v[0] - 3) ** 2 + (v[1] + 1) ** 2, torch.zeros(2))

# %% [markdown]
# ### Exercise 5: one feature
#
# `line_loss` is the mean squared error of the predictions `w * x + b`, where `w` and `b` are numbers. `fit_line` returns the two numbers that make it smallest for the data it is given, as one tensor: first `w`, then `b`.

# %%
# chainrule: ex5-line
line_loss = lambda w, b, x, y_true: mse(y_true, w * x + b)
fit_line = lambda x, y_true: minimize(
    lambda v: line_loss(*v, x, y_true), start=torch.zeros(2)
)

# %% [markdown]
# ### Exercise 6: several features
#
# Now each sample is a row of `X`, with a weight for each feature. `predict` returns one number for each row, and `fit` the pair `(w, b)` with the smallest mean squared error: `w` with one entry for each feature, `b` a single number.
#
# Then use both. `flats.csv` says of flats their size (in 10 m²), floor, distance to the centre (in km) and rent (in hundreds). `predict_rent` takes a table of flats like `X_flats`, which may be others, and returns their rents.

# %%
X_flats, y_flats = read_table("flats.csv")
X_flats.shape, y_flats.shape

# %%
# chainrule: ex6-features
predict = lambda X, w, b: torch.mv(X, w) + b
split = lambda v: (v[:-1], v[-1])
fit = lambda X, y_true: split(
    minimize(lambda v: mse(y_true, predict(X, *split(v))), torch.zeros(X.shape[1] + 1))
)
predict_rent = (lambda fitted: lambda X: predict(X, *fitted))(fit(X_flats, y_flats))

# %% [markdown]
# ## Part 3: from scores to probabilities
#
# ### Exercise 7: softmax
#
# A classifier gives each class a score, any number. Softmax makes probabilities of them:
#
# $$y_i = \frac{e^{x_i}}{\sum_j e^{x_j}}$$
#
# Write `softmax` for a vector `x` of shape (n,), without PyTorch's own.

# %%
# chainrule: ex7-softmax
softmax = lambda x: (lambda e: e / e.sum(-1, keepdim=True))(torch.exp(x))

# %% [markdown]
# Try some inputs, and then answer four questions. To the first three write the letters of *all* answers that are right.
#
# a. All three scores are the same. The outputs are: A all 0; B all 1/3; C all 1; D the same as the inputs.
#
# b. Ten is added to each of the scores. Then: A every output grows by 10; B the largest output grows; C nothing changes; D the outputs still add up to 1.
#
# c. One score is much larger than the others. Then its output is: A close to 1; B close to 0; C larger than 1; D larger than all the others together.
#
# d. There is a word for the scores that go into softmax. Which?

# %% [markdown]
# <!-- chainrule: ex7-questions -->
# - a = (B)
# - b = C D
# - c = a, d
# - d = Logits

# %% [markdown]
# ### Exercise 8: the most that one output can be
#
# Which inputs make the first output of softmax as large as possible, and how large can it be? One to three sentences.

# %% [markdown]
# <!-- chainrule: ex8-largest -->
# *Your answer:* The first score as large as possible compared with the others, say 100 and -100, -100. The output then comes as close to 1 as one likes, but never reaches it exactly.

# %% [markdown]
# ### Exercise 9: logistic regression
#
# For a table `X` of shape (samples, features), weights `W` of shape (features, classes) and biases `b` of shape (classes,), `logistic_regression` returns the probabilities, (samples, classes): each row is the softmax of that row of `X @ W + b`.
#
# `cross_entropy` is its loss. `y_true_onehot` has a 1 in each row where the true class is, and 0 elsewhere; `y_pred` holds probabilities. The loss of one sample is $-\sum_j y^{\text{true}}_j \log y^{\text{pred}}_j$ with the natural logarithm. Return the mean over the samples, without a ready-made loss.

# %%
# chainrule: ex9-logreg
logistic_regression = lambda X, W, b: softmax(X @ W + b)
cross_entropy = lambda y_true_onehot, y_pred: (y_true_onehot * -y_pred.log()).sum(1).mean()

# %% [markdown]
# ### Exercise 10: the shapes, on paper
#
# By logistic regression, 100 houses are sorted into low, medium and high prices, from longitude and latitude. All are processed at once, and each gets three scores.

# %% [markdown]
# <!-- chainrule: ex10-houses -->
# - X.shape = (100, 2)
# - W.shape = (2, 3)
# - b.shape = (3,)
# - (X @ W + b).shape = (100, 3)

# %% [markdown]
# ### Exercise 11: from scores to a verdict, in words
#
# For one house the scores for low, medium and high are [1.0, 2.0, -1.0]. By which steps do they become probabilities that add up to 1?

# %% [markdown]
# <!-- chainrule: ex11-steps -->
# *Your answer:* Take e to the power of each score, so that all are positive, add the three up, and divide each by that sum.

# %% [markdown]
# ### Exercise 12: and in numbers
#
# The true class of this house is medium. Three digits are enough; the accuracy is that for this one house.

# %% [markdown]
# <!-- chainrule: ex12-scores -->
# - the probabilities = 0.259, 0.705, 0.035
# - the accuracy = 1
# - the loss = 0.349

# %% [markdown]
# ## Part 4: with PyTorch
#
# ### Exercise 13: logistic regression in PyTorch
#
# `Model` has one linear layer, from 2 features to 3 classes. Let it return the scores: `F.cross_entropy` and `nn.CrossEntropyLoss` apply softmax themselves.
#
# Then train `model` on the houses of `houses.csv`, until the cross-entropy on them is below 0.2. It will also be tried on houses that nobody has seen.

# %%
X_houses, y_houses = read_table("houses.csv")
y_houses = y_houses.long()  # 0 low, 1 medium, 2 high
X_houses.shape, y_houses.shape

# %%
# chainrule: ex13-model
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(in_features=2, out_features=3, bias=True)

    def forward(self, x):
        return self.linear(x)


model = Model()

# %%
# chainrule: ex13-training
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=2.0)
for _ in range(50):
    optimizer.zero_grad()
    loss = loss_fn(model(X_houses), y_houses)
    loss.backward()
    optimizer.step()

# %% [markdown]
# ### Exercise 14: the loop as a function
#
# `train` goes through the data once. For each batch that `dataloader` gives it makes a step of `optimizer` on `loss_fn(model(x), y_true)`, with fresh gradients and with the model in its training mode.

# %%
# chainrule: ex14-train
def train(model, loss_fn, optimizer, dataloader):
    model.train()
    for x, y_true in dataloader:
        optimizer.zero_grad()
        y_pred = model(x)
        loss = loss_fn(y_pred, y_true)
        loss.backward()
        optimizer.step()

# %% [markdown]
# ### Exercise 15: digits
#
# `digits.csv` holds 600 small pictures of digits, 8 by 8 numbers from 0 to 16 each. Build and train `digits_model`, whatever you like inside, that takes a batch of pictures, (n, 64), *divided by 16*, and returns ten scores for each. Of pictures that it has not seen it should get 9 of 10 right.

# %%
X_digits, y_digits = read_table("digits.csv")
X_digits, y_digits = X_digits / 16, y_digits.long()
X_digits.shape, y_digits.shape

# %%
# chainrule: ex15-digits
digits_model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
digits_optimizer = optim.Adam(digits_model.parameters(), lr=0.03)
digits_loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(X_digits, y_digits), batch_size=60, shuffle=True
)
for _ in range(8):
    train(digits_model, F.cross_entropy, digits_optimizer, digits_loader)

# %% [markdown]
# ## Part 5: gradients
#
# ### Exercise 16: gradients by PyTorch
#
# Let `w` be a tensor that holds the number 2.0, of which PyTorch records what is computed with it, and `y` its square. Compute the gradient, and store it as `slope`. Below, write $dy/dw$ as a formula in `w`.
#
# `mse_gradients` returns the gradients of the mean squared error of `X @ w + b` for `w` and for `b`, as a pair. Let PyTorch find them.

# %%
# chainrule: ex16-autograd
w = torch.tensor(2.0).requires_grad_()
y = w * w
(slope,) = torch.autograd.grad(y, w)


def mse_gradients(X, y_true, w, b):
    v = [w.detach().requires_grad_(), b.detach().requires_grad_()]
    return list(torch.autograd.grad(mse(y_true, predict(X, *v)), v))

# %% [markdown]
# <!-- chainrule: ex16-derivative -->
# - dy/dw = 2w

# %% [markdown]
# ### Exercise 17: gradient descent
#
# We look for the minimum of $f(p) = p^2 + 2p + 1$. Fill in the derivative in `grad_f`. `descend` begins at `p`, makes `steps` steps of gradient descent on `f` with the learning rate that it is given, and returns where it is then. Last, begin at a random `p` and come close to the minimum, to 0.01 or nearer.

# %%
# chainrule: ex17-descent
f = lambda p: p**2 + 2 * p + 1
grad_f = lambda p: p + p + 2
descend = lambda p, learning_rate, steps: reduce(
    lambda q, _: q - learning_rate * grad_f(q), range(steps), p
)
p = descend(torch.rand(1), 0.25, 40)

# %% [markdown]
# <!-- chainrule: ex17-values -->
# - f(3) = 16
# - grad_f(3) = 8
