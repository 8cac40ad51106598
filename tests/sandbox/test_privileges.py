"""What student code has no right to, and how much it may take."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable

import pytest

from workers.inside import privileges

from ._inside import LIMITS, Ran

Inside = Callable[..., Ran]


def test_no_capability_is_left_and_none_can_come_back(inside: Inside) -> None:
    def look() -> dict[str, object]:
        import os

        from_status = {}
        with open("/proc/self/status") as lines:
            for line in lines:
                name, _, value = line.partition(":")
                if name.startswith("Cap") or name == "NoNewPrivs":
                    from_status[name] = int(value, 16)
        came_back = []
        for act, argument in ((os.setuid, 0), (os.setgid, 0), (os.setgroups, [])):
            try:
                act(argument)  # type: ignore[operator]
                came_back.append(act.__name__)
            except OSError:
                continue
        return {**from_status, "came_back": came_back}

    for without in ([], ["seccomp"]):
        assert inside(look, without=without).result == {
            **dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), 0),
            "NoNewPrivs": 1,
            "came_back": [],
        }


def test_the_memory_and_descriptors_of_init_are_out_of_reach(inside: Inside) -> None:
    def pry() -> list[str]:
        import os

        opened = []
        for name in ("mem", "environ", "maps", "stack", "io", "auxv", "syscall", "pagemap"):
            for mode in (os.O_RDONLY, os.O_RDWR):
                try:
                    fd = os.open(f"/proc/1/{name}", mode)
                    if os.read(fd, 1):
                        opened.append(name)
                except OSError:
                    continue
        for name in ("fd", "root", "cwd", "map_files"):
            try:
                opened += [name, *os.listdir(f"/proc/1/{name}")]
            except OSError:
                continue
        return opened

    assert inside(pry).result == []
    # Each of the two is enough: what init hides, and landlock.
    assert inside(pry, without=["landlock", "seccomp"]).result == []


def test_the_runners_own_entries_in_proc_are_its_own(inside: Inside) -> None:
    def read_own() -> list[bool]:
        import os

        with open("/proc/self/environ", "rb") as environ, open("/proc/self/maps") as maps:
            return [
                b"=" in environ.read(),
                "python" in maps.read(),
                bool(os.listdir("/proc/self/fd")),
            ]

    assert inside(read_own).result == [True, True, True]


def test_only_the_named_descriptors_are_open(inside: Inside) -> None:
    def look() -> list[str]:
        import os

        found = []
        for fd in range(1024):
            try:
                found.append(os.readlink(f"/proc/self/fd/{fd}").partition(":")[0])
            except OSError:
                continue
        return found[3:]

    # Beyond the standard ones the one that carries this answer.
    assert inside(look).result == ["pipe"]


def test_every_limit_is_set_for_good(inside: Inside) -> None:
    def look() -> dict[str, object]:
        import resource

        names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
        found: dict[str, object] = {
            name: list(resource.getrlimit(getattr(resource, name))) for name in names
        }
        raised = []
        for name in names:
            kind = getattr(resource, name)
            _, hard = resource.getrlimit(kind)
            if hard != resource.RLIM_INFINITY:
                try:
                    resource.setrlimit(kind, (hard + 1, hard + 1))
                    raised.append(name)
                except (ValueError, OSError):
                    continue
        return {**found, "raised": raised}

    seen = inside(look).result
    assert seen["raised"] == []
    for name in ("CORE", "MSGQUEUE", "NICE", "RTPRIO"):
        assert seen[f"RLIMIT_{name}"] == [0, 0], name
    assert seen["RLIMIT_CPU"] == [LIMITS["cpu_s"] + 1, LIMITS["cpu_s"] + 2]
    assert seen["RLIMIT_NPROC"] == [LIMITS["processes"] + 1] * 2
    assert seen["RLIMIT_FSIZE"] == [LIMITS["disk_bytes"]] * 2
    assert LIMITS["memory_bytes"] < seen["RLIMIT_DATA"][0] < LIMITS["memory_bytes"] + (256 << 20)
    for name in ("NOFILE", "STACK", "MEMLOCK", "SIGPENDING"):
        assert seen[f"RLIMIT_{name}"][1] != resource.RLIM_INFINITY, name


def test_a_memory_bomb_meets_a_memory_error_and_the_process_goes_on(inside: Inside) -> None:
    def explode() -> list[object]:
        kept = []
        try:
            while True:
                kept.append(bytes(8 << 20))
        except MemoryError:
            held = len(kept) * 8
            kept.clear()
        again = bytes(32 << 20)
        return [held, len(again) >> 20]

    held, again = inside(explode).result
    assert 64 <= held <= LIMITS["memory_bytes"] >> 20
    assert again == 32


def test_a_fork_bomb_and_a_thread_bomb_stop_at_the_limit(inside: Inside) -> None:
    def fork_on() -> list[object]:
        import errno
        import os
        import signal

        children = []
        try:
            while True:
                child = os.fork()
                if child == 0:
                    signal.pause()
                children.append(child)
        except OSError as error:
            return [len(children), errno.errorcode[error.errno]]

    def thread_on() -> list[object]:
        import threading

        end, count = threading.Event(), 0
        try:
            while True:
                threading.Thread(target=end.wait).start()
                count += 1
        except RuntimeError as error:
            end.set()
            return [count, str(error)]

    processes = int(LIMITS["processes"])
    assert inside(fork_on).result == [processes - 1, "EAGAIN"]
    assert inside(thread_on).result == [processes - 1, "can't start new thread"]


def test_a_bomb_of_processes_that_fork_on_their_own_is_over_with_the_run(inside: Inside) -> None:
    def explode() -> None:
        import os

        while True:
            try:
                os.fork()
            except OSError:
                continue

    # `run_inside` asserts that none is left.
    ran = inside(explode, wall_s=1)
    assert 8 < ran.tasks <= LIMITS["processes"] + 1
    assert ran.init_status == signal.SIGKILL


def test_a_process_that_burns_too_much_cpu_time_is_ended_by_the_kernel(inside: Inside) -> None:
    def burn(ignore: bool) -> None:
        import signal

        if ignore:
            signal.signal(signal.SIGXCPU, signal.SIG_IGN)
        while True:
            pass

    assert inside(burn, False, limits={"cpu_s": 0}).signal == signal.SIGXCPU
    assert inside(burn, True, limits={"cpu_s": 0}).signal == signal.SIGKILL


def test_a_limit_that_holds_already_is_never_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {}
    monkeypatch.setattr(resource, "getrlimit", lambda _: (10, 20))
    monkeypatch.setattr(resource, "setrlimit", lambda name, pair: said.update({name: pair}))
    privileges.limit_resources(LIMITS, 0)
    assert len(said) > 10
    assert all(soft <= 20 and hard <= 20 for soft, hard in said.values())
