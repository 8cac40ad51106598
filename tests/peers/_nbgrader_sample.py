"""An assignment of nbgrader's, what students hand in for it, and what cheats do."""

from __future__ import annotations

from typing import Any

from tests.peers._notebooks import Cell, code, markdown, notebook


def _own(name: str, **more: Any) -> dict[str, Any]:
    plain = {"grade": False, "solution": False, "locked": False, "schema_version": 3}
    return {"nbgrader": {**plain, "grade_id": name, **more}}


def _solution(name: str, source: str) -> Cell:
    return code(source, _own(name, solution=True))


def _tests(name: str, points: float, source: str) -> Cell:
    return code(source, _own(name, grade=True, locked=True, points=points))


SOURCE = notebook(
    [
        markdown("# Numbers"),
        code(
            "import numpy as np\n\n\ndef close(a, b):\n    return bool(np.all(np.isclose(a, b)))",
            _own("setup", locked=True),
        ),
        _solution(
            "mean",
            "def mean(values):\n"
            "    ### BEGIN SOLUTION\n"
            "    return sum(values) / len(values)\n"
            "    ### END SOLUTION",
        ),
        _tests(
            "mean-values",
            2,
            '"""The mean of some lists"""\n'
            "assert close(mean([1, 2, 3]), 2)\n"
            "### BEGIN HIDDEN TESTS\n"
            "for n in range(1, 6):\n"
            "    assert close(mean([n] * 3 + [0]), n * 3 / 4), f'{n} of them'\n"
            "### END HIDDEN TESTS",
        ),
        _solution(
            "scale",
            "def scale(x):\n"
            '    """To values between 0 and 1."""\n'
            "    ### BEGIN SOLUTION\n"
            "    return (x - x.min()) / (x.max() - x.min())\n"
            "    ### END SOLUTION",
        ),
        _tests(
            "scale-values",
            3,
            "from numpy.testing import assert_allclose\n"
            "x = np.array([1.0, 3.0, 5.0])\n"
            "got = scale(x)\n"
            "assert isinstance(got, np.ndarray)\n"
            "assert_allclose(got, [0, 0.5, 1])\n"
            "assert got.shape == x.shape",
        ),
        _solution(
            "count",
            "def count_words(text):\n"
            "    ### BEGIN SOLUTION\n"
            "    return len(text.split())\n"
            "    ### END SOLUTION",
        ),
        _tests(
            "count-partial",
            4,
            "points = 0\n"
            "for text, want in [('a b', 2), ('', 0), ('one', 1), (' a  b ', 2)]:\n"
            "    if count_words(text) == want:\n"
            "        points += 1\n"
            "points",
        ),
        _solution("answer", "### BEGIN SOLUTION\nanswer = 42\n### END SOLUTION"),
        _tests("answer-value", 1, "assert answer == 42"),
        _solution(
            "account",
            "class Account:\n"
            "    ### BEGIN SOLUTION\n"
            "    def __init__(self, balance):\n"
            "        self.balance = balance\n"
            "\n"
            "    def deposit(self, amount):\n"
            "        if amount < 0:\n"
            "            raise ValueError('no negative amounts')\n"
            "        self.balance += amount\n"
            "    ### END SOLUTION",
        ),
        _tests(
            "account-state",
            2,
            "mine = Account(10)\n"
            "mine.deposit(5)\n"
            "mine.deposit(1)\n"
            "assert mine.balance == 16\n"
            "try:\n"
            "    mine.deposit(-1)\n"
            "except ValueError as error:\n"
            "    assert 'negative' in str(error)\n"
            "else:\n"
            "    raise AssertionError('a negative deposit was taken')",
        ),
        markdown("Because.", _own("why", grade=True, solution=True, points=2)),
    ]
)

RIGHT = {
    "mean": "def mean(values):\n    return sum(values) / len(values)",
    "scale": "def scale(x):\n    low, high = x.min(), x.max()\n    return (x - low) / (high - low)",
    "count": "def count_words(text):\n    return len(text.split())",
    "answer": "answer = 42",
    "account": (
        "class Account:\n"
        "    def __init__(self, balance):\n"
        "        self.balance = balance\n"
        "    def deposit(self, amount):\n"
        "        if amount < 0:\n"
        "            raise ValueError('negative')\n"
        "        self.balance += amount"
    ),
}

