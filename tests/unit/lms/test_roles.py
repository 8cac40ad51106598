"""Roles as LMSs say them, and what each means in a course here."""

from __future__ import annotations

import pytest

from grader.lms.roles import course_role

LIS = "http://purl.imsglobal.org/vocab/lis/v2/"


@pytest.mark.parametrize(
    ("roles", "role"),
    [
        ([f"{LIS}membership#Learner"], "student"),
        ([f"{LIS}membership/Learner#NonCreditLearner"], "student"),
        (["Learner"], "student"),
        (["urn:lti:role:ims/lis/Learner"], "student"),
        ([f"{LIS}membership#Instructor"], "instructor"),
        ([f"{LIS}membership#Instructor", f"{LIS}membership#Learner"], "instructor"),
        # Canvas calls its assistants both, Moodle its non-editing teachers Instructor alone.
        (
            [f"{LIS}membership#Instructor", f"{LIS}membership/Instructor#TeachingAssistant"],
            "ta",
        ),
        (["urn:lti:role:ims/lis/TeachingAssistant"], "ta"),
        ([f"{LIS}membership/Instructor#Grader"], "ta"),
        (
            [
                f"{LIS}membership/Instructor#TeachingAssistant",
                f"{LIS}membership/Instructor#PrimaryInstructor",
            ],
            "instructor",
        ),
        # Nobody in the course, whatever they are elsewhere.
        ([], None),
        ([f"{LIS}institution/person#Instructor"], None),
        ([f"{LIS}system/person#Administrator"], None),
        (["urn:lti:sysrole:ims/lis/Administrator", "urn:lti:instrole:ims/lis/Student"], None),
        ([f"{LIS}membership#Administrator"], None),
        ([f"{LIS}membership#Manager"], None),
        ([f"{LIS}membership#ContentDeveloper"], None),
        ([f"{LIS}membership#Mentor"], None),
        ([f"{LIS}membership#Member", f"{LIS}membership#Officer"], None),
        (["https://evil.example/membership#Instructor"], None),
        ([f"{LIS}membershipx#Instructor", "#Instructor", "membership#Instructor"], None),
    ],
)
def test_a_role_means_what_it_says(roles: list[str], role: str | None) -> None:
    assert course_role(roles) == role
