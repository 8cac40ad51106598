"""Bundles as zips: packed and read again alike, and what is hostile is refused by its name."""

from __future__ import annotations

import io
import stat
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader.db.models import Queue
from grader.errors import BadBundle, BlobMissing, NotFound
from grader.rubricfile import load_bundle
from grader.services.bundles import packed, unpacked, uploaded
from grader.services.site import Site
from tests.sites import site_at

ROOT = Path(__file__).parent.parent.parent
SLUG = "upenn-cis700-lecture2"
RUBRIC = f"rubrics/{SLUG}/rubric.yaml"
GOOD = packed(ROOT, SLUG)


@pytest.fixture(autouse=True)
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary folders go; there is nothing in it after the test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def entry(name: str, mode: int = 0, **values: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    for key, value in values.items():
        setattr(info, key, value)
    return info


def zipped(*more: tuple[zipfile.ZipInfo | str, bytes], good: bool = True) -> bytes:
    """The good bundle's zip and these entries."""
    file = io.BytesIO(GOOD if good else b"")
    with zipfile.ZipFile(file, "a") as archive:
        for name, content in more:
            archive.writestr(name, content)
    return file.getvalue()


def refused(content: bytes) -> str:
    with pytest.raises(BadBundle) as caught, uploaded(io.BytesIO(content)):
        pass
    return str(caught.value)


def test_a_bundle_packed_and_uploaded_is_the_same_bundle() -> None:
    bundle = load_bundle(SLUG, ROOT)
    with uploaded(io.BytesIO(GOOD)) as (read, again):
        assert again.read() == packed(ROOT, SLUG) == GOOD
    assert read.content_hash == bundle.version
    assert read.max_score == bundle.rubric.max_score
    assert read.queue is Queue.CPU
    first = read.outline["exercises"][0]
    check = first["checks"][0]
    assert first["id"] == bundle.rubric.exercises[0].id
    assert set(check) == {"id", "title", "kind", "max_score", "visibility"}


def test_the_same_files_in_another_zip_are_packed_alike() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(GOOD)) as source, zipfile.ZipFile(file, "w") as target:
        target.mkdir("rubrics")
        for name in reversed(source.namelist()):
            target.writestr(name, source.read(name))
    with uploaded(file) as (_, again):
        assert again.read() == packed(ROOT, SLUG) == GOOD


def test_what_is_wrong_in_the_rubric_is_said_with_file_line_and_field(private: Path) -> None:
    rubric = (ROOT / RUBRIC).read_text().replace("points:", "poinst:", 1)
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(GOOD)) as source, zipfile.ZipFile(file, "w") as target:
        for name in source.namelist():
            target.writestr(name, rubric if name == RUBRIC else source.read(name))
    message = refused(file.getvalue())
    assert message.startswith(f"{RUBRIC}:")
    assert "`poinst` is not known here; did you mean `points`?" in message
    assert str(private) not in message


@pytest.mark.parametrize(
    ("value", "words"),
    [("2001-99-99", "month must be in"), ("9" * 5000, "is no value"), ('"a\\0b"', "be stored")],
)
def test_a_value_that_is_none_is_said_with_its_place(value: str, words: str) -> None:
    files = {RUBRIC: f"title: {value}\n", f"reference/{SLUG}/solution.py": ""}
    message = refused(zipped(*((name, text.encode()) for name, text in files.items()), good=False))
    assert message.startswith(f"{RUBRIC}:1:8: title: is no value")
    assert words in message


def test_a_reference_that_is_nested_too_deeply_is_refused() -> None:
    files = {
        RUBRIC: (ROOT / RUBRIC).read_bytes(),
        f"reference/{SLUG}/solution.py": b"-" * 100_000 + b"1",
    }
    message = refused(zipped(*files.items(), good=False))
    assert message == f"reference/{SLUG}/solution.py: the reference is nested too deeply"


