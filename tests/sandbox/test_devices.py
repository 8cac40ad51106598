"""Device nodes that a sandbox is given: those alone, and usable. Others stand in for GPUs here."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ._inside import Ran, run_outside

Inside = Callable[..., Ran]

# What they give and refuse tells that the node is the one that was meant.
STAND_INS = {"/dev/nvidia1": "/dev/full", "/dev/nvidiactl": "/dev/zero"}


def test_a_sandbox_sees_its_own_devices_and_no_others(inside: Inside) -> None:
    def look() -> dict[str, object]:
        import errno
        import fcntl
        import os

        with open("/dev/nvidiactl", "rb") as zero:
            read = list(zero.read(2))
        said = []
        fd = os.open("/dev/nvidia1", os.O_RDWR)
        for use in (lambda: os.write(fd, b"x"), lambda: fcntl.ioctl(fd, 0x4600)):
            try:
                use()
            except OSError as error:
                said.append(errno.errorcode[error.errno])
        there = [name for name in sorted(os.listdir("/dev")) if name.startswith("nvidia")]
        return {"read": read, "said": said, "there": there}

    # Full, and a call that the device itself does not know: neither mounts nor landlock refuse.
    seen = {"read": [0, 0], "said": ["ENOSPC", "ENOTTY"], "there": ["nvidia1", "nvidiactl"]}
    assert inside(look, devices=STAND_INS).result == seen


def test_no_node_of_another_device_can_be_made(inside: Inside) -> None:
    def make() -> list[str]:
        import os
        import stat

        made = []
        for path in ("/dev/nvidia0", "/tmp/nvidia0", "/home/student/nvidia0"):
            try:
                os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(195, 0))
                made.append(path)
            except OSError:
                continue
        return made

    assert inside(make, devices=STAND_INS).result == []


def test_a_node_that_is_not_there_is_named() -> None:
    def build() -> str:
        from workers.inside.layers import LayerError
        from workers.inside.root import Layout, Root

        try:
            Root.build(Layout((), {}, {"/dev/nvidia7": "/dev/no-such-node"}))
        except LayerError as error:
            return str(error)
        return "built"

    import os

    said = run_outside(build, as_nobody=os.geteuid() == 0)
    assert said.startswith("root: ")
    assert "/dev/no-such-node" in said


def test_cuda_gets_what_its_driver_does_not_begin_without(inside: Inside) -> None:
    def begin() -> dict[str, object]:
        import ctypes
        import os
        import resource
        import threading

        def name_thread() -> str:
            try:
                with open(f"/proc/self/task/{threading.get_native_id()}/comm", "w") as comm:
                    comm.write("cuda-EvtHandlr")
                return "named"
            except OSError as error:
                return type(error).__name__

        named = [name_thread()]
        thread = threading.Thread(target=lambda: named.append(name_thread()))
        thread.start()
        thread.join()
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.write(writer, name_thread().encode())
            os._exit(0)
        named.append(os.read(reader, 100).decode())
        return {
            "named": named,
            "memory file": ctypes.CDLL(None).memfd_create(b"x", 1) >= 0,
            "more is locked": resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] > 64 << 10,
        }

    all_of_it = {"named": ["named"] * 3, "memory file": True, "more is locked": True}
    assert inside(begin, devices=STAND_INS).result == all_of_it
    without = inside(begin).result
    assert "named" not in without["named"]
    assert (without["memory file"], without["more is locked"]) == (False, False)


def test_the_kernel_s_settings_stay_out_of_reach(inside: Inside) -> None:
    def write() -> list[str]:
        import os

        written = []
        paths = ["/proc/1/mem", "/proc/1/oom_score_adj", "/proc/1/comm", "/proc/sysrq-trigger"]
        for folder, _, names in os.walk("/proc/sys"):
            paths += [f"{folder}/{name}" for name in names]
        for path in paths:
            try:
                with open(path, "r+b", buffering=0) as file:
                    file.write(b"1\n")
                written.append(path)
            except OSError:
                continue
        return written if len(paths) > 100 else ["nothing was looked at"]

    assert inside(write, devices=STAND_INS).result == []


@pytest.mark.parametrize("devices", [{}, STAND_INS])
def test_the_rest_of_the_sandbox_is_the_same(inside: Inside, devices: dict[str, str]) -> None:
    def look() -> dict[str, object]:
        import os
        import socket

        folders = ("/", "/etc", "/home", "/tmp")
        found: dict[str, object] = {path: sorted(os.listdir(path)) for path in folders}
        try:
            socket.socket()
            found["network"] = True
        except OSError:
            found["network"] = False
        return found

    ran, plain = inside(look, devices=devices), inside(look)
    assert ran.result == plain.result
    assert ran.layers == plain.layers
