"""The answers of a form: fields that a student filled in, beside the cells.

In a notebook they are its metadata, `chainrule.answers`; in a .py file lines
`# chainrule: answer name = text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from grader.safetext import storable

MAX_FIELDS = 500
MAX_CHARS = 8_000  # of one answer; what is beyond is cut off
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_LINE = re.compile(r"# ?chainrule: ?answer ([A-Za-z0-9][A-Za-z0-9_.-]{0,99}) ?=")


def fields_of_metadata(metadata: object) -> dict[str, str]:
    """The fields in a notebook's metadata; what is neither text nor a number is left out."""
    own = metadata.get("chainrule") if isinstance(metadata, Mapping) else None
    given = own.get("answers") if isinstance(own, Mapping) else None
    return _bounded(given.items()) if isinstance(given, Mapping) else {}


def fields_of_lines(text: str) -> dict[str, str]:
    """The fields in the comments of a .py file; of several lines of a name the last one counts."""
    return _bounded(_lines(text)) if "chainrule:" in text else {}


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        found = _LINE.match(line)
        if found:
            yield found[1], line[found.end() :].strip()


def _bounded(pairs: Iterable[tuple[object, object]]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in pairs:
        if isinstance(value, int | float):
            value = repr(value)
        if not (isinstance(name, str) and isinstance(value, str) and _NAME.fullmatch(name)):
            continue
        if name in fields or len(fields) < MAX_FIELDS:
            fields[name] = storable(value[:MAX_CHARS])
    return fields
