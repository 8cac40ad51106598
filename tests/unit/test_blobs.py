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
from pathlib import Path

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

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
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="course")
        yield open_blobs("s3://course/chainrule")


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
