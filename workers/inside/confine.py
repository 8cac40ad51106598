"""The two steps by which a process ends up confined: init's, and then the runner's."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Iterable, Mapping

from . import landlock, layers, privileges, root, seccomp
from .layers import LayerError
from .root import Layout

HOSTNAME = "sandbox"
_FROM_SPAWN = (
    layers.USER,
    layers.PID,
    layers.MOUNT,
    layers.NET,
    layers.IPC,
    layers.UTS,
    layers.CGROUP_NAMESPACE,
    layers.ROOT,
)


def enter(
    layout: Layout,
    limits: Mapping[str, float],
    *,
    own_data_bytes: int,
    keep_fds: Iterable[int],
    without: Collection[str] = (),
) -> list[str]:
    """In init, first of all: what is the sandbox's own, and no way back.

    Names the machine, mounts /proc and the writable folders, makes the working directory current,
    closes every descriptor but `keep_fds`, sets resource limits, drops all privileges.
    `own_data_bytes` is `privileges.data_bytes()` of the supervisor before `spawn`. The layers in
    `without` are left out; returns the names of those in force. Raises LayerError.
    """
    if layers.UTS not in without:
        name_machine()
    if layers.PROC not in without:
        root.mount_proc(layout)
    root.mount_writable(
        layout,
        disk_bytes=int(limits["disk_bytes"]),
        shm_bytes=int(limits["shm_bytes"]),
        files=int(limits["files"]),
    )
    os.chdir(root.HOME)
    os.umask(0o022)
    privileges.close_all_but(keep_fds)
    privileges.default_signals()
    privileges.limit_resources(limits, own_data_bytes, locks_memory=bool(layout.devices))
    privileges.drop_privileges()
    privileges.hide_memory()
    own = (layers.PROC, layers.WORKDIR, layers.CAPABILITIES, layers.NO_NEW_PRIVS, layers.RLIMITS)
    return [name for name in (*_FROM_SPAWN, *own) if name not in without]


def lock_down(layout: Layout, *, without: Collection[str] = ()) -> list[str]:
    """In the runner, last before student code: landlock, then seccomp.

    Init stays outside both, so that the runner can neither signal it nor read its memory.
    Returns the names of the layers that this added; raises LayerError.
    """
    privileges.show_memory()
    if layers.LANDLOCK not in without:
        landlock.restrict(layout)
    if layers.SECCOMP not in without:
        seccomp.load(for_cuda=bool(layout.devices))
    return [name for name in (layers.LANDLOCK, layers.SECCOMP) if name not in without]


def name_machine() -> None:
    """In init: the sandbox's host name; raises LayerError."""
    try:
        socket.sethostname(HOSTNAME)
    except OSError as error:
        raise LayerError(layers.UTS, str(error)) from error
