"""Blobs: what is kept is whole, under its own hash, once; what is refused leaves nothing.

The first tests hold for every store, the later ones are about the folder's files.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from grader.errors import BlobMissing, TooLarge
from grader.storage.blobs import Blobs, open_blobs

CONTENT = b"import torch\n"
NAME = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=["folder", "s3"])
def blobs(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Blobs]:
    if request.param == "folder":
        yield open_blobs(str(tmp_path / "blobs"))
    else:
        yield from in_s3(monkeypatch)


def in_s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Blobs]:
    """A bucket of a simulated S3."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="course")
        yield open_blobs("s3://course/chainrule")


def grown_old(*names: str) -> None:
    """These blobs of the simulated bucket were written days ago."""
    objects = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets["course"].keys
    for name in names:
        objects[f"chainrule/{name}"].last_modified -= timedelta(days=2)


def keys() -> list[str]:
    """What is in the simulated bucket."""
    found = boto3.client("s3").list_objects_v2(Bucket="course").get("Contents", ())
    return sorted(one["Key"] for one in found)


@pytest.fixture
def folder(tmp_path: Path) -> Blobs:
    return open_blobs(str(tmp_path / "blobs"))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "lock"]


def the_file(folder: Path) -> Path:
    (path,) = files(folder)
    return path


