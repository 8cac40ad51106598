"""An assignment of otter's, what students hand in for it, and what cheats do."""

from __future__ import annotations

import re
from typing import Any

from tests.peers._notebooks import Cell, code, markdown, notebook, raw


def _question(config: str, prompt: str, solution: list[Cell], tests: list[Cell]) -> list[Cell]:
    cells = [raw(f"# BEGIN QUESTION\n{config}"), markdown(prompt)]
    cells += [raw("# BEGIN SOLUTION"), *solution, raw("# END SOLUTION")]
    if tests:
        cells += [raw("# BEGIN TESTS"), *tests, raw("# END TESTS")]
    return [*cells, raw("# END QUESTION")]


MASTER = notebook(
    [
        raw("# ASSIGNMENT CONFIG\nname: numbers\nexport_cell: false"),
        markdown("# Numbers"),
        code("import numpy as np"),
        *_question(
            "name: q1\npoints: 3",
            "**Question 1.** `square`.",
            [code("def square(x):\n    return x ** 2 # SOLUTION")],
            [
                code("square(3)", output="9"),
                code(
                    '""" # BEGIN TEST CONFIG\nhidden: true\npoints: 2\n""" # END TEST CONFIG\n'
                    "assert np.allclose(square(np.array([1.0, 2.0, 3.0])), [1, 4, 9])"
                ),
                code("# HIDDEN\n[square(n) for n in range(4)]", output="[0, 1, 4, 9]"),
            ],
        ),
        *_question(
            "name: q2\npoints: 2\nall_or_nothing: true",
            "**Question 2.** `is_even`.",
            [
                code(
                    "def is_even(n):\n    # BEGIN SOLUTION\n    return n % 2 == 0\n"
                    "    # END SOLUTION"
                )
            ],
            [
                code("is_even(2)", output="True"),
                code("is_even(3)", output="False"),
                code("# HIDDEN\nis_even(-1)", output="False"),
            ],
        ),
        *_question(
            "name: q3",
            "**Question 3.** `words`, a list.",
            [code("words = ['a', 'b', 'c'] # SOLUTION")],
            [
                code("len(words)", output="3"),
                code("for word in words:\n    print(word)", output="a\nb\nc"),
            ],
        ),
        *_question(
            "name: q4\npoints: 4",
            "**Question 4.** `normalise`.",
            [
                code(
                    "def normalise(x):\n    # BEGIN SOLUTION\n    x = np.asarray(x, dtype=float)\n"
                    "    if x.sum() == 0:\n        raise ValueError('nothing to share')\n"
                    "    return x / x.sum()\n    # END SOLUTION"
                )
            ],
            [
                code("np.round(normalise([1, 1, 2]), 2)", output="array([0.25, 0.25, 0.5 ])"),
                code(
                    "# HIDDEN\ntry:\n    normalise([0, 0])\nexcept ValueError:\n"
                    "    print('refused')",
                    output="refused",
                ),
                code(
                    "# HIDDEN\ny = np.array([2.0, 6.0])\nz = normalise(y)\nassert z.shape == (2,)\n"
                    "assert abs(z[0] - 0.25) < 1e-9"
                ),
            ],
        ),
        *_question(
            "name: q5\npoints: 2\nmanual: true", "**Question 5.** Why?", [markdown("Because.")], []
        ),
    ]
)

RAISING = notebook(
    [
        raw("# ASSIGNMENT CONFIG\nname: raising\nexport_cell: false\ntests:\n  ok_format: false"),
        markdown("# Raising"),
        *_question(
            "name: r1\npoints: 2",
            "`double`",
            [code("def double(x):\n    return 2 * x # SOLUTION")],
            [
                code("def test_double(double):\n    assert double(2) == 4\ntest_double(double)"),
                code(
                    '""" # BEGIN TEST CONFIG\nhidden: true\nfailure_message: think of texts\n'
                    '""" # END TEST CONFIG\ndef test_env(env):\n'
                    "    assert env['double']('ab') == 'abab'\ntest_env(globals())"
                ),
            ],
        ),
    ]
)

RIGHT = {
    "square": "def square(x):\n    return x * x",
    "is_even": "def is_even(n):\n    return n % 2 == 0",
    "words": "words = ['a', 'b', 'c']",
    "normalise": (
        "def normalise(x):\n    total = np.sum(x)\n    if not total:\n"
        "        raise ValueError('nothing')\n    return np.array(x) / total"
    ),
}

