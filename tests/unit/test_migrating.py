"""What is read of other tools' assignments: names, tests, points; and what is refused, and how."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grader.checks.answers.answers import AnswerPlace
from grader.checks.kinds.manual import ManualSpec
from grader.errors import BadInput
from grader.migrating import nbgrader, otter
from grader.migrating.model import CannotImport, Imported, Untranslatable
from grader.migrating.surroundings import surroundings
from grader.migrating.testfiles import of_doctest
from grader.migrating.translating import translated
from grader.migrating.writing import write
from grader.rubricfile import load_bundle
from grader.rubriclint import lint

NOTEBOOK = """
import numpy as np
from math import sqrt

rate = 0.5

def squares(n):
    return [i * rate for i in range(n)]

class Dog:
    pass
"""


def _translated(test: str, *given: str) -> str:
    cells = [(NOTEBOOK, False), *((one, True) for one in given), (test, True)]
    found = translated(test, surroundings(cells))
    return "\n".join([*found.imports, found.body])


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("assert squares(2) == [0, 0.5]  # so", "assert student.squares(2) == [0, 0.5]  # so"),
        ("x = 1\nassert squares(x)", "x = 1\nassert student.squares(x)"),
        ("assert np.all(squares(1))", "import numpy as np\nassert np.all(student.squares(1))"),
        ("for n in range(3):\n    squares(n)", "for n in range(3):\n    student.squares(n)"),
        ("[squares(n) for n in range(3)]", "[student.squares(n) for n in range(3)]"),
        ("f = lambda n: squares(n) + [n]", "f = lambda n: student.squares(n) + [n]"),
        (
            "def check(squares):\n    return squares\ncheck(squares)",
            "def check(squares):\n    return squares\ncheck(student.squares)",
        ),
        (
            "assert squares(2), f'{squares(2)}'",
            "assert student.squares(2), f'{student.squares(2)}'",
        ),
        ("rate = 2\nsquares(1)", "student.rate = 2\nstudent.squares(1)"),
        ("old = squares\ndel squares", "old = student.squares\ndel student.squares"),
        ("d = Dog()\nd.name", "d = student.Dog()\nd.name"),
        ("t = 'ä'; squares(t)", "t = 'ä'; student.squares(t)"),
        ("_hidden(1)", 'student["_hidden"](1)'),
        (
            "from nose.tools import ok_\nok_(1)",
            "from workers.tests_runner.imported import ok_\nok_(1)",
        ),
    ],
)
def test_names_of_the_notebook_are_asked_of_the_submission(test: str, expected: str) -> None:
    assert _translated(test) == expected


def test_what_an_earlier_test_or_a_locked_cell_left_comes_along() -> None:
    given = "import os.path\ndef close(a, b):\n    return abs(a - b) < limit\nlimit = sqrt(1e-12)"
    assert _translated("assert close(squares(1)[0], 0)", given) == (
        "from math import sqrt\n"
        "def close(a, b):\n    return abs(a - b) < limit\n"
        "limit = sqrt(1e-12)\n"
        "assert close(student.squares(1)[0], 0)"
    )


@pytest.mark.parametrize(
    ("test", "why"),
    [
        ("import inspect\ninspect.getsource(squares)", "source code"),
        ("get_ipython().history_manager", "IPython"),
        ("assert open('out.txt').read()", "files"),
        ("from pathlib import Path\nassert Path('x').exists()", "files"),
        ("globals()['squares']", "looks through"),
        ("eval('squares(1)')", "runs code"),
        ("%timeit squares(1)", "magics"),
        ("with contextlib.redirect_stdout(f):\n    squares(1)", "stays in its own process"),
        ("with redirect_stdout(f):\n    squares(1)", "stays in its own process"),
        ("!ls", "magics"),
        ("def squares(n):\n    return n\nassert squares(1)", "defines `squares` anew"),
        ("from numpy import *\nassert squares(1)", "does not say which names"),
        ("def f():\n    global rate\n    rate = 2\nf()", "global"),
        ("await squares(1)", "awaits"),
        ("assert (", "no Python"),
    ],
)
def test_what_cannot_be_done_from_outside_is_said(test: str, why: str) -> None:
    with pytest.raises(Untranslatable, match=why):
        _translated(test)


def test_a_doctest_becomes_statements_and_comparisons_of_what_they_show() -> None:
    code = ">>> x = f(1)\n>>> x\n2\n>>> for n in x:\n...     print(n)\na\nb\n>>> assert x\n"
    assert of_doctest(code) == (
        "x = f(1)\n"
        "with expecting('2\\n'):\n    show(x)\n"
        "with expecting('a\\nb\\n'):\n    for n in x:\n        print(n)\n"
        "assert x"
    )


Cells = list[dict[str, Any]]


def _cell(source: str, kind: str = "code", **own: Any) -> dict[str, Any]:
    metadata = {"nbgrader": own} if own else {}
    return {"cell_type": kind, "metadata": metadata, "source": source}


def _notebook(folder: Path, cells: Cells, name: str = "work.ipynb", **metadata: Any) -> Path:
    path = folder / name
    document = {"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": cells}
    path.write_text(json.dumps(document))
    return path


TEST = {"grade": True, "solution": False, "points": 1}


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([_cell("x = 1")], "no cell that nbgrader grades"),
        (
            [_cell("assert x", grade_id="a", grade=True, solution=False)],
            "cell 1 is graded and has no points",
        ),
        ([_cell("assert x", **TEST)], "cell 1 is graded and has no grade_id"),
        ([_cell("1", grade_id="a", **TEST)] * 2, "grade_id a stands twice"),
        (
            [
                _cell("### BEGIN SOLUTION\nx = 1", grade_id="s", grade=False, solution=True),
                _cell("assert x", grade_id="a", **TEST),
            ],
            "cell 1 has BEGIN SOLUTION and no END SOLUTION",
        ),
        ([{"cell_type": "magic", "metadata": {}, "source": ""}], "cell 1 is no code"),
    ],
)
def test_a_bad_notebook_of_nbgrader_is_refused_with_its_cell(
    cells: Cells, words: str, tmp_path: Path
) -> None:
    with pytest.raises(CannotImport, match=r"work\.ipynb") as refused:
        nbgrader.read(_notebook(tmp_path, cells))
    assert words in str(refused.value)


@pytest.mark.parametrize("read", [nbgrader.read, otter.read])
@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("{", "is no notebook that can be read: it is cut off"),
        ("[]", "is no notebook that can be read: a notebook is a JSON object"),
        ("[" * 10**6, "is no notebook that can be read: its JSON holds more values"),
        ('{"nbformat": 4}', "is no notebook in format 4"),
        ('{"cells": [], "nbformat": 3}', "is no notebook in format 4"),
        (
            '{"cells": [], "nbformat": 4, "metadata": {"kernelspec": {"language": "R"}}}',
            "its kernel is R",
        ),
        ('{"cells": [5], "nbformat": 4}', "cell 1 is no code, markdown or raw cell"),
    ],
)
def test_what_is_no_notebook_for_python_is_refused(
    read: Callable[[Path], object], data: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "work.ipynb"
    path.write_text(data)
    with pytest.raises(CannotImport, match=rf"work\.ipynb.*{words}"):
        read(path)


def test_every_version_of_nbgraders_metadata_is_read(tmp_path: Path) -> None:
    cells = [
        _cell("x = 1", grade_id="s", solution=True, grade=False, schema_version=2),
        _cell("assert x", grade_id="old", checksum="abc", **{**TEST, "points": 2.0}),
        _cell("assert x", grade_id="newer", locked=True, schema_version=1, **TEST),
        _cell(
            "Why?",
            "markdown",
            grade_id="task",
            task=True,
            points=3,
            schema_version=3,
            grade=False,
            solution=False,
            locked=True,
        ),
        _cell("because", "markdown", grade_id="words", grade=True, solution=True, points=4),
    ]
    [found] = nbgrader.read(_notebook(tmp_path, cells))
    assert [(one.id, one.checks[0].kind, one.checks[0].points) for one in found.exercises] == [
        ("old", "test", 2),
        ("newer", "test", 1),
        ("task", "manual", 3),
        ("words", "manual", 4),
    ]


def test_a_test_that_is_a_persons_now_is_no_answer_of_the_students(tmp_path: Path) -> None:
    cells = [
        _cell("x = 1", grade_id="s", solution=True, grade=False),
        _cell("assert input()", grade_id="a", **TEST),
        _cell("Because.", "markdown", grade_id="w", grade=True, solution=True, points=1),
    ]
    [found] = nbgrader.read(_notebook(tmp_path, cells))
    folder = write(found, tmp_path / "out", "work")
    lost, words = load_bundle(folder, tmp_path / "out").rubric.exercises
    assert isinstance(lost.checks[0], ManualSpec)
    assert isinstance(words.checks[0], ManualSpec)
    assert lost.checks[0].answer is None
    assert words.checks[0].answer == AnswerPlace(marker="w")


def test_tests_of_names_that_look_alike_are_as_many_functions(tmp_path: Path) -> None:
    names = ["a-b", "a_b", "a-b-2", "A_b_2"]
    cells = [_cell("assert x", grade_id=name, **TEST) for name in names]
    [found] = nbgrader.read(_notebook(tmp_path, cells))
    tests = [one.checks[0].tests[0] for one in found.exercises]
    assert len(set(tests)) == 4
    assert all(f"def {name}(student)" in found.tests["test_imported.py"] for name in tests)


def test_a_notebook_of_more_cells_than_a_submission_may_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotImport, match="more than 2000 cells"):
        nbgrader.read(_notebook(tmp_path, [_cell("x = 1")] * 2001))


def test_nothing_is_dropped_in_silence(tmp_path: Path) -> None:
    cells = [
        _cell("x = 1", grade_id="s", solution=True, grade=False),
        _cell("import inspect\nassert inspect.stack()", grade_id="a", **TEST),
        _cell("### AUTOTEST x", grade_id="b", **TEST),
    ]
    [found] = nbgrader.read(_notebook(tmp_path, cells))
    assert [(one.kind, one.points) for each in found.exercises for one in each.checks] == [
        ("manual", 1),
        ("manual", 1),
    ]
    assert len(found.lost) == 2
    folder = write(found, tmp_path / "out", "work")
    readme = (tmp_path / "out" / "reference" / "work" / "README.md").read_text()
    assert all(line in readme for line in found.lost)
    assert load_bundle(folder, tmp_path / "out").rubric.max_score == 2


def test_the_starter_has_neither_solutions_nor_hidden_tests(tmp_path: Path) -> None:
    cells = [
        _cell(
            "def f():\n    ### BEGIN SOLUTION\n    return 'secret'\n    ### END SOLUTION",
            grade_id="s",
            solution=True,
            grade=False,
        ),
        _cell(
            "assert f()\n### BEGIN HIDDEN TESTS\nassert f() == 'secret'\n### END HIDDEN TESTS",
            grade_id="a",
            **TEST,
        ),
    ]
    [found] = nbgrader.read(_notebook(tmp_path, cells))
    folder = write(found, tmp_path / "out", "work")
    starter = (folder / "starter.ipynb").read_text()
    assert "secret" not in starter
    assert "raise NotImplementedError()" in starter
    assert found.exercises[0].checks[0].visibility == "after_due"
    assert lint(load_bundle(folder, tmp_path / "out")) == []
    with pytest.raises(BadInput, match="already"):
        write(found, tmp_path / "out", "work")
    with pytest.raises(BadInput, match="no name for a bundle"):
        write(found, tmp_path / "out", "../work")


def _raw(source: str) -> dict[str, Any]:
    return {"cell_type": "raw", "metadata": {}, "source": source}


QUESTION = _raw("# BEGIN QUESTION\nname: q1")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([_cell("x = 1")], "no master notebook"),
        ([QUESTION], "has no END cell"),
        ([QUESTION, QUESTION], "cell 2: BEGIN QUESTION stands inside a question"),
        ([QUESTION, _raw("# END TESTS")], "cell 2: END TESTS ends what has not begun"),
        ([_raw("# BEGIN TESTS"), QUESTION], "cell 1: BEGIN TESTS stands outside a question"),
        ([_raw("# BEGIN QUESTION\npoints: 1"), QUESTION], "cell 1: the question has no name"),
        ([_raw("# BEGIN QUESTION\n- 1: ["), QUESTION], "cell 1: its settings are no YAML"),
        ([QUESTION, _raw("# BEGIN TESTS"), _cell("assert (")], "cell 3: the test does not parse"),
        ([QUESTION, _raw("# END QUESTION")], None),
    ],
)
def test_a_bad_master_notebook_is_refused_with_its_cell(
    cells: Cells, words: str | None, tmp_path: Path
) -> None:
    path = _notebook(tmp_path, cells)
    if words is None:
        assert [one.checks[0].points for one in otter.read(path).exercises] == [1]
        return
    with pytest.raises(CannotImport, match=r"work\.ipynb") as refused:
        otter.read(path)
    assert words in str(refused.value)


def _assigned(folder: Path, source: str) -> Imported:
    (folder / "tests").mkdir()
    (folder / "tests" / "q1.py").write_text(source)
    _notebook(folder, [_cell("x = 1"), _cell('grader.check("q1")')])
    return otter.read(folder)


@pytest.mark.parametrize(
    ("points", "cases", "expected"),
    [
        ("None", [None, None], [0.5, 0.5]),
        ("3", [None, None], [1.5, 1.5]),
        ("3", [2, None, None], [2, 0.5, 0.5]),
        ("[1, 4]", [None, None], [1, 4]),
        ("None", [0, 2, None], [0, 2, 0]),
        ("None", [0, None], [0, 1]),
    ],
)
def test_a_questions_points_are_shared_out_as_otter_does(
    points: str, cases: list[float | None], expected: list[float], tmp_path: Path
) -> None:
    suite = {
        "cases": [
            {"code": ">>> x\n1\n", **({} if one is None else {"points": one})} for one in cases
        ]
    }
    spec = f"test = {{'name': 'q1', 'points': {points}, 'suites': [{suite!r}]}}"
    [exercise] = _assigned(tmp_path, spec).exercises
    assert [check.points for check in exercise.checks] == expected
    assert {check.visibility for check in exercise.checks} == {"hidden"}  # by default, as there


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("test = {", "q1.py does not parse"),
        ("test = make()", "q1.py:1: test is no literal"),
        ("x = 1", "q1.py has neither"),
        ("test = {'suites': []}", "has one suite"),
        ("test = {'suites': [{'type': 'wwpp', 'cases': []}]}", "only suites of doctests"),
        ("test = {'suites': [{'cases': [{}]}]}", "has a code"),
        ("test = {'points': [1, 2], 'suites': [{'cases': [{'code': ''}]}]}", "2 points, 1 cases"),
        ("test = {'points': 1, 'suites': [{'cases': [{'code': '', 'points': 2}]}]}", "more points"),
    ],
)
def test_a_bad_test_file_of_otter_is_refused(source: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(CannotImport) as refused:
        _assigned(tmp_path, source)
    assert words in str(refused.value)


def test_a_function_that_tests_compares_by_libraries_of_its_own(tmp_path: Path) -> None:
    cells = [
        _raw("# ASSIGNMENT CONFIG\ntests: {ok_format: false}"),
        _cell("import numpy as np\nimport torch"),
        QUESTION,
        _raw("# BEGIN TESTS"),
        _cell("def test_a(np, f, env):\n    assert np.all(f(1)) and env['torch'].all(env['g'](1))"),
        _raw("# END TESTS"),
        _raw("# END QUESTION"),
    ]
    text = otter.read(_notebook(tmp_path, cells)).tests["test_imported.py"]
    assert "    import numpy as np\n    import torch\n" in text
    assert "    f = given(student, 'f')\n    env = environment(student, torch=torch)\n" in text
    assert "given(student, 'np')" not in text
