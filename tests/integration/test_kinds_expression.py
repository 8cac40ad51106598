"""`expression` through real sandboxes: formulas in words, as text, of sympy, and as functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grader.domain.outcomes import Outcome
from tests.grading import Assignment, assignment
from workers.zygote import Zygote

REFERENCE = """
import torch
def derivative(x, y):
    return 2 * x + y * torch.cos(x * y)
"""
CHECK: dict[str, Any] = {
    "kind": "expression",
    "reference": "derivative",
    "variables": {
        "x": {"uniform": [], "low": -2, "high": 2},
        "y": {"uniform": [], "low": -2, "high": 2},
    },
    "limit_s": 2,
}


@pytest.fixture(scope="module")
def variable(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    check = CHECK | {"answer": {"variable": "dfdx"}}
    return assignment(zygote, tmp_path_factory.mktemp("variable"), check, REFERENCE)


@pytest.fixture(scope="module")
def function(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    check = CHECK | {"function": "dfdx"}
    return assignment(zygote, tmp_path_factory.mktemp("function"), check, REFERENCE)


FORMULAS = {
    "plain maths": "dfdx = '2x + y cos(xy)'",
    "Python": "dfdx = '2*x + y*np.cos(x*y)'",
    "LaTeX": r"dfdx = r'$\frac{df}{dx} = 2x + y\cos\left(xy\right)$'",
    "of sympy": "import sympy\nx, y = sympy.symbols('x y')\n"
    "dfdx = sympy.diff(x**2 + sympy.sin(x * y), x)",
}


@pytest.mark.parametrize("cell", FORMULAS.values(), ids=FORMULAS)
def test_a_right_formula_passes_however_it_is_written(variable: Assignment, cell: str) -> None:
    result = variable.grade(cell)
    assert result.outcome is Outcome.PASSED, result.message


FUNCTIONS = {
    "of torch": "def dfdx(x, y): return 2 * x + y * torch.cos(x * y)",
    "of plain numbers": "import math\ndef dfdx(x, y): return 2 * x + y * math.cos(x * y)",
    "of floats alone": "def dfdx(x, y):\n    assert type(x) is float\n"
    "    return 2 * x + y * torch.cos(torch.tensor(x * y)).item()",
    "of numpy": "import numpy as np\ndfdx = lambda x, y: 2 * x + y * np.cos(x * y)",
    "of sympy": "import sympy\nu, v = sympy.symbols('u v')\n"
    "dfdx = sympy.lambdify((u, v), sympy.diff(u**2 + sympy.sin(u * v), u))",
    "one entry": "def dfdx(x, y): return (2 * x + y * torch.cos(x * y)).reshape(1)",
}


@pytest.mark.parametrize("cell", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_right_function_passes(function: Assignment, cell: str) -> None:
    result = function.grade("import torch", cell)
    assert result.outcome is Outcome.PASSED, result.message


WRONG_FORMULAS = {
    "wrong": ("dfdx = '2x + cos(xy)'", None),
    "the sign": ("dfdx = '-2x - y cos(xy)'", "sign"),
    "not there": ("pass", "missing"),
    "a placeholder": ("dfdx = '...'", "no-answer"),
    "None": ("dfdx = None", "no-answer"),
    "words": ("dfdx = 'I do not know'", "no-formula"),
    "code": ('dfdx = \'__import__("os").system("true")\'', "no-formula"),
    "a list": ("dfdx = [1, 2]", "no-formula"),
    "a long text": ("dfdx = 'x+' * 100000 + 'x'", "no-formula"),
    "deep brackets": ("dfdx = 'x*' + '(' * 900 + 'x'", "no-formula"),
    "a huge power": ("dfdx = '9^9^9^9^9^9'", None),
    "a text that equals everything": (
        "class Yes(str):\n    def __eq__(self, other): return True\n"
        "    def __hash__(self): return 0\n    def strip(self, *a): return '2x + y cos(xy)'\n"
        "dfdx = Yes('x')",
        None,
    ),
    "an object with a text": (
        "class Liar:\n    def __str__(self): return '2x + y cos(xy)'\ndfdx = Liar()",
        "no-formula",
    ),
    "one of sympy that never ends": (
        "import sympy\nclass Slow(sympy.Symbol):\n"
        "    def __str__(self):\n        while True: pass\n"
        "dfdx = Slow('x')",
        "no-formula",
    ),
}


@pytest.mark.parametrize(("cell", "cause"), WRONG_FORMULAS.values(), ids=WRONG_FORMULAS)
def test_what_is_no_right_formula_earns_nothing(
    variable: Assignment, cell: str, cause: str | None
) -> None:
    result = variable.grade(cell)
    assert (result.outcome, result.score) == (Outcome.FAILED, 0)
    assert result.detail.get("cause") == cause, result.message


WRONG_FUNCTIONS = {
    "wrong": ("def dfdx(x, y): return 2 * x + torch.cos(x * y)", None),
    "nothing": ("def dfdx(x, y): pass", "returns-none"),
    "a text": ("def dfdx(x, y): return '2x + y cos(xy)'", "not-a-number"),
    "one argument": ("def dfdx(x): return 2 * x", "raised"),
    "an infinite loop": ("def dfdx(x, y):\n    while True: pass", "time-limit"),
    "an exit": ("def dfdx(x, y): raise SystemExit", "raised"),
    "the end of the process": ("import os\ndef dfdx(x, y): os._exit(0)", "died"),
    "a huge number": ("def dfdx(x, y): return 10 ** 1000", None),
    "a huge tensor": ("def dfdx(x, y): return torch.zeros(1 << 20)", "not-a-number"),
    "a number that equals everything": (
        "class Yes(float):\n    def __eq__(self, other): return True\n"
        "    def __sub__(self, other): return 0.0\n"
        "def dfdx(x, y): return Yes(0)",
        None,
    ),
    "a patched torch": (
        "torch.equal = torch.allclose = torch.isclose = lambda *a, **k: True\n"
        "def dfdx(x, y): return x",
        None,
    ),
    "an exception": ("def dfdx(x, y): return 1 / 0", "raised"),
}


@pytest.mark.parametrize(("cell", "cause"), WRONG_FUNCTIONS.values(), ids=WRONG_FUNCTIONS)
def test_what_is_no_right_function_earns_nothing(
    function: Assignment, cell: str, cause: str | None
) -> None:
    result = function.grade("import torch", cell)
    assert (result.outcome, result.score) == (Outcome.FAILED, 0)
    assert result.detail.get("cause") == cause, result.message


def test_the_message_names_a_point(zygote: Zygote, tmp_path: Path) -> None:
    made = assignment(zygote, tmp_path, CHECK | {"answer": {"variable": "dfdx"}}, REFERENCE)
    message = made.grade("dfdx = '2x + cos(xy)'").message
    assert message.startswith("At x = ")
    assert "your formula gives " in message
