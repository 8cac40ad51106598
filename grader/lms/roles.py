"""Roles as an LMS says them, and what each means here.

Only what somebody is in the course counts; who runs the LMS or works at the institution is nobody
in a course for that. Of several roles the one that may do most holds, but for one: who teaches as
an assistant is called an instructor as well, and is an assistant.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

CourseRole = Literal["student", "ta", "instructor"]

_MEMBERSHIP = "membership"
_ASSISTANTS = frozenset(
    {
        "TeachingAssistant",
        "TeachingAssistantGroup",
        "TeachingAssistantOffering",
        "TeachingAssistantSection",
        "TeachingAssistantSectionAssociation",
        "TeachingAssistantTemplate",
        "Grader",
    }
)
# Said of somebody who is not called so for being an assistant.
_SURELY = frozenset({"PrimaryInstructor", "Lecturer", "SecondaryInstructor"})


def course_role(roles: Iterable[str]) -> CourseRole | None:
    """What somebody with these roles is in the course here; None where they are nobody in it.

    Administrators of a course, its managers, content developers, mentors, members and officers have
    no role by that alone: they would see everybody's work, or be graded.
    """
    principals, detailed = set(), set()
    for role in roles:
        principal, detail = _parts(role)
        if principal is not None:
            principals.add(principal)
            if detail is not None:
                detailed.add(detail)
    if "TeachingAssistant" in principals or detailed & _ASSISTANTS:
        return "instructor" if detailed & _SURELY else "ta"
    if "Instructor" in principals:
        return "instructor"
    return "student" if principals & {"Learner", "Student"} else None


def _parts(role: str) -> tuple[str | None, str | None]:
    """The main role in a course and the more exact one below it, of every spelling there is:

    `…/lis/v2/membership#Instructor`, `…/lis/v2/membership/Instructor#Grader`, `Instructor`, and
    those of LTI 1.1, `urn:lti:role:ims/lis/Instructor/Grader`.
    """
    if role.startswith("urn:lti:role:ims/lis/"):
        principal, _, detail = role.removeprefix("urn:lti:role:ims/lis/").partition("/")
        return principal, detail or None
    if "#" not in role:
        return (role, None) if role.isalpha() else (None, None)
    vocabulary, _, last = role.partition("#")
    if not vocabulary.startswith("http://purl.imsglobal.org/vocab/lis/v2/"):
        return None, None
    place = vocabulary.removeprefix("http://purl.imsglobal.org/vocab/lis/v2/").split("/")
    if place[0] != _MEMBERSHIP:
        return None, None
    return (place[1], last) if len(place) > 1 else (last, None)
