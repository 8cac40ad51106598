"""Landlock: the last word on files, whatever mounts and modes say; with network and signals.

Reading is allowed everywhere below the root, running programs only from the runtime, writing only
in the writable folders and to the device nodes; no program can be run from where one can write.
Where there are GPUs, what the kernel lets an ordinary user write below /proc can be written: a
rule can't name the files of threads that begin later.
"""

from __future__ import annotations

import os
import struct

from . import layers, syscalls
from .layers import LayerError
from .root import DEVICES, WRITABLE, Layout

# Rights on files, by the ABI that brought them.
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_CHAR, _MAKE_DIR = 1 << 4, 1 << 5, 1 << 6, 1 << 7
_MAKE_REG, _MAKE_SOCK, _MAKE_FIFO, _MAKE_BLOCK, _MAKE_SYM = (1 << at for at in range(8, 13))
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_HANDLED_FILES = {1: (1 << 13) - 1, 2: _REFER, 3: _TRUNCATE, 5: _IOCTL_DEV}

_BIND_TCP, _CONNECT_TCP = 1, 2
_HANDLED_NETWORK = {4: _BIND_TCP | _CONNECT_TCP}

_ABSTRACT_SOCKETS, _SIGNALS = 1, 2
_SCOPES = {6: _ABSTRACT_SOCKETS | _SIGNALS}

_close = os.close  # for the fork of a process whose code may have patched it

_READ = _READ_FILE | _READ_DIR
_USE_DEVICE = _READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV
_CHANGE = _READ | _WRITE_FILE | _TRUNCATE | _REFER | _REMOVE_DIR | _REMOVE_FILE
_CHANGE |= _MAKE_DIR | _MAKE_REG | _MAKE_SOCK | _MAKE_FIFO | _MAKE_SYM
_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV


def abi() -> int:
    """The kernel's landlock ABI, 0 where it has none or it is switched off."""
    try:
        return syscalls.landlock_abi()
    except OSError:
        return 0


def lacking(abi_version: int) -> list[str]:
    """What a kernel of this ABI cannot hold, in words; empty for a recent one."""
    words = {
        1: "landlock itself (Linux 5.13)",
        3: "truncation of files (Linux 6.2)",
        4: "TCP (Linux 6.7)",
        5: "device ioctls (Linux 6.10)",
        6: "abstract sockets and signals (Linux 6.12)",
    }
    return [text for since, text in words.items() if abi_version < since]


def restrict(layout: Layout) -> None:
    """Put this process and what it starts under the rules, as far as the kernel knows them.

    For the runner, in its own root, with no_new_privs; raises LayerError.
    """
    version = abi()
    files = _known(_HANDLED_FILES, version)
    attributes = struct.pack(
        "<QQQ", files, _known(_HANDLED_NETWORK, version), _known(_SCOPES, version)
    )
    # A kernel refuses a struct that is longer than it knows only if the rest is not zero.
    try:
        ruleset = syscalls.landlock_create_ruleset(attributes)
        try:
            _allow(ruleset, "/", _READ & files)
            for path in layout.sources:
                _allow(ruleset, path, (_READ | _EXECUTE) & files)
            for path in WRITABLE:
                _allow(ruleset, path, _CHANGE & files)
            for path in (*DEVICES, *layout.devices):
                _allow(ruleset, path, _USE_DEVICE & files)
            if layout.devices:
                _allow(ruleset, "/proc", (_READ | _WRITE_FILE | _TRUNCATE) & files)
            syscalls.landlock_restrict_self(ruleset)
        finally:
            os.close(ruleset)
    except OSError as error:
        raise LayerError(layers.LANDLOCK, str(error)) from error


def keep_signals_in() -> None:
    """From here on this process can signal only itself and what it starts.

    Further processes of the sandbox are out of its reach. Where the kernel can't, nothing changes.
    """
    scopes = _known(_SCOPES, abi()) & _SIGNALS
    if not scopes:
        return
    ruleset = syscalls.landlock_create_ruleset(struct.pack("<QQQ", 0, 0, scopes))
    try:
        syscalls.landlock_restrict_self(ruleset)
    finally:
        _close(ruleset)


def _known(by_abi: dict[int, int], version: int) -> int:
    return sum(rights for since, rights in by_abi.items() if since <= version)


def _allow(ruleset: int, path: str, rights: int) -> None:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        is_folder = os.path.isdir(path)
        syscalls.landlock_allow_beneath(ruleset, rights if is_folder else rights & _OF_A_FILE, fd)
    finally:
        os.close(fd)
