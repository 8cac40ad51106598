"""How long to wait before what failed is tried again."""

from __future__ import annotations

import random
from datetime import timedelta

_FIRST_WAIT = timedelta(seconds=5)
_LONGEST_WAIT = timedelta(hours=1)


def wait_after(tries: int) -> timedelta:
    """How long to wait after so many tries: longer each time, and never all at the same moment."""
    longest = min(_LONGEST_WAIT, _FIRST_WAIT * (1 << min(tries - 1, 20)))
    return longest * random.uniform(0.5, 1.0)
