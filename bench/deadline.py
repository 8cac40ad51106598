"""A deadline: 2,000 submissions by 500 students within minutes, among readers, by `serve`.

    python -m bench.deadline [--database URL] [--submissions N] [--students N] [--seconds N]

Uploads come ever faster towards the deadline, half of them in the last quarter of the time. Each
student follows the news of their attempt to its end, as a page does, and reads the result; staff
look at lists and the gradebook. In the end every receipt is looked for in the database. The load
comes from this process, on the same machine: it goes before what it measures where it may, as
people's own machines do not wait for the server's, and says how late it was itself. The drain's
rate counts from the first verdict to the last.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx
from sqlalchemy import func, select

from bench import submissions
from grader.config import Settings, load_settings
from grader.db.models import Assignment, Attempt, AttemptState, Enrolment, Person, Role, Submission
from grader.services.access import Actor, Right
from grader.services.people import issue_token
from grader.services.site import Site, open_site

ROOT = Path(__file__).parent.parent
_SLUG = "uw-cse447-a0"
_PORT = 8417
_STAFF_S = 2.0
_TICK_S = 0.05


@dataclass
class Seen:
    """What the clients saw."""

    uploads: list[float] = field(default_factory=list)
    uploaded_at: list[float] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)
    receipts: list[dict[str, Any]] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)
    errors: Counter[str] = field(default_factory=Counter)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.deadline", description=__doc__.splitlines()[0])
    parser.add_argument("--database", help="default: SQLite in a temporary folder")
    parser.add_argument("--submissions", type=int, default=2000)
    parser.add_argument("--students", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=240)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chainrule-deadline-") as name:
        environment = {
            **os.environ,
            "CHAINRULE_DATA": name,
            "CHAINRULE_LISTEN": f"127.0.0.1:{_PORT}",
            "CHAINRULE_LOG": "json",
            **({"CHAINRULE_DATABASE": chosen.database} if chosen.database else {}),
        }
        with Path(name, "serve.log").open("wb") as log:
            server = subprocess.Popen(
                [sys.executable, "-P", "-m", "grader.cli", "serve"],
                env=environment,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
            )
            try:
                _until_ready(server)
                _measure(load_settings(environment), chosen)
            finally:
                server.send_signal(signal.SIGINT)
                server.wait()


def _until_ready(server: subprocess.Popen[bytes]) -> None:
    assert server.stdout is not None
    for line in server.stdout:
        if b"Ctrl-C" in line:
            return
    sys.exit("chainrule serve did not start")


def _measure(settings: Settings, chosen: argparse.Namespace) -> None:
    site = open_site(settings)
    try:
        assignment_id, course_id, tokens, staff = _people(site, chosen.students)
        seen, began = Seen(), time.perf_counter()
        _go_first()
        asyncio.run(_deadline(settings, chosen, assignment_id, course_id, tokens, staff, seen))
        handed_in = time.perf_counter() - began
        while _open(site, assignment_id):
            time.sleep(0.5)
        _report(site, assignment_id, chosen, seen, handed_in, time.perf_counter() - began)
    finally:
        site.close()


def _go_first() -> None:
    """The server runs already, and stays as it is."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        print("the load waits its turn like everybody: it may not go first")


def _people(site: Site, count: int) -> tuple[int, int, list[str], str]:
    """The assignment, its course, and the tokens of so many students and of a TA."""
    with site.database.writing() as session:
        assignment = session.scalars(select(Assignment).where(Assignment.slug == _SLUG)).one()
        made = [Person(email=f"s{n}@bench.example", name=f"Student {n}") for n in range(count + 1)]
        session.add_all(made)
        session.flush()
        for n, person in enumerate(made):
            role = Role.STUDENT if n < count else Role.TA
            session.add(Enrolment(course_id=assignment.course_id, person_id=person.id, role=role))
    lasts = timedelta(days=1)
    *tokens, staff = (
        issue_token(site, Actor(one.id, one.name), "bench", frozenset(Right), lasts).secret
        for one in made
    )
    return assignment.id, assignment.course_id, tokens, staff


async def _deadline(
    settings: Settings,
    chosen: argparse.Namespace,
    assignment_id: int,
    course_id: int,
    tokens: list[str],
    staff: str,
    seen: Seen,
) -> None:
    draw = random.Random(0)
    # The square root of a uniform moment, squared again: half of all in the last quarter.
    moments = sorted(chosen.seconds * draw.random() ** 0.4 for _ in range(chosen.submissions))
    over = asyncio.Event()
    limits = httpx.Limits(max_connections=2000, max_keepalive_connections=50)
    async with httpx.AsyncClient(base_url=settings.url, limits=limits, timeout=30) as client:
        lateness = asyncio.create_task(_late(over, seen))
        readers = asyncio.create_task(_staff(client, course_id, assignment_id, staff, over, seen))
        began = time.perf_counter()
        students: set[asyncio.Task[None]] = set()
        for number, at in enumerate(moments):
            await asyncio.sleep(max(0.0, began + at - time.perf_counter()))
            token = tokens[number % len(tokens)]
            student = asyncio.create_task(
                _student(client, assignment_id, token, number, over, seen)
            )
            students.add(student)
            student.add_done_callback(students.discard)
        over.set()
        await asyncio.gather(readers, *students)
    await lateness


async def _late(over: asyncio.Event, seen: Seen) -> None:
    """How late this process is for what it wants to do; times that it measures hold as much."""
    while not over.is_set():
        began = time.perf_counter()
        await asyncio.sleep(_TICK_S)
        seen.lateness.append(time.perf_counter() - began - _TICK_S)


