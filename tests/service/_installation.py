"""An installation with a quick assignment, students' submissions, and worker processes."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from grader.broker.messages import JUDGE
from grader.db import attempts, leases, trials
from grader.db.leases import Work
from grader.db.models import (
    Assignment,
    AssignmentVersion,
    Attempt,
    AttemptState,
    Course,
    Node,
    Person,
    Purpose,
    Result,
    Submission,
)
from grader.db.types import now
from grader.services.bundles import packed
from grader.services.site import Site
from tests.unit._builders import code, notebook
from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent
RIGHT = "def double(x):\n    return 2 * x"
WRONG = "def double(x):\n    return x"
# Runs until it is ended; long enough for anything that is done to its worker meanwhile.
ENDLESS = "import time\nfor _ in range(600):\n    time.sleep(0.1)"

RUBRIC = {
    "title": "Doubling",
    "limits": {"wall_s": 90, "cell_s": 90},
    "exercises": [
        {
            "id": "ex1",
            "title": "Double",
            "checks": [
                {
                    "id": "double",
                    "kind": "function",
                    "points": 2,
                    "function": "double",
                    "args": ["x"],
                    "inputs": {"x": {"normal": ["N"]}},
                    "cases": [{"N": 3}],
                }
            ],
        }
    ],
}
_numbers = itertools.count(1)


@dataclass
class Installation:
    """What tests do to an installation, and see of it."""

    site: Site
    environment: dict[str, str]
    version_id: int

    def submit(self, *cells: str, send: bool = True) -> int:
        """The attempt of a fresh submission; its message is sent unless it is to be lost."""
        content = notebook(*(code(cell) for cell in cells))
        stored = self.site.blobs.put([content])
        with self.site.database.writing() as session:
            version = session.get_one(AssignmentVersion, self.version_id)
            submission = Submission(
                assignment_id=version.assignment_id,
                person_id=version.author_id,
                number=next(_numbers),
                sha256=stored.sha256,
                name="a0.ipynb",
                format="ipynb",
                size=stored.size,
                received_at=session.scalar(now_of()),
            )
            session.add(submission)
            session.flush()
            attempt = attempts.enqueue(session, submission, version, Purpose.SUBMISSION)[0]
        if send:
            self.send(attempt.id)
        return attempt.id

    def start_trial(self) -> int:
        """A trial of the version that waits, without a message."""
        with self.site.database.writing() as session:
            version = session.get_one(AssignmentVersion, self.version_id)
            return trials.enqueue(session, version, version.author_id).id

    def send(self, attempt_id: int) -> None:
        """One message."""
        # Noted first: a claim passes over a row that is being written.
        with self.site.database.writing() as session:
            leases.mark_sent(session, Attempt, [attempt_id])
        assert self.site.messages.send(JUDGE, [(attempt_id, "cpu")])

    def row(self, row_id: int, work: Work = Attempt) -> Any:
        """The attempt or trial as it is now."""
        with self.site.database.reading() as session:
            return session.get_one(work, row_id)

    def is_in(self, row_id: int, state: AttemptState, work: Work = Attempt) -> bool:
        """Whether it has come there."""
        return self.row(row_id, work).state is state

    def result(self, attempt_id: int) -> Result | None:
        """The effective result of the attempt's submission."""
        attempt = self.row(attempt_id)
        with self.site.database.reading() as session:
            return session.get(Result, (attempt.submission_id, attempt.version_id))

    def await_done(self, *attempt_ids: int) -> list[float]:
        """The scores, once all are judged."""
        scores = []
        for one in attempt_ids:
            wait_until(lambda one=one: self.is_in(one, AttemptState.DONE))
            result = self.result(one)
            assert result is not None
            scores.append(result.score)
        return scores

    def node(self, name: str) -> Node | None:
        """A worker as it announced itself."""
        with self.site.database.reading() as session:
            return session.get(Node, name)

    @contextmanager
    def worker(self, name: str = "w1", **variables: str) -> Iterator[subprocess.Popen[bytes]]:
        """A worker process that has announced itself; it is told to end after the block."""
        more = {f"CHAINRULE_{key}": value for key, value in variables.items()}
        with subprocess.Popen(
            [sys.executable, "-P", "-m", "grader.cli", "worker"],
            env={**self.environment, "CHAINRULE_NODE": name, **more},
            cwd=ROOT,
        ) as process:
            try:
                wait_until(lambda: process.poll() is not None or self.node(name))
                assert process.poll() is None
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                process.wait(60)


def now_of() -> Any:
    """The database's clock, as a query."""
    from sqlalchemy import select

    return select(now())


def installation(site: Site, folder: Path) -> Installation:
    """The installation at the site, with one published version of a quick assignment."""
    for part in ("rubrics", "reference"):
        (folder / part / "doubling").mkdir(parents=True)
    (folder / "rubrics" / "doubling" / "rubric.yaml").write_text(yaml.safe_dump(RUBRIC))
    (folder / "reference" / "doubling" / "solution.py").write_text(RIGHT)
    (folder / "reference" / "doubling" / "answer.py").write_text(RIGHT)
    bundle = site.blobs.put([packed(folder, "doubling")])
    with site.database.writing() as session:
        course = Course(slug="dl", title="Deep learning")
        author = Person(email="ines@example.org", name="Ines")
        session.add_all([course, author])
        session.flush()
        assignment = Assignment(course_id=course.id, slug="doubling", title="Doubling")
        session.add(assignment)
        session.flush()
        version = AssignmentVersion(
            assignment_id=assignment.id,
            number=1,
            content_hash="sha256:1",
            bundle_sha256=bundle.sha256,
            outline={},
            max_score=2.0,
            author_id=author.id,
        )
        session.add(version)
        session.flush()
    settings = site.settings
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CHAINRULE_DATA": str(settings.data),
        "CHAINRULE_DATABASE": settings.database,
        "CHAINRULE_REDIS": settings.redis,
        "CHAINRULE_BLOBS": settings.blobs,
        "CHAINRULE_SLOTS": "2",
    }
    return Installation(site, environment, version.id)
