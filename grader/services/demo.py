"""The course that a first start finds: the bundled assignments, and people to try them as."""

from __future__ import annotations

import io
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from grader.db import assignments, people
from grader.db.models import Enrolment, Person, Role
from grader.db.session import Session
from grader.rubricfile import load_bundle
from grader.services.access import Actor
from grader.services.assignments import create_assignment
from grader.services.bundles import packed
from grader.services.courses import create_course
from grader.services.people import password_hash
from grader.services.site import Site
from grader.services.versions import publish_version, upload_version

_ADMIN = "admin@demo.example"
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
class Demo:
    """The people that were made just now, none where there were some already; and their file."""

    people: tuple[DemoPerson, ...]
    file: Path


def seed(site: Site, root: Path) -> Demo:
    """On an installation that nobody can sign in to yet, make the demo; otherwise nothing.

    `root` holds the bundled assignments. The people come last: a start that is cut short is made
    up for by the next one.
    """
    file = site.settings.data / "demo-passwords.txt"
    with site.database.reading() as session:
        if people.anybody_but(session, _ADMIN):
            return Demo((), file)
    admin = _admin(site)
    course_id = _course(site, admin)
    for slug in sorted(path.parent.name for path in (root / "rubrics").glob("*/rubric.yaml")):
        _publish(site, admin, course_id, root, slug)
    made = tuple(
        DemoPerson(f"{role}@demo.example", secrets.token_urlsafe(12), role) for role in _ROLES
    )
    # Before the rows: a file without people hurts nobody, people without their passwords would.
    _keep(file, "".join(f"{one.email}  {one.password}  {one.role}\n" for one in made))
    with site.database.writing() as session:
        for one in made:
            _let_in(session, course_id, one)
    return Demo(made, file)


def _admin(site: Site) -> Actor:
    """Who makes everything; they have no password yet."""
    with site.database.writing() as session:
        person = people.by_email(session, _ADMIN)
        if person is None:
            person = Person(email=_ADMIN, name="Demo admin", is_admin=True)
            session.add(person)
            session.flush()
        return Actor(person.id, person.name, is_admin=True)


def _course(site: Site, admin: Actor) -> int:
    with site.database.reading() as session:
        course = people.course_by_slug(session, _COURSE)
    if course is None:
        course = create_course(site, admin, slug=_COURSE, title="Demo", timezone="UTC")
    return course.id


def _publish(site: Site, admin: Actor, course_id: int, root: Path, slug: str) -> None:
    with site.database.reading() as session:
        assignment = assignments.by_slug(session, course_id, slug)
    if assignment is None:
        title = load_bundle(slug, root).rubric.title
        made = create_assignment(site, admin, course_id, slug=slug, title=title)
        assignment = made.assignment
    tried, _ = upload_version(site, admin, assignment.id, io.BytesIO(packed(root, slug)))
    publish_version(site, admin, tried.version.id, _BECAUSE)


def _let_in(session: Session, course_id: int, one: DemoPerson) -> None:
    role = _ROLES[one.role]
    person = people.by_email(session, one.email)
    if person is None:
        person = Person(email=one.email, name=f"Demo {one.role}")
        session.add(person)
        session.flush()
    person.password_hash = password_hash(one.password)
    if role is not None:
        session.add(Enrolment(course_id=course_id, person_id=person.id, role=role))


def _keep(file: Path, text: str) -> None:
    with suppress(FileNotFoundError):
        file.unlink()
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as kept:
        kept.write(text)
