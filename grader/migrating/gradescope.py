"""A Gradescope autograder in Python: unittest with the decorators of gradescope-utils."""

from __future__ import annotations

import ast
import io
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from grader.domain.rubric import Visibility
from grader.migrating.model import (
    CannotImport,
    Imported,
    ImportedCheck,
    ImportedExercise,
    Untranslatable,
)
from grader.migrating.scopes import uses
from grader.migrating.sources import slug_of, unique
from grader.migrating.surroundings import BUILTINS
from grader.migrating.translating import proxied, refuse_blocked
from grader.safetext import one_line

_MOST_BYTES, _MOST_FILES = 64 << 20, 2000
_DECORATORS = frozenset(
    {"weight", "number", "visibility", "hide_errors", "tags", "partial_credit", "leaderboard"}
)
_VISIBILITY: dict[str, Visibility] = {
    "visible": "visible",
    "hidden": "hidden",
    "after_due_date": "after_due",
    "after_published": "after_due",
}
_FIXTURE = """\


@pytest.fixture(autouse=True)
def _submission(student, earn):
    globals()["student"] = student.session()
    earning.to = earn
"""


def read(path: Path, solution: Path | None = None) -> Imported:
    """The autograder in a folder or a zip; `solution` where it holds none. Raises CannotImport."""
    files = _files(path)
    modules = {
        name: _parsed(name, text)
        for name, text in sorted(files.items())
        if re.fullmatch(r"(.*/)?test\w*\.py", name)
    }
    tested = {name: one for name, one in modules.items() if any(_classes(one.tree))}
    if not tested:
        raise CannotImport(
            f"{one_line(path.name)} holds no test*.py with a class of unittest.TestCase: only "
            "autograders in Python with unittest can be imported"
        )
    students = _student_modules(tested, files)
    writer = _Writer(students, files)
    for name, module in tested.items():
        writer.add(name, module)
    answer = solution.read_text("utf-8") if solution else _solution(files, students)
    if answer is None:
        writer.notes.append(
            "the autograder holds no solution: without --solution no test could be tried, and a "
            "test that breaks is not judged"
        )
    if not writer.exercises:
        raise CannotImport(f"{one_line(path.name)} has no test that earns points (@weight)")
    return Imported(
        tool="a Gradescope autograder",
        title=path.stem.replace("_", " "),
        slug=slug_of(path.stem),
        exercises=tuple(writer.exercises),
        tests=writer.tests,
        reference=answer or "",
        answer=answer,
        notes=tuple(writer.notes),
    )


@dataclass(frozen=True)
class _Module:
    source: str
    tree: ast.Module


def _files(path: Path) -> dict[str, str]:
    """The texts of an autograder by their path; what is no text is left out."""
    found: dict[str, str] = {}
    size = 0
    for name, data in _entries(path):
        size += len(data)
        if size > _MOST_BYTES or len(found) >= _MOST_FILES:
            raise CannotImport(f"{one_line(path.name)} holds more than an autograder needs")
        try:
            found[name] = data.decode()
        except UnicodeDecodeError:
            continue
    return found


