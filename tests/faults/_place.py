"""An installation of real processes, each of which a test can hurt, and what is left of it."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import yaml
from sqlalchemy import select

from grader.broker.messages import JUDGE
from grader.broker.progress import Stage
from grader.db.models import Attempt, AttemptState, Node, Result
from grader.db.session import moment
from grader.services import assignments, overrides, submissions, versions
from grader.services.bundles import packed
from grader.services.reconciling import reconcile, sweep_blobs
from grader.services.schema import migrate
from grader.services.site import Site
from tests.faults._invariants import ENDS, Receipt, Receipts, what_is_broken
from tests.faults._leftovers import Leftovers
from tests.faults._parts import ROOT, PostgresServer, Process, RedisServer, SmallDisk
from tests.sandbox.host import eventually
from tests.sites import People, Signed, people_of, site_at
from tests.unit._builders import code, notebook
from tests.waiting import wait_until

RIGHT = "def double(x):\n    return 2 * x"
WRONG = "def double(x):\n    return x"

_LEASE_S = 3
_LOST_AFTER = timedelta(seconds=1)
_RUBRIC = {
    "title": "Doubling",
    "limits": {"wall_s": 90, "cell_s": 90, "memory_bytes": 256 << 20, "disk_bytes": 4 << 20},
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


def busy_until(moment: float) -> str:
    """A cell that runs until then by the clock, and no longer when it is run again later."""
    return f"import time\nwhile time.time() < {moment}:\n    time.sleep(0.02)"


class _Lost:
    """In the place of messages, which don't get anywhere."""

    def send(self, task: str, rows: Iterable[tuple[int, str]]) -> bool:
        """It seems to."""
        return True


