"""A worker in a container makes whole sandboxes with what the compose file lets it do, and no less.

Tried without Docker: as an ordinary user without a capability, under the profile.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from workers.inside import seccomp
from workers.inside.layers import NEEDS, Need

from ._container import command, compiled, libseccomp

CHECKOUT = Path(__file__).parent.parent.parent
PROFILE: dict[str, Any] = json.loads((CHECKOUT / "deploy/worker-seccomp.json").read_text())
NAMED = {name for rule in PROFILE["syscalls"] for name in rule["names"]}

# With which a sandbox is made. A submission dies of trying one of them.
BUILDING = {
    *("mount", "mount_setattr", "move_mount", "open_tree", "pivot_root", "umount2"),
    *("setns", "unshare"),
}

needs_libseccomp = pytest.mark.skipif(libseccomp() is None, reason="libseccomp is not installed")


def test_a_submission_may_do_nothing_that_its_worker_may_not() -> None:
    assert seccomp.ALLOWED | seccomp.EXAMINED <= NAMED


def test_of_what_only_attacks_need_the_worker_may_do_what_makes_a_sandbox() -> None:
    assert seccomp.KILLED & NAMED == BUILDING


@needs_libseccomp
def test_a_submission_is_graded_under_the_profile_with_every_layer() -> None:
    grade = ("-m", "grader.cli", "grade", "uw-cse447-a0", "--json")
    done = contained(PROFILE, *grade, str(CHECKOUT / "rubrics/uw-cse447-a0/sample.ipynb"))
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["run"]["status"] == "completed"
    needed = {name for name, need in NEEDS.items() if need is not Need.WHERE_DELEGATED}
    assert needed <= set(document["run"]["sandbox"]["layers"])


@needs_libseccomp
def test_no_layer_is_missing_under_the_profile() -> None:
    assert missing_layers(PROFILE) == set()


@needs_libseccomp
@pytest.mark.parametrize("name", sorted({*BUILDING, "sethostname", "landlock_add_rule", "seccomp"}))
def test_without_one_of_the_calls_for_the_sandbox_a_layer_is_missing(name: str) -> None:
    less = copy.deepcopy(PROFILE)
    for rule in less["syscalls"]:
        rule["names"] = [one for one in rule["names"] if one != name]
    assert missing_layers(less) != set()


@needs_libseccomp
@pytest.mark.parametrize(
    "attempt",
    [
        "syscalls.unshare(0x80)",  # a namespace of time
        "syscalls.setns(os.open('/proc/self/ns/user', os.O_RDONLY), syscalls.CLONE_NEWUSER)",
        "syscalls.call('clone3', 0, 0)",
        "syscalls.call('ptrace', 0, 0, 0, 0)",
        "syscalls.call('bpf', 0, 0, 0)",
        "syscalls.call('keyctl', 0, 0, 0)",
        "syscalls.call('io_uring_setup', 1, 0)",
        "syscalls.call('personality', 8)",
        "socket.socket(socket.AF_VSOCK)",
        "socket.socket(socket.AF_PACKET)",
    ],
)
def test_whatever_else_fails_as_on_a_kernel_that_lacks_it(attempt: str) -> None:
    script = f"""
    import errno, os, socket
    from workers.inside import syscalls
    try:
        {attempt}
    except OSError as error:
        assert error.errno == errno.ENOSYS, error
    else:
        raise SystemExit("it was allowed")
    """
    done = contained(PROFILE, "-c", textwrap.dedent(script))
    assert done.returncode == 0, done.stderr


def missing_layers(profile: dict[str, Any]) -> set[str]:
    """Those of the layers that grading needs which can't be put in place under the profile."""
    script = """
    import contextlib, json
    from workers.inside import cgroups, inspection, namespaces
    from workers.inside.layers import LayerError
    with contextlib.suppress(LayerError):
        namespaces.enter_user_namespace_if_needed()
    states = inspection.probe_layers(cgroups.find())
    print(json.dumps([state.name for state in states if not state.present]))
    """
    done = contained(profile, "-c", textwrap.dedent(script))
    if done.returncode != 0:
        return {"all"}
    return {name for name in json.loads(done.stdout) if NEEDS[name] is not Need.WHERE_DELEGATED}


def contained(profile: dict[str, Any], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python as a container's process would run under the profile."""
    return subprocess.run(
        command(compiled(profile), sys.executable, "-s", "-B", *arguments),
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        env={"PYTHONPATH": str(CHECKOUT), "PATH": os.defpath},
        check=False,
    )
