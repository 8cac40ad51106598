"""The files that grading reads from a folder and writes: submissions, reports, the score table."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TextIO

from grader.domain.results import Result
from grader.domain.rubric import Bundle
from grader.errors import BadInput
from grader.notebooks.read import Submission
from grader.notebooks.write import executed_notebook
from grader.report import report_text
from grader.resultdoc import document
from grader.safetext import one_line

if TYPE_CHECKING:
    from workers.commands.rows import Row

_SUFFIXES = (".ipynb", ".py")


def submissions_in(folder: Path, leave_out: Path | None = None) -> list[str]:
    """The paths, relative to `folder`, of all notebooks and Python files below it, sorted.

    Hidden files and folders are skipped, with them Jupyter's checkpoints, and so is `leave_out`,
    into which reports are written.
    """
    return sorted(_found(folder, leave_out.resolve() if leave_out else None))


def _found(folder: Path, leave_out: Path | None) -> Iterator[str]:
    for here, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and Path(here, name).resolve() != leave_out
        ]
        for name in files:
            path = Path(here, name)
            if name.lower().endswith(_SUFFIXES) and not name.startswith("."):
                yield path.relative_to(folder).as_posix()


def report_stems(names: Sequence[str], out: Path) -> list[Path]:
    """Where each submission's reports go: its name below `out`, without the suffix.

    Where two names differ in nothing but the suffix, it stays: `hw-ipynb` and `hw-py`.
    """
    bare = [str(PurePosixPath(name).with_suffix("")) for name in names]
    times = Counter(bare)
    return [
        out / (stem if times[stem] == 1 else stem + PurePosixPath(name).suffix.replace(".", "-"))
        for stem, name in zip(bare, names, strict=True)
    ]


def write_reports(stem: Path, result: Result, submission: Submission) -> None:
    """Write the result document, the executed notebook and the report as a person reads it."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document(result), ensure_ascii=False, indent=2) + "\n"
    stem.with_name(f"{stem.name}.json").write_text(text, "utf-8")
    notebook = executed_notebook(submission, result)
    stem.with_name(f"{stem.name}.ipynb").write_bytes(notebook)
    report = report_text(document(result), submission, result.outputs)
    stem.with_name(f"{stem.name}.txt").write_text(report, "utf-8")


def prepared(out: Path | None) -> Path | None:
    """The folder for reports, made where it is not there; raise BadInput where it can't be."""
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"{one_line(str(out))} cannot be made: {error.strerror}") from None
    return out


class ScoreTable:
    """The CSV file: one row for each submission, written as they come."""

    def __init__(self, file: TextIO | None, bundle: Bundle) -> None:
        self._file = file
        self._exercises = [exercise.id for exercise in bundle.rubric.exercises]
        head = ["name", "sha256", "status", "score", "max_score", "pending"]
        self._write([*head, *self._exercises, "error"])

    @classmethod
    @contextmanager
    def opened(cls, path: Path | None, bundle: Bundle) -> Iterator[ScoreTable]:
        """A table in a new file, or, without a path, one that is kept nowhere.

        Raises BadInput where the file can't be written.
        """
        if path is None:
            yield cls(None, bundle)
            return
        try:
            file = path.open("w", newline="", encoding="utf-8")
        except OSError as error:
            raise BadInput(f"{one_line(str(path))} cannot be written: {error.strerror}") from None
        with file:
            yield cls(file, bundle)

    def add(self, row: Row) -> None:
        """Write one row, at once."""
        earned = [row.exercises.get(name) for name in self._exercises]
        numbers = [row.score, row.max_score, row.pending, *earned]
        self._write([_cell(row.name), row.sha256, row.status, *numbers, _cell(row.error)])

    def _write(self, cells: Sequence[object]) -> None:
        if self._file is not None:
            csv.writer(self._file, lineterminator="\n").writerow(cells)
            self._file.flush()


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    text = one_line(text, 500)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
