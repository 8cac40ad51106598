"""Control groups of either version: where they can be made, what they hold, that they go."""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from workers.inside import cgroups
from workers.inside.cgroups import Group, Hierarchies
from workers.inside.layers import LayerError

from ._inside import Ran

# Children here only join a group and act, or die.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

Inside = Callable[..., Ran]
LIMITS = {"memory_bytes": 32 << 20, "processes": 4}
PREFIX = f"chainrule-test-{os.getpid()}"


def process_folder(folder: Path, cgroup: str, mounts: dict[Path, str]) -> str:
    """A made-up /proc/self; mounts: mount point -> "root type options"."""
    folder.mkdir(exist_ok=True)
    (folder / "cgroup").write_text(cgroup)
    lines = []
    for point, words in mounts.items():
        root, kind, options = words.split()
        lines.append(f"30 20 0:1 {root} {point} rw - {kind} {kind} {options}\n")
    (folder / "mountinfo").write_text("".join(lines))
    return str(folder)


def version_2(folder: Path, controllers: str = "cpu memory pids", enabled: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.controllers").write_text(controllers)
    (folder / "cgroup.subtree_control").write_text(enabled)
    (folder / "cgroup.procs").write_text("")
    return folder


def test_version_2_with_controllers_enabled_is_found(tmp_path: Path) -> None:
    own = version_2(tmp_path / "tree/mine", enabled="cpu memory pids")
    process = process_folder(tmp_path / "p", "0::/mine\n", {tmp_path / "tree": "/ cgroup2 rw"})
    # A file takes the words that are written instead of enabling them.
    found = None
    with pytest.MonkeyPatch.context() as patch:
        written: list[tuple[str, str]] = []
        patch.setattr(cgroups, "_set", lambda file, value, **_: written.append((file, value)))
        found = cgroups.find(process)
    assert written == [(f"{own}/cgroup.subtree_control", "+cpu +memory +pids")]
    assert found.folders == dict.fromkeys(("cpu", "memory", "pids"), str(own))
    assert set(found.version.values()) == {2}
    assert found.layers == ("cgroup-memory", "cgroup-pids", "cgroup-cpu")
    assert found.missing == {}


def test_processes_make_way_where_the_kernel_asks_for_it(tmp_path: Path) -> None:
    own = version_2(tmp_path / "tree/mine")
    (own / "cgroup.procs").write_text("12\n34\n")
    process = process_folder(tmp_path / "p", "0::/mine\n", {tmp_path / "tree": "/ cgroup2 rw"})
    moved: list[str] = []

    def set_as_a_kernel(file: str, value: str, *, optional: bool = False) -> None:
        if file.endswith("leaf/cgroup.procs"):
            moved.append(value)
        elif len(moved) < 2:
            raise OSError(16, "Device or resource busy")
        else:
            (own / "cgroup.subtree_control").write_text(value.replace("+", ""))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cgroups, "_set", set_as_a_kernel)
        found = cgroups.find(process)
        assert moved == ["12", "34"]
        assert set(found.folders.values()) == {str(own)}
        # From within the leaf, a second zygote divides the same group.
        version_2(own / cgroups._LEAF)
        moved_to = f"0::/mine/{cgroups._LEAF}\n"
        process = process_folder(tmp_path / "p", moved_to, {tmp_path / "tree": "/ cgroup2 rw"})
        assert cgroups.find(process).folders == found.folders


def test_a_mixture_takes_each_controller_from_where_it_is(tmp_path: Path) -> None:
    version_2(tmp_path / "unified", controllers="hugetlb")
    (tmp_path / "memory/mine").mkdir(parents=True)
    (tmp_path / "both/outer").mkdir(parents=True)
    process = process_folder(
        tmp_path / "p",
        "5:name=systemd:/\n4:memory:/mine\n3:cpu,cpuacct:/docker/x/outer\n0::/\n",
        {
            tmp_path / "unified": "/ cgroup2 rw",
            tmp_path / "memory": "/ cgroup rw,memory",
            # In a container: the hierarchy is mounted from the container's own group on.
            tmp_path / "both": "/docker/x cgroup rw,cpu,cpuacct",
        },
    )
    found = cgroups.find(process)
    both = str(tmp_path / "both/outer")
    assert found.folders == {"memory": str(tmp_path / "memory/mine"), "cpu": both, "cpuacct": both}
    assert found.layers == ("cgroup-memory", "cgroup-cpu")
    assert list(found.missing) == ["pids"]


