"""Grades for other systems: files that they import, and their own exports filled in."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable
from typing import Annotated

from fastapi import Request
from fastapi.responses import Response
from pydantic import AfterValidator, Field
from starlette.datastructures import FormData

from grader.errors import BadInput
from grader.services import fillingin, gradefiles
from grader.services.exportcolumns import number
from grader.services.exportedsheets import MOST_TO_READ
from grader.services.fillingin import Chosen, Filled
from grader.services.gradefiles import Absent, Lms, Reason
from grader.services.site import Site
from grader.web.files import download
from grader.web.pages.forms import Form, Sheet, Typed, sentence, uploaded
from grader.web.pages.frame import Frame, course_frame, for_staff
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, RowInPath

router = for_people()

NAMES = {
    Lms.CANVAS: "Canvas",
    Lms.MOODLE: "Moodle",
    Lms.BLACKBOARD: "Blackboard",
    Lms.BRIGHTSPACE: "Brightspace",
    Lms.GRADESCOPE: "Gradescope",
}
_SHOWN = 100
_MOST_CHOICES = 100  # columns of a file of which one may choose what becomes of them
_MOST_POINTS = 1e6


def _decodable(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError("This page is not as it was made: choose the file again.") from None
    return text


class FileForm(Form):
    """An exported gradebook."""

    file: None = Field(None, title="The LMS's own export, as CSV")


class FillForm(Form):
    """The same as it was looked at, with what is chosen of its columns, one after the other: `at`
    are their places, `goes` the assignments (0: leave it), `of` the points to get there."""

    content: Annotated[str, AfterValidator(_decodable)] = Field(title="File")
    who: int | None = Field(None, title="Students are found by")
    absent: Absent = Field(Absent.BLANK, title="Who handed in nothing")
    at: list[int] = Field(default_factory=list, title="Columns", max_length=_MOST_CHOICES)
    goes: list[int] = Field(default_factory=list, title="Takes the grades of")
    of: list[str] = Field(default_factory=list, title="Points there")
    seen: str = Field("", title="What was looked at", max_length=64)


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
        "assignments": gradefiles.what_is_released(site, visitor.actor, course_id),
        "twice": Reason.SAME_ADDRESS,
        "systems": NAMES,
        "shown": _SHOWN,
        "sentence": sentence,
    }
    return page(request, "gradebook/files.html", context)


@router.get("/courses/{course_id}/gradebook/for/{lms}.csv")
def export_for(
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    lms: Lms,
    every: bool = False,
    absent: Absent = Absent.BLANK,
) -> Response:
    """Released grades as a file that this system imports; for staff."""
    lines = gradefiles.grade_file(site, visitor.actor, course_id, lms, every=every, absent=absent)
    content = (line.encode() for line in lines)
    return download(f"grades-{course_id}-{lms}.csv", content, "text/csv; charset=utf-8")


@router.get("/courses/{course_id}/gradebook/fill")
def ask_for_export(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath
) -> Response:
    """A form for an LMS's own export; for staff."""
    frame = for_staff(course_frame(site, visitor.actor, course_id))
    return _ask(request, site, visitor, frame, Sheet(FileForm))


@router.post("/courses/{course_id}/gradebook/fill")
def preview(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    typed: Typed,
) -> Response:
    """What would be filled in, and who is not found; once more with what is chosen of columns."""
    frame = for_staff(course_frame(site, visitor.actor, course_id))
    if "content" in typed:
        return _with_choices(request, site, visitor, frame, typed, _preview)
    sheet = Sheet(FileForm)
    with sheet.refusing():
        file = uploaded(typed, "file")
        if file is None:
            raise BadInput("file: choose a file")
        content = file.file.read(MOST_TO_READ)
        filled = fillingin.fill_in(site, visitor.actor, course_id, io.BytesIO(content))
        return _preview(request, site, visitor, frame, filled, content)
    return _ask(request, site, visitor, frame, sheet)


@router.post("/courses/{course_id}/gradebook/fill/file")
def get_filled(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    typed: Typed,
) -> Response:
    """The export with released grades in it, as it was looked at; else what it would be now."""
    frame = for_staff(course_frame(site, visitor.actor, course_id))
    return _with_choices(request, site, visitor, frame, typed, _file)


