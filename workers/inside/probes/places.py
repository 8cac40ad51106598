"""On which device inputs have to lie: where what they meet lies."""

from __future__ import annotations

import re
import types
from functools import partial
from typing import Any

import torch

from .parts import is_module, parameters_of

_Tensor = torch.Tensor
_mro = type.__dict__["__mro__"].__get__
_base: Any = torch._C.TensorBase
_device_of, _detach, _to = _base.device.__get__, _base.detach, _base.to
_requires_grad, _require = _base.requires_grad.__get__, _base.requires_grad_
_Function, _no_grad = torch._C.DisableTorchFunction, torch.no_grad
_device = torch.device
_NAMED = re.compile(r"cuda(:[0-9]{1,2})?")


def device_of(value: object) -> torch.device | None:
    """Where a tensor, or the first parameter of a module, lies; None of anything else."""
    if _Tensor in _mro(type(value)):
        found: torch.device = _device_of(value)
        return found
    if is_module(value):
        for _, parameter in parameters_of(value):
            return _device_of(parameter)  # type: ignore[no-any-return]
    return None


def device_for(function: object) -> torch.device | None:
    """The device other than the CPU on which a function calculates, as far as it can be told.

    That of the module that it is, or is bound to; or else that of the first global name that it
    reads which holds a tensor or a module there, or the device itself.
    """
    owner = function.__self__ if type(function) is types.MethodType else function
    if is_module(owner):
        return _other(device_of(owner))
    plain = plain_function(function)
    if plain is None:
        return None
    for name in plain.__code__.co_names:
        value = plain.__globals__.get(name)
        if (found := _other(device_of(value) or _meant(value))) is not None:
            return found
    return None


def plain_function(function: object) -> types.FunctionType | None:
    """The function of Python's that is called in the end, decorators and binding looked through."""
    for _ in range(10):
        kind = type(function)
        if kind is types.MethodType:
            function = function.__func__  # type: ignore[attr-defined]
        elif kind is partial:
            function = function.func  # type: ignore[attr-defined]
        elif kind is types.FunctionType:
            wrapped = function.__dict__.get("__wrapped__")
            if wrapped is None:
                return function  # type: ignore[return-value]
            function = wrapped
        else:
            return None
    return None


def placed(value: torch.Tensor, device: torch.device | None) -> torch.Tensor:
    """One of our own fresh tensors on `device`; None lets it be where it is."""
    if device is None or _device_of(value) == device:
        return value
    with _no_grad(), _Function():
        moved: torch.Tensor = _to(_detach(value), device)
        if _requires_grad(value):
            moved = _require(moved)
    return moved


def _other(device: torch.device | None) -> torch.device | None:
    return None if device is None or device.type == "cpu" else device


def _meant(value: object) -> torch.device | None:
    """The device that a value names."""
    if type(value) is _device:
        return value
    if type(value) is str and _NAMED.fullmatch(value):
        return _device(value)
    return None
