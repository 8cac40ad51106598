"""`figures`: what the figures of the run showed, and names as plain numbers to hold against it."""

from __future__ import annotations

from typing import Any

import torch

from .. import figures
from ..describe import ROOM
from ..wire import Array

_base: Any = torch._C.TensorBase
_item, _detach, _to, _numpy = _base.item, _base.detach, _base.to, _base.numpy
_float64 = torch.float64
_Tensor = torch.Tensor
_mro = type.__dict__["__mro__"].__get__
_Function = torch._C.DisableTorchFunction


def answer(payload: dict[str, Any], namespace: dict[str, Any], room: int = ROOM) -> dict[str, Any]:
    """`{figures, values: {name: Array or None}}`, without the names that are missing."""
    names = [name for name in payload["names"] if name in namespace]
    return {
        "figures": figures.recorded(),
        "values": {name: _numbers(namespace[name]) for name in names},
    }


def _numbers(value: Any) -> Array | None:
    """A tensor, an array or a list of numbers, flat and in float64; None where it is none."""
    try:
        if type(value) in (list, tuple):
            value = [_number(one) for one in value]
        elif _Tensor in _mro(type(value)):
            with _Function():
                value = _numpy(_to(_detach(value), "cpu", _float64))
        return figures.as_numbers(value)
    except Exception:  # it is not made of numbers
        return None


def _number(value: Any) -> Any:
    """A number, also out of a tensor of one element that is part of a graph."""
    return _item(value) if _Tensor in _mro(type(value)) else value
