"""Reading a submission: a notebook or a Python file, as handed in by anybody."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grader.domain.results import SubmissionInfo
from grader.domain.rubric import Cell
from grader.errors import NotASubmission
from grader.notebooks import ipynb, script
from grader.notebooks.fields import fields_of_lines, fields_of_metadata
from grader.safetext import one_line, storable

MAX_FILE_BYTES = 16 << 20  # decoding JSON takes up to thirty times as much memory
MAX_CODE_CHARS = 1 << 20  # in all code cells together
MAX_CELLS = 2000

_FORMATS = {".ipynb": "ipynb", ".py": "py"}

_DISGUISES = (
    (b"PK\x03\x04", "a zip archive; unpack it and hand in the notebook itself"),
    (b"%PDF", "a PDF; hand in the notebook, not a print of it"),
    (b"\x1f\x8b", "a gzip archive; unpack it and hand in the notebook itself"),
    (b"\x89PNG", "a picture; hand in the notebook, not a screenshot"),
    (b"\xff\xd8\xff", "a picture; hand in the notebook, not a screenshot"),
    (b"\xff\xfe", "saved as UTF-16; save it as UTF-8"),
    (b"\xfe\xff", "saved as UTF-16; save it as UTF-8"),
)


@dataclass(frozen=True)
class Submission:
    """What a student handed in: the file's name, hash and format, and its cells in order.

    `answers` are the fields of a form by their names, where it came with one.
    """

    info: SubmissionInfo
    cells: tuple[Cell, ...]
    answers: Mapping[str, str] = field(default_factory=dict)

    @property
    def code_numbers(self) -> list[int]:
        """The numbers of its code cells among all cells, from 1: by these people are told them."""
        return [number for number, cell in enumerate(self.cells, 1) if cell.kind == "code"]


def read_submission(path: Path, name: str | None = None) -> Submission:
    """Read a .ipynb or .py file; it is called `name` from then on, by default its file name.

    Raises NotASubmission naming the file, the cell where there is one, and what to do.
    """
    name = path.name if name is None else name
    try:
        if path.is_dir():
            raise NotASubmission(f"{one_line(name)} is a folder, not a file")
        if not path.exists():
            raise NotASubmission(f"{one_line(str(path))} does not exist")
        if not path.is_file():
            raise NotASubmission(f"{one_line(name)} is no regular file")
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise NotASubmission(f"{one_line(name)} cannot be read: {error.strerror}") from None
    return parse(name, data)


def parse(name: str, data: bytes) -> Submission:
    """The submission in `data`, whose format the suffix of `name` tells; see read_submission."""
    try:
        kind = _format(name)
        text = _text(data)
        if kind == "ipynb":
            document = ipynb.document_of(text)
            cells = _bounded(ipynb.cells_of(document))
            answers = fields_of_metadata(document.get("metadata"))
        else:
            text = _script(text)
            cells = _bounded(script.cells_of(text))
            answers = fields_of_lines(text)
    except NotASubmission as error:
        raise NotASubmission(f"{one_line(name)}: {error}") from None
    digest = hashlib.sha256(data).hexdigest()
    info = SubmissionInfo(name=storable(name), sha256=digest, format=kind)
    return Submission(info, cells, answers)


def refuse_empty(submission: Submission) -> None:
    """Raise NotASubmission where nothing was written in it: as Jupyter makes a new notebook.

    It can be judged as anything else, but nobody means to hand it in.
    """
    if not submission.answers and not any(cell.source.strip() for cell in submission.cells):
        raise NotASubmission(
            f"{one_line(submission.info.name)}: it is empty, no cell of it holds anything; save "
            "your work and hand that in"
        )


def _format(name: str) -> str:
    kind = _FORMATS.get(Path(name).suffix.lower())
    if kind is None:
        raise NotASubmission("only .ipynb and .py files can be graded")
    return kind


def _text(data: bytes) -> str:
    if len(data) > MAX_FILE_BYTES:
        raise NotASubmission(
            f"it is larger than {MAX_FILE_BYTES >> 20} MiB; clear its outputs and save it again"
        )
    if not data.strip():
        raise NotASubmission("it is empty; save it and hand it in again")
    for start, what in _DISGUISES:
        if data.startswith(start):
            raise NotASubmission(f"it is {what}")
    if data.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        raise NotASubmission("it is an HTML page; hand in the notebook, not an export of it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise NotASubmission(f"line {line} of it is not UTF-8; save it as UTF-8") from None


def _script(text: str) -> str:
    if text.lstrip().startswith("{") and '"nbformat"' in text:
        raise NotASubmission("it is a notebook with the suffix of a Python file; name it .ipynb")
    if len(text) > MAX_CODE_CHARS:
        raise NotASubmission(_too_much_code())
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _bounded(cells: Iterator[Cell]) -> tuple[Cell, ...]:
    """The cells, taken one by one, so that too many are never made."""
    kept: list[Cell] = []
    code = 0
    for cell in cells:
        kept.append(cell)
        code += len(cell.source) if cell.kind == "code" else 0
        if len(kept) > MAX_CELLS:
            raise NotASubmission(f"it has more than {MAX_CELLS} cells; merge or delete some")
        if code > MAX_CODE_CHARS:
            raise NotASubmission(_too_much_code())
    return tuple(kept)


def _too_much_code() -> str:
    return (
        f"it holds more than {MAX_CODE_CHARS >> 20} MiB of code; put data into a file instead of "
        "the code"
    )
