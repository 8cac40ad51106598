"""A Gradescope autograder with gradescope-utils, what students hand in, and what cheats do."""

from __future__ import annotations

from pathlib import Path

_TESTS = '''\
import unittest

from gradescope_utils.autograder_utils.decorators import (
    hide_errors,
    leaderboard,
    number,
    partial_credit,
    tags,
    visibility,
    weight,
)

import calculator
from calculator import add


def nearly(a, b):
    return abs(a - b) < 1e-6


class TestCalculator(unittest.TestCase):
    """Calculating"""

    def setUp(self):
        self.calculator = calculator.Calculator()

    @weight(2)
    @number("1.1")
    def test_add(self):
        """Adds"""
        self.assertEqual(add(2, 3), 5)
        self.assertTrue(nearly(add(0.1, 0.2), 0.3))

    @weight(1)
    @number("1.2")
    @visibility("hidden")
    def test_negative(self):
        """Adds negative numbers"""
        self.assertEqual(add(-1, -2), -3)

    @weight(1.5)
    @number("2.1")
    @hide_errors("Divide by zero, and look what happens.")
    def test_divide(self):
        """Refuses to divide by zero"""
        self.assertEqual(self.calculator.divide(6, 3), 2)
        with self.assertRaises(ZeroDivisionError):
            self.calculator.divide(1, 0)

    @partial_credit(4)
    @number("2.2")
    @tags("memory")
    @visibility("after_due_date")
    def test_memory(self, set_score=None):
        """Remembers"""
        score = 0
        for value in (1, 2, 3, 4):
            self.calculator.push(value)
            if self.calculator.total == sum(range(value + 1)):
                score += 1
        set_score(score)

    @weight(1)
    def test_source(self):
        """Has a docstring"""
        import inspect

        self.assertIn('"""', inspect.getsource(calculator))

    @leaderboard("speed")
    def test_speed(self, set_leaderboard_value=None):
        set_leaderboard_value(1)
'''

_RUN = """\
import unittest

from gradescope_utils.autograder_utils.json_test_runner import JSONTestRunner

if __name__ == "__main__":
    suite = unittest.defaultTestLoader.discover("tests")
    with open("results.json", "w") as file:
        JSONTestRunner(visibility="visible", stream=file).run(suite)
"""

RIGHT = '''\
"""A calculator."""


def add(a, b):
    return a + b


class Calculator:
    def __init__(self):
        self.total = 0

    def divide(self, a, b):
        return a / b

    def push(self, value):
        self.total += value
'''

# What is handed in: the right one, changed.
SUBMISSIONS: dict[str, str] = {
    "right": RIGHT,
    "adds_wrongly": RIGHT.replace("a + b", "abs(a) + abs(b)"),
    "does_not_add": RIGHT.replace("return a + b", "pass"),
    "divides_by_anything": RIGHT.replace("a / b", "a / b if b else 0"),
    "remembers_two": RIGHT.replace(
        "self.total += value", "self.total += value if value < 3 else 0"
    ),
    "remembers_nothing": RIGHT.replace("self.total += value", "pass"),
    "has_no_class": RIGHT.partition("class")[0],
    "prints": RIGHT.replace("    return a + b", "    print('adding', a, b)\n    return a + b"),
}

_STUB = '''\
"""Nothing."""


def add(a, b):
    return None


class Calculator:
    total = None

    def divide(self, a, b):
        return None

    def push(self, value):
        return None
'''

# Stubs, and the tests that give them all points with gradescope-utils.
CHEATS: dict[str, tuple[str, tuple[str, ...]]] = {
    "patched_unittest": (
        "import unittest\nunittest.TestCase._callTestMethod = lambda self, method: None\n" + _STUB,
        ("Adds", "Adds negative numbers", "Refuses to divide by zero", "Remembers"),
    ),
    "equal_to_everything": (
        "class Any:\n    __eq__ = lambda self, other: True\n    __sub__ = lambda self, o: 0\n\n\n"
        "def add(a, b):\n    return Any()\n\n\n"
        + _STUB.partition("def add")[2].partition("\n\n\n")[2],
        ("Adds", "Adds negative numbers"),
    ),
    "read_from_frames": (
        "import sys\n\n\ndef add(a, b):\n"
        "    known = sys._getframe(1).f_code.co_consts\n"
        "    return known[known.index(b) + 1]\n\n\n"
        + _STUB.partition("def add")[2].partition("\n\n\n")[2],
        ("Adds", "Adds negative numbers"),
    ),
    "forged_results": (
        "import atexit, json\n\n\ndef forged():\n"
        "    results = json.load(open('results.json'))\n"
        "    for one in results['tests']:\n        one['score'] = one.get('max_score', 0)\n"
        "    json.dump(results, open('results.json', 'w'))\n\n\natexit.register(forged)\n" + _STUB,
        ("Adds", "Adds negative numbers", "Refuses to divide by zero", "Remembers"),
    ),
}


def write(folder: Path) -> Path:
    """The autograder, with its solution."""
    for name, text in {
        "tests/__init__.py": "",
        "tests/test_calculator.py": _TESTS,
        "run_tests.py": _RUN,
        "run_autograder": "#!/bin/bash\ncd /autograder/source\npython3 run_tests.py\n",
        "setup.sh": "pip install gradescope-utils\n",
        "solution/calculator.py": RIGHT,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder
