"""What is read of an autograder: every test, asked of the submission; hostile zips are refused."""

from __future__ import annotations

import ast
import re
import zipfile
from pathlib import Path

import pytest

from grader.errors import BadInput
from grader.migrating import gradescope
from grader.migrating.model import CannotImport, Imported
from grader.migrating.proxying import asking
from grader.migrating.writing import write
from grader.rubricfile import load_bundle
from grader.rubriclint import lint

HEAD = (
    "import unittest\nimport work\n"
    "from gradescope_utils.autograder_utils.decorators import weight, visibility\n"
)
TESTS = HEAD + "class TestIt(unittest.TestCase):\n    @weight(1)\n    def test_a(self): work.f()\n"


def _zip(folder: Path, **files: str | bytes) -> Path:
    path = folder / "autograder.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(re.sub("_py$", ".py", name.replace("__", "/")), text)
    return path


def _of(folder: Path, tests: str, **files: str | bytes) -> Imported:
    return gradescope.read(_zip(folder, tests__test_it_py=tests, solution__work_py="", **files))


def test_tests_of_a_base_class_are_tests_of_those_below(tmp_path: Path) -> None:
    tests = HEAD + (
        "class Base(unittest.TestCase):\n"
        "    @weight(1)\n    def test_a(self): work.f()\n"
        "class TestMore(Base):\n"
        "    @weight(2)\n    def test_b(self): work.f()\n"
        "class Mixin:\n    def test_m(self): pass\n"
        "class TestMixed(Mixin, unittest.TestCase): pass\n"
        "class TestElsewhere(Imported):\n    def test_c(self): pass\n"
    )
    found = _of(tmp_path, tests)
    assert {one.id: [check.tests[0] for check in one.checks] for one in found.exercises} == {
        "base": ["Base::test_a"],
        "testmore": ["TestMore::test_b", "TestMore::test_a"],
    }
    assert found.lost == [
        "TestMixed: “m” earns nothing",
        "tests/test_it.py: TestElsewhere is left out: it is no unittest.TestCase, as far as this "
        "file tells",
    ]


def test_a_decorator_by_another_name_is_the_same(tmp_path: Path) -> None:
    tests = TESTS.replace("import weight", "import weight as worth").replace("@weight", "@worth")
    assert [one.checks[0].points for one in _of(tmp_path, tests).exercises] == [1]


def test_the_runners_visibility_is_that_of_tests_that_say_none(tmp_path: Path) -> None:
    more = "    @weight(1)\n    @visibility('after_published')\n    def test_b(self): work.f()\n"
    runner = "JSONTestRunner(visibility='hidden', stream=out).run(suite)"
    found = _of(tmp_path, TESTS + more, run_tests_py=runner)
    assert [one.visibility for one in found.exercises[0].checks] == ["hidden", "after_due"]
    assert found.lost == ["TestIt.test_b: students see it from the due date on"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("self.out = sys.stdout = io.StringIO()", "stays in its own process"),
        ("\n        with redirect_stdout(out): work.f()", "stays in its own process"),
        ("\n        with patch('sys.stdout') as out: work.f()", "stays in its own process"),
        ("\n        with patch('builtins.input', f): work.f()", "what somebody types"),
    ],
)
def test_what_is_printed_and_typed_is_for_a_person(body: str, why: str, tmp_path: Path) -> None:
    [exercise] = _of(tmp_path, TESTS.replace("work.f()", body)).exercises
    assert exercise.checks[0].kind == "manual"
    assert why in exercise.checks[0].lost


def test_a_file_that_asks_the_submission_before_any_test_is_for_a_person(tmp_path: Path) -> None:
    [exercise] = _of(tmp_path, TESTS.replace("class", "value = work.f()\nclass", 1)).exercises
    assert "when it is read, before any test" in exercise.checks[0].lost


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def t():\n    from work import f, _g as g\n    f()", 'f = S.f; g = S["_g"]\n    f()'),
        ("def t():\n    import work as w, math\n    w.f()", "w = S; import math\n    w.f()"),
        ("import work, math\ndef t(): work.f()", "import math\ndef t(): S.f()"),
        ("import work\ndef t():\n    S = 1\n    work.f()", "S = 1\n    S2.f()"),
        ("def t():\n    from work import f\ndef f(): pass\ndef u(): f()", "def u(): f()"),
        ("from work import f\ndef t(): f'{f(1)} {f(2)}'", "f'{S.f(1)} {S.f(2)}'"),
        (
            "import work\ndef setUpClass(cls): cls.w = work.W()",
            "def _set_up_class(cls): cls.w = S.W()",
        ),
    ],
)
def test_the_submission_is_asked_wherever_it_was_imported(before: str, after: str) -> None:
    names = ("submission", "handed_in") if "S2" in after else ("student", "student")
    before = before.replace("S = 1", "student = 1")
    after = after.replace("S = 1", "student = 1").replace("S2", names[0]).replace("S.", "student.")
    after = after.replace("S[", "student[").replace("= S;", "= student;")
    text = asking(before, "work")
    assert after in text
    ast.parse(text)


def test_a_file_may_begin_with_an_import_from_the_future() -> None:
    compile(asking("from __future__ import annotations\nimport work\n", "work"), "t.py", "exec")