async def _student(
    client: httpx.AsyncClient,
    assignment_id: int,
    token: str,
    number: int,
    over: asyncio.Event,
    seen: Seen,
) -> None:
    """Hand in, follow the news until it is judged, as a page does, and read what came out."""
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"bench-{number}"}
    source = f"{submissions.UNTRAINED}\n# {number}\n".encode()
    answer = await _asked(
        client.post(
            f"/api/v1/assignments/{assignment_id}/submissions",
            files={"file": ("a0.py", source)},
            headers=headers,
        ),
        seen.uploads,
        seen,
        202,
    )
    if answer is None:
        return
    seen.uploaded_at.append(time.perf_counter() - seen.began)
    seen.receipts.append(answer.json())
    await _followed(client, answer.json()["attempt_url"], headers, seen)
    if over.is_set():
        return
    for path in (answer.json()["url"], f"{answer.json()['url']}/result"):
        await _asked(client.get(path, headers=headers), seen.reads, seen)


async def _followed(
    client: httpx.AsyncClient, attempt_url: str, headers: dict[str, str], seen: Seen
) -> None:
    """Read the stream of news to its end; what counts as a read is the time to the first of it."""
    began = time.perf_counter()
    try:
        async with client.stream("GET", f"{attempt_url}/events", headers=headers) as stream:
            if stream.status_code != 200:
                seen.errors[f"events {stream.status_code}"] += 1
                return
            first = True
            async for _ in stream.aiter_bytes():
                if first:
                    seen.reads.append(time.perf_counter() - began)
                    first = False
    except httpx.HTTPError as error:
        seen.errors[f"events {type(error).__name__}"] += 1


async def _staff(
    client: httpx.AsyncClient,
    course_id: int,
    assignment_id: int,
    token: str,
    over: asyncio.Event,
    seen: Seen,
) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    paths = (
        f"/api/v1/assignments/{assignment_id}/submissions",
        f"/api/v1/courses/{course_id}/gradebook",
    )
    while not over.is_set():
        for path in paths:
            await _asked(client.get(path, headers=headers), seen.reads, seen)
        await asyncio.sleep(_STAFF_S)


async def _asked(
    request: Any, times: list[float], seen: Seen, status: int = 200
) -> httpx.Response | None:
    began = time.perf_counter()
    try:
        answer: httpx.Response = await request
    except httpx.HTTPError as error:
        seen.errors[type(error).__name__] += 1
        return None
    times.append(time.perf_counter() - began)
    if answer.status_code != status:
        seen.errors[str(answer.status_code)] += 1
        return None
    return answer


def _open(site: Site, assignment_id: int) -> int:
    waiting = (
        select(func.count())
        .select_from(Attempt)
        .join(Submission, Submission.id == Attempt.submission_id)
        .where(
            Submission.assignment_id == assignment_id,
            Attempt.state.in_([AttemptState.QUEUED, AttemptState.RUNNING]),
        )
    )
    with site.database.reading() as session:
        return session.scalars(waiting).one()


def _report(
    site: Site,
    assignment_id: int,
    chosen: argparse.Namespace,
    seen: Seen,
    handed_in_s: float,
    drained_s: float,
) -> None:
    with site.database.reading() as session:
        rows = {
            row.id: row.sha256
            for row in session.scalars(
                select(Submission).where(Submission.assignment_id == assignment_id)
            )
        }
        ends = session.execute(
            select(Attempt.state, func.count())
            .join(Submission, Submission.id == Attempt.submission_id)
            .where(Submission.assignment_id == assignment_id)
            .group_by(Attempt.state)
        ).all()
        first, last = session.execute(
            select(func.min(Attempt.finished_at), func.max(Attempt.finished_at))
        ).one()
    assert first is not None, "nothing was judged"
    assert last is not None
    lost = [one for one in seen.receipts if rows.get(one["id"]) != one["sha256"]]
    rate = (len(rows) - 1) / (last - first).total_seconds()
    print(f"handed in: {len(seen.uploads)} of {chosen.submissions} in {handed_in_s:.0f} s")
    print(f"errors: {dict(seen.errors) or 'none'}; receipts lost: {len(lost)}")
    print(f"uploads, ms: {_quantiles(seen.uploads)} (aim: p99 under 300)")
    print(f"the slowest of these, s after the start: {_slowest(seen)}")
    print(f"reads ({len(seen.reads)}), ms: {_quantiles(seen.reads)}")
    print(f"of that the load's own lateness, ms: {_quantiles(seen.lateness)}")
    print(f"ends: {', '.join(f'{state} {count}' for state, count in ends)}")
    print(f"all judged after {drained_s:.0f} s, {rate:.1f} a second")


def _slowest(seen: Seen, number: int = 20) -> str:
    """When the slowest uploads ended: whether they come together tells what they waited for."""
    if len(seen.uploaded_at) != len(seen.uploads):
        return "not all were answered"
    pairs = sorted(zip(seen.uploads, seen.uploaded_at, strict=True), reverse=True)[:number]
    return ", ".join(f"{at:.0f}" for at in sorted(at for _, at in pairs))


def _quantiles(times: list[float]) -> str:
    parts = statistics.quantiles(times, n=100)
    return f"p50 {1000 * parts[49]:.0f}, p95 {1000 * parts[94]:.0f}, p99 {1000 * parts[98]:.0f}"


if __name__ == "__main__":
    main()
