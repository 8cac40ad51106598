"""People of a course from a CSV or XLSX file: first what it would change, then doing it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request
from fastapi.responses import Response
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from grader.errors import BadInput
from grader.services import roster
from grader.services.roster import Roster
from grader.services.tables import MOST_ROWS, Table, read_table
from grader.web.pages.forms import Form, Sheet, Typed, go, uploaded
from grader.web.pages.frame import Frame, course_frame, for_instructors
from grader.web.pages.people import ROLE_WORDS
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, RowInPath

router = for_people()

_SHOWN = 200  # changes and errors on the page; all of them are carried out
_COLUMNS = ("email", "name", "role", "team")

_rows = TypeAdapter(list[tuple[int, tuple[str, str, str, str]]])


def _readable(text: str) -> str:
    try:
        _rows.validate_json(text)
    except ValidationError:
        raise ValueError("This page is not as it was made: choose the file again.") from None
    return text


class FileForm(Form):
    """A file of people."""

    file: None = Field(None, title="CSV or XLSX file")


class ConfirmForm(Form):
    """Rows that were looked at, and the digest of what was shown."""

    rows: Annotated[str, AfterValidator(_readable)] = Field(title="Rows")
    digest: str = Field(title="Digest", max_length=64)
    left_out: int = Field(0, title="Left out", ge=0, le=MOST_ROWS)  # only to be said again


@router.get("/courses/{course_id}/people/import")
def ask_for_file(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath
) -> Response:
    """A form for a file of people; for instructors."""
    frame = for_instructors(course_frame(site, visitor.actor, course_id))
    return _ask(request, frame, Sheet(FileForm))


@router.post("/courses/{course_id}/people/import")
def preview(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    typed: Typed,
) -> Response:
    """What the file would change; nothing is yet."""
    frame = for_instructors(course_frame(site, visitor.actor, course_id))
    sheet = Sheet(FileForm)
    with sheet.refusing():
        file = uploaded(typed, "file")
        if file is None:
            raise BadInput("file: choose a file")
        planned = roster.plan_roster(site, visitor.actor, course_id, read_table(file.file))
        return _preview(request, frame, planned)
    return _ask(request, frame, sheet)


@router.post("/courses/{course_id}/people/import/confirm")
def confirm(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    typed: Typed,
) -> Response:
    """Enrol who was shown, all of them or nobody."""
    frame = for_instructors(course_frame(site, visitor.actor, course_id))
    sheet = Sheet(ConfirmForm, typed)
    with sheet.refusing():
        form = sheet.read()
        table = Table(_COLUMNS, _rows.validate_json(form.rows))
        roster.enrol_all(site, visitor.actor, course_id, table, form.digest)
        done = f"imported-{form.left_out}" if form.left_out else "imported"
        return go(f"/courses/{course_id}/people", done)
    again = Sheet(FileForm)
    again.problem = sheet.problem or next(iter(sheet.errors.values()))
    return _ask(request, frame, again)


def _ask(request: Request, frame: Frame, sheet: Sheet[FileForm]) -> Response:
    context = {"frame": frame, "tab": "people", "sheet": sheet}
    return page(request, "people/import.html", context, status=sheet.status)


def _preview(request: Request, frame: Frame, planned: Roster) -> Response:
    lines = [one.line for one in planned.changes]
    rows = [(one.row, (one.email, one.name, one.role.value, one.team or "")) for one in lines]
    context = {
        "frame": frame,
        "tab": "people",
        "planned": planned,
        "changes": planned.changes,
        "shown": _SHOWN,
        "roles": ROLE_WORDS,
        "rows": _rows.dump_json(rows).decode(),
    }
    return page(request, "people/preview.html", context)
