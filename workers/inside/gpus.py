"""GPUs of NVIDIA's: their device nodes, the driver's libraries, and what CUDA does to forks.

A device goes by the number of its node: 3 is /dev/nvidia3. Only the standard library is imported
here, since the worker and `chainrule doctor` look at the same places.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterable, Sequence

FOLDER = "/dev"
# Of all devices together. CUDA opens the last one where the driver has made it, from 570 on.
_SHARED, _WHERE_MADE = ("nvidiactl", "nvidia-uvm"), ("nvidia-uvm-tools",)
_DRIVER = "/proc/driver/nvidia/version"
_CUDA = "libcuda.so.1"
_NOT_INITIALISED = 3  # CUDA_ERROR_NOT_INITIALIZED
# What CUDA loads beside libcuda: NVML, the compilers of PTX, and what these share.
_LIBRARY = re.compile(
    r"lib(cuda|nvidia-(ml|ptxjitcompiler|nvvm\d*|gpucomp|pkcs11[\w-]*))\.so(\.[\d.]+)?"
)
_LOADER_CACHE = "/etc/ld.so.cache"
_LIBRARY_FOLDERS = (  # beyond the loader's cache: containers, and distributions of their own mind
    "/usr/local/nvidia/lib64",
    "/usr/lib/nvidia",
    "/usr/lib64/nvidia",
    "/run/opengl-driver/lib",
    "/opt/nvidia/lib64",
)
# The same answers however often: no choice by timing, no shortened floats, and no cache of
# compiled kernels, which would end with the sandbox.
ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",  # until a sandbox has devices
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    "CUDA_CACHE_DISABLE": "1",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # `is_available` then leaves forks as they were
}

_dlopen, _in_memory = ctypes.CDLL, os.RTLD_NOLOAD | os.RTLD_LAZY


def present() -> tuple[int, ...]:
    """The devices that have a node, in order."""
    try:
        names = os.listdir(FOLDER)
    except OSError:
        return ()
    found = (re.fullmatch(r"nvidia(\d+)", name) for name in names)
    return tuple(sorted(int(one[1]) for one in found if one))


def nodes(devices: Iterable[int]) -> dict[str, str]:
    """Where a sandbox with these devices has nodes -> the nodes here; those that there must be."""
    own = [f"nvidia{number}" for number in devices]
    there = [name for name in _WHERE_MADE if os.path.exists(f"{FOLDER}/{name}")]
    return {f"/dev/{name}": f"{FOLDER}/{name}" for name in (*own, *_SHARED, *there)}


def missing(devices: Iterable[int]) -> list[str]:
    """The nodes that these devices need and that are not there."""
    wanted = tuple(devices)
    return [path for path in nodes(wanted).values() if wanted and not os.path.exists(path)]


def driver() -> str:
    """The driver that the kernel has loaded, in its own words; empty where there is none."""
    try:
        with open(_DRIVER) as file:
            return file.readline().strip()
    except OSError:
        return ""


def libraries() -> tuple[str, ...]:
    """The driver's libraries by full path, all from where libcuda lies; empty without it."""
    for folder in (*_in_loader_cache(), *_LIBRARY_FOLDERS):
        if os.path.exists(f"{folder}/{_CUDA}"):
            names = sorted(name for name in os.listdir(folder) if _LIBRARY.fullmatch(name))
            return tuple(f"{folder}/{name}" for name in names)
    return ()


def library_path() -> str:
    """The folder of the driver's libraries where the loader does not look by itself."""
    folders = {os.path.dirname(path) for path in libraries()}
    return "".join(folders - set(_in_loader_cache()))


def forks_work() -> bool:
    """Whether a fork of this process can compute as this one can.

    Not once CUDA has been initialised: a fork of such a process can use no device and can't read
    what lies there. Asking initialises nothing.
    """
    try:
        cuda = _dlopen(_CUDA, _in_memory)
    except OSError:
        return True  # nothing has loaded it
    count = ctypes.c_int()
    said: int = cuda.cuDeviceGetCount(ctypes.byref(count))
    return said == _NOT_INITIALISED


def _in_loader_cache() -> Sequence[str]:
    """Folders in which the loader knows a libcuda."""
    try:
        with open(_LOADER_CACHE, "rb") as file:
            entries = file.read().split(b"\0")
    except OSError:
        return ()
    found = (os.fsdecode(entry) for entry in entries if entry.endswith(b"/" + _CUDA.encode()))
    return tuple(dict.fromkeys(os.path.dirname(path) for path in found))
