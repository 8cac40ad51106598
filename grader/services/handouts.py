"""What students begin with: the starter and the data files of the version in force."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath

from grader.db import people
from grader.db.models import AssignmentVersion
from grader.errors import Conflict, NotFound
from grader.services.access import Actor, Right, permit_assignment
from grader.services.assignments import Stage, get_assignment
from grader.services.site import Site

_IN_MEMORY = 8 << 20
_PIECE = 1 << 16


@dataclass(frozen=True)
class Handout:
    """A file to begin with, by its path in the working directory."""

    name: str
    size: int


def list_handouts(site: Site, actor: Actor, assignment_id: int) -> list[Handout]:
    """The starter first, then the files that a submission finds in its working directory.

    For students from when the assignment opens.
    """
    with _bundle(site, _version(site, actor, assignment_id)) as archive:
        return [Handout(name, entry.file_size) for name, entry in _handouts(archive)]


def open_handout(
    site: Site, actor: Actor, assignment_id: int, name: str
) -> tuple[str, Iterator[bytes]]:
    """One of these files: its name without folders, and its content. Raises NotFound at once."""
    version = _version(site, actor, assignment_id)
    with _bundle(site, version) as archive:
        if name not in dict(_handouts(archive)):
            raise NotFound("there is no such file")
    return PurePosixPath(name).name, _content(site, version, name)


def _version(site: Site, actor: Actor, assignment_id: int) -> AssignmentVersion:
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.READ)
        role = people.role_in(session, actor.person_id, assignment.course_id)
    seen = get_assignment(site, actor, assignment_id)
    if seen.live is None:
        raise NotFound("no version of this assignment is published")
    if seen.stage is Stage.ANNOUNCED and not actor.may(Right.GRADE, role):
        raise Conflict("this assignment is not open yet")
    return seen.live


@contextmanager
def _bundle(site: Site, version: AssignmentVersion) -> Iterator[zipfile.ZipFile]:
    """The version's zip, which was packed here."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        for chunk in site.blobs.chunks(version.bundle_sha256):
            file.write(chunk)
        with zipfile.ZipFile(file) as archive:
            yield archive


def _handouts(archive: zipfile.ZipFile) -> list[tuple[str, zipfile.ZipInfo]]:
    """What a student may have of a bundle: never the rubric nor the reference."""
    starters, files = [], []
    for entry in archive.infolist():
        match entry.filename.split("/"):
            case ["rubrics", _, "starter.ipynb"]:
                starters.append(("starter.ipynb", entry))
            case ["rubrics", _, "files", *path] if path and not entry.is_dir():
                files.append(("/".join(path), entry))
    return starters + sorted(files, key=lambda one: one[0])


def _content(site: Site, version: AssignmentVersion, name: str) -> Iterator[bytes]:
    with _bundle(site, version) as archive, archive.open(dict(_handouts(archive))[name]) as file:
        while piece := file.read(_PIECE):
            yield piece
