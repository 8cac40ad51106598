"""Launches, lists and joinings hold their rows in one order, so that none waits for another that
waits for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from grader.db.models import Person, PlatformPerson
from grader.db.session import hold
from grader.errors import Conflict
from grader.services import linking, lmsroster
from grader.services.access import Actor
from grader.services.identities import list_identities, separate
from grader.services.people import change_person
from grader.services.site import Site
from tests.lmsplatform import INSTRUCTOR, LEARNER, Browser, Lms, with_platform
from tests.lti._linked import person
from tests.sites import People, site_at
from tests.waiting import wait_until

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

PASSWORD = "correct horse battery"
ORDER = ["context", "platform_person", "person", "course"]
_TAKES = re.compile(r"SELECT .*?\bFROM (\w+) .*FOR NO KEY UPDATE|UPDATE (\w+) SET", re.DOTALL)


@pytest.fixture
def site(database_url: str, tmp_path: Path, lms: Lms) -> Iterator[Site]:
    """On PostgreSQL: SQLite has one writer at a time."""
    made = site_at(database_url, tmp_path)
    yield with_platform(made, lms)
    made.close()


def taken(site: Site, work: Callable[[], object]) -> list[tuple[str, Any]]:
    """Of which tables rows are taken, in their order, each with what the statement was given."""
    found: list[tuple[str, Any]] = []

    def hear(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        match = _TAKES.match(statement)
        table = match and (match[1] or match[2])
        if table in ORDER:
            found.append((table, values))

    event.listen(site.database.engine, "before_cursor_execute", hear)
    try:
        work()
    finally:
        event.remove(site.database.engine, "before_cursor_execute", hear)
    return found


def tables(found: list[tuple[str, Any]]) -> list[str]:
    """Each once, where it is taken first."""
    return list(dict.fromkeys(table for table, _ in found))


def test_a_launch_and_a_list_hold_rows_in_one_order(
    browser: Browser, lms: Lms, site: Site, people: People, linked: int
) -> None:
    browser.come("s1", [LEARNER], name="Stu")
    launch = taken(site, lambda: browser.come("s1", [LEARNER], name="Stu D."))
    assert tables(launch) == ORDER
    lms.members = [{"user_id": "s1", "roles": [LEARNER], "name": "Stu Dent"}]
    sync = taken(site, lambda: lmsroster.sync(site, people.instructor.actor, linked))
    assert tables(sync) == ORDER


def test_joining_and_separating_hold_them_in_the_same_order_and_people_by_their_ids(
    browser: Browser, site: Site, people: People, linked: int
) -> None:
    ines = people.instructor.actor.person_id
    change_person(site, people.admin.actor, ines, password=PASSWORD)
    browser.come("teacher", [INSTRUCTOR], name="Inga")
    course = {"context_id": "course-8", "context_title": "Second"}
    page = browser.come("teacher", [INSTRUCTOR], course=course).headers["location"]
    former = person(site, "teacher")
    actor, launch_id = Actor(former.id, former.name), int(page.rsplit("/", 1)[1])
    found = taken(
        site,
        lambda: linking.join_account(site, actor, launch_id, "ines@example.org", PASSWORD, ""),
    )
    assert tables(found) == ORDER
    held = [list(values.values()) for table, values in found if table == "person"]
    assert held == [[ines], [former.id]]
    (identity,) = list_identities(site, people.instructor.actor)
    apart = taken(site, lambda: separate(site, people.instructor.actor, identity.id))
    assert tables(apart) == ORDER


def test_of_two_of_an_lms_who_join_one_account_at_once_one_does(
    browser: Browser, site: Site, people: People, platform_id: int
) -> None:
    ines = people.instructor.actor.person_id
    change_person(site, people.admin.actor, ines, password=PASSWORD)
    launches = []
    for subject in ("one", "two"):
        page = browser.come(subject, [INSTRUCTOR]).headers["location"]
        found = person(site, subject)
        launches.append((Actor(found.id, found.name), int(page.rsplit("/", 1)[1])))

    def join(launch: tuple[Actor, int]) -> str:
        try:
            linking.join_account(site, *launch, "ines@example.org", PASSWORD, "")
        except Conflict as error:
            return str(error)
        return ""

    def both_wait() -> bool:
        with site.database.reading() as session:
            return session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")) == 2

    with ThreadPoolExecutor(2) as threads:
        with site.database.writing() as session:
            hold(session, session.get_one(Person, ines))
            joined = [threads.submit(join, one) for one in launches]
            wait_until(lambda: both_wait() or any(one.done() for one in joined))
        refused, done = sorted((one.result(20) for one in joined), reverse=True)
    assert "joined to somebody else of this LMS already" in refused
    assert done == ""
    with site.database.reading() as session:
        assert session.query(PlatformPerson).filter_by(person_id=ines).count() == 1
