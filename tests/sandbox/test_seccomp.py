"""Which system calls student code gets through, and what becomes of it for the others."""

from __future__ import annotations

import errno
import os
import signal
import struct
from collections.abc import Callable

import pytest

from workers.inside import seccomp
from workers.inside.syscall_numbers import NUMBERS, numbers_of

from ._inside import Ran

Inside = Callable[..., Ran]

ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050000
MACHINES = ("x86_64", "aarch64")
NAMESPACE_FLAGS = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)


def outcomes(calls: list[list[int]], clone: int = -1) -> list[str]:
    """Inside: what each raw call, made in a fork of its own, comes to."""
    import ctypes
    import errno
    import os
    import signal

    libc = ctypes.CDLL(None, use_errno=True)
    found = []
    for number, *arguments in calls:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            signal.alarm(5)
            wide = [ctypes.c_long(one) for one in (number, *arguments, *[0] * (6 - len(arguments)))]
            result = libc.syscall(*wide)
            code = ctypes.get_errno()
            os.write(writer, (errno.errorcode[code] if result < 0 else "done").encode())
            os._exit(0)
        _, status = os.waitpid(child, 0)
        os.close(writer)
        said = os.read(reader, 4 if number == clone else 100).decode()  # a clone says it as well
        os.close(reader)
        killed = os.WIFSIGNALED(status)
        found.append(signal.Signals(os.WTERMSIG(status)).name if killed else said)
    return found


def decide(machine: str, number: int, *arguments: int, arch: int | None = None) -> int:
    """What the program for `machine` returns for a call: a small classic BPF machine."""
    own = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine]
    values = (*arguments, *[0] * (6 - len(arguments)))
    data = struct.pack("<iIQ6Q", number, own if arch is None else arch, 0, *values)
    program = list(struct.iter_unpack("<HBBI", seccomp.assemble(machine)))
    at = accumulator = 0
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        match code:
            case 0x20:  # load a word
                accumulator = struct.unpack_from("<I", data, operand)[0]
            case 0x05:  # jump
                at += operand
            case 0x15:
                at += if_true if accumulator == operand else if_false
            case 0x35:
                at += if_true if accumulator >= operand else if_false
            case 0x45:
                at += if_true if accumulator & operand else if_false
            case 0x06:
                return operand
            case _:
                raise AssertionError(f"no such instruction: {code:#x}")


@pytest.mark.parametrize("name", sorted(seccomp.KILLED & NUMBERS.keys()))
def test_a_call_that_no_coursework_makes_is_on_the_list(name: str) -> None:
    assert decide(os.uname().machine, NUMBERS[name]) == KILL


def test_each_call_that_no_coursework_makes_kills_its_process(inside: Inside) -> None:
    names = sorted(seccomp.KILLED & NUMBERS.keys())
    seen = inside(outcomes, [[NUMBERS[name]] for name in names]).result
    assert len(seen) > 35
    assert dict(zip(names, seen, strict=True)) == dict.fromkeys(names, "SIGSYS")


def test_each_grey_call_is_refused(inside: Inside) -> None:
    names = sorted(seccomp.REFUSED & NUMBERS.keys())
    seen = inside(outcomes, [[NUMBERS[name]] for name in names]).result
    assert dict(zip(names, seen, strict=True)) == dict.fromkeys(names, "EPERM")


def test_what_the_table_does_not_name_is_not_there(inside: Inside) -> None:
    names = ["clone3", "memfd_create", "memfd_secret", "shmget", "msgget", "semget", "mq_open"]
    names += ["splice", "vmsplice", "tee", "io_setup", "landlock_add_rule", "listmount"]
    numbers = [*(NUMBERS[name] for name in names), 400, 1000, 0x3FFFFFFF]
    seen = inside(outcomes, [[number] for number in numbers]).result
    assert dict(zip(numbers, seen, strict=True)) == dict.fromkeys(numbers, "ENOSYS")


def test_clone_makes_processes_but_no_namespaces(inside: Inside) -> None:
    clone = NUMBERS["clone"]
    calls = [[clone, flag | signal.SIGCHLD] for flag in NAMESPACE_FLAGS]
    # The kernel looks at the lower half of the flags alone.
    calls += [[clone, 1 << 40 | 0x10000000 | signal.SIGCHLD], [clone, signal.SIGCHLD]]
    assert inside(outcomes, calls, clone).result == [
        *["SIGSYS"] * (len(NAMESPACE_FLAGS) + 1),
        "done",
    ]


