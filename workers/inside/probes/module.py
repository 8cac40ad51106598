"""`module`: a module's parameters, its outputs, and its outputs with known parameters.

Buffers are left alone, and shared parameters count once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from .. import losses
from ..describe import ROOM, Describer
from ..failures import raised, type_name
from ..seeds import reseed
from ..wire import Array
from .activations import replacing, told
from .inputs import attempt, tensor, widened
from .matching import Matching, matchings
from .parts import dict_of, evaluating, is_module, parameters_of, parts_of
from .places import device_of, placed

_Uninitialized = torch.nn.parameter.UninitializedParameter
_no_grad, _enable_grad = torch.no_grad, torch.enable_grad
_grad = torch.autograd.grad
_Function = torch._C.DisableTorchFunction
_base: Any = torch._C.TensorBase
_requires_grad = _base.requires_grad.__get__
_shape = _base.shape.__get__
_copy, _clone, _detach, _t = _base.copy_, _base.clone, _base.detach, _base.t
_reshape, _squeeze, _sum = _base.reshape, _base.squeeze, _base.sum


def answer(payload: dict[str, Any], namespace: dict[str, Any], room: int = ROOM) -> dict[str, Any]:
    """See docs/protocol.md: what the module is, what it has, and what comes out of it."""
    name = payload["name"]
    if name not in namespace:
        return {"found": False, "is_module": False, "class": ""}
    module = namespace[name]
    if payload["make"]:
        reseed(payload["seed"])
        try:
            module = module(*(_argument(arg) for arg in payload["args"]))
        except BaseException as error:  # SystemExit and the like are the student's, too
            return {
                "found": True,
                "is_module": False,
                "class": type_name(module),
                "raised": raised(error),
            }
    if not is_module(module):
        return {"found": True, "is_module": False, "class": type_name(module)}
    return {
        "found": True,
        "is_module": True,
        "class": type_name(module),
        **losses.told(payload),
        **_looked_at(module, payload, Describer(room)),
    }


def _argument(arg: Any) -> Any:
    return tensor(arg) if isinstance(arg, Array) else arg


def _input(module: Any, array: Array) -> Any:
    """A fresh tensor where the module's parameters lie."""
    return placed(tensor(array, dtype=widened()), device_of(module))


def _looked_at(module: Any, payload: dict[str, Any], describer: Describer) -> dict[str, Any]:
    inputs: list[Array] = payload["inputs"]
    activations = replacing(payload)

    def result(x: Array) -> Any:
        with activations:
            return module(_input(module, x))

    def outputs() -> list[dict[str, Any]]:
        return [attempt(describer, lambda x=x: result(x)) for x in inputs]  # type: ignore

    training = dict_of(module, "__dict__").get("training")
    with evaluating(module):
        with _no_grad():
            if inputs and any(type(p) is _Uninitialized for _, p in parameters_of(module)):
                attempt(
                    describer, lambda: module(_input(module, inputs[0]))
                )  # gives lazy layers a shape
            own = outputs()
        parameters = list(parameters_of(module))
        found = [
            {"name": name, "shape": list(_shape(p)), "value": describer.array(p)}
            for name, p in parameters
        ]
        without_gradient = _without_gradient(module, parameters, inputs)
        matches, tried = _tried(payload["parameters"], parameters, outputs)
    return {
        "parameters": found,
        "modules": [type_name(one) for _, one in parts_of(module)],
        "matchings": matches,
        "outputs": tried,
        "own": own,
        "without_gradient": without_gradient,
        "training": training is True,
        **told(activations),
    }


def _tried(
    given: list[dict[str, Any]],
    parameters: list[tuple[str, Any]],
    outputs: Callable[[], list[dict[str, Any]]],
) -> tuple[int, list[list[dict[str, Any]]]]:
    """How many matchings fit, and the outputs under each; the parameters are then as before."""
    if not given:
        return 0, []
    found = matchings(
        [(one["name"], tuple(one["value"].shape)) for one in given],
        [(name, tuple(_shape(p))) for name, p in parameters],
    )
    values = [tensor(one["value"]) for one in given]
    tried = []
    with _no_grad():
        with _Function():
            saved = [_clone(_detach(p)) for _, p in parameters]
        try:
            for matching in found:
                _put(matching, values, parameters)
                tried.append(outputs())
        finally:
            with _Function():
                for (_, parameter), value in zip(parameters, saved, strict=True):
                    _copy(parameter, value)
    return len(found), tried


def _put(matching: Matching, values: list[Any], parameters: list[tuple[str, Any]]) -> None:
    with _Function():
        for value, place, turn in zip(values, matching.places, matching.transposed, strict=True):
            parameter = parameters[place][1]
            turned = _t(_squeeze(value)) if turn else value
            _copy(parameter, _reshape(turned, _shape(parameter)))


def _without_gradient(
    module: Any, parameters: list[tuple[str, Any]], inputs: list[Array]
) -> list[str]:
    """Names of parameters that the sum of the output does not depend on, as autograd sees it."""
    if not inputs:
        return []
    names = [name for name, _ in parameters]
    learning = [(name, p) for name, p in parameters if _requires_grad(p)]
    try:
        with _enable_grad():
            total = _sum(module(_input(module, inputs[0])))
            gradients = _grad(total, [p for _, p in learning], allow_unused=True)
    except BaseException:  # it has no graph, or raised: nothing gets a gradient
        return names
    reached = {name for (name, _), g in zip(learning, gradients, strict=True) if g is not None}
    return [name for name in names if name not in reached]
