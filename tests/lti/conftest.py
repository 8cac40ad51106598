"""An installation that an LMS may launch, and browsers that come from there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from grader.services.site import Site
from tests.lmsplatform import Browser, Lms, registered, with_platform
from tests.lti._linked import link
from tests.sites import People, app_of, people_of, site_at


@pytest.fixture
def lms() -> Lms:
    """An LMS."""
    return Lms()


@pytest.fixture
def site(migrated_sqlite: Path, tmp_path: Path, lms: Lms) -> Iterator[Site]:
    """On SQLite alone: what is used up once is tried on both databases elsewhere."""
    (tmp_path / "chainrule.db").write_bytes(migrated_sqlite.read_bytes())
    made = site_at(f"sqlite:///{tmp_path}/chainrule.db", tmp_path)
    yield with_platform(made, lms)
    made.close()


@pytest.fixture
def client(site: Site) -> Iterator[TestClient]:
    """A browser's end of the connection."""
    with app_of(site) as app, TestClient(app, base_url=site.settings.url) as client:
        yield client


@pytest.fixture
def people(site: Site) -> People:
    """As of tests.sites."""
    return people_of(site)


@pytest.fixture
def platform_id(site: Site, people: People, lms: Lms) -> int:
    """The LMS is registered."""
    return registered(site, people.admin.actor, lms)


@pytest.fixture
def browser(client: TestClient, lms: Lms, platform_id: int) -> Browser:
    """Somebody's browser, with our pages in windows of their own."""
    return Browser(client, lms)


@pytest.fixture
def linked(site: Site, people: People, platform_id: int) -> int:
    """The LMS's course is linked to the course `dl`; the context's id."""
    return link(site, people.course_id, people.instructor.actor.person_id)
