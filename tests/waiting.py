"""Waiting for what another process does."""

from __future__ import annotations

import time
from collections.abc import Callable

_DEADLINE_S = 120.0


def wait_until(holds: Callable[[], object], deadline_s: float = _DEADLINE_S) -> None:
    """Return as soon as it holds; fail the test where it does not come to hold."""
    until = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < until, f"it did not come to hold within {deadline_s:g} s"
        time.sleep(0.02)
