"""Bundles as zips: packed for the store, and read from whoever uploads one.

A bundle's zip holds `rubrics/<slug>/` and `reference/<slug>/`, as they lie on disk, and nothing
else. What is uploaded may be hostile: nothing of it is unpacked before all of its directory has
been looked at, and everything is bounded before it is read.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from typing import IO, Any, BinaryIO

from grader import zips
from grader.bundlefiles import regular_files
from grader.db.models import AssignmentVersion, Queue
from grader.domain.rubric import Bundle, Rubric
from grader.errors import BadBundle, BadInput, BlobMissing, NotFound
from grader.services.site import Site

_ROOMS = ("rubrics", "reference")
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SAME_TIME = (1980, 1, 1, 0, 0, 0)  # so that the same files make the same zip

_MOST_ENTRIES = 5000
_MOST_BYTES = 128 << 20  # unpacked
_MOST_RATIO = 200


@dataclass(frozen=True)
class Read:
    """What is known of a bundle once its rubric has been read."""

    content_hash: str
    outline: dict[str, Any]
    max_score: float
    queue: Queue


def packed(root: Path, slug: str) -> bytes:
    """The zip of the bundle `slug` below `root`; the same files give the same bytes."""
    file = io.BytesIO()
    _pack(root, slug, file)
    return file.getvalue()


@contextmanager
def uploaded(file: BinaryIO) -> Iterator[tuple[Read, BinaryIO]]:
    """What an uploaded zip holds, and the same bundle packed anew, for the store.

    Raises BadBundle, which names the entry, or file, line and field of the rubric. All that is
    written lies in a private folder, which goes with the block.
    """
    with tempfile.TemporaryDirectory(prefix="chainrule-bundle-") as name:
        root = Path(name).resolve()
        slug = _unpack(file, root / "bundle", bomb_ratio=_MOST_RATIO)
        read = _read(_loaded(root / "bundle", slug))
        with (root / "bundle.zip").open("w+b") as again:
            _pack(root / "bundle", slug, again)
            again.seek(0)
            yield read, again


def unpacked(site: Site, version: int | str, into: Path) -> Path:
    """The folder rubrics/<slug> below `into`, of a version's id or of its bundle's SHA-256.

    `into` comes into being whole or not at all, and is left as it is where it is there already:
    any number of workers may ask for the same one. Raises BlobMissing where the blob is not there
    or has been changed.
    """
    if not into.is_dir():
        sha256 = version if isinstance(version, str) else _sha256_of(site, version)
        into.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=into.parent) as name:
            with Path(name, "bundle.zip").open("w+b") as file:
                digest = hashlib.sha256()
                for chunk in site.blobs.chunks(sha256):
                    digest.update(chunk)
                    file.write(chunk)
                if digest.hexdigest() != sha256:
                    raise BlobMissing(f"the blob {sha256} has been changed")
                _unpack(file, Path(name, "bundle"))
            try:
                os.rename(Path(name, "bundle"), into)
            except OSError:
                if not into.is_dir():
                    raise
    (folder,) = (into / "rubrics").iterdir()
    return folder


def _sha256_of(site: Site, version_id: int) -> str:
    with site.database.reading() as session:
        version = session.get(AssignmentVersion, version_id)
    if version is None:
        raise NotFound(f"there is no version {version_id}")
    return version.bundle_sha256


def _pack(root: Path, slug: str, file: IO[bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for room in _ROOMS:
            for path in regular_files(root / room / slug):
                name = path.relative_to(root).as_posix()
                if room == "reference" and "__pycache__" in path.parts:
                    continue
                info = zipfile.ZipInfo(name, _SAME_TIME)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = (stat.S_IFREG | 0o644) << 16
                info.file_size = path.stat().st_size
                with path.open("rb") as source, archive.open(info, "w") as target:
                    copyfileobj(source, target)


def _loaded(root: Path, slug: str) -> Bundle:
    # Numpy comes with it: most web processes never need it.
    from grader.rubricfile import load_bundle

    try:
        return load_bundle(root / "rubrics" / slug, root)
    except BadBundle as error:
        # Where it lies for this moment is nobody's concern.
        shown = str(error).replace(f"{root}/", "").replace(f"{root}/".lstrip("/"), "")
        raise BadBundle(shown) from None


def _read(bundle: Bundle) -> Read:
    return Read(
        content_hash=bundle.version,
        outline=_outline(bundle.rubric),
        max_score=round(bundle.rubric.max_score, 6),
        queue=Queue.GPU if bundle.rubric.runtime.gpu else Queue.CPU,
    )


def _outline(rubric: Rubric) -> dict[str, Any]:
    exercises = [
        {
            "id": exercise.id,
            "title": exercise.title,
            "max_score": round(exercise.max_score, 6),
            "checks": [
                {
                    "id": check.id,
                    "title": check.title,
                    "kind": check.kind,  # type: ignore[attr-defined]
                    "max_score": check.points,
                    "visibility": check.visibility,
                }
                for check in exercise.checks
            ],
        }
        for exercise in rubric.exercises
    ]
    return {"exercises": exercises}


def _unpack(file: BinaryIO, into: Path, *, bomb_ratio: int | None = None) -> str:
    """Unpack a bundle's zip into a new folder, and say its slug; raises BadBundle."""
    with zips.opened(file, BadBundle) as archive:
        entries = archive.infolist()
        slug = _checked(entries)
        if bomb_ratio is not None:
            _refuse_bombs(entries, bomb_ratio)
        for entry in entries:
            path = into / entry.filename
            if entry.is_dir():
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with archive.open(entry) as source, path.open("xb") as target:
                    copyfileobj(source, target)
            except (*zips.BROKEN, RuntimeError) as error:
                raise _bad(entry, f"cannot be unpacked: {error}") from None
    return slug


