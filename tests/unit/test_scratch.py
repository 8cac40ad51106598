"""A worker's temporary files: in one folder, which goes even if its worker was killed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from workers.inside import cgroups
from workers.inside.cgroups import Hierarchies
from workers.service.scratch import scratch

KILLED = (
    "import os, signal, tempfile\n"
    "from workers.service.scratch import scratch\n"
    "with scratch():\n"
    "    tempfile.mkdtemp()\n"
    "    os.kill(os.getpid(), signal.SIGKILL)\n"
)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_all_temporary_files_are_in_it_and_go_with_it(place: Path) -> None:
    with scratch() as folder:
        assert Path(tempfile.mkdtemp()).parent == folder
        assert folder.parent == place
    assert tempfile.gettempdir() == str(place)
    assert not list(place.iterdir())


def test_those_of_the_dead_are_removed_and_those_of_the_living_stay(place: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(place), "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False)
    (left,) = place.iterdir()
    with scratch() as one:
        assert not left.exists()
        with scratch():
            assert one.exists()


def test_groups_of_zygotes_that_are_gone_are_removed(place: Path) -> None:
    gone, zombie = subprocess.Popen(["true"]), subprocess.Popen(["true"])
    gone.wait()
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays
    dead = [f"chainrule-{one.pid}-1" for one in (gone, zombie)]
    others = [f"chainrule-{os.getpid()}-1", "chainrule-leaf", "other"]
    for name in (*dead, *others):
        (place / name).mkdir()
    hierarchies = Hierarchies(folders={"pids": str(place)}, version={"pids": 1})
    assert cgroups.remove_abandoned(hierarchies) == 2
    assert {path.name for path in place.iterdir()} == set(others)
    zombie.wait()