# Answers with a file that is filled in, or with a page about it.
_Answer = Callable[[Request, Site, Visitor, Frame, Filled, bytes, FillForm], Response]


def _with_choices(
    request: Request, site: Site, visitor: Visitor, frame: Frame, typed: FormData, answer: _Answer
) -> Response:
    sheet = Sheet(FillForm, typed)
    course_id = frame.course.id
    content = b""
    with sheet.refusing(file="content"):
        form = sheet.read()
        content = base64.b64decode(form.content)
        filled = fillingin.fill_in(
            site,
            visitor.actor,
            course_id,
            io.BytesIO(content),
            _chosen(form),
            absent=form.absent,
        )
        return answer(request, site, visitor, frame, filled, content, form)
    problem = sheet.problem or next(iter(sheet.errors.values()))
    again = Sheet(FileForm)
    with again.refusing():
        if not content:
            raise BadInput(problem)
        filled = fillingin.fill_in(site, visitor.actor, course_id, io.BytesIO(content))
        return _preview(request, site, visitor, frame, filled, content, problem=problem)
    return _ask(request, site, visitor, frame, again)


def _chosen(form: FillForm) -> Chosen:
    if not len(form.at) == len(form.goes) == len(form.of):
        raise BadInput("content: this page is not as it was made: choose the file again")
    scales: dict[int, float] = {}
    for at, text in zip(form.at, form.of, strict=True):
        if not text.strip():
            continue
        found = number(text.strip())
        if found is None or not 0 < found < _MOST_POINTS:
            raise BadInput("of: points to get are a number above 0, as 100")
        scales[at] = found
    columns = {at: goes or None for at, goes in zip(form.at, form.goes, strict=True)}
    return Chosen(form.who, columns, scales)


def _file(
    request: Request,
    site: Site,
    visitor: Visitor,
    frame: Frame,
    filled: Filled,
    content: bytes,
    form: FillForm,
) -> Response:
    if form.seen != _digest(filled) or filled.doubled:
        problem = "The file is another one than you have looked at: look once more, then get it."
        return _preview(request, site, visitor, frame, filled, content, form, problem=problem)
    name = f"grades-{frame.course.id}-{filled.lms or 'lms'}.csv"
    return download(name, [filled.content], "text/csv")


def _digest(filled: Filled) -> str:
    return hashlib.sha256(filled.content).hexdigest()


def _ask(
    request: Request, site: Site, visitor: Visitor, frame: Frame, sheet: Sheet[FileForm]
) -> Response:
    context = {
        "frame": frame,
        "tab": "gradebook",
        "sheet": sheet,
        "assignments": gradefiles.what_is_released(site, visitor.actor, frame.course.id),
    }
    return page(request, "gradebook/fill.html", context, status=sheet.status)


def _preview(
    request: Request,
    site: Site,
    visitor: Visitor,
    frame: Frame,
    filled: Filled,
    content: bytes,
    form: FillForm | None = None,
    *,
    problem: str = "",
) -> Response:
    if filled.doubled:
        titles = ", ".join(f"“{one}”" for one in filled.doubled)
        problem = (
            f"Several columns are chosen for {titles}: the grades of an assignment go to one "
            "column. Leave the others, and look again."
        )
    # Columns that take grades first: what is cut off then is of no assignment.
    columns = sorted(filled.columns, key=lambda one: one.assignment_id is None)
    context = {
        "frame": frame,
        "tab": "gradebook",
        "filled": filled,
        "name": NAMES[filled.lms] if filled.lms else "your LMS",
        "columns": columns[:_MOST_CHOICES],
        "more_columns": len(columns[_MOST_CHOICES:]),
        "assignments": gradefiles.what_is_released(site, visitor.actor, frame.course.id),
        "with_zeros": form is not None and form.absent is Absent.ZERO,
        "shown": _SHOWN,
        "content": base64.b64encode(content).decode(),
        "seen": _digest(filled),
        "problem": problem,
        "sentence": sentence,
    }
    return page(request, "gradebook/filled.html", context, status=422 if problem else 200)
