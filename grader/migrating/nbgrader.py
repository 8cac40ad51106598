"""An assignment of nbgrader: source notebooks, of whichever schema of its metadata.

Graded cells become checks with the same points. A cell of tests becomes a test of ours; an answer
that a person grades stays one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from grader.migrating.model import (
    CannotImport,
    Imported,
    ImportedCheck,
    ImportedExercise,
    NotebookDocument,
    Untranslatable,
)
from grader.migrating.sources import (
    copied,
    files_below,
    function_name,
    read_notebook,
    refuse_unreadable,
    slug_of,
    some_of,
    unique,
)
from grader.migrating.surroundings import Surroundings, surroundings
from grader.migrating.testfiles import TestFile
from grader.migrating.translating import Translated, proxy_name, translated
from grader.notebooks.names import python_source
from grader.notebooks.syntax import parsed
from grader.safetext import one_line

_STUBS = {"code": "# YOUR CODE HERE\nraise NotImplementedError()", "markdown": "YOUR ANSWER HERE"}
_REGIONS = ("SOLUTION", "HIDDEN TESTS", "MARK SCHEME")
_FILE = "test_imported.py"


def read(path: Path) -> list[Imported]:
    """Every notebook of an assignment: a file, or a folder's notebooks. Raises CannotImport."""
    is_folder = path.is_dir()
    paths = sorted(path.glob("*.ipynb")) if is_folder else [path]
    if not paths:
        raise CannotImport(f"there is no notebook in {one_line(str(path))}")
    found = [_Notebook(one).imported() for one in paths]
    if not any(one.exercises for one in found):
        raise CannotImport(
            f"{one_line(path.name)} has no cell that nbgrader grades (metadata `nbgrader` with "
            "`grade` or `task`): give the source version of the assignment"
        )
    # Data and helper modules are there in every run.
    files = files_below(path, lambda inner: inner.suffix != ".ipynb") if is_folder else {}
    notes = [
        f"{one_line(one.name)} has no cell that is graded, and is left out"
        for one, imported in zip(paths, found, strict=True)
        if not imported.exercises
    ]
    beside = [] if is_folder else _beside(path)
    if beside:
        notes.append(
            f"what lies beside the notebook ({some_of(beside)}) is left out: where runs need it, "
            "import the folder instead"
        )
    graded = [one for one in found if one.exercises]
    return [replace(one, files=files, notes=(*one.notes, *notes)) for one in graded]


def _beside(path: Path) -> list[str]:
    names = sorted(one.name for one in path.absolute().parent.iterdir())
    return [name for name in names if not name.startswith((".", "__")) and ".ipynb" not in name]


@dataclass(frozen=True)
class _Cell:
    number: int
    raw: dict[str, Any]
    own: Mapping[str, Any]  # nbgrader's metadata

    @property
    def source(self) -> str:
        text: str = self.raw["source"]
        return text

    @property
    def is_code(self) -> bool:
        return bool(self.raw["cell_type"] == "code")

    @property
    def is_task(self) -> bool:
        return bool(self.own.get("task"))

    @property
    def is_solution(self) -> bool:
        return bool(self.own.get("solution"))

    @property
    def is_grade(self) -> bool:
        return bool(self.own.get("grade"))

    @property
    def is_test(self) -> bool:
        return self.is_grade and not self.is_solution and self.is_code

    @property
    def is_locked(self) -> bool:
        return not self.is_solution and (self.is_grade or bool(self.own.get("locked")))


