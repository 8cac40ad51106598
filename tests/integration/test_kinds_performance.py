"""`performance` through real sandboxes: whole-tensor code against loops of every kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grader.domain.outcomes import Outcome
from tests.grading import Assignment, assignment
from workers.zygote import Zygote

IMPORTS = "import torch, math\nimport numpy as np"
REFERENCE = "def f(x, y):\n    return (x * y).sum()\n"
CHECK: dict[str, Any] = {
    "kind": "performance",
    "function": "f",
    "args": ["x", "y"],
    "inputs": {"x": {"normal": ["N"]}, "y": {"normal": ["N"]}},
    "growth": "constant",
    "limit_s": 3,
}


@pytest.fixture(scope="module")
def made(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    return assignment(zygote, tmp_path_factory.mktemp("performance"), CHECK, REFERENCE)


FAST = {
    "a product and a sum": "def f(x, y): return (x * y).sum()",
    "a dot product": "def f(x, y): return x @ y",
    "einsum": "def f(x, y): return torch.einsum('i,i->', x, y)",
    "numpy": "def f(x, y): return np.dot(x.numpy(), y.numpy())",
    "a number": "def f(x, y): return torch.dot(x, y).item()",
    "globals": "def f(a, b): return torch.dot(x, y)",
    "prints": "def f(x, y):\n    print('hello')\n    return torch.dot(x, y)",
    "a loop over three steps": "def f(x, y):\n    for _ in range(3): z = x @ y\n    return z",
}
SLOW = {
    "a loop": (
        "def f(x, y):\n    t = 0.0\n    for i in range(len(x)): t += x[i] * y[i]\n    return t"
    ),
    "a while loop": (
        "def f(x, y):\n    t, i = 0.0, 0\n"
        "    while i < len(x): t += x[i] * y[i]; i += 1\n    return t"
    ),
    "a comprehension": "def f(x, y): return sum([a * b for a, b in zip(x.tolist(), y.tolist())])",
    "a generator": "def f(x, y): return sum(a * b for a, b in zip(x.tolist(), y.tolist()))",
    "map": "def f(x, y): return sum(map(lambda a, b: a * b, x.tolist(), y.tolist()))",
    "vectorize": "def f(x, y): return np.vectorize(lambda a, b: a * b)(x, y).sum()",
    "recursion": ("def f(x, y): return x[0] * y[0] + (f(x[1:], y[1:]) if len(x) > 1 else 0)"),
    "sum over a tensor": "def f(x, y): return sum(x * y)",
    "a helper": (
        "def g(x, y):\n    for a, b in zip(x, y): yield a * b\ndef f(x, y): return sum(g(x, y))"
    ),
    "code from text": (
        "def f(x, y):\n    t = [0.0]\n"
        "    exec(compile('for a, b in zip(x.tolist(), y.tolist()): t[0] += a * b', '<frozen os>', "
        "'exec'), {'x': x, 'y': y, 't': t})\n    return t[0]"
    ),
}


@pytest.mark.parametrize("cell", FAST.values(), ids=FAST)
def test_work_that_does_not_grow_passes(made: Assignment, cell: str) -> None:
    result = made.grade(IMPORTS, cell)
    assert result.outcome is Outcome.PASSED, result.message


@pytest.mark.parametrize("cell", SLOW.values(), ids=SLOW)
def test_a_loop_of_whatever_kind_earns_nothing(made: Assignment, cell: str) -> None:
    result = made.grade(IMPORTS, cell)
    assert (result.score, result.detail.get("cause")) == (0, "grows"), result.message
    assert "16, 64, 256; constant growth was expected" in result.message


WRONG = {
    "fast and wrong": ("def f(x, y): return (x + y).sum()", "wrong-result"),
    "nothing": ("def f(x, y): pass", "wrong-result"),
    "not there": ("pass", "missing"),
    "no function": ("f = 3", "not-callable"),
    "an exception": ("def f(x, y): raise ValueError('no')", "raised"),
    "an exit": ("def f(x, y): raise SystemExit", "raised"),
    "an end of the process": ("import os\ndef f(x, y): os._exit(0)", "died"),
    "an infinite loop": ("def f(x, y):\n    while True: pass", "time-limit"),
    "a tensor that equals everything": (
        "class Always(torch.Tensor):\n    def __eq__(self, other): return True\n"
        "def f(x, y): return torch.zeros(()).as_subclass(Always)",
        "wrong-result",
    ),
    "a huge value": ("def f(x, y): return 10 ** 5000", "wrong-result"),
    "tracing switched off": (
        "import sys\ndef f(x, y):\n    sys.settrace(None)\n    t = 0.0\n"
        "    for a, b in zip(x.tolist(), y.tolist()): t += a * b\n    return t",
        "not-counted",
    ),
    "tracing switched off and on again": (
        "import sys\ndef f(x, y):\n    kept = sys.gettrace()\n    sys.settrace(None)\n    t = 0.0\n"
        "    for a, b in zip(x.tolist(), y.tolist()): t += a * b\n    sys.settrace(kept)\n"
        "    return t",
        "not-counted",
    ),
    "a loop where nobody traces": (
        "import sys\ndef f(x, y):\n    if sys.gettrace(): return 0.0\n"
        "    return sum([a * b for a, b in zip(x.tolist(), y.tolist())])",
        "wrong-result",
    ),
}


@pytest.mark.parametrize(("cell", "cause"), WRONG.values(), ids=WRONG)
def test_a_wrong_or_dishonest_function_earns_nothing(
    made: Assignment, cell: str, cause: str
) -> None:
    result = made.grade(IMPORTS, cell)
    assert (result.score, result.detail.get("cause")) == (0, cause), result.message


def test_work_for_each_element_is_linear_and_for_each_pair_is_not(
    zygote: Zygote, tmp_path: Path
) -> None:
    made = assignment(zygote, tmp_path, {**CHECK, "growth": "linear", "limit_s": 10}, REFERENCE)
    for cell in SLOW.values():
        assert made.grade(IMPORTS, cell).outcome is Outcome.PASSED
    pairs = "def f(x, y):\n    for a in range(len(x)):\n        for b in x: pass\n    return x @ y"
    assert made.grade(IMPORTS, pairs).detail["cause"] == "grows"


def test_a_number_of_operations_at_the_largest_size(zygote: Zygote, tmp_path: Path) -> None:
    check = {**CHECK, "at_most": {"operations": 3, "lines": 5}, "growth": "linear"}
    made = assignment(zygote, tmp_path, check, REFERENCE)
    assert made.grade(IMPORTS, "def f(x, y): return (x * y).sum()").score == 1
    many = made.grade(IMPORTS, "def f(x, y): return (x * y).add(0).mul(1).sum()")
    assert many.score == 0
    assert "For size 256, f() runs 4 operations of PyTorch; at most 3" in many.message
    slow = made.grade(IMPORTS, SLOW["a comprehension"])
    assert "lines of Python; at most 5" in slow.message
