"""Mistakes in answers without code: a letter, a number, the order of a shape, a sign."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from workers.mutation.sites import Site

Changes = Iterator[tuple[int, int, str]]  # from, to, and what stands there instead

_MOST = 6  # of one kind in one answer: a long text is mostly words
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w]|\.\d)")
_LETTER = re.compile(r"(?<![\w'’])[A-G](?![\w'’])")
_SIZES = re.compile(r"([(\[])\s*([\w.]+)\s*,\s*([\w.]+)\s*([,)\]])")
_TIMES = re.compile(r"(?<!\w)(\w{1,6})(?:\s+|(?<=\d))(x|×|by)(?:\s+|(?=\d))(\w{1,6})(?!\w)")
_YES = {"true": "false", "yes": "no", "false": "true", "no": "yes"}
_WORD = re.compile(r"(?<!\w)(true|false|yes|no)(?!\w)", re.IGNORECASE)


def _numbers(text: str) -> Changes:
    """A number, one more."""
    for found in _NUMBER.finditer(text):
        whole = found[0]
        other = f"{float(whole) + 1:g}" if "." in whole else str(int(whole) + 1)
        yield found.start(), found.end(), other


def _letters(text: str) -> Changes:
    """A letter of a choice, the next one."""
    for found in _LETTER.finditer(text):
        yield found.start(), found.end(), chr(ord(found[0]) + 1)


def _shapes(text: str) -> Changes:
    """Two sizes the other way round."""
    for found in _SIZES.finditer(text):
        if found[2] != found[3]:
            yield found.start(), found.end(), f"{found[1]}{found[3]}, {found[2]}{found[4]}"
    for found in _TIMES.finditer(text):
        if found[1] != found[3]:
            yield found.start(), found.end(), f"{found[3]} {found[2]} {found[1]}"


def _opposites(text: str) -> Changes:
    """Yes as no, true as false."""
    for found in _WORD.finditer(text):
        yield found.start(), found.end(), _YES[found[0].lower()]


WORDS: dict[str, Callable[[str], Changes]] = {
    "answer-shape": _shapes,
    "answer-letter": _letters,
    "answer-number": _numbers,
    "answer-opposite": _opposites,
}


def changed(text: str) -> Iterator[tuple[str, str]]:
    """The name of each mistake that fits an answer, and the answer with it."""
    for name, change in WORDS.items():
        for count, (start, end, other) in enumerate(change(text)):
            if count < _MOST:
                yield name, text[:start] + other + text[end:]


def answer_in_code(site: Site) -> Iterator[ast.AST]:
    """A short text that a top-level variable is given: `q1 = "B"` as `q1 = "C"`."""
    match site.node:
        case ast.Constant(value=str(text)) if len(text) <= 200 and _is_assigned(site):
            for _, other in changed(text):
                yield ast.Constant(other)


def _is_assigned(site: Site) -> bool:
    statement = (*site.parents, site.node)[1]
    containers = (ast.Assign, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Module)
    return isinstance(statement, ast.Assign) and all(
        isinstance(one, containers) for one in site.parents
    )
