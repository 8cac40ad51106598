"""Blobs in an S3 bucket, each under the SHA-256 of its content below a prefix.

A blob is written to a temporary file first: its name is the hash of all of it. An object is there
whole or not at all, so nothing has to be renamed. Credentials come from where boto3 looks for them.

S3 has no locks, and removes no object on the condition that nobody has written it again. So a sweep
marks that it is about to remove some, looks once more how old they are, and takes the mark away
when they are gone. Who has written a blob looks for marks, waits for those that hold, and then
whether the blob is there: what was written before the mark is too young for the sweep's second
look, and what was written later is missed and written again.
"""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import Container, Iterable, Iterator
from time import monotonic, sleep, time
from typing import IO, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from grader.errors import BlobMissing, TooLarge
from grader.storage.blobs import Stored, checked_name

_CHUNK = 1 << 20
_IN_MEMORY = 1 << 20  # larger ones go by way of the disk
_MARKS = "sweeping/"
_MARK_HOLDS_S = 20.0  # then who has set it is taken for dead
_REMOVES_WITHIN_S = 5.0  # of its mark, or not at all
# And a removal is asked for once, and given up, before its mark is taken for dead.
_REMOVING = Config(connect_timeout=3, read_timeout=8, retries={"total_max_attempts": 1})
_LOOK_S = 0.1  # how often is looked whether a mark is gone
_WRITES = 5


class S3Blobs:
    """The blobs of one bucket. A `Blobs`."""

    def __init__(self, client: Any, removing: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._removing = removing  # gives up soon
        self._bucket = bucket
        self._prefix = prefix

    @classmethod
    def at(cls, place: str, endpoint: str | None) -> S3Blobs:
        """The store at s3://BUCKET/PREFIX, of Amazon or of who answers at `endpoint`."""
        parts = urlsplit(place)
        prefix = parts.path.strip("/")
        client, removing = (
            boto3.client("s3", endpoint_url=endpoint, config=config) for config in (None, _REMOVING)
        )
        return cls(client, removing, parts.netloc, f"{prefix}/" if prefix else "")

    def put(self, chunks: Iterable[bytes], *, at_most: int | None = None) -> Stored:
        """See `Blobs`; S3 confirms only what it has stored durably."""
        digest, size = hashlib.sha256(), 0
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            for chunk in chunks:
                size += len(chunk)
                if at_most is not None and size > at_most:
                    raise TooLarge(f"it is larger than {at_most} bytes")
                digest.update(chunk)
                file.write(chunk)
            name = digest.hexdigest()
            for _ in range(_WRITES):
                file.seek(0)
                # Written again where it is there already: the sweep goes by the last time.
                self._client.upload_fileobj(_LeftOpen(file), self._bucket, self._key(name))
                self._wait_for_sweeps()
                if self._is_there(name):
                    return Stored(name, size)
        raise BlobMissing(f"the blob {name} is removed as soon as it is stored")

    def read(self, sha256: str) -> bytes:
        """See `Blobs`."""
        content = b"".join(self.chunks(sha256))
        if hashlib.sha256(content).hexdigest() != sha256:
            raise BlobMissing(f"the blob {sha256} has been changed")
        return content

    def chunks(self, sha256: str) -> Iterator[bytes]:
        """See `Blobs`."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key(sha256))
        except ClientError as error:
            raise _missing(sha256, error) from None
        pieces: Iterator[bytes] = answer["Body"].iter_chunks(_CHUNK)
        return pieces

    def sweep(self, kept: Container[str], *, older_than_s: float, now_s: float) -> int:
        """See `Blobs`; uploads that were broken off are for a lifecycle rule of the bucket."""
        until, gone, after = now_s - older_than_s, 0, ""
        while page := self._page(after):
            old = {
                key
                for key, at in page.items()
                if key.removeprefix(self._prefix) not in kept and at < until
            }
            if old:
                gone += self._remove(old, after, until)
            after = max(page)
        return gone

    def _remove(self, keys: Container[str], after: str, until: float) -> int:
        """Those of these keys, which stand behind `after`, that are still as old; how many."""
        mark, begun = f"{self._prefix}{_MARKS}{uuid.uuid4().hex}", monotonic()
        self._client.put_object(Bucket=self._bucket, Key=mark, Body=b"")
        old = [key for key, at in self._page(after).items() if key in keys and at < until]
        if old and monotonic() - begun < _REMOVES_WITHIN_S:
            objects = {"Objects": [{"Key": key} for key in old], "Quiet": True}
            # Where this fails it may have been done: the mark stays then, and ends by itself.
            answer = self._removing.delete_objects(Bucket=self._bucket, Delete=objects)
            failed = len(answer.get("Errors", ()))
        else:
            failed = len(old)
        self._client.delete_object(Bucket=self._bucket, Key=mark)
        return len(old) - failed

    def _page(self, after: str) -> dict[str, float]:
        """Some of the keys behind this one in their order, and when each was written."""
        found = self._client.list_objects_v2(
            Bucket=self._bucket, Prefix=self._prefix, StartAfter=after
        )
        return {one["Key"]: one["LastModified"].timestamp() for one in found.get("Contents", ())}

    def _wait_for_sweeps(self) -> None:
        # One that is marked from now on looks at what was written just before.
        until, marks = monotonic() + _MARK_HOLDS_S, self._marks()
        while marks and monotonic() < until:
            sleep(_LOOK_S)
            marks &= self._marks()

    def _marks(self) -> set[str]:
        """Of sweeps that are about to remove some."""
        found = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix + _MARKS)
        dead = time() - _MARK_HOLDS_S
        return {
            one["Key"]
            for one in found.get("Contents", ())
            if one["LastModified"].timestamp() > dead
        }

    def _is_there(self, sha256: str) -> bool:
        try:
            self._client.head_object(Bucket=self._bucket, Key=self._key(sha256))
        except ClientError as error:
            if not _says_missing(error):
                raise
            return False
        return True

    def _key(self, sha256: str) -> str:
        return self._prefix + checked_name(sha256)


class _LeftOpen:
    """A file to be uploaded, which that leaves open: it may have to be once more."""

    def __init__(self, file: IO[bytes]) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell

    def close(self) -> None:
        """Nothing."""


def _missing(sha256: str, error: ClientError) -> BlobMissing:
    if _says_missing(error):
        return BlobMissing(f"there is no blob {sha256}")
    raise error


def _says_missing(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey")
