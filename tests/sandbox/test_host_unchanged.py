"""Whatever a submission attacks, the host is afterwards as it was before."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.util
import os
import pwd
import socket
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader.domain.rubric import Limits
from workers.zygote import Zygote

from ..submissions import Case, cases, disagreements, explained
from .host import alive, descendants, eventually, groups, mounts

_torch = importlib.util.find_spec("torch")
assert _torch is not None
assert _torch.origin is not None

# Everything that hostile submissions make and that has a name is called so. What is leaked here on
# purpose has a name of its own, for other tests look at the same host.
MARK = "hostile-"
LEAK = f"leaked-by-{os.getpid()}-"
FOLDERS = (
    "/",
    "/dev",
    "/dev/shm",
    "/etc",
    "/home",
    "/proc",
    "/run",
    "/tmp",
    "/usr",
    "/usr/lib",
    "/var",
    "/var/tmp",
    os.getcwd(),
    str(Path.home()),
    str(Path(_torch.origin).parent),
    str(Path(os.__file__).parent),
)


@dataclass(frozen=True)
class Host:
    """What of the host could differ after a sandbox. Other tests may run at the same time, so
    each part is what can be told to come from one zygote or from a hostile submission."""

    processes: frozenset[int]
    groups: frozenset[str]
    mounts: tuple[str, ...]
    files: frozenset[str]
    scratch: frozenset[str]
    system_v: frozenset[str]
    abstract_sockets: frozenset[str]
    zygote_descriptors: int
    own_descriptors: int

    @classmethod
    def now(cls, zygote: Zygote, mark: str = MARK) -> Host:
        """What there is at this moment; with `mark` begins each name that is looked for."""
        folder = _folder_of(zygote)
        gc.collect()  # what earlier tests have left open is no sandbox's
        return cls(
            processes=frozenset(descendants(zygote.pid) | _marked(folder)),
            groups=frozenset(groups(zygote.pid)),
            mounts=tuple(mounts()),
            files=frozenset(str(path) for one in FOLDERS for path in Path(one).glob(f"{mark}*")),
            scratch=frozenset(str(path) for path in Path(folder).rglob("*")),
            system_v=frozenset(
                f"{kind} {line.split()[1]}"
                for kind in ("shm", "sem", "msg")
                for line in _lines(f"/proc/sysvipc/{kind}")[1:]
                if kind != "shm" or not _is_of_others(line.split(), zygote)
            ),
            abstract_sockets=frozenset(
                line.rpartition("@")[2] for line in _lines("/proc/net/unix") if f"@{mark}" in line
            ),
            zygote_descriptors=_descriptors(zygote.pid),
            own_descriptors=_descriptors(os.getpid()),
        )


@pytest.mark.parametrize("case", cases("hostile"), ids=lambda case: case.name)
def test_a_hostile_submission_gets_its_verdict_and_leaves_the_host_as_it_was(
    case: Case, zygote: Zygote
) -> None:
    with zygote.references.lend(case.bundle()):
        pass  # it is kept for the next attempts
    before = Host.now(zygote)
    result = case.grade(zygote)
    assert _becomes(before, zygote)
    assert not disagreements(case, result), explained(case, result)


def test_an_open_sandbox_is_seen(zygote: Zygote) -> None:
    before = Host.now(zygote)
    with zygote.open(Limits(), files={}, seed=1) as session:
        during = Host.now(zygote)
        assert before.processes < during.processes
        assert before.own_descriptors < during.own_descriptors
        if "cgroup-memory" in session.layers:
            assert before.groups < during.groups
    assert _becomes(before, zygote)


@contextlib.contextmanager
def a_file() -> Iterator[None]:
    with tempfile.NamedTemporaryFile(dir="/tmp", prefix=LEAK):
        yield


@contextlib.contextmanager
def shared_memory() -> Iterator[None]:
    libc = ctypes.CDLL(None)
    segment = libc.shmget(0, 4096, 0o600)  # 0: a key of its own
    assert segment >= 0
    try:
        yield
    finally:
        libc.shmctl(segment, 0, None)  # 0: remove


@contextlib.contextmanager
def an_abstract_socket() -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(f"\0{LEAK}")
        yield


@pytest.mark.parametrize("leak", [a_file, shared_memory, an_abstract_socket])
def test_a_leak_is_seen(leak: type[AbstractContextManager[None]], zygote: Zygote) -> None:
    before = Host.now(zygote, LEAK)
    with leak():
        assert Host.now(zygote, LEAK) != before
    assert Host.now(zygote, LEAK) == before


def _becomes(before: Host, zygote: Zygote) -> bool:
    """Supervisors end a moment after their last word; then nothing may differ."""
    if eventually(lambda: Host.now(zygote) == before):
        return True
    assert Host.now(zygote) == before  # tells what differs
    return True


def _folder_of(zygote: Zygote) -> str:
    """The zygote's scratch folder, which only it and its forks have in their environment."""
    environment = Path(f"/proc/{zygote.pid}/environ").read_bytes().decode().split("\0")
    (line,) = (one for one in environment if one.startswith("MPLCONFIGDIR="))
    return str(Path(line.partition("=")[2]).parent)


def _marked(word: str) -> set[int]:
    """Processes that have `word` in their environment, as far as this user may see that."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if word.encode() in (folder / "environ").read_bytes():
                    found.add(int(folder.name))
    return found


def _is_of_others(segment: list[str], zygote: Zygote) -> bool:
    """Whether who made it runs, and is neither this process nor below the zygote: a database, say;
    or was another account of this machine, as a database is that has been killed."""
    pid, uid = int(segment[4]), int(segment[9])
    if uid != os.getuid() and uid in {one.pw_uid for one in pwd.getpwall()}:
        return True
    return bool(alive({pid})) and pid != os.getpid() and pid not in descendants(zygote.pid)


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))
