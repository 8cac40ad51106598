"""`autograd_function` through real sandboxes: right ones, wrong ones, and what is none."""

from __future__ import annotations

from typing import Any

import pytest

from grader.domain.outcomes import Outcome
from tests.grading import Assignment, assignment
from workers.zygote import Zygote

REFERENCE = """
import torch
def scaled_relu(x, a, power):
    return torch.relu(a * x) ** power
"""
CHECK: dict[str, Any] = {
    "kind": "autograd_function",
    "name": "Scaled",
    "reference": "scaled_relu",
    "args": ["x", "a", 2],
    "inputs": {"x": {"normal": ["N", 3]}, "a": {"uniform": [1], "low": 1, "high": 2}},
    "cases": [{"N": 6}, {"N": 1}],
    "limit_s": 2,
}
SCALED = """
class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, a, power):
        ctx.save_for_backward(x, a)
        ctx.power = power
        return {forward}
    @staticmethod
    def backward(ctx, g):
        x, a = ctx.saved_tensors
        n = ctx.power
        up = g * n * (a * x).relu() ** (n - 1) * (a * x > 0)
        return {backward}
"""
FORWARD = "(a * x).relu() ** power"
BACKWARD = "up * a, (up * x).sum().reshape(1), None"


def scaled(forward: str = FORWARD, backward: str = BACKWARD, **more: str) -> str:
    return SCALED.format(forward=forward, backward=backward)


@pytest.fixture(scope="module")
def check(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    return assignment(zygote, tmp_path_factory.mktemp("scaled"), CHECK, REFERENCE)


SETUP = """
class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(x, a, power): return torch.where(a * x > 0, a * x, 0) ** power
    @staticmethod
    def setup_context(ctx, inputs, output): ctx.x, ctx.a, ctx.n = inputs
    @staticmethod
    def backward(ctx, g):
        z = ctx.a * ctx.x
        up = torch.where(z > 0, g * ctx.n * z ** (ctx.n - 1), torch.zeros_like(z))
        return ctx.a * up, (ctx.x * up).sum(), None
"""
RIGHT = {
    "as in the book": scaled(),
    "with setup_context": SETUP.replace(".sum(), None", ".sum().view(1), None"),
    "in float32 alone": scaled("((a * x).relu() ** power) @ eye")
    .replace("class", "eye = torch.eye(3)\nclass")
    .replace("up = g", "up = (g @ eye.T)"),
    "cast to float32": scaled("((a * x).relu() ** power).float()"),
}


@pytest.mark.parametrize("cell", RIGHT.values(), ids=RIGHT)
@pytest.mark.parametrize("seed", range(3))
def test_a_right_one_passes(check: Assignment, cell: str, seed: int) -> None:
    result = check.grade("import torch", cell, seed=seed)
    assert result.outcome is Outcome.PASSED, result.message


THIRD = 1 / 3
WRONG = {
    "forward": (scaled("(a * x) ** power"), 2 * THIRD, None),
    "one gradient": (scaled(backward="up * a, up.sum().reshape(1), None"), 2 * THIRD,
                     "wrong-backward"),
    "a missing factor": (scaled(backward="up * a / 2, (up * x).sum().reshape(1) / 2, None"),
                         THIRD, "factor"),
    "the sign": (scaled(backward="-up * a, -(up * x).sum().reshape(1), None"), THIRD, "sign"),
    "what comes from above": (scaled().replace("up = g *", "up ="), THIRD, "wrong-backward"),
    "no gradient for one": (scaled(backward="up * a, None, None"), 2 * THIRD, "no-gradient"),
    "too few gradients": (scaled(backward="up * a"), THIRD, "raised"),
    "the wrong shape": (scaled(backward="(up * a)[:, 0], None, None"), THIRD, "raised"),
    "no backward": ("class Scaled(torch.autograd.Function):\n    @staticmethod\n"
                    "    def forward(ctx, x, a, n): return (a * x).relu() ** n", THIRD, "raised"),
    "an exception": ("class Scaled(torch.autograd.Function):\n    @staticmethod\n"
                     "    def forward(ctx, x, a, n): raise ValueError", 0, "raised"),
    "an exit": (scaled("exit()"), 0, "raised"),
    "an infinite loop": (scaled().replace("n = ctx.power", "while True: pass"), 0, "time-limit"),
    "the end of the process": (scaled().replace("n = ctx.power", "import os; os._exit(0)"), 0,
                               "died"),
    "a function": ("def Scaled(x, a, n): return (a * x).relu() ** n", 0, "not-a-function"),
    "a class with an apply of its own": (
        "class Scaled:\n    @staticmethod\n    def apply(x, a, n): return (a * x).relu() ** n", 0,
        "not-a-function"),
    "autograd's own way around backward": (
        scaled(backward="g, g, None")
        + "    apply = staticmethod(lambda x, a, n: (a * x).relu() ** n)", THIRD, None),
    "not there": ("pass", 0, "missing"),
    "a patched torch": (
        scaled("torch.zeros_like(x)", "g * 0, a * 0, None")
        + "\ntorch.allclose = torch.equal = torch.autograd.gradcheck = lambda *a, **k: True", 0,
        None),
    "a tensor that equals everything": (
        "class Yes(torch.Tensor):\n    def __eq__(self, other): return True\n"
        + scaled("torch.zeros_like(x).as_subclass(Yes)", "g * 0, a * 0, None"), 0, None),
    "a huge result": (scaled("torch.zeros(1 << 31)"), 0, None),
}  # fmt: skip


@pytest.mark.parametrize(("cell", "score", "cause"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_costs_its_share(
    check: Assignment, cell: str, score: float, cause: str | None
) -> None:
    result = check.grade("import torch", cell)
    assert result.score == pytest.approx(score, abs=1e-5), result.message
    assert result.outcome is not Outcome.NOT_JUDGED
    assert cause is None or result.detail["cause"] == cause, result.message
