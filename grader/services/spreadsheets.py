"""The gradebook as an XLSX file, written row by row: in the same memory however long it is."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, Any

from grader.db.grades import Live
from grader.services.access import Actor
from grader.services.gradebook import all_rows, columns, header, line
from grader.services.site import Site

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_PIECE = 1 << 16
_WIDTHS = {"A": 10, "B": 28, "C": 32, "D": 14}
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def gradebook_xlsx(site: Site, actor: Actor, course_id: int) -> Iterator[bytes]:
    """The whole gradebook, piece by piece. What is refused is refused at once."""
    lives = columns(site, actor, course_id)
    return _pieces(site, course_id, lives)


def _pieces(site: Site, course_id: int, lives: Sequence[Live]) -> Iterator[bytes]:
    with tempfile.TemporaryFile(prefix="chainrule-gradebook-") as file:
        _write(site, course_id, lives, file)
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece


def _write(site: Site, course_id: int, lives: Sequence[Live], file: IO[bytes]) -> None:
    # Large, and needed by few requests.
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet("Gradebook")
    sheet.freeze_panes = "C2"
    for column, width in _WIDTHS.items():
        sheet.column_dimensions[column].width = width

    def cell(value: str | float | None) -> Any:
        if not isinstance(value, str):
            return value
        made = WriteOnlyCell(sheet, _NO_XML.sub("\ufffd", value))
        made.data_type = "s"  # a text that begins as a formula does is a text
        made.quotePrefix = True  # and stays one for whoever edits it
        return made

    def heading(name: str) -> Any:
        made = cell(name)
        made.font = Font(bold=True)
        return made

    sheet.append([heading(name) for name in header(lives)])
    for rows in all_rows(site, course_id, lives):
        for row in rows:
            sheet.append([cell(value) for value in line(row)])
    book.save(file)
