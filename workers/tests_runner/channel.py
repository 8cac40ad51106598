"""What the worker and a run of tests say to each other: messages over a socket.

    <u32 length, little-endian> <body>

The worker sends the job as a wire value and then answers, pickled: it has made them itself, from
evidence that it has checked. A run sends wire values alone: questions, and in the end outcomes.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

from grader.domain.questions import RunTests

_HEAD = struct.Struct("<I")


def send(sock: socket.socket, body: bytes) -> None:
    """Send one message."""
    sock.sendall(_HEAD.pack(len(body)) + body)


def receive(sock: socket.socket) -> bytes:
    """The next message; raises EOFError where the other side is gone."""
    [length] = _HEAD.unpack(_exactly(sock, _HEAD.size))
    return _exactly(sock, length)


def _exactly(sock: socket.socket, count: int) -> bytes:
    pieces = bytearray()
    while len(pieces) < count:
        piece = sock.recv(min(1 << 20, count - len(pieces)))
        if not piece:
            raise EOFError
        pieces += piece
    return bytes(pieces)


def plain(request: RunTests) -> dict[str, Any]:
    """The request as a wire value; of the cells their names alone."""
    fields = dict(vars(request))
    fields["cells"] = [
        {"name": cell.name, "line": cell.line} for cell in request.cells if cell.kind == "code"
    ]
    fields["names"] = None if request.names is None else sorted(request.names)
    fields["operators"] = sorted(request.operators)
    return fields
