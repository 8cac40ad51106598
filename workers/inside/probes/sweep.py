"""`sweep`: one function at many shifted inputs, in float64, for central differences."""

from __future__ import annotations

from typing import Any

import torch

from ..describe import ROOM, Describer
from ..wire import Array
from .inputs import Inputs, attempt, fresh

_float64 = torch.float64
_get_default, _set_default = torch.get_default_dtype, torch.set_default_dtype
_view = torch._C.TensorBase.view
_set_item = torch._C.TensorBase.__setitem__
_get_item = torch._C.TensorBase.__getitem__


def answer(payload: dict[str, Any], namespace: dict[str, Any], room: int = ROOM) -> dict[str, Any]:
    """`{found, base, outputs}`, or `stacked` instead of `outputs` where they have one shape."""
    describer = Describer(room)
    name = payload["function"]
    if name not in namespace:
        return {"found": None, "base": None, "outputs": []}
    function = namespace[name]
    inputs = Inputs(payload, dtype=_float64)
    originals = dict(inputs.tensors)

    def output(shift: dict[str, Any] | None) -> dict[str, Any]:
        inputs.tensors.update({key: fresh(value) for key, value in originals.items()})
        if shift is not None:
            flat = _view(inputs.tensors[shift["name"]], -1)
            _set_item(flat, shift["index"], _get_item(flat, shift["index"]) + shift["delta"])
        with inputs.bound(namespace, function):
            return attempt(describer, lambda: inputs.call(function, namespace))

    default = _get_default()
    _set_default(_float64)  # for what the function itself creates
    try:
        found = {"found": describer.describe(function), "base": output(None)}
        outputs = [output(shift) for shift in payload["shifts"]]
    finally:
        _set_default(default)
    stacked = _stacked(outputs)
    return {**found, "outputs": outputs} if stacked is None else {**found, "stacked": stacked}


def _stacked(outputs: list[dict[str, Any]]) -> Array | None:
    """All outputs in one float64 array, where they are float64 arrays of one shape."""
    arrays: list[Any] = [output.get("data") for output in outputs]
    first = arrays[0] if arrays else None
    if not isinstance(first, Array) or first.dtype != "float64":
        return None
    for array in arrays:
        if not isinstance(array, Array) or (array.dtype, array.shape) != (first.dtype, first.shape):
            return None
    return Array("float64", (len(arrays), *first.shape), b"".join(array.data for array in arrays))