@dataclass
class _Notebook:
    path: Path
    document: NotebookDocument = field(init=False)
    cells: list[_Cell] = field(init=False)
    around: Surroundings = field(init=False)
    tests: TestFile = field(default_factory=TestFile)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.document = read_notebook(self.path)
        self.cells = [
            _Cell(
                number, raw, own if isinstance(own := raw["metadata"].get("nbgrader"), dict) else {}
            )
            for number, raw in enumerate(self.document["cells"], 1)
        ]
        self.around = surroundings(
            (_without_markers(one.source, "HIDDEN TESTS"), one.is_locked)
            for one in self.cells
            if one.is_code
        )

    def imported(self) -> Imported:
        exercises, taken, functions = [], set[str](), set[str]()
        for cell in self.cells:
            if cell.is_grade or cell.is_task:
                exercises.append(self._exercise(cell, taken, functions))
        answer = copied(self.document, [self._answered(one) for one in self.cells])
        starter = copied(self.document, [self._begun(one) for one in self.cells])
        refuse_unreadable(answer, self.path.name)
        return Imported(
            tool="nbgrader",
            title=self._title(),
            slug=slug_of(self.path.stem),
            exercises=tuple(exercises),
            tests={_FILE: self.tests.text()} if self.tests.functions else {},
            reference="\n\n\n".join(self._reference()),
            starter=starter,
            answer=answer,
            notes=tuple(self.notes),
        )

    def _title(self) -> str:
        for cell in self.cells:
            found = re.match(r"#\s+(.+)", cell.source) if not cell.is_code else None
            if found:
                return one_line(found[1].strip(), 100)
        return self.path.stem

    def _exercise(self, cell: _Cell, taken: set[str], functions: set[str]) -> ImportedExercise:
        name = self._id_of(cell)
        points = self._points(cell)
        exercise = unique(slug_of(name), taken)
        check = ImportedCheck(
            id="points", title=self._words(cell, name), points=points, answer=name
        )
        if cell.is_test:
            check = self._test(cell, replace(check, look=name, answer=""), functions)
        if "BEGIN MARK SCHEME" in cell.source:
            self.notes.append(f"{check.title}: its mark scheme stands in the model answer")
        return ImportedExercise(exercise, check.title, (check,))

    def _id_of(self, cell: _Cell) -> str:
        name = cell.own.get("grade_id")
        if not isinstance(name, str) or not re.fullmatch(r"[\w-]{1,100}", name):
            raise CannotImport(
                f"{self.path.name}: cell {cell.number} is graded and has no grade_id"
            )
        if sum(one.own.get("grade_id") == name for one in self.cells) > 1:
            raise CannotImport(f"{self.path.name}: the grade_id {name} stands twice")
        return name

    def _points(self, cell: _Cell) -> float:
        points = cell.own.get("points")
        if isinstance(points, bool) or not isinstance(points, int | float) or not 0 <= points < 1e6:
            raise CannotImport(f"{self.path.name}: cell {cell.number} is graded and has no points")
        return float(points)

    def _words(self, cell: _Cell, name: str) -> str:
        """A test's docstring as students have it, or the cell's id."""
        tree = parsed(python_source(self._begun(cell)["source"]) or "") if cell.is_test else None
        words = ast.get_docstring(tree) if tree else None
        return one_line(words.strip().splitlines()[0], 100) if words and words.strip() else name

    def _test(self, cell: _Cell, check: ImportedCheck, functions: set[str]) -> ImportedCheck:
        source = _without_markers(cell.source, "HIDDEN TESTS")
        hidden = source != cell.source
        if "AUTOTEST" in cell.source:
            return check.for_a_person("nbgrader makes its tests (### AUTOTEST) when it is released")
        try:
            proxy = proxy_name(source)
            code, earns = _crediting(source, check.points)
            found = translated(code, self.around, proxy, frozenset({"earn"}))
        except Untranslatable as why:
            return check.for_a_person(str(why))
        name = function_name(check.look, functions)
        self._add(name, check.title, found, proxy, earns)
        check = replace(check, file=_FILE, tests=(name,))
        return replace(check, visibility="after_due") if hidden else check

    def _add(self, name: str, title: str, found: Translated, proxy: str, earns: bool) -> None:
        self.tests.add(name, title, found.body, found.imports, proxy=proxy, earns=earns)

    def _answered(self, cell: _Cell) -> dict[str, Any]:
        """The cell in the model answer: without the lines that only mark regions.

        Tests are there as students have them: what is hidden would be tried out as their code.
        """
        if cell.is_test:
            return self._begun(cell)
        source = cell.source
        for words in _REGIONS:
            source = _without_markers(source, words)
        return {**cell.raw, "source": source}

    def _begun(self, cell: _Cell) -> dict[str, Any]:
        """The cell in the starter: without what nbgrader takes out of any cell when it releases."""
        source, replaced = self._cleared(cell, "SOLUTION", _STUBS.get(cell.raw["cell_type"], ""))
        if cell.is_solution and not replaced:
            source = _STUBS.get(cell.raw["cell_type"], "")
        for words in ("HIDDEN TESTS", "MARK SCHEME"):
            source, _ = self._cleared(cell, words, None, source)
        return {**cell.raw, "source": source}

    def _cleared(
        self, cell: _Cell, words: str, stub: str | None, source: str | None = None
    ) -> tuple[str, bool]:
        kept: list[str] = []
        inside = replaced = False
        for line in (cell.source if source is None else source).split("\n"):
            if f"BEGIN {words}" in line:
                if inside:
                    raise CannotImport(f"{self.path.name}: cell {cell.number} nests BEGIN {words}")
                inside = replaced = True
                indent = line[: len(line) - len(line.lstrip())]
                kept += [indent + one for one in stub.split("\n")] if stub is not None else []
            elif f"END {words}" in line:
                inside = False
            elif not inside:
                kept.append(line)
        if inside:
            raise CannotImport(
                f"{self.path.name}: cell {cell.number} has BEGIN {words} and no END {words}"
            )
        return "\n".join(kept), replaced

    def _reference(self) -> Iterator[str]:
        """The code of the solution, without the tests."""
        for cell in self.cells:
            if not cell.is_code or cell.is_test:
                continue
            source = python_source(self._answered(cell)["source"])
            if source is None:
                self.notes.append(f"cell {cell.number} does not parse, and is not in the reference")
            elif source.strip():
                yield source


def _without_markers(source: str, words: str) -> str:
    """The source without the lines that begin and end regions."""
    signs = (f"BEGIN {words}", f"END {words}")
    lines = source.split("\n")
    return "\n".join(line for line in lines if not any(sign in line for sign in signs))


def _crediting(source: str, points: float) -> tuple[str, bool]:
    """The code with the value of its last expression given to `credit`, as nbgrader reads it."""
    tree = parsed(source)
    last = tree.body[-1] if tree and tree.body else None
    if not isinstance(last, ast.Expr) or isinstance(last.value, ast.Constant) or not points:
        return source, False
    lines = source.split("\n")
    assert last.end_lineno is not None
    assert last.end_col_offset is not None
    after = lines[last.end_lineno - 1].encode()[last.end_col_offset :].decode()
    if after.strip().startswith(";"):
        return source, False
    expression = ast.get_source_segment(source, last.value)
    before = [
        *lines[: last.lineno - 1],
        lines[last.lineno - 1].encode()[: last.col_offset].decode(),
    ]
    head = "\n".join(before)
    return f"{head}credit({expression}, {points!r}, earn)", True
