"""What is removed while somebody comes to refer to it: who is later is told so, and nothing fails.

The removing transaction is open, what is done besides begins and waits for it, and goes on when it
is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import text

from grader.db import contexts, platforms
from grader.db.models import Context, Deployment, Launch, Person, Platform, PlatformPerson
from grader.db.session import Session
from grader.errors import Conflict, NotFound
from grader.services import linking
from grader.services.access import Actor
from grader.services.platforms import add_deployment, delete_platform, disable_platform
from grader.services.site import Site
from tests.lmsplatform import INSTRUCTOR, LEARNER, Browser, Lms, with_platform
from tests.lti._linked import person
from tests.sites import People, site_at
from tests.waiting import wait_until
from tests.web._pages import text_of

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

Found = TypeVar("Found")


@pytest.fixture
def site(database_url: str, tmp_path: Path, lms: Lms) -> Iterator[Site]:
    """On PostgreSQL: SQLite has one writer at a time."""
    made = site_at(database_url, tmp_path)
    yield with_platform(made, lms)
    made.close()


def meanwhile(site: Site, remove: Callable[[Session], None], work: Callable[[], Found]) -> Found:
    """What comes of work that begins while that is being removed."""

    def waits() -> bool:
        with site.database.reading() as session:
            return session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")) == 1

    with ThreadPoolExecutor(1) as thread:
        with site.database.writing() as session:
            remove(session)
            begun = thread.submit(work)
            wait_until(lambda: begun.done() or waits())
            assert not begun.done(), "it did not wait"
        return begun.result(20)


def the_platform(session: Session) -> None:
    row = session.query(Platform).one()
    platforms.hold_whole(session, row)
    platforms.forget(session, row)


def the_deployment(session: Session) -> None:
    platforms.hold_whole(session, session.query(Platform).one())
    platforms.forget_deployment(session, session.query(Deployment).one())
    session.flush()


def the_context(session: Session) -> None:
    contexts.forget(session, session.query(Context).one())
    session.flush()


def test_a_launch_that_begins_is_told_that_its_lms_is_not_registered(
    browser: Browser, site: Site
) -> None:
    refused = meanwhile(site, the_platform, lambda: browser.begin("u1"))
    assert refused.status_code == 403
    assert "not registered here" in text_of(refused)


@pytest.mark.parametrize(
    ("remove", "words"),
    [
        (the_platform, "did not begin here"),
        (the_deployment, "added in a place of the LMS that is not registered"),
    ],
)
def test_a_launch_that_comes_back_is_refused_and_brings_nobody(
    browser: Browser, site: Site, remove: Callable[[Session], None], words: str
) -> None:
    form = browser.lms.launch(browser.asked("u1"), "u1", [LEARNER], name="Una")
    refused = meanwhile(site, remove, lambda: browser.post(form))
    assert refused.status_code == 403
    assert words in text_of(refused)
    with site.database.reading() as session:
        assert session.query(PlatformPerson).count() == session.query(Launch).count() == 0
        assert session.query(Person).filter_by(name="Una").count() == 0


def test_a_launch_from_a_course_that_is_unlinked_is_told_that_it_is_not_connected(
    browser: Browser, site: Site, linked: int
) -> None:
    form = browser.lms.launch(browser.asked("u1"), "u1", [LEARNER], name="Una")
    refused = meanwhile(site, the_context, lambda: browser.post(form))
    assert refused.status_code == 403
    assert "not connected to Chainrule yet" in text_of(refused)


def test_a_course_is_not_linked_to_what_is_not_there_any_more(
    browser: Browser, site: Site, people: People
) -> None:
    page = browser.come("teacher", [INSTRUCTOR]).headers["location"]
    launch_id, who = int(page.rsplit("/", 1)[1]), person(site, "teacher")
    form = {"slug": "new", "title": "New", "timezone": "UTC"}
    with pytest.raises(Conflict, match="removed a moment ago"):
        meanwhile(
            site,
            the_deployment,
            lambda: linking.link_to_new_course(site, Actor(who.id, who.name), launch_id, **form),
        )
    with site.database.reading() as session:
        assert session.query(Context).count() == 0


@pytest.mark.parametrize(
    "work",
    [
        lambda site, admin, row: disable_platform(site, admin, row, disabled=True),
        lambda site, admin, row: add_deployment(site, admin, row, "another"),
        delete_platform,
    ],
)
def test_an_admin_who_changes_what_another_one_deletes_is_told_that_it_is_gone(
    site: Site, people: People, platform_id: int, work: Callable[[Site, Actor, int], object]
) -> None:
    with pytest.raises(NotFound, match="removed a moment ago"):
        meanwhile(site, the_platform, lambda: work(site, people.admin.actor, platform_id))


def test_a_platform_by_which_somebody_comes_meanwhile_is_not_deleted(
    site: Site, people: People, platform_id: int
) -> None:
    def come(session: Session) -> None:
        row = session.get_one(Platform, platform_id)
        assert platforms.stays(session, row)
        una = Person(email=None, name="Una")
        session.add(una)
        session.flush()
        session.add(PlatformPerson(issuer=row.issuer, subject="u1", person_id=una.id))
        session.flush()

    with pytest.raises(Conflict, match="1 person is known by its issuer alone"):
        meanwhile(site, come, lambda: delete_platform(site, people.admin.actor, platform_id))
