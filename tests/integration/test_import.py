"""`chainrule import` from the outside: what it writes and says, and what goes to a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from grader.cli import chainrule, run
from grader.notebooks.read import parse
from grader.rubricfile import load_bundle
from tests.peers._grading import made_once
from workers.commands.importing import importing
from workers.pipeline import grade
from workers.zygote import Zygote

SOLUTION = """
import torch
import numpy as np

log = []

def double(x):
    log.append(x)
    return 2 * x

def soft(x):
    return torch.softmax(x, dim=-1)

class Line(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor([2.0, 0.5]))

    def forward(self, x):
        return x @ self.w

def tell(name):
    print("hello", name)

def apply(f, x):
    return f(x)
"""
TESTS = {
    "loops": "for n in range(160):\n    assert double(n) == 2 * n",
    "tensors": (
        "x = torch.tensor([[1.0, 2.0], [3.0, 5.0]])\n"
        "assert torch.allclose(soft(x).sum(dim=-1), torch.ones(2))\n"
        "assert soft(x).dtype == torch.float32"
    ),
    "modules": (
        "model = Line()\nx = torch.ones(3, 2)\n"
        "assert model(x).shape == (3,)\n"
        "assert isinstance(model(x), torch.Tensor)\n"
        "assert model(x).requires_grad"
    ),
    "state": "before = len(log)\ndouble(3)\nassert len(log) == before + 1",
    "callback": "assert apply(lambda n: n + 1, 2) == 3",
    "source": "import inspect\nassert 'softmax' in inspect.getsource(soft)",
    "missing-library": "import a_library_that_is_not_here\nassert double(1) == 2",
}


def _notebook(path: Path) -> Path:
    cells: list[dict[str, Any]] = [_cell(SOLUTION, "solution", solution=True, grade=False)]
    for name, source in TESTS.items():
        cells.append(_cell(source, name, solution=False, grade=True, locked=True, points=2))
    path.write_text(
        json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells})
    )
    return path


def _cell(source: str, name: str, **own: Any) -> dict[str, Any]:
    metadata = {"nbgrader": {"grade_id": name, "schema_version": 3, **own}}
    return {"cell_type": "code", "metadata": metadata, "source": source, "outputs": []}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder with the bundle, and what the command said."""
    folder = made_once(tmp_path_factory.getbasetemp(), "import", _imported)
    return folder, (folder / "said.txt").read_text()


def _imported(folder: Path) -> None:
    path = _notebook(folder / "work.ipynb")
    called = CliRunner().invoke(
        importing,
        ["nbgrader", str(path), "--out", str(folder), "--slug", "from-nbgrader"],
        catch_exceptions=False,
    )
    assert called.exit_code == 0, called.output
    (folder / "said.txt").write_text(called.output)


def test_what_passes_on_the_solution_is_automatic_and_the_rest_is_a_persons(
    said: tuple[Path, str],
) -> None:
    folder, words = said
    bundle = load_bundle(folder / "rubrics" / "from-nbgrader", folder)
    kinds = {one.id: type(one.checks[0]).__name__ for one in bundle.rubric.exercises}
    assert kinds == {
        "loops": "TestSpec",
        "tensors": "TestSpec",
        "modules": "TestSpec",
        "state": "TestSpec",
        "callback": "ManualSpec",
        "source": "ManualSpec",
        "missing-library": "ManualSpec",
    }
    assert bundle.rubric.max_score == 14
    assert "14 points, 6 of them by a person" in words
    assert "The tests of 4 of 6 checks pass on the solution." in words
    lost = words.partition("Not carried over:")[2]
    assert "callback: callback (2 points) is for a person now" in lost
    assert "reads the student's source code" in lost
    assert "No module named 'a_library_that_is_not_here'" in lost


def test_a_test_asks_in_a_session_unless_it_asks_too_often(said: tuple[Path, str]) -> None:
    text = (said[0] / "reference" / "from-nbgrader" / "test_imported.py").read_text()
    pieces = {piece.partition("(")[0]: piece for piece in text.split("def ")[1:]}
    assert "student.session()" not in pieces["test_loops"]
    assert "student.session()" in pieces["test_state"]


def test_a_wrong_tensor_loses_its_points_and_no_more(
    said: tuple[Path, str], zygote: Zygote
) -> None:
    folder, _ = said
    bundle = load_bundle(folder / "rubrics" / "from-nbgrader", folder)
    wrong = SOLUTION.replace("torch.softmax(x, dim=-1)", "torch.sigmoid(x)")
    result = grade(zygote, bundle, parse("work.py", wrong.encode()), seed=1)
    scores = {one.id: one.checks[0].score for one in result.exercises}
    assert scores == {**dict.fromkeys(TESTS, 0), "loops": 2, "modules": 2, "state": 2}


def test_a_bundle_that_is_there_is_not_overwritten(
    said: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    chainrule.add_command(importing, "import")
    folder = str(said[0])
    call = [
        "import",
        "nbgrader",
        f"{folder}/work.ipynb",
        "--out",
        folder,
        "--slug",
        "from-nbgrader",
    ]
    assert run(call) == 2
    assert "already" in capsys.readouterr().err
