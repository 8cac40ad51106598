"""What students begin with, to tell it from what they wrote."""

from __future__ import annotations

from grader.domain.rubric import Bundle, Cell
from grader.notebooks.read import read_submission
from grader.safetext import one_line


def starter_cells(bundle: Bundle) -> tuple[Cell, ...] | None:
    """The cells of the starter; None where there is no starter. Raises NotASubmission."""
    path = bundle.folder / "starter.ipynb"
    return read_submission(path, one_line(path.name)).cells if path.is_file() else None