def test_what_is_not_ours_or_not_there_is_told(tmp_path: Path) -> None:
    nothing = cgroups.find(process_folder(tmp_path / "a", "0::/\n", {}))
    assert nothing.folders == {}
    assert "mounted" in nothing.missing["memory"]
    outside = process_folder(
        tmp_path / "b", "4:memory:/../../x\n", {tmp_path / "m": "/ cgroup rw,memory"}
    )
    assert cgroups.find(outside).layers == ()
    if os.geteuid() != 0:
        own = version_2(tmp_path / "tree")
        own.chmod(0o555)
        process = process_folder(tmp_path / "c", "0::/\n", {own: "/ cgroup2 rw"})
        assert "delegated" in cgroups.find(process).missing["memory"]


def test_limits_are_written_as_each_version_has_them(tmp_path: Path) -> None:
    written: dict[str, str] = {}

    def note(file: str, value: str, *, optional: bool = False) -> None:
        written[str(Path(file).relative_to(tmp_path))] = value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cgroups, "_set", note)
        patch.setattr(cgroups.os, "open", lambda *_: os.dup(0))
        for version, names in ((2, ("memory", "pids", "cpu")), (1, ("memory", "pids", "cpu"))):
            base = tmp_path / str(version)
            base.mkdir()
            place = Hierarchies(dict.fromkeys(names, str(base)), dict.fromkeys(names, version))
            Group.create(place, "g", LIMITS, cpus=1.5).remove()
    memory = str(32 << 20)
    assert written == {
        "2/g/memory.max": memory,
        "2/g/memory.swap.max": "0",
        "2/g/pids.max": "5",
        "2/g/cpu.max": "150000 100000",
        "2/g/cpu.weight": "25",
        "1/g/memory.limit_in_bytes": memory,
        "1/g/memory.memsw.limit_in_bytes": memory,
        "1/g/pids.max": "5",
        "1/g/cpu.cfs_period_us": "100000",
        "1/g/cpu.cfs_quota_us": "150000",
        "1/g/cpu.shares": "256",
    }
    assert not any((tmp_path / str(version) / "g").exists() for version in (1, 2))


