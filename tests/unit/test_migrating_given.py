"""What students and runs are given of an imported assignment: what belongs to it, no solution."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from grader.migrating import nbgrader, otter
from grader.migrating.model import CannotImport, Imported
from grader.migrating.sources import copied
from grader.migrating.writing import write

Cells = list[dict[str, Any]]
TEST = {"grade": True, "solution": False, "points": 1}


def _cell(source: str, kind: str = "code", **own: Any) -> dict[str, Any]:
    return {"cell_type": kind, "metadata": {"nbgrader": own} if own else {}, "source": source}


def _raw(source: str) -> dict[str, Any]:
    return {"cell_type": "raw", "metadata": {}, "source": source}


def _notebook(path: Path, cells: Cells) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(
        json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells})
    )
    return path


def _starter(found: Imported) -> str:
    return json.dumps(found.starter)


SOLVED = _cell("x = 1", grade_id="s", solution=True, grade=False)
TESTED = _cell("assert x", grade_id="a", **TEST)


def test_a_mark_scheme_is_for_whoever_grades(tmp_path: Path) -> None:
    task = _cell(
        "Draw it.\n\n=== BEGIN MARK SCHEME ===\n\nA secret: axes.\n\n=== END MARK SCHEME ===",
        "markdown",
        grade_id="t",
        task=True,
        points=2,
        grade=False,
        solution=False,
    )
    [found] = nbgrader.read(_notebook(tmp_path / "ps1.ipynb", [task, SOLVED, TESTED]))
    assert "secret" not in _starter(found)
    assert "MARK SCHEME" not in _starter(found)
    assert "A secret: axes." in json.dumps(found.answer)
    assert found.lost == ["t: its mark scheme stands in the model answer"]


def test_hidden_tests_leave_every_cell_of_the_starter(tmp_path: Path) -> None:
    cell = _cell("x\n### BEGIN HIDDEN TESTS\nassert x == 'secret'\n### END HIDDEN TESTS")
    [found] = nbgrader.read(_notebook(tmp_path / "ps1.ipynb", [SOLVED, cell, TESTED]))
    assert "secret" not in _starter(found)


def test_the_title_of_a_hidden_test_tells_nothing_of_it(tmp_path: Path) -> None:
    test = '### BEGIN HIDDEN TESTS\n"""A secret"""\nassert x\n### END HIDDEN TESTS'
    cells = [SOLVED, _cell(test, grade_id="a", **TEST)]
    [found] = nbgrader.read(_notebook(tmp_path / "ps1.ipynb", cells))
    assert found.exercises[0].title == found.exercises[0].checks[0].title == "a"


def test_a_picture_of_a_solution_goes_with_its_text(tmp_path: Path) -> None:
    answer = {
        **_cell("![](attachment:a%20b.png)", "markdown", grade_id="m", points=1, grade=True),
        "attachments": {"a b.png": {"image/png": "c2VjcmV0"}},
    }
    answer["metadata"]["nbgrader"]["solution"] = True
    [found] = nbgrader.read(_notebook(tmp_path / "ps1.ipynb", [answer, SOLVED, TESTED]))
    assert "c2VjcmV0" not in _starter(found)
    assert "c2VjcmV0" in json.dumps(found.answer)
    assert "attachments" not in copied({"metadata": {}}, [{**answer, "source": "none"}])["cells"][0]


def test_a_folders_files_come_along_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    _notebook(tmp_path / "ps1" / "ps1.ipynb", [SOLVED, TESTED])
    _notebook(tmp_path / "ps1" / "intro.ipynb", [_cell("x = 1")])
    (tmp_path / "ps1" / "data").mkdir()
    (tmp_path / "ps1" / "data" / "x.csv").write_text("1")
    (tmp_path / "ps1" / ".git").symlink_to("/etc")
    [found] = nbgrader.read(tmp_path / "ps1")
    assert found.files == {"data/x.csv": b"1"}
    assert found.lost == ["intro.ipynb has no cell that is graded, and is left out"]
    [alone] = nbgrader.read(tmp_path / "ps1" / "ps1.ipynb")
    assert alone.files == {}
    assert "lies beside the notebook (data) is left out" in alone.lost[0]


@pytest.mark.parametrize("read", [nbgrader.read, otter.read])
def test_a_link_among_the_files_is_refused(read: Any, tmp_path: Path) -> None:
    _notebook(tmp_path / "ps1.ipynb", [SOLVED, TESTED])
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "q1.py").write_text("test = {'suites': [{'cases': []}]}")
    (tmp_path / "passwords").symlink_to("/etc/passwd")
    with pytest.raises(CannotImport, match="passwords is a symbolic link"):
        read(tmp_path)


QUESTION = [_raw("# BEGIN QUESTION\nname: q1"), _raw("# END QUESTION")]


def _master(folder: Path, config: str, *cells: dict[str, Any]) -> Imported:
    whole = [_raw(f"# ASSIGNMENT CONFIG\n{config}"), *cells, *QUESTION]
    return otter.read(_notebook(folder / "hw.ipynb", whole))


def test_cells_that_otter_ignores_reach_nobody(tmp_path: Path) -> None:
    cells = [_cell("# IGNORE\nsecret = 42"), _cell("## Ignore ##\nsecret", "markdown")]
    found = _master(tmp_path, "", *cells)
    assert "secret" not in _starter(found)
    assert "secret" not in found.reference


def test_solutions_outside_a_block_are_stripped_where_the_master_says_so(tmp_path: Path) -> None:
    cell = _cell("x = 'secret' # SOLUTION")
    found = _master(tmp_path, "strip_solutions_from_all_cells: true", cell)
    assert "secret" not in _starter(found)
    assert "x = ..." in _starter(found)
    assert "secret" in found.reference


def test_of_a_masters_folder_students_are_given_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("data/x.csv", "helper.py", "grades.csv"):
        (tmp_path / name).write_text("1")
    found = _master(tmp_path, "files: [data, helper.py]\nseed: {variable: s}\nplugins: [p]")
    assert found.files == {"data/x.csv": b"1", "helper.py": b"1"}
    assert "settings of the assignment that are left out: plugins, seed" in found.lost
    assert "q1 has no tests: it is for a person" in found.lost


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("files: [../up.csv]", "files: ../up.csv lies outside its folder"),
        ("files: [/etc/passwd]", "files: /etc/passwd lies outside its folder"),
        ("files: [no.csv]", "files: there is no no.csv"),
        ("files: x", "cell 1: files is no list of names"),
        ("a: " + "[" * 5000, "cell 1: its settings are no YAML"),
    ],
)
def test_wrong_settings_of_a_master_are_refused(config: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "up.csv").write_text("1")
    with pytest.raises(CannotImport) as refused:
        _master(tmp_path / "in", config)
    assert f"hw.ipynb: {words}" in str(refused.value)


def test_of_an_assigned_folder_runs_have_what_students_have(tmp_path: Path) -> None:
    for part in ("autograder", "student"):
        _notebook(tmp_path / part / "hw.ipynb", [_cell("x = 1"), _cell('grader.check("q1")')])
        (tmp_path / part / "data").mkdir()
        (tmp_path / part / "data" / "x.csv").write_text("1")
    tests = tmp_path / "autograder" / "tests"
    tests.mkdir()
    (tests / "q1.py").write_text(
        "test = {'suites': [{'cases': [{'code': '>>> x\\n1'}]}], 'name': 'q1'}"
    )
    (tmp_path / "autograder" / "key.csv").write_text("secret")
    (tmp_path / "autograder" / "otter_config.json").write_text("{}")
    found = otter.read(tmp_path)
    assert found.files == {"data/x.csv": b"1"}
    assert [line.partition(":")[0] for line in found.lost] == [
        "what students are not given (key.csv) is left out",
        "the settings in otter_config.json are left out",
    ]


@pytest.mark.parametrize(
    "part",
    [
        {"metadata": [1]},
        {"metadata": {"otter": [1], "nbgrader": 3, "kernelspec": 5}},
        {"outputs": "x"},
        {"outputs": [1, {"data": 3, "text": {"a": 1}}, {"data": {"text/plain": [1]}}]},
        {"attachments": [1]},
    ],
)
def test_parts_of_a_notebook_that_are_not_what_they_should_be_are_as_if_absent(
    part: dict[str, Any], tmp_path: Path
) -> None:
    tests = [_raw("# BEGIN TESTS"), _cell("assert x") | part, _raw("# END TESTS")]
    cells = [_cell("x = 1") | part, QUESTION[0], *tests, QUESTION[1]]
    path = _notebook(tmp_path / "hw.ipynb", cells)
    document = json.loads(path.read_text()) | {"metadata": part.get("metadata", 7)}
    path.write_text(json.dumps(document))
    found = otter.read(path)
    write(found, tmp_path / "out", "hw")
    assert [one.id for one in found.exercises] == ["q1"]


@pytest.mark.parametrize("points", ["two", "[1, x]", "true", "-1", ".nan", "{each: x}"])
def test_points_that_are_no_number_are_refused(points: str, tmp_path: Path) -> None:
    cells = [_raw(f"# BEGIN QUESTION\nname: q1\npoints: {points}"), _raw("# END QUESTION")]
    with pytest.raises(CannotImport, match=r"question q1: .* is no number of points"):
        otter.read(_notebook(tmp_path / "hw.ipynb", cells))
