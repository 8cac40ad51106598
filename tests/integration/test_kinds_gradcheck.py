"""`gradcheck` through real sandboxes: graphs that hold, and those that do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grader.domain.outcomes import Outcome
from tests.grading import Assignment, assignment
from workers.zygote import Zygote

CHECK: dict[str, Any] = {
    "kind": "gradcheck",
    "function": "f",
    "args": ["x", "w"],
    "inputs": {"x": {"normal": ["N", 3]}, "w": {"normal": [3, 2]}},
    "cases": [{"N": 5}, {"N": 1}],
    "wrt": ["x", "w"],
    "limit_s": 2,
}
MODULE: dict[str, Any] = {
    "kind": "gradcheck",
    "module": "Layer",
    "make": [3, 2],
    "args": ["x"],
    "inputs": {"x": {"normal": ["N", 3]}},
    "cases": [{"N": 5}],
    "wrt": ["x"],
}
START = "import torch\nfrom torch import nn\nF = nn.functional"


@pytest.fixture(scope="module")
def check(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    return assignment(zygote, tmp_path_factory.mktemp("gradcheck"), CHECK, "")


@pytest.fixture(scope="module")
def layer(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    return assignment(zygote, tmp_path_factory.mktemp("layer"), MODULE, "")


CLIP = """
class Clip(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)
    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        return {}
