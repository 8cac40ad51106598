"""Frames: `<u32 length> <u8 kind> <body>`, where length counts kind and body.

docs/protocol.md says who sends which. Used by the runner, the supervisor and the worker.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from enum import IntEnum

from . import wire

_HEAD = struct.Struct("<IB")
MAX_FRAME = 64 << 20


class Kind(IntEnum):
    """Kinds of frames; 1 to 6 go towards the runner, 16 and up towards the worker."""

    OPEN = 1
    RUN = 2
    RESUME = 3
    ASK = 4
    RERUN = 5
    CLOSE = 6
    OPENED = 16
    CELL_STARTED = 17
    CELL_FINISHED = 18
    STOPPED = 19
    ANSWERS = 20
    STREAM = 21
    ENDED = 22


class FrameError(ValueError):
    """A frame is longer than allowed, or of a kind that nobody sends."""


class Closed(Exception):
    """The other side closed the connection."""


def pack(kind: Kind, body: object) -> bytes:
    """A frame with `body` encoded as a wire value."""
    return framed(kind, wire.dumps(body, MAX_FRAME - 1))


def framed(kind: Kind, encoded: bytes) -> bytes:
    """A frame whose body is encoded already."""
    return _HEAD.pack(len(encoded) + 1, kind) + encoded


class Framer:
    """Cuts a stream of bytes into frames, for a loop that reads what there is."""

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """Yield (kind, undecoded body) of every frame completed by `data`; raise FrameError."""
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            length, number = _HEAD.unpack_from(self._buffer)
            kind = _checked(length, number, self._limit)
            end = _HEAD.size - 1 + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_HEAD.size : end])
            del self._buffer[:end]
            yield kind, body


def send(sock: socket.socket, kind: Kind, body: object) -> None:
    """Send one frame on a blocking socket."""
    sock.sendall(pack(kind, body))


def receive(sock: socket.socket, limit: int = MAX_FRAME) -> tuple[Kind, bytes]:
    """The next frame of a blocking socket as (kind, undecoded body).

    Raises Closed at the end of the stream, FrameError for a frame that is none.
    """
    length, number = _HEAD.unpack(_exactly(sock, _HEAD.size))
    kind = _checked(length, number, limit)
    return kind, _exactly(sock, length - 1)


def _checked(length: int, number: int, limit: int) -> Kind:
    if not 1 <= length <= limit:
        raise FrameError(f"a frame of {length} bytes")
    try:
        return Kind(number)
    except ValueError:
        raise FrameError(f"a frame of kind {number}") from None


def _exactly(sock: socket.socket, count: int) -> bytes:
    pieces = bytearray()
    while len(pieces) < count:
        piece = sock.recv(min(1 << 20, count - len(pieces)))
        if not piece:
            raise Closed
        pieces += piece
    return bytes(pieces)
