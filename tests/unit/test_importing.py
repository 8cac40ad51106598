"""`chainrule import` on disk: all bundles or an error, never half of one, nothing overwritten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from grader.cli import chainrule, run
from grader.errors import InternalError
from workers.commands import importing


@pytest.fixture(autouse=True)
def _untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is run here: the tests are carried over as they are."""
    chainrule.add_command(importing.importing, "import")
    monkeypatch.setattr(importing, "_tried", lambda imported, *_: (imported, ""))


def _notebook(path: Path, test: str = "assert x") -> Path:
    own = {"grade_id": "a", "grade": True, "solution": False, "points": 1}
    cells = [
        {"cell_type": "code", "metadata": {}, "source": "x = 1"},
        {"cell_type": "code", "metadata": {"nbgrader": own}, "source": test},
    ]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 4, "cells": cells}))
    return path


def _import(path: Path, out: Path, *more: str) -> int:
    return run(["import", "nbgrader", str(path), "--out", str(out), *more])


def _bundles(out: Path) -> list[str]:
    return sorted(one.relative_to(out).as_posix() for one in out.glob("*/*"))


def test_notebooks_whose_names_differ_in_spelling_become_two_bundles(tmp_path: Path) -> None:
    _notebook(tmp_path / "ps1" / "Problem 1.ipynb")
    _notebook(tmp_path / "ps1" / "problem-1.ipynb")
    assert _import(tmp_path / "ps1", tmp_path / "out") == 0
    assert _bundles(tmp_path / "out") == [
        "reference/problem-1",
        "reference/problem-1-2",
        "rubrics/problem-1",
        "rubrics/problem-1-2",
    ]


def test_where_one_bundle_is_in_the_way_none_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        _notebook(tmp_path / "ps1" / f"{name}.ipynb")
    there = tmp_path / "out" / "reference" / "b"
    there.mkdir(parents=True)
    assert _import(tmp_path / "ps1", tmp_path / "out") == 2
    assert "reference/b already: remove it, or choose another name" in capsys.readouterr().err
    assert _bundles(tmp_path / "out") == ["reference/b"]


def test_of_an_import_that_fails_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: Any) -> None:
        raise InternalError("no worker")

    path = _notebook(tmp_path / "ps1.ipynb")
    with monkeypatch.context() as patched:
        patched.setattr(importing, "_tried", failing)
        assert _import(path, tmp_path / "out") == 3
    assert _bundles(tmp_path / "out") == []
    (tmp_path / "file").write_text("")
    assert _import(path, tmp_path / "file" / "below") == 2
    assert "cannot be written: Not a directory" in capsys.readouterr().err
    assert _import(path, tmp_path / "out") == 0


def test_code_that_is_nested_too_deeply_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _notebook(tmp_path / "ps1.ipynb", "assert x" + " + x" * 900)
    assert _import(path, tmp_path / "out") == 2
    assert capsys.readouterr().err == "chainrule: its code is nested too deeply to be read\n"


def test_without_a_solution_that_is_the_next_thing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tests = tmp_path / "auto" / "test_it.py"
    tests.parent.mkdir()
    tests.write_text(
        "import unittest, work\nclass TestIt(unittest.TestCase):\n"
        "    @weight(1)\n    def test_a(self): work.f()\n"
    )
    call = ["import", "gradescope", str(tests.parent), "--out", str(tmp_path / "out")]
    assert run(call) == 0
    assert "Next: a solution as" in capsys.readouterr().out
