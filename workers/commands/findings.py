"""What a machine has and lacks for grading: layers, the runtime environment, packages, room."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.domain.rubric import Limits, Runtime
from grader.errors import BadInput
from grader.safetext import one_line
from grader.serving import redis
from workers.inside import gpus
from workers.inside.layers import NEEDS, may_be_missing

_INSIDE = Path(__file__).parent.parent / "inside"
_PATIENCE_S = 120.0
_ROOM_BYTES = 100 << 20

# Under the runtime's interpreter, as the zygote: in a process of its own, which it changes.
_LAYERS = """
import contextlib, json, sys
sys.path.insert(0, sys.argv[1])
from inside import cgroups, inspection, namespaces
from inside.layers import LayerError
with contextlib.suppress(LayerError):  # the inspection says what is missing
    namespaces.enter_user_namespace_if_needed()
states = inspection.probe_layers(cgroups.find())
print(json.dumps([[s.name, s.present, s.detail, s.remedy] for s in states]))
"""
_PACKAGES = """
import importlib, importlib.metadata, importlib.util, json, platform, sys
found = {"python": platform.python_version()}
for name in sys.argv[1].split():
    try:
        found[name] = str(importlib.import_module(name).__version__)
    except Exception as error:
        found[name] = None
        found[f"why {name}"] = f"{type(error).__name__}: {error}"
for name in sys.argv[2].split():
    there = importlib.util.find_spec(name) is not None
    found[name] = importlib.metadata.version(name) if there else None
if found.get("torch"):
    found["torch for CUDA"] = sys.modules["torch"].version.cuda
print(json.dumps(found))
"""
_NEEDED = ("torch", "numpy", "IPython")
_USUAL = ("matplotlib", "pandas", "tqdm", "ipywidgets")
_REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is there or not; grading cannot run without those that are needed."""

    group: str
    name: str
    present: bool
    needed: bool
    detail: str = ""
    remedy: str = ""


def all_findings(runtime: Runtime, accepted: frozenset[str]) -> list[Finding]:
    """Everything that grading under `runtime` stands on; `accepted` layers may be missing."""
    python = runtime.python or sys.executable
    packages = _said_by(python, _PACKAGES, " ".join(_NEEDED), " ".join(_USUAL))
    return [
        *layer_findings(python, accepted),
        *_runtime(python, packages),
        *_gpus(runtime, packages),
        *_service(),
        _redis(),
        *_machine(),
    ]


def layer_findings(python: str, accepted: frozenset[str]) -> Iterator[Finding]:
    """The layers of a sandbox under that interpreter."""
    said = _said_by(python, _LAYERS, str(_INSIDE.parent))
    states = {str(name): rest for name, *rest in said} if isinstance(said, list) else {}
    why = "the inspection did not run" if isinstance(said, list) else said
    for layer in NEEDS:
        present, detail, remedy = states.get(layer, (False, why, ""))
        yield Finding(
            group="Layers of the sandbox",
            name=layer,
            present=bool(present),
            needed=not may_be_missing(layer, accepted),
            detail=one_line(str(detail)),
            remedy=one_line(str(remedy)),
        )


def _runtime(python: str, said: object) -> Iterator[Finding]:
    group = "Runtime environment"
    found: Mapping[str, str | None] = said if isinstance(said, dict) else {}
    yield Finding(
        group=group,
        name="interpreter",
        present=bool(found),
        needed=True,
        detail=f"{python}, Python {found['python']}" if found else f"{python}: {said}",
        remedy="name an interpreter that runs under runtime.python in the rubric",
    )
    for name in (*_NEEDED, *_USUAL) if found else ():
        version = found.get(name)
        yield Finding(
            group=group,
            name=name,
            present=version is not None,
            needed=name in _NEEDED,
            detail=version or one_line(found.get(f"why {name}") or ""),
            remedy=f"{python} -m pip install {name.lower()}",
        )


