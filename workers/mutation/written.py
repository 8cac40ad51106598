"""What of a submission a student has written: the starter's own code is no answer."""

from __future__ import annotations

import ast
from collections.abc import Callable

from grader.domain.rubric import Cell
from grader.notebooks.names import python_source
from grader.notebooks.read import Submission
from workers.mutation.mutants import Mutant


def written_by_students(answer: Submission, starter: Submission | None) -> Callable[[Mutant], bool]:
    """Whether a mutant changes something that does not stand in the starter already."""
    given = set[str]()
    for cell in starter.cells if starter else ():
        given.update(_statements(cell))
    right = [set(_statements(cell)) for cell in answer.cells]

    def is_written(mutant: Mutant) -> bool:
        changed = set(_statements(Cell(kind="code", source=mutant.source, name="")))
        return not (right[mutant.cell] - changed) <= given or not given

    return is_written


def _statements(cell: Cell) -> list[str]:
    """The cell's top-level statements as text without layout."""
    plain = python_source(cell.source) if cell.kind == "code" else None
    return [] if plain is None else [ast.unparse(one) for one in ast.parse(plain).body]
