"""`autograd`: values and gradients of the reference, by torch's own differentiation."""

from __future__ import annotations

from typing import Any

import torch

from ..describe import ROOM, Describer
from ..failures import raised
from .inputs import Inputs


def answer(payload: dict[str, Any], namespace: dict[str, Any], room: int = ROOM) -> dict[str, Any]:
    """`{found, cases: [{value, gradients: {name: Array}} or {raised}]}`; all in float64."""
    describer = Describer(room)
    name = payload["function"]
    if name not in namespace:
        return {"found": None, "cases": []}
    function = namespace[name]
    cases = [
        _case(case, function, payload["wrt"], namespace, describer) for case in payload["cases"]
    ]
    return {"found": describer.describe(function), "cases": cases}


def _case(
    case: dict[str, Any],
    function: Any,
    wrt: list[str],
    namespace: dict[str, Any],
    describer: Describer,
) -> dict[str, Any]:
    inputs = Inputs(case, dtype=torch.float64, grad=True)
    try:
        with torch.enable_grad(), inputs.bound(namespace, function):
            value = inputs.call(function, namespace)
            gradients = torch.autograd.grad(
                value, [inputs.tensors[name] for name in wrt], materialize_grads=True
            )
    except Exception as error:
        return {"raised": raised(error)}
    arrays = {
        name: describer.array(gradient) for name, gradient in zip(wrt, gradients, strict=True)
    }
    return {"value": describer.describe(value), "gradients": arrays}
