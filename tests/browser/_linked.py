"""An LMS and courses of it, one linked and one about to be, as rows."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

from grader.db.models import (
    Assignment,
    CanvasCourse,
    Context,
    DeliveryState,
    Deployment,
    GradeColumn,
    Invitation,
    Launch,
    Passback,
    Platform,
    PlatformPerson,
    ResourceLink,
    SigningKey,
    Submission,
    Trouble,
)
from grader.db.session import Session
from grader.lms.keys import new_key
from grader.lms.messages import Message

_FAR = datetime(2100, 1, 1, tzinfo=UTC)


def linked(
    session: Session, course_id: int, assignment_id: int, teacher_id: int, name: str, title: str
) -> dict[str, int]:
    """The ids by which pages name the platform, and the launch of the course that waits."""
    mark = f"{course_id}"
    platform = Platform(
        name=name[:200],
        product="moodle",
        issuer=f"https://moodle-{mark}.example",
        client_id=name[:255],
        login_url="https://moodle.example/mod/lti/auth.php",
        token_url="https://moodle.example/mod/lti/token.php",
        jwks_url="https://moodle.example/mod/lti/certs.php",
        author_id=teacher_id,
    )
    session.add(platform)
    session.flush()
    deployment = Deployment(platform_id=platform.id, deployment_id=name[:255])
    # A real one: the installation signs with it from now on, also for other tests.
    key = SigningKey(kid=f"key-{mark}", private_pem=new_key().private_pem)
    session.add_all([deployment, key])
    session.flush()
    context = Context(
        deployment_id=deployment.id,
        context_id="7",
        title=title[:200],
        course_id=course_id,
        memberships_url="https://moodle.example/members",
        sync_failure=title[:2000],
        linked_by=teacher_id,
    )
    subject = f"teacher-{mark}"
    launch = Launch(
        deployment_id=deployment.id,
        person_id=teacher_id,
        message=asdict(_message(subject, title)),
        ticket_hash=mark.zfill(64),
        expires_at=_FAR,
    )
    session.add_all([context, launch])
    session.add(PlatformPerson(issuer=platform.issuer, subject=subject, person_id=teacher_id))
    under_way = {"expires_at": _FAR, "used_at": datetime(2026, 9, 1, tzinfo=UTC)}
    session.add(Invitation(hash=f"i{mark}".zfill(64), author_id=teacher_id, **under_way))
    session.flush()
    session.add(ResourceLink(context_id=context.id, link_id="1", assignment_id=assignment_id))
    return {"platform_id": platform.id, "launch_id": launch.id}


def in_canvas(
    session: Session, assignment: Assignment, submission: Submission, author_id: int, text: str
) -> int:
    """A course of Canvas to which a grade could not go, with that text wherever somebody else may
    write; the link's id."""
    made = CanvasCourse(
        course_id=assignment.course_id,
        base_url="https://127.0.0.1:9",  # within a private network: nobody is asked
        canvas_id="7",
        title=text[:200],
        token="not a token",
        author_id=author_id,
    )
    session.add(made)
    session.flush()
    column = GradeColumn(
        assignment_id=assignment.id,
        canvas_course_id=made.id,
        address="100",
        title=text[:200],
        max_score=20.0,
    )
    session.add(column)
    session.flush()
    session.add(
        Passback(
            column_id=column.id,
            person_id=submission.person_id,
            submission_id=submission.id,
            score=10.0,
            max_score=20.0,
            state=DeliveryState.STUCK,
            trouble=Trouble.REFUSED,
            failure=text[:2000],
            note=text[:200],
            tries=1,
        )
    )
    return made.id


def _message(subject: str, title: str) -> Message:
    return Message(
        kind="LtiResourceLinkRequest",
        deployment_id="1",
        target="https://chainrule.example/lti/launch",
        subject=subject,
        name="Ines",
        email=None,
        role="instructor",
        context_id="8",
        context_title=title[:200],
        link_id="2",
        link_title=title[:200],
        assignment=None,
        memberships_url=None,
        line_items_url=None,
        line_item_url=None,
        grade_scopes=(),
        product="moodle",
        picking=None,
    )
