"""Markers: how a starter or a student says which exercise a cell belongs to.

In code a line `# chainrule: ex1-forward`, in markdown a line `<!-- chainrule: ex1-forward -->`,
and in either the notebook's own tag `chainrule:ex1-forward`. They help and are never needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_SIGN = "chainrule:"


def markers_of(source: str, tags: Iterable[object] = ()) -> tuple[str, ...]:
    """The markers in a cell's source and among its tags, each once, in order."""
    found: dict[str, None] = {}
    if _SIGN in source:
        for line in source.split("\n"):
            _note(found, line.strip().removeprefix("#").removeprefix("<!--").removesuffix("-->"))
    for tag in tags:
        if isinstance(tag, str):
            _note(found, tag)
    return tuple(found)


def is_marker(line: str) -> bool:
    """Whether a line of source is a marker."""
    return bool(markers_of(line))


def _note(found: dict[str, None], text: str) -> None:
    text = text.strip()
    if text.startswith(_SIGN):
        name = text.removeprefix(_SIGN).strip()
        if _NAME.fullmatch(name):
            found[name] = None