def test_usage_is_read_as_each_version_has_it(tmp_path: Path) -> None:
    files = {
        "memory.peak": "77\n",
        "memory.events": "low 0\nmax 3\noom 0\noom_kill 2\n",
        "cpu.stat": "usage_usec 1500000\nuser_usec 1\n",
        "cpuacct.usage": "2500000000\n",
        "memory.max_usage_in_bytes": "88\n",
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
        "memory.limit_in_bytes": "101\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    new = ("memory", "pids", "cpu")
    group = Group(dict.fromkeys(new, str(tmp_path)), dict.fromkeys(new, 2))
    assert group.usage() == (1.5, 77, 2, False)
    (tmp_path / "memory.events").write_text("low 0\nmax 3\noom 1\noom_kill 2\n")
    assert group.usage().at_limit
    old = (*new, "cpuacct")
    group = Group(dict.fromkeys(old, str(tmp_path)), dict.fromkeys(old, 1))
    assert group.usage() == (2.5, 88, 1, False)
    (tmp_path / "memory.limit_in_bytes").write_text("100\n")
    assert group.usage().at_limit
    # Before Linux 5.19 there is no peak: what is in use has to do.
    (tmp_path / "memory.peak").unlink()
    (tmp_path / "memory.current").write_text("66\n")
    group = Group(dict.fromkeys(new, str(tmp_path)), dict.fromkeys(new, 2))
    assert group.usage().peak_memory_bytes == 66
    assert Group({}, {}).usage() == (None, None, 0, False)


@pytest.fixture(scope="module")
def real() -> Hierarchies:
    found = cgroups.find()
    if found.missing:
        pytest.skip(f"no control groups here: {found.missing}")
    return found


@contextmanager
def group_of(place: Hierarchies, name: str) -> Iterator[Group]:
    group = Group.create(place, f"{PREFIX}-{name}", LIMITS)
    try:
        yield group
    finally:
        group.kill()
        group.remove()
        assert not any(Path(folder).exists() for folder in group.folders.values())


def member(group: Group, act: Callable[[], object]) -> int:
    """A child that has joined by the group's doors, and then acts."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            for door in group.doors:
                os.write(door, b"0")
            os.write(writer, b"x")
            act()
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as joined:
        assert joined.read(1) == b"x"
    return pid


def test_more_memory_than_allowed_is_death_and_is_counted(real: Hierarchies) -> None:
    def explode() -> None:
        memory = mmap.mmap(-1, 64 << 20)
        for at in range(0, len(memory), 4096):
            memory[at] = 1

    with group_of(real, "memory") as group:
        _, status = os.waitpid(member(group, explode), 0)
        used = group.usage()
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert used.oom_kills == 1
    assert used.at_limit
    assert used.peak_memory_bytes is not None
    assert (24 << 20) < used.peak_memory_bytes <= LIMITS["memory_bytes"]


def test_more_processes_than_allowed_are_refused(real: Hierarchies) -> None:
    reader, writer = os.pipe()

    def fork_on() -> None:
        count = 1
        try:
            while True:
                if os.fork() == 0:
                    signal.pause()
                count += 1
        except OSError:
            os.write(writer, bytes([count]))
            signal.pause()

    with group_of(real, "pids") as group:
        pid = member(group, fork_on)
        # One more than the limit, for init.
        assert os.read(reader, 1) == bytes([LIMITS["processes"] + 1])
        group.kill()
        assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


def test_cpu_time_of_processes_that_are_gone_is_counted(real: Hierarchies) -> None:
    def burn() -> None:
        while os.times().user < 0.2:  # a child begins at nought
            pass

    with group_of(real, "cpu") as group:
        os.waitpid(member(group, burn), 0)
        cpu_s = group.usage().cpu_s
    assert cpu_s is not None
    assert cpu_s > 0.1


def test_a_process_can_be_added_from_outside(real: Hierarchies) -> None:
    waiting = [sys.executable, "-c", "input()"]
    with (
        group_of(real, "add") as group,
        subprocess.Popen(waiting, stdin=subprocess.PIPE) as process,
    ):
        group.add(process.pid)
        for folder in group.folders.values():
            assert Path(folder, "cgroup.procs").read_text().split() == [str(process.pid)]
        group.kill()
        assert process.wait() == -signal.SIGKILL


def test_what_a_killed_zygote_left_is_swept(real: Hierarchies) -> None:
    groups = [Group.create(real, f"{PREFIX}-swept-{n}", LIMITS) for n in range(2)]
    other = Group.create(real, f"{PREFIX}-other", LIMITS)
    pid = member(groups[0], signal.pause)
    assert cgroups.sweep(f"{PREFIX}-swept-", real) == 2 * len(set(groups[0].folders.values()))
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
    assert not any(Path(folder).exists() for one in groups for folder in one.folders.values())
    assert all(Path(folder).exists() for folder in other.folders.values())
    other.remove()
    other.remove()  # and once more does no harm
    assert cgroups.sweep(f"{PREFIX}-swept-", real) == 0


def test_a_name_that_another_begins_with_is_removed_alone(real: Hierarchies) -> None:
    short = Group.create(real, f"{PREFIX}-named-1", LIMITS)
    with group_of(real, "named-12") as longer:
        cgroups.remove_named(f"{PREFIX}-named-1", real)
        assert not any(Path(folder).exists() for folder in short.folders.values())
        assert all(Path(folder).exists() for folder in longer.folders.values())
        cgroups.remove_named(f"{PREFIX}-named-1", real)  # and once more does no harm
    short.remove()


def test_a_group_that_stays_keeps_no_other_from_going(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroups, "_TRIES", 1)
    for name in ("x-1", "x-2", "x-3"):
        (tmp_path / name).mkdir()
    (tmp_path / "x-2" / "full").mkdir()
    place = Hierarchies({"pids": str(tmp_path)}, {"pids": 1})
    with pytest.raises(LayerError):
        cgroups.sweep("x-", place)
    assert [path.name for path in tmp_path.iterdir()] == ["x-2"]


def test_a_group_that_cannot_be_made_leaves_nothing(real: Hierarchies) -> None:
    with group_of(real, "twice") as first, pytest.raises(LayerError, match="File exists"):
        Group.create(real, Path(next(iter(first.folders.values()))).name, LIMITS)


def test_the_second_version_for_real() -> None:
    unified = Path("/sys/fs/cgroup/unified")
    base = unified if unified.is_dir() else Path("/sys/fs/cgroup")
    if not (base / "cgroup.procs").exists() or not os.access(base, os.W_OK):
        pytest.skip("no hierarchy of version 2 that is ours")
    # Without a controller: joining, killing and removing are the hierarchy's own.
    place = Hierarchies({"": str(base)}, {"": 2})
    with group_of(place, "v2") as group:
        pid = member(group, signal.pause)
        assert cgroups.sweep(f"{PREFIX}-v2", place) == 1
        assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


def test_a_sandbox_in_a_group_is_held_by_it(real: Hierarchies, inside: Inside) -> None:
    def use(size: int) -> str:
        import mmap

        memory = mmap.mmap(-1, size)
        for at in range(0, size, 4096):
            memory[at] = 1
        return "survived"

    limits = {"memory_bytes": 48 << 20}
    ran = inside(use, 16 << 20, grouped=True, limits=limits)
    if ran.group is None or ran.group["peak_memory_bytes"] is None:
        pytest.skip("not delegated to this user")
    assert ran.result == "survived"
    assert ran.group["peak_memory_bytes"] >= 16 << 20
    assert ran.group["cpu_s"] > 0
    ran = inside(use, 96 << 20, grouped=True, limits=limits)
    assert ran.signal == signal.SIGKILL
    assert ran.group is not None
    assert ran.group["oom_kills"] == 1