def _entries(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for one in sorted(path.rglob("*")):
            if one.is_file() and not one.is_symlink() and "__pycache__" not in one.parts:
                yield one.relative_to(path).as_posix(), one.read_bytes()
        return
    try:
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
            for entry in archive.infolist():
                if entry.file_size > _MOST_BYTES:
                    raise CannotImport(f"{one_line(entry.filename)} is too large")
                if not entry.is_dir():
                    yield entry.filename, archive.read(entry)
    except (zipfile.BadZipFile, OSError, RuntimeError) as error:
        raise CannotImport(f"{one_line(path.name)} is no zip that can be read: {error}") from None


def _parsed(name: str, source: str) -> _Module:
    try:
        return _Module(source, ast.parse(source))
    except (SyntaxError, ValueError) as error:
        raise CannotImport(f"{one_line(name)} does not parse: {error}") from None


def _classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(
            ast.unparse(base).rpartition(".")[2] == "TestCase" for base in node.bases
        ):
            yield node


def _imports(tree: ast.AST) -> Iterator[tuple[ast.Import | ast.ImportFrom, str]]:
    """Import statements with the module that each is of."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, one.name) for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node, node.module or ""


def _student_modules(tested: Mapping[str, _Module], files: Mapping[str, str]) -> set[str]:
    """The module that students hand in: imported by tests, and neither here nor installed."""
    kept = {Path(name).stem for name in files if not re.search(r"(^|/)solutions?/", name)}
    solved = {Path(name).stem for name in files} - kept
    found: set[str] = set()
    for module in tested.values():
        for _, name in _imports(module.tree):
            top = name.partition(".")[0]
            if top in sys.stdlib_module_names or top in ("gradescope_utils", "tests", ""):
                continue
            if top in solved or (top not in kept and not _is_installed(top)):
                found.add(top)
    if len(found) > 1:
        raise CannotImport(
            f"its tests import {len(found)} files of students' ({', '.join(sorted(found))}): a "
            "submission here is one file"
        )
    return found


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _solution(files: Mapping[str, str], students: set[str]) -> str | None:
    for name, text in sorted(files.items()):
        if re.search(r"(^|/)solutions?/", name) and Path(name).stem in students:
            return text
    return None


class _Writer:
    def __init__(self, students: set[str], files: Mapping[str, str]) -> None:
        self.exercises: list[ImportedExercise] = []
        self.tests: dict[str, str] = {}
        self.notes: list[str] = []
        self._students = students
        self._beside = {Path(name).stem for name in files if name.endswith(".py")}
        self._taken: set[str] = set()

    def add(self, name: str, module: _Module) -> None:
        file = f"test_{slug_of(Path(name).stem.removeprefix('test')).replace('-', '_')}.py"
        while file in self.tests:
            file = file.replace(".py", "_2.py")
        self.tests[file] = _rewritten(module, self._students)
        for one in _classes(module.tree):
            self._class(one, module, name, file)

    def _class(self, node: ast.ClassDef, module: _Module, name: str, file: str) -> None:
        checks: list[tuple[list[Any], ImportedCheck]] = []
        ids: set[str] = set()
        titles: set[str] = set()
        around = _helpers(module.tree)
        shared = [
            one
            for one in node.body
            if not (isinstance(one, ast.FunctionDef) and one.name.startswith("test"))
        ]
        for method in node.body:
            if not isinstance(method, ast.FunctionDef) or not method.name.startswith("test"):
                continue
            said = _said(method, name)
            if "leaderboard" in said:
                self.notes.append(f"{node.name}.{method.name}: there is no leaderboard")
                continue
            check = ImportedCheck(
                id=unique(slug_of(method.name.removeprefix("test")), ids),
                title=unique(_title(method, said), titles),
                points=float(said.get("partial_credit", said.get("weight", 0))),
                visibility=_VISIBILITY[said.get("visibility", "visible")],
                hints={method.name: said["hide_errors"]} if "hide_errors" in said else {},
            )
            checks.append(
                (_order(said), self._test(check, node, method, [*shared, method], around, file))
            )
            if "tags" in said:
                self.notes.append(f"{node.name}.{method.name}: its tags are left out")
        checks.sort(key=lambda one: one[0])
        if not sum(check.points for _, check in checks):
            self.notes += [f"{node.name}: “{check.title}” earns nothing" for _, check in checks]
            return
        title = one_line((ast.get_docstring(node) or node.name).splitlines()[0], 100)
        exercise = unique(slug_of(node.name), self._taken)
        self.exercises.append(ImportedExercise(exercise, title, tuple(one for _, one in checks)))

    def _test(
        self,
        check: ImportedCheck,
        node: ast.ClassDef,
        method: ast.FunctionDef,
        parts: list[ast.stmt],
        around: Mapping[str, ast.stmt],
        file: str,
    ) -> ImportedCheck:
        try:
            for name in sorted(_reached(parts, around)):
                if name in self._beside - self._students:
                    raise Untranslatable(f"it imports {name}.py of the autograder")
                if name == "check_submitted_files":
                    raise Untranslatable("it looks which files were handed in")
                refuse_blocked([name])
        except Untranslatable as why:
            return check.for_a_person(str(why))
        return replace(check, file=file, tests=(f"{node.name}::{method.name}",))


def _helpers(tree: ast.Module) -> dict[str, ast.stmt]:
    """Statements of the module by the names that they bind."""
    found: dict[str, ast.stmt] = {}
    for statement in tree.body:
        for one in uses(statement):
            if one.context in ("store", "declare"):
                found[one.name] = statement
    return found


def _reached(parts: list[ast.stmt], around: Mapping[str, ast.stmt]) -> set[str]:
    """Global names that a test uses, its helpers' among them, and modules that it imports."""
    waiting, found = list(parts), set[str]()
    while waiting:
        statement = waiting.pop()
        names = {one.name for one in uses(statement)}
        names |= {name.partition(".")[0] for _, name in _imports(statement)}
        for name in names - found:
            found.add(name)
            if name in around:
                waiting.append(around[name])
    return found


def _said(method: ast.FunctionDef, file: str) -> dict[str, Any]:
    """What the decorators of a test say, by their names."""
    said: dict[str, Any] = {}
    for one in method.decorator_list:
        if not isinstance(one, ast.Call):
            continue
        name = ast.unparse(one.func).rpartition(".")[2]
        if name not in _DECORATORS:
            continue
        try:
            given = [ast.literal_eval(arg) for arg in (*one.args, *(k.value for k in one.keywords))]
        except ValueError:
            raise CannotImport(
                f"{file}:{one.lineno}: @{name} of {method.name} takes a literal"
            ) from None
        said[name] = given[0] if given else "Test failed" if name == "hide_errors" else 0
        if name in ("weight", "partial_credit") and not (
            isinstance(said[name], int | float) and 0 <= said[name] < 1e6
        ):
            raise CannotImport(
                f"{file}:{one.lineno}: @{name} of {method.name} is no number of points"
            )
        if name == "visibility" and said[name] not in _VISIBILITY:
            raise CannotImport(f"{file}:{one.lineno}: there is no visibility {said[name]!r}")
    return said


def _title(method: ast.FunctionDef, said: Mapping[str, Any]) -> str:
    words = ast.get_docstring(method) or method.name.removeprefix("test").replace("_", " ")
    title = one_line(words.strip().splitlines()[0], 90)
    return f"{said['number']} {title}" if said.get("number") else title


def _order(said: Mapping[str, Any]) -> list[Any]:
    """By number, as Gradescope sorts; those without one last."""
    parts = re.findall(r"\d+", str(said.get("number", "")))
    return [not parts, *map(int, parts)]


def _rewritten(module: _Module, students: set[str]) -> str:
    """The module with the submission's names asked of the proxy; the rest as it was written."""
    modules: set[str] = set()
    names: dict[str, str] = {}
    spans: list[tuple[int, int, int, int, str]] = []
    for node, name in _imports(module.tree):
        top = name.partition(".")[0]
        if top in students:
            for one in node.names:
                if isinstance(node, ast.Import):
                    modules.add(one.asname or top)
                elif one.name != "*":
                    names[one.asname or one.name] = one.name
            spans.append(_span(node, "pass" if node.col_offset else ""))
        elif top == "gradescope_utils" and isinstance(node, ast.ImportFrom):
            kept = [one for one in node.names if one.name in _DECORATORS]
            text = ", ".join(ast.unparse(one) for one in kept)
            line = f"from workers.tests_runner.imported import {text}" if kept else "pass"
            spans.append(_span(node, line))
    starred = any(
        isinstance(node, ast.ImportFrom) and node.names[0].name == "*" and name in students
        for node, name in _imports(module.tree)
    )
    bound = {one.name for one in uses(module.tree) if one.context in ("store", "declare")}
    formatted = False
    for use in uses(module.tree):
        if use.node is None or use.context != "load":
            continue
        asked = "student" if use.name in modules else None
        if use.name in names:
            asked = proxied(names[use.name], "student")
        elif starred and use.name not in bound and use.name not in BUILTINS:
            asked = proxied(use.name, "student")
        if asked is not None and use.formatted:
            use.node.id = asked
            formatted = True
        elif asked is not None:
            spans.append(_span(use.node, asked))
    if formatted:  # positions within an f-string can't be relied on: the module is printed anew
        source = ast.unparse(module.tree)
        return _rewritten(_Module(source, ast.parse(source)), students)
    lines = [line.encode() for line in module.source.split("\n")]
    for first, column, last, end, text in sorted(set(spans), reverse=True):
        tail = lines[last - 1][end:]
        lines[first - 1 : last] = [lines[first - 1][:column] + text.encode() + tail]
    body = b"\n".join(lines).decode()
    head = "import pytest\n\nfrom workers.tests_runner.imported import earning\n"
    return f"{head}{body.rstrip()}\n{_FIXTURE}"


def _span(node: ast.expr | ast.stmt, text: str) -> tuple[int, int, int, int, str]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset, text
