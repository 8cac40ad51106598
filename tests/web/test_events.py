"""Events: the present state on connecting, every change, an end; and one look for all who watch."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import event
from starlette.testclient import TestClient

from grader.broker.progress import Stage as Told
from grader.db import attempts, leases
from grader.db.models import Attempt, Node, Queue
from grader.services.site import Site
from grader.services.watching import AttemptStage, News, look
from grader.web.watcher import Watcher
from tests.redis_server import redis_url  # noqa: F401 - a fixture
from tests.sites import People, Signed, app_of, client_of, people_of, site_at
from tests.unit._builders import result
from tests.web._work import (  # noqa: F401 - fixtures
    API,
    Recorded,
    assignment,
    fail,
    handed_in,
    judge,
    messages,
    site,
)

DEADLINE_S = 60.0


@pytest.fixture
def app(site: Site) -> Iterator[FastAPI]:  # noqa: F811
    """One that answers in the loop of a test, and not in that of a client."""
    with app_of(site) as app:
        yield app


def in_a_loop(scenario: Any) -> Any:
    """What comes of it, in a thread of its own: a browser that other tests drive has this one's."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, scenario).result()


@dataclass
class Stream:
    """What an application sends to somebody who watches, as it comes."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""
    is_over: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def news(self) -> list[dict[str, Any]]:
        """The events so far."""
        lines = [line for line in self.text.splitlines() if line.startswith("data: ")]
        return [json.loads(line.removeprefix("data: ")) for line in lines]

    @property
    def stages(self) -> list[str]:
        """Their stages."""
        return [one["stage"] for one in self.news]

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait for what is sent to fulfil it."""
        async with asyncio.timeout(DEADLINE_S):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def watching(app: FastAPI, who: Signed, attempt_id: int) -> AsyncIterator[Stream]:
    """Somebody connects, and goes at the end of the block."""
    stream = Stream()
    asked = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if asked:
            return asked.pop()
        await stream.gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            stream.status = message["status"]
            stream.headers = {key.decode(): value.decode() for key, value in message["headers"]}
        else:
            stream.text += message.get("body", b"").decode()
            stream.is_over = not message.get("more_body", False)
        stream.changed.set()

    path = f"{API}/attempts/{attempt_id}/events"
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"authorization", f"Bearer {who.token}".encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    task = asyncio.create_task(app(scope, receive, send))
    try:
        yield stream
    finally:
        stream.gone.set()
        async with asyncio.timeout(DEADLINE_S):
            await task


async def in_thread(work: Callable[..., object], *arguments: object) -> None:
    """Work that waits for a database."""
    await asyncio.to_thread(work, *arguments)


def claimed(site: Site, attempt_id: int) -> None:  # noqa: F811
    with site.database.writing() as session:
        assert leases.take(session, Attempt, attempt_id, "w1", leases.LEASE)


def test_who_watches_hears_of_every_change_until_the_end(
    client: TestClient,
    app: FastAPI,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id)
    first, second = (handed_in(client, who, number) for who in (people.ada, people.bob))

    async def scenario() -> None:
        async with watching(app, people.bob, second["attempt_id"]) as stream:
            await stream.until(lambda: stream.news)
            assert (stream.news[-1]["stage"], stream.news[-1]["position"]) == ("queued", 1)
            await in_thread(claimed, site, first["attempt_id"])
            await stream.until(lambda: stream.news[-1]["position"] == 0)
            await in_thread(judge, site, second["attempt_id"], result())
            await stream.until(lambda: stream.is_over)
            assert stream.stages == ["queued", "queued", "done"]
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert stream.headers["cache-control"] == "no-store"

    in_a_loop(scenario())


