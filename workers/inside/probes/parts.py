"""The parts of a module, by their own dictionaries: not by methods that a student can override."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_Module, _Tensor = torch.nn.Module, torch.Tensor
_mro = type.__dict__["__mro__"].__get__
dict_of = object.__getattribute__


def is_module(value: object) -> bool:
    """Whether `value` is a torch.nn.Module, whatever its class claims."""
    return _Module in _mro(type(value))


@contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """Every part in eval mode; afterwards as it was."""
    parts = [dict_of(part, "__dict__") for _, part in parts_of(module)]
    modes = [part.get("training") for part in parts]
    try:
        for part in parts:
            part["training"] = False
        yield
    finally:
        for part, mode in zip(parts, modes, strict=True):
            part["training"] = mode


def parts_of(module: Any, prefix: str = "", seen: set[int] | None = None) -> Iterator[Any]:
    """(name, module) of the module and its parts in order of definition, each once."""
    seen = set() if seen is None else seen
    if id(module) in seen or not is_module(module):
        return
    seen.add(id(module))
    yield prefix, module
    children = dict_of(module, "__dict__").get("_modules")
    if isinstance(children, dict):
        for name, child in list(dict.items(children)):
            yield from parts_of(child, f"{prefix}.{name}" if prefix else str(name), seen)


def parameters_of(module: Any) -> Iterator[tuple[str, Any]]:
    """(name, parameter) in order of definition, each once."""
    seen: set[int] = set()
    for prefix, part in parts_of(module):
        own = dict_of(part, "__dict__").get("_parameters")
        for name, parameter in list(dict.items(own)) if isinstance(own, dict) else []:
            if _Tensor in _mro(type(parameter)) and id(parameter) not in seen:
                seen.add(id(parameter))
                yield (f"{prefix}.{name}" if prefix else str(name)), parameter
