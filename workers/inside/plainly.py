"""Which values can be described where they are: no code of the submission runs, nothing goes wrong.

`Describer` calls nothing that a student defined of what is let through here: values of exactly the
known types, tensors and arrays whose memory is their own, whole and in order. Whatever may have
other memory than it says (views, memory of others, files), takes long to spell out (sparse tensors,
thousands of items), or needs one of torch's operators to be read, which code can replace, is for a
fork.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

_VALUES = 500  # looked at in all
_BYTES = 4 << 20  # of one tensor or array

# By id, since a class may have been given a hash and an equality by its own class.
_ATOMS = frozenset(
    map(id, (type(None), bool, int, float, complex, str, *set(np.sctypeDict.values())))
)
_SEQUENCES = frozenset(map(id, (list, tuple, set, frozenset)))
_TENSORS = frozenset(map(id, (torch.Tensor, torch.nn.Parameter)))
_NDARRAY = np.ndarray
_Function = torch._C.DisableTorchFunction
_Dispatch = torch._C._DisableTorchDispatch

_base: Any = torch._C.TensorBase
_strided = torch.strided
_layout, _is_cpu, _is_nested, _is_quantized, _itemsize = (
    getattr(_base, name).__get__
    for name in ("layout", "is_cpu", "is_nested", "is_quantized", "itemsize")
)
_numel, _offset, _untyped_storage = _base.numel, _base.storage_offset, _base.untyped_storage
_is_contiguous, _is_conj, _is_neg = _base.is_contiguous, _base.is_conj, _base.is_neg
_held, _is_torchs_own = torch.UntypedStorage.nbytes, torch.UntypedStorage.resizable
_array_bytes, _flags = np.ndarray.__dict__["nbytes"].__get__, np.ndarray.__dict__["flags"].__get__
_has_objects, _array_dtype = np.dtype.hasobject.__get__, np.ndarray.__dict__["dtype"].__get__


def are_plain(names: Iterable[str], namespace: dict[str, Any]) -> bool:
    """Whether what these names hold, if anything, is plain, and looking for it calls nothing."""
    if any(type(key) is not str for key in [*namespace]):
        return False
    return all_plain(namespace.get(name) for name in names)


def all_plain(values: Iterable[object]) -> bool:
    """Whether each of them, and what it holds, is of a builtin type, torch's or numpy's own."""
    todo: list[Any] = [*values]
    with _Function(), _Dispatch():
        for _ in range(_VALUES):
            if not todo:
                return True
            value = todo.pop()
            kind = type(value)
            if id(kind) in _SEQUENCES and len(value) <= _VALUES:
                todo += value
            elif kind is dict and len(value) <= _VALUES:
                todo += [*value.keys(), *value.values()]
            elif not (id(kind) in _ATOMS or _is_plain_tensor(value, kind)):
                return False
    return False


def _is_plain_tensor(value: Any, kind: type) -> bool:
    if id(kind) in _TENSORS:
        if _is_nested(value) or _layout(value) is not _strided or _is_quantized(value):
            return False
        if not _is_cpu(value) or not _is_contiguous(value) or _is_conj(value) or _is_neg(value):
            return False
        storage, size = _untyped_storage(value), _numel(value) * _itemsize(value)
        end = _offset(value) * _itemsize(value) + size
        return size <= _BYTES and end <= _held(storage) and _is_torchs_own(storage)
    if kind is not _NDARRAY or _has_objects(_array_dtype(value)):
        return False
    flags = _flags(value)
    return bool(flags.owndata and flags.c_contiguous) and _array_bytes(value) <= _BYTES
