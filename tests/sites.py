"""Installations for tests, and the people in them."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from grader.config import load_settings
from grader.db import audit
from grader.db.models import Course, Enrolment, Person, Role, Token
from grader.db.session import Session
from grader.services.access import Actor, Right
from grader.services.site import Site, open_site
from grader.web.app import create_app, serve

NO_REDIS = "unix:///nonexistent/redis.sock"


_idle: list[FastAPI] = []


@contextmanager
def app_of(site: Site) -> Iterator[FastAPI]:
    """The application that answers for this installation.

    They serve one after the other: making the routes of one takes longer than most tests. One that
    a test has changed otherwise than by whom it answers for serves no other.
    """
    app = _idle.pop() if _idle else create_app(site)
    serve(app, site)
    before = _made_of(app)
    yield app
    if _made_of(app) == before:
        _idle.append(app)


def _made_of(app: FastAPI) -> tuple[Any, ...]:
    """What `serve` does not set anew."""
    middleware, overrides = list(app.user_middleware), dict(app.dependency_overrides)
    handlers = dict(app.exception_handlers)
    return list(app.routes), overrides, middleware, handlers, set(app.state._state)


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
        made = _signed(
            session,
            {
                "ines": (Role.INSTRUCTOR, course.id),
                "tom": (Role.TA, course.id),
                "ada": (Role.STUDENT, course.id),
                "bob": (Role.STUDENT, course.id),
                "olaf": (Role.INSTRUCTOR, other.id),
                "otto": (Role.STUDENT, other.id),
                "root": None,
            },
        )
        return People(course.id, other.id, *made)


def signed(site: Site, name: str, role: Role | None, course_id: int | None) -> Signed:
    """Somebody new with that role in a course, or an admin, with a token of all scopes."""
    place = None if role is None or course_id is None else (role, course_id)
    with site.database.writing() as session:
        (made,) = _signed(session, {name: place})
        return made


def _signed(session: Session, places: Mapping[str, tuple[Role, int] | None]) -> list[Signed]:
    """All at once, for nearly every test needs them; who has no place in a course is an admin."""
    people = [
        Person(email=f"{name}@example.org", name=name, is_admin=place is None)
        for name, place in places.items()
    ]
    session.add_all(people)
    session.flush()
    secrets = [f"crt_{token_urlsafe(32)}" for _ in people]
    tokens = [
        Token(
            person_id=person.id,
            name="test",
            hash=sha256(secret.encode()).hexdigest(),
            scopes=" ".join(sorted(Right)),
            expires_at=datetime.now(UTC) + timedelta(days=1),
        )
        for person, secret in zip(people, secrets, strict=True)
    ]
    session.add_all(tokens)
    session.add_all(
        Enrolment(person_id=person.id, role=place[0], course_id=place[1])
        for person, place in zip(people, places.values(), strict=True)
        if place is not None
    )
    session.flush()
    for token in tokens:
        audit.record(session, token.person_id, "token.issued", token, scopes=token.scopes)
    return [
        Signed(Actor(person.id, person.name, person.is_admin), person.email, secret)
        for person, secret in zip(people, secrets, strict=True)
    ]
