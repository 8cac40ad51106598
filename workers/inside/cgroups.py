"""Control groups, version 1, 2 or a mixture: the kernel's own limits, and exact accounts.

`find` looks once where this process may make groups; a `Group` then holds one sandbox. Where no
group can be made (an ordinary user without delegation), the supervisor watches with `usage.py`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from . import layers
from .layers import LayerError

_OF_ZYGOTE = re.compile(r"chainrule-(\d+)-\d+")
_LEAF = "chainrule-leaf"  # where processes go that stood in the group that we divide
_PERIOD_US = 100_000
_WEIGHT = 25  # of the usual 100: whoever waits at a page is answered before what runs goes on
_TRIES, _WAIT_S = 200, 0.005  # a killed process leaves its group a moment after its end

# The controller that each layer needs, and how version 1 names them.
CONTROLLERS = {
    layers.CGROUP_MEMORY: "memory",
    layers.CGROUP_PIDS: "pids",
    layers.CGROUP_CPU: "cpu",
}
_WANTED = tuple(CONTROLLERS.values())
_VERSION_1 = (*_WANTED, "cpuacct")


class Usage(NamedTuple):
    """What a group has used, processes that are gone included; None: no controller counts it."""

    cpu_s: float | None
    peak_memory_bytes: int | None
    oom_kills: int  # processes that the kernel killed for memory, the group's or the host's
    at_limit: bool = False  # the group came to its own limit of memory at least once


@dataclass(frozen=True)
class Hierarchies:
    """Where groups can be made: a folder for each controller, several of which may be one.

    `missing` says for every other controller why not.
    """

    folders: Mapping[str, str]  # controller -> the folder below which a group is made
    version: Mapping[str, int]  # controller -> 1 or 2
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that a group here puts in place."""
        return tuple(layer for layer, name in CONTROLLERS.items() if name in self.folders)


class _Mount(NamedTuple):
    root: str  # the folder of the hierarchy that is mounted
    point: str
    version: int
    controllers: tuple[str, ...]  # of version 1


def find(process: str = "/proc/self") -> Hierarchies:
    """Where this process may make groups; enables controllers of version 2 on the way.

    `process` is the folder of `cgroup` and `mountinfo` files that say where it stands.
    """
    paths = dict(_own_paths(f"{process}/cgroup"))
    folders: dict[str, str] = {}
    version: dict[str, int] = {}
    missing: dict[str, str] = {}
    for mount in _mounts(f"{process}/mountinfo"):
        for name in mount.controllers if mount.version == 1 else ("",):
            own = _below_mount(mount, paths.get(name))
            if own is None:
                continue
            if mount.version == 2:
                enabled, why = _enable(own)
                missing = {**dict.fromkeys(_WANTED, why), **missing}
                own, found = _base(own), tuple(one for one in enabled if one not in folders)
            else:
                found = (name,) if _is_writable(own) and name not in folders else ()
                missing.setdefault(name, f"{own} is not ours to write")
            folders |= dict.fromkeys(found, own)
            version |= dict.fromkeys(found, mount.version)
    if not folders and not missing:
        missing = dict.fromkeys(_WANTED, "no hierarchy of control groups is mounted")
    absent = {name: missing.get(name, "no hierarchy has this controller") for name in _WANTED}
    return Hierarchies(folders, version, {n: why for n, why in absent.items() if n not in folders})


