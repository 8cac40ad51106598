"""Grades for other systems: files that they import, and their own exports filled in."""

from __future__ import annotations

import base64
import io
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import AfterValidator, Field

from grader.errors import BadInput
from grader.services import fillingin, gradefiles
from grader.services.fillingin import Filled
from grader.services.gradefiles import Lms
from grader.web.files import download
from grader.web.pages.forms import Form, Sheet, Typed, sentence, uploaded
from grader.web.pages.frame import Frame, course_frame, for_staff
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor
from grader.web.security import CurrentSite, RowInPath

router = APIRouter()

NAMES = {
    Lms.CANVAS: "Canvas",
    Lms.MOODLE: "Moodle",
    Lms.BLACKBOARD: "Blackboard",
    Lms.BRIGHTSPACE: "Brightspace",
    Lms.GRADESCOPE: "Gradescope",
}
_SHOWN = 100


def _decodable(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError("This page is not as it was made: choose the file again.") from None
    return text


class FileForm(Form):
    """An exported gradebook."""

    file: None = Field(None, title="The LMS's own export, as CSV")


class ContentForm(Form):
    """The same, as it was looked at."""

    content: Annotated[str, AfterValidator(_decodable)] = Field(title="File")


@router.get("/courses/{course_id}/gradebook/files")
def show_files(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath
) -> Response:
    """The files that there are, and whom they leave out; for staff."""
    frame = for_staff(course_frame(site, visitor.actor, course_id))
    context = {
        "frame": frame,
        "tab": "gradebook",
        "known": gradefiles.who_is_known(site, visitor.actor, course_id),
        "systems": NAMES,
        "shown": _SHOWN,
        "sentence": sentence,
    }
    return page(request, "gradebook/files.html", context)


@router.get("/courses/{course_id}/gradebook/for/{lms}.csv")
def export_for(
    site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath, lms: Lms
) -> Response:
    """Released grades as a file that this system imports; for staff."""
    lines = gradefiles.grade_file(site, visitor.actor, course_id, lms)
    content = (line.encode() for line in lines)
    return download(f"grades-{course_id}-{lms}.csv", content, "text/csv; charset=utf-8")


@router.get("/courses/{course_id}/gradebook/fill")
def ask_for_export(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath
) -> Response:
    """A form for an LMS's own export; for staff."""
    frame = for_staff(course_frame(site, visitor.actor, course_id))
    return _ask(request, frame, Sheet(FileForm))


@router.post("/courses/{course_id}/gradebook/fill")
def preview(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    typed: Typed,
) -> Response:
    """What would be filled in, and who is not found."""
    frame = for_staff(course_frame(site, visitor.actor, course_id))
    sheet = Sheet(FileForm)
    with sheet.refusing():
        file = uploaded(typed, "file")
        if file is None:
            raise BadInput("file: choose a file")
        filled = fillingin.fill_in(site, visitor.actor, course_id, file.file)
        file.file.seek(0)
        return _preview(request, frame, filled, base64.b64encode(file.file.read()).decode())
    return _ask(request, frame, sheet)


@router.post("/courses/{course_id}/gradebook/fill/file")
def get_filled(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    typed: Typed,
) -> Response:
    """The export with released grades in it."""
    frame = for_staff(course_frame(site, visitor.actor, course_id))
    sheet = Sheet(ContentForm, typed)
    with sheet.refusing(file="content"):
        content = base64.b64decode(sheet.read().content)
        filled = fillingin.fill_in(site, visitor.actor, course_id, io.BytesIO(content))
        name = f"grades-{course_id}-{filled.lms}.csv"
        return download(name, [filled.content], "text/csv")
    again = Sheet(FileForm)
    again.problem = sheet.problem or next(iter(sheet.errors.values()))
    return _ask(request, frame, again)


def _ask(request: Request, frame: Frame, sheet: Sheet[FileForm]) -> Response:
    context = {"frame": frame, "tab": "gradebook", "sheet": sheet}
    return page(request, "gradebook/fill.html", context, status=sheet.status)


def _preview(request: Request, frame: Frame, filled: Filled, content: str) -> Response:
    context = {
        "frame": frame,
        "tab": "gradebook",
        "filled": filled,
        "name": NAMES[filled.lms],
        "shown": _SHOWN,
        "content": content,
    }
    return page(request, "gradebook/filled.html", context)
