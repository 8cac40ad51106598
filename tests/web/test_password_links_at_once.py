"""Two who do something with one person's link, or password, at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import text

from grader.db.models import Enrolment, Person, Role, Token
from grader.db.session import hold
from grader.errors import Conflict, NotSignedIn
from grader.services import passwordlinks
from grader.services.courses import enrol
from grader.services.people import actor_of_password
from grader.services.site import Site
from tests.sites import People
from tests.waiting import wait_until

# SQLite has one writer at a time.
pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

ONE, TWO = "correct horse battery", "another horse, faster"


@pytest.fixture
def code(site: Site, people: People) -> str:
    """What stands behind the # of ada's link."""
    with site.database.writing() as session:
        session.query(Token).delete()
    return make(site, people).url.partition("#")[2]


def make(site: Site, people: People) -> passwordlinks.IssuedLink:
    author, ada = people.instructor.actor, people.ada.actor.person_id
    return passwordlinks.make_link(site, author, people.course_id, ada)


def one_behind_the_other(
    site: Site, people: People, *works: Callable[[], object]
) -> list[BaseException | None]:
    """All of it while she is held by somebody else, who then lets go; what each comes to."""
    begun: list[Future[object]] = []

    def waiting() -> int:
        query = (
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        with site.database.reading() as session:
            return session.scalar(text(query)) or 0

    with ThreadPoolExecutor(len(works)) as threads:
        with site.database.writing() as session:
            hold(session, session.get_one(Person, people.ada.actor.person_id))
            for number, work in enumerate(works, 1):
                begun.append(threads.submit(work))
                wait_until(lambda: waiting() == number or begun[-1].done())  # noqa: B023
        return [one.exception(20) for one in begun]


def test_of_two_who_use_one_link_one_chooses_the_password(
    site: Site, people: People, code: str
) -> None:
    first, second = one_behind_the_other(
        site,
        people,
        lambda: passwordlinks.choose_password(site, code, ONE),
        lambda: passwordlinks.choose_password(site, code, TWO),
    )
    assert first is None
    assert isinstance(second, Conflict)
    assert actor_of_password(site, people.ada.email, ONE)
    with pytest.raises(NotSignedIn):
        actor_of_password(site, people.ada.email, TWO)


def test_no_link_is_made_for_who_chooses_a_password_meanwhile_nor_used_once_there_is_a_newer_one(
    site: Site, people: People, code: str
) -> None:
    made, chosen = one_behind_the_other(
        site,
        people,
        lambda: make(site, people),
        lambda: passwordlinks.choose_password(site, code, ONE),
    )
    assert made is None
    assert "holds no more" in str(chosen)
    newer = make(site, people).url.partition("#")[2]
    chosen, made = one_behind_the_other(
        site,
        people,
        lambda: passwordlinks.choose_password(site, newer, ONE),
        lambda: make(site, people),
    )
    assert chosen is None
    assert "they have a password" in str(made)


def test_nobody_becomes_staff_unasked_while_they_choose_their_password(
    site: Site, people: People, code: str
) -> None:
    olaf = people.outside_instructor.actor
    chosen, made = one_behind_the_other(
        site,
        people,
        lambda: passwordlinks.choose_password(site, code, ONE),
        lambda: enrol(
            site,
            olaf,
            people.other_course_id,
            email=people.ada.email,
            name="Ada",
            role=Role.TA,
        ),
    )
    assert chosen is None
    assert "have them tell you" in str(made)
    with site.database.reading() as session:
        key = (people.other_course_id, people.ada.actor.person_id)
        assert session.get(Enrolment, key) is None