def f(x, w): return Clip.apply(x @ w)
"""
RIGHT = {
    "torch": "def f(x, w): return torch.tanh(x @ w)",
    "relu, with its kinks": "def f(x, w): return torch.relu(x @ w)",
    "a scalar": "def f(x, w): return F.softplus(x @ w).mean()",
    "max and sort": "def f(x, w): return (x @ w).sort(0).values.cumsum(0) + x.max()",
    "loops": "def f(x, w): return torch.stack([sum(a * b for a, b in zip(r, w[:, 0])) for r in x])",
    "its own autograd function": CLIP.format("g * (x > 0)"),
    "changes in place that do no harm": "def f(x, w):\n    y = x @ w\n    y += 1\n"
    "    y[0] = 3 * w[0]\n    return y",
    "dropout": "def f(x, w): return F.dropout(x @ w, 0.5)",
    "float32 inside": "def f(x, w): return (x.float() @ w.float()).tanh()",
    "float32 hidden inside": "def f(x, w): return (x.float() @ w.float()).double().tanh() * 2",
    "works in float32 alone": "c = torch.ones(2, 2)\ndef f(x, w): return x @ w @ c",
    "a float32 buffer": "def f(x, w):\n    out = torch.zeros(len(x), 2, dtype=torch.float32)\n"
    "    out[:] = x @ w\n    return out.sigmoid()",
    "its own forward mode": "def f(x, w):\n"
    "    return torch.func.vmap(lambda r: torch.exp(-(r @ w)))(x)",
    "large numbers": "def f(x, w): return 1e6 * (x @ w) ** 2",
    "small numbers": "def f(x, w): return 1e-4 * (x @ w).sin()",
}  # fmt: skip


@pytest.mark.parametrize("cell", RIGHT.values(), ids=RIGHT)
@pytest.mark.parametrize("seed", range(2))
def test_a_graph_that_holds_passes(check: Assignment, cell: str, seed: int) -> None:
    result = check.grade(START, cell, seed=seed)
    assert result.outcome is Outcome.PASSED, result.message


WRONG = {
    "detach": ("def f(x, w): return (x @ w).detach().tanh()", 0, "detached"),
    "item": ("def f(x, w): return torch.tensor([[a.item() for a in r] for r in x @ w])", 0,
             "detached"),
    "torch.tensor": ("def f(x, w): return torch.tensor(x.tolist()).to(x.dtype) @ w", 0.5,
                     "detached"),
    "data": ("def f(x, w): return x.data @ w", 0.5, "detached"),
    "no_grad": ("@torch.no_grad()\ndef f(x, w): return x @ w", 0, "detached"),
    "one factor of two": ("def f(x, w): return (x @ w) * (x @ w).detach()", 0, "factor"),
    "a hidden step": ("def f(x, w):\n    y = x @ w\n    y.data.mul_(3)\n    return y", 0,
                      "factor"),
    "a wrong backward": (CLIP.format("g"), 0, "wrong-backward"),
    "a backward of the wrong sign": (CLIP.format("-g * (x > 0)"), 0, "sign"),
    "a backward that raises": (CLIP.format("g @ g @ g"), 0, "raised"),
    "a backward with too much": (CLIP.format("g, g, g"), 0, "raised"),
    "changed in place": ("def f(x, w):\n    y = (x @ w).sigmoid()\n    y += 1\n    return y", 0,
                         "in-place"),
    "an input changed in place": ("def f(x, w):\n    x += 1\n    return x @ w", 0, "in-place"),
    "numpy": ("def f(x, w): return torch.tensor(x.numpy() @ w.numpy())", 0, "raised"),
    "argmax": ("def f(x, w): return (x @ w).argmax(1) * 1.0", 0, "independent"),
    "without the input": ("def f(x, w): return w.sum()", 0.5, "independent"),
    "nothing": ("def f(x, w): pass", 0, "returns-none"),
    "several": ("def f(x, w): return x, w", 0, "not-a-tensor"),
    "NaN": ("def f(x, w): return (x @ w - 100).log()", 0, "not-finite"),
    "another result under autograd": (
        "def f(x, w): return x @ w if x.requires_grad else (x @ w).detach().tanh()", 0,
        "other-under-autograd"),
    "an infinite loop": ("def f(x, w):\n    while True: pass", 0, "time-limit"),
    "an exit": ("def f(x, w): raise SystemExit", 0, "raised"),
    "the end of the process": ("import os\ndef f(x, w): os._exit(0)", 0, "died"),
    "a huge result": ("def f(x, w): return torch.zeros(1 << 31)", 0, None),
    "a patched torch": (
        "torch.autograd.grad = lambda total, places, **k: [torch.ones_like(p) for p in places]\n"
        "torch.Tensor.requires_grad = True\ndef f(x, w): return x.detach() @ w.detach()", 0,
        "detached"),
    "a tensor that equals everything": (
        "class Yes(torch.Tensor):\n    def __eq__(self, other): return True\n"
        "def f(x, w): return (x @ w).detach().as_subclass(Yes)", 0, "detached"),
    "no tensor that equals everything": (
        "class Yes(int):\n    def __eq__(self, other): return True\ndef f(x, w): return Yes()", 0,
        "not-a-tensor"),
}  # fmt: skip


@pytest.mark.parametrize(("cell", "score", "cause"), WRONG.values(), ids=WRONG)
def test_a_graph_that_does_not_hold_is_seen(
    check: Assignment, cell: str, score: float, cause: str | None
) -> None:
    result = check.grade(START, cell)
    assert result.score == score, result.message
    assert result.outcome is not Outcome.NOT_JUDGED
    assert cause is None or result.detail["cause"] == cause, result.message


LAYER = """
class Layer(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
    def forward(self, x):
        return {}
"""
LAYERS = {
    "right": (LAYER.format("torch.relu(x @ self.weight + self.bias)"), 1),
    "one whose bias is cut off": (LAYER.format("(x @ self.weight + self.bias.data).relu()"), 2 / 3),
    "one without its bias": (LAYER.format("torch.relu(x @ self.weight)"), 2 / 3),
    "one that is cut off": (LAYER.format("torch.relu(x @ self.weight + self.bias).detach()"), 0),
    "made of layers": ("def Layer(i, o): return nn.Sequential(nn.Linear(i, 4), nn.Tanh(),"
                       " nn.Linear(4, o))", 1),
    "no module": ("class Layer:\n    def __init__(self, i, o): pass", 0),
    "one that cannot be made": ("class Layer(nn.Module):\n    def __init__(self): pass", 0),
    "one in float32 alone": (LAYER.replace("(inputs, outputs))", "(inputs, outputs).float())")
                             .replace("zeros(outputs)", "zeros(outputs).float()")
                             .format("torch.relu(x @ self.weight + self.bias)"), 1),
}  # fmt: skip


@pytest.mark.parametrize(("cell", "score"), LAYERS.values(), ids=LAYERS)
def test_a_module_is_looked_at_with_its_parameters(
    layer: Assignment, cell: str, score: float
) -> None:
    result = layer.grade(START, cell)
    assert result.score == pytest.approx(score, abs=1e-6), result.message


def test_the_message_names_the_place_and_both_numbers(zygote: Zygote, tmp_path: Path) -> None:
    made = assignment(zygote, tmp_path, CHECK, "")
    result = made.grade(START, CLIP.format("g"))
    assert "The gradient of x is " in result.message
    assert "but the result changes at a rate of " in result.message
