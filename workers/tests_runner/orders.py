"""What the worker orders of the warm process: to fork for a run, to end one, to load torch."""

from __future__ import annotations

import struct

START, END, LOAD_TORCH = 1, 2, 3
_ORDER = struct.Struct("<BQ")


def order(what: int, number: int) -> bytes:
    """One order about the run `number`."""
    return _ORDER.pack(what, number)


def read_order(data: bytes) -> tuple[int, int]:
    """What is ordered, and the number of the run."""
    what, number = _ORDER.unpack(data)
    return what, number