def test_cells_and_judging_are_told_as_the_worker_tells_them(
    database_url: str,
    tmp_path: Path,
    redis_url: str,  # noqa: F811
    messages: Recorded,  # noqa: F811
) -> None:
    site = replace(  # noqa: F811
        site_at(database_url, tmp_path, redis_url),
        messages=messages,  # type: ignore[arg-type]
    )
    people = people_of(site)
    with client_of(site) as client:
        one = handed_in(client, people.ada, assignment(site, people.course_id))["attempt_id"]

    async def scenario() -> None:
        async with watching(app, people.ada, one) as stream:
            await stream.until(lambda: stream.news)
            await in_thread(claimed, site, one)
            await stream.until(lambda: stream.stages[-1] == "starting")
            for told in (Told("running", 3, 8), Told("judging", 8, 8, 2, 9, {"ex1": "partial"})):
                await in_thread(site.progress.tell, one, told)
                await stream.until(lambda: stream.stages[-1] == told.stage)  # noqa: B023
            cells, checks = stream.news[-2:]
            assert (cells["cell"], cells["cells"]) == (3, 8)
            assert (checks["checked"], checks["checks"]) == (2, 9)
            assert (cells["exercises"], checks["exercises"]) == ({}, {"ex1": "partial"})
            assert checks["words"] == "The answers are compared. 2 of 9 checks are judged."

    with app_of(site) as app:
        in_a_loop(scenario())
    site.close()


@pytest.mark.parametrize("end", ["done", "failed", "cancelled"])
def test_what_has_ended_is_said_once_and_the_stream_ends(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    end: str,
) -> None:
    one = handed_in(client, people.ada, assignment(site, people.course_id))["attempt_id"]
    if end == "done":
        judge(site, one, result())
    elif end == "failed":
        fail(site, one)
    else:
        client.post(f"{API}/attempts/{one}/cancel", headers=people.ta.headers)

    path = f"{API}/attempts/{one}/events"
    text = client.get(path, headers=people.ada.headers).text
    assert text.count("event: news") == 1
    assert f'"stage":"{end}"' in text
    # A browser connects again when a stream ends; this is how it is told to leave it.
    (last,) = [line for line in text.splitlines() if line.startswith("id: ")]
    again = {**people.ada.headers, "Last-Event-ID": last.removeprefix("id: ")}
    assert client.get(path, headers=again).status_code == 204