@given(st.lists(st.binary(max_size=50), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_put_comes_back_under_its_hash(blobs: Blobs, chunks: list[bytes]) -> None:
    content = b"".join(chunks)
    stored = blobs.put(chunks)
    assert (stored.sha256, stored.size) == (hashlib.sha256(content).hexdigest(), len(content))
    assert blobs.read(stored.sha256) == b"".join(blobs.chunks(stored.sha256)) == content


def test_exactly_as_much_as_allowed_is_kept(blobs: Blobs) -> None:
    assert blobs.put([b"x" * 250], at_most=250).size == 250


@pytest.mark.parametrize("name", ["0" * 64, "../../etc/passwd", "", NAME.upper(), NAME + "\n"])
def test_what_is_no_blob_is_said_to_be_none(blobs: Blobs, name: str) -> None:
    blobs.put([CONTENT])
    with pytest.raises(BlobMissing):
        blobs.read(name)


def test_a_sweep_takes_what_is_old_and_not_referred_to(blobs: Blobs) -> None:
    kept, lost = blobs.put([b"kept"]), blobs.put([b"lost"])
    assert blobs.sweep({kept.sha256}, older_than_s=60, now_s=time.time()) == 0
    assert blobs.sweep({kept.sha256}, older_than_s=60, now_s=time.time() + 120) == 1
    assert blobs.read(kept.sha256) == b"kept"
    with pytest.raises(BlobMissing):
        blobs.chunks(lost.sha256)


class TestSweepsOfS3:
    """What is written again while a sweep is at work stays, as in the folder."""

    @pytest.fixture
    def bucket(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
        yield from in_s3(monkeypatch)

    def test_what_is_put_again_before_the_sweep_looks_once_more_stays(
        self, bucket: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bucket.put([CONTENT])
        lost = bucket.put([b"lost"])
        grown_old(NAME, lost.sha256)
        client = bucket._client
        real = client.put_object

        def marked(**more: Any) -> Any:
            if "sweeping/" in more["Key"]:
                bucket.put([CONTENT])
            return real(**more)

        monkeypatch.setattr(client, "put_object", marked)
        assert bucket.sweep((), older_than_s=60, now_s=time.time()) == 1
        assert bucket.read(NAME) == CONTENT
        with pytest.raises(BlobMissing):
            bucket.read(lost.sha256)

    def test_what_is_put_again_just_before_it_is_removed_is_written_once_more(
        self, bucket: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bucket.put([CONTENT])
        grown_old(NAME)
        put_or_waits, swept = threading.Event(), threading.Event()

        def put_again() -> None:
            bucket.put([CONTENT])
            put_or_waits.set()

        def waits(_: float) -> None:
            put_or_waits.set()
            assert swept.wait(10)

        client, again = bucket._removing, threading.Thread(target=put_again)
        real = client.delete_objects

        def removed(**more: Any) -> Any:
            again.start()
            assert put_or_waits.wait(10)
            return real(**more)

        monkeypatch.setattr(client, "delete_objects", removed)
        monkeypatch.setattr("grader.storage.s3.sleep", waits, raising=False)
        assert bucket.sweep((), older_than_s=60, now_s=time.time()) == 1
        swept.set()
        again.join()
        assert bucket.read(NAME) == CONTENT
        assert keys() == [f"chainrule/{NAME}"]

    def test_a_sweep_that_has_died_holds_up_nobody_for_long(
        self, bucket: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bucket.put([CONTENT])
        grown_old(NAME)

        def dies(**more: Any) -> Any:
            raise ConnectionError

        waited: list[float] = []

        def waits(seconds: float) -> None:
            waited.append(seconds)
            (mark,) = [key for key in keys() if "sweeping/" in key]
            grown_old(mark.removeprefix("chainrule/"))

        with monkeypatch.context() as patch:
            patch.setattr(bucket._removing, "delete_objects", dies)
            with pytest.raises(ConnectionError):
                bucket.sweep((), older_than_s=60, now_s=time.time())
        monkeypatch.setattr("grader.storage.s3.sleep", waits)
        bucket.put([CONTENT])
        assert len(waited) == 1
        # The next sweep takes the mark as well.
        assert bucket.sweep({NAME}, older_than_s=60, now_s=time.time()) == 1
        assert keys() == [f"chainrule/{NAME}"]

    def test_who_stores_waits_for_sweeps_that_had_begun_and_for_none_that_begins_meanwhile(
        self, bucket: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = bucket._client
        marks = [f"chainrule/sweeping/{n}" for n in range(50)]
        client.put_object(Bucket=bucket._bucket, Key=marks[0], Body=b"")
        waited: list[float] = []

        def waits(seconds: float) -> None:
            waited.append(seconds)
            client.put_object(Bucket=bucket._bucket, Key=marks[len(waited)], Body=b"")
            client.delete_object(Bucket=bucket._bucket, Key=marks[len(waited) - 1])

        monkeypatch.setattr("grader.storage.s3.sleep", waits)
        bucket.put([CONTENT])
        assert len(waited) == 1

    def test_more_than_a_page_is_swept(self, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        stored = [bucket.put([bytes([n])]).sha256 for n in range(7)]
        client = bucket._client
        real = client.list_objects_v2
        monkeypatch.setattr(client, "list_objects_v2", lambda **more: real(**more, MaxKeys=3))
        grown_old(*stored)
        kept = set(stored[:2])
        assert bucket.sweep(kept, older_than_s=60, now_s=time.time()) == 5
        assert keys() == sorted(f"chainrule/{one}" for one in kept)


def test_the_same_content_is_kept_once(folder: Blobs, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        stored = set(pool.map(folder.put, [[CONTENT]] * 16))
    assert len(stored) == 1
    assert the_file(tmp_path).read_bytes() == CONTENT


def test_too_much_is_refused_before_the_rest_is_read_and_leaves_nothing(
    folder: Blobs, tmp_path: Path
) -> None:
    read = []

    def endless() -> Iterator[bytes]:
        while True:
            read.append(1)
            yield b"x" * 100

    with pytest.raises(TooLarge, match="250 bytes"):
        folder.put(endless(), at_most=250)
    assert len(read) == 3
    assert files(tmp_path) == []


def test_an_upload_that_breaks_off_leaves_nothing(folder: Blobs, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield CONTENT
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        folder.put(broken())
    assert files(tmp_path) == []


def test_a_changed_blob_is_not_taken_for_what_it_was(folder: Blobs, tmp_path: Path) -> None:
    folder.put([CONTENT])
    the_file(tmp_path).write_bytes(b"import os\n")
    with pytest.raises(BlobMissing, match="changed"):
        folder.read(NAME)


def test_the_sweep_takes_what_is_old_and_not_referred_to(folder: Blobs, tmp_path: Path) -> None:
    kept, lost = folder.put([b"kept"]), folder.put([b"lost"])
    (tmp_path / "blobs" / "unfinished" / "tmp1").write_bytes(b"half")
    written = max(path.stat().st_mtime for path in files(tmp_path))
    assert folder.sweep({kept.sha256}, older_than_s=60, now_s=written + 59) == 0
    assert folder.sweep({kept.sha256}, older_than_s=60, now_s=written + 61) == 2
    assert folder.read(kept.sha256) == b"kept"
    with pytest.raises(BlobMissing):
        folder.chunks(lost.sha256)


def test_what_is_put_again_while_the_sweep_looks_at_it_stays(
    folder: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.put([CONTENT])
    put_or_waits, real = threading.Event(), fcntl.flock

    def hold(descriptor: int, how: int) -> None:
        if how == fcntl.LOCK_SH:
            put_or_waits.set()
        real(descriptor, how)

    def put_again() -> None:
        folder.put([CONTENT])
        put_or_waits.set()

    def looked_at(path: Path, **more: bool) -> os.stat_result:
        found = os.stat(path, **more)
        if path.name == NAME and not again.is_alive():
            again.start()
            assert put_or_waits.wait(10)
        return found

    again = threading.Thread(target=put_again)
    monkeypatch.setattr(fcntl, "flock", hold)
    monkeypatch.setattr(Path, "stat", looked_at)
    assert folder.sweep((), older_than_s=-60, now_s=time.time()) == 1
    again.join()
    assert folder.read(NAME) == CONTENT


def test_the_first_blob_of_a_folder_has_that_on_the_disk_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "blobs"
    blobs = open_blobs(str(root))
    forced: list[Path] = []
    monkeypatch.setattr("grader.storage.folder._sync", forced.append)
    blobs.put([CONTENT])
    assert forced == [root, root / NAME[:2]]
    blobs.put([CONTENT])
    assert forced[2:] == [root / NAME[:2]]
    forced.clear()
    blobs.copy_to(tmp_path / "copy" / "blobs")  # type: ignore[attr-defined]
    copy = tmp_path / "copy" / "blobs"
    assert forced == [tmp_path, copy.parent, copy, copy / NAME[:2]]
