"""How fast a worker drains the queue, against `chainrule grade --jobs 2` on the same files.

    python -m bench.queue [COUNT]

Three rounds of each by turns, on SQLite and the Redis that `serve` starts. What is measured is
from the first verdict to the last: starting up is not in it.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select

from bench import submissions
from grader.broker.messages import JUDGE
from grader.config import load_settings
from grader.db import attempts
from grader.db.models import (
    Assignment,
    AssignmentVersion,
    Attempt,
    AttemptState,
    Purpose,
    Submission,
)
from grader.services import judging
from grader.services.demo import seed
from grader.services.schema import migrate
from grader.services.site import Site, open_site
from grader.serving import redis

ROOT = Path(__file__).parent.parent
_SLUG = "uw-cse447-a0"
_ROUNDS = 3


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    sources = [f"{submissions.UNTRAINED}\n# {n}\n" for n in range(count)]
    with tempfile.TemporaryDirectory(prefix="chainrule-bench-") as name, _site(Path(name)) as site:
        folder = Path(name, "submissions")
        folder.mkdir()
        for number, source in enumerate(sources):
            (folder / f"{number:04}.py").write_text(source)
        by_command, by_worker = [], []
        for _ in range(_ROUNDS):
            by_command.append(_graded(folder))
            by_worker.append(_drained(site, sources))
    print(f"chainrule grade --jobs 2: {', '.join(f'{rate:.1f}' for rate in by_command)} a second")
    print(f"a worker with two slots:  {', '.join(f'{rate:.1f}' for rate in by_worker)} a second")
    part = statistics.median(by_worker) / statistics.median(by_command)
    print(f"the worker's part:        {100 * part:.0f} % (aim: at least 80 %)")


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "grader.cli", *arguments]


def _graded(folder: Path) -> float:
    """Verdicts a second by the command."""
    command = _command("grade", _SLUG, str(folder), "--json", "--jobs", "2", "--quiet")
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        at = [time.perf_counter() for _ in process.stdout]
    return (len(at) - 1) / (at[-1] - at[0])


def _drained(site: Site, sources: list[str]) -> float:
    """Verdicts a second by a worker that is ready when the messages come."""
    environment = {**os.environ, "CHAINRULE_DATA": str(site.settings.data), "CHAINRULE_SLOTS": "2"}
    worker = subprocess.Popen(
        _command("worker"), env=environment, cwd=ROOT, stderr=subprocess.DEVNULL
    )
    try:
        _wait(lambda: judging.is_announced(site))
        before = _done(site)
        _hand_in(site, sources)
        _wait(lambda: _done(site) > before)
        started, first = time.perf_counter(), _done(site)
        _wait(lambda: _done(site) == before + len(sources))
        return (before + len(sources) - first) / (time.perf_counter() - started)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait()


def _wait(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(0.05)


def _done(site: Site) -> int:
    done = select(func.count()).where(Attempt.state == AttemptState.DONE)
    with site.database.reading() as session:
        return session.scalars(done).one()


def _hand_in(site: Site, sources: list[str]) -> None:
    """Hand in: rows, blobs, messages."""
    stored = [site.blobs.put([source.encode()]) for source in sources]
    with site.database.writing() as session:
        version = session.scalars(
            select(AssignmentVersion)
            .join(Assignment, Assignment.live_version_id == AssignmentVersion.id)
            .where(Assignment.slug == _SLUG)
        ).one()
        rows = []
        for number, blob in enumerate(stored):
            submission = Submission(
                assignment_id=version.assignment_id,
                person_id=version.author_id,
                number=time.time_ns() + number,
                sha256=blob.sha256,
                name="bench.py",
                format="py",
                size=blob.size,
                received_at=version.created_at,
            )
            session.add(submission)
            session.flush()
            made = attempts.enqueue(session, submission, version, Purpose.SUBMISSION)
            rows += [(attempt.id, attempt.queue) for attempt in made]
    site.messages.send(JUDGE, rows)


@contextmanager
def _site(folder: Path) -> Iterator[Site]:
    """An installation as `serve` makes it, with its Redis and the bundled assignments."""
    settings = load_settings({"CHAINRULE_DATA": str(folder / "data")})
    assert settings.own_socket is not None
    settings.data.mkdir()
    command = redis.command(redis.executable(), settings.own_socket)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        site = open_site(settings)
        try:
            _wait(site.progress.answers)
            migrate(site)
            seed(site, ROOT)
            yield site
        finally:
            site.close()
            server.terminate()


if __name__ == "__main__":
    main()
