"""The supervisor enforces the limits, and leaves nothing behind however the run ends."""

from __future__ import annotations

import dataclasses
import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from grader.domain.evidence import AnswerStatus
from grader.domain.outcomes import RunStatus
from grader.domain.questions import Probe
from grader.domain.rubric import Limits, Runtime
from grader.errors import InternalError
from tests.sandbox.host import alive, descendants, eventually, groups, mounts
from workers.inside import cgroups, namespaces, wire
from workers.inside.frames import Framer, Kind, pack, receive
from workers.inside.layers import LayerError
from workers.inside.sandbox import Workshop
from workers.inside.supervisor import Supervisor, _Clock, _Streams
from workers.inside.zygote import _Zygote
from workers.sandbox.session import Ending, Program, Session
from workers.zygote import Zygote

LIMITS = Limits(
    wall_s=5, cpu_s=20, cell_s=30, memory_bytes=256 << 20, processes=24, output_bytes=1 << 20
)
NEVER = "while True: pass"
VALUES = Probe("values", {"names": ["x"]}, 5)

OpenSession = Callable[..., Session]


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    """A zygote with nothing preloaded that an assignment asks for."""
    with Zygote(Runtime()) as running:
        yield running


@pytest.fixture
def opened(zygote: Zygote) -> Iterator[OpenSession]:
    """Open sessions; afterwards the host is as it was before."""
    before = (descendants(zygote.pid), groups(zygote.pid), mounts())
    sessions: list[Session] = []

    def make(limits: Limits = LIMITS, **more: object) -> Session:
        session = zygote.open(limits, files={}, seed=1, **more)  # type: ignore[arg-type]
        sessions.append(session)
        return session

    yield make
    for session in sessions:
        session.sock.close()
    assert eventually(lambda: alive(descendants(zygote.pid)) <= before[0])
    assert eventually(lambda: groups(zygote.pid) <= before[1])
    assert mounts() == before[2]


def ending_of(session: Session, *sources: str) -> Ending:
    """How a run of these cells, without a stop, ends."""
    stopped = session.run(Program(sources, tuple(f"cell {n}" for n in range(len(sources)))))
    if stopped is not None:
        assert stopped.end
    return session.close()


def test_a_run_to_the_last_cell_completes_and_is_measured(opened: OpenSession) -> None:
    ending = ending_of(opened(), "x = sum(i for i in range(3_000_000))")
    assert ending.status is RunStatus.COMPLETED
    assert ending.cpu_s > 0.01
    assert ending.wall_s > 0.01
    assert ending.peak_memory_bytes > 1 << 20


def test_wall_time_is_limited_whatever_the_code_ignores(opened: OpenSession) -> None:
    stubborn = (
        "import signal\n"
        "for n in range(1, 65):\n"
        "    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\n"
        f"{NEVER}"
    )
    ending = ending_of(opened(replace(LIMITS, wall_s=1)), stubborn)
    assert ending.status is RunStatus.TIME_LIMIT
    assert "1 s" in ending.message


def test_cpu_time_of_all_processes_together_is_limited(opened: OpenSession) -> None:
    many = f"import os\nfor _ in range(3):\n    if os.fork() == 0:\n        {NEVER}\n{NEVER}"
    ending = ending_of(opened(replace(LIMITS, wall_s=30, cpu_s=1)), many)
    assert ending.status is RunStatus.TIME_LIMIT
    assert "CPU" in ending.message


def test_a_memory_bomb_meets_a_memory_error_in_its_own_cell(opened: OpenSession) -> None:
    session = opened()
    stopped = session.run(Program(("x = bytearray(1 << 34)", "x = 1"), ("cell 1", "cell 2")))
    assert stopped is not None
    assert stopped.end
    assert "MemoryError" in (session.outputs[0].error or "")
    assert session.close().status is RunStatus.COMPLETED


def test_memory_of_many_processes_together_is_limited(opened: OpenSession) -> None:
    hoard = (
        "import os, time\n"
        "for _ in range(6):\n"
        "    if os.fork() == 0:\n"
        "        keep = bytearray(b'x' * (120 << 20))\n"
        "        time.sleep(30)\n"
        "keep = bytearray(b'x' * (120 << 20))\n"
        "time.sleep(30)\n"
    )
    ending = ending_of(opened(), hoard)
    # Either a process too many was killed and the rest slept on, or the run was ended for it.
    assert ending.status in (RunStatus.MEMORY_LIMIT, RunStatus.TIME_LIMIT)
    assert ending.peak_memory_bytes < 2 * LIMITS.memory_bytes