SUBMISSIONS: dict[str, dict[str, str]] = {
    "right": {},
    "untouched": {
        "square": "def square(x):\n    ...",
        "is_even": "def is_even(n):\n    ...",
        "words": "words = ...",
        "normalise": "def normalise(x):\n    ...",
    },
    "square-of-integers": {"square": "def square(x):\n    return int(x) ** 2"},
    "square-doubles": {"square": "def square(x):\n    return 2 * x"},
    "square-as-float": {"square": "def square(x):\n    return x * float(x)"},
    "square-raises": {"square": "def square(x):\n    raise RuntimeError('no')"},
    "square-missing": {"square": "squares = None"},
    "syntax-error": {"is_even": "def is_even(n)\n    return n"},
    "even-for-positive": {"is_even": "def is_even(n):\n    return n % 2 == 0 or n < 0"},
    "even-always": {"is_even": "def is_even(n):\n    return True"},
    "even-as-number": {"is_even": "def is_even(n):\n    return 1 - n % 2"},
    "even-of-numpy": {"is_even": "def is_even(n):\n    return np.bool_(n % 2 == 0)"},
    "words-as-tuple": {"words": "words = ('a', 'b', 'c')"},
    "words-of-two": {"words": "words = ['a', 'b']"},
    "words-in-another-order": {"words": "words = ['c', 'b', 'a']"},
    "words-as-text": {"words": "words = 'abc'"},
    "words-missing": {"words": "worte = ['a', 'b', 'c']"},
    "normalise-refuses-nothing": {
        "normalise": "def normalise(x):\n    return np.array(x) / np.sum(x)"
    },
    "normalise-by-largest": {"normalise": "def normalise(x):\n    return np.array(x) / np.max(x)"},
    "normalise-gives-a-list": {
        "normalise": "def normalise(x):\n    if not sum(x):\n        raise ValueError('0')\n"
        "    return [one / sum(x) for one in x]"
    },
    "normalise-another-error": {
        "normalise": "def normalise(x):\n    if not sum(x):\n        raise KeyError('0')\n"
        "    return np.array(x) / sum(x)"
    },
    "normalise-endless": {"normalise": "def normalise(x):\n    return normalise(x)"},
    "two-things-wrong": {"square": "square = 3", "words": "words = None"},
    "an-error-between": {"words": "words = ['a', 'b', 'c']\n1 / 0"},
}

# Right work that otter takes points from.
NOISE: dict[str, dict[str, str]] = {
    "debugs": {"square": "def square(x):\n    print('x is', x)\n    return x * x"},
}

_STUB = {
    "square": "def square(x):\n    return None",
    "is_even": "def is_even(n):\n    return None",
    "words": "words = []",
    "normalise": "def normalise(x):\n    return None",
}

# Stubs, and the questions for which they get all points in otter.
CHEATS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "shown-as-wanted": (
        {
            "words": "class Words(list):\n    __len__ = lambda self: 3\n"
            "    __iter__ = lambda self: iter('abc')\nwords = Words()",
            "is_even": "class Shown:\n    def __init__(self, n):\n        self.n = n\n"
            "    def __repr__(self):\n        import sys\n        frame = sys._getframe()\n"
            "        while 'example' not in frame.f_locals:\n            frame = frame.f_back\n"
            "        return frame.f_locals['example'].want.strip()\n"
            "def is_even(n):\n    return Shown(n)",
        },
        ("q2",),
    ),
    "read-from-frames": (
        {
            "square": "import sys\n\n\ndef wanted():\n    frame = sys._getframe()\n"
            "    while frame and 'example' not in frame.f_locals:\n        frame = frame.f_back\n"
            "    want = frame.f_locals['example'].want.strip()\n"
            "    return eval(want) if want else np.array([1.0, 4, 9])\n\n\n"
            "class Nothing(int):\n    pass\n\n\ndef square(x):\n    found = wanted()\n"
            "    return found[x] if isinstance(found, list) else found",
        },
        ("q1",),
    ),
    "patched-checker": (
        {
            **_STUB,
            "square": "import doctest\n"
            "doctest.OutputChecker.check_output = lambda *args: True\nsquare = lambda x: None",
            "words": "np.allclose = lambda *args: True\nwords = []",
        },
        ("q2", "q3"),
    ),
    "patched-runner": (
        {
            **_STUB,
            "square": "import doctest\n"
            "doctest.DocTestRunner.run = lambda *args, **kwargs: None\nsquare = None",
        },
        ("q1", "q2", "q3", "q4"),
    ),
    "forged-results": (
        {
            **_STUB,
            "square": "import otter.execute.checker as checker\n"
            "from otter.test_files import ok_test\n"
            "ok_test.run_doctest = lambda *args: (True, '')\nsquare = None",
        },
        ("q1", "q2", "q3", "q4"),
    ),
    "lying-numbers": (
        {
            "normalise": "class Lie(np.ndarray):\n    shape = (2,)\n"
            "    def __getitem__(self, at):\n        return 0.25\n"
            "    def __repr__(self):\n        return 'array([0.25, 0.25, 0.5 ])'\n"
            "    def __array_function__(self, *args, **kwargs):\n        return self\n"
            "    def __array_ufunc__(self, *args, **kwargs):\n        return self\n"
            "def normalise(x):\n    if not sum(x):\n        raise ValueError\n"
            "    return np.zeros(5).view(Lie)",
        },
        ("q4",),
    ),
}

_BOUND = re.compile(r"(?:def |^)(\w+)(?:\(| =)", re.M)


def submission(student: dict[str, Any], cells: dict[str, str]) -> dict[str, Any]:
    """The notebook for students, with these cells in place of the right ones."""
    chosen = {**RIGHT, **cells}
    made = []
    for cell in student["cells"]:
        source = cell["source"]
        if cell["cell_type"] == "code" and "..." in source and (found := _BOUND.search(source)):
            source = chosen.get(found[1], source)
        made.append({**cell, "source": source})
    return {**student, "cells": made}
