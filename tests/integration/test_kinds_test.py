"""`test` through real sandboxes: an instructor's pytest file on right, wrong and hostile work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from grader.domain.outcomes import Outcome
from grader.domain.results import CheckResult
from grader.errors import BadBundle
from grader.rubricfile import load_bundle
from tests.grading import assignment
from workers.zygote import Zygote

REFERENCE = """
import torch

def relu(x):
    return x.clamp(min=0)

class Dual:
    def __init__(self, value, slope):
        self.value, self.slope = value, slope

    def __mul__(self, other):
        other = other if isinstance(other, Dual) else Dual(other, 0)
        slope = self.value * other.slope + self.slope * other.value
        return Dual(self.value * other.value, slope)

class Model(torch.nn.Module):
    def __init__(self, n):
        super().__init__()
        self.layer = torch.nn.Linear(n, 2)

    def forward(self, x):
        return self.layer(x)

model = Model(3)

def learn(model, x, y):
    loss = (model(x) - y).square().mean()
    loss.backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= 0.1 * p.grad
            p.grad = None
    return loss
"""
TESTS = '''
import numpy as np
import pytest

@pytest.mark.points(2)
def test_relu(student, reference, rng):
    """Negative entries become zero."""
    x = rng.normal(size=(5, 3))
    assert np.allclose(student.relu(x), reference.relu(x))

@pytest.mark.parametrize("n", [1, 4], ids=["a single row", "several rows"])
def test_model(student, rng, n):
    """The model has two outputs"""
    assert student.model(rng.normal(size=(n, 3))).shape == (n, 2), "the shape is wrong"

def test_gradients(student):
    y = student.Model(3).forward(np.zeros((1, 3)))
    assert y.requires_grad and y.has_graph and y.device == "cpu"

def test_duals(student):
    assert (student.Dual(2, 1) * 3).slope == 3
    assert (student.Dual(2, 1) * student.Dual(5, 1)).slope == 7

def test_learning(student, rng):
    """The loss goes down"""
    x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    session = student.session()
    losses = [session.learn(session.model, x, y) for _ in range(3)]
    assert losses[0] > losses[1] > losses[2]
'''
Grade = Callable[..., CheckResult]


@pytest.fixture
def grade(zygote: Zygote, tmp_path: Path) -> Grade:
    """Grades cells by the source of a test file."""

    def grades(tests: str, *cells: str, reference: str = REFERENCE, **fields: Any) -> CheckResult:
        check = {"kind": "test", "file": "test_it.py", "points": 8, **fields}
        made = assignment(zygote, tmp_path, check, reference)
        (tmp_path / "reference" / "made-up" / "test_it.py").write_text(dedent(tests))
        return made.grade(*cells)

    return grades


def test_right_work_earns_all_points(grade: Grade) -> None:
    result = grade(TESTS, REFERENCE, operators=["Dual"])
    assert (result.outcome, result.message) == (Outcome.PASSED, "All 6 tests pass."), result


def test_wrong_work_loses_the_points_of_the_tests_that_notice(grade: Grade) -> None:
    wrong = REFERENCE.replace("clamp(min=0)", "abs()").replace("p -= 0.1", "p += 0.1")
    result = grade(TESTS, wrong, operators=["Dual"])
    assert (result.outcome, result.score) == (Outcome.PARTIAL, 4.0)
    relu, learning = result.message.split("\n")[1:]
    assert relu.startswith("Negative entries become zero: This does not hold.")
    assert relu.endswith("relu() gave a tensor of shape (5, 3).")
    assert learning.startswith("The loss goes down: ")


def test_an_exception_is_told_with_its_cell_and_line(grade: Grade) -> None:
    cell = "def f(x):\n    raise ValueError('too small')"
    result = grade("def test_f(student): student.f(1)", "x = 1", cell)
    assert result.message == "f: f() raised ValueError: too small (cell 2, line 2)."


CHEATS = {
    "an object that equals everything": """