def _checked(entries: Sequence[zipfile.ZipInfo]) -> str:
    """The slug of a bundle whose entries may be unpacked; raises BadBundle naming the entry."""
    if len(entries) > _MOST_ENTRIES:
        raise BadBundle(f"the zip holds {len(entries)} entries, more than {_MOST_ENTRIES}")
    tree, total = _Tree(), 0
    for entry in entries:
        why = zips.refused_name(entry) or zips.refused_kind(entry) or tree.refused(entry)
        if why:
            raise _bad(entry, why)
        total += entry.file_size
        if total > _MOST_BYTES:
            raise _bad(entry, f"brings the zip to more than {_MOST_BYTES >> 20} MiB unpacked")
    if tree.slug is None:
        raise BadBundle("the zip holds neither rubrics/NAME/ nor reference/NAME/")
    return tree.slug


class _Tree:
    """The files and folders of the entries seen so far; they are all of one bundle."""

    def __init__(self) -> None:
        self.slug: str | None = None
        self._named: set[str] = set()
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def refused(self, entry: zipfile.ZipInfo) -> str | None:
        """Why this entry does not fit those before it; None where it does."""
        name = entry.filename.rstrip("/")
        parts = name.split("/")
        if parts[0] not in _ROOMS or (len(parts) < 3 and not entry.is_dir()):
            return "lies outside rubrics/NAME/ and reference/NAME/"
        if len(parts) > 1:
            if not _SLUG.fullmatch(parts[1]):
                return "lies in a folder that is not named with letters, digits, - and _"
            if self.slug not in (None, parts[1]):
                return f"belongs to another bundle than {self.slug}"
            self.slug = parts[1]
        if name in self._named:
            return "stands twice"
        above = {"/".join(parts[:depth]) for depth in range(1, len(parts))}
        if above & self._files or (not entry.is_dir() and name in self._folders):
            return "is below a file, or a file and a folder"
        self._named.add(name)
        self._folders |= above
        (self._folders if entry.is_dir() else self._files).add(name)
        return None


def _refuse_bombs(entries: Sequence[zipfile.ZipInfo], ratio: int) -> None:
    for entry in entries:
        if zips.is_bomb(entry, ratio):
            raise _bad(entry, f"unpacks to more than {ratio} times its size")


def _bad(entry: zipfile.ZipInfo, why: str) -> BadInput:
    return zips.bad_entry(entry, why, BadBundle)
