"""Zips from anybody: opened in bounded memory, and their entries refused by name and kind."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from grader.errors import BadInput
from grader.safetext import one_line

# What reading a broken zip may end in besides BadZipFile.
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError)

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MOST_DIRECTORY = 1 << 20  # the zip's own table of contents, which is read at once
_LONGEST_NAME = 240
_DEEPEST = 12
_SMALL = 1 << 20  # what is smaller unpacked is no bomb whatever its ratio


@contextmanager
def opened(file: BinaryIO, wrong: type[BadInput], name: str = "this") -> Iterator[zipfile.ZipFile]:
    """The archive in `file`, called `name`; raises `wrong` where it is none that can be read."""
    bounded: Any = _Bounded(file)
    try:
        archive = zipfile.ZipFile(bounded)
    except UnicodeDecodeError as error:
        entry = shown(error.object)
        raise wrong(f"the zip's entry {entry} has a name that is not UTF-8") from None
    except BROKEN as error:
        raise wrong(f"{name} is no zip that can be read: {one_line(str(error))}") from None
    with archive:
        yield archive


class _Bounded:
    """A file of which no more than the largest table of contents is read at a time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > _MOST_DIRECTORY:
            raise ValueError("its table of contents is too long")
        data = self._file.read(_MOST_DIRECTORY + 1 if size < 0 else size)
        if len(data) > _MOST_DIRECTORY:
            raise ValueError("its table of contents is too long")
        return data


def refused_name(entry: zipfile.ZipInfo) -> str | None:
    """Why an entry of that name is not taken; None where it is."""
    name = entry.orig_filename
    parts = name.rstrip("/").split("/")
    if not name.isascii() and not entry.flag_bits & 0x800:
        return "has a name that is not UTF-8"
    if "\\" in name or not name.isprintable() or name != entry.filename:
        return "has a backslash or what is no character in its name"
    if name.startswith("/") or re.match("[A-Za-z]:", name):
        return "has an absolute path"
    if ".." in parts:
        return "leads out of the folder by .."
    if "" in parts or "." in parts or len(name.encode()) > _LONGEST_NAME:
        return f"has a path with empty parts, or one longer than {_LONGEST_NAME} bytes"
    if len(parts) > _DEEPEST:
        return f"lies more than {_DEEPEST} folders deep"
    return None


def refused_kind(entry: zipfile.ZipInfo) -> str | None:
    """Why an entry of that kind is not taken; None where it is."""
    if entry.flag_bits & 0x1:
        return "is encrypted"
    if entry.compress_type not in _METHODS:
        return "is compressed in another way than deflate"
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "is a symbolic link; put the file itself there"
    if kind not in (0, stat.S_IFDIR if entry.is_dir() else stat.S_IFREG):
        return "is neither a file nor a folder"
    if entry.is_dir() and entry.file_size:
        return "is a folder with content"
    return None


def is_bomb(entry: zipfile.ZipInfo, ratio: int) -> bool:
    """Whether an entry says that it unpacks to more than `ratio` times its size."""
    return entry.file_size > max(_SMALL, ratio * entry.compress_size)


def bad_entry(entry: zipfile.ZipInfo, why: str, wrong: type[BadInput]) -> BadInput:
    """The error `wrong` about an entry, by its name."""
    return wrong(f"the zip's entry {shown(entry.orig_filename)} {one_line(why)}")


def shown(name: str | bytes) -> str:
    """An entry's name as it can be told."""
    return one_line(ascii(name) if isinstance(name, bytes) else repr(name), 120)
