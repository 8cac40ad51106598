"""The frame around a course's pages: which course, what the visitor is in it, where they are."""

from __future__ import annotations

from dataclasses import dataclass

from grader.db.models import Assignment, Course, Role
from grader.errors import Forbidden
from grader.services.access import Actor, Right
from grader.services.assignments import get_assignment
from grader.services.courses import get_course
from grader.services.site import Site


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A course and, on its pages, an assignment, as somebody meets them."""

    course: Course
    role: Role | None
    is_staff: bool
    is_instructor: bool
    assignment: Assignment | None = None

    @property
    def zone(self) -> str:
        """The course's time zone, in which its pages say when."""
        return self.course.timezone


def course_frame(site: Site, actor: Actor, course_id: int) -> Frame:
    """The frame of a course's own pages; raises NotFound where it is none of the actor's."""
    course, role = get_course(site, actor, course_id)
    return Frame(
        course=course,
        role=role,
        is_staff=actor.may(Right.GRADE, role),
        is_instructor=actor.may(Right.MANAGE, role),
    )


def assignment_frame(site: Site, actor: Actor, assignment_id: int) -> Frame:
    """The frame of an assignment's pages; raises NotFound where the actor may not know of it."""
    assignment = get_assignment(site, actor, assignment_id).assignment
    around = course_frame(site, actor, assignment.course_id)
    return Frame(
        course=around.course,
        role=around.role,
        is_staff=around.is_staff,
        is_instructor=around.is_instructor,
        assignment=assignment,
    )


def for_staff(frame: Frame) -> Frame:
    """The frame of a page that only who grades may see; raises Forbidden for anybody else."""
    if not frame.is_staff:
        raise Forbidden("this is for the course's staff")
    return frame


def for_instructors(frame: Frame) -> Frame:
    """The frame of a page that only who manages the course may see; raises Forbidden otherwise."""
    if not frame.is_instructor:
        raise Forbidden("this is for the course's instructors")
    return frame
