"""Torch's tensors in a run of tests: only where a test file has imported torch, or must have it.

Importing it takes longer than everything else that a run does. Most files have no need of it:
tensors arrive as numpy arrays.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from typing import Any

import numpy as np

from workers.inside.wire import Array


def load_torch() -> None:
    """Have torch in this process and in its forks, where it is installed."""
    if "torch" not in sys.modules:
        with contextlib.suppress(ImportError):
            importlib.import_module("torch")
        gc.freeze()


def torch_tensor(value: object) -> bool:
    """Whether `value` is a tensor of torch's."""
    torch: Any = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def tensor_bytes(tensor: Any) -> Array:
    """A tensor as it crosses the wire, whatever its dtype."""
    torch: Any = sys.modules["torch"]
    name = str(tensor.dtype).removeprefix("torch.")
    flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return Array(name, tuple(tensor.shape), flat.numpy().tobytes())


def as_torch(values: np.ndarray[Any, Any], dtype: str, requires_grad: bool) -> Any:
    """A torch tensor of these values; it has no graph behind it."""
    torch: Any = importlib.import_module("torch")
    made = torch.from_numpy(values).to(getattr(torch, dtype))
    return made.requires_grad_() if requires_grad else made
