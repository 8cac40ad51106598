"""Namespaces: one user namespace for an unprivileged zygote, and fresh ones for each sandbox."""

from __future__ import annotations

import os
import signal
import socket
import traceback
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, NoReturn

from . import layers, syscalls
from .layers import LayerError
from .root import Root

STUDENT_ID = 1000  # the user and group id inside

_FLAGS = {
    layers.USER: syscalls.CLONE_NEWUSER,
    layers.PID: syscalls.CLONE_NEWPID,
    layers.MOUNT: syscalls.CLONE_NEWNS,
    layers.NET: syscalls.CLONE_NEWNET,
    layers.IPC: syscalls.CLONE_NEWIPC,
    layers.UTS: syscalls.CLONE_NEWUTS,
    layers.CGROUP_NAMESPACE: syscalls.CLONE_NEWCGROUP,
}
_FIRST_ID = 0x70000000  # far from the ids that people and services have
_NEEDED_CAPABILITIES = (6, 7, 21)  # SETGID, SETUID, SYS_ADMIN


class HostIds(NamedTuple):
    """Whom the sandbox's only user and group are outside it."""

    uid: int
    gid: int


def enter_user_namespace_if_needed() -> bool:
    """Give this process the rights to make sandboxes; True where that took a user namespace.

    For the zygote, before it has a second thread. A process without privileges becomes root of a
    user namespace in which it alone is mapped, with mounts of its own; from there on everything
    works as for root. Raises LayerError where the host does not let it.
    """
    if _is_privileged():
        return False
    uid, gid = os.geteuid(), os.getegid()
    try:
        syscalls.unshare(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"0 {uid} 1")
        _write("/proc/self/gid_map", f"0 {gid} 1")
        syscalls.mount("none", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
    except OSError as error:
        raise LayerError(
            layers.USER, f"no user namespace for an ordinary user ({error})"
        ) from error
    return True


def host_ids(slot: int) -> HostIds:
    """Ids for the sandbox in `slot`, so that limits and files are counted for it alone.

    Where this process has too few ids to give away (an ordinary user has one), all sandboxes
    share its own.
    """
    return HostIds(_id_from("/proc/self/uid_map", slot), _id_from("/proc/self/gid_map", slot))


def spawn(
    init: Callable[[], int],
    root: Root,
    ids: HostIds,
    *,
    doors: Sequence[int] = (),
    without: Collection[str] = (),
) -> int:
    """Start `init` as pid 1 of fresh namespaces and return its pid as this process sees it.

    When `init` begins, it is user and group 1000, stands in a copy of `root` without writable
    folders, is a member of the control groups behind `doors` (see `Group.doors`), and dies with
    this process, which must have one thread. What it returns is its exit status. The layers named
    in `without` are left out. Raises LayerError.
    """
    ours, theirs = socket.socketpair()
    with open("/proc/self/setgroups") as setting:
        leave_groups = setting.read().strip() == "allow"  # given up for a namespace of its own
    with ours, theirs:
        pid = _fork_below(root, without)
        if pid == 0:
            _run_init(init, ours, _Birth(theirs, doors, leave_groups, without))
        theirs.close()
        try:
            _write(f"/proc/{pid}/uid_map", f"{STUDENT_ID} {ids.uid} 1")
            _write(f"/proc/{pid}/gid_map", f"{STUDENT_ID} {ids.gid} 1")
            ours.sendall(b"m")
            answer = ours.recv(4096)
            if answer != b"r":
                layer, _, why = answer.decode().partition("\0")
                raise LayerError(layer or layers.USER, why or "the first process died")
            ours.sendall(b"g")
        except OSError as error:
            end(pid)
            raise LayerError(layers.USER, f"ids cannot be mapped ({error})") from error
        except LayerError:
            end(pid)
            raise
    return pid


def end(pid: int) -> int:
    """Kill the sandbox whose init is `pid`, wait until it is gone, return init's wait status.

    The kernel kills every other process of the pid namespace before init can be waited for.
    """
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def refusal(layer: str) -> str | None:
    """Why a new namespace of the kind of `layer` cannot be made here, None where it can."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            syscalls.unshare(syscalls.CLONE_NEWUSER | _FLAGS[layer])
        except OSError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        answer = said.read()
    os.waitpid(pid, 0)
    return answer or None


class _Birth(NamedTuple):
    """What the first process needs to become the sandbox's init."""

    supervisor: socket.socket
    doors: Sequence[int]
    leave_groups: bool
    without: Collection[str]

    def complete(self) -> bool:
        """Join groups, take the mapped ids, tie this life to the supervisor's.

        False if that cannot be, which the supervisor then knows.
        """
        layer = layers.CGROUP_MEMORY
        try:
            for door in self.doors:
                os.write(door, b"0")
            layer = layers.USER
            if self.supervisor.recv(1) != b"m":
                return False
            if self.leave_groups:
                os.setgroups([])
            os.setresgid(STUDENT_ID, STUDENT_ID, STUDENT_ID)
            os.setresuid(STUDENT_ID, STUDENT_ID, STUDENT_ID)
            # After the change of ids, which clears it. Where the supervisor died before, the
            # answer below does not come.
            syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
            layer = layers.CGROUP_NAMESPACE
            if layer not in self.without:
                syscalls.unshare(syscalls.CLONE_NEWCGROUP)
        except OSError as error:
            self.supervisor.sendall(f"{layer}\0{error}".encode())
            return False
        self.supervisor.sendall(b"r")
        return self.supervisor.recv(1) == b"g"


def _fork_below(root: Root, without: Collection[str]) -> int:
    """Fork into new namespaces from within the root's mount namespace."""
    # The control group's namespace is entered from within, once init is in its groups.
    kinds = [kind for kind in _FLAGS if kind not in (*without, layers.CGROUP_NAMESPACE)]
    try:
        syscalls.setns(root.namespace, syscalls.CLONE_NEWNS)
    except OSError as error:
        raise LayerError(layers.MOUNT, f"{error}: has this process a second thread?") from error
    try:
        pid = syscalls.fork(sum(_FLAGS[kind] for kind in kinds))
    except OSError as error:
        syscalls.setns(root.host_namespace, syscalls.CLONE_NEWNS)
        for kind in kinds:
            if why := refusal(kind):
                raise LayerError(kind, why) from error
        raise LayerError(layers.USER, str(error)) from error
    if pid:
        syscalls.setns(root.host_namespace, syscalls.CLONE_NEWNS)
    return pid


def _run_init(init: Callable[[], int], ours: socket.socket, birth: _Birth) -> NoReturn:
    status = 1
    try:
        ours.close()
        if birth.complete():
            birth.supervisor.close()
            status = init()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _is_privileged() -> bool:
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("CapEff:"))
    held = int(line.split()[1], 16)
    return os.geteuid() == 0 and all(held >> number & 1 for number in _NEEDED_CAPABILITIES)


def _id_from(path: str, slot: int) -> int:
    with open(path) as lines:
        ranges = [tuple(int(field) for field in line.split()) for line in lines]
    first, _, count = max(ranges, key=lambda one: one[2])
    if count < 4:
        return first
    middle = min(count // 2, _FIRST_ID)
    return first + middle + slot % (count - middle - 1)


def _write(path: str, text: str) -> None:
    with open(path, "w") as out:
        out.write(text)
