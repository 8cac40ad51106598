"""What Docker puts around a worker, without Docker: its seccomp profile, compiled as Docker does.

Imported, it compiles profiles; started, it becomes the process that a container would hold: an
ordinary user without any capability, under the filter, who runs a command.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from tests.sandbox._inside import drop_to_nobody
from workers.inside import syscalls

_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_OPERATORS = {"SCMP_CMP_EQ": 4, "SCMP_CMP_MASKED_EQ": 7}


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("value", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


@cache
def libseccomp() -> ctypes.CDLL | None:
    """The library that container runtimes compile profiles with, where it is there."""
    name = ctypes.util.find_library("seccomp")
    if name is None:
        return None
    library = ctypes.CDLL(name, use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    return library


def compiled(profile: Mapping[str, Any]) -> bytes:
    """The filter that a container runtime makes of a profile in Docker's format, for this CPU."""
    library = libseccomp()
    assert library is not None
    context = ctypes.c_void_p(library.seccomp_init(_ERRNO | profile["defaultErrnoRet"]))
    machine = f"SCMP_ARCH_{platform.machine().upper()}"
    assert machine in {one["architecture"] for one in profile["archMap"]}
    for rule in profile["syscalls"]:
        assert rule["action"] == "SCMP_ACT_ALLOW"
        comparisons = [
            _Comparison(one["index"], _OPERATORS[one["op"]], one["value"], one.get("valueTwo", 0))
            for one in rule.get("args", ())
        ]
        for name in rule["names"]:
            number = library.seccomp_syscall_resolve_name(name.encode())
            if number < 0:
                continue  # a call that this CPU, or the library, has not: runtimes skip it as well
            array = (_Comparison * len(comparisons))(*comparisons)
            done = library.seccomp_rule_add_array(
                context, ctypes.c_uint32(_ALLOW), number, len(comparisons), array
            )
            assert done == 0, (name, os.strerror(-done))
    with tempfile.TemporaryFile() as file:
        assert library.seccomp_export_bpf(context, file.fileno()) == 0
        file.seek(0)
        return file.read()


def command(program: bytes, *argv: str) -> list[str]:
    """The command line that runs `argv` as a container's process would."""
    return [sys.executable, "-s", "-B", "-m", __name__, program.hex(), json.dumps(argv)]


def main(program: bytes, argv: Sequence[str]) -> None:
    """Become that process."""
    if os.geteuid() == 0:
        for number in range(64):
            try:
                syscalls.prctl(syscalls.PR_CAPBSET_DROP, number)
            except OSError:
                break  # the kernel knows no capability of this number
        drop_to_nobody()
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.seccomp_filter(ctypes.create_string_buffer(program, len(program)), len(program) // 8)
    os.execv(argv[0], list(argv))


if __name__ == "__main__":
    main(bytes.fromhex(sys.argv[1]), json.loads(sys.argv[2]))
