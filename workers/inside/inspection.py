"""Tries every layer in throw-away processes: for `chainrule doctor`, and before grading starts."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from . import cgroups, confine, landlock, layers, namespaces, privileges, seccomp
from .layers import LayerError, LayerState
from .root import Layout, Root, mount_proc, mount_writable
from .syscalls import PR_GET_NO_NEW_PRIVS, call, prctl

_NAMESPACES = (
    layers.USER,
    layers.PID,
    layers.MOUNT,
    layers.NET,
    layers.IPC,
    layers.UTS,
    layers.CGROUP_NAMESPACE,
)
_LIMITS = {
    "cpu_s": 60.0,
    "memory_bytes": 1 << 30,
    "processes": 16,
    "disk_bytes": 1 << 20,
    "shm_bytes": 1 << 20,
    "files": 64,
}
_ALLOW_NAMESPACES = (
    "allow namespaces for this user: sysctl user.max_user_namespaces > 0 and, where they exist, "
    "kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0; in a "
    "container: --security-opt seccomp=unconfined or --privileged"
)
_REMEDIES = {
    **dict.fromkeys(_NAMESPACES, _ALLOW_NAMESPACES),
    layers.ROOT: "Linux 5.12 or later; in a container: --security-opt apparmor=unconfined",
    layers.PROC: "in a container: --security-opt systempaths=unconfined, or --privileged",
    layers.WORKDIR: "tmpfs must be mountable in a user namespace",
    layers.SECCOMP: "a kernel with CONFIG_SECCOMP_FILTER, on x86_64 or aarch64",
    layers.LANDLOCK: "Linux 5.13 or later with landlock in the lsm= boot parameter",
}
_CGROUP_REMEDY = (
    "run as root, or in a delegated group: systemd-run --user --scope -p Delegate=yes ..., or "
    "Delegate=yes in the service's unit; until then the supervisor watches from outside"
)


def probe_layers(hierarchies: cgroups.Hierarchies) -> list[LayerState]:
    """Every layer in order of `layers.NEEDS`: present here, or why not and what to do.

    For a process with one thread that may make sandboxes (`enter_user_namespace_if_needed`);
    `hierarchies` is what `cgroups.find` found.
    """
    states = {layer: namespaces.refusal(layer) for layer in _NAMESPACES}
    if not any(states.values()):
        states |= _in_a_sandbox()
    states |= _in_a_group(hierarchies)
    return [_state(layer, states.get(layer, "needs the namespaces")) for layer in layers.NEEDS]


def _in_a_sandbox() -> dict[str, str | None]:
    """Build a root without a runtime, start an init in it, and let that try the rest."""
    states: dict[str, str | None] = {}
    try:
        root = Root.build(Layout((), {}))
    except LayerError as error:
        return {error.layer: error.detail}
    reader, writer = os.pipe()
    try:
        own = privileges.data_bytes()
        pid = namespaces.spawn(
            lambda: _try_all(root, own, writer), root, namespaces.host_ids(os.getpid())
        )
    except LayerError as error:
        os.close(writer)
        return {error.layer: error.detail}
    else:
        os.close(writer)
        with os.fdopen(reader) as said:
            for line in said.read().splitlines():
                layer, _, why = line.partition("\t")
                states[layer] = why or None
        os.waitpid(pid, 0)
        return {layers.ROOT: None, **states}
    finally:
        root.close()


def _try_all(root: Root, own_data_bytes: int, writer: int) -> int:
    """In init: one step after the other, each with its word to the parent."""

    sizes = {name: int(_LIMITS[name]) for name in ("disk_bytes", "shm_bytes", "files")}
    steps: dict[str, Callable[[], None]] = {
        layers.UTS: confine.name_machine,
        layers.PROC: lambda: mount_proc(root.layout),
        layers.WORKDIR: lambda: mount_writable(root.layout, **sizes),
        layers.RLIMITS: lambda: privileges.limit_resources(_LIMITS, own_data_bytes),
        layers.CAPABILITIES: privileges.drop_privileges,
        layers.NO_NEW_PRIVS: _expect_no_new_privileges,
        layers.LANDLOCK: lambda: landlock.restrict(root.layout),
        layers.SECCOMP: _expect_a_filter,
    }
    for layer, step in steps.items():
        why = ""
        try:
            step()
        except LayerError as error:
            why = error.detail
        os.write(writer, f"{layer}\t{why}\n".encode())
    return 0


def _expect_no_new_privileges() -> None:
    if prctl(PR_GET_NO_NEW_PRIVS) != 1:
        raise LayerError(layers.NO_NEW_PRIVS, "the kernel did not keep it")


def _expect_a_filter() -> None:
    """Load the filter in a child, which must then die of a call that is not allowed."""
    pid = os.fork()
    if pid == 0:
        seccomp.load()
        call("unshare", 0)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSYS):
        raise LayerError(layers.SECCOMP, "the filter could not be loaded, or did not hold")


def _in_a_group(hierarchies: cgroups.Hierarchies) -> dict[str, str | None]:
    """Make a group with every controller there is, and remove it."""
    states = {
        layer: hierarchies.missing.get(controller)
        for layer, controller in cgroups.CONTROLLERS.items()
    }
    if not hierarchies.folders:
        return states
    try:
        group = cgroups.Group.create(hierarchies, f"chainrule-{os.getpid()}-inspection", _LIMITS)
        group.remove()
    except LayerError as error:
        states |= dict.fromkeys(hierarchies.layers, error.detail)
    return states


def _state(layer: str, why_not: str | None) -> LayerState:
    if why_not is not None:
        remedy = _CGROUP_REMEDY if layer in cgroups.CONTROLLERS else _REMEDIES.get(layer, "")
        return LayerState(layer, False, why_not, remedy)
    detail = ""
    if layer == layers.LANDLOCK:
        version = landlock.abi()
        lacks = landlock.lacking(version)
        detail = f"ABI {version}" + (f", which does not cover {', '.join(lacks)}" if lacks else "")
    return LayerState(layer, True, detail)
