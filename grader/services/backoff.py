"""How long to wait before what failed is tried again, and how long who does not answer rests."""

from __future__ import annotations

import random
from datetime import timedelta

MOST_TRIES = 40  # about a day
_FIRST_WAIT = timedelta(seconds=5)
_LONGEST_WAIT = timedelta(hours=1)
_SHORTEST_REST, _LONGEST_REST = timedelta(seconds=5), timedelta(minutes=15)
_REST = 0.1  # of how long it has failed


def wait_after(tries: int) -> timedelta:
    """How long to wait after so many tries: longer each time, and never all at the same moment."""
    longest = min(_LONGEST_WAIT, _FIRST_WAIT * (1 << min(tries - 1, 20)))
    return longest * random.uniform(0.5, 1.0)


def rest_after(failing: timedelta, asked: timedelta = timedelta(0)) -> timedelta:
    """How long who has failed for so long rests: not shorter than it has asked for."""
    return max(min(max(failing * _REST, _SHORTEST_REST), _LONGEST_REST), asked)
