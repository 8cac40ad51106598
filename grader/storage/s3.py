"""Blobs in an S3 bucket, each under the SHA-256 of its content below a prefix.

A blob is written to a temporary file first: its name is the hash of all of it. An object is there
whole or not at all, so nothing has to be renamed. Credentials come from where boto3 looks for them.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Container, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

from grader.errors import BlobMissing, TooLarge
from grader.storage.blobs import Stored, checked_name

_CHUNK = 1 << 20
_IN_MEMORY = 1 << 20  # larger ones go by way of the disk


class S3Blobs:
    """The blobs of one bucket. A `Blobs`."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    @classmethod
    def at(cls, place: str, endpoint: str | None) -> S3Blobs:
        """The store at s3://BUCKET/PREFIX, of Amazon or of who answers at `endpoint`."""
        parts = urlsplit(place)
        prefix = parts.path.strip("/")
        client = boto3.client("s3", endpoint_url=endpoint)
        return cls(client, parts.netloc, f"{prefix}/" if prefix else "")

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
            file.seek(0)
            name = digest.hexdigest()
            # Written again where it is there already: the sweep goes by the last time.
            self._client.upload_fileobj(file, self._bucket, self._key(name))
        return Stored(name, size)

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
        gone = 0
        pages = self._client.get_paginator("list_objects_v2")
        for found in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
            old = [
                one["Key"]
                for one in found.get("Contents", ())
                if one["Key"].removeprefix(self._prefix) not in kept
                and one["LastModified"].timestamp() < now_s - older_than_s
            ]
            if old:
                objects = {"Objects": [{"Key": key} for key in old], "Quiet": True}
                self._client.delete_objects(Bucket=self._bucket, Delete=objects)
                gone += len(old)
        return gone

    def _key(self, sha256: str) -> str:
        return self._prefix + checked_name(sha256)


def _missing(sha256: str, error: ClientError) -> BlobMissing:
    if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey"):
        return BlobMissing(f"there is no blob {sha256}")
    raise error
