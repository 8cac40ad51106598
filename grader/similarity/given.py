"""Files on their way to a process of ours: a line of JSON for each, and then its bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from grader.errors import NotASubmission
from grader.notebooks.read import parse


def sent(header: dict[str, Any], content: bytes = b"") -> Iterator[bytes]:
    """A file as the other end reads it; `header` says what is known of it."""
    yield json.dumps({**header, "size": len(content)}).encode() + b"\n"
    yield content


def received(file: BinaryIO) -> Iterator[tuple[dict[str, Any], bytes]]:
    """The files, one after the other."""
    while line := file.readline():
        header = json.loads(line)
        yield header, file.read(header["size"])


def code_of(name: str, content: bytes) -> dict[int, str] | None:
    """The sources of a file's code cells by the cells' numbers; None where it can't be read."""
    try:
        read = parse(name, content)
    except NotASubmission:
        return None
    return {number: read.cells[number - 1].source for number in read.code_numbers}
