"""Code as a row of words in which names, numbers and texts are alike, and where each stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pygments.lexers.python import PythonLexer

MAX_CHARS = 200_000  # of a submission's code; what is beyond is not compared
MAX_TOKENS = 40_000

_MAX_CELL = 50_000


@dataclass(frozen=True)
class Tokens:
    """Words, and of each the cell (from 0) and the characters in it that it stands for."""

    words: Sequence[str]
    places: Sequence[tuple[int, int, int]]


def tokens_of(cells: Iterable[str]) -> Tokens:
    """The tokens of code cells, in order. Code that does not parse has tokens as well."""
    words: list[str] = []
    places: list[tuple[int, int, int]] = []
    left = MAX_CHARS
    for cell, source in enumerate(cells):
        source = source[: min(left, _MAX_CELL)]
        left -= len(source)
        for word, start, end in _tokens(source):
            if not word:
                places[-1] = cell, places[-1][1], end
                continue
            words.append(word)
            places.append((cell, start, end))
            if len(words) == MAX_TOKENS:
                return Tokens(words, places)
    return Tokens(words, places)


def _tokens(source: str) -> Iterator[tuple[str, int, int]]:
    """Words with where they begin and end; an empty one is more of the text before it."""
    from pygments.token import Comment, Name, Number, String, Text

    before = earlier = ""
    for start, kind, text in _lexer().get_tokens_unprocessed(source):
        if kind in Text or kind in Comment or kind in String.Doc or not text.strip():
            continue
        if kind in String:
            word = "" if before == "s" else "s"
        elif kind in Number:
            word = "0"
        elif kind in Name and kind not in Name.Builtin.Pseudo:
            # What a library calls its own can't be renamed; what hangs on self can.
            is_foreign = before == "." and earlier != "self"
            word = text if is_foreign or kind in Name.Builtin else "n"
        else:
            word = text
        yield word, start, start + len(text)
        if word:
            earlier, before = before, word


@cache
def _lexer() -> PythonLexer:
    from pygments.lexers.python import PythonLexer

    return PythonLexer(stripnl=False, ensurenl=False)
