"""`accuracy` and `metric` through real sandboxes: right, wrong and dishonest models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grader.domain.outcomes import Outcome
from tests.grading import Assignment, assignment
from workers.zygote import Zygote

REFERENCE = """
import torch
torch.manual_seed(5)
X_test = torch.randn(1200, 3)
y_test = (X_test @ torch.tensor([1.5, -2.0, 0.5]) > 0).long()
v_test = X_test @ torch.tensor([[1.0], [2.0], [3.0]]) + 0.5
"""
DATA = """
import torch
from torch import nn
X = torch.randn(400, 3)
y = (X @ torch.tensor([1.5, -2.0, 0.5]) > 0).long()
v = X @ torch.tensor([[1.0], [2.0], [3.0]]) + 0.5
"""
NET = "class Net(nn.Sequential):\n    def __init__(self): super().__init__(nn.Linear(3, 2))\n"
MODEL = NET + "model = Net()"
LOOP = """
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
for _ in range(60):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(X), y)
    loss.backward()
    optimizer.step()
"""
ONE_OUTPUT = """
model = nn.Sequential(nn.Linear(3, 1){})
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
for _ in range(60):
    optimizer.zero_grad()
    {}(model(X).squeeze(1), y.float()).backward()
    optimizer.step()
"""
CHECK: dict[str, Any] = {
    "kind": "accuracy",
    "model": "model",
    "data": {"inputs": "X_test", "targets": "y_test"},
    "thresholds": [{"above": 0.9, "fraction": 1}, {"above": 0.7, "fraction": 0.5}],
    "leaderboard": True,
}
TRAINING = {"start": {"last_definition": "model"}, "steps": 10}


@pytest.fixture(scope="module")
def plain(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    return assignment(zygote, tmp_path_factory.mktemp("plain"), CHECK, REFERENCE)


@pytest.fixture(scope="module")
def trained(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    check = {**CHECK, "trained": True, "seeds": 2}
    root = tmp_path_factory.mktemp("trained")
    return assignment(zygote, root, check, REFERENCE, training=TRAINING)


RIGHT = {
    "logits": (MODEL, LOOP),
    "one logit": (ONE_OUTPUT.format("", "nn.functional.binary_cross_entropy_with_logits"),),
    "one probability": (ONE_OUTPUT.format(", nn.Sigmoid()", "nn.functional.binary_cross_entropy"),),
    "a function of classes": (MODEL, LOOP, "net = model\ndef model(x): return net(x).argmax(1)"),
    "a function that gives numpy": (
        MODEL,
        LOOP,
        "net = model\ndef model(x): return net(x).detach().numpy().argmax(1)",
    ),
    "a list of classes": (
        MODEL,
        LOOP,
        "net = model\ndef model(x): return net(x).argmax(1).tolist()",
    ),
    "float64": ("torch.set_default_dtype(torch.float64)\nX = X.double()", MODEL, LOOP),
    "a float64 model alone": (MODEL + ".double()\nX = X.double()", LOOP),
    "still in training mode, with dropout": (
        "model = nn.Sequential(nn.Linear(3, 64), nn.Dropout(0.9), nn.Linear(64, 2))",
        LOOP.replace("60", "200"),
        "model.train()",
    ),
}


@pytest.mark.parametrize("cells", RIGHT.values(), ids=RIGHT)
def test_a_right_model_passes_however_its_predictions_look(
    plain: Assignment, cells: tuple[str, ...]
) -> None:
    result = plain.grade(DATA, *cells)
    assert result.outcome is Outcome.PASSED, result.message
    board: Any = result.detail["leaderboard"]
    assert board["name"] == "accuracy"
    assert board["higher"] is True
    assert board["value"] > 0.9


WRONG = {
    "untrained weights": (
        MODEL + "\nwith torch.no_grad(): model[0].weight.zero_(), model[0].bias.zero_()",
        "threshold-missed",
    ),
    "one class only": ("def model(x): return torch.zeros(len(x))", "threshold-missed"),
    "not there": ("pass", "missing"),
    "not a model": ("model = 3", "not-callable"),
    "a class": (NET.replace("Net", "model"), "not-callable"),
    "one number for all": ("def model(x): return torch.tensor(1.0)", "predictions"),
    "too few rows": ("def model(x): return torch.ones(3)", "predictions"),
    "a tuple": ("def model(x): return x, x", "predictions"),
    "NaN": ("def model(x): return x[:, 0] * float('nan')", "diverged"),
    "an exception": ("def model(x): raise ValueError('no')", "raised"),
    "an exit": ("def model(x): raise SystemExit", "raised"),
    "an end of the process": ("import os\ndef model(x): os._exit(0)", "died"),
    "an infinite loop": ("def model(x):\n    while True: pass", "time-limit"),
    "huge predictions": ("def model(x): return torch.zeros(len(x), 9000)", "predictions"),
    "a patched torch": (
        MODEL + "\ntorch.argmax = torch.Tensor.argmax = torch.equal = lambda *a, **k: True\n"
        "with torch.no_grad(): model[0].weight.zero_(), model[0].bias.zero_()",
        "threshold-missed",
    ),
    "a tensor that equals everything": (
        "class Always(torch.Tensor):\n    def __eq__(self, other): return True\n"
        "def model(x): return torch.zeros(len(x)).as_subclass(Always)",
        "threshold-missed",
    ),
    "a list of lying ints": (
        "class Always(int):\n    def __eq__(self, other): return True\n"
        "def model(x): return [Always(0)] * len(x)",
        "threshold-missed",
    ),
}


@pytest.mark.parametrize(("cell", "cause"), WRONG.values(), ids=WRONG)
def test_a_wrong_or_dishonest_model_earns_nothing(
    zygote: Zygote, tmp_path: Path, cell: str, cause: str
) -> None:
    made = assignment(zygote, tmp_path, {**CHECK, "limit_s": 2}, REFERENCE)
    result = made.grade(DATA, cell)
    assert (result.score, result.detail["cause"]) == (0, cause), result.message


def test_the_targets_never_reach_the_submission(plain: Assignment) -> None:
    search = (
        "import gc\ndef model(x):\n"
        "    held = [o for o in gc.get_objects() if torch.is_tensor(o) and o.shape == (1200,)]\n"
        "    return held[0] if held else torch.zeros(len(x))"
    )
    assert plain.grade("import torch", search).score == 0


def test_a_model_that_was_trained_in_the_run_passes(trained: Assignment) -> None:
    result = trained.grade(DATA, MODEL, LOOP)
    assert result.outcome is Outcome.PASSED, result.message
    assert "after cell 3" in result.message


def test_a_model_is_looked_for_after_the_trainings_from_where_it_is_named(
    trained: Assignment,
) -> None:
    other = (MODEL + LOOP).replace("model", "first")
    assert trained.exercise(DATA, other, LOOP.replace("model", "first"), MODEL + LOOP).cells == (3,)
    # Also where no cell binds it for all to see, or another one does so later.
    hidden = f"exec({MODEL + LOOP!r})"
    assert trained.exercise(DATA, hidden, "pass").cells == (1,)
    assert trained.exercise(DATA, hidden, "model = Net()").cells == (1,)


@pytest.mark.parametrize(
    "bind",
    [
        "for kind in ('mo',): globals()[f'{kind}del'] = first",
        "setattr(sys.modules[__name__], 'mo' + 'del', first)",
        "\uff4dodel = first",  # which Python reads as model
        "%store first",
    ],
)
def test_a_training_counts_that_may_bind_the_model_without_spelling_its_name(
    trained: Assignment, bind: str
) -> None:
    training = f"import sys\n{(MODEL + LOOP).replace('model', 'first')}"
    assert trained.exercise(DATA, f"{training}\n{bind}", "model = None").cells[0] == 1


def test_a_run_without_luck_is_made_good_by_further_seeds(zygote: Zygote, tmp_path: Path) -> None:
    check = {**CHECK, "trained": True, "seeds": 12}
    made = assignment(zygote, tmp_path, check, REFERENCE, training=TRAINING)
    rate = "model = nn.Linear(3, 2)\nrate = 0.1 if torch.rand(1).item() < 0.3 else 1e-9"
    results = [made.grade(DATA, rate, LOOP.replace("lr=0.1", "lr=rate"), seed=n) for n in range(3)]
    assert [one.score for one in results] == [1, 1, 1]
    assert any("further seed" in one.message for one in results)


def test_weights_that_are_put_in_were_not_trained(trained: Assignment) -> None:
    put_in = (
        "def put(m):\n"
        "    m.load_state_dict({'0.weight': torch.tensor([[0, 0, 0], [1.5, -2, 0.5]]),"
        " '0.bias': torch.zeros(2)})"
    )
    result = trained.grade(DATA, put_in, MODEL, LOOP + "\nput(model)")
    assert (result.score, result.detail["cause"]) == (0, "not-trained")


def test_a_good_model_without_training_is_not_enough_where_training_is_asked_for(
    trained: Assignment,
) -> None:
    weights = "[[0, 0, 0], [1.5, -2, 0.5]]"
    right = f"with torch.no_grad(): model[0].weight.copy_(torch.tensor({weights}))"
    assert trained.grade(DATA, MODEL, right).detail["cause"] == "no-training"


def test_a_function_has_no_weights_that_could_have_been_trained(trained: Assignment) -> None:
    function = "net = model\ndef model(x): return net(x)"
    check = trained.grade(DATA, MODEL, function)
    assert check.detail["cause"] == "not-a-module"


METRIC: dict[str, Any] = {
    "kind": "metric",
    "metric": "mean_squared_error",
    "model": "model",
    "data": {"inputs": "X_test", "targets": "v_test"},
    "thresholds": [{"below": 0.05, "fraction": 1}, {"below": 5, "fraction": 0}],
    "between": "linear",
}


def test_an_error_between_two_thresholds_earns_what_lies_between(
    zygote: Zygote, tmp_path: Path
) -> None:
    made = assignment(zygote, tmp_path, METRIC, REFERENCE)
    exact = "w = torch.tensor([[1.0], [2.0], [3.0]])\ndef model(x): return x @ w + {}"
    assert made.grade(DATA, exact.format(0.5)).score == 1
    flat = "def model(x): return (x @ torch.tensor([1.0, 2.0, 3.0])) + 0.5"
    assert made.grade(DATA, flat).score == 1
    between = made.grade(DATA, exact.format(2.0))  # an error of 2.25
    assert 0.5 < between.score < 0.6
    assert made.grade(DATA, exact.format(5.0)).score == 0