class Place:
    """What tests do to the installation, and see of it."""

    def __init__(
        self,
        site: Site,
        folder: Path,
        redis: RedisServer,
        disk: SmallDisk | None,
        postgres: PostgresServer | None,
        strength: int,
    ) -> None:
        self.site = site
        self.redis = redis
        self._disk = disk
        self.postgres = postgres
        self._strength = strength
        self.folder = folder
        self._logs = folder / "logs"
        self._logs.mkdir()
        self.receipts = Receipts()
        self.workers: dict[str, Process] = {}
        self._numbers = itertools.count(1)
        self._scratch = folder / "tmp"
        self._scratch.mkdir()
        self.leftovers = Leftovers(self._scratch)
        self.people: People = people_of(site)
        self.assignment_id, self.version_id = _assignment(site, self.people, folder / "bundle")

    @property
    def environment(self) -> dict[str, str]:
        """That of its processes."""
        settings = self.site.settings
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(self._scratch),
            "CHAINRULE_DATA": str(settings.data),
            "CHAINRULE_DATABASE": settings.database,
            "CHAINRULE_REDIS": settings.redis,
            "CHAINRULE_BLOBS": settings.blobs,
            "CHAINRULE_LEASE_S": str(_LEASE_S),
            "CHAINRULE_SLOTS": "1",
            "CHAINRULE_LOG": "json",
        }

    def move_to(self, site: Site, receipts: Receipts) -> None:
        """Have it be that installation from now on, which knows of these receipts."""
        self.site.close()
        self.site, self.receipts = site, receipts

    @property
    def disk(self) -> SmallDisk:
        """The one that it keeps its blobs on."""
        assert self._disk is not None
        return self._disk

    def process(self, command: str, name: str, **more: str) -> Process:
        """One of its own, with a log of its own."""
        environment = {**self.environment, "CHAINRULE_NODE": name, **more}
        return Process(command, environment, self._logs / f"{name}.log")

    def print_logs(self) -> None:
        """For whoever has to find out why a test failed."""
        for log in sorted(self._logs.iterdir()):
            print(log.name, *log.read_text().splitlines()[-40:], sep="\n", end="\n\n")

    # Handing in.

    def hand_in(self, *cells: str, who: Signed | None = None, send: bool = True) -> int:
        """The attempt of a submission for which there is a receipt now.

        Its message is sent unless it is to be lost.
        """
        content = notebook(*(code(cell) for cell in cells))
        receipt = submissions.submit(
            self.site if send else replace(self.site, messages=_Lost()),
            (who or self.people.ada).actor,
            self.assignment_id,
            name="a0.ipynb",
            content=[content],
        )
        self.keep(receipt)
        return receipt.attempt_id

    def keep(self, receipt: submissions.Receipt) -> None:
        """From now on it has to be honoured."""
        row = receipt.submission
        self.receipts.given.append(Receipt(row.id, row.sha256, row.received_at, receipt.lateness))

    def send(self, attempt_id: int, times: int = 1) -> None:
        """Messages that name it."""
        assert self.site.messages.send(JUDGE, [(attempt_id, "cpu")] * times)

    def hurt_while_it_runs(self, hurt: Callable[[int], object]) -> int:
        """Do that to an attempt, given by its id, whose submission runs; that attempt.

        On a machine with much else to do it may have ended too soon: then another one, which runs
        for longer.
        """
        for lasts_s in (4.0, 12.0, 40.0):
            until = time.time() + lasts_s
            attempt_id = self.hand_in(busy_until(until), RIGHT)
            wait_until(lambda one=attempt_id: self._in_first_cell(one) or self._has_ended(one))
            if time.time() < until - 1 and self.row(attempt_id).state is AttemptState.RUNNING:
                hurt(attempt_id)
                return attempt_id
        raise AssertionError("this machine is too busy to hurt anything in time")

    def _in_first_cell(self, attempt_id: int) -> bool:
        return self.site.progress.of([attempt_id]).get(attempt_id) == Stage("running", 1, 2)

    def _has_ended(self, attempt_id: int) -> bool:
        return self.row(attempt_id).state in ENDS

    # Looking.

    def row(self, attempt_id: int) -> Attempt:
        """The attempt as it is now."""
        with self.site.database.reading() as session:
            return session.get_one(Attempt, attempt_id)

    def result(self, attempt_id: int) -> Result | None:
        """What its submission has against its version."""
        attempt = self.row(attempt_id)
        with self.site.database.reading() as session:
            return session.get(Result, (attempt.submission_id, attempt.version_id))

    def score(self, attempt_id: int) -> float | None:
        """Of that, once everything has ended."""
        self.settle()
        result = self.result(attempt_id)
        return None if result is None else result.score

    def holder(self, attempt_id: int) -> Process:
        """The worker that has claimed it."""
        name = self.row(attempt_id).worker
        assert name
        return self.workers[name]

    def notebook(self, attempt_id: int) -> str:
        """The executed notebook of its submission."""
        result = self.result(attempt_id)
        assert result is not None
        assert result.notebook is not None
        return self.site.blobs.read(result.notebook).decode()

    def await_claim(self, attempt_id: int, fence: int) -> None:
        """Somebody has claimed it that many times, and holds it."""
        wait_until(
            lambda: (
                (row := self.row(attempt_id)).fence >= fence and row.state is AttemptState.RUNNING
            )
        )

    def database_clock(self) -> datetime:
        """The moment that it is there."""
        with self.site.database.reading() as session:
            return moment(session)

    def open_ones(self) -> list[int]:
        """Attempts that have not ended."""
        with self.site.database.reading() as session:
            return list(session.scalars(select(Attempt.id).where(Attempt.state.not_in(ENDS))))

    # Workers and the web.

    def start_worker(self, **more: str) -> str:
        """A worker that starts; its name, which none had before."""
        name = f"w{next(self._numbers)}"
        self.workers[name] = self.process("worker", name, **more)
        return name

    def await_worker(self, name: str) -> Process:
        """It has announced itself, and takes work."""
        worker = self.workers[name]
        wait_until(lambda: not worker.runs or self.node(name))
        assert worker.runs
        return worker

    def node(self, name: str) -> Node | None:
        """A worker as it announced itself."""
        with self.site.database.reading() as session:
            return session.get(Node, name)

    def replace_the_dead(self) -> None:
        """Have as many workers as there should be; fresh ones need a while to start."""
        self.workers = {name: one for name, one in self.workers.items() if one.runs}
        while len(self.workers) < self._strength:
            self.start_worker()

    def at_full_strength(self) -> None:
        """All workers are ready for work."""
        self.replace_the_dead()
        for name in self.workers:
            self.await_worker(name)
        self.leftovers.look()

    @contextmanager
    def only(self, name: str) -> Iterator[None]:
        """The other workers take nothing meanwhile."""
        others = [one for one in self.workers if one != name]
        self._drain(others, True)
        try:
            yield
        finally:
            self._drain(others, False)

    def _drain(self, names: list[str], draining: bool) -> None:
        with self.site.database.writing() as session:
            for name in names:
                session.get_one(Node, name).draining = draining

    # Coming to rest.

    @contextmanager
    def reconciled(self) -> Iterator[None]:
        """Round after round, more often than in earnest, and whatever fails."""
        over = threading.Event()

        def rounds() -> None:
            while not over.wait(0.2):
                with contextlib.suppress(Exception):
                    reconcile(self.site, lost_after=_LOST_AFTER)

        thread = threading.Thread(target=rounds)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def settle(self) -> None:
        """Every attempt has come to an end."""
        self.replace_the_dead()
        with self.reconciled():
            wait_until(lambda: not self.open_ones())

    def what_is_wrong(self) -> list[str]:
        """With all that was handed in, once it has come to rest and the dead are replaced."""
        self.settle()
        self.at_full_strength()
        sweep_blobs(self.site, unused_for=timedelta(seconds=-5))  # whatever nobody refers to
        broken = what_is_broken(self.site, self.receipts)
        self.receipts.note_the_log(self.site)
        pids = {one.pid for one in self.workers.values() if one.runs}
        eventually(lambda: not self.leftovers.of_others_than(pids))
        return broken + self.leftovers.of_others_than(pids)

    def give_points(self, attempt_id: int, score: float) -> None:
        """Somebody gives points for its exercise."""
        overrides.give(
            self.site,
            self.people.ta.actor,
            self.row(attempt_id).submission_id,
            exercise="ex1",
            score=score,
            reason="a slip of the pen",
        )

    def close(self) -> None:
        """End everything in order."""
        for worker in self.workers.values():
            if worker.runs:
                worker.tell_to_end()
        for worker in self.workers.values():
            worker.end()


