"""`steps`: look up, call, index, calculate: a few steps, each with what earlier ones gave."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import numpy as np
import torch

from ..describe import ROOM, Describer
from ..failures import raised
from ..wire import Array
from .inputs import tensor, widened
from .places import device_for, device_of, placed

_ITEMS = 1001  # one more than is described, so that it shows where there are more
_mro = type.__dict__["__mro__"].__get__
_type_name = type.__dict__["__name__"].__get__
_BUILTIN = frozenset(
    one for one in vars(builtins).values() if isinstance(one, type) and issubclass(one, Exception)
)
_getattr, _iter, _len = getattr, iter, len
_float32, _Tensor = torch.float32, torch.Tensor
_frombuffer = np.frombuffer
_UNARY = ("neg", "pos", "abs")
_BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
_OPERATORS: dict[str, Callable[..., Any]] = {
    name: getattr(operator, name) for name in (*_UNARY, *_BINARY)
}


class _Missing(Exception):
    """A name that the namespace does not hold."""


def answer(payload: dict[str, Any], namespace: dict[str, Any], room: int = ROOM) -> dict[str, Any]:
    """`{value}` of the last step, `{missing: name}`, or `{raised, bases}`."""
    steps = _Steps(payload, namespace)
    try:
        result = steps.run()
    except _Missing as missing:
        return {"missing": missing.args[0]}
    except BaseException as error:  # SystemExit and the like are the student's, too
        bases = [_type_name(base) for base in _mro(type(error)) if base in _BUILTIN]
        return {"raised": raised(error), "bases": bases}
    return {"value": Describer(room).describe(result)}


class _Steps:
    def __init__(self, payload: dict[str, Any], namespace: dict[str, Any]) -> None:
        self._steps: list[dict[str, Any]] = payload["steps"]
        self._library: str = payload["library"]
        self._precision: str = payload["precision"]
        self._namespace = namespace
        self._results: list[Any] = []

    def run(self) -> Any:
        for step in self._steps:
            self._results.append(self._done(step))
        return self._results[-1]

    def _done(self, step: dict[str, Any]) -> Any:
        given, named = step.get("args", []), step.get("kwargs", {})
        device = self._device_of((*given, *named.values()))
        values = [self._value(one, device) for one in given]
        match step["do"]:
            case "name":
                if step["name"] not in self._namespace:
                    raise _Missing(step["name"])
                return self._namespace[step["name"]]
            case "set":
                self._namespace[step["name"]] = values[0]
                return None
            case "delete":
                if step["name"] not in self._namespace:
                    raise _Missing(step["name"])
                del self._namespace[step["name"]]
                return None
            case "attribute":
                return _getattr(values[0], step["name"])
            case "call":
                kwargs = {name: self._value(one, device) for name, one in named.items()}
                return values[0](*values[1:], **kwargs)
            case "item":
                return values[0][values[1]]
            case "length":
                return _len(values[0])
            case "items":
                return list(islice(_iter(values[0]), _ITEMS))
            case "operator":
                return _OPERATORS[step["name"]](*values)
        raise ValueError("no such step")

    def _device_of(self, given: Iterable[dict[str, Any]]) -> torch.device | None:
        """Where the first of earlier results lies or calculates, that does not on the CPU."""
        for one in given:
            if "step" in one:
                value = self._results[one["step"]]
                device = device_of(value) if _Tensor in _mro(type(value)) else device_for(value)
                if device is not None and device.type != "cpu":
                    return device
        return None

    def _value(self, given: dict[str, Any], device: torch.device | None) -> Any:
        """What stands in an argument: data, or the result of an earlier step."""
        [(kind, value)] = given.items()
        match kind:
            case "step":
                return self._results[value]
            case "array":
                return self._array(value, device)
            case "tensor":
                array, requires_grad = value
                return placed(tensor(array, grad=requires_grad), device)
            case "list":
                return [self._value(one, device) for one in value]
            case "tuple":
                return tuple(self._value(one, device) for one in value)
            case "dict":
                return {self._value(key, device): self._value(one, device) for key, one in value}
            case "slice":
                return slice(*(self._value(one, device) for one in value))
        return value

    def _array(self, array: Array, device: torch.device | None) -> Any:
        if self._library == "numpy":
            flat = _frombuffer(bytearray(array.data), dtype=array.dtype)
            return flat.reshape(array.shape)
        narrow = array.dtype == "float64" and self._precision == "float32"
        return placed(tensor(array, dtype=widened() or (_float32 if narrow else None)), device)
