"""`predict`: what a model, or a function, makes of the rows of an input, some rows at a time."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch

from .. import losses
from ..describe import ROOM, Describer
from ..failures import type_name
from ..wire import ITEM_SIZES, Array
from .inputs import attempt, tensor, widened
from .parts import evaluating, is_module, parameters_of
from .places import device_for, device_of, placed

_sha256 = hashlib.sha256
_no_grad, _float64 = torch.no_grad, torch.float64
_Tensor, _Function = torch.Tensor, torch._C.DisableTorchFunction
_stack, _asarray = torch.stack, np.asarray
_mro = type.__dict__["__mro__"].__get__
_WEIGHTS = 1 << 30  # bytes of one parameter that goes into the digest


def answer(payload: dict[str, Any], namespace: dict[str, Any], room: int = ROOM) -> dict[str, Any]:
    """`{found, is_module, callable, class, outputs, weights}`; see docs/protocol.md."""
    name = payload["name"]
    if name not in namespace:
        return {"found": False, "is_module": False, "callable": False, "class": ""}
    model = namespace[name]
    able = callable(model) and not isinstance(model, type)
    found = {
        "found": True,
        "is_module": is_module(model),
        "callable": able,
        "class": type_name(model),
    }
    if not able:
        return found
    batches = _batches(payload["inputs"], payload["rows"])
    describer = Describer(room)
    with evaluating(model) if is_module(model) else nullcontext(), _no_grad():
        outputs = _outputs(model, batches, widened(), describer)
        if outputs[0]["k"] == "raised":  # who has gone over to float64 can't take float32
            wide = _outputs(model, batches, _float64, describer)
            outputs = wide if wide[0]["k"] != "raised" else outputs
    return {**found, **losses.told(payload), "outputs": outputs, "weights": _digest(model)}


def _batches(rows: Array, count: int) -> list[Array]:
    """`rows` cut into pieces of at most `count` rows."""
    size = ITEM_SIZES[rows.dtype]
    for dimension in rows.shape[1:]:
        size *= dimension
    return [
        Array(
            rows.dtype,
            (min(count, rows.shape[0] - start), *rows.shape[1:]),
            rows.data[start * size : (start + count) * size],
        )
        for start in range(0, rows.shape[0], count)
    ]


def _outputs(
    model: Any, batches: list[Array], dtype: torch.dtype | None, describer: Describer
) -> list[dict[str, Any]]:
    """What comes out for each batch, up to the first that raises."""
    outputs: list[dict[str, Any]] = []
    device = device_of(model) if is_module(model) else device_for(model)
    for batch in batches:
        rows = placed(tensor(batch, dtype=dtype), device)
        result = attempt(describer, lambda: _whole(model(rows)))  # noqa: B023
        outputs.append(result)
        if outputs[-1]["k"] == "raised":
            break
    return outputs


def _whole(result: Any) -> Any:
    """A list of numbers or of tensors as one array; one by one they would be too many."""
    if type(result) not in (list, tuple):
        return result
    try:
        if all(_Tensor in _mro(type(one)) for one in result):
            with _Function():
                return _stack(list(result))
        found = _asarray(result)
        return found if found.dtype.kind in "biuf" else result
    except Exception:  # of several shapes, or of something else
        return result


def _digest(model: Any) -> bytes:
    """Of the values of all parameters; empty where there are none, or one cannot be read."""
    digest, known = _sha256(), False
    for _, parameter in parameters_of(model):
        value = Describer(_WEIGHTS).array(parameter)
        if value is None:
            return b""
        digest.update(value.data)
        known = True
    return digest.digest() if known else b""
