"""What probes put in: fresh tensors, bound to the names that a function reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ..describe import Describer
from ..failures import raised
from ..wire import ITEM_SIZES, Array
from .places import device_for, device_of, placed, plain_function

_DTYPES = {name: getattr(torch, name) for name in ITEM_SIZES if hasattr(torch, name)}
_FLOATS = {d for n, d in _DTYPES.items() if n.startswith(("float", "bfloat"))}
_frombuffer, _empty = torch.frombuffer, torch.empty
_Function = torch._C.DisableTorchFunction
_base: Any = torch._C.TensorBase
_reshape, _to, _clone, _require = _base.reshape, _base.to, _base.clone, _base.requires_grad_
_dtype = _base.dtype.__get__
_default_dtype = torch.get_default_dtype
_missing = object()


def tensor(array: Array, *, dtype: torch.dtype | None = None, grad: bool = False) -> torch.Tensor:
    """A fresh tensor of an array of the payload, on the CPU.

    Floating point becomes `dtype` where one is given, and requires gradients with `grad`.
    """
    with _Function():  # whatever default device or mode the student's code has left on
        kind = _DTYPES[array.dtype]
        if array.data:
            made: torch.Tensor = _reshape(
                _frombuffer(bytearray(array.data), dtype=kind), array.shape
            )
        else:
            made = _empty(array.shape, dtype=kind, device="cpu")
        if kind in _FLOATS:
            made = _to(made, dtype or kind)
            if grad:
                made = _require(made)
        return made


def widened() -> torch.dtype | None:
    """float64 where the student's code made that the default, so that their own constants fit."""
    return torch.float64 if _default_dtype() is torch.float64 else None


def fresh(value: torch.Tensor) -> torch.Tensor:
    """A copy of one of our own tensors."""
    with _Function():
        copy: torch.Tensor = _clone(value)
    return copy


class Inputs:
    """The tensors of one case: those to be bound, by name, and those among the arguments."""

    def __init__(
        self, case: dict[str, Any], *, dtype: torch.dtype | None = None, grad: bool = False
    ) -> None:
        self._arrays: dict[str, Array] = dict(case.get("bind", {}))
        self._args: list[Any] = list(case.get("args", []))
        self._kwargs: dict[str, Any] = dict(case.get("kwargs", {}))
        for key, value in self._places():
            if isinstance(value, Array):
                self._arrays[key] = value
        self.tensors = {
            key: tensor(array, dtype=dtype, grad=grad) for key, array in self._arrays.items()
        }
        self._bound = list(case.get("bind", {}))
        if dtype is not None:
            describer = Describer(sum(8 * len(array.data) for array in self._arrays.values()))
            made = {key: describer.array(one) for key, one in self.tensors.items()}
            self._arrays = {key: made[key] or array for key, array in self._arrays.items()}

    def _places(self) -> Iterator[tuple[str, Any]]:
        yield from ((f"args[{i}]", value) for i, value in enumerate(self._args))
        yield from ((f"kwargs[{name}]", value) for name, value in self._kwargs.items())

    @contextmanager
    def bound(self, namespace: dict[str, Any], function: object) -> Iterator[None]:
        """Set the globals that `function` reads; afterwards they are what they were.

        Each input goes to the device of the tensor that its name is bound to before, any other to
        the one on which the function calculates.
        """
        places = [namespace]
        plain = plain_function(function)
        if plain is not None and plain.__globals__ is not namespace:
            places.append(plain.__globals__)
        self._place(namespace, function)
        saved = [
            (place, name, place.get(name, _missing)) for place in places for name in self._bound
        ]
        try:
            for place, name, _ in saved:
                place[name] = self.tensors[name]
            yield
        finally:
            for place, name, former in saved:
                if former is _missing:
                    place.pop(name, None)
                else:
                    place[name] = former

    def _place(self, namespace: dict[str, Any], function: object) -> None:
        elsewhere = device_for(function)
        for key, one in self.tensors.items():
            known = device_of(namespace.get(key)) if key in self._bound else None
            self.tensors[key] = placed(one, known or elsewhere)

    def call(self, function: Callable[..., Any], namespace: dict[str, Any]) -> Any:
        """Call with the arguments of the case; within `bound`."""
        values = {key: self._value(key, value, namespace) for key, value in self._places()}
        args = [values[f"args[{i}]"] for i in range(len(self._args))]
        kwargs = {name: values[f"kwargs[{name}]"] for name in self._kwargs}
        return function(*args, **kwargs)

    def _value(self, key: str, value: Any, namespace: dict[str, Any]) -> Any:
        if key in self.tensors:
            return self.tensors[key]
        if isinstance(value, dict):
            return namespace[value["name"]]
        return value

    def changed(self, namespace: dict[str, Any]) -> list[str]:
        """Names of inputs that no longer have the values they were given; within `bound`."""
        names = []
        for key, array in self._arrays.items():
            now: list[Any] = [self.tensors[key]]
            if key in self._bound:
                now.append(namespace.get(key))
            if any(Describer(len(array.data)).array(value) != array for value in now):
                names.append(key)
        return names


def attempt(describer: Describer, call: Callable[[], Any]) -> dict[str, Any]:
    """What `call` returns, described; or the exception that it raises."""
    try:
        result = call()
    except BaseException as error:  # SystemExit and the like are the student's, too
        return raised(error)
    return describer.describe(result)
