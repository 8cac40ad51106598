"""Where the web processes of one `serve` keep the metrics that each of them tells of all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grader.errors import BadInput

_MEMORY = Path("/dev/shm")


@contextmanager
def folder_of_metrics() -> Iterator[Path]:
    """An empty folder of this process; it is gone afterwards, and those of processes that were
    killed are gone at once.

    In memory where that can be had: the files are written to by mapping them, and on a disk that is
    full that ends a process instead of failing.
    """
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    name = f"chainrule-metrics-{os.getuid()}-"
    folder = place / f"{name}{os.getpid()}"
    for left in place.glob(f"{name}*"):
        if left == folder or not Path("/proc", left.name.removeprefix(name)).exists():
            shutil.rmtree(left, ignore_errors=True)
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise BadInput(f"{folder} cannot be made: {error.strerror}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
