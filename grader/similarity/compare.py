"""Every submission of an assignment with every other: which pairs share how much.

Fingerprints are looked up in one index, so that only pairs which share one cost anything.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import combinations

from typing_extensions import TypedDict

from grader.apart import limit_here
from grader.similarity.fingerprints import runs, winnowed
from grader.similarity.given import code_of, received
from grader.similarity.tokens import tokens_of

LEAST_SHARE = 0.25  # of the first's own fingerprints: less is not told
LEAST_SHARED = 8  # fingerprints; and who has fewer of their own is not compared
MOST_PAIRS, MOST_OF_ONE = 5000, 20  # pairs that are told, the most alike first

_MANY_AT_LEAST, _MANY_AT_MOST, _ONE_IN = 8, 60, 8
_MOST_COMMON = 5000  # that are told

_CPU_S, _MEMORY_BYTES = 600, 2 << 30


class Found(TypedDict):
    """What came out. `pairs` are the ids, the share of the first's and how many they share.

    `common` are fingerprints that many have alike: they count for no pair.
    """

    compared: int
    unreadable: int
    too_little: int
    common: list[int]
    pairs: list[tuple[int, int, float, int]]


def compared(fingerprints: Mapping[int, frozenset[int]], unreadable: int = 0) -> Found:
    """The pairs among submissions, by id, of which the starter's fingerprints are left out."""
    holders: dict[int, list[int]] = defaultdict(list)
    for submission_id, numbers in fingerprints.items():
        for number in numbers:
            holders[number].append(submission_id)
    many = min(_MANY_AT_MOST, max(_MANY_AT_LEAST, len(fingerprints) // _ONE_IN))
    common = {number for number, ids in holders.items() if len(ids) > many}
    own = {one: len(numbers - common) for one, numbers in fingerprints.items()}
    shared: Counter[tuple[int, int]] = Counter()
    for number, ids in holders.items():
        if number not in common:
            shared.update(combinations(ids, 2))
    return {
        "compared": len(fingerprints),
        "unreadable": unreadable,
        "too_little": sum(count < LEAST_SHARED for count in own.values()),
        "common": sorted(common)[:_MOST_COMMON],
        "pairs": _told(shared, own),
    }


def _told(
    shared: Mapping[tuple[int, int], int], own: Mapping[int, int]
) -> list[tuple[int, int, float, int]]:
    pairs = []
    for pair, count in shared.items():
        first, second = sorted(pair, key=lambda one: (own[one], one))
        share = count / own[first] if own[first] else 0.0
        if count >= LEAST_SHARED and share >= LEAST_SHARE:
            pairs.append((first, second, round(share, 4), count))
    pairs.sort(key=lambda one: (-one[2], -one[3], one[:2]))
    taken: Counter[int] = Counter()
    told: list[tuple[int, int, float, int]] = []
    for one in pairs:
        if len(told) < MOST_PAIRS and min(taken[one[0]], taken[one[1]]) < MOST_OF_ONE:
            taken.update(one[:2])
            told.append(one)
    return told


def main() -> None:
    """Compare what stands on the standard input: the starter first, then submissions."""
    limit_here(cpu_s=_CPU_S, memory_bytes=_MEMORY_BYTES)
    starter: frozenset[int] = frozenset()
    fingerprints: dict[int, frozenset[int]] = {}
    unreadable = 0
    for header, content in received(sys.stdin.buffer):
        code = code_of(header["name"], content)
        if header["id"] is None:
            starter = frozenset(_runs(code or {}))
        elif code is None:
            unreadable += 1
        else:
            fingerprints[header["id"]] = frozenset(winnowed(_runs(code))) - starter
    json.dump(compared(fingerprints, unreadable), sys.stdout)


def _runs(code: Mapping[int, str]) -> list[int]:
    return runs(tokens_of(code.values()).words)


if __name__ == "__main__":
    main()
