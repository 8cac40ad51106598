"""`derivative`: what autograd makes of a function, and what its result does when inputs shift.

A result is made one number by a weighted sum, so that both speak of the same thing.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import torch

from ..describe import ROOM, Describer
from ..failures import raised
from ..seeds import reseed
from .inputs import Inputs, fresh, tensor
from .parts import is_module, parameters_of
from .places import placed

_DTYPES = {"float32": torch.float32, "float64": torch.float64}
_float64 = torch.float64
_get_default, _set_default = torch.get_default_dtype, torch.set_default_dtype
_enable_grad = torch.enable_grad
_grad = torch.autograd.grad
_Tensor, _AutogradFunction = torch.Tensor, torch.autograd.Function
_apply = torch.autograd.Function.__dict__["apply"].__func__
_mro = type.__dict__["__mro__"].__get__
_Function = torch._C.DisableTorchFunction
_base: Any = torch._C.TensorBase
_shape, _requires_grad = _base.shape.__get__, _base.requires_grad.__get__
_device = _base.device.__get__
_require, _detach, _reshape, _to = (
    _base.requires_grad_,
    _base.detach,
    _base.reshape,
    _base.to,
)
_repeat, _mul, _sum, _item = _base.repeat, _base.mul, _base.sum, _base.item
_get_item, _set_item = _base.__getitem__, _base.__setitem__
_as_tensor = torch.tensor


def answer(payload: dict[str, Any], namespace: dict[str, Any], room: int = ROOM) -> dict[str, Any]:
    """See docs/protocol.md: the value, its gradients by autograd, and the shifted sums."""
    describer = Describer(room)
    name = payload["name"]
    if name not in namespace:
        return {"found": None, "fits": False}
    found = describer.describe(namespace[name])
    dtype = _DTYPES[payload["dtype"]]
    default = _get_default()
    _set_default(dtype)  # for what the function itself creates
    try:
        reseed(payload["seed"])
        try:
            function = _target(namespace[name], payload)
        except BaseException as error:  # SystemExit and the like are the student's, too
            return {"found": found, "fits": True, "raised": raised(error)}
        if function is None:
            return {"found": found, "fits": False}
        looked = [
            _Looked(function, case, payload, namespace, dtype).told(describer)
            for case in payload["cases"]
        ]
    finally:
        _set_default(default)
    return {"found": found, "fits": True, "cases": looked}


def _target(value: Any, payload: dict[str, Any]) -> Any:
    """What is called; None where the name holds something of another kind."""
    match payload["target"]:
        case "function":
            return value
        case "apply":
            is_one = isinstance(value, type) and _AutogradFunction in _mro(value)
            return _Applied(value) if is_one else None
    made = value(*payload["make"])
    return made if is_module(made) else None


class _Applied:
    """A torch.autograd.Function as it is called, whatever its class has made of `apply`."""

    def __init__(self, function: Any) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return _apply(self._function, *args)


class _Looked:
    """One case: its inputs, its weights, and the parameters where a module is called."""

    def __init__(
        self,
        function: Any,
        case: dict[str, Any],
        payload: dict[str, Any],
        namespace: dict[str, Any],
        dtype: torch.dtype,
    ) -> None:
        self._function, self._namespace = function, namespace
        self._inputs = Inputs(case, dtype=dtype)
        self._originals = dict(self._inputs.tensors)
        self._wrt: list[str] = payload["wrt"]
        self._shifts: list[dict[str, Any]] = case["shifts"]
        self._weights = tensor(case["weights"], dtype=_float64)
        self._seed: int = payload["seed"]
        self._parameters = (
            {f"self.{name}": one for name, one in parameters_of(function)}
            if payload["target"] == "instance"
            else {}
        )

    def told(self, describer: Describer) -> dict[str, Any]:
        """The evidence of this case."""
        found: dict[str, Any] = {
            "shapes": {name: list(_shape(one)) for name, one in self._parameters.items()}
        }
        try:
            with _enable_grad():
                value = self._called(self._requiring)
                total = self._total(value)
        except BaseException as error:  # SystemExit and the like are the student's, too
            return {**found, "value": raised(error)}
        found["value"] = describer.describe(value)
        if total is None:
            return found
        found["total"] = float(_item(total))
        try:
            found["gradients"] = self._gradients(total, describer) if _requires_grad(total) else {}
        except BaseException as error:
            found["failed"] = raised(error)
        try:
            found["base"] = self._number(None)
            sums = [self._number(shift) for shift in self._shifts]
        except BaseException as error:
            return {**found, "unswept": raised(error)}
        return {**found, "shifted": describer.array(_as_tensor(sums, dtype=_float64))}

    def _called(self, prepare: Callable[[str, Any], Any]) -> Any:
        reseed(self._seed)
        self._inputs.tensors.update(
            {name: prepare(name, fresh(one)) for name, one in self._originals.items()}
        )
        with self._inputs.bound(self._namespace, self._function):
            return self._inputs.call(self._function, self._namespace)

    def _requiring(self, name: str, value: Any) -> Any:
        if name not in self._wrt:
            return value
        with _Function():
            return _require(value)

    def _total(self, value: Any) -> Any:
        """The weighted sum of a tensor's entries; None where there is nothing to sum."""
        if _Tensor not in _mro(type(value)):
            return None
        with _Function():
            count = prod(_shape(value))
            times = -(-count // prod(_shape(self._weights)))
            weights = placed(_get_item(_repeat(self._weights, times), slice(count)), _device(value))
            return _sum(_mul(_to(_reshape(value, (-1,)), _float64), weights))

    def _gradients(self, total: Any, describer: Describer) -> dict[str, Any]:
        """By name; None where autograd finds no way from the result to it."""
        learning = {name: one for name, one in self._parameters.items() if _requires_grad(one)}
        places = {**{name: self._inputs.tensors[name] for name in self._wrt}, **learning}
        found = _grad(total, list(places.values()), allow_unused=True)
        return {
            name: None if one is None else describer.array(one)
            for name, one in zip(places, found, strict=True)
        }

    def _number(self, shift: dict[str, Any] | None) -> float:
        """The weighted sum, with one entry shifted."""
        if shift is None:
            return self._swept(lambda name, one: one)
        at, delta = shift["index"], shift["delta"]
        parameter = self._parameters.get(shift["name"])
        if parameter is None:
            return self._swept(
                lambda name, one: _shifted(one, at, delta)[0] if name == shift["name"] else one
            )
        with _Function():
            data = _detach(parameter)
        _, former = _shifted(data, at, delta)
        try:
            return self._swept(lambda name, one: one)
        finally:
            with _Function():
                _set_item(data, _index(at, _shape(data)), former)

    def _swept(self, prepare: Callable[[str, Any], Any]) -> float:
        total = self._total(self._called(prepare))
        return float("nan") if total is None else float(_item(total))


def _shifted(value: Any, at: int, delta: float) -> tuple[Any, float]:
    """The tensor with one entry moved in place, and what that was."""
    with _Function():
        index = _index(at, _shape(value))
        former = _item(_get_item(value, index))
        _set_item(value, index, former + delta)
    return value, former


def _index(at: int, shape: Any) -> tuple[int, ...]:
    """A flat index as one for each dimension."""
    found = []
    for size in reversed(tuple(shape)):
        at, place = divmod(at, size)
        found.append(place)
    return tuple(reversed(found))
