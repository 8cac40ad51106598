"""How long a broker that does not answer may keep somebody waiting who hands something in."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import kombu.utils.functional
import pytest
from redis.connection import AbstractConnection
from redis.exceptions import TimeoutError as RedisTimeout

from grader.broker.messages import JUDGE, Messages

MOST_S = 1.0


@pytest.fixture
def spent(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were spent, or would have been, on pauses and on answers waited for."""
    spent: list[float] = []
    monkeypatch.setattr(kombu.utils.functional, "sleep", spent.append)
    return spent


@pytest.fixture
def mute() -> Iterator[str]:
    """Where somebody listens and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def test_a_broker_that_cannot_be_reached_is_tried_once_and_not_for_long(
    spent: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(connection: Any, *_: Any, **__: Any) -> None:
        spent.append(connection.socket_connect_timeout)
        raise RedisTimeout("Timeout connecting to server")

    for name in ("connect", "connect_check_health"):
        monkeypatch.setattr(AbstractConnection, name, unreachable)
    messages = Messages("redis://127.0.0.1:1/0")
    for _ in range(2):
        spent.clear()
        assert not messages.send(JUDGE, [(1, "cpu"), (2, "cpu")])
        assert 0 < sum(spent) <= MOST_S


def test_a_broker_that_says_nothing_is_not_waited_for_long(
    spent: list[float], mute: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(connection: Any, *_: Any, **__: Any) -> None:
        spent.append(connection.socket_timeout)
        raise RedisTimeout("Timeout reading from socket")

    monkeypatch.setattr(AbstractConnection, "read_response", silent)
    assert not Messages(mute).send(JUDGE, [(1, "cpu"), (2, "cpu")])
    assert 0 < sum(spent) <= MOST_S
