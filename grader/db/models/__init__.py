"""The tables, by what they are about."""

from grader.db.models.assignments import (
    Assignment,
    AssignmentVersion,
    Extension,
    Queue,
    VersionState,
)
from grader.db.models.base import Base
from grader.db.models.leased import AttemptState, Leased
from grader.db.models.people import Course, Enrolment, Person, Role, Token
from grader.db.models.work import (
    Attempt,
    AuditEntry,
    CheckOutcome,
    Node,
    Override,
    Purpose,
    Release,
    Result,
    Submission,
    Trial,
)

__all__ = [
    "Assignment",
    "AssignmentVersion",
    "Attempt",
    "AttemptState",
    "AuditEntry",
    "Base",
    "CheckOutcome",
    "Course",
    "Enrolment",
    "Extension",
    "Leased",
    "Node",
    "Override",
    "Person",
    "Purpose",
    "Queue",
    "Release",
    "Result",
    "Role",
    "Submission",
    "Token",
    "Trial",
    "VersionState",
]
