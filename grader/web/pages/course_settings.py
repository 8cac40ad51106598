"""New courses, and what a course is called and where its clocks are."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response
from pydantic import Field

from grader.services import courses
from grader.services.access import permit_admin
from grader.services.courses import zones
from grader.web.pages.forms import Form, Plain, Sheet, Slug, Typed, go, what_is_done
from grader.web.pages.frame import course_frame, for_instructors
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, RowInPath

router = for_people()

_DONE = {"saved": "Saved."}


class CourseForm(Form):
    """A course."""

    title: Plain = Field(title="Title", max_length=200)
    timezone: str = Field(title="Time zone", max_length=64)


class NewCourseForm(CourseForm):
    """A course to be made."""

    slug: Slug = Field(title="Short name")


# Before /courses/{course_id}, which would take "new" for a course.
@router.get("/courses/new")
def ask_for_course(request: Request, visitor: CurrentVisitor) -> Response:
    """A form for a new course; for admins."""
    permit_admin(visitor.actor)
    return _new(request, Sheet(NewCourseForm, {"timezone": "UTC"}))


@router.post("/courses/new")
def create_course(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, typed: Typed
) -> Response:
    """A new course, without anybody in it."""
    permit_admin(visitor.actor)
    sheet = Sheet(NewCourseForm, typed)
    with sheet.refusing():
        form = sheet.read()
        made = courses.create_course(site, visitor.actor, **form.model_dump())
        return go(f"/courses/{made.id}/people")
    return _new(request, sheet)


@router.get("/courses/{course_id}/settings")
def ask_for_settings(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath
) -> Response:
    """A course's title and time zone; for instructors."""
    course = for_instructors(course_frame(site, visitor.actor, course_id)).course
    sheet = Sheet(CourseForm, {"title": course.title, "timezone": course.timezone})
    return _settings(request, site, visitor, course_id, sheet)


@router.post("/courses/{course_id}/settings")
def change_course(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    typed: Typed,
) -> Response:
    """Another title or time zone."""
    sheet = Sheet(CourseForm, typed)
    with sheet.refusing():
        courses.update_course(site, visitor.actor, course_id, **sheet.read().model_dump())
        return go(f"/courses/{course_id}/settings", "saved")
    return _settings(request, site, visitor, course_id, sheet)


def _choices(chosen: object) -> list[str]:
    """The zones of places, and the one that is chosen whatever it is called."""
    return [one for one in zones() if "/" in one or one in ("UTC", chosen)]


def _new(request: Request, sheet: Sheet[NewCourseForm]) -> Response:
    context = {"sheet": sheet, "zones": _choices(sheet.values["timezone"])}
    return page(request, "settings/new_course.html", context, status=sheet.status)


def _settings(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: int,
    sheet: Sheet[CourseForm],
) -> Response:
    context = {
        "frame": for_instructors(course_frame(site, visitor.actor, course_id)),
        "tab": "settings",
        "sheet": sheet,
        "zones": _choices(sheet.values["timezone"]),
        "done": what_is_done(request, _DONE),
    }
    return page(request, "settings/course.html", context, status=sheet.status)
