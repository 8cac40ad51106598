"""Rows that tests need before they can begin."""

from __future__ import annotations

import itertools
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from grader.db import attempts
from grader.db.models import (
    Assignment,
    AssignmentVersion,
    Attempt,
    Context,
    Course,
    Deployment,
    GradeColumn,
    Person,
    Platform,
    Purpose,
    Queue,
    Submission,
)
from grader.db.types import now

_numbers = itertools.count(1)
BLOB = "0" * 64


def course(session: Session, slug: str = "dl") -> Course:
    """A course with one assignment of one version."""
    found = session.scalar(select(Course).where(Course.slug == slug))
    if found is not None:
        return found
    made = Course(slug=slug, title=slug)
    author = person(session, f"staff-{slug}")
    session.add(made)
    session.flush()
    assignment = Assignment(course_id=made.id, slug="a0", title="Assignment 0")
    session.add(assignment)
    session.flush()
    session.add(
        AssignmentVersion(
            assignment_id=assignment.id,
            number=1,
            content_hash="sha256:1",
            bundle_sha256=BLOB,
            outline={},
            max_score=20.0,
            author_id=author.id,
        )
    )
    session.flush()
    return made


def person(session: Session, name: str) -> Person:
    """The person of that name."""
    email = f"{name}@example.org"
    found = session.scalar(select(Person).where(Person.email == email))
    if found is None:
        found = Person(email=email, name=name)
        session.add(found)
        session.flush()
    return found


def platform(session: Session, name: str = "lms") -> Platform:
    """An LMS that is registered."""
    doors = dict.fromkeys(("login_url", "token_url", "jwks_url"), f"https://{name}.example/")
    author_id = person(session, "ines").id
    made = Platform(
        name=name, issuer=f"https://{name}.example", client_id="c", author_id=author_id, **doors
    )
    session.add(made)
    session.flush()
    return made


def context(session: Session, where: Platform, **more: Any) -> Context:
    """A course of that LMS, linked to the one here."""
    deployment = Deployment(platform_id=where.id, deployment_id="d")
    session.add(deployment)
    session.flush()
    made = Context(
        deployment_id=deployment.id,
        context_id="7",
        title="DL",
        course_id=course(session).id,
        linked_by=person(session, "ines").id,
        **more,
    )
    session.add(made)
    session.flush()
    return made


def column(session: Session, **there: int) -> GradeColumn:
    """A column `there` of the course's assignment."""
    of_this = select(Assignment).filter_by(course_id=course(session).id)
    made = GradeColumn(assignment_id=session.scalars(of_this).one().id, **there)
    session.add(made)
    session.flush()
    return made


def attempt(
    session: Session,
    who: str = "ada",
    *,
    slug: str = "dl",
    purpose: Purpose = Purpose.SUBMISSION,
    queue: Queue = Queue.CPU,
) -> Attempt:
    """A fresh submission of somebody, with an attempt that waits."""
    where, whose = course(session, slug), person(session, who)
    assignment = session.scalars(select(Assignment).filter_by(course_id=where.id)).one()
    version = session.scalars(
        select(AssignmentVersion).filter_by(assignment_id=assignment.id)
    ).one()
    submission = Submission(
        assignment_id=assignment.id,
        person_id=whose.id,
        number=next(_numbers),
        sha256=BLOB,
        name="a0.ipynb",
        format="ipynb",
        size=1,
        received_at=session.scalar(select(now())),
    )
    session.add(submission)
    session.flush()
    version.queue = queue
    return attempts.enqueue(session, submission, version, purpose)[0]