def test_the_runners_own_forbidden_call_ends_the_run(inside: Inside) -> None:
    def trace() -> None:
        import ctypes

        ctypes.CDLL(None).ptrace(0, 0, 0, 0)

    ran = inside(trace)
    assert ran.signal == signal.SIGSYS
    assert ran.init_status == 0


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="x86 has other ways into the kernel")
def test_no_other_door_to_the_kernel_is_open(inside: Inside) -> None:
    def enter_as_32_bit() -> None:
        import ctypes
        import mmap

        memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        memory.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, getpid; int 0x80; ret
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        ctypes.CFUNCTYPE(ctypes.c_int)(address)()

    x32 = 0x40000000
    assert set(inside(outcomes, [[x32 | 39], [x32], [x32 | 512]]).result) == {"SIGSYS"}
    # A kernel without 32-bit calls answers with SIGSEGV.
    assert inside(enter_as_32_bit).signal in (signal.SIGSYS, signal.SIGSEGV)


def test_only_local_sockets_can_be_made(inside: Inside) -> None:
    def make_all() -> dict[str, object]:
        import errno
        import socket

        found: dict[str, object] = {}
        for family in range(1, 46):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
                for make in (socket.socket, socket.socketpair):
                    try:
                        make(family, kind)
                        found.setdefault("made", []).append(family)  # type: ignore[attr-defined]
                    except OSError as error:
                        found[errno.errorcode[error.errno]] = True
        one, other = socket.socketpair()
        one.sendall(b"hello")
        found["pair"] = other.recv(5).decode()
        server = socket.socket(socket.AF_UNIX)
        server.bind("/tmp/own.sock")
        server.listen()
        client = socket.socket(socket.AF_UNIX)
        client.connect("/tmp/own.sock")
        return found

    found = inside(make_all).result
    assert set(found.pop("made")) == {1}
    assert found == {"EACCES": True, "pair": "hello"}


def test_a_download_fails_at_once_with_a_plain_error(inside: Inside) -> None:
    def download() -> list[str]:
        import urllib.request

        said = []
        for address in ("http://example.com/data.csv", "http://127.0.0.1:8000/"):
            try:
                urllib.request.urlopen(address, timeout=60)
            except OSError as error:
                said.append(str(error))
        return said

    # Well before `wall_s`, with the timeout of a minute.
    name, address = inside(download, wall_s=15).result
    assert "not known" in name or "name resolution" in name
    assert "Permission denied" in address


def test_what_would_weaken_the_process_is_refused(inside: Inside) -> None:
    prctl, ioctl, personality = NUMBERS["prctl"], NUMBERS["ioctl"], NUMBERS["personality"]
    refused = [
        [prctl, 22, 2],  # SECCOMP
        [prctl, 0x59616D61, 1],  # PTRACER
        [prctl, 35, 1],  # MM
        [prctl, 28, 0],  # SECUREBITS
        [prctl, 53, 0, 4],  # SPECULATION_CTRL
        [prctl, 47, 2],  # CAP_AMBIENT
        [ioctl, 0, 0x5412],  # TIOCSTI
        [ioctl, 0, 1 << 32 | 0x5412],
        [ioctl, 0, 0x541C],  # TIOCLINUX
        [personality, 0x0040000],  # ADDR_NO_RANDOMIZE
    ]
    allowed = [[personality, 0xFFFFFFFF], [prctl, 3], [prctl, 39]]
    seen = inside(outcomes, refused + allowed).result
    assert seen == ["EPERM"] * len(refused) + ["done"] * len(allowed)


