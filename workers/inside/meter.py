"""What a sandbox uses: read from its control groups, or from its processes where it has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import cgroups, layers, usage


@dataclass(frozen=True)
class Usage:
    """Of all processes of a sandbox together.

    Memory and tasks are 0 where the kernel itself holds their limits, so that nobody else need.
    """

    cpu_s: float
    peak_memory_bytes: int
    memory_bytes: int = 0
    tasks: int = 0
    out_of_memory: bool = False  # the kernel killed a process of it that came to the limit
    host_out_of_memory: bool = False  # or one that did not, since others had taken the memory


class Meter:
    """Reads one sandbox's usage.

    Made before the sandbox is, since its first process joins the groups by `doors`. `watch` tells
    it whose pid namespace to read where a group does not count.
    """

    def __init__(
        self, hierarchies: cgroups.Hierarchies, name: str, limits: Mapping[str, float]
    ) -> None:
        self._group = cgroups.Group.create(hierarchies, name, limits)
        self.layers: tuple[str, ...] = hierarchies.layers
        self._limit = int(limits["memory_bytes"])
        self._inherited = usage.own_memory_bytes()
        self._watch: usage.Watch | None = None
        self._peak = 0
        self._seen_cpu_s = 0.0

    @property
    def doors(self) -> Sequence[int]:
        """Descriptors by which the sandbox's first process joins the groups."""
        return self._group.doors

    def watch(self, init: int) -> None:
        """The sandbox stands; `init` is its first process."""
        wanted = {layers.CGROUP_MEMORY, layers.CGROUP_PIDS, layers.CGROUP_CPU}
        if not wanted <= set(self.layers):
            self._watch = usage.Watch(
                init, inherited_bytes=self._inherited, limit_bytes=self._limit
            )

    def read(self) -> Usage:
        """The usage so far."""
        counted = self._group.usage()
        memory = tasks = 0
        if self._watch is not None:
            seen = self._watch.look()
            self._seen_cpu_s = max(self._seen_cpu_s, seen.cpu_s)
            if layers.CGROUP_MEMORY not in self.layers:
                memory = seen.memory_bytes
                self._peak = max(self._peak, memory)
            if layers.CGROUP_PIDS not in self.layers:
                tasks = seen.tasks
        return Usage(
            cpu_s=self._seen_cpu_s if counted.cpu_s is None else counted.cpu_s,
            peak_memory_bytes=self._peak
            if counted.peak_memory_bytes is None
            else counted.peak_memory_bytes,
            memory_bytes=memory,
            tasks=tasks,
            out_of_memory=counted.oom_kills > 0 and counted.at_limit,
            host_out_of_memory=counted.oom_kills > 0 and not counted.at_limit,
        )

    def close(self, waited_cpu_s: float) -> Usage:
        """The usage in all, once no process is left; `waited_cpu_s` is what init's wait said."""
        self._watch = None
        self._seen_cpu_s = max(self._seen_cpu_s, waited_cpu_s)
        last = self.read()
        self._group.remove()
        return last