def test_who_connects_again_meanwhile_gets_the_present_state(
    client: TestClient,
    app: FastAPI,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    one = handed_in(client, people.ada, assignment(site, people.course_id))["attempt_id"]

    async def scenario() -> None:
        for _ in range(2):
            async with watching(app, people.ada, one) as stream:
                await stream.until(lambda: stream.stages == ["queued"])
        await in_thread(claimed, site, one)
        async with watching(app, people.ada, one) as stream:
            await stream.until(lambda: stream.stages == ["starting"])

    in_a_loop(scenario())


def test_what_waits_is_told_so_while_no_worker_takes_anything(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id)
    one = handed_in(client, people.ada, number)["attempt_id"]

    def words() -> str:
        return look(site, [one])[one].words

    stands = "It is next. Nothing is judged at present"
    assert words().startswith(stands)
    with site.database.writing() as session:
        session.add(Node(name="n1", queues="cpu", facts={}))
    assert words() == "It is next."
    with site.database.writing() as session:
        session.get_one(Node, "n1").draining = True
    assert words().startswith(stands)


def test_what_needs_a_gpu_is_told_so_while_no_worker_has_one(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id, queue=Queue.GPU)
    one = handed_in(client, people.ada, number)["attempt_id"]

    def stage() -> AttemptStage:
        return look(site, [one])[one].stage

    assert stage() is AttemptStage.WAITING_FOR_GPU
    with site.database.writing() as session:
        session.add(Node(name="n1", queues="cpu,gpu", facts={}))
    assert stage() is AttemptStage.QUEUED
    with site.database.writing() as session:
        session.get_one(Node, "n1").seen_at -= 2 * site.settings.lease
    assert stage() is AttemptStage.WAITING_FOR_GPU
    with site.database.writing() as session:
        node = session.get_one(Node, "n1")
        node.seen_at += 2 * site.settings.lease
        node.draining = True
    assert stage() is AttemptStage.WAITING_FOR_GPU
    with site.database.writing() as session:
        node = session.get_one(Node, "n1")
        node.draining = False
        node.facts = {"unfit": [session.get_one(Attempt, one).version_id]}
    assert stage() is AttemptStage.WAITING_FOR_GPU
    with site.database.writing() as session:
        session.add(Node(name="n2", queues="gpu", facts={}))
    assert stage() is AttemptStage.QUEUED


def test_a_client_that_has_gone_is_noticed_and_nobody_is_asked_for_any_more(
    client: TestClient,
    app: FastAPI,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    one = handed_in(client, people.ada, assignment(site, people.course_id))["attempt_id"]

    async def scenario() -> None:
        watcher: Watcher = app.state.watcher
        async with watching(app, people.ada, one) as stream:
            await stream.until(lambda: stream.news)
            assert watcher.is_looking
        async with asyncio.timeout(DEADLINE_S):
            while watcher.is_looking:
                await asyncio.sleep(0.01)

    in_a_loop(scenario())


def test_nothing_is_sent_for_long_but_that_the_stream_is_alive(
    client: TestClient,
    app: FastAPI,
    people: People,
    site: Site,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("grader.web.api.events._HEARTBEAT_S", 0.01)
    one = handed_in(client, people.ada, assignment(site, people.course_id))["attempt_id"]

    async def scenario() -> None:
        async with watching(app, people.ada, one) as stream:
            await stream.until(lambda: stream.news and stream.text.endswith(": still here\n\n"))
            assert len(stream.news) == 1

    in_a_loop(scenario())


def test_one_person_has_so_many_streams_and_no_more(
    client: TestClient,
    app: FastAPI,
    people: People,
    site: Site,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("grader.web.watcher._MOST_STREAMS", 1)
    number = assignment(site, people.course_id)
    one, other = (handed_in(client, who, number) for who in (people.ada, people.bob))

    async def scenario() -> None:
        async with watching(app, people.ada, one["attempt_id"]) as first:
            await first.until(lambda: first.news)
            async with watching(app, people.ada, one["attempt_id"]) as second:
                await second.until(lambda: second.is_over)
                assert second.status == 429
                assert "retry-after" in second.headers
            async with watching(app, people.bob, other["attempt_id"]) as third:
                await third.until(lambda: third.news)
        async with watching(app, people.ada, one["attempt_id"]) as again:
            await again.until(lambda: again.news)

    in_a_loop(scenario())


def test_many_streams_at_one_moment_are_no_more_than_one_after_the_other(
    client: TestClient,
    app: FastAPI,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    one = handed_in(client, people.ada, assignment(site, people.course_id))["attempt_id"]

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            streams = [
                await stack.enter_async_context(watching(app, people.ada, one)) for _ in range(12)
            ]
            for stream in streams:
                await stream.until(lambda: stream.status)  # noqa: B023
            assert sorted(stream.status for stream in streams) == [200] * 10 + [429] * 2
        assert not app.state.watcher._of_person

    in_a_loop(scenario())


def test_others_attempts_are_not_watched(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    one = handed_in(client, people.ada, assignment(site, people.course_id))["attempt_id"]
    for who in (people.bob, people.outside_instructor):
        answer = client.get(f"{API}/attempts/{one}/events", headers=who.headers)
        assert answer.status_code == 404
    assert client.get(f"{API}/attempts/{one}/events").status_code == 401


@pytest.fixture
def statements(site: Site) -> Iterator[list[str]]:  # noqa: F811
    """What is asked of the database."""
    seen: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        seen.append(statement)

    event.listen(site.database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(site.database.engine, "before_cursor_execute", note)


def test_a_look_at_many_asks_no_more_often_than_at_one(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    statements: list[str],
) -> None:
    number = assignment(site, people.course_id)
    ids = [handed_in(client, people.ada, number)["attempt_id"] for _ in range(6)]

    statements.clear()
    look(site, ids[:1])
    for_one = len(statements)
    statements.clear()
    news = look(site, ids)
    assert len(statements) == for_one <= 5
    with site.database.reading() as session:
        expected = [attempts.position(session, one) for one in ids]
    assert [news[one].position for one in ids] == expected


def test_500_who_watch_are_one_look_at_a_time() -> None:
    asked: list[Collection[int]] = []

    def looked(ids: Collection[int]) -> dict[int, News]:
        asked.append(ids)
        return {one: News(attempt_id=one, stage=AttemptStage.DONE, words="") for one in ids}

    async def scenario() -> None:
        watcher = Watcher(looked)

        async def watch(number: int) -> News | None:
            with watcher.watching(number % 100) as stream:
                return await stream.next(DEADLINE_S)

        found = await asyncio.gather(*(watch(number) for number in range(500)))
        assert [one and one.attempt_id for one in found] == [n % 100 for n in range(500)]
        assert len(asked) == 1
        assert sorted(asked[0]) == list(range(100))

    in_a_loop(scenario())


def test_many_are_told_a_few_at_a_time_and_requests_have_turns_between() -> None:
    def looked(ids: Collection[int]) -> dict[int, News]:
        return {one: News(attempt_id=one, stage=AttemptStage.DONE, words="") for one in ids}

    async def scenario() -> None:
        watcher = Watcher(looked)
        told = 0

        async def watch(number: int) -> None:
            nonlocal told
            with watcher.watching(number) as stream:
                await stream.next(DEADLINE_S)
                told += 1

        async def request() -> None:
            while not told:
                await asyncio.sleep(0)
            assert told <= 10  # and the other ninety have yet to hear of it

        await asyncio.gather(*(watch(number) for number in range(100)), request())
        assert told == 100

    in_a_loop(scenario())


def test_a_look_that_takes_long_is_followed_by_a_longer_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("grader.web.watcher._EVERY_S", 0.001)
    began: list[float] = []

    def looked(_: Collection[int]) -> dict[int, News]:
        began.append(time.monotonic())
        time.sleep(0.02)
        stage = AttemptStage.DONE if len(began) == 2 else AttemptStage.STARTING
        return {1: News(attempt_id=1, stage=stage, words="")}

    async def scenario() -> None:
        with Watcher(looked).watching(1) as stream:
            while (news := await stream.next(DEADLINE_S)) and not news.is_last:
                pass

    in_a_loop(scenario())
    assert began[1] - began[0] >= 9 * 0.02


def test_a_place_in_the_queue_is_told_when_it_has_changed_by_a_tenth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("grader.web.watcher._EVERY_S", 0.001)
    places = iter([300, 299, 270, 269, 268, 12, 11, 10, 9, 8, 7])
    ends = AttemptStage.DONE

    def looked(_: Collection[int]) -> dict[int, News]:
        place = next(places, None)
        stage = ends if place is None else AttemptStage.QUEUED
        return {1: News(attempt_id=1, stage=stage, words="", position=place)}

    async def scenario() -> list[int | None]:
        told = []
        with Watcher(looked).watching(1) as stream:
            while (news := await stream.next(DEADLINE_S)) and news.stage is not ends:
                told.append(news.position)
        return told

    assert in_a_loop(scenario()) == [300, 269, 12, 10, 8, 7]


def test_a_look_that_fails_is_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grader.web.watcher._EVERY_S", 0.001)
    answers = iter(
        [OSError("no database"), {1: News(attempt_id=1, stage=AttemptStage.DONE, words="")}]
    )

    def looked(_: Collection[int]) -> dict[int, News]:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def scenario() -> None:
        with Watcher(looked).watching(1) as stream:
            found = await stream.next(DEADLINE_S)
            assert found is not None
            assert found.stage is AttemptStage.DONE

    in_a_loop(scenario())
