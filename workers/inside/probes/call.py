"""`call`: call a function of the namespace, with names bound to given arrays."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from ..describe import ROOM, Describer
from ..failures import raised
from ..watch import Watch
from .activations import replacing, told
from .inputs import Inputs, widened

_enable_grad = torch.enable_grad


def answer(payload: dict[str, Any], namespace: dict[str, Any], room: int = ROOM) -> dict[str, Any]:
    """`{found, cases: [{values, inputs_changed, autograd}]}`."""
    describer = Describer(room)
    name = payload["function"]
    if name not in namespace:
        return {"found": None, "cases": []}
    function = namespace[name]
    activations = replacing(payload)
    return {
        "found": describer.describe(function),
        "cases": [
            _case(case, function, payload, namespace, describer, activations)
            for case in payload["cases"]
        ],
        **told(activations),
    }


def _case(
    case: dict[str, Any],
    function: Any,
    payload: dict[str, Any],
    namespace: dict[str, Any],
    describer: Describer,
    activations: AbstractContextManager[Any],
) -> dict[str, Any]:
    grad = bool(payload.get("grad"))
    inputs = Inputs(case, dtype=widened(), grad=grad)
    values = []
    used = 0
    with inputs.bound(namespace, function):
        for _ in range(payload.get("repeat", 1)):
            watch = Watch()
            try:
                with watch if payload.get("watch") else nullcontext():  # noqa: SIM117
                    with _enable_grad() if grad else nullcontext(), activations:
                        result = inputs.call(function, namespace)
            except BaseException as error:  # SystemExit and the like are the student's, too
                values.append(raised(error))
            else:
                values.append(describer.describe(result))
            used += watch.count
        changed = inputs.changed(namespace)
    return {"values": values, "inputs_changed": changed, "autograd": used}
