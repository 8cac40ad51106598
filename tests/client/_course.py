"""A course from nothing to released grades, as somebody writes it with the generated client.

It is checked by mypy as strictly as can be, and run against an application that is served.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import TypeVar

from chainrule_client import AuthenticatedClient, Client
from chainrule_client.api.assignments import list_assignments
from chainrule_client.api.attempts import get_attempt, watch_attempt
from chainrule_client.api.courses import create_course, enrol, list_courses
from chainrule_client.api.grades import (
    get_gradebook,
    get_gradebook_csv,
    get_own_grade,
    release_grades,
)
from chainrule_client.api.people import get_me, sign_in
from chainrule_client.api.results import get_notebook, get_report, get_result
from chainrule_client.api.submissions import get_submission, get_submission_file, submit
from chainrule_client.models import (
    AttemptStage,
    CourseBody,
    EnrolmentBody,
    GradeState,
    Outcome,
    Problem,
    ReceiptView,
    ResultDocument,
    Role,
    SignIn,
    SubmitBody,
    WhoseBody,
)
from chainrule_client.types import File

T = TypeVar("T")


def answered(found: T | Problem | None) -> T:
    """What was asked for; a problem is an error."""
    assert found is not None
    assert not isinstance(found, Problem), found.detail
    return found


def signed_in(server: str, email: str, password: str) -> AuthenticatedClient:
    """Somebody with a password, and the token that they get for it."""
    body = SignIn(email=email, password=password)
    with Client(base_url=server) as nobody:
        issued = answered(sign_in.sync(client=nobody, body=body))
    return AuthenticatedClient(base_url=server, token=issued.secret)


def make_course(admin: AuthenticatedClient, slug: str, email: str) -> int:
    """A course with an instructor; its id."""
    made = answered(create_course.sync(client=admin, body=CourseBody(slug=slug, title="Made")))
    somebody = EnrolmentBody(email=email, name="Ines", role=Role.INSTRUCTOR)
    enrolled = answered(enrol.sync(made.id, client=admin, body=somebody))
    assert enrolled.role is Role.INSTRUCTOR
    return made.id


def hand_in(student: AuthenticatedClient, slug: str, content: bytes) -> ReceiptView:
    """A file for the assignment of that name; twice under one key, which is one submission."""
    assert answered(get_me.sync(client=student)).email
    (course,) = answered(list_courses.sync(client=student)).items
    found = answered(list_assignments.sync(course.id, client=student)).items
    (number,) = (one.id for one in found if one.slug == slug)

    def sent() -> ReceiptView:
        body = SubmitBody(file=File(payload=BytesIO(content), file_name="a0.ipynb"))
        return answered(submit.sync(number, client=student, body=body, idempotency_key="once"))

    receipt = sent()
    assert sent() == receipt
    assert answered(get_submission.sync(receipt.id, client=student)).sha256 == receipt.sha256
    return receipt


def follow(student: AuthenticatedClient, receipt: ReceiptView, judge: Callable[[], None]) -> None:
    """Until it is judged."""
    before = answered(get_attempt.sync(receipt.attempt_id, client=student))
    assert before.news.stage is AttemptStage.QUEUED
    judge()
    events = watch_attempt.sync(receipt.attempt_id, client=student)
    assert isinstance(events, str)
    assert "event: news" in events
    after = answered(get_attempt.sync(receipt.attempt_id, client=student))
    assert after.news.stage is AttemptStage.DONE


def read(student: AuthenticatedClient, receipt: ReceiptView, content: bytes) -> ResultDocument:
    """What came out, in every form that there is."""
    document = answered(get_result.sync(receipt.id, client=student))
    assert document.exercises[0].outcome is Outcome.PASSED
    report = answered(get_report.sync(receipt.id, client=student))
    assert "4 of 4 points" in report
    file = answered(get_submission_file.sync(receipt.id, client=student))
    assert file.payload.read() == content
    notebook = answered(get_notebook.sync(receipt.id, client=student))
    assert b"nbformat" in notebook.payload.read()
    return document


def release(staff: AuthenticatedClient, course_id: int, assignment_id: int) -> float:
    """Everybody's grade, released; the points of the first of them in the gradebook."""
    done = answered(release_grades.sync(assignment_id, client=staff, body=WhoseBody()))
    assert len(done.released) == 1
    book = answered(get_gradebook.sync(course_id, client=staff))
    points = [cell.released for row in book.items for cell in row.grades if cell.released]
    table = answered(get_gradebook_csv.sync(course_id, client=staff))
    assert table.startswith("\ufeff") or "," in table
    return points[0]


def own_points(student: AuthenticatedClient, assignment_id: int) -> float:
    """What one has oneself, released."""
    own = answered(get_own_grade.sync(assignment_id, client=student))
    assert own.automatic.state is GradeState.COMPLETE
    assert own.released is not None
    return own.released.score


def refusal(client: AuthenticatedClient, course_id: int) -> Problem:
    """What somebody is told who may not do this."""
    found = get_gradebook.sync(course_id, client=client)
    assert isinstance(found, Problem)
    return found
