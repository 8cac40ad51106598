"""`tensors`: what the tensors of a namespace, or those around a call, are and where they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..describe import ROOM, Describer
from ..failures import raised
from .inputs import Inputs

_Tensor, _NDARRAY = torch.Tensor, np.ndarray
_mro = type.__dict__["__mro__"].__get__
_base: Any = torch._C.TensorBase
_Function = torch._C.DisableTorchFunction
_Dispatch = torch._C._DisableTorchDispatch
_device, _is_contiguous = _base.device.__get__, _base.is_contiguous
_untyped_storage = _base.untyped_storage
_pointer, _bytes = torch.UntypedStorage.data_ptr, torch.UntypedStorage.nbytes
_owner = np.ndarray.__dict__["base"].__get__
_flags = np.ndarray.__dict__["flags"].__get__
_array_view = np.ndarray.view
_bounds: Any = getattr(np.lib, "array_utils", np).byte_bounds

Extent = tuple[str, int, int]  # a device, and the addresses there: first, one past the last


def answer(payload: dict[str, Any], namespace: dict[str, Any], room: int = ROOM) -> dict[str, Any]:
    """`{tensors, sharing}` for names, `{found, cases}` for a function."""
    describer = Describer(room)
    name = payload.get("function")
    if name is None:
        held = {one: namespace[one] for one in payload["names"] if one in namespace}
        tensors = {one: _tensor(value, describer) for one, value in held.items()}
        return {"tensors": tensors, "sharing": _sharing(held)}
    if name not in namespace:
        return {"found": None, "cases": []}
    function = namespace[name]
    cases = [_case(case, function, namespace, describer) for case in payload["cases"]]
    return {"found": describer.describe(function), "cases": cases}


def _case(
    case: dict[str, Any], function: Any, namespace: dict[str, Any], describer: Describer
) -> dict[str, Any]:
    inputs = Inputs(case)
    with inputs.bound(namespace, function):
        given: dict[str, Any] = dict(inputs.tensors)
        try:
            result = inputs.call(function, namespace)
        except BaseException as error:  # SystemExit and the like are the student's, too
            return {"result": {"value": raised(error), "contiguous": None}}
        changed = inputs.changed(namespace)
    return {
        "result": _tensor(result, describer),
        "sharing": _sharing({**given, "": result}),
        "same": [name for name, one in given.items() if one is result],
        "changed": changed,
    }


def _tensor(value: object, describer: Describer) -> dict[str, Any]:
    return {"value": describer.describe(value), "contiguous": _contiguous(value)}


def _contiguous(value: Any) -> bool | None:
    """Whether its elements lie in memory one after the other; None of what is no tensor."""
    bases = _mro(type(value))
    try:
        if _Tensor in bases:
            with _Function(), _Dispatch():
                return bool(_is_contiguous(value))
        return bool(_flags(value).c_contiguous) if _NDARRAY in bases else None
    except Exception:  # sparse, nested, ...
        return None


def _sharing(values: dict[str, Any]) -> list[list[str]]:
    """The names whose tensors lie in one storage, for each storage that has several names."""
    extents = sorted(
        (extent, name) for name, value in values.items() if (extent := _extent(value)) is not None
    )
    groups: list[list[str]] = []
    device, end = "", 0
    for (at, first, last), name in extents:
        if groups and at == device and first < end:
            groups[-1].append(name)
            end = max(end, last)
        else:
            groups.append([name])
            device, end = at, last
    return [sorted(group) for group in groups if len(group) > 1]


def _extent(value: Any) -> Extent | None:
    """The memory of the storage that a tensor or an array is a view of; None where it has none."""
    bases = _mro(type(value))
    try:
        if _Tensor in bases:
            with _Function(), _Dispatch():
                storage = _untyped_storage(value)
                device, first, size = str(_device(value)), _pointer(storage), _bytes(storage)
        elif _NDARRAY in bases:
            first, last = _bounds(_array_view(_root(value), _NDARRAY))
            device, size = "cpu", last - first
        else:
            return None
    except Exception:  # sparse, nested, meta, ...
        return None
    return (device, first, first + size) if first and size else None


def _root(array: Any) -> Any:
    """The array that owns the memory, however many views lie between."""
    for _ in range(1000):
        owner = _owner(array)
        if _NDARRAY not in _mro(type(owner)):
            break
        array = owner
    return array
