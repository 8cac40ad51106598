"""Which values can be described where they are: no code of the submission runs, nothing goes wrong.

`Describer` calls nothing that a student defined. What is left are values whose memory may not be
what they say (views with strides of their own making), or which take long to spell out (sparse
tensors, thousands of items): those are for a fork.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

_VALUES = 500  # looked at in all
_BYTES = 4 << 20  # of one tensor or array

_ATOMS = frozenset({type(None), bool, int, float, complex, str, *np.sctypeDict.values()})
_SEQUENCES = frozenset({list, tuple, set, frozenset})
_TENSORS = frozenset({torch.Tensor, torch.nn.Parameter})
_NDARRAY = np.ndarray
_Function = torch._C.DisableTorchFunction
_Dispatch = torch._C._DisableTorchDispatch

_base: Any = torch._C.TensorBase
_strided = torch.strided
_layout, _is_cpu, _is_nested, _is_quantized, _itemsize = (
    getattr(_base, name).__get__
    for name in ("layout", "is_cpu", "is_nested", "is_quantized", "itemsize")
)
_numel = _base.numel
_array_bytes, _owner = np.ndarray.__dict__["nbytes"].__get__, np.ndarray.__dict__["base"].__get__
_has_objects, _array_dtype = np.dtype.hasobject.__get__, np.ndarray.__dict__["dtype"].__get__


def all_plain(values: Iterable[object]) -> bool:
    """Whether each of them, and what it holds, is of a builtin type, torch's or numpy's own."""
    todo: list[Any] = [*values]
    with _Function(), _Dispatch():
        for _ in range(_VALUES):
            if not todo:
                return True
            value = todo.pop()
            kind = type(value)
            if kind in _SEQUENCES and len(value) <= _VALUES:
                todo += value
            elif kind is dict and len(value) <= _VALUES:
                todo += [*value.keys(), *value.values()]
            elif not (kind in _ATOMS or _is_plain_tensor(value, kind)):
                return False
    return False


def _is_plain_tensor(value: Any, kind: type) -> bool:
    if kind in _TENSORS:
        if _is_nested(value) or _layout(value) is not _strided or _is_quantized(value):
            return False
        return bool(_is_cpu(value)) and _numel(value) * _itemsize(value) <= _BYTES
    if kind is not _NDARRAY or _has_objects(_array_dtype(value)):
        return False
    owner = value
    while type(owner) is _NDARRAY:
        owner = _owner(owner)
    return (owner is None or type(owner) in _TENSORS) and _array_bytes(value) <= _BYTES