def test_a_library_that_is_not_here_is_no_submission(tmp_path: Path) -> None:
    tests = "import a_library_of_theirs\n" + TESTS
    path = _zip(tmp_path, tests__test_it_py=tests)
    with pytest.raises(CannotImport, match=r"files of students' \(a_library_of_theirs, work\)"):
        gradescope.read(path)
    solution = tmp_path / "work.py"
    solution.write_text("def f(): pass\n")
    assert "student.f()" in gradescope.read(path, solution).tests["test_it.py"]
    setup = "pip install -r requirements.txt\npip3 install a-library-of-theirs gradescope-utils\n"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("setup.sh", setup)
    found = gradescope.read(path)
    assert "student.f()" in found.tests["test_it.py"]
    assert "a worker has to have a_library_of_theirs" in found.lost[0]


def test_files_that_do_not_come_along_are_said(tmp_path: Path) -> None:
    more = {"data__x.csv": "1", "tests__hw_tests_py": TESTS, "run_autograder": ""}
    assert _of(tmp_path, TESTS, **more).lost == [
        "the tests in tests/hw_tests.py are left out: its name does not begin with test",
        "these files are left out: data/x.csv",
    ]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("work.py", b"\xff\xfe", "work.py: it is saved as UTF-16"),
        ("work.py", b"x = '\xe9'", "work.py: line 1 of it is not UTF-8"),
        ("work.ipynb", b'{"cells": []}', "work.ipynb is no Python file"),
    ],
)
def test_a_solution_that_could_not_be_handed_in_is_refused(
    name: str, data: bytes, words: str, tmp_path: Path
) -> None:
    solution = tmp_path / name
    solution.write_bytes(data)
    with pytest.raises(BadInput) as refused:
        gradescope.read(_zip(tmp_path, tests__test_it_py=TESTS), solution)
    assert words in str(refused.value)


def test_an_autograder_of_otters_is_imported_from_its_master(tmp_path: Path) -> None:
    path = _zip(tmp_path, run_otter_py="", tests__q1_py="test = {}")
    with pytest.raises(CannotImport, match="by chainrule import otter"):
        gradescope.read(path)


def test_a_test_file_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    path = _zip(tmp_path, tests__test_it_py=TESTS, tests__test_b_py=b"x = '\xe9'")
    with pytest.raises(CannotImport, match=r"tests/test_b\.py: line 1 is not UTF-8"):
        gradescope.read(path)


def _hostile(path: Path, kind: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        if kind == "bomb":
            for number in range(5):
                archive.writestr(f"{number}.py", b"#" * (16 << 20))
        elif kind == "many":
            for number in range(2001):
                archive.writestr(f"{number}.bin", b"")
        elif kind == "link":
            entry = zipfile.ZipInfo("tests/test_it.py")
            entry.external_attr = 0o120777 << 16
            archive.writestr(entry, "/etc/passwd")
        else:
            archive.writestr("../test_it.py" if kind == "outside" else "test_it.py", TESTS * 9)
    if kind == "broken":
        data = bytearray(path.read_bytes())
        data[60:70] = b"\xff" * 10
        path.write_bytes(data)
    elif kind == "no zip":
        path.write_bytes(b"no zip")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("bomb", "more than 2000 files or 64 MiB"),
        ("many", "more than 2000 files or 64 MiB"),
        ("link", "is a symbolic link"),
        ("outside", r"leads out of the folder by \.\."),
        ("broken", "cannot be unpacked"),
        ("no zip", r"^autograder\.zip is no zip that can be read"),
    ],
)
def test_a_hostile_zip_is_refused(kind: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "autograder.zip"
    _hostile(path, kind)
    with pytest.raises(CannotImport, match=words):
        gradescope.read(path)


CLASS = "import unittest\nimport work\nclass TestIt(unittest.TestCase):\n    "


@pytest.mark.parametrize(
    ("tests", "words"),
    [
        ("x = 1", "no test*.py with a class of unittest.TestCase"),
        ("class (", "tests/test_it.py does not parse"),
        (CLASS + "def test_a(self): pass", "has no test that earns points"),
        (
            CLASS + "@weight(w)\n    def test_a(self): pass",
            "test_it.py:4: @weight of test_a takes a literal",
        ),
        (CLASS + "@weight('2')\n    def test_a(self): pass", "is no number of points"),
        (
            CLASS + "@weight(1)\n    @visibility('x')\n    def test_a(self): pass",
            "no visibility 'x'",
        ),
        (
            "import other_work\n" + CLASS + "@weight(1)\n    def test_a(self): pass",
            "import 2 files of students'",
        ),
    ],
)
def test_a_bad_autograder_is_refused(tests: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(CannotImport) as refused:
        gradescope.read(_zip(tmp_path, tests__test_it_py=tests))
    assert words in str(refused.value)


def test_without_a_solution_that_is_said(tmp_path: Path) -> None:
    tests = CLASS + "@weight(1)\n    def test_a(self):\n        assert work.f(), f'{work.f()}'"
    found = gradescope.read(_zip(tmp_path, tests__test_it_py=tests))
    assert any("--solution" in line for line in found.lost)
    folder = write(found, tmp_path / "out", "work")
    bundle = load_bundle(folder, tmp_path / "out")
    assert lint(bundle) == []
    assert b"student.f()" in bundle.tests["test_it.py"]
    solution = tmp_path / "work.py"
    solution.write_text("def f():\n    return 1\n")
    assert gradescope.read(_zip(tmp_path, tests__test_it_py=tests), solution).lost == []