HOSTILE: dict[str, tuple[str, bytes]] = {
    "absolute": ("absolute path", zipped(("/etc/passwd", b"x"))),
    "drive": ("absolute path", zipped(("C:/x", b"x"))),
    "parent": ("leads out", zipped((f"rubrics/{SLUG}/../../x", b"x"))),
    "backslash": ("backslash", zipped((f"rubrics/{SLUG}\\x", b"x"))),
    "control": ("no character", zipped((f"rubrics/{SLUG}/a\x1bb", b"x"))),
    "empty part": ("empty parts", zipped((f"rubrics/{SLUG}//x", b"x"))),
    "long": ("longer than", zipped((f"rubrics/{SLUG}/" + "x" * 300, b"x"))),
    "deep": ("folders deep", zipped((f"rubrics/{SLUG}/" + "d/" * 12 + "x", b"x"))),
    "symlink": ("symbolic", zipped((entry(f"rubrics/{SLUG}/x", stat.S_IFLNK | 0o777), b"/etc"))),
    "device": ("neither", zipped((entry(f"rubrics/{SLUG}/x", stat.S_IFCHR | 0o666), b""))),
    "below a file": ("below a file", zipped((f"{RUBRIC}/x", b"x"))),
    "file and folder": (
        "file and a folder",
        zipped((f"rubrics/{SLUG}/d/x", b"x"), (f"rubrics/{SLUG}/d", b"x")),
    ),
    "file instead of folder": ("lies outside", zipped((f"rubrics/{SLUG}", b"x"))),
    "outside": ("lies outside", zipped(("README.md", b"x"))),
    "other room": ("lies outside", zipped((f"tests/{SLUG}/x", b"x"))),
    "second bundle": ("another bundle", zipped(("rubrics/second/rubric.yaml", b"x"))),
    "bad slug": ("not named with", zipped((f"rubrics/{SLUG}.old/x", b"x"))),
    "lzma": (
        "another way",
        zipped((entry(f"rubrics/{SLUG}/x", compress_type=zipfile.ZIP_LZMA), b"x")),
    ),
    "ratio": (
        "more than 200 times",
        zipped(
            (
                entry(f"rubrics/{SLUG}/x", compress_type=zipfile.ZIP_DEFLATED),
                bytes(2 << 20),
            )
        ),
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_entry_is_named(kind: str) -> None:
    words, content = HOSTILE[kind]
    message = refused(content)
    assert words in message
    assert message.startswith("the zip's entry '")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_refused() -> None:
    assert refused(zipped((RUBRIC, b"x"))) == f"the zip's entry '{RUBRIC}' stands twice"


def patched(content: bytes, change: Callable[[bytearray, int], None]) -> bytes:
    """The zip with its first central entry changed, which begins at the given place."""
    data = bytearray(content)
    change(data, content.index(b"PK\x01\x02"))
    return bytes(data)


def test_an_encrypted_entry_is_refused() -> None:
    def encrypt(data: bytearray, at: int) -> None:
        data[at + 8] |= 1

    assert "is encrypted" in refused(patched(zipped(), encrypt))


@pytest.mark.parametrize("flag", [0, 0x8])
def test_a_name_that_is_not_utf_8_is_refused(flag: int) -> None:
    def spoil(data: bytearray, at: int) -> None:
        data[at + 9] |= flag  # the bit that says UTF-8, in the second byte
        data[at + 46 + 10] = 0xFF

    assert "name that is not UTF-8" in refused(patched(zipped(), spoil))


def test_a_zip_that_would_unpack_to_too_much_is_refused_by_what_it_says() -> None:
    def grow(data: bytearray, at: int) -> None:
        struct.pack_into("<II", data, at + 20, 1 << 28, 200 << 20)

    message = refused(patched(zipped(), grow))
    assert "brings the zip to more than 128 MiB" in message


def test_too_many_entries_are_refused() -> None:
    many = [(f"rubrics/{SLUG}/files/{n}", b"") for n in range(5001)]
    assert "entries, more than 5000" in refused(zipped(*many, good=False))


def test_a_table_of_contents_that_is_too_long_is_not_read() -> None:
    record = entry(f"rubrics/{SLUG}/x")
    record.comment = b"c" * 60_000
    many = [record]
    for n in range(20):
        many.append(entry(f"rubrics/{SLUG}/{n}"))
        many[-1].comment = record.comment
    assert "table of contents is too long" in refused(
        zipped(*((one, b"") for one in many), good=False)
    )


def test_content_that_is_not_what_its_entry_says_is_refused() -> None:
    content = bytearray(zipped((entry(f"rubrics/{SLUG}/zz"), b"A" * 64)))
    content[content.index(b"A" * 64)] ^= 1
    message = refused(bytes(content))
    assert message.startswith(f"the zip's entry 'rubrics/{SLUG}/zz' cannot be unpacked: Bad CRC")


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06", b"PK\x05\x06" + b"\xff" * 18, b"x" * 99])
def test_what_is_no_zip_is_refused(content: bytes) -> None:
    assert refused(content).startswith("this is no zip that can be read")


def test_a_zip_cut_anywhere_is_refused() -> None:
    content = zipped()
    for end in range(0, len(content), 997):
        refused(content[:end])


def test_a_zip_without_a_bundle_is_refused() -> None:
    assert "neither rubrics/NAME/" in refused(zipped(good=False))


def test_a_worker_unpacks_a_bundle_once_and_whole(site: Site, tmp_path: Path) -> None:
    stored = site.blobs.put([GOOD])
    folder = unpacked(site, stored.sha256, tmp_path / "cache" / "one")
    assert folder == tmp_path / "cache" / "one" / "rubrics" / SLUG
    assert load_bundle(folder, tmp_path).version == load_bundle(SLUG, ROOT).version
    (folder / "seen").touch()
    assert unpacked(site, stored.sha256, tmp_path / "cache" / "one") == folder
    assert (folder / "seen").exists()
    assert [one.name for one in (tmp_path / "cache").iterdir()] == ["one"]


def test_a_worker_refuses_a_blob_that_is_not_there_or_changed(site: Site, tmp_path: Path) -> None:
    stored = site.blobs.put([GOOD])
    with pytest.raises(BlobMissing):
        unpacked(site, "0" * 64, tmp_path / "cache" / "one")
    place = Path(site.settings.blobs) / stored.sha256[:2] / stored.sha256
    place.write_bytes(place.read_bytes()[:-1])
    with pytest.raises(BlobMissing, match="has been changed"):
        unpacked(site, stored.sha256, tmp_path / "cache" / "one")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_large_file_that_hardly_holds_anything_is_unpacked_from_the_store(
    site: Site, tmp_path: Path
) -> None:
    content = zipped((entry(f"rubrics/{SLUG}/files/zeros"), bytes(2 << 20)))
    with uploaded(io.BytesIO(content)) as (_, again):
        stored = site.blobs.put([again.read()])
    folder = unpacked(site, stored.sha256, tmp_path / "one")
    assert (folder / "files" / "zeros").stat().st_size == 2 << 20


def test_a_version_that_is_not_there_has_no_bundle(site: Site, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        unpacked(site, 999, tmp_path / "one")


@pytest.fixture
def site(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Site]:
    """An installation."""
    (tmp_path / "data").mkdir()
    database = tmp_path / "data" / "chainrule.db"
    database.write_bytes(migrated_sqlite.read_bytes())
    made = site_at(f"sqlite:///{database}", tmp_path / "data")
    yield made
    made.close()