@dataclass
class Group:
    """One sandbox's group in every hierarchy that has a controller for it.

    `doors` are descriptors: a process with one thread joins by writing b"0" to each of them. That
    is a hundred times quicker than `add`, for which the kernel stops all forks on the machine.
    """

    folders: Mapping[str, str]  # controller -> the group's own folder
    version: Mapping[str, int]
    doors: list[int] = field(default_factory=list)

    @classmethod
    def create(
        cls, hierarchies: Hierarchies, name: str, limits: Mapping[str, float], *, cpus: float = 1.0
    ) -> Group:
        """A group with the limits `memory_bytes` (swap counts) and `processes` (threads count),
        init not among these, that may use `cpus` CPUs at a time.

        Raises LayerError, and leaves nothing then.
        """
        folders = {one: f"{folder}/{name}" for one, folder in hierarchies.folders.items()}
        group = cls(folders, hierarchies.version)
        memory_bytes, processes = int(limits["memory_bytes"]), int(limits["processes"]) + 1
        try:
            for folder in group._unique():
                os.mkdir(folder)
            for one, folder in folders.items():
                settings = _settings(one, group.version[one], memory_bytes, processes, cpus)
                for file, value in settings.items():
                    # Not every kernel keeps accounts of swap.
                    _set(f"{folder}/{file}", value, optional="swap" in file or "memsw" in file)
            for folder, version in group._unique().items():
                door = f"{folder}/{'tasks' if version == 1 else 'cgroup.procs'}"
                group.doors.append(os.open(door, os.O_WRONLY | os.O_CLOEXEC))
        except OSError as error:
            group.remove()
            raise LayerError(layers.CGROUP_MEMORY, f"no group can be made ({error})") from error
        return group

    def add(self, pid: int) -> None:
        """Move a process, with all its threads, into the group."""
        for folder in self._unique():
            _set(f"{folder}/cgroup.procs", str(pid))

    def usage(self) -> Usage:
        """What has been used so far."""
        cpu_s = peak = None
        oom_kills, at_limit = 0, False
        for one, folder in self.folders.items():
            old = self.version[one] == 1
            if one == "cpuacct":
                cpu_s = _number(f"{folder}/cpuacct.usage", 0) / 1e9
            elif one == "cpu" and not old:
                cpu_s = _named(f"{folder}/cpu.stat", "usage_usec") / 1e6
            elif one == "memory" and old:
                peak = _number(f"{folder}/memory.max_usage_in_bytes", 0)
                oom_kills = _named(f"{folder}/memory.oom_control", "oom_kill")
                # Linux 6 counts no failures here any more; a huge page fails well below the limit.
                at_limit = peak * 8 >= _number(f"{folder}/memory.limit_in_bytes", 0) * 7
            elif one == "memory":
                current = _number(f"{folder}/memory.current", 0)
                peak = _number(f"{folder}/memory.peak", current)  # Linux 5.19
                oom_kills = _named(f"{folder}/memory.events", "oom_kill")
                at_limit = _named(f"{folder}/memory.events", "oom") > 0
        return Usage(cpu_s, peak, oom_kills, at_limit)

    def kill(self) -> None:
        """Kill every process of the group, until none is left; raises LayerError if one stays."""
        for folder in self._unique():
            _kill_all(folder)

    def remove(self) -> None:
        """Remove the group, whose processes must be dead; raises LayerError if it stays."""
        while self.doors:
            os.close(self.doors.pop())
        for folder in self._unique():
            _remove(folder)

    def _unique(self) -> dict[str, int]:
        """Folder -> version, each once, in order."""
        return {folder: self.version[one] for one, folder in self.folders.items()}


def sweep(prefix: str, hierarchies: Hierarchies | None = None) -> int:
    """Kill and remove all groups whose name begins with `prefix`; how many folders went.

    For what a zygote leaves that was killed itself. Raises LayerError when all have been tried, if
    one stays.
    """
    hierarchies = hierarchies or find()
    found = {
        entry.path
        for folder in set(hierarchies.folders.values())
        for entry in os.scandir(folder)
        if entry.is_dir(follow_symlinks=False) and entry.name.startswith(prefix)
    }
    _clear(found)
    return len(found)


def remove_named(name: str, hierarchies: Hierarchies) -> None:
    """Kill and remove the group of this very name, where there is one; raises LayerError."""
    _clear(f"{folder}/{name}" for folder in set(hierarchies.folders.values()))


def remove_abandoned(hierarchies: Hierarchies | None = None) -> int:
    """Remove empty groups of zygotes that are gone; how many folders went.

    For what is left where a zygote was killed together with its worker.
    """
    hierarchies = hierarchies or find()
    gone = 0
    for folder in set(hierarchies.folders.values()):
        for entry in os.scandir(folder):
            named = _OF_ZYGOTE.fullmatch(entry.name)
            if named and not _runs(named[1]):
                with contextlib.suppress(OSError):  # it is in use after all, or went just now
                    os.rmdir(entry.path)
                    gone += 1
    return gone


def _runs(pid: str) -> bool:
    """Whether there is such a process that has not ended; nobody may wait for one that has."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def _settings(
    controller: str, version: int, memory_bytes: int, processes: int, cpus: float
) -> dict[str, str]:
    """File -> value, in the order in which they must be written."""
    memory, quota = str(memory_bytes), str(int(cpus * _PERIOD_US))
    if version == 2:
        of_controller = {
            "memory": {"memory.max": memory, "memory.swap.max": "0"},
            "pids": {"pids.max": str(processes)},
            "cpu": {"cpu.max": f"{quota} {_PERIOD_US}", "cpu.weight": str(_WEIGHT)},
        }
    else:
        of_controller = {
            "memory": {"memory.limit_in_bytes": memory, "memory.memsw.limit_in_bytes": memory},
            "pids": {"pids.max": str(processes)},
            "cpu": {
                "cpu.cfs_period_us": str(_PERIOD_US),
                "cpu.cfs_quota_us": quota,
                "cpu.shares": str(_WEIGHT * 1024 // 100),
            },
        }
    return of_controller.get(controller, {})


def _own_paths(file: str) -> Iterator[tuple[str, str]]:
    """(controller, path in its hierarchy); version 2 has no controller's name."""
    with open(file) as lines:
        for line in lines:
            _, names, path = line.rstrip("\n").split(":", 2)
            for name in names.split(","):
                yield name, path