def test_output_below_the_python_streams_is_limited(opened: OpenSession) -> None:
    ending = ending_of(opened(), "import os\nwhile True: os.write(1, b'x' * 65536)")
    assert ending.status is RunStatus.OUTPUT_LIMIT


def test_some_low_level_output_is_kept_with_its_cell(opened: OpenSession) -> None:
    session = opened()
    cells = ("x = 1", "import os\n_ = os.write(2, b'low\\n')")
    session.run(Program(cells, ("cell 1", "cell 2"), stops=frozenset({0})))
    session.resume()
    session.close()
    kept = {out.index: [one["text"] for one in out.outputs] for out in session.cell_outputs()}
    assert kept == {0: [], 1: ["low\n"]}


def test_a_process_that_ends_itself_is_named(opened: OpenSession) -> None:
    ending = ending_of(opened(), "import os; os._exit(3)")
    assert ending.status is RunStatus.STUDENT_ERROR
    assert "exit status 3" in ending.message


def test_a_crash_is_named_by_its_signal(opened: OpenSession) -> None:
    ending = ending_of(opened(), "import ctypes; ctypes.string_at(0)")
    assert ending.status is RunStatus.STUDENT_ERROR
    assert "SIGSEGV" in ending.message


def test_garbage_on_inherited_descriptors_ends_the_run(opened: OpenSession) -> None:
    spray = (
        "import os\n"
        "for fd in range(3, 256):\n"
        "    try: os.write(fd, b'\\xff' * 4096)\n"
        "    except OSError: pass\n"
        f"{NEVER}"
    )
    ending = ending_of(opened(replace(LIMITS, wall_s=20)), spray)
    assert ending.status is RunStatus.POLICY_VIOLATION


def test_closing_every_descriptor_ends_only_that_run(opened: OpenSession, zygote: Zygote) -> None:
    session = opened()
    stopped = session.run(
        Program(("x = 5", "import os; os.closerange(0, 4096)"), ("a", "b"), stops=frozenset({0}))
    )
    assert stopped is not None
    (answer,) = session.ask((VALUES,))
    assert answer.evidence["values"] == {"x": 5}
    assert session.resume() is None
    assert session.close().status is not RunStatus.COMPLETED
    assert ending_of(opened(), "x = 1").status is RunStatus.COMPLETED


def test_what_was_answered_before_the_end_stays_and_later_questions_are_not_run(
    opened: OpenSession,
) -> None:
    session = opened()
    cells = ("x = 41", "import os; os._exit(0)", "x = 42")
    stopped = session.run(Program(cells, ("a", "b", "c"), stops=frozenset({0})))
    assert stopped is not None
    assert session.ask((VALUES,))[0].evidence["values"] == {"x": 41}
    assert session.resume() is None
    assert session.ask((VALUES,))[0].status is AnswerStatus.NOT_RUN


def test_a_probe_that_never_answers_costs_itself_alone(opened: OpenSession) -> None:
    session = opened()
    session.run(Program((f"def f():\n    {NEVER}", "x = 1"), ("a", "b")))
    endless = Probe("call", {"function": "f", "cases": [{"bind": {}, "args": []}]}, 0.5)
    first, second = session.ask((endless, VALUES))
    assert first.status is AnswerStatus.TIME_LIMIT
    assert second.evidence["values"] == {"x": 1}
    assert session.close().status is RunStatus.COMPLETED


def test_a_closed_connection_kills_its_sandbox(opened: OpenSession, zygote: Zygote) -> None:
    idle = alive(descendants(zygote.pid))
    session = opened()
    daemon = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        time.sleep(600)\n    os._exit(0)\n"
    )
    session.run(Program((daemon,), ("a",)))
    assert len(alive(descendants(zygote.pid)) - idle) >= 4  # supervisor, init, runner, daemon
    session.sock.close()
    assert eventually(lambda: alive(descendants(zygote.pid)) <= idle)


def test_a_connection_that_closes_while_its_sandbox_opens_leaves_nothing(
    opened: OpenSession, zygote: Zygote
) -> None:
    idle, held = alive(descendants(zygote.pid)), groups(zygote.pid)
    with socket.socket(socket.AF_UNIX) as hasty:
        hasty.connect(str(zygote._address))
        request = {"limits": dataclasses.asdict(LIMITS), "files": {}, "seed": 1, "gpus": []}
        hasty.sendall(pack(Kind.OPEN, {**request, "trusted": False, "accept_missing": []}))
    # Whoever comes after has waited for the zygote to take the connection before.
    assert ending_of(opened(), "x = 1").status is RunStatus.COMPLETED
    assert eventually(lambda: alive(descendants(zygote.pid)) <= idle)
    assert eventually(lambda: groups(zygote.pid) <= held, within_s=2)