def _assignment(site: Site, people: People, folder: Path) -> tuple[int, int]:
    """A quick assignment with a published version, by the services' own use cases."""
    for part in ("rubrics", "reference"):
        (folder / part / "doubling").mkdir(parents=True)
    (folder / "rubrics" / "doubling" / "rubric.yaml").write_text(yaml.safe_dump(_RUBRIC))
    for name in ("solution.py", "answer.py"):
        (folder / "reference" / "doubling" / name).write_text(RIGHT)
    who = people.instructor.actor
    made = assignments.create_assignment(
        site, who, people.course_id, slug="doubling", title="Doubling"
    )
    zipped = io.BytesIO(packed(folder, "doubling"))
    tried, _ = versions.upload_version(site, who, made.assignment.id, zipped)
    versions.publish_version(site, who, tried.version.id, "a test")
    return made.assignment.id, tried.version.id


def place_at(
    database: str,
    folder: Path,
    redis: RedisServer,
    *,
    disk: SmallDisk | None = None,
    postgres: PostgresServer | None = None,
    strength: int = 2,
) -> Place:
    """An installation on a database without a schema, with that many workers.

    Its blobs are on the disk, or in the folder where it has none of its own.
    """
    blobs = (disk.folder if disk else folder) / "blobs"
    site = site_of(database, folder / "data", redis, blobs)
    migrate(site)
    return Place(site, folder, redis, disk, postgres, strength)


def site_of(database: str, data: Path, redis: RedisServer, blobs: Path) -> Site:
    """As the tests' own process sees an installation."""
    return site_at(database, data, redis.url, LEASE_S=str(_LEASE_S), NODE="tests", BLOBS=str(blobs))
