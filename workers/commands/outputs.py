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
    """Write the result document, the executed notebook and the report as a person reads it.

    Raises BadInput where one of them can't be written.
    """
    text = json.dumps(document(result), ensure_ascii=False, indent=2) + "\n"
    report = report_text(document(result), submission, result.outputs)
    contents = {
        "json": text.encode(),
        "ipynb": executed_notebook(submission, result),
        "txt": report.encode(),
    }
    with _writing(stem.parent):
        stem.parent.mkdir(parents=True, exist_ok=True)
    for suffix, content in contents.items():
        path = stem.with_name(f"{stem.name}.{suffix}")
        with _writing(path):
            path.write_bytes(content)


def prepared(out: Path | None) -> Path | None:
    """The folder for reports, made where it is not there; raise BadInput where it can't be."""
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"{one_line(str(out))} cannot be made: {error.strerror}") from None
    return out


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Raise BadInput, with the name of the file, where it can't be written."""
    try:
        yield
    except BrokenPipeError:  # it is a pipe, and who read it has had enough
        raise
    except OSError as error:
        raise BadInput(f"{one_line(str(path))} cannot be written: {error.strerror}") from None


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
        with _writing(path):
            file = path.open("w", newline="", encoding="utf-8")
        try:
            yield cls(file, bundle)
        finally:
            with _writing(path):  # what could not be written is tried once more
                file.close()

    def add(self, row: Row) -> None:
        """Write one row, at once."""
        earned = [row.exercises.get(name) for name in self._exercises]
        numbers = [row.score, row.max_score, row.pending, *earned]
        self._write([_cell(row.name), row.sha256, row.status, *numbers, _cell(row.error)])

    def _write(self, cells: Sequence[object]) -> None:
        if self._file is not None:
            with _writing(Path(self._file.name)):
                csv.writer(self._file, lineterminator="\n").writerow(cells)
                self._file.flush()


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    text = one_line(text, 500)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
