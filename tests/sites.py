"""Installations for tests, and the people in them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI
from starlette.testclient import TestClient

from grader.config import load_settings
from grader.db.models import Course, Enrolment, Person, Role
from grader.services.access import Actor, Right
from grader.services.people import issue_token
from grader.services.site import Site, open_site
from grader.web.app import create_app, serve

NO_REDIS = "unix:///nonexistent/redis.sock"


_idle: list[FastAPI] = []


@contextmanager
def app_of(site: Site) -> Iterator[FastAPI]:
    """The application that answers for this installation.

    They serve one after the other: making the routes of one takes longer than most tests.
    """
    app = _idle.pop() if _idle else create_app(site)
    serve(app, site)
    yield app
    _idle.append(app)


@contextmanager
def client_of(site: Site) -> Iterator[TestClient]:
    """Somebody who sends requests to this installation."""
    with app_of(site) as app, TestClient(app, raise_server_exceptions=False) as client:
        yield client


def site_at(database_url: str, folder: Path, redis: str = NO_REDIS, **variables: str) -> Site:
    """An installation on a migrated database, with its blobs in `folder`."""
    environment = {
        "CHAINRULE_DATA": str(folder),
        "CHAINRULE_DATABASE": database_url,
        "CHAINRULE_REDIS": redis,
        **{f"CHAINRULE_{name}": value for name, value in variables.items()},
    }
    made = open_site(load_settings(environment))
    ways = {
        name: replace(getattr(made, name), lookup=_names) for name in ("outside", "to_platforms")
    }
    return replace(made, **ways)


def _names(host: str, port: int) -> list[str]:
    """The addresses of a name. Nobody is asked for those that stand for others in tests."""
    if host.endswith(".example"):
        raise OSError("nobody knows it")
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port)]


@dataclass(frozen=True)
class Signed:
    """Somebody with a token."""

    actor: Actor
    email: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """What they send with each request."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True)
class People:
    """Of the course `dl`: an instructor, a TA and two students; of `other`, an instructor and a
    student; and an admin, who is in neither."""

    course_id: int
    other_course_id: int
    instructor: Signed
    ta: Signed
    ada: Signed
    bob: Signed
    outside_instructor: Signed
    outsider: Signed
    admin: Signed


def people_of(site: Site) -> People:
    """Make them all."""
    with site.database.writing() as session:
        course, other = Course(slug="dl", title="Deep learning"), Course(slug="other", title="O")
        session.add_all([course, other])
        session.flush()
        ids = course.id, other.id
    return People(
        *ids,
        instructor=signed(site, "ines", Role.INSTRUCTOR, ids[0]),
        ta=signed(site, "tom", Role.TA, ids[0]),
        ada=signed(site, "ada", Role.STUDENT, ids[0]),
        bob=signed(site, "bob", Role.STUDENT, ids[0]),
        outside_instructor=signed(site, "olaf", Role.INSTRUCTOR, ids[1]),
        outsider=signed(site, "otto", Role.STUDENT, ids[1]),
        admin=signed(site, "root", None, None),
    )


def signed(site: Site, name: str, role: Role | None, course_id: int | None) -> Signed:
    """Somebody new with that role in a course, or an admin, with a token of all scopes."""
    email = f"{name}@example.org"
    with site.database.writing() as session:
        person = Person(email=email, name=name, is_admin=role is None)
        session.add(person)
        session.flush()
        if role is not None and course_id is not None:
            session.add(Enrolment(course_id=course_id, person_id=person.id, role=role))
        actor = Actor(person.id, name, person.is_admin)
    issued = issue_token(site, actor, "test", frozenset(Right), timedelta(days=1))
    return Signed(actor, email, issued.secret)
