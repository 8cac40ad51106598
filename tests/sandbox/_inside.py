"""Runs a function in a sandbox made of the layers alone, without torch, as root or as anybody.

Imported, it offers `run_inside`; started, it is the zygote and the supervisor of one sandbox:
it makes the sandbox, runs the function as the student's code, and prints what came of it as JSON.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import textwrap
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The sandbox does not show this checkout: whatever runs inside has to be loaded before.
from workers.inside import cgroups, confine, namespaces, privileges, syscalls, usage
from workers.inside.root import Layout, Root

CHECKOUT = Path(__file__).parent.parent.parent
NOBODY = 65534
LIMITS = {
    "cpu_s": 20,
    "memory_bytes": 128 << 20,
    "processes": 16,
    "disk_bytes": 1 << 20,
    "shm_bytes": 1 << 20,
    "files": 64,
}
_MARK = "CHAINRULE_TEST_RUN"


@dataclass(frozen=True)
class Ran:
    """What a function did inside, as seen from outside."""

    result: Any  # what it returned; None where it did not come to that
    error: str  # its traceback, "" where it has none
    status: int | None  # the runner's wait status; None where init died before it
    layers: list[str]
    cpu_s: float
    memory_bytes: int  # the most that was seen
    tasks: int  # the most that were seen
    group: dict[str, Any] | None  # what its control group counted, where it had one
    init_status: int

    @property
    def signal(self) -> int | None:
        """The signal that ended the runner."""
        ended = self.status is not None and os.WIFSIGNALED(self.status)
        return os.WTERMSIG(self.status) if ended else None  # type: ignore[arg-type]


def command(function: Callable[..., object], *arguments: object, **options: object) -> list[str]:
    """The command line that runs `function` in a sandbox; options: `as_nobody`,
    `grouped` (in a control group), `devices`, `limits` (over LIMITS), `wall_s`.."""
    request = {
        "source": textwrap.dedent(inspect.getsource(function)),
        "name": function.__name__,
        "arguments": arguments,
        **options,
    }
    return [sys.executable, "-s", "-P", "-B", __file__, json.dumps(request)]


def start(argv: list[str], mark: str) -> subprocess.Popen[str]:
    """Start such a command; its processes can be told by `mark`."""
    return subprocess.Popen(
        argv, stdout=subprocess.PIPE, env={_MARK: mark, "PYTHONPATH": str(CHECKOUT)}, text=True
    )


def new_mark() -> str:
    """A name for one run, which all its processes carry in their environment."""
    return uuid.uuid4().hex


def marked(mark: str) -> set[int]:
    """Processes of the run of that mark, in any namespace."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                environment = (folder / "environ").read_bytes()
            except OSError:
                continue
            if mark.encode() in environment:
                found.add(int(folder.name))
    return found


def run_inside(function: Callable[..., object], *arguments: object, **options: object) -> Ran:
    """Run `function`, which must need nothing around it, and wait for its sandbox to be gone."""
    mark = new_mark()
    with start(command(function, *arguments, **options), mark) as process:
        assert process.stdout is not None
        said = process.stdout.read()
    assert process.returncode == 0, f"no sandbox: exit status {process.returncode}"
    assert marked(mark) == set(), "processes were left behind"
    return Ran(**json.loads(said))


def run_outside(function: Callable[..., object], *arguments: object, **options: object) -> Any:
    """What `function` returns in a process that may make sandboxes, as the zygote may."""
    argv = command(function, *arguments, outside=True, **options)
    with start(argv, new_mark()) as process:
        assert process.stdout is not None
        said = process.stdout.read()
    assert process.returncode == 0
    return json.loads(said)["result"]


def drop_to_nobody() -> None:
    """Become an ordinary user who can reach the interpreter and this checkout all the same."""
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount("none", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
    needed = sorted({sys.base_prefix, sys.prefix, str(CHECKOUT)})
    trees = {path: syscalls.open_tree(path) for path in needed}
    hidden = {
        str(up)
        for path in needed
        for up in (Path(path), *Path(path).parents)
        if up.stat().st_mode & 0o5 != 0o5
    }
    for path in sorted(hidden):
        syscalls.mount("tmpfs", path, "tmpfs", 0, "mode=0755")
    for path, tree in trees.items():
        if any(path == up or path.startswith(up + "/") for up in hidden):
            os.makedirs(path, exist_ok=True)
            syscalls.move_mount(tree, path)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def main(request: dict[str, Any]) -> None:
    """Make one sandbox as the zygote and the supervisor do, run the function, report."""
    if request.pop("as_nobody", False):
        drop_to_nobody()
        os.execv(sys.executable, [*sys.orig_argv[:-1], json.dumps(request)])
    namespaces.enter_user_namespace_if_needed()
    if request.get("outside"):
        print(json.dumps({"result": _call(request)}))
        return
    layout = Layout.of_runtime()
    more = Layout.of_paths(request.get("show", ()))
    layout = Layout(
        (*layout.sources, *more.sources),
        {**layout.links, **more.links},
        request.get("devices", {}),
    )
    root = Root.build(layout)
    limits = {**LIMITS, **request.get("limits", {})}
    hierarchies = cgroups.find() if request.get("grouped") else None
    group = None
    if hierarchies is not None:
        group = cgroups.Group.create(hierarchies, f"chainrule-test-{os.getpid()}", limits)
    report, report_in = os.pipe()
    own_data = privileges.data_bytes()
    watched = {"inherited_bytes": usage.own_memory_bytes(), "limit_bytes": limits["memory_bytes"]}
    init = namespaces.spawn(
        lambda: _init(layout, limits, own_data, report_in, request),
        root,
        namespaces.host_ids(os.getpid()),
        doors=group.doors if group else (),
        without=request.get("without", ()),
    )
    os.close(report_in)
    watch = usage.Watch(init, **watched)
    most = watch.look()
    said: list[bytes] = []
    reading = threading.Thread(
        target=lambda: said.extend(iter(lambda: os.read(report, 65536), b""))
    )
    reading.start()
    deadline = time.monotonic() + request.get("wall_s", 20)
    while True:
        now = watch.look()
        most = usage.Sums(*map(max, most, now))
        ended, init_status = os.waitpid(init, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > deadline:
            init_status = namespaces.end(init)
            break
        time.sleep(0.01)
    reading.join()
    counted = None
    if group is not None:
        counted = group.usage()._asdict()
        group.kill()
        group.remove()
    answer: dict[str, Any] = {"result": None, "error": "", "status": None, "layers": []}
    for line in b"".join(said).splitlines():
        answer |= json.loads(line)
    answer |= most._asdict()
    print(json.dumps({**answer, "group": counted, "init_status": init_status}))


def _init(
    layout: Layout, limits: dict[str, float], own_data: int, report: int, request: dict[str, Any]
) -> int:
    without = request.get("without", ())
    held = confine.enter(
        layout, limits, own_data_bytes=own_data, keep_fds=(0, 1, 2, report), without=without
    )
    runner = os.fork()
    if runner == 0:
        try:
            held += confine.lock_down(layout, without=without)
            _tell(report, layers=held)
            _tell(report, result=_call(request))
        except BaseException:
            _tell(report, error=traceback.format_exc())
        finally:
            os._exit(0)
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == runner:
            _tell(report, status=status)
            return 0


def _call(request: dict[str, Any]) -> Any:
    names: dict[str, Any] = {}
    exec(request["source"], names)
    return names[request["name"]](*request["arguments"])


def _tell(report: int, **what: object) -> None:
    os.write(report, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
