"""Sandboxes made of the layers alone, as root and as an ordinary user."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.sandbox.host import mounts

from ._inside import Ran, run_inside

AS_ROOT = os.geteuid() == 0
IDENTITIES = ("root", "nobody") if AS_ROOT else ("nobody",)


@pytest.fixture(params=IDENTITIES)
def identity(request: pytest.FixtureRequest) -> str:
    """Who makes the sandbox: root, or an ordinary user."""
    return str(request.param)


@pytest.fixture
def as_nobody(identity: str) -> bool:
    """Whether a run has to become an ordinary user first."""
    return AS_ROOT and identity == "nobody"


@pytest.fixture
def inside(as_nobody: bool) -> Iterator[Callable[..., Ran]]:
    """Runs functions in sandboxes; afterwards the host is as it was before."""
    before = _host()
    yield partial(run_inside, as_nobody=as_nobody)
    assert _host() == before
    assert _orphaned_groups() == []


def _host() -> tuple[object, ...]:
    """Mounts, and the folders in which a careless sandbox would make something."""
    listed = [sorted(os.listdir(path)) for path in ("/", "/home", "/mnt") if os.path.isdir(path)]
    # Others use these at the same time: of them only what tests write inside.
    written = [os.path.exists(f"{path}/chainrule-test") for path in ("/tmp", "/dev/shm")]
    return mounts(), listed, written


def _orphaned_groups() -> list[str]:
    """Control groups of tests whose process is gone."""
    groups = [
        f"{folder}/{name}"
        for folder, names, _ in os.walk("/sys/fs/cgroup")
        for name in names
        if name.startswith("chainrule-test-")
    ]
    orphaned = [path for path in groups if not Path("/proc", _maker(path)).exists()]
    return [path for path in orphaned if os.path.exists(path)]


def _maker(group: str) -> str:
    """The process id in a group's name."""
    return os.path.basename(group).split("-")[2]