def test_the_tools_of_coursework_work(inside: Inside) -> None:
    def work() -> dict[str, object]:
        import multiprocessing
        import queue
        import sqlite3
        import subprocess
        import sys
        import tempfile
        import threading
        from concurrent.futures import ThreadPoolExecutor
        from multiprocessing import shared_memory

        found: dict[str, object] = {}
        forking = multiprocessing.get_context("fork")
        answers = forking.Queue()
        workers = [forking.Process(target=lambda n=n: answers.put(n * n)) for n in range(3)]
        for worker in workers:
            worker.start()
        found["processes"] = sorted(answers.get() for _ in workers)
        for worker in workers:
            worker.join()
        with ThreadPoolExecutor(3) as pool:
            found["threads"] = sorted(pool.map(lambda n: n + 1, range(3)))
        shared = shared_memory.SharedMemory(create=True, size=4096)
        shared.buf[:2] = b"ok"
        found["shared"] = bytes(shared.buf[:2]).decode()
        shared.close()
        shared.unlink()
        with tempfile.NamedTemporaryFile("w+") as file:
            file.write("kept")
            file.seek(0)
            found["file"] = file.read()
        with sqlite3.connect("own.db") as database:
            found["database"] = database.execute("select 1 + 1").fetchone()[0]
        python = [sys.executable, "-c", "print('from a subprocess')"]
        found["subprocess"] = subprocess.check_output(python, text=True).strip()
        event, box = threading.Event(), queue.Queue()  # type: ignore[var-annotated]
        threading.Timer(0.01, lambda: (box.put("timer"), event.set())).start()
        event.wait()
        found["timer"] = box.get()
        return found

    ran = inside(work, limits={"disk_bytes": 8 << 20, "shm_bytes": 8 << 20})
    assert ran.error == ""
    assert ran.result == {
        "processes": [0, 1, 4],
        "threads": [1, 2, 3],
        "shared": "ok",
        "file": "kept",
        "database": 2,
        "subprocess": "from a subprocess",
        "timer": "timer",
    }


def test_a_data_loader_with_workers_trains(inside: Inside) -> None:
    def train() -> str:
        import subprocess
        import sys

        code = """if True:
            import torch
            from torch.utils.data import DataLoader, TensorDataset
            x = torch.randn(64, 3)
            loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), 16, num_workers=2)
            model = torch.nn.Linear(3, 1)
            optimiser = torch.optim.Adam(model.parameters())
            for batch, target in loader:
                torch.nn.functional.mse_loss(model(batch), target).backward()
                optimiser.step()
            print("trained")
        """
        done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True)
        return (done.stdout + done.stderr).decode().strip()

    limits = {"memory_bytes": 4 << 30, "shm_bytes": 64 << 20, "processes": 64, "cpu_s": 120}
    assert inside(train, limits=limits, wall_s=120).result == "trained"


@pytest.mark.parametrize("machine", MACHINES)
def test_the_policy_is_the_same_on_both_architectures(machine: str) -> None:
    numbers = numbers_of(machine)
    expected = dict.fromkeys(seccomp.ALLOWED, ALLOW)
    expected |= dict.fromkeys(seccomp.REFUSED, FAIL | errno.EPERM)
    expected |= dict.fromkeys(seccomp.KILLED, KILL)
    for name, number in numbers.items():
        if name not in seccomp.EXAMINED:
            wanted = expected.get(name, FAIL | errno.ENOSYS)
            assert decide(machine, number) == wanted, name
    clone = numbers["clone"]
    assert {decide(machine, clone, flag | 17) for flag in NAMESPACE_FLAGS} == {KILL}
    assert decide(machine, clone, 17) == ALLOW
    for name in ("socket", "socketpair"):
        assert [decide(machine, numbers[name], family) for family in (1, 2, 10, 16, 30)] == [
            ALLOW,
            *[FAIL | errno.EACCES] * 4,
        ]
    assert decide(machine, numbers["read"], arch=0x40000003) == KILL  # i386
    assert decide(machine, numbers["read"], arch=0) == KILL


def test_no_call_stands_in_two_groups_and_each_is_a_call_of_linux() -> None:
    groups = (seccomp.ALLOWED, seccomp.REFUSED, seccomp.KILLED, seccomp.EXAMINED)
    assert sum(map(len, groups)) == len(frozenset().union(*groups))
    known = numbers_of("x86_64").keys() | numbers_of("aarch64").keys()
    assert frozenset().union(*groups) <= known


def test_numbers_are_those_of_the_running_kernel() -> None:
    """Spot checks against what other tables say."""
    one, other = numbers_of("x86_64"), numbers_of("aarch64")
    assert [one[name] for name in ("read", "clone", "ptrace", "seccomp", "bpf")] == [
        *(0, 56, 101, 317, 321)
    ]
    assert [other[name] for name in ("read", "clone", "ptrace", "seccomp", "bpf")] == [
        *(63, 220, 117, 277, 280)
    ]
    assert one["landlock_create_ruleset"] == other["landlock_create_ruleset"] == 444
    with pytest.raises(NotImplementedError, match="riscv64"):
        numbers_of("riscv64")
