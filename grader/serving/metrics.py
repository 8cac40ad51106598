"""Where the web processes of one `serve` keep the metrics that each of them tells of all."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from grader.errors import BadInput

_MEMORY = Path("/dev/shm")


@contextmanager
def folder_of_metrics(data: Path) -> Iterator[Path]:
    """An empty folder for whoever holds the data folder; it is gone afterwards.

    In memory where that can be had: the files are written to by mapping them, and on a disk that is
    full that ends a process instead of failing.
    """
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    name = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:16]
    folder = place / f"chainrule-metrics-{os.getuid()}-{name}"
    with suppress(FileNotFoundError):
        if folder.lstat().st_uid == os.getuid():
            shutil.rmtree(folder)  # of one that was killed
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise BadInput(f"{folder} cannot be made: {error.strerror}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
