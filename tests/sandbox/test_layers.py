"""Every layer is tried, and what is missing is told with a remedy."""

from __future__ import annotations

import pytest

from workers.inside import layers
from workers.inside.layers import NEEDS, LayerError, Need, may_be_missing

from ._inside import run_outside


def states(break_first: str = "") -> list[list[object]]:
    """Beside the sandbox: what `probe_layers` says, once something has been broken."""
    from dataclasses import astuple

    from workers.inside import cgroups, inspection, syscalls

    if break_first.startswith("max_"):
        with open(f"/proc/sys/user/{break_first}", "w") as limit:
            limit.write("0")
    elif break_first == "proc":
        # As a container does it: masked, and then locked by a further namespace.
        syscalls.mount("tmpfs", "/proc/sys", "tmpfs", 0)
        syscalls.unshare(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS)
        for file in ("uid_map", "gid_map"):
            with open(f"/proc/self/{file}", "w") as ids:
                ids.write("0 0 1")
    return [list(astuple(one)) for one in inspection.probe_layers(cgroups.find())]


def test_all_layers_are_present_or_watched(as_nobody: bool) -> None:
    seen = run_outside(states, as_nobody=as_nobody)
    assert [name for name, *_ in seen] == list(NEEDS)
    for name, present, detail, remedy in seen:
        if not present:
            assert NEEDS[str(name)] is Need.WHERE_DELEGATED, (name, detail)
            assert detail
            assert "Delegate" in remedy


def test_landlock_tells_its_version(as_nobody: bool) -> None:
    seen = {name: detail for name, _, detail, _ in run_outside(states, as_nobody=as_nobody)}
    assert seen[layers.LANDLOCK].startswith("ABI ")


@pytest.mark.parametrize(
    ("broken", "layer"),
    [
        ("max_net_namespaces", layers.NET),
        ("max_ipc_namespaces", layers.IPC),
        ("max_uts_namespaces", layers.UTS),
        ("max_pid_namespaces", layers.PID),
        ("max_cgroup_namespaces", layers.CGROUP_NAMESPACE),
        ("proc", layers.PROC),
    ],
)
def test_a_missing_layer_is_named_with_a_remedy(broken: str, layer: str) -> None:
    # In a user namespace of its own, where the host's limits are not touched.
    seen = run_outside(states, broken, as_nobody=_is_root())
    found = {name: (present, detail, remedy) for name, present, detail, remedy in seen}
    present, detail, remedy = found[layer]
    assert not present
    assert detail
    assert remedy


def _is_root() -> bool:
    import os

    return os.geteuid() == 0


def test_only_what_an_operator_may_accept_can_be_missing() -> None:
    everything = set(NEEDS)
    without = {name for name in NEEDS if may_be_missing(name, everything)}
    assert everything - without == {
        *("user", "pid", "mount", "root", "workdir", "capabilities", "no-new-privs", "rlimits")
    }
    assert {name for name in NEEDS if may_be_missing(name, ())} == {
        *("cgroup-memory", "cgroup-pids", "cgroup-cpu")
    }


def test_an_error_names_its_layer() -> None:
    error = LayerError(layers.NET, "no more of them")
    assert (error.layer, error.detail, str(error)) == (
        "net",
        "no more of them",
        "net: no more of them",
    )
