"""What processes that ended may have left behind on the host."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tests.sandbox.host import alive, descendants, groups


def children(pid: int) -> list[int]:
    """Those that run, the oldest first."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return sorted(alive(set(found)), key=_started)


def zygotes_of(worker: int) -> list[int]:
    """The zygotes that a worker has started."""
    return [one for one in children(worker) if _is_zygote(one)]


class Leftovers:
    """Remembers every zygote that was seen, so that its groups are found when it is gone.

    All that workers start has `scratch` in its environment: it is the folder of their temporary
    files, and that of their zygotes lies in it.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._zygotes: set[int] = set()

    def look(self) -> None:
        """Remember who is there."""
        self._zygotes |= {one for one in self._marked() if _is_zygote(one)}

    def of_others_than(self, workers: set[int]) -> list[str]:
        """What is there and belongs to none of these processes."""
        self.look()
        theirs = workers.union(*map(descendants, workers))
        orphans = alive(self._marked()) - theirs
        found = [f"process {one} {_read(one, 'cmdline')[-60:]!r}" for one in sorted(orphans)]
        found += [
            f"control group {group}"
            for zygote in self._zygotes - theirs
            for group in sorted(groups(zygote))
        ]
        used = b"".join(_read(one, "environ") + _open_files(one) for one in theirs)
        found += [
            f"temporary file {path.name}"
            for path in self._scratch.iterdir()
            if str(path).encode() not in used
        ]
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        return found + [f"mount {line}" for line in lines if str(self._scratch) in line]

    def _marked(self) -> set[int]:
        mark = str(self._scratch).encode()
        every = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())
        return {pid for pid in every if mark in _read(pid, "environ")}


def _is_zygote(pid: int) -> bool:
    """Or a fork of one, which has its name, too."""
    return b"inside.zygote" in _read(pid, "cmdline")


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _open_files(pid: int) -> bytes:
    found = []
    with contextlib.suppress(OSError):
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.append(str(path.readlink()))
    return " ".join(found).encode()


def _started(pid: int) -> int:
    stat = _read(pid, "stat")
    return int(stat.rpartition(b")")[2].split()[19]) if stat else 0
