"""The layers of a sandbox by name, and the error that names the one that failed.

`inspection.py` tries each of them; the supervisor reports those in force.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

USER, PID, MOUNT = "user", "pid", "mount"
NET, IPC, UTS, CGROUP_NAMESPACE = "net", "ipc", "uts", "cgroup-namespace"
ROOT, PROC, WORKDIR = "root", "proc", "workdir"
CAPABILITIES, NO_NEW_PRIVS = "capabilities", "no-new-privs"
SECCOMP, LANDLOCK, RLIMITS = "seccomp", "landlock", "rlimits"
CGROUP_MEMORY, CGROUP_PIDS, CGROUP_CPU = "cgroup-memory", "cgroup-pids", "cgroup-cpu"


class Need(StrEnum):
    """What the absence of a layer means."""

    ALWAYS = "always"  # without it there is no sandbox: it cannot be accepted as missing
    UNLESS_ACCEPTED = "unless_accepted"  # grading starts only if the operator accepts it by name
    WHERE_DELEGATED = "where_delegated"  # where it is missing the supervisor watches instead


NEEDS: dict[str, Need] = {
    USER: Need.ALWAYS,
    PID: Need.ALWAYS,
    MOUNT: Need.ALWAYS,
    NET: Need.UNLESS_ACCEPTED,
    IPC: Need.UNLESS_ACCEPTED,
    UTS: Need.UNLESS_ACCEPTED,
    CGROUP_NAMESPACE: Need.UNLESS_ACCEPTED,
    ROOT: Need.ALWAYS,
    PROC: Need.UNLESS_ACCEPTED,
    WORKDIR: Need.ALWAYS,
    CAPABILITIES: Need.ALWAYS,
    NO_NEW_PRIVS: Need.ALWAYS,
    SECCOMP: Need.UNLESS_ACCEPTED,
    LANDLOCK: Need.UNLESS_ACCEPTED,
    RLIMITS: Need.ALWAYS,
    CGROUP_MEMORY: Need.WHERE_DELEGATED,
    CGROUP_PIDS: Need.WHERE_DELEGATED,
    CGROUP_CPU: Need.WHERE_DELEGATED,
}


class LayerError(Exception):
    """A layer could not be put in place."""

    def __init__(self, layer: str, detail: str) -> None:
        super().__init__(f"{layer}: {detail}")
        self.layer = layer
        self.detail = detail


@dataclass(frozen=True)
class LayerState:
    """Whether a layer can be put in place here; `remedy` says what to do where it can't."""

    name: str
    present: bool
    detail: str = ""
    remedy: str = ""


def may_be_missing(layer: str, accepted: Collection[str]) -> bool:
    """Whether a sandbox without `layer` may be used when the operator accepts these by name."""
    need = NEEDS[layer]
    return need is Need.WHERE_DELEGATED or (need is Need.UNLESS_ACCEPTED and layer in accepted)
