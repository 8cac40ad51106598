"""Who and where student code is; and that nothing of a sandbox outlives it."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from ._inside import NOBODY, Ran, command, marked, new_mark, run_outside, start
from .conftest import AS_ROOT
from .host import eventually

Inside = Callable[..., Ran]


def test_student_code_is_an_ordinary_user_of_a_machine_of_its_own(inside: Inside) -> None:
    def look() -> dict[str, object]:
        import os
        import socket

        return {
            "ids": [*os.getresuid(), *os.getresgid()],
            "host": socket.gethostname(),
            "pids": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
            "pid": os.getpid(),
            "parent": os.getppid(),
            "interfaces": [name for _, name in socket.if_nameindex()],
        }

    seen = inside(look, without=["seccomp"]).result
    assert seen["ids"] == [1000] * 6
    assert seen["host"] == "sandbox" != socket.gethostname()
    assert (seen["pids"], seen["pid"], seen["parent"]) == ([1, 2], 2, 1)
    assert seen["interfaces"] == ["lo"]


def test_every_namespace_is_another_than_the_hosts(inside: Inside) -> None:
    def look() -> dict[str, str]:
        import os

        kinds = ("user", "pid", "mnt", "net", "ipc", "uts", "cgroup")
        return {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in kinds}

    seen = inside(look).result
    assert len(seen) == 7
    for kind, name in seen.items():
        assert name != os.readlink(f"/proc/self/ns/{kind}"), kind


def test_its_control_group_looks_like_the_root_of_all(inside: Inside) -> None:
    def look() -> set[str]:
        with open("/proc/self/cgroup") as lines:
            return sorted({line.rstrip("\n").split(":", 2)[2] for line in lines})  # type: ignore

    assert inside(look, grouped=True).result == ["/"]


def test_it_runs_under_an_id_of_the_host_that_nobody_else_has(as_nobody: bool) -> None:
    def wait() -> None:
        import os
        import time

        os.write(1, b"up\n")
        time.sleep(60)

    mark = new_mark()
    with start(command(wait, as_nobody=as_nobody), mark) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        owners = {os.stat(f"/proc/{pid}").st_uid for pid in marked(mark)}
        process.kill()
    if as_nobody:
        # A process that hides its memory belongs to root in /proc, whoever it is.
        assert owners <= {NOBODY, 0}
    elif AS_ROOT:
        assert max(owners) >= 0x70000000
    assert eventually(lambda: not marked(mark))


def test_the_death_of_the_supervisor_ends_everything(as_nobody: bool) -> None:
    def linger() -> None:
        import os
        import signal
        import time

        for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        for _ in range(3):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    time.sleep(600)
        os.write(1, b"up\n")
        time.sleep(600)

    mark = new_mark()
    with start(command(linger, as_nobody=as_nobody), mark) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "up\n":
            pass
        assert len(marked(mark)) > 4
        process.kill()
    assert eventually(lambda: not marked(mark))


def test_killing_everything_leaves_the_runner_to_be_judged(inside: Inside) -> None:
    def kill_all() -> str:
        import os
        import signal

        child = os.fork()
        if child == 0:
            signal.pause()
        os.kill(-1, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL
        return "still here"

    assert inside(kill_all).result == "still here"


def test_no_signal_reaches_init(inside: Inside) -> None:
    def signal_init() -> list[str]:
        import os
        import signal

        answers = set()
        for number in signal.valid_signals():
            try:
                os.kill(1, number)
                answers.add("sent")
            except PermissionError:
                answers.add("refused")
        return sorted(answers)

    ran = inside(signal_init)
    assert ran.result == ["refused"]
    assert (ran.status, ran.init_status) == (0, 0)
    # Where the kernel's landlock has no say in signals, init ignores them all.
    ran = inside(signal_init, without=["landlock"])
    assert ran.result == ["sent"]
    assert (ran.status, ran.init_status) == (0, 0)


def test_a_process_that_detaches_itself_ends_with_the_run(inside: Inside) -> None:
    def detach() -> int:
        import os
        import time

        reader, writer = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.write(writer, b"x")
                time.sleep(600)
            os._exit(0)
        os.wait()
        os.read(reader, 1)
        return sum(name.isdigit() for name in os.listdir("/proc"))

    # `run_inside` asserts that no process is left.
    assert inside(detach).result == 3


def test_the_zygote_of_an_ordinary_user_becomes_root_of_its_own_namespace(as_nobody: bool) -> None:
    def look() -> list[object]:
        import os

        with open("/proc/self/uid_map") as ids, open("/proc/self/setgroups") as groups:
            return [os.geteuid(), ids.read().split(), groups.read().strip()]

    euid, ids, groups = run_outside(look, as_nobody=as_nobody)
    assert euid == 0
    if as_nobody:
        assert (ids, groups) == (["0", str(NOBODY), "1"], "deny")
    elif AS_ROOT:
        assert ids == Path("/proc/self/uid_map").read_text().split()


def test_a_process_with_threads_cannot_make_one_and_says_so(as_nobody: bool) -> None:
    def spawn_beside_a_thread() -> list[str]:
        import threading

        from workers.inside import namespaces
        from workers.inside.layers import LayerError
        from workers.inside.root import Layout, Root

        root = Root.build(Layout((), {}))
        done = threading.Event()
        thread = threading.Thread(target=done.wait)
        thread.start()
        try:
            namespaces.spawn(lambda: 0, root, namespaces.host_ids(0))
        except LayerError as error:
            return [error.layer, error.detail]
        finally:
            done.set()
            thread.join()
        return []

    layer, detail = run_outside(spawn_beside_a_thread, as_nobody=as_nobody)
    assert layer == "mount"
    assert "thread" in detail


def test_a_first_process_that_dies_is_reported_with_its_status(as_nobody: bool) -> None:
    def spawn_some() -> list[int]:
        import os
        import signal

        from workers.inside import namespaces
        from workers.inside.root import Layout, Root

        root = Root.build(Layout((), {}))
        statuses = []
        for act in (lambda: 7, lambda: os.abort(), lambda: 1 // 0):
            pid = namespaces.spawn(act, root, namespaces.host_ids(len(statuses)))  # type: ignore
            statuses.append(os.waitpid(pid, 0)[1])
        pid = namespaces.spawn(lambda: signal.pause(), root, namespaces.host_ids(9))  # type: ignore
        return [*statuses, namespaces.end(pid)]

    seven, aborted, raised, killed = run_outside(spawn_some, as_nobody=as_nobody)
    assert os.WEXITSTATUS(seven) == 7
    assert os.WTERMSIG(killed) == signal.SIGKILL
    assert raised != 0
    assert aborted != 7