def _mounts(file: str) -> Iterator[_Mount]:
    with open(file) as lines:
        for line in lines:
            fields = line.split()
            kind, _, options = fields[fields.index("-") + 1 :][:3]
            if kind == "cgroup2":
                yield _Mount(fields[3], fields[4], 2, ())
            elif kind == "cgroup":
                names = tuple(name for name in options.split(",") if name in _VERSION_1)
                yield _Mount(fields[3], fields[4], 1, names)


def _below_mount(mount: _Mount, path: str | None) -> str | None:
    """The folder of a path of the hierarchy; None where it is not below what is mounted."""
    if path is None:
        return None
    beyond = os.path.relpath(path, mount.root)
    if beyond.startswith(".."):
        return None
    return os.path.normpath(os.path.join(mount.point, beyond))


def _is_writable(folder: str) -> bool:
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


def _base(own: str) -> str:
    """The group that we divide: our own, or the one above when we were moved to a leaf of it."""
    return os.path.dirname(own) if os.path.basename(own) == _LEAF else own


def _enable(own: str) -> tuple[tuple[str, ...], str]:
    """The controllers of version 2 that groups below `own` have, and why they lack others."""
    base = _base(own)
    available = [name for name in _words(f"{base}/cgroup.controllers") if name in _WANTED]
    if not available:
        return (), f"{base} has none of the controllers"
    if not (_is_writable(base) and os.access(f"{base}/cgroup.procs", os.W_OK)):
        return (), f"{base} is not delegated to this user"
    why = f"{base} does not have this controller"
    wanted = " ".join(f"+{name}" for name in available)
    try:
        _set_subtree(base, wanted)
    except OSError as error:
        why = f"controllers cannot be enabled below {base} ({error})"
    enabled = _words(f"{base}/cgroup.subtree_control")
    return tuple(name for name in available if name in enabled), why


def _set_subtree(base: str, wanted: str) -> None:
    """Enable controllers below `base`; its own processes make way where the kernel asks for it."""
    file = f"{base}/cgroup.subtree_control"
    try:
        _set(file, wanted)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        leaf = f"{base}/{_LEAF}"
        os.makedirs(leaf, exist_ok=True)
        for pid in _words(f"{base}/cgroup.procs"):
            _set(f"{leaf}/cgroup.procs", pid, optional=True)  # it may be gone by now
        _set(file, wanted)


def _clear(folders: Iterable[str]) -> None:
    """One that stays keeps no other one from going."""
    stays = None
    for folder in folders:
        try:
            _kill_all(folder)
            _remove(folder)
        except LayerError as error:
            stays = error
    if stays is not None:
        raise stays


def _kill_all(folder: str) -> None:
    if os.path.exists(f"{folder}/cgroup.kill"):  # Linux 5.14, version 2
        _set(f"{folder}/cgroup.kill", "1")
    for _ in range(_TRIES):
        pids = _words(f"{folder}/cgroup.procs")
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(_WAIT_S)
    raise LayerError(layers.CGROUP_PIDS, f"processes stay in {folder}")


def _remove(folder: str) -> None:
    for _ in range(_TRIES):
        try:
            os.rmdir(folder)
            return
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise LayerError(layers.CGROUP_MEMORY, str(error)) from error
        time.sleep(_WAIT_S)
    raise LayerError(layers.CGROUP_MEMORY, f"{folder} stays busy")


def _set(file: str, value: str, *, optional: bool = False) -> None:
    try:
        fd = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, value.encode())
        finally:
            os.close(fd)
    except OSError:
        if not optional:
            raise


def _words(file: str) -> list[str]:
    try:
        with open(file) as lines:
            return lines.read().split()
    except OSError:
        return []


def _number(file: str, otherwise: int) -> int:
    words = _words(file)
    return int(words[0]) if words else otherwise


def _named(file: str, name: str) -> int:
    """The number behind `name` in a file of "name number" lines, 0 where there is none."""
    words = _words(file)
    return int(words[words.index(name) + 1]) if name in words else 0
