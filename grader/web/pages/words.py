"""How values are said on pages."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from grader.domain.outcomes import OUTCOME_WORDS as OUTCOME_WORDS  # a word like any other here

_MONTH = timedelta(days=30)
_STEPS = (
    (timedelta(minutes=1), timedelta(seconds=1), "second"),
    (timedelta(hours=1), timedelta(minutes=1), "minute"),
    (timedelta(days=2), timedelta(hours=1), "hour"),
    (timedelta(days=60), timedelta(days=1), "day"),
    (timedelta(days=730), _MONTH, "month"),
    (timedelta.max, timedelta(days=365), "year"),
)
_JUST_NOW = timedelta(seconds=5)


def points(number: float | None) -> str:
    """Points as people write them: 4, 2.5; a dash where there are none yet."""
    return "–" if number is None else f"{number:.2f}".rstrip("0").rstrip(".")


def bytes_in_words(count: int) -> str:
    """A size: 512 B, 3.2 KiB, 40 MiB."""
    size, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"


def exactly(at: datetime, zone: str) -> str:
    """A moment to the minute, in a zone that is named elsewhere: Wed 25 Nov 2026, 23:59."""
    return f"{at.astimezone(ZoneInfo(zone)):%a %d %b %Y, %H:%M}"


def relative(at: datetime, now: datetime) -> str:
    """How long ago, or how far off: 3 hours ago, in 2 days."""
    apart = abs(at - now)
    if apart < _JUST_NOW:
        return "just now"
    unit, name = next((unit, name) for most, unit, name in _STEPS if apart < most)
    # What is long is said to the nearest, what is near never as more than is left.
    count = max(1, int(apart / unit + (0.5 if unit >= _MONTH else 0)))
    words = f"{count} {name}{'' if count == 1 else 's'}"
    return f"in {words}" if at > now else f"{words} ago"
