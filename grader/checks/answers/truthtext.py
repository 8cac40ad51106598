"""Truth values as students write them: True and False, yes and no, T and F, 1 and 0, ✓ and ✗."""

from __future__ import annotations

import re

MAX_CHARS = 4_000
_PAIRS = (
    ("true", "false"),
    ("yes", "no"),
    ("✓", "✗"),
    ("✔", "✘"),
    ("t", "f"),
    ("y", "n"),
    ("1", "0"),
)
_FIRST = re.compile(r"[\W_]*+(true|false|yes|no)(?!\w)", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]{1,40}|[✓✗✔✘]")


def truths_in(text: str, count: int) -> tuple[bool, ...] | None:
    """The truth values of a text in which `count` are expected; None where it is not clear.

    The first pair of words that stands in it as often as that is taken. Where one is expected, it
    may also be the first word of a sentence.
    """
    text = text[:MAX_CHARS]
    first = _FIRST.match(text) if count == 1 else None
    if first:
        return (first[1].lower() in ("true", "yes"),)
    words = [found[0].lower() for found in _WORD.finditer(text)]
    for pair in _PAIRS:
        values = tuple(word == pair[0] for word in words if word in pair)
        if len(values) == count:
            return values
    return None
