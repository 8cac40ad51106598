"""Which assignment is meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.client.answers import Assignment, clock
from grader.client.service import Service
from grader.errors import NotFound
from grader.safetext import one_line


@dataclass(frozen=True)
class Named:
    """An assignment by the name that hands in for it: course/assignment."""

    name: str
    assignment: Assignment


def assignments_of(service: Service) -> list[Named]:
    """All assignments of one's courses."""
    return [
        Named(f"{course.slug}/{one.slug}", one)
        for course in service.courses()
        for one in service.assignments(course.id)
    ]


def chosen(everything: Sequence[Named], name: str) -> Named:
    """The one of that id, of that course/assignment, or of that name where one course has it.

    Raises NotFound where it fits none, or more than one.
    """
    found = [
        one
        for one in everything
        if name in (one.name, str(one.assignment.id)) or name == one.assignment.slug
    ]
    exact = [one for one in found if name != one.assignment.slug] or found
    if len(exact) == 1:
        return exact[0]
    if found:
        names = ", ".join(one.name for one in exact)
        raise NotFound(f"{one_line(name, 80)} may be {one_line(names, 200)}: say which")
    raise NotFound(f"you have no assignment {one_line(name, 80)!r}")


def listed(everything: Sequence[Named]) -> list[str]:
    """What can be handed in for, a line for each."""
    open_ones = [one for one in everything if one.assignment.is_open]
    if not open_ones:
        return ["There is nothing to hand in for at present."]
    width = max(len(one.name) for one in open_ones)
    lines = ["You can hand in for:"]
    for one in open_ones:
        due = one.assignment.due_at
        when = "" if due is None else f"  (due {clock(due)})"
        lines.append(f"  {one.name:<{width}}  {one_line(one.assignment.title, 60)}{when}")
    return lines
