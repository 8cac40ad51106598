"""`learning` through real sandboxes: training loops as people write them, and as they fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grader.domain.outcomes import Outcome
from tests.grading import Assignment, assignment
from workers.zygote import Zygote

IMPORTS = "import torch\nfrom torch import nn"
LOADERS: dict[str, Any] = {
    "kind": "learning",
    "function": "train",
    "other_names": ["trainer", "fit"],
    "args": ["model", "criterion", "optimizer", "train_loader", "held_out_loader", 5],
    "expects": [
        "loss_decreases",
        "zeroes_gradients",
        "moves_parameters",
        "steps_each_batch",
        "train_mode",
        "eval_mode",
        "no_grad",
        "leaves_held_out",
    ],
    "limit_s": 3,
}
RIGHT = """
def train(model, criterion, optimizer, loader, valid, epochs):
    losses = []
    for epoch in range(epochs):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            total = sum(criterion(model(x), y).item() for x, y in valid)
        losses.append(total / len(valid))
    return losses
"""
SPELLINGS = {
    "as in the book": RIGHT,
    "under another name": RIGHT.replace("def train", "def fit"),
    "gradients zeroed on the model": RIGHT.replace("optimizer.zero_grad", "model.zero_grad"),
    "gradients zeroed after the step": RIGHT.replace(
        "            optimizer.zero_grad()\n", ""
    ).replace("optimizer.step()", "optimizer.step(); optimizer.zero_grad(set_to_none=False)"),
    "gradients set to None": RIGHT.replace(
        "optimizer.zero_grad()", "[setattr(p, 'grad', None) for p in model.parameters()]"
    ),
    "gradients times zero": RIGHT.replace(
        "optimizer.zero_grad()", "[p.grad.mul_(0) for p in model.parameters() if p.grad != None]"
    ),
    "steps by hand": RIGHT.replace(
        "optimizer.step()",
        "\n            with torch.no_grad():\n"
        "                for p in model.parameters(): p -= 0.1 * p.grad",
    ),
    "gradients without backward": RIGHT.replace(
        "loss.backward()",
        "\n            for p, g in zip(model.parameters(), torch.autograd.grad(loss, "
        "list(model.parameters()))): p.grad = g",
    ),
    "an optimiser of its own": RIGHT.replace(
        "    losses = []", "    losses = []; optimizer = torch.optim.Adam(model.parameters(), 0.02)"
    ),
    "the best weights kept": RIGHT.replace(
        "    return losses",
        "    model.load_state_dict({k: v.clone() for k, v in "
        "model.state_dict().items()})\n    return losses",
    ),
    "inference mode": RIGHT.replace("torch.no_grad()", "torch.inference_mode()"),
    "evaluated before the first step, too": RIGHT.replace(
        "    losses = []",
        "    losses = []; model.eval()\n    with torch.no_grad():\n"
        "        for x, y in valid: model(x)",
    ),
    "accuracy on the training data as well": RIGHT.replace(
        "        losses.append",
        "        with torch.no_grad():\n            for x, y in loader: model(x)\n"
        "        losses.append",
    ),
}


@pytest.fixture(scope="module")
def made(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    return assignment(zygote, tmp_path_factory.mktemp("learning"), LOADERS, "")


@pytest.mark.parametrize("cell", SPELLINGS.values(), ids=SPELLINGS)
def test_a_right_loop_passes_however_it_is_written(made: Assignment, cell: str) -> None:
    for seed in range(3):
        result = made.grade(IMPORTS, cell, seed=seed)
        assert result.outcome is Outcome.PASSED, result.message


def without(line: str) -> str:
    return RIGHT.replace(line, "pass")


MISTAKES: dict[str, tuple[str, set[str]]] = {
    "no zero_grad": (without("optimizer.zero_grad()"), {"zeroes_gradients"}),
    "no step": (
        without("optimizer.step()"),
        {"loss_decreases", "moves_parameters", "steps_each_batch"},
    ),
    "a step for each epoch": (
        RIGHT.replace("            optimizer.step()\n", "        optimizer.step()\n"),
        {"steps_each_batch"},
    ),
    "two steps for each batch": (
        RIGHT.replace("optimizer.step()", "optimizer.step(); optimizer.step()"),
        {"steps_each_batch"},
    ),
    "only the first batch": (
        RIGHT.replace("optimizer.step()", "optimizer.step(); break").replace(
            "range(epochs)", "[0, 1]"
        ),
        {"steps_each_batch"},
    ),
    "a part of the parameters": (
        RIGHT.replace(
            "    losses = []",
            "    losses = []; optimizer = torch.optim.SGD(list(model.parameters())[2:], 0.1)",
        ),
        {"moves_parameters"},
    ),
    "away from the minimum": (
        RIGHT.replace("loss.backward()", "(-loss).backward()"),
        {"loss_decreases"},
    ),
    "never in training mode": (without("model.train()"), {"train_mode"}),
    "training mode only at first": (
        without("model.train()").replace("    losses = []", "    losses = []; model.train()"),
        {"train_mode"},
    ),
    "never in eval mode": (without("model.eval()"), {"eval_mode"}),
    "gradients in evaluation": (
        RIGHT.replace("with torch.no_grad():", "if True:"),
        {"no_grad"},
    ),
    "trains on the held-out data": (
        RIGHT.replace("for x, y in loader:", "for x, y in [*loader, *valid]:"),
        {"leaves_held_out", "eval_mode", "no_grad"},
    ),
    "never evaluates": (
        RIGHT.replace("in valid)", "in [])"),
        {"eval_mode", "no_grad"},
    ),
}


@pytest.mark.parametrize(("cell", "wrong"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_costs_its_own_share_and_no_other(
    made: Assignment, cell: str, wrong: set[str]
) -> None:
    result = made.grade(IMPORTS, cell)
    seen: Any = result.detail["expects"]
    assert {name for name, right in seen.items() if not right} - {"loss_decreases"} == wrong - {
        "loss_decreases"
    }, result.message
    assert "loss_decreases" not in wrong or not seen["loss_decreases"]


NOTHING = {
    "not there": ("pass", "missing"),
    "no function": ("train = 3", "not-callable"),
    "does nothing": ("def train(*args): pass", "no-training"),
    "puts weights in": (
        "def train(model, *args):\n    with torch.no_grad():\n"
        "        for p in model.parameters(): p.zero_()",
        "no-training",
    ),
    "trains another model": (
        "import copy"
        + RIGHT.replace(
            "    losses = []",
            "    losses = []; model = copy.deepcopy(model)\n"
            "    optimizer = torch.optim.SGD(model.parameters(), 0.1)",
        ),
        "parameters-not-moved",
    ),
    "raises": ("def train(*args): raise ValueError('no')", "raised"),
    "exits": ("def train(*args): raise SystemExit", "raised"),
    "ends the process": ("import os\ndef train(*args): os._exit(0)", "died"),
    "never ends": ("def train(*args):\n    while True: pass", "time-limit"),
    "patches torch": (
        "nn.Module.train = nn.Module.eval = lambda self, mode=True: self\n"
        "torch.optim.SGD.step = lambda self: None\ndef train(m, c, o, *args): o.step()",
        "no-training",
    ),
}


@pytest.mark.parametrize(("cell", "cause"), NOTHING.values(), ids=NOTHING)
def test_what_does_not_train_is_told_so(made: Assignment, cell: str, cause: str) -> None:
    result = made.grade(IMPORTS, cell)
    assert result.outcome is not Outcome.PASSED
    causes = {result.detail["cause"]} | ({cause} if cause in result.message else set())
    if cause == "parameters-not-moved":
        assert "changes no parameter" in result.message
    else:
        assert (causes, result.score) == ({cause}, 0)


WHOLE: dict[str, Any] = {
    "kind": "learning",
    "function": "trainer",
    "args": ["inputs", "targets"],
    "kwargs": {"model": "model", "opt": "optimizer", "loss_fn": "criterion", "epochs": 20},
    "expects": {"loss_decreases": 3, "zeroes_gradients": 1},
}


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_tensors_as_a_whole_and_every_task(
    zygote: Zygote, tmp_path: Path, task: str, optimizer: str
) -> None:
    made = assignment(zygote, tmp_path, {**WHOLE, "task": task, "optimizer": optimizer}, "")
    right = (
        "def trainer(x, y, epochs, opt, loss_fn, model):\n"
        "    for _ in range(epochs):\n        opt.zero_grad()\n"
        "        loss_fn(model(x), y).backward()\n        opt.step()"
    )
    for seed in range(3):
        assert made.grade(IMPORTS, right, seed=seed).outcome is Outcome.PASSED
    partial = made.grade(IMPORTS, right.replace("opt.zero_grad()", "pass"))
    assert partial.score <= 0.75
    assert partial.detail["cause"] in ("gradients-not-zeroed", "loss-not-decreasing")


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_every_mistake_costs_one_expectation_whatever_is_drawn(
    zygote: Zygote, tmp_path: Path, task: str
) -> None:
    check = {
        "kind": "learning",
        "function": "train",
        "args": ["model", "criterion", "optimizer", "train_loader", 3],
        "task": task,
    }
    made = assignment(zygote, tmp_path, check, "")
    loop = [
        "def train(model, criterion, optimizer, loader, epochs):",
        "    for _ in range(epochs):",
        "        for x, y in loader:",
        "            optimizer.zero_grad()",
        "            criterion(model(x), y).backward()",
        "            optimizer.step()",
    ]
    right, last = "\n".join(loop), loop[-1]
    mistakes = [
        (right.replace("optimizer.zero_grad()", "pass"), "gradients-not-zeroed"),
        (right.replace(last, last[4:]), "step-not-each-batch"),
    ]
    for seed in range(8):
        assert made.grade(IMPORTS, right, seed=seed).score == 1
        for mistake, cause in mistakes:
            result = made.grade(IMPORTS, mistake, seed=seed)
            assert (result.score, result.detail["cause"]) == (0.75, cause)
