"""The source of a cell with its syntax in colours; what is too much for that, without."""

from __future__ import annotations

from functools import cache
from html import escape
from typing import TYPE_CHECKING

from grader.notebooks.showing.outputs import Room
from grader.notebooks.showing.texts import MAX_LINE, plain

if TYPE_CHECKING:
    from pygments.lexers.python import PythonLexer

MAX_CODE = 64 << 10  # characters of one cell
_MAX_COLOURED = 32 << 10

# Pygments' short names of what our style knows, by its kinds of tokens; children count with them.
_CLASSES = ("Keyword", "Comment", "Literal.String", "Literal.Number", "Name.Function", "Name.Class")
_SHORT = ("k", "c", "s", "n", "f", "f")


def code_html(source: str, room: Room) -> str:
    """A block of Python."""
    shown = plain(room.text(source, MAX_CODE))
    if len(shown) > _MAX_COLOURED or max(map(len, shown.split("\n"))) > MAX_LINE:
        return f'<pre class="source"><code>{escape(shown)}</code></pre>'
    return f'<pre class="source"><code>{_coloured(shown)}</code></pre>'


def _coloured(source: str) -> str:
    from pygments.token import string_to_tokentype

    kinds = [string_to_tokentype(name) for name in _CLASSES]
    pieces = []
    for kind, text in _lexer().get_tokens(source):
        short = next((s for k, s in zip(kinds, _SHORT, strict=True) if kind in k), None)
        text = escape(text)
        pieces.append(f'<span class="{short}">{text}</span>' if short else text)
    return "".join(pieces).rstrip("\n")


@cache
def _lexer() -> PythonLexer:
    from pygments.lexers.python import PythonLexer

    return PythonLexer(stripnl=False)