def _gpus(runtime: Runtime, packages: object) -> Iterator[Finding]:
    """What rubrics with `runtime.gpu` need; all others can do without."""
    group, needed = "GPUs, for rubrics that ask for one", runtime.gpu > 0
    driver, devices, libraries = gpus.driver(), gpus.present(), gpus.libraries()
    yield Finding(
        group=group,
        name="driver",
        present=bool(driver),
        needed=needed,
        detail=one_line(driver) if driver else "the kernel has loaded no driver of NVIDIA's",
        remedy="install it on the host, and in a container start that with --gpus",
    )
    if not (needed or driver or devices):
        return
    yield Finding(
        group=group,
        name="devices",
        present=len(devices) >= max(1, runtime.gpu),
        needed=needed,
        detail=", ".join(f"/dev/nvidia{number}" for number in devices) or "no /dev/nvidia0",
        remedy="nvidia-modprobe -c 0 makes a node"
        + (f"; the rubric asks for {runtime.gpu}" if runtime.gpu > 1 else ""),
    )
    missing = gpus.missing(devices or (0,))
    yield Finding(
        group=group,
        name="driver's nodes",
        present=not missing,
        needed=needed,
        detail=f"no {', no '.join(missing)}" if missing else "",
        remedy="nvidia-modprobe -u -c 0 makes them",
    )
    yield Finding(
        group=group,
        name="driver's libraries",
        present=bool(libraries),
        needed=needed,
        detail=libraries[0] if libraries else "no libcuda.so.1",
        remedy="they come with the driver; in a container: --gpus and "
        "NVIDIA_DRIVER_CAPABILITIES=compute,utility",
    )
    build = packages.get("torch for CUDA") if isinstance(packages, dict) else None
    yield Finding(
        group=group,
        name="torch for CUDA",
        present=build is not None,
        needed=needed,
        detail=f"CUDA {build}" if build else "this torch is built for the CPU alone",
        remedy="install a build of torch for CUDA in the runtime environment",
    )


def _service() -> Iterator[Finding]:
    for requirement in ("chainrule", *_requirements()):
        named = _REQUIREMENT.match(requirement)
        if named is None or "extra ==" in requirement:
            continue
        try:
            version = importlib.metadata.version(named[0])
        except importlib.metadata.PackageNotFoundError:
            version = ""
        yield Finding(
            group="Packages of the service",
            name=named[0],
            present=bool(version),
            needed=True,
            detail=version,
            remedy="make, or pip install -c constraints.txt -e .",
        )


def _redis() -> Finding:
    try:
        found = redis.executable()
    except BadInput:
        found = ""
    return Finding(
        group="For chainrule serve",
        name="redis-server",
        present=bool(found),
        needed=False,
        detail=found,
        remedy=redis.WHAT_TO_DO,
    )


def _requirements() -> list[str]:
    try:
        return importlib.metadata.requires("chainrule") or []
    except importlib.metadata.PackageNotFoundError:
        return []


def _machine() -> Iterator[Finding]:
    group = "Machine"
    scratch = tempfile.gettempdir()
    free = shutil.disk_usage(scratch).free
    yield Finding(
        group=group,
        name="disk",
        present=free >= _ROOM_BYTES,
        needed=True,
        detail=f"{free >> 20} MiB free in {scratch}",
        remedy="free some, or set TMPDIR to another file system",
    )
    shm = Path("/dev/shm")
    size = shutil.disk_usage(shm).total if shm.is_dir() else 0
    yield Finding(
        group=group,
        name="shm",
        present=size >= Limits().shm_bytes,
        needed=False,
        detail=f"{size >> 20} MiB in {shm}",
        remedy="in a container: --shm-size=256m",
    )
    free = _available_memory()
    yield Finding(
        group=group,
        name="memory",
        present=free >= Limits().memory_bytes,
        needed=False,
        detail=f"{free >> 20} MiB free",
        remedy="lower limits.memory_bytes in the rubric, or grade fewer at a time with --jobs",
    )


def _available_memory() -> int:
    found = re.search(r"^MemAvailable: *(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(found[1]) << 10 if found else 0


def _said_by(python: str, script: str, *arguments: str) -> object:
    """The JSON that a script prints under `python`, or in words why there is none."""
    try:
        done = subprocess.run(
            [python, "-s", "-P", "-B", "-c", script, *arguments],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return f"no answer within {_PATIENCE_S:g} s"
    except OSError as error:
        return error.strerror or str(error)
    except (ValueError, IndexError):
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        return one_line(last[0])
