"""The tables, by what they are about."""

from grader.db.models.assignments import (
    Assignment,
    AssignmentVersion,
    Extension,
    Queue,
    VersionState,
)
from grader.db.models.base import Base
from grader.db.models.delivered import Delivered, DeliveryState
from grader.db.models.leased import AttemptState, Leased
from grader.db.models.lms import (
    CanvasCourse,
    CanvasPerson,
    Context,
    Deployment,
    GradeColumn,
    Invitation,
    Passback,
    Platform,
    PlatformLogin,
    PlatformPerson,
    ResourceLink,
    SigningKey,
)
from grader.db.models.marking import (
    CellComment,
    Mark,
    MarkClaim,
    MarkItem,
    RubricItem,
    SavedComment,
)
from grader.db.models.people import BrowserSession, Course, Enrolment, Person, Role, Token
from grader.db.models.requests import RegradeRequest, RequestMessage, RequestState
from grader.db.models.similarity import Comparison, SimilarPair
from grader.db.models.webhooks import Webhook, WebhookMessage
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
    "BrowserSession",
    "CanvasCourse",
    "CanvasPerson",
    "CellComment",
    "CheckOutcome",
    "Comparison",
    "Context",
    "Course",
    "Delivered",
    "DeliveryState",
    "Deployment",
    "Enrolment",
    "Extension",
    "GradeColumn",
    "Invitation",
    "Leased",
    "Mark",
    "MarkClaim",
    "MarkItem",
    "Node",
    "Override",
    "Passback",
    "Person",
    "Platform",
    "PlatformLogin",
    "PlatformPerson",
    "Purpose",
    "Queue",
    "RegradeRequest",
    "Release",
    "RequestMessage",
    "RequestState",
    "ResourceLink",
    "Result",
    "Role",
    "RubricItem",
    "SavedComment",
    "SigningKey",
    "SimilarPair",
    "Submission",
    "Token",
    "Trial",
    "VersionState",
    "Webhook",
    "WebhookMessage",
]