class Yes:
    def __eq__(self, other): return True
    def __bool__(self): return True
    __lt__ = __gt__ = __sub__ = __abs__ = __float__ = __eq__
def f(x): return Yes()""",
    "a tensor that equals everything": """
import torch
class Yes(torch.Tensor):
    def __eq__(self, other): return torch.tensor(True)
    def __torch_function__(self, *args, **kwargs): return True
def f(x): return torch.zeros(()).as_subclass(Yes)""",
    "an int that equals everything": """
class Yes(int):
    def __eq__(self, other): return True
def f(x): return Yes(0)""",
    "a list that equals everything": """
class Yes(list):
    def __eq__(self, other): return True
def f(x): return Yes()""",
    "patched comparisons": """
import numpy, torch
numpy.allclose = numpy.array_equal = torch.allclose = lambda *a, **k: True
def f(x): return 0""",
    "an infinite loop": "def f(x):\n    while True: pass",
    "an exit": "import os\ndef f(x): os._exit(0)",
    "a SystemExit": "def f(x): raise SystemExit(0)",
    "a huge text": "def f(x): return 'x' * 10**8",
    "a huge tensor": "import torch\ndef f(x): return torch.ones(10**7)",
    "a huge repr": """
class Huge:
    def __repr__(self): return '\\x1b[31m' * 10**9
def f(x): return Huge()""",
    "a skipped test": "import pytest\ndef f(x): pytest.skip('please')",
    "an exception of pytest's": """
class Skipped(BaseException): pass
Skipped.__module__ = 'builtins'
def f(x): raise Skipped('please')""",
    "a patched probe": """
import gc
for one in gc.get_objects():
    if isinstance(one, dict) and 'describe' in one and 'raised' in one:
        one['raised'] = one['describe'] = lambda *a: {'k': 'plain', 'v': 42}
import sys
for name, module in list(sys.modules.items()):
    if name.endswith('probes.steps'):
        module.answer = lambda *a: {'value': {'k': 'odd', 'v': 42}}
def f(x): return object()""",
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_cheat_earns_nothing(grade: Grade, cheat: str) -> None:
    tests = """
    import numpy as np
    import pytest

    def test_equal(student): assert student.f(1) == 42
    def test_near(student): assert abs(student.f(1) - 42) < 1e-6
    def test_close(student): np.testing.assert_allclose(student.f(1), 42, strict=True)
    def test_approx(student): assert student.f(1) == pytest.approx(42)
    """
    reference = "def f(x): return 42"
    result = grade(tests, CHEATS[cheat], reference=reference, limit_s=2)
    assert (result.outcome, result.score) == (Outcome.FAILED, 0), result
    assert result.message.replace("\n", "").isprintable()
    assert len(result.message) < 2500
    assert "42" not in result.message.replace("\\x1b", "")


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({}, Outcome.PASSED),
        # The test's own choice; it shows that the spy would have seen something.
        ({"operators": ["f"]}, Outcome.FAILED),
    ],
)
def test_what_is_expected_never_enters_the_sandbox(
    grade: Grade, more: dict[str, Any], outcome: Outcome
) -> None:
    spy = """
import gc, os, sys

seen = []

class Spy:
    def __init__(self, x): self.look(x)
    def look(self, *args):
        seen.append(repr(args))
        return self
    __sub__ = __rsub__ = __add__ = __radd__ = __eq__ = __lt__ = __getitem__ = __contains__ = look

def f(x):
    return Spy(x)

def told():
    dicts = [one for one in gc.get_objects() if isinstance(one, dict)]
    texts = {value for one in dicts for value in list(one.values()) if isinstance(value, str)}
    folders = [(at, found) for at, _, found in os.walk('/tmp') if not at.startswith(sys.prefix)]
    files = [name for _, found in folders for name in found]
    return {
        'seen': repr(seen),
        'text': 'marker' + '-of-the-tests' in texts,
        'places': [one for one in [*files, *sys.modules] if 'test_it' in one or one == 'pytest'],
    }
