"""The API of an installation in a process of its own, which may be killed at any moment."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.faults._place import Place
from tests.unit._builders import code, notebook
from tests.waiting import wait_until


@contextmanager
def web_of(place: Place) -> Iterator[Web]:
    """It answers; what of it runs is ended after the block."""
    made = Web(place)
    made.start()
    try:
        yield made
    finally:
        made.process.end()


class Web:
    """The process, and a client of it that is a student."""

    def __init__(self, place: Place) -> None:
        self._place = place
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    def start(self) -> None:
        """Return when it answers."""
        listen = f"127.0.0.1:{self.port}"
        self.process = self._place.process("web", "web", CHAINRULE_LISTEN=listen)
        wait_until(lambda: not self.process.runs or self._answers())
        assert self.process.runs

    def begin_upload(self, cells: tuple[str, ...], key: str, *, part: float) -> socket.socket:
        """Send so much of a request; the connection."""
        content = notebook(*(code(cell) for cell in cells))
        body = (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a0.ipynb"\r\n\r\n'
            + content
            + b"\r\n--x--\r\n"
        )
        head = (
            f"POST /api/v1/assignments/{self._place.assignment_id}/submissions HTTP/1.1\r\n"
            f"Host: 127.0.0.1\r\nAuthorization: Bearer {self._place.people.bob.token}\r\n"
            f"Idempotency-Key: {key}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        ).encode()
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection.sendall(head + body[: int(part * len(body))])
        return connection

    def upload(self, cells: tuple[str, ...], key: str) -> tuple[int, Any]:
        """All of it; the answer's status, and its body."""
        with self.begin_upload(cells, key, part=1) as connection:
            answer = b""
            while piece := connection.recv(1 << 16):
                answer += piece
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False
