"""Backups of an installation that keeps everything in a folder."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from grader.db.backup import copy_to, is_a_file
from grader.errors import BadInput
from grader.services.site import Site
from grader.storage.folder import FolderBlobs

DATABASE = "chainrule.db"
BLOBS = "blobs"


@dataclass(frozen=True)
class Backup:
    """What the folder holds now that it did not hold before."""

    new_blobs: int


def back_up(site: Site, folder: Path) -> Backup:
    """Have `folder` hold the database and every blob that it refers to; the service may run.

    The folder may hold an earlier backup, which is whole until it is replaced by a whole one.
    Raises BadInput where the database is not a file, or the blobs are not in a folder.
    """
    if not is_a_file(site.database):
        raise BadInput("CHAINRULE_DATABASE is not a file: back it up with pg_dump")
    if not isinstance(site.blobs, FolderBlobs):
        raise BadInput("CHAINRULE_BLOBS is not a folder: let the bucket keep its versions")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=folder) as name:
        copy = Path(name, DATABASE)
        # The rows first: a blob is there before a row refers to it, so that none can be missing.
        copy_to(site.database, copy)
        new = site.blobs.copy_to(folder / BLOBS)
        os.replace(copy, folder / DATABASE)
    return Backup(new)