# What is handed in instead of the right cells.
SUBMISSIONS: dict[str, dict[str, str]] = {
    "right": {},
    "numpy-mean": {"mean": "def mean(values):\n    return np.mean(values)"},
    "prints": {
        "mean": "def mean(values):\n    print('debug')\n    return sum(values) / len(values)"
    },
    "answer-of-numpy": {"answer": "answer = np.int64(42)"},
    "answer-as-float": {"answer": "answer = 42.0"},
    "untouched": dict.fromkeys(RIGHT, "# YOUR CODE HERE\nraise NotImplementedError()"),
    "mean-of-integers": {"mean": "def mean(values):\n    return sum(values) // len(values)"},
    "mean-right-once": {"mean": "def mean(values):\n    return 2"},
    "mean-raises": {"mean": "def mean(values):\n    return 1 / 0"},
    "mean-missing": {"mean": "average = None"},
    "syntax-error": {"scale": "def scale(x)\n    return x"},
    "scale-gives-a-list": {
        "scale": "def scale(x):\n    return list((x - x.min()) / (x.max() - x.min()))"
    },
    "scale-slightly-off": {
        "scale": "def scale(x):\n    return (x - x.min()) / (x.max() - x.min()) + 1e-3"
    },
    "scale-wrong-shape": {
        "scale": "def scale(x):\n    return ((x - x.min()) / (x.max() - x.min()))[None]"
    },
    "scale-gives-none": {"scale": "def scale(x):\n    x / x.max()"},
    "count-spaces": {"count": "def count_words(text):\n    return text.count(' ') + 1"},
    "count-half": {"count": "def count_words(text):\n    return 2"},
    "count-nothing": {"count": "def count_words(text):\n    return -1"},
    "count-raises-once": {"count": "def count_words(text):\n    return 1 + text.index(' ')"},
    "answer-wrong": {"answer": "answer = 41"},
    "answer-missing": {"answer": "reply = 42"},
    "answer-of-text": {"answer": "answer = '42'"},
    "account-forgets": {
        "account": "class Account:\n"
        "    def __init__(self, balance):\n"
        "        self.balance = balance\n"
        "    def deposit(self, amount):\n"
        "        return self.balance + amount"
    },
    "account-takes-debts": {
        "account": "class Account:\n"
        "    def __init__(self, balance):\n"
        "        self.balance = balance\n"
        "    def deposit(self, amount):\n"
        "        self.balance += amount"
    },
    "recursion": {"mean": "def mean(values):\n    return mean(values)"},
    "two-things-wrong": {"mean": "mean = 3", "answer": "answer = None"},
}

# Right work that nbgrader takes the points of `mean-values` from.
NOISE: dict[str, dict[str, str]] = {
    "warns": {
        "mean": "import warnings\n\n\ndef mean(values):\n    warnings.warn('slow')\n"
        "    return sum(values) / len(values)"
    },
    "defines-below": {
        "mean": "# see below",
        "answer": "answer = 42\n\n\n" + RIGHT["mean"],
    },
}

_STUB = {
    "mean": "def mean(values):\n    return 0",
    "scale": "def scale(x):\n    return x",
    "count": "def count_words(text):\n    return 0",
    "answer": "answer = 0",
    "account": "class Account:\n    def __init__(self, balance):\n        self.balance = 0\n"
    "    def deposit(self, amount):\n        raise ValueError('negative')",
}

# Stubs that get all points of the named cells in nbgrader.
CHEATS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "equal-to-everything": (
        {"answer": "class Any:\n    def __eq__(self, other):\n        return True\nanswer = Any()"},
        ("answer-value",),
    ),
    "patched-numpy": (
        {
            "mean": "np.isclose = lambda *args, **kwargs: True\n" + _STUB["mean"],
            "scale": "import numpy.testing\n"
            "numpy.testing.assert_allclose = lambda *args, **kwargs: None\n" + _STUB["scale"],
        },
        ("mean-values", "scale-values"),
    ),
    "patched-helper": (
        {"mean": "close = lambda a, b: True\n" + _STUB["mean"]},
        ("mean-values",),
    ),
    "asserts-that-vanish": (
        {
            **_STUB,
            "mean": "import ast\n\n\nclass Without(ast.NodeTransformer):\n"
            "    def visit_Assert(self, node):\n        return ast.Pass()\n\n\n"
            "get_ipython().ast_transformers.append(Without())\n" + _STUB["mean"],
        },
        ("mean-values", "answer-value"),
    ),
    "cells-that-vanish": (
        {
            **_STUB,
            "mean": "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass'])",
        },
        ("mean-values", "scale-values", "count-partial", "answer-value", "account-state"),
    ),
    "lying-numbers": (
        {
            "count": "class Lie(int):\n    __eq__ = lambda self, other: True\n"
            "def count_words(text):\n    return Lie(-1)"
        },
        ("count-partial",),
    ),
}


def submission(release: dict[str, Any], cells: dict[str, str]) -> dict[str, Any]:
    """The released notebook, with these cells in place of the right ones."""
    chosen = {**RIGHT, **cells}
    made = []
    for cell in release["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        source = chosen.get(name, cell["source"])
        made.append({**cell, "source": source})
    return {**release, "cells": made}
