"""Gradebooks as LMSs export them: read to the letter, and written as they came."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from grader.errors import BadInput, TooLarge
from grader.safetext import one_line, storable

_MOST_BYTES = 2 << 20
_MOST_ROWS, _MOST_COLUMNS = 10_000, 500
# Where numbers have a comma, files have semicolons. Of equals the first.
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_LOOKED_AT = 20  # lines
_ZIP = b"PK\x03\x04"  # XLSX and ODS begin so

MOST_TO_READ = _MOST_BYTES + 1  # bytes, by which too long a file is known


@dataclass(frozen=True)
class Exported:
    """The cells of a file, in lines; the first names the columns. `separated` is by what, in a
    word."""

    lines: list[list[str]]
    separated: str
    _encode: Callable[[str], bytes]
    _delimiter: str
    _ending: str

    @property
    def headings(self) -> list[str]:
        """What the columns are called."""
        return self.lines[0]

    def written(self) -> bytes:
        """The file again, as it is now."""
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self._delimiter, lineterminator=self._ending)
        writer.writerows(self.lines)
        return self._encode(text.getvalue())


def read_export(content: bytes) -> Exported:
    """The file's cells. Raises BadInput, whose words begin with: file."""
    if len(content) > _MOST_BYTES:
        raise TooLarge(f"file: it is larger than {_MOST_BYTES >> 20} MiB")
    if content.startswith(_ZIP):
        raise BadInput("file: this is a spreadsheet: export it once more, as a text file (CSV)")
    # Blackboard writes UTF-16, and calls it .xls.
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    else:
        encoding = "utf-8-sig" if content.startswith(b"\xef\xbb\xbf") else "utf-8"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        raise BadInput(
            "file: it is no text in UTF-8: export it once more, or save it as CSV UTF-8"
        ) from None
    if "\0" in text or storable(text) != text:
        raise BadInput("file: this is no CSV file")
    first = text.split("\n", 1)[0]
    try:
        delimiter = max(_DELIMITERS, key=lambda one: _fits(text, one))
        lines = []
        for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            lines.append(line)
            if len(lines) > _MOST_ROWS or len(line) > _MOST_COLUMNS:
                raise BadInput("file: it has more rows or columns than a gradebook")
    except csv.Error as error:
        raise BadInput(f"file: it cannot be read: {one_line(str(error))}") from None
    if not lines or not any(lines[0]):
        raise BadInput("file: its first row should name the columns, and it is empty")
    ending = "\r\n" if first.endswith("\r") else "\n"
    return Exported(
        lines, _DELIMITERS[delimiter], lambda some: some.encode(encoding), delimiter, ending
    )


def _fits(text: str, delimiter: str) -> tuple[int, int]:
    """How many of the first lines have as many cells as the first one, and how many these are:
    titles may have any delimiter in them."""
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    cells = [len(line) for line in islice(lines, _LOOKED_AT)]
    if not cells or cells[0] < 2:
        return 0, 0
    return cells.count(cells[0]), cells[0]