def test_what_the_host_has_no_more_of_is_said_and_leaves_no_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(namespaces, "spawn", refuse)
    unused: Any = None
    workshop = Workshop(unused, unused, unused, cgroups.find())
    request = {"limits": dataclasses.asdict(LIMITS), "files": {}, "gpus": [], "accept_missing": []}
    here, there = socket.socketpair()
    open_files = set(os.listdir("/proc/self/fd"))
    with here, there:
        there.settimeout(5)
        there.sendall(pack(Kind.OPEN, {**request, "seed": 1, "trusted": False}))
        Supervisor(here, workshop.make).serve()
        kind, body = receive(there)
    assert kind is Kind.OPENED
    ((_, why),) = wire.loads(body)["missing"]  # type: ignore[index, call-overload]
    assert "temporarily unavailable" in why
    assert not groups(os.getpid())
    assert set(os.listdir("/proc/self/fd")) <= open_files


def test_a_group_that_does_not_go_ends_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(name: str) -> None:
        asked.append(name)
        raise LayerError("cgroup-memory", f"{name} stays busy")

    # What a supervisor that died leaves.
    served = _Zygote(None, SimpleNamespace(clear_after=refuse))  # type: ignore[arg-type]
    with subprocess.Popen(["false"]) as dead:
        served._supervisors.add(dead.pid)
        served._reap(block=True)
        assert asked == [dead.pid]
        assert not served._supervisors
    # What a zygote leaves that was ended.
    monkeypatch.setattr("workers.zygote.cgroups.sweep", refuse)
    handle = Zygote(Runtime())
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    handle._process = subprocess.Popen(["cat"], **pipes)
    handle.close()
    assert len(asked) == 2
    assert not handle.alive


def test_a_letter_in_two_reads_is_one_letter() -> None:
    streams = _Streams(limit=100, keep=100)
    whole = "\u00fc".encode()
    frames = [streams.frame("stdout", whole[:1]), streams.frame("stderr", b"x")]
    frames.append(streams.frame("stdout", whole[1:]))
    (_, first), (_, other), (_, second) = Framer().feed(b"".join(one or b"" for one in frames))
    said = [wire.loads(one)["text"] for one in (first, other, second)]  # type: ignore[index, call-overload]
    assert said == ["", "x", "\u00fc"]


def test_answers_that_take_too_long_in_all_are_told_from_one_late_one() -> None:
    supervisor = Supervisor(None, None)  # type: ignore[arg-type]
    supervisor._clock = _Clock(budget_s=20)
    assert supervisor._time_words() == "it did not answer in time"
    supervisor._clock.answering_s = 120
    assert supervisor._time_words() == "its answers took more than 120 s in all"


@pytest.mark.parametrize("victim", ["supervisor", "init", "zygote"])
def test_nothing_survives_the_death_of(victim: str) -> None:
    with Zygote(Runtime()) as mortal:
        pid = mortal.pid
        session = mortal.open(LIMITS, files={}, seed=1)
        fork = "import os, time\nif os.fork() == 0: time.sleep(600)"
        session.run(Program((fork, "x = 1"), ("a", "b"), stops=frozenset({0})))
        below = descendants(mortal.pid)
        (supervisor,) = (pid for pid in below if _parent(pid) == mortal.pid)
        (init,) = (pid for pid in below if _parent(pid) == supervisor)
        victims = {"supervisor": supervisor, "init": init, "zygote": mortal.pid}
        os.kill(victims[victim], signal.SIGKILL)
        assert eventually(lambda: not alive(below - {supervisor} if victim == "init" else below))
        if victim == "init":
            assert session.close().status is RunStatus.STUDENT_ERROR
        else:
            with pytest.raises(InternalError):
                session.close()
        if victim != "zygote":
            assert ending_of(mortal.open(LIMITS, files={}, seed=1), "x = 1")
    assert eventually(lambda: not groups(pid))


def test_two_sandboxes_share_nothing(opened: OpenSession) -> None:
    one, other = opened(), opened()
    write = "open('here', 'w').write('1'); open('/tmp/here', 'w').write('1'); x = 1"
    look = "import os; x = [os.listdir('.'), os.listdir('/tmp'), os.listdir('/dev/shm')]"
    one.run(Program((write,), ("a",)))
    other.run(Program((look,), ("a",)))
    runtime = {path.split("/")[2] for path in (sys.prefix, sys.base_prefix) if "/tmp/" in path[:5]}
    found = other.ask((VALUES,))[0].evidence["values"]["x"]  # type: ignore[index]
    assert [set(part.items) for part in found.items] == [set(), runtime, set()]


def _parent(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])
