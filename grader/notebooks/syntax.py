"""Python source of students as syntax trees and as blocks; hostile source is survived."""

from __future__ import annotations

import ast
import functools
import re
import threading
import warnings
from collections.abc import Iterator, Sequence

# Filters for warnings belong to the whole process: two threads must not restore them crosswise.
_FILTERS = threading.Lock()

_CONTINUES = re.compile(r"(?:else|elif|except|finally)\b")
_TRIPLE = re.compile(r'"""|\'\'\'')
_OPENING = re.compile(r"[(\[{]")
_CLOSING = re.compile(r"[)\]}]")

# A block that is left open by mistake is tried with what follows it, this far and this often.
_LOOK_AHEAD = 500
_TRIES_PER_BLOCK = 10
_TRIES = 500


@functools.lru_cache(maxsize=256)  # every check of an attempt reads the same cells
def parsed(source: str) -> ast.Module | None:
    """The syntax tree, or None where the source does not parse or is too much for the parser."""
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
            return None


def blocks(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Split source that need not parse into statements at column 0: ranges of lines, end excluded.

    A range that parses is one statement or several on a line; one that does not costs only
    itself. Lines before the first statement belong to the first range, comments between two
    statements to the one before.
    """
    starts = [at for at, line in enumerate(lines) if _begins(line)]
    if not starts:
        if any(line.strip() for line in lines):
            yield 0, len(lines)
        return
    decorators = {at for at, start in enumerate(starts) if lines[start].startswith("@")}
    starts[0] = 0
    ends = [*starts[1:], len(lines)]
    tries = _TRIES
    at = 0
    while at < len(starts):
        last = at
        if at in decorators or _left_open(lines[starts[at] : ends[at]]):
            last, used = _closed_at(lines, starts[at], ends, at, min(tries, _TRIES_PER_BLOCK))
            tries -= used
        yield starts[at], ends[last]
        at = last + 1


def _begins(line: str) -> bool:
    return bool(line) and line[0] not in " \t\f#)]}" and not _CONTINUES.match(line)


def _left_open(block: Sequence[str]) -> bool:
    strings, brackets = _balance("\n".join(block))
    return strings % 2 == 1 or brackets > 0


def _balance(text: str) -> tuple[int, int]:
    """How many triple quotes, and how many more brackets open than close: good enough to guess."""
    return (
        len(_TRIPLE.findall(text)),
        len(_OPENING.findall(text)) - len(_CLOSING.findall(text)),
    )


def _closed_at(
    lines: Sequence[str], start: int, ends: Sequence[int], at: int, tries: int
) -> tuple[int, int]:
    """The range after which the block that begins at `start` parses, or `at`; and tries used."""
    used = 0
    strings, brackets = _balance("\n".join(lines[start : ends[at]]))
    for last in range(at + 1, len(ends)):
        if used == tries or ends[last] - start > _LOOK_AHEAD:
            break
        more_strings, more_brackets = _balance("\n".join(lines[ends[last - 1] : ends[last]]))
        strings, brackets = strings + more_strings, brackets + more_brackets
        if strings % 2 == 0 and brackets <= 0:
            used += 1
            if parsed("\n".join(lines[start : ends[last]])) is not None:
                return last, used
    return at, used
