"""New assignments, and an assignment's title, dates and rules."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import Response
from pydantic import Field

from grader.domain.policy import Counts, Unit
from grader.services import assignments
from grader.services.policies import policy_of
from grader.web.pages.forms import (
    Form,
    LocalMoment,
    Plain,
    Sheet,
    Slug,
    Typed,
    go,
    what_is_done,
)
from grader.web.pages.frame import Frame, assignment_frame, course_frame, for_instructors, for_staff
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, RowInPath

router = for_people()

_MINUTE, _HOUR = 60.0, 3600.0
_TEN_YEARS_H = 87_840
_DONE = {
    "made": "The assignment is made. Upload a version of it next: until one is published, "
    "only staff see it.",
    "saved": "Saved.",
}


class NewAssignmentForm(Form):
    """An assignment to be made."""

    title: Plain = Field(title="Title", max_length=200)
    slug: Slug = Field(title="Short name")
    opens_at: LocalMoment | None = Field(None, title="Opens")
    due_at: LocalMoment | None = Field(None, title="Due")


class SettingsForm(Form):
    """An assignment's title, dates and rules, in the units in which people think of them."""

    title: Plain = Field(title="Title", max_length=200)
    opens_at: LocalMoment | None = Field(None, title="Opens")
    due_at: LocalMoment | None = Field(None, title="Due")
    penalty: float = Field(0.0, title="Taken off, in %", ge=0, le=100)
    unit: Unit = Field("day", title="For each begun")
    cap: float = Field(100.0, title="At most, in %", ge=0, le=100)
    grace: float = Field(0.0, title="Grace, in minutes", ge=0, le=_TEN_YEARS_H * 60)
    closes_after: float | None = Field(
        None, title="Closes, in hours after the due date", ge=0, le=_TEN_YEARS_H
    )
    submissions: int | None = Field(None, title="Submissions for each student", ge=1, le=100_000)
    cooldown: float = Field(0.0, title="Minutes between two", ge=0, le=_TEN_YEARS_H * 60)
    counts: Counts = Field("best", title="What counts")


@router.get("/courses/{course_id}/assignments/new")
def ask_for_assignment(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath
) -> Response:
    """A form for a new assignment; for instructors."""
    frame = for_instructors(course_frame(site, visitor.actor, course_id))
    return _new(request, frame, Sheet(NewAssignmentForm, zone=frame.zone))


@router.post("/courses/{course_id}/assignments/new")
def create_assignment(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    typed: Typed,
) -> Response:
    """A new assignment, a draft until a version of it is published."""
    frame = for_instructors(course_frame(site, visitor.actor, course_id))
    sheet = Sheet(NewAssignmentForm, typed, zone=frame.zone)
    with sheet.refusing():
        form = sheet.read()
        made = assignments.create_assignment(site, visitor.actor, course_id, **dict(form))
        return go(f"/assignments/{made.assignment.id}/versions", "made")
    return _new(request, frame, sheet)


@router.get("/assignments/{assignment_id}/settings")
def ask_for_settings(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, assignment_id: RowInPath
) -> Response:
    """Title, dates and rules: for instructors to change, for the other staff to read."""
    frame = for_staff(assignment_frame(site, visitor.actor, assignment_id))
    sheet = Sheet(SettingsForm, _as_typed(frame), zone=frame.zone)
    return _settings(request, site, visitor, frame, sheet)


@router.post("/assignments/{assignment_id}/settings")
def change_assignment(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: RowInPath,
    typed: Typed,
) -> Response:
    """Another title, other dates or rules."""
    frame = for_instructors(assignment_frame(site, visitor.actor, assignment_id))
    sheet = Sheet(SettingsForm, typed, zone=frame.zone)
    with sheet.refusing():
        changes = _changes(sheet.read())
        assignments.change_assignment(site, visitor.actor, assignment_id, changes)
        return go(f"/assignments/{assignment_id}/settings", "saved")
    return _settings(request, site, visitor, frame, sheet)


def _new(request: Request, frame: Frame, sheet: Sheet[NewAssignmentForm]) -> Response:
    context = {"frame": frame, "tab": "overview", "sheet": sheet}
    return page(request, "settings/new_assignment.html", context, status=sheet.status)


def _settings(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    frame: Frame,
    sheet: Sheet[SettingsForm],
) -> Response:
    assert frame.assignment is not None
    seen = assignments.get_assignment(site, visitor.actor, frame.assignment.id)
    context = {
        "frame": frame,
        "tab": "settings",
        "part": "rules",
        "sheet": sheet,
        "seen": seen,
        "done": what_is_done(request, _DONE),
    }
    return page(request, "settings/assignment.html", context, status=sheet.status)


def _as_typed(frame: Frame) -> dict[str, Any]:
    """What the form shows of an assignment as it is."""
    row = frame.assignment
    assert row is not None
    policy = policy_of(row)
    late = policy.late
    return {
        "title": row.title,
        "opens_at": row.opens_at,
        "due_at": row.due_at,
        "penalty": _number(late.penalty * 100),
        "unit": late.unit,
        "cap": _number(late.cap * 100),
        "grace": _number(late.grace_s / _MINUTE),
        "closes_after": None
        if late.closes_after_s is None
        else _number(late.closes_after_s / _HOUR),
        "submissions": policy.submissions,
        "cooldown": _number(policy.cooldown_s / _MINUTE),
        "counts": policy.counts,
    }


def _changes(form: SettingsForm) -> assignments.Changes:
    late = {
        "penalty": round(form.penalty / 100, 10),
        "unit": form.unit,
        "cap": round(form.cap / 100, 10),
        "grace_s": round(form.grace * _MINUTE, 6),
        "closes_after_s": None
        if form.closes_after is None
        else round(form.closes_after * _HOUR, 6),
    }
    return {
        "title": form.title,
        "opens_at": form.opens_at,
        "due_at": form.due_at,
        "policy": {
            "late": late,
            "submissions": form.submissions,
            "cooldown_s": round(form.cooldown * _MINUTE, 6),
            "counts": form.counts,
        },
    }


def _number(value: float) -> str:
    return f"{value:.10g}"
