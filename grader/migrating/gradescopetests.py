"""Classes of unittest as exercises, their tests as checks with what the decorators say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grader.domain.rubric import Visibility
from grader.migrating.model import CannotImport, ImportedCheck, ImportedExercise, Untranslatable
from grader.migrating.proxying import DECORATORS, asking, asks_early, imports_of
from grader.migrating.scopes import uses
from grader.migrating.sources import literal, slug_of, unique
from grader.migrating.translating import refuse_blocked, refuse_streams
from grader.safetext import one_line

VISIBILITIES: dict[str, Visibility] = {
    "visible": "visible",
    "hidden": "hidden",
    "after_due_date": "after_due",
    "after_published": "after_due",
}


@dataclass(frozen=True)
class Class:
    """A class with the tests that unittest finds in it, its bases' in the same file among them.

    `shared` are all other statements of it and of these bases.
    """

    node: ast.ClassDef
    methods: tuple[ast.FunctionDef, ...]
    shared: tuple[ast.stmt, ...]


def classes_of(tree: ast.Module) -> list[Class]:
    """The classes of unittest.TestCase in a module, in order."""
    known = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found = []
    for node in known.values():
        lineage = list(_lineage(node, known))
        if not any(_is_test_case(base) for one in lineage for base in one.bases):
            continue
        statements = [statement for one in lineage for statement in one.body]
        methods: dict[str, ast.FunctionDef] = {}
        for one in statements:
            if isinstance(one, ast.FunctionDef) and one.name.startswith("test"):
                methods.setdefault(one.name, one)
        if methods:
            shared = [one for one in statements if getattr(one, "name", "") not in methods]
            found.append(Class(node, tuple(methods.values()), tuple(shared)))
    return found


def _lineage(node: ast.ClassDef, known: Mapping[str, ast.ClassDef]) -> Iterator[ast.ClassDef]:
    """The class and its bases in this file, nearest first."""
    waiting, seen = [node], set[str]()
    while waiting:
        one = waiting.pop(0)
        if one.name not in seen:
            seen.add(one.name)
            yield one
            names = [base.id for base in one.bases if isinstance(base, ast.Name)]
            waiting += [known[name] for name in names if name in known]


def _is_test_case(base: ast.expr) -> bool:
    return ast.unparse(base).rpartition(".")[2] == "TestCase"


class TestWriter:
    """Takes one file of tests after the other.

    `students` is the module that students hand in, `beside` are the autograder's Python files.
    """

    __test__ = False  # for pytest: no test, whatever its name

    def __init__(self, students: str | None, beside: Iterable[str], visibility: Visibility) -> None:
        self.exercises: list[ImportedExercise] = []
        self.tests: dict[str, str] = {}
        self.notes: list[str] = []
        self._students = students
        self._beside = {Path(name).stem for name in beside} - {students, "__init__"}
        self._visibility = visibility
        self._taken: set[str] = set()

    def add(self, name: str, source: str, tree: ast.Module, classes: Sequence[Class]) -> None:
        """A file of the autograder, `name` its path there."""
        stem = slug_of(Path(name).stem.removeprefix("test")).replace("-", "_")
        file = f"test_{stem}.py"
        while file in self.tests:
            file = file.replace(".py", "_2.py")
        self.tests[file] = asking(source, self._students)
        module = _ModuleOfTests(name, file, tree, self._students)
        for one in classes:
            self._class(one, module)
        self.notes += [
            f"{one_line(name)}: {node.name} is left out: it is no unittest.TestCase, as far as "
            "this file tells"
            for node in tree.body
            if isinstance(node, ast.ClassDef)
            and node.name not in {one.node.name for one in classes}
            and any(_is_test(one) for one in node.body)
            and not any(node in _lineage_nodes(one.node, tree) for one in classes)
        ]

    def _class(self, one: Class, module: _ModuleOfTests) -> None:
        checks: list[tuple[list[Any], ImportedCheck]] = []
        ids: set[str] = set()
        titles: set[str] = set()
        for method in one.methods:
            said = module.said(method)
            name = f"{one.node.name}.{method.name}"
            if "leaderboard" in said:
                self.notes.append(f"{name}: there is no leaderboard")
                continue
            visibility = said.get("visibility")
            check = ImportedCheck(
                id=unique(slug_of(method.name.removeprefix("test")), ids),
                title=unique(_title(method, said), titles),
                points=float(said.get("partial_credit", said.get("weight", 0))),
                visibility=VISIBILITIES[visibility] if visibility else self._visibility,
                hints={method.name: said["hide_errors"]} if "hide_errors" in said else {},
            )
            checks.append((_order(said), self._test(check, one, method, module)))
            if "tags" in said:
                self.notes.append(f"{name}: its tags are left out")
            if visibility == "after_published":
                self.notes.append(f"{name}: students see it from the due date on")
        checks.sort(key=lambda item: item[0])
        if not sum(check.points for _, check in checks):
            self.notes += [f"{one.node.name}: “{check.title}” earns nothing" for _, check in checks]
            return
        title = one_line((ast.get_docstring(one.node) or one.node.name).splitlines()[0], 100)
        exercise = unique(slug_of(one.node.name), self._taken)
        found = tuple(check for _, check in checks)
        self.exercises.append(ImportedExercise(exercise, title, found))

    def _test(
        self, check: ImportedCheck, one: Class, method: ast.FunctionDef, module: _ModuleOfTests
    ) -> ImportedCheck:
        try:
            module.refuse_early()
            names = module.reached([*one.shared, method])
            for name in sorted(names):
                if name in self._beside:
                    raise Untranslatable(f"it imports {name}.py of the autograder")
                if name == "check_submitted_files":
                    raise Untranslatable("it looks which files were handed in")
                refuse_blocked([name])
        except Untranslatable as why:
            return check.for_a_person(str(why))
        return replace(check, file=module.file, tests=(f"{one.node.name}::{method.name}",))


def _is_test(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name.startswith("test")


def _lineage_nodes(node: ast.ClassDef, tree: ast.Module) -> list[ast.ClassDef]:
    known = {one.name: one for one in tree.body if isinstance(one, ast.ClassDef)}
    return list(_lineage(node, known))


class _ModuleOfTests:
    """A file of tests: `name` in the autograder, `file` beside the reference."""

    def __init__(self, name: str, file: str, tree: ast.Module, students: str | None) -> None:
        self.name, self.file = one_line(name), file
        self._asks_early = asks_early(tree, students)
        self._around: dict[str, ast.stmt] = {}
        for statement in tree.body:
            for use in uses(statement):
                if use.context in ("store", "declare"):
                    self._around[use.name] = statement
        self._called = {
            one.asname or one.name: one.name
            for node, _ in imports_of(tree)
            if isinstance(node, ast.ImportFrom)
            for one in node.names
            if one.name in DECORATORS
        }

    def refuse_early(self) -> None:
        """Raise Untranslatable where the file asks the submission before any test."""
        if self._asks_early:
            raise Untranslatable("its file asks the submission when it is read, before any test")

    def reached(self, parts: list[ast.stmt]) -> set[str]:
        """Global names that a test uses, its helpers' among them, and modules that it imports.

        Raises Untranslatable where one of them captures what is printed.
        """
        waiting, found = list(parts), set[str]()
        while waiting:
            statement = waiting.pop()
            refuse_streams(statement)
            names = {one.name for one in uses(statement)}
            names |= {name.partition(".")[0] for _, name in imports_of(statement)}
            for name in names - found:
                found.add(name)
                if name in self._around:
                    waiting.append(self._around[name])
        return found

    def said(self, method: ast.FunctionDef) -> dict[str, Any]:
        """What the decorators of a test say, by their names. Raises CannotImport."""
        said: dict[str, Any] = {}
        for one in method.decorator_list:
            if not isinstance(one, ast.Call):
                continue
            called = ast.unparse(one.func).rpartition(".")[2]
            name = self._called.get(called, called)
            if name not in DECORATORS:
                continue
            where = f"{self.name}:{one.lineno}"
            try:
                given = [literal(arg) for arg in (*one.args, *(k.value for k in one.keywords))]
            except ValueError:
                raise CannotImport(f"{where}: @{name} of {method.name} takes a literal") from None
            said[name] = given[0] if given else "Test failed" if name == "hide_errors" else 0
            if name in ("weight", "partial_credit") and not (
                isinstance(said[name], int | float) and 0 <= said[name] < 1e6
            ):
                raise CannotImport(f"{where}: @{name} of {method.name} is no number of points")
            if name == "visibility" and str(said[name]) not in VISIBILITIES:
                raise CannotImport(f"{where}: there is no visibility {said[name]!r}")
            if name == "hide_errors":
                said[name] = str(said[name])
        return said


def _title(method: ast.FunctionDef, said: Mapping[str, Any]) -> str:
    words = (ast.get_docstring(method) or "").strip()
    words = words or method.name.removeprefix("test").replace("_", " ")
    title = one_line(words.strip().splitlines()[0] if words.strip() else method.name, 90)
    return f"{said['number']} {title}" if said.get("number") else title


def _order(said: Mapping[str, Any]) -> list[Any]:
    """By number, as Gradescope sorts; those without one last."""
    parts = re.findall(r"\d{1,9}", str(said.get("number", "")))
    return [not parts, *map(int, parts)]
