"""The gradebook: the matrix of students and assignments, its exports, and grades from a file."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from grader.errors import BadInput
from grader.services import gradebook, manualgrades, spreadsheets
from grader.services.manualgrades import GradePlan, Wanted
from grader.services.tables import read_table
from grader.web.files import download
from grader.web.pages.forms import Form, Plain, Sheet, Typed, go, uploaded, what_is_done
from grader.web.pages.frame import Frame, course_frame, for_staff
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, Cursor, RowInPath

router = for_people()

_SHOWN = 200  # changes and errors on the page; all of them are carried out
_DONE = {"imported": "The grades of the file are given."}

_wanted = TypeAdapter(list[Wanted])


def _cells(text: str) -> str:
    try:
        _wanted.validate_json(text)
    except ValidationError:
        raise ValueError("This page is not as it was made: choose the file again.") from None
    return text


class ImportForm(Form):
    """A file of grades, or what was made of it where its changes are confirmed."""

    file: None = Field(None, title="CSV or XLSX file")
    reason: Plain = Field(title="Reason", max_length=1000)


class ConfirmForm(ImportForm):
    """Changes that were looked at: all of them, and the digest of what was shown."""

    cells: Annotated[str, AfterValidator(_cells)] = Field(title="Changes")
    digest: str = Field(title="Digest", max_length=64)


@router.get("/courses/{course_id}/gradebook")
def show_gradebook(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    search: Annotated[str, Query(max_length=200)] = "",
    cursor: Cursor = None,
) -> Response:
    """A page of students with all of their grades; for staff."""
    frame = for_staff(course_frame(site, visitor.actor, course_id))
    book = gradebook.gradebook(
        site, visitor.actor, course_id, search=search.strip(), cursor=cursor, limit=50
    )
    is_whole = cursor is None and not search.strip()
    context = {
        "frame": frame,
        "tab": "gradebook",
        "book": book,
        # Who turns pages or searches has seen it, and it looks at everybody's work.
        "head": gradebook.head(site, visitor.actor, course_id) if is_whole else None,
        "search": search,
        "is_first": cursor is None,
        "done": what_is_done(request, _DONE),
    }
    return page(request, "gradebook/gradebook.html", context)


@router.get("/courses/{course_id}/gradebook.csv")
def export_csv(site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath) -> Response:
    """All of it as CSV."""
    lines = gradebook.gradebook_csv(site, visitor.actor, course_id)
    content = (line.encode() for line in lines)
    return download(f"gradebook-{course_id}.csv", content, "text/csv; charset=utf-8")


@router.get("/courses/{course_id}/gradebook.xlsx")
def export_xlsx(site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath) -> Response:
    """All of it as a spreadsheet."""
    content = spreadsheets.gradebook_xlsx(site, visitor.actor, course_id)
    return download(f"gradebook-{course_id}.xlsx", content, spreadsheets.MEDIA_TYPE)


@router.get("/courses/{course_id}/gradebook/import")
def ask_for_file(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath
) -> Response:
    """A form for a file of grades; for staff."""
    frame = for_staff(course_frame(site, visitor.actor, course_id))
    columns = gradebook.columns(site, visitor.actor, course_id)
    return _ask(request, frame, Sheet(ImportForm), columns=columns)


@router.post("/courses/{course_id}/gradebook/import")
def preview(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    typed: Typed,
) -> Response:
    """What the file would change; nothing is yet."""
    frame = for_staff(course_frame(site, visitor.actor, course_id))
    columns = gradebook.columns(site, visitor.actor, course_id)
    sheet = Sheet(ImportForm, typed)
    with sheet.refusing():
        form = sheet.read()
        file = uploaded(typed, "file")
        if file is None:
            raise BadInput("file: choose a file")
        plan = manualgrades.plan_grades(site, visitor.actor, course_id, read_table(file.file))
        return _preview(request, frame, plan, form.reason)
    return _ask(request, frame, sheet, columns=columns)


@router.post("/courses/{course_id}/gradebook/import/confirm")
def confirm(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    typed: Typed,
) -> Response:
    """Give what was shown, all of it or nothing."""
    frame = for_staff(course_frame(site, visitor.actor, course_id))
    sheet = Sheet(ConfirmForm, typed)
    with sheet.refusing():
        form = sheet.read()
        manualgrades.give_grades(
            site,
            visitor.actor,
            course_id,
            _wanted.validate_json(form.cells),
            digest=form.digest,
            reason=form.reason,
        )
        return go(f"/courses/{course_id}/gradebook", "imported")
    columns = gradebook.columns(site, visitor.actor, course_id)
    again = Sheet(ImportForm, {"reason": sheet.values["reason"]})
    again.problem = sheet.problem or next(iter(sheet.errors.values()))
    return _ask(request, frame, again, columns=columns)


def _ask(request: Request, frame: Frame, sheet: Sheet[ImportForm], *, columns: Any) -> Response:
    context = {"frame": frame, "tab": "gradebook", "sheet": sheet, "columns": columns}
    return page(request, "gradebook/import.html", context, status=sheet.status)


def _preview(request: Request, frame: Frame, plan: GradePlan, reason: str) -> Response:
    context = {
        "frame": frame,
        "tab": "gradebook",
        "plan": plan,
        "shown": _SHOWN,
        "reason": reason,
        "cells": _wanted.dump_json(plan.wanted()).decode(),
    }
    return page(request, "gradebook/preview.html", context)
