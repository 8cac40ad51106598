"""Text from outside, made fit to be shown: nothing in it steers a terminal, a line or a table."""

from __future__ import annotations

import unicodedata

_SPACES = {"Zs": " ", "Zl": "\n", "Zp": "\n"}


def printable(text: str, limit: int = 2000) -> str:
    """At most `limit` characters of `text`; line ends stay, what does not print is spelled out.

    Control characters, escape sequences, direction overrides and surrogates come out as
    `\\x1b` or `\\u202e`, and tabs as four spaces.
    """
    cut = len(text) > limit
    text = text[:limit].replace("\r\n", "\n").replace("\t", "    ")
    if not text.isprintable():
        text = "".join(map(_shown, text))
    return text + "…" if cut else text


def one_line(text: str, limit: int = 300) -> str:
    """`printable` on a single line; runs of white space become one space."""
    return printable(" ".join(text[: 4 * limit].split()), limit)


def storable(text: str) -> str:
    """`text` as it can be encoded in UTF-8: lone surrogates are replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _shown(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    space = _SPACES.get(unicodedata.category(character))
    if space is not None:
        return space
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
