"""Threads for what waits for a process of its own, so that all others are left for everybody."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from anyio import to_thread
from fastapi import Request

Made = TypeVar("Made")

APART = 2  # at a time


async def apart(request: Request, work: Callable[..., Made], *given: Any) -> Made:
    """What the work returns; whoever waits for a thread of these takes none meanwhile."""
    return await to_thread.run_sync(partial(work, *given), limiter=request.app.state.apart)
