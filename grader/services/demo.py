"""The course that a first start finds: the bundled assignments, and people to try them as."""

from __future__ import annotations

import io
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from grader.db import audit, people
from grader.db.models import (
    Assignment,
    AssignmentVersion,
    Course,
    Enrolment,
    Person,
    Role,
    VersionState,
)
from grader.db.session import Session
from grader.rubricfile import load_bundle
from grader.services.bundles import Read, packed, uploaded
from grader.services.people import password_hash
from grader.services.site import Site

_COURSE = "demo"
_ROLES = {
    "student": Role.STUDENT,
    "ta": Role.TA,
    "instructor": Role.INSTRUCTOR,
    "admin": None,
}
_BECAUSE = "bundled; its own test suite tries it out"


@dataclass(frozen=True)
class DemoPerson:
    """Somebody to sign in as."""

    email: str
    password: str
    role: str


@dataclass(frozen=True)
class _Bundled:
    slug: str
    title: str
    read: Read
    sha256: str


@dataclass(frozen=True)
class Demo:
    """The people that were made just now, none where there were some already; and their file."""

    people: tuple[DemoPerson, ...]
    file: Path


def seed(site: Site, root: Path) -> Demo:
    """On an installation without courses and persons, make the demo; otherwise nothing.

    `root` holds the bundled assignments.
    """
    file = site.settings.data / "demo-passwords.txt"
    with site.database.reading() as session:
        if people.anybody(session):
            return Demo((), file)
    made = tuple(
        DemoPerson(f"{name}@demo.example", secrets.token_urlsafe(12), name) for name in _ROLES
    )
    bundled = [_stored(site, root, slug) for slug in _slugs(root)]
    # Before the rows: a file without people hurts nobody, people without their passwords would.
    _keep(file, "".join(f"{one.email}  {one.password}  {one.role}\n" for one in made))
    with site.database.writing() as session:
        course = Course(slug=_COURSE, title="Demo")
        session.add(course)
        session.flush()
        by_role = {one.role: _person(session, course, one) for one in made}
        for bundle in bundled:
            _publish(session, course, by_role["instructor"], bundle)
    return Demo(made, file)


def _slugs(root: Path) -> list[str]:
    return sorted(path.parent.name for path in (root / "rubrics").glob("*/rubric.yaml"))


def _stored(site: Site, root: Path, slug: str) -> _Bundled:
    title = load_bundle(slug, root).rubric.title
    with uploaded(io.BytesIO(packed(root, slug))) as (read, zipped):
        return _Bundled(slug, title, read, site.blobs.put([zipped.read()]).sha256)


def _person(session: Session, course: Course, one: DemoPerson) -> Person:
    role = _ROLES[one.role]
    person = Person(
        email=one.email,
        name=f"Demo {one.role}",
        password_hash=password_hash(one.password),
        is_admin=role is None,
    )
    session.add(person)
    session.flush()
    if role is not None:
        session.add(Enrolment(course_id=course.id, person_id=person.id, role=role))
    return person


def _publish(session: Session, course: Course, author: Person, bundle: _Bundled) -> None:
    assignment = Assignment(course_id=course.id, slug=bundle.slug, title=bundle.title)
    session.add(assignment)
    session.flush()
    version = AssignmentVersion(
        assignment_id=assignment.id,
        number=1,
        content_hash=bundle.read.content_hash,
        bundle_sha256=bundle.sha256,
        outline=bundle.read.outline,
        max_score=bundle.read.max_score,
        queue=bundle.read.queue,
        state=VersionState.PUBLISHED,
        author_id=author.id,
        published_at=datetime.now(UTC),
        published_because=_BECAUSE,
    )
    session.add(version)
    session.flush()
    assignment.live_version_id = version.id
    audit.record(session, None, "version.published", version, course_id=course.id, because=_BECAUSE)


def _keep(file: Path, text: str) -> None:
    with suppress(FileNotFoundError):
        file.unlink()
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as kept:
        kept.write(text)
