"""What a sandbox uses: read from its control groups, or from its processes where it has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from . import cgroups, layers, usage


@dataclass(frozen=True)
class Usage:
    """Of all processes of a sandbox together.

    `enforced`: the kernel holds the memory and process limits; otherwise whoever reads this must.
    """

    cpu_s: float
    memory_bytes: int
    peak_memory_bytes: int
    processes: int
    out_of_memory: bool
    enforced: bool


@dataclass
class Meter:
    """Reads one sandbox's usage; `doors` lead into its control groups."""

    _group: cgroups.Group | None
    _init: int | None = None
    _peak: int = 0
    _cpu_s: float = 0.0
    layers: tuple[str, ...] = field(default=())

    @classmethod
    def start(
        cls, hierarchies: cgroups.Hierarchies | None, name: str, limits: Mapping[str, float]
    ) -> Meter:
        """A meter for a sandbox that is about to be made, with groups where there can be some."""
        if hierarchies is None:
            return cls(None)
        return cls(cgroups.Group.create(hierarchies, name, limits), layers=hierarchies.layers)

    @property
    def doors(self) -> tuple[int, ...]:
        """Descriptors by which the sandbox's first process joins the groups."""
        return () if self._group is None else self._group.doors

    def watch(self, init: int) -> None:
        """Read the processes of the pid namespace of `init` where there are no groups."""
        self._init = init

    def read(self) -> Usage:
        """The usage so far."""
        if self._group is not None:
            return self._from_group(self._group)
        assert self._init is not None
        now = usage.of_namespace(self._init)
        self._peak = max(self._peak, now.memory_bytes)
        self._cpu_s = max(self._cpu_s, now.cpu_s)
        return Usage(now.cpu_s, now.memory_bytes, self._peak, now.processes, False, enforced=False)

    def close(self, waited_cpu_s: float) -> Usage:
        """The usage in all, once no process is left; `waited_cpu_s` is what init's wait said."""
        if self._group is None:
            cpu_s = max(self._cpu_s, waited_cpu_s)
            return Usage(cpu_s, 0, self._peak, 0, False, enforced=False)
        last = self._from_group(self._group)
        self._group.remove()
        return last

    def _from_group(self, group: cgroups.Group) -> Usage:
        now = group.usage()
        return Usage(now.cpu_s, 0, now.peak_memory_bytes, 0, now.oom_kills > 0, enforced=True)
