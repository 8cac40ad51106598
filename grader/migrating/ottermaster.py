"""Otter's master notebooks: raw cells begin and end questions, solutions, prompts and tests."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from grader.migrating.model import CannotImport, NotebookDocument
from grader.migrating.otterchecks import Case, Question, amounts, one_amount
from grader.migrating.sources import copied, syntax
from grader.safetext import one_line

_BOUNDARY = re.compile(r"#\s*(BEGIN|END)\s*(QUESTION|SOLUTION|PROMPT|TESTS)\b", re.I)
_CONFIG = re.compile(r"#\s*ASSIGNMENT\s*CONFIG", re.I)
_TEST_CONFIG = re.compile(r'(?:.\s*=\s*)?""?"?\s*#\s*BEGIN\s*TEST\s*CONFIG', re.I)
_END_CONFIG = re.compile(r'""?"?\s*#\s*END\s*TEST\s*CONFIG', re.I)
_ASSIGNED = re.compile(
    r"(\s*(?:[\w.]+(?=[^\w.])(?:\[['\"]?.*['\"]?\])*(?:,\s*)?)+\s*=).* ?# ?SOLUTION"
)
_LINE = re.compile(r"(\s*).* ?# ?SOLUTION")
_BLOCK = re.compile(r"(\s*)# BEGIN SOLUTION( NO PROMPT)?")
_IGNORED = re.compile(r"(?:##\s*ignore\s*##\s*|#\s*ignore\s*)", re.I)
_SKIPPED = ("# SOLUTION NO PROMPT", "# BEGIN PROMPT", "# END PROMPT", "# SEED")
# Settings that change what is graded, or where.
_UNREAD = (
    "autograder_files",
    "config_file",
    "environment",
    "generate",
    "plugins",
    "python_version",
    "requirements",
    "seed",
    "student_files",
)
_RESPONSE = "_Type your answer here, replacing this text._"


def is_master(document: NotebookDocument) -> bool:
    """Whether a raw cell of the notebook begins a question."""
    return any(_boundary(cell) == ("BEGIN", "QUESTION") for cell in document["cells"])


def _unfenced(cell: dict[str, Any]) -> str | None:
    """The text of a structural cell: raw, or markdown that is one block fenced as `otter`."""
    lines = cell["source"].strip().split("\n")
    if cell["cell_type"] == "raw":
        return "\n".join(lines)
    if cell["cell_type"] == "markdown" and lines[0].strip() == "```otter" and len(lines) > 1:
        return "\n".join(lines[1:-1])
    return None


def _boundary(cell: dict[str, Any]) -> tuple[str, str] | None:
    text = _unfenced(cell)
    found = _BOUNDARY.match(text) if text else None
    return (found[1].upper(), found[2].upper()) if found else None


@dataclass
class Master:
    """A master notebook taken apart. Raises CannotImport."""

    name: str
    document: NotebookDocument
    title: str = ""
    questions: list[Question] = field(default_factory=list)
    answer: NotebookDocument = field(default_factory=dict)
    starter: NotebookDocument = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ok_format = True
        self._strips_everywhere = False
        self._answer: list[dict[str, Any]] = []
        self._starter: list[dict[str, Any]] = []
        self._blocks: list[str] = []
        self._question: dict[str, Any] = {}
        self._cases: list[Case] = []
        self._has_prompt = False
        for number, cell in enumerate(self.document["cells"], 1):
            self._number = number
            self._read(cell)
        if self._blocks:
            raise CannotImport(f"{self.name}: a {self._blocks[-1].lower()} has no END cell")
        if self._strips_everywhere:
            self._starter = [self._without_solutions(cell) for cell in self._starter]
        self.answer = copied(self.document, self._answer)
        self.starter = copied(self.document, self._starter)
        self.title = self.title or self.name.removesuffix(".ipynb")

    def _wrong(self, words: str) -> CannotImport:
        return CannotImport(f"{self.name}: cell {self._number}: {words}")

    def _read(self, cell: dict[str, Any]) -> None:
        if _IGNORED.match(cell["source"]):
            return
        text = _unfenced(cell)
        if text is not None and _CONFIG.match(text):
            self._configure(self._yaml(text))
            return
        boundary = _boundary(cell)
        if boundary is None:
            self._cell(cell)
        elif boundary[0] == "BEGIN":
            self._begin(boundary[1], text or "")
        else:
            self._end(boundary[1])

    def _yaml(self, text: str) -> dict[str, Any]:
        try:
            found = yaml.safe_load("\n".join(text.split("\n")[1:])) or {}
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise self._wrong(f"its settings are no YAML: {one_line(str(error), 200)}") from None
        if not isinstance(found, dict):
            raise self._wrong("its settings are no names with values")
        return found

    def _configure(self, config: dict[str, Any]) -> None:
        tests = config.get("tests")
        if isinstance(tests, dict):
            self._ok_format = bool(tests.get("ok_format", True))
        self.title = one_line(str(config.get("name") or self.title))
        self._strips_everywhere = bool(config.get("strip_solutions_from_all_cells"))
        files = config.get("files") or []
        if not isinstance(files, list) or not all(isinstance(one, str) for one in files):
            raise self._wrong("files is no list of names")
        self.files += files
        unread = [name for name in _UNREAD if config.get(name)]
        if unread:
            self.notes.append(f"settings of the assignment that are left out: {', '.join(unread)}")

    def _begin(self, block: str, text: str) -> None:
        if (block == "QUESTION") != (not self._blocks):
            where = f"inside a {self._blocks[-1].lower()}" if self._blocks else "outside a question"
            raise self._wrong(f"BEGIN {block} stands {where}")
        self._blocks.append(block)
        if block == "QUESTION":
            self._question, self._cases = self._yaml(text), []
            self._has_prompt = False
            if not isinstance(self._question.get("name"), str | int | float):
                raise self._wrong("the question has no name")
        elif block == "PROMPT":
            self._has_prompt = True

    def _end(self, block: str) -> None:
        if not self._blocks or self._blocks[-1] != block:
            raise self._wrong(f"END {block} ends what has not begun")
        self._blocks.pop()
        if block != "QUESTION":
            return
        name = str(self._question["name"])
        self._mark(self._answer, name)
        self._mark(self._starter, name)
        where = f"{self.name}: question {name}"
        points = self._question.get("points")
        if isinstance(points, dict):
            points = (one_amount(points.get("each", 1), where) or 0) * len(self._cases)
        if not self._cases and not self._question.get("manual"):
            self.notes.append(f"{one_line(name, 80)} has no tests: it is for a person")
        self.questions.append(
            Question(
                name=name,
                points=amounts(points, where),
                cases=tuple(self._cases),
                all_or_nothing=bool(self._question.get("all_or_nothing", False)),
                manual=bool(self._question.get("manual", False)),
            )
        )

    @staticmethod
    def _mark(cells: list[dict[str, Any]], name: str) -> None:
        """The last cell of a question knows its tests, as otter has it without a check cell."""
        if cells:
            last = cells[-1]
            before = last["metadata"].get("otter", {}).get("tests", [])
            metadata = {**last["metadata"], "otter": {"tests": [*before, name]}}
            cells[-1] = {**last, "metadata": metadata}

    def _cell(self, cell: dict[str, Any]) -> None:
        block = self._blocks[-1] if self._blocks else ""
        cell = {**cell, "source": self._without_ignored(cell["source"])}
        match block:
            case "TESTS":
                self._cases.append(self._case(cell))
            case "PROMPT":
                self._starter.append(cell)
            case "SOLUTION" if cell["cell_type"] == "markdown":
                self._answer.append(cell)
                if not self._has_prompt:
                    self._has_prompt = True
                    self._starter.append({**cell, "source": _RESPONSE})
            case "SOLUTION":
                self._answer.append(cell)
                self._starter.append(self._without_solutions(cell))
            case _:
                self._answer.append(cell)
                self._starter.append(cell)

    def _case(self, cell: dict[str, Any]) -> Case:
        if cell["cell_type"] != "code":
            raise self._wrong("what stands among tests is no code")
        lines = cell["source"].split("\n")
        first = lines[0].lstrip()
        hidden = first.startswith("#") and bool(re.search(r"\bhidden\b", first, re.I))
        config: dict[str, Any] = {}
        body = lines[1:] if hidden else lines
        if _TEST_CONFIG.match(lines[0]):
            end = next((at for at, line in enumerate(lines) if _END_CONFIG.match(line)), None)
            if end is None:
                raise self._wrong("BEGIN TEST CONFIG has no end")
            config, body = self._yaml("\n".join(lines[:end])), lines[end + 1 :]
        where = f"{self.name}: cell {self._number}: the test"
        tree = syntax("\n".join(body), where)
        said: dict[str, Any] = {
            "hidden": bool(config.get("hidden", hidden)),
            "points": one_amount(config.get("points"), where),
            "success": str(config.get("success_message") or ""),
            "failure": str(config.get("failure_message") or ""),
        }
        if self._ok_format:
            return Case(code=_doctest(tree, _output(cell)), **said)
        if not tree.body or not isinstance(tree.body[0], ast.FunctionDef):
            raise self._wrong("a test that raises is one function, and a call of it")
        function = tree.body[0]
        return Case(
            code="\n".join(ast.unparse(one) for one in function.body),
            arguments=tuple(one.arg for one in function.args.args),
            **said,
        )

    def _without_ignored(self, source: str) -> str:
        kept, inside = [], False
        for line in source.split("\n"):
            end = line.rstrip()
            if re.match(r"\s*#\s*BEGIN\s*IGNORE\s*", line, re.I):
                inside = True
            elif end.endswith("# END IGNORE"):
                inside = False
            elif not inside and not end.endswith("# IGNORE"):
                kept.append(line)
        return "\n".join(kept)

    def _without_solutions(self, cell: dict[str, Any]) -> dict[str, Any]:
        is_code = cell["cell_type"] == "code"
        return {**cell, "source": self._stripped(cell["source"])} if is_code else cell

    def _stripped(self, source: str) -> str:
        """The code that students begin with."""
        kept: list[str] = []
        inside = False
        for line in source.split("\n"):
            end = line.rstrip()
            if any(end.endswith(one) for one in _SKIPPED):
                continue
            if end.endswith("# END SOLUTION"):
                if not inside:
                    raise self._wrong("END SOLUTION without BEGIN SOLUTION")
                inside = False
                continue
            if inside:
                continue
            begin = _BLOCK.match(line)
            if begin:
                inside = True
                if not begin[2]:
                    kept.append(f"{begin[1]}...")
                continue
            if found := _ASSIGNED.match(line):
                line = f"{found[1]} ..."
            elif found := _LINE.match(line):
                line = f"{found[1]}..."
            kept.append(line)
        if inside:
            raise self._wrong("BEGIN SOLUTION without END SOLUTION")
        return "\n".join(kept)


def _output(cell: dict[str, Any]) -> str:
    """What the cell printed and showed when the instructor ran it."""
    found = ""
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, dict):
            data = output.get("data")
            shown = data.get("text/plain") if isinstance(data, dict) else ""
            found += _text(output.get("text"))
            found += _text(shown[:1] if isinstance(shown, list) else shown)
    return found


def _text(given: object) -> str:
    return "".join(map(str, given)) if isinstance(given, list) else str(given or "")


def _doctest(tree: ast.Module, output: str) -> str:
    """The test as otter writes it: all statements, and the output after the last of them."""
    lines: list[str] = []
    for node in tree.body:
        first, *rest = ast.unparse(node).split("\n")
        lines += [f">>> {first}", *(f"... {line}" for line in rest)]
    return "\n".join([*lines, *output.split("\n")])
