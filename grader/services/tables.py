"""Files with a table in them, CSV or XLSX, as people send them: bounded before they are read."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from grader.errors import BadInput, TooLarge
from grader.safetext import one_line, storable

MOST_ROWS = 5000

_MOST_LINES = 2 * MOST_ROWS  # empty ones among them
_MOST_BYTES = 4 << 20
_MOST_UNPACKED = 24 << 20
_MOST_BESIDE = 2 << 20
_ROWS_AND_TEXTS = ("xl/worksheets/", "xl/sharedStrings")
_MOST_COLUMNS = 300
_LONGEST_CELL = 1000
_DELIMITERS = ",;\t"
# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class Table:
    """Rows with the numbers that a spreadsheet shows beside them, all as long as `columns`."""

    columns: Sequence[str]
    rows: Sequence[tuple[int, Sequence[str]]]


@dataclass(frozen=True)
class CellError:
    """What is wrong in a file, and where; `column` is empty where it is the whole row.

    `who`: whose row it is, where the file says so.
    """

    row: int
    column: str
    words: str
    who: str = ""


def read_table(file: BinaryIO) -> Table:
    """The first sheet of an XLSX file, or a CSV file in UTF-8; the first row names the columns.

    Raises BadInput, whose words begin with the field: file.
    """
    content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise TooLarge(f"file: it is larger than {_MOST_BYTES >> 20} MiB")
    lines = _xlsx(content) if content.startswith(b"PK") else _csv(content)
    return _table(lines)


def csv_text(lines: Iterable[Sequence[str]]) -> str:
    """Lines as CSV, with nothing in them that a spreadsheet would run."""
    text = io.StringIO()
    csv.writer(text).writerows([[_harmless(cell) for cell in line] for line in lines])
    return text.getvalue()


def _harmless(cell: str) -> str:
    """The cell as text where a spreadsheet would run it as a formula; points are never negative."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell


def _table(lines: Iterator[Sequence[str]]) -> Table:
    columns = [one_line(name, 200) for name in next(lines, ())]
    while columns and not columns[-1]:
        columns.pop()
    if not columns:
        raise BadInput("file: its first row should name the columns, and it is empty")
    if len(columns) > _MOST_COLUMNS:
        raise BadInput(f"file: it has more than {_MOST_COLUMNS} columns")
    named = [name.lower() for name in columns if name]
    if twice := sorted({name for name in named if named.count(name) > 1}):
        raise BadInput(f"file: two columns are called {twice[0]}")
    rows: list[tuple[int, Sequence[str]]] = []
    for number, cells in enumerate(lines, 2):
        kept = [cell.strip() for cell in cells[: len(columns)]]
        if any(cell.strip() for cell in cells[len(columns) :]):
            words = "a comma inside a number or a name needs quotes around it"
            raise BadInput(f"file: row {number} has more cells than there are columns; {words}")
        if not any(kept):
            continue
        if len(rows) == MOST_ROWS:
            raise BadInput(f"file: it has more than {MOST_ROWS:,} rows")
        if any(len(cell) > _LONGEST_CELL or storable(cell) != cell for cell in kept):
            raise BadInput(f"file: row {number} holds more than belongs into such a table")
        rows.append((number, [*kept, *[""] * (len(columns) - len(kept))]))
    return Table(columns, rows)


def _csv(content: bytes) -> Iterator[Sequence[str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput("file: it is no text in UTF-8; save it as CSV UTF-8, or as XLSX") from None
    if "\0" in text:
        raise BadInput("file: this is neither CSV nor XLSX")
    first = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        yield from lines
    except csv.Error as error:
        words = one_line(str(error))
        raise BadInput(f"file: line {lines.line_num} cannot be read: {words}") from None


def _xlsx(content: bytes) -> Iterator[Sequence[str]]:
    # Large, and needed by few requests.
    from openpyxl import load_workbook

    _refuse_bombs(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        rows = book.worksheets[0].iter_rows(
            max_row=_MOST_LINES + 1, max_col=_MOST_COLUMNS + 1, values_only=True
        )
        for number, row in enumerate(rows, 1):
            if number > _MOST_LINES:
                raise BadInput(f"file: its sheet goes on beyond row {_MOST_LINES:,}")
            yield [_text(value) for value in row]
    except BadInput:
        raise
    except Exception as error:
        # Whatever the library meets in a file that is not what it says.
        words = one_line(str(error), 200)
        raise BadInput(f"file: this is no XLSX file that can be read: {words}") from None


def _refuse_bombs(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError):
        raise BadInput("file: this is no XLSX file that can be read") from None
    unpacked = sum(entry.file_size for entry in entries)
    # Styles and the like are read whole, each of their elements as an object.
    beside = sum(
        entry.file_size for entry in entries if not entry.filename.startswith(_ROWS_AND_TEXTS)
    )
    if unpacked > _MOST_UNPACKED or beside > _MOST_BESIDE:
        raise TooLarge(f"file: it is larger than {_MOST_UNPACKED >> 20} MiB unpacked")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return str(value)
