"""Two submissions side by side: the longest runs of tokens that both have, and where they stand."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from typing_extensions import TypedDict

from grader.apart import limit_here
from grader.similarity.fingerprints import RUN, runs, winnowed
from grader.similarity.given import code_of, received
from grader.similarity.tokens import Tokens, tokens_of

_TRIED = 8  # places in the other at which a run may go on
_SHOWN = 60_000  # characters of a cell
_CPU_S, _MEMORY_BYTES = 10, 1 << 30


class Part(TypedDict):
    """Something that both have: how many tokens long, and whether many others have it, too."""

    number: int
    tokens: int
    is_common: bool


class Piece(TypedDict):
    """Some text of a cell, and of which part it is, 0 for none; a part may go on in later cells."""

    text: str
    part: int
    begins: bool


class Matched(TypedDict):
    """The parts, and each side's code cells: their numbers among all its cells, and pieces."""

    parts: list[Part]
    first: list[tuple[int, list[Piece]]]
    second: list[tuple[int, list[Piece]]]


@dataclass(frozen=True)
class _Tile:
    first: int  # token
    second: int
    length: int
    is_common: bool


def matched(
    first: Mapping[int, str], second: Mapping[int, str], starter: Set[int], common: Set[int]
) -> Matched:
    """What two sides' code cells, by their numbers, share beyond the starter.

    The parts are numbered as they come in the first.
    """
    left, right = tokens_of(first.values()), tokens_of(second.values())
    tiles = list(_tiles(left, right, starter, common))
    return {
        "parts": [
            {"number": number, "tokens": tile.length, "is_common": tile.is_common}
            for number, tile in enumerate(tiles, start=1)
        ],
        "first": _cells(first, left, [(tile.first, tile.length) for tile in tiles]),
        "second": _cells(second, right, [(tile.second, tile.length) for tile in tiles]),
    }


def _tiles(left: Tokens, right: Tokens, starter: Set[int], common: Set[int]) -> Iterator[_Tile]:
    numbers, others = runs(left.words), runs(right.words)
    own = {number for number in winnowed(numbers) if number not in starter | common}
    places: dict[int, list[int]] = defaultdict(list)
    for at, number in enumerate(others):
        if number not in starter:
            places[number].append(at)
    taken = bytearray(len(right.words))
    at = 0
    while at < len(numbers):
        best, where = 0, 0
        for other in places.get(numbers[at], ())[:_TRIED]:
            length = _alike(left.words, right.words, at, other, taken)
            if length > best:
                best, where = length, other
        if best < RUN:
            at += 1
            continue
        is_common = own.isdisjoint(numbers[at : at + best - RUN + 1])
        yield _Tile(at, where, best, is_common)
        taken[where : where + best] = b"\1" * best
        at += best


def _alike(left: Sequence[str], right: Sequence[str], at: int, other: int, taken: bytearray) -> int:
    length = 0
    while (
        at + length < len(left)
        and other + length < len(right)
        and not taken[other + length]
        and left[at + length] == right[other + length]
    ):
        length += 1
    return length


def _cells(
    sources: Mapping[int, str], tokens: Tokens, spans: Sequence[tuple[int, int]]
) -> list[tuple[int, list[Piece]]]:
    """The cells that hold anything, each cut into pieces at the ends of parts."""
    marked: dict[int, list[tuple[int, int, int, bool]]] = defaultdict(list)
    for number, (begin, length) in enumerate(spans, start=1):
        in_cells: dict[int, tuple[int, int]] = {}
        for cell, start, end in tokens.places[begin : begin + length]:
            in_cells[cell] = in_cells.get(cell, (start, end))[0], end
        for nth, (cell, (start, end)) in enumerate(in_cells.items()):
            marked[cell].append((start, end, number, nth == 0))
    return [
        (number, list(_pieces(source[:_SHOWN], sorted(marked[at]))))
        for at, (number, source) in enumerate(sources.items())
        if source.strip()
    ]


def _pieces(source: str, parts: Sequence[tuple[int, int, int, bool]]) -> Iterator[Piece]:
    at = 0
    for start, end, number, begins in parts:
        if source[at:start]:
            yield {"text": source[at:start], "part": 0, "begins": False}
        yield {"text": source[start:end], "part": number, "begins": begins}
        at = end
    if source[at:]:
        yield {"text": source[at:], "part": 0, "begins": False}


def main() -> None:
    """Match the two files on the standard input, behind the starter."""
    limit_here(cpu_s=_CPU_S, memory_bytes=_MEMORY_BYTES)
    (given, starter), *both = received(sys.stdin.buffer)
    first, second = (code_of(header["name"], content) or {} for header, content in both)
    left_out = set(runs(tokens_of((code_of(given["name"], starter) or {}).values()).words))
    json.dump(matched(first, second, left_out, set(given["common"])), sys.stdout)


if __name__ == "__main__":
    main()