"""
    tests = """
    import contextlib

    EXPECTED = 987654321
    MARK = "marker-of-the-tests"

    def test_spied(student):
        session = student.session()  # in which whatever is done lasts
        with contextlib.suppress(Exception): assert session.f(1) - EXPECTED == 0
        with contextlib.suppress(Exception): assert EXPECTED + session.f(1) == 0
        with contextlib.suppress(Exception): assert session.f(1) == EXPECTED
        with contextlib.suppress(Exception): assert EXPECTED in session.f(1)
        told = session.told()
        assert "987654321" not in told["seen"], "seen"
        assert not told["text"], "found"
        assert told["places"] == [], str(told["places"])
    """
    result = grade(tests, spy, **more)
    assert result.outcome is outcome, result


BROKEN = {
    "it cannot be imported": "import no_such_module\n\ndef test_f(student): student.f()",
    "it raises": "1 / 0",
    "no test counts": "import pytest\n\n@pytest.mark.skip\ndef test_f(student): student.f()",
    "it breaks on the reference, too": "def test_f(student): student.f().shape",
    "it ends itself": "import os\n\ndef test_f(student): os._exit(0)",
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_with_a_fault_is_not_judged_and_no_zero(grade: Grade, case: str) -> None:
    result = grade(BROKEN[case], "def f(): return 1", reference="def f(): return 2")
    assert result.outcome is Outcome.NOT_JUDGED
    assert result.detail["fault"]


def test_what_a_test_cannot_use_is_the_submissions_fault_where_the_reference_has_it(
    grade: Grade,
) -> None:
    tests = "def test_f(student): assert student.relu([[-1.0]]).sum() == 0"
    reference = "import torch\ndef relu(x): return torch.tensor(x).clamp(min=0)"
    result = grade(tests, "def relu(x): pass", reference=reference)
    assert result.outcome is Outcome.FAILED
    assert result.message.endswith("The test looked at this last: relu() gave None.")


def test_what_a_test_does_to_the_reference_is_gone_afterwards(grade: Grade) -> None:
    tests = """
    def test_reference(reference):
        session = reference.session()
        session.n = 5
        assert session.up() == 6 and session.up() == 7
        assert reference.n == 1 and reference.up() == 2 and reference.n == 1
    """
    reference = "n = 1\ndef up():\n    global n\n    n += 1\n    return n"
    result = grade(tests, "x = 1", reference=reference)
    assert result.outcome is Outcome.PASSED, result


def test_a_run_that_was_cut_short_fails_its_tests(grade: Grade) -> None:
    result = grade("def test_f(student): student.f()", "import os\nos._exit(0)")
    assert result.outcome is Outcome.FAILED
    assert "The run had ended before f could be looked at." in result.message


def test_a_bundle_holds_its_tests_and_names_one_that_is_missing(tmp_path: Path) -> None:
    check = {"kind": "test", "file": "tests/test_it.py"}
    assignment(None, tmp_path, check, "x = 1")  # type: ignore[arg-type]
    folder, slug = str(tmp_path / "rubrics" / "made-up"), tmp_path / "reference" / "made-up"
    with pytest.raises(BadBundle, match=r"rubric.yaml:\d+.*tests/test_it.py"):
        load_bundle(folder, tmp_path)
    (slug / "tests").mkdir()
    (slug / "tests" / "test_it.py").write_text("def test_it(: pass")
    with pytest.raises(BadBundle, match="does not parse"):
        load_bundle(folder, tmp_path)
    (slug / "tests" / "test_it.py").write_text("def test_it(): pass")
    (slug / "tests" / "data.csv").write_text("1,2")
    (slug / "answer.py").write_text("x = 1")
    before = load_bundle(folder, tmp_path)
    assert set(before.tests) == {"tests/test_it.py", "tests/data.csv"}
    (slug / "tests" / "data.csv").write_text("1,3")
    assert load_bundle(folder, tmp_path).version != before.version
