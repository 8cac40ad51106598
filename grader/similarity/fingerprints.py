"""Fingerprints: numbers for runs of tokens, and of these the few that winnowing keeps."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Sequence

RUN = 14  # tokens: a shared run shorter than this is chance
WINDOW = (
    6  # of runs in a row at least one is kept, so that RUN + WINDOW - 1 shared tokens are found
)

_BASE, _PRIME = 1_000_003, (1 << 61) - 1
_KEPT = (1 << 52) - 1  # as large as JSON keeps exact


def runs(words: Sequence[str]) -> list[int]:
    """The number of the run of tokens that begins at each, the same in every process."""
    numbers = [zlib.crc32(word.encode("utf-8", "replace")) + 1 for word in words]
    if len(numbers) < RUN:
        return []
    first = pow(_BASE, RUN - 1, _PRIME)
    value = 0
    for number in numbers[:RUN]:
        value = (value * _BASE + number) % _PRIME
    found = [value & _KEPT]
    for old, new in zip(numbers, numbers[RUN:], strict=False):
        value = ((value - old * first) * _BASE + new) % _PRIME
        found.append(value & _KEPT)
    return found


def winnowed(numbers: Sequence[int]) -> dict[int, int]:
    """Of each window the smallest, the last of equals: where it stands, by its number.

    A number that comes again stands where it came first.
    """
    found: dict[int, int] = {}
    smallest: deque[int] = deque()
    for at, number in enumerate(numbers):
        while smallest and numbers[smallest[-1]] >= number:
            smallest.pop()
        smallest.append(at)
        if smallest[0] <= at - WINDOW:
            smallest.popleft()
        if at >= WINDOW - 1 or at == len(numbers) - 1:
            found.setdefault(numbers[smallest[0]], smallest[0])
    return found
