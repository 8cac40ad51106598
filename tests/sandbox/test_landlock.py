"""Landlock holds by itself what it is there for, with seccomp out of the way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from workers.inside import landlock

from ._inside import Ran

Inside = Callable[..., Ran]

needs_abi = {
    version: pytest.mark.skipif(landlock.abi() < version, reason=f"landlock ABI {version}")
    for version in (4, 6)
}


def test_it_is_in_force(inside: Inside) -> None:
    def nothing() -> None:
        return None

    assert "landlock" in inside(nothing).layers
    assert "landlock" not in inside(nothing, without=["landlock"]).layers


@needs_abi[4]
def test_no_tcp_even_where_sockets_can_be_made(inside: Inside) -> None:
    def talk() -> list[str]:
        import errno
        import socket

        said = []
        for act in ("bind", "connect"):
            with socket.socket() as one:
                try:
                    getattr(one, act)(("127.0.0.1", 8000))
                    said.append("done")
                except OSError as error:
                    said.append(errno.errorcode[error.errno])
        return said

    assert inside(talk, without=["seccomp"]).result == ["EACCES", "EACCES"]
    assert "EACCES" not in inside(talk, without=["seccomp", "landlock"]).result


def test_other_domains_processes_cannot_be_traced_or_read(inside: Inside) -> None:
    def trace_init() -> list[int]:
        import ctypes
        import os

        libc = ctypes.CDLL(None, use_errno=True)
        libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
        attached = libc.ptrace(16, 1, None, None)
        word, far = ctypes.create_string_buffer(8), ctypes.create_string_buffer(8)
        spans = [(ctypes.c_void_p * 2)(ctypes.addressof(one), 8) for one in (word, far)]
        read = libc.process_vm_readv(1, spans[0], 1, spans[1], 1, 0)
        pidfd = os.pidfd_open(1)
        stolen = libc.syscall(438, pidfd, 0, 0)
        return [attached, read, stolen]

    assert inside(trace_init, without=["seccomp"]).result == [-1, -1, -1]


@needs_abi[6]
def test_abstract_sockets_and_signals_stay_within(inside: Inside) -> None:
    def reach_out() -> list[str]:
        import errno
        import os
        import signal
        import socket

        server = socket.socket(socket.AF_UNIX)
        server.bind("\0own")
        server.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect("\0own")
        said = []
        for number in (0, signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(1, number)
                said.append("sent")
            except OSError as error:
                said.append(errno.errorcode[error.errno])
        child = os.fork()
        if child == 0:
            signal.pause()
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        return said

    assert inside(reach_out, without=["seccomp"]).result == ["EPERM"] * 3


def test_writing_is_for_the_writable_folders_and_the_devices(inside: Inside) -> None:
    def write() -> dict[str, str]:
        import errno
        import os

        found = {}
        places = ("/home/student/a", "/tmp/a", "/dev/shm/a", "/dev/null", "/proc/self/comm")
        for path in (*places, "/etc/hosts", "/dev/a"):
            try:
                with open(path, "w") as out:
                    out.write("x")
                found[path] = "written"
            except OSError as error:
                found[path] = errno.errorcode[error.errno]
        os.rename("/home/student/a", "/home/student/b")
        os.truncate("/home/student/b", 0)
        os.symlink("b", "/home/student/c")
        os.unlink("/home/student/c")
        return found

    found = inside(write).result
    assert [path for path, outcome in found.items() if outcome == "written"] == [
        *("/home/student/a", "/tmp/a", "/dev/shm/a", "/dev/null")
    ]
    assert set(found.values()) <= {"written", "EACCES", "EROFS"}


@pytest.mark.parametrize(
    ("version", "lacks"), [(0, 5), (1, 4), (2, 4), (3, 3), (4, 2), (5, 1), (6, 0), (9, 0)]
)
def test_what_an_older_kernel_cannot_hold_is_named(version: int, lacks: int) -> None:
    assert len(landlock.lacking(version)) == lacks


def test_an_older_kernel_is_asked_for_no_more_than_it_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bytes] = []

    def create(attributes: bytes) -> int:
        asked.append(attributes)
        raise OSError("enough")

    monkeypatch.setattr(landlock.syscalls, "landlock_create_ruleset", create)
    handled = {}
    for version in (1, 2, 3, 4, 5, 6, 7):
        monkeypatch.setattr(landlock, "abi", lambda version=version: version)
        with pytest.raises(landlock.LayerError):
            landlock.restrict(landlock.Layout((), {}))
        words = [int.from_bytes(asked[-1][at : at + 8], "little") for at in (0, 8, 16)]
        handled[version] = (words[0].bit_length(), *words[1:])
    assert handled == {
        1: (13, 0, 0),
        2: (14, 0, 0),
        3: (15, 0, 0),
        4: (15, 3, 0),
        5: (16, 3, 0),
        6: (16, 3, 3),
        7: (16, 3, 3),
    }
