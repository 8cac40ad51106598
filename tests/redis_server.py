"""A real Redis for tests, on a socket of its own."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.broker.progress import Progress
from grader.serving import redis
from tests.waiting import wait_until


@pytest.fixture
def redis_url() -> Iterator[str]:
    """Where an empty Redis listens; it ends with the test."""
    # Not in tmp_path, whose name may be too long for a socket.
    with tempfile.TemporaryDirectory(prefix="chainrule-redis-") as name:
        socket = Path(name, "redis.sock")
        with subprocess.Popen(
            redis.command(redis.executable(), socket), stdout=subprocess.DEVNULL
        ) as server:
            try:
                wait_until(Progress(f"unix://{socket}").answers)
                yield f"unix://{socket}"
            finally:
                server.terminate()
