"""What a store of blobs can do, wherever it keeps them."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from grader.errors import BlobMissing

_NAME = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Stored:
    """A blob: the hash that is its name, and its length in bytes."""

    sha256: str
    size: int


class Blobs(Protocol):
    """Blobs under the SHA-256 of their content; for any thread and any number of processes.

    A reference to a blob is stored only after `put` has returned. Blobs that nothing refers to are
    swept when they have been there for a while.
    """

    def put(self, chunks: Iterable[bytes], *, at_most: int | None = None) -> Stored:
        """Keep the content; when this returns it is safe against a loss of power.

        Raises TooLarge as soon as there are more than `at_most` bytes; nothing is left then.
        """

    def read(self, sha256: str) -> bytes:
        """All of the content; raises BlobMissing where it is not what its name says."""

    def chunks(self, sha256: str) -> Iterator[bytes]:
        """The content piece by piece, for sending it on; raises BlobMissing, and that at once."""

    def sweep(self, kept: Container[str], *, older_than_s: float, now_s: float) -> int:
        """Remove blobs that are not in `kept` and unfinished ones; how many went.

        Only what has not been written to since `older_than_s` before `now_s` (seconds since 1970):
        what was put just now may be referred to in a moment.
        """


def checked_name(sha256: str) -> str:
    """The name as it is; raises BlobMissing for one that no blob can have."""
    if not _NAME.fullmatch(sha256):
        raise BlobMissing("a blob is named by 64 hexadecimal digits")
    return sha256


def open_blobs(place: str, s3_endpoint: str | None = None) -> Blobs:
    """The store at `place`: a folder's path, or s3://BUCKET/PREFIX."""
    if place.startswith("s3://"):
        from grader.storage.s3 import S3Blobs

        return S3Blobs.at(place, s3_endpoint)
    from grader.storage.folder import FolderBlobs

    return FolderBlobs(Path(place))
