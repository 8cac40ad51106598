"""A folder of blobs, each under the SHA-256 of its content.

A blob is written beside its place, forced to the disk and renamed, so that what has a name is
whole, also after the power failed. Writing the same content twice is writing it once. A reference
to a blob is stored only after `put` has returned; blobs that nothing refers to are swept when they
have been there for a while.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from grader.errors import BlobMissing, TooLarge
from grader.storage.blobs import Stored, checked_name

_CHUNK = 1 << 20
_NAME = re.compile(r"[0-9a-f]{64}")
_UNFINISHED = "unfinished"


class FolderBlobs:
    """The blobs of one folder, for any number of processes at a time. A `Blobs`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unfinished = folder / _UNFINISHED
        self._unfinished.mkdir(parents=True, exist_ok=True)
        self._lock = folder / "lock"

    def put(self, chunks: Iterable[bytes], *, at_most: int | None = None) -> Stored:
        """Keep the content; when this returns it is on the disk.

        Raises TooLarge as soon as there are more than `at_most` bytes; nothing is left then.
        """
        digest, size = hashlib.sha256(), 0
        handle, name = tempfile.mkstemp(dir=self._unfinished)
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in chunks:
                    size += len(chunk)
                    if at_most is not None and size > at_most:
                        raise TooLarge(f"it is larger than {at_most} bytes")
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            stored = Stored(digest.hexdigest(), size)
            place = self._place(stored.sha256)
            _made(place.parent)
            with self._held(fcntl.LOCK_SH):
                os.replace(name, place)
            _sync(place.parent)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name)
            raise
        return stored

    def read(self, sha256: str) -> bytes:
        """All of the content; raises BlobMissing where it is not what its name says."""
        with self._open(sha256) as file:
            content = file.read()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise BlobMissing(f"the blob {sha256} has been changed")
        return content

    def chunks(self, sha256: str) -> Iterator[bytes]:
        """The content piece by piece, for sending it on; raises BlobMissing, and that at once."""
        return _pieces(self._open(sha256))

    def sweep(self, kept: Container[str], *, older_than_s: float, now_s: float) -> int:
        """Remove blobs that are not in `kept` and unfinished ones; how many went.

        Only what has not been written to since `older_than_s` before `now_s` (seconds since 1970):
        what was put just now may be referred to in a moment.
        """
        gone = 0
        for path in self._folder.glob("*/*"):
            named = _NAME.fullmatch(path.name) and path.parent.name != _UNFINISHED
            if named and path.name in kept:
                continue
            # Held, or the same content put again between the look and the removal would be lost.
            with suppress(FileNotFoundError), self._held(fcntl.LOCK_EX):
                if path.stat().st_mtime < now_s - older_than_s:
                    path.unlink()
                    gone += 1
        return gone

    def copy_to(self, folder: Path) -> int:
        """Have another folder hold every blob too; how many it did not hold before.

        By links where both are on one file system: what has a name is never written to again.
        """
        new = 0
        for path in self._folder.glob("*/*"):
            copy = folder / path.parent.name / path.name
            if path.parent.name == _UNFINISHED or not _NAME.fullmatch(path.name) or copy.exists():
                continue
            with suppress(FileNotFoundError):  # it was swept meanwhile
                _made(copy.parent)
                _link_or_copy(path, copy)
                new += 1
        return new

    @contextmanager
    def _held(self, how: int) -> Iterator[None]:
        """The folder while names come, which may be several at a time, or while one goes."""
        # A file, and open for writing: over NFS nothing else can be locked.
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)

    def _open(self, sha256: str) -> BinaryIO:
        try:
            return self._place(sha256).open("rb")
        except FileNotFoundError:
            raise BlobMissing(f"there is no blob {sha256}") from None

    def _place(self, sha256: str) -> Path:
        return self._folder / checked_name(sha256)[:2] / sha256


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _made(folder: Path) -> None:
    """Have the folder there, and on the disk, where it was not."""
    if not folder.is_dir():
        _made(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _link_or_copy(path: Path, copy: Path) -> None:
    try:
        os.link(path, copy)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without links
        unfinished = copy.with_suffix(".unfinished")
        shutil.copy2(path, unfinished)
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, copy)
    _sync(copy.parent)


def _sync(folder: Path) -> None:
    """Force a folder's entries to the disk: the name, too, must be there after a failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
