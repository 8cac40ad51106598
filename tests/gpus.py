"""A GPU of NVIDIA's for tests: the device, what its driver says of it, a submission that uses it.

Importing this skips the tests of a module where there is no such device, or no torch for it.
"""

from __future__ import annotations

import ctypes
import time
from pathlib import Path

import pytest
import torch

from workers.inside import gpus

ROOT = Path(__file__).parent.parent
_NOTHING_BYTES = 4 << 20  # what the driver may keep for itself, far from what an attempt uses

if not gpus.present() or gpus.missing(gpus.present()[:1]):
    pytest.skip("this machine has no GPU of NVIDIA's", allow_module_level=True)
if torch.version.cuda is None:
    pytest.skip("this torch is built for the CPU alone", allow_module_level=True)

DEVICE = gpus.present()[0]

# Holds device memory, and says what it sees; printed lines are looked for in the outputs.
LOOK = """
import os
import torch
held = torch.ones(64 << 20, dtype=torch.float32, device="cuda")
print("NODES", sorted(one for one in os.listdir("/dev") if one.startswith("nvidia")))
print("COUNT", torch.cuda.device_count(), held.device, os.environ["CUDA_VISIBLE_DEVICES"])
"""


class _Memory(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]


class Nvml:
    """What the driver says of the device; it makes no context on it."""

    def __init__(self, device: int) -> None:
        folder = Path(gpus.libraries()[0]).parent
        self._nvml = ctypes.CDLL(str(folder / "libnvidia-ml.so.1"))
        self._do("nvmlInit_v2")
        count = ctypes.c_uint()
        self._do("nvmlDeviceGetCount_v2", ctypes.byref(count))
        for index in range(count.value):
            self._handle = ctypes.c_void_p()
            self._do("nvmlDeviceGetHandleByIndex_v2", index, ctypes.byref(self._handle))
            minor = ctypes.c_uint()
            self._do("nvmlDeviceGetMinorNumber", self._handle, ctypes.byref(minor))
            if minor.value == device:
                return
        raise LookupError(f"NVML knows no /dev/nvidia{device}")

    def used(self) -> int:
        """Bytes of the device's memory that are taken."""
        memory = _Memory()
        self._do("nvmlDeviceGetMemoryInfo", self._handle, ctypes.byref(memory))
        return int(memory.used)

    def close(self) -> None:
        self._do("nvmlShutdown")

    def _do(self, name: str, *arguments: object) -> None:
        status = getattr(self._nvml, name)(*arguments)
        assert status == 0, f"{name} failed with {status}"


def written(folder: Path, *changes: tuple[str, str], more: str = "") -> Path:
    """The model answer with its tensors, parameters and model on the device."""
    text = (ROOT / "reference" / "uw-cse447-a0" / "answer.py").read_text()
    for old, new in (
        ("X, Y = generate_data(20)", 'X, Y = (one.to("cuda") for one in generate_data(20))'),
        *(
            (f"{name} = 0.2 * torch.randn({shape})", f"{name} = 0.2 * torch.randn({shape}).cuda()")
            for name, shape in {"W1": "3, 4", "B1": "1, 4", "W2": "4, 2", "B2": "1, 2"}.items()
        ),
        ("model = ToyModel()", 'model = ToyModel().to("cuda")'),
        # A cell of its own: the state before the training is one in which CUDA has begun.
        ("# chainrule: ex4-toymodel", "# %%\n# chainrule: ex4-toymodel"),
        *changes,
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "submission.py"
    path.write_text(f"{text}\n# %%\n{LOOK}\n{more}")
    return path


def comes_down_to(nvml: Nvml, before: int) -> bool:
    deadline = time.monotonic() + 30
    while nvml.used() > before + _NOTHING_BYTES:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
