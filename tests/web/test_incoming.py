"""Files as they come in: nothing is read of who may not send one, nor of too many at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI

from grader.services.site import Site
from grader.web import incoming
from tests.sites import People, Signed, app_of
from tests.web._work import API, assignment, messages, notebook, site  # noqa: F401 - fixtures

FORM = b"multipart/form-data; boundary=b"
HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a0.ipynb"\r\n\r\n'


@pytest.fixture
def app(site: Site) -> Iterator[FastAPI]:  # noqa: F811
    """One that answers in the loop of a test."""
    with app_of(site) as app:
        yield app


class Sending:
    """Somebody sends a file; nothing of it comes before `go` is set."""

    def __init__(self, app: FastAPI, who: Signed | None, number: int, said: int | None) -> None:
        self.content = HEAD + notebook("x = 1") + b"\r\n--b--\r\n"
        self.go = asyncio.Event()
        self.asked = asyncio.Event()
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        headers = [(b"content-type", FORM)]
        if said is not None:
            headers.append((b"content-length", b"%d" % said))
        if who is not None:
            headers.append((b"authorization", f"Bearer {who.token}".encode()))
        path = f"{API}/assignments/{number}/submissions"
        scope: dict[str, Any] = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }
        self.task = asyncio.create_task(app(scope, self._receive, self._send))

    async def begun(self) -> Sending:
        """As soon as it is answered, or something of it is asked for."""
        asked = asyncio.create_task(self.asked.wait())
        await asyncio.wait({asked, self.task}, return_when="FIRST_COMPLETED")
        asked.cancel()
        return self

    async def _receive(self) -> dict[str, Any]:
        self.asked.set()
        await self.go.wait()
        return {"type": "http.request", "body": self.content, "more_body": False}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self.body += message.get("body", b"")


def in_a_loop(scenario: Any) -> None:
    """Run it in a thread of its own: a browser that other tests drive has this one's."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, scenario).result()


def test_nothing_is_read_of_who_may_not_hand_in_or_says_that_it_is_too_much(
    app: FastAPI,
    people: People,
    site: Site,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number = assignment(site, people.course_id)
    draft = assignment(site, people.other_course_id, is_published=False)

    async def scenario() -> None:
        refused = [
            (None, number, 1000, 401),
            (people.outsider, number, 2 << 20, 404),
            (people.outsider, number, None, 404),
            (people.outsider, draft, 2 << 20, 404),
            (people.ada, number, 17 << 20, 413),
            (people.ada, number, 33 << 20, 413),
        ]
        for who, where, said, status in refused:
            one = await Sending(app, who, where, said).begun()
            assert (one.status, one.asked.is_set()) == (status, False)
        monkeypatch.setattr("grader.services.submissions._UPLOADS", 0)
        monkeypatch.setattr(site.throttle, "wait", lambda *_, most, window: most or window)
        one = await Sending(app, people.ada, number, 1000).begun()
        assert (one.status, one.asked.is_set()) == (429, False)

    in_a_loop(scenario())


def test_of_one_person_ten_files_come_at_a_time_and_others_are_not_held_up(
    app: FastAPI,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id)

    async def scenario() -> None:
        first = [await Sending(app, people.ada, number, 5000).begun() for _ in range(10)]
        assert all(one.asked.is_set() for one in first)
        eleventh = await Sending(app, people.ada, number, 5000).begun()
        assert (eleventh.status, eleventh.asked.is_set()) == (429, False)
        assert 0 < int(eleventh.headers[b"retry-after"]) <= 10
        other = await Sending(app, people.bob, number, 5000).begun()
        for one in (*first, other):
            one.go.set()
            await one.task
            assert one.status == 202
        again = await Sending(app, people.ada, number, 5000).begun()
        assert again.asked.is_set()
        again.go.set()
        await again.task

    in_a_loop(scenario())


@pytest.mark.parametrize("bound", ["_MOST_IN_ALL", "_MOST_IN_MEMORY"])
def test_where_very_many_send_at_once_who_comes_last_is_told_when_to_come_again(
    app: FastAPI,
    people: People,
    site: Site,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    bound: str,
) -> None:
    number = assignment(site, people.course_id)
    monkeypatch.setattr(incoming, bound, 1 << 20)

    async def scenario() -> None:
        first = await Sending(app, people.bob, number, 1 << 20).begun()
        last = await Sending(app, people.ada, number, 5000).begun()
        assert (first.asked.is_set(), last.status, last.asked.is_set()) == (True, 503, False)
        assert 0 < int(last.headers[b"retry-after"]) <= 10
        assert "try again soon" in json.loads(last.body)["detail"]
        first.go.set()
        await first.task
        again = await Sending(app, people.ada, number, 5000).begun()
        again.go.set()
        await again.task
        assert again.status == 202

    in_a_loop(scenario())


def test_who_does_not_say_how_large_a_file_is_is_counted_as_for_the_largest() -> None:
    bodies = incoming.Bodies()
    one = incoming.Incoming(None, 32 << 20, bodies)
    one.allow(1, 17 << 20)
    assert (bodies._in_all, bodies._in_memory, one.limit) == (17 << 20, 1 << 20, 17 << 20)
    one.over()
    assert (bodies._in_all, bodies._in_memory, bodies._of_person) == (0, 0, {})
