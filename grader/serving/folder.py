"""The data folder, for one `serve` at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grader.errors import BadInput
from grader.safetext import one_line


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The folder, made where it is not there, is ours alone while the block runs.

    Raises BadInput where another process has it, or it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / "serve.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BadInput(
            f"the data folder {one_line(str(folder))} cannot be used: {error.strerror}"
        ) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 20).decode("ascii", "replace").strip()
            raise BadInput(
                f"another chainrule serve (process {one_line(holder)}) uses the data folder "
                f"{one_line(str(folder))}; end it, or set CHAINRULE_DATA to another folder"
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)  # the file stays: who takes it away takes away somebody's lock
