"""Thin wrappers of the system calls that make a sandbox; each raises OSError.

Flags carry the kernel's names. Wrappers exist for what Python 3.11 itself has not.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct

from .syscall_numbers import NUMBERS

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000
OPEN_TREE_CLONE = 1
OPEN_TREE_CLOEXEC = os.O_CLOEXEC
MOVE_MOUNT_F_EMPTY_PATH = 4
MOUNT_ATTR_RDONLY = 1
MOUNT_ATTR_NOSUID = 2
MOUNT_ATTR_NODEV = 4
MOUNT_ATTR_NOEXEC = 8

PR_SET_PDEATHSIG = 1
PR_GET_DUMPABLE = 3
PR_SET_DUMPABLE = 4
PR_GET_SECCOMP = 21
PR_CAPBSET_DROP = 24
PR_SET_SECUREBITS = 28
PR_SET_NO_NEW_PRIVS = 38
PR_GET_NO_NEW_PRIVS = 39
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

SECCOMP_SET_MODE_FILTER = 1

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
# Through this one the interpreter's lock stays held, which a fork needs.
_locked_libc = ctypes.PyDLL(None, use_errno=True)
_locked_libc.syscall.restype = ctypes.c_long
_CAPABILITY_VERSION_3 = 0x20080522


def call(name: str, *arguments: object) -> int:
    """Make the system call; ints are passed as 64 bits, bytes and ctypes objects as pointers."""
    wide = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    result: int = _libc.syscall(ctypes.c_long(NUMBERS[name]), *wide)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def fork(flags: int) -> int:
    """`os.fork` into the new namespaces that `flags` (CLONE_NEW*) name.

    One process less than unshare and fork: a new user namespace owns the others from the start,
    and the child is pid 1 in a new pid namespace. Only for a process with a single thread, whose
    locks nobody else can hold.
    """
    api = ctypes.pythonapi
    arguments = [ctypes.c_long(one) for one in (NUMBERS["clone"], flags | signal.SIGCHLD)]
    nothing = ctypes.c_long(0)
    api.PyOS_BeforeFork()
    pid: int = _locked_libc.syscall(*arguments, nothing, nothing, nothing, nothing)
    if pid == 0:
        api.PyOS_AfterFork_Child()
        return 0
    number = ctypes.get_errno()
    api.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(number, f"clone: {os.strerror(number)}")
    return pid


def unshare(flags: int) -> None:
    """Leave the namespaces that `flags` name for new ones."""
    call("unshare", flags)


def setns(fd: int, kind: int) -> None:
    """Enter the namespace behind `fd`, which must be of `kind` (CLONE_NEW*)."""
    call("setns", fd, kind)


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """mount(2)."""
    call(
        "mount",
        source.encode(),
        os.fsencode(target),
        kind.encode(),
        flags,
        options.encode() or None,
    )


def umount2(target: str, flags: int) -> None:
    """umount2(2)."""
    call("umount2", os.fsencode(target), flags)


def pivot_root(new: str, old: str) -> None:
    """pivot_root(2)."""
    call("pivot_root", os.fsencode(new), os.fsencode(old))


def open_tree(path: str) -> int:
    """A descriptor of a detached copy of the mounts at and below `path`."""
    flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE
    return call("open_tree", AT_FDCWD, os.fsencode(path), flags)


def move_mount(tree: int, target: str) -> None:
    """Attach a detached tree of mounts at `target`."""
    call("move_mount", tree, b"", AT_FDCWD, os.fsencode(target), MOVE_MOUNT_F_EMPTY_PATH)


def mount_setattr(fd: int, attributes: int, *, recursive: bool = True) -> None:
    """Add MOUNT_ATTR_* to the mount behind `fd`, and to those below it; never clears one."""
    request = ctypes.create_string_buffer(struct.pack("<QQQQ", attributes, 0, 0, 0), 32)
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    call("mount_setattr", fd, b"", flags, request, 32)


def prctl(option: int, *arguments: int) -> int:
    """prctl(2); arguments that are not given are 0, as many options demand."""
    return call("prctl", option, *(*arguments, 0, 0, 0, 0)[:4])


def clear_capabilities() -> None:
    """Empty the effective, permitted and inheritable sets."""
    head = ctypes.create_string_buffer(struct.pack("<Ii", _CAPABILITY_VERSION_3, 0), 8)
    call("capset", head, ctypes.create_string_buffer(24))


def seccomp_filter(program: ctypes.Array[ctypes.c_char], count: int) -> None:
    """Load a filter of `count` instructions of 8 bytes; needs no_new_privs."""
    head = struct.pack("@HP", count, ctypes.addressof(program))
    call("seccomp", SECCOMP_SET_MODE_FILTER, 0, ctypes.create_string_buffer(head, len(head)))


def landlock_create_ruleset(attributes: bytes) -> int:
    """A descriptor of a ruleset that handles the rights in `attributes`."""
    return call("landlock_create_ruleset", attributes, len(attributes), 0)


def landlock_abi() -> int:
    """The kernel's landlock ABI; OSError where it has none."""
    return call("landlock_create_ruleset", None, 0, 1)


def landlock_allow_beneath(ruleset: int, rights: int, fd: int) -> None:
    """Allow `rights` on the file behind `fd` and, where it is a folder, below it."""
    call("landlock_add_rule", ruleset, 1, struct.pack("<Qi", rights, fd), 0)


def landlock_restrict_self(ruleset: int) -> None:
    """Put this thread, and what it starts, under the ruleset; needs no_new_privs."""
    call("landlock_restrict_self", ruleset, 0)


def close_range(first: int, last: int) -> None:
    """Close the descriptors from `first` to `last`, both included."""
    call("close_range", first, last, 0)
