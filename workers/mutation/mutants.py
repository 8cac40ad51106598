"""All mutants of a submission: one small mistake each, with a name that stays the same."""

from __future__ import annotations

import ast
import dataclasses
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.domain.rubric import Cell
from grader.notebooks.names import python_source
from grader.notebooks.read import Submission
from workers.mutation.sites import Operator, Site, sites
from workers.mutation.splice import spliced
from workers.mutation.table import OPERATORS


@dataclass(frozen=True)
class Mutant:
    """A submission with one mistake.

    `name` is `<scope>/<operator>/<number>`, counted from 1 within scope and operator. `cell` is
    the place among all cells; `definition` the top-level function or class that was changed, None
    where the mistake is in the cell's own statements or words. `answers` are the checks, as
    `exercise/check`, that read what was changed, where that is words.
    """

    name: str
    operator: str
    cell: int
    definition: str | None
    source: str
    answers: frozenset[str] = frozenset()
    field: tuple[str, str] | None = None  # a form field and what it holds now, in place of a cell

    def submission(self, right: Submission) -> Submission:
        """The right submission with this mistake made."""
        if self.field is not None:
            return dataclasses.replace(
                right, answers={**right.answers, self.field[0]: self.field[1]}
            )
        cells = list(right.cells)
        cells[self.cell] = dataclasses.replace(cells[self.cell], source=self.source)
        return dataclasses.replace(right, cells=tuple(cells))

    def diff(self, right: Submission, lines: int = 1) -> str:
        """What was changed, as a unified diff with so many lines around it."""
        cell = right.cells[self.cell]
        was, now, where = cell.source, self.source, cell.name
        if self.field is not None:
            was, now, where = right.answers[self.field[0]], self.field[1], self.field[0]
        made = difflib.unified_diff(
            was.split("\n"),
            now.split("\n"),
            where,
            self.name,
            lineterm="",
            n=lines,
        )
        return "\n".join(made)


def mutants(right: Submission, operators: Mapping[str, Operator] = OPERATORS) -> tuple[Mutant, ...]:
    """Every mutant of the code; those that do not compile, and repetitions, are left out."""
    found = [
        mutant
        for at, cell in enumerate(right.cells)
        if cell.kind == "code"
        for mutant in _of_cell(at, cell, operators)
    ]
    return numbered(found)


def numbered(found: Sequence[Mutant]) -> tuple[Mutant, ...]:
    """The mutants with numbers within their scope and operator, repetitions left out."""
    seen: set[tuple[object, ...]] = set()
    counts: dict[str, int] = {}
    kept: list[Mutant] = []
    for mutant in found:
        key = (mutant.cell, mutant.source, mutant.field)
        if key in seen:
            continue
        seen.add(key)
        counts[mutant.name] = number = counts.get(mutant.name, 0) + 1
        kept.append(dataclasses.replace(mutant, name=f"{mutant.name}/{number}"))
    return tuple(kept)


def _of_cell(at: int, cell: Cell, operators: Mapping[str, Operator]) -> Iterator[Mutant]:
    plain = python_source(cell.source)
    if plain is None:
        return
    tree = ast.parse(plain)
    found = list(sites(tree))
    seen: set[str] = set()
    for name, operator in operators.items():
        for site in found:
            for new in operator(site):
                source = spliced(cell.source, tree, site.node, new)
                if source is None:
                    continue
                meaning = ast.dump(ast.parse(python_source(source) or ""))
                if meaning not in seen:
                    seen.add(meaning)
                    yield Mutant(f"{site.scope}/{name}", name, at, _definition(site), source)


def _definition(site: Site) -> str | None:
    statement = (*site.parents, site.node)[1]
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return statement.name
    return None
