"""Evidence from values: bounded, and without calling anything that a student defined.

A value's type is read from the object itself, tensors and arrays through the base methods of
torch and numpy with subclass dispatch off, containers through the base methods of their builtin
type. docs/protocol.md lists what comes out.
"""

from __future__ import annotations

import ctypes
from itertools import islice
from math import prod
from typing import Any

import numpy as np
import torch

from .failures import type_name
from .wire import ITEM_SIZES, Array

ROOM = 6 << 20  # bytes of arrays in one answer
_DEPTH = 8  # of containers in containers; each takes up to three levels of the wire format
_ITEMS = 1000  # of one container
_NODES = 5000  # described values in one answer
_TENSOR_NODES = 10  # what a tensor counts for, besides its rank
_TEXT = 10_000
_INT_BITS = 4096
_RANK = 64

_mro = type.__dict__["__mro__"].__get__
_base: Any = torch._C.TensorBase
_Function = torch._C.DisableTorchFunction
_Dispatch = torch._C._DisableTorchDispatch
_Tensor = torch.Tensor
_Parameter = torch.nn.Parameter
_Module = torch.nn.Module
_strided = torch.strided
_string_at = ctypes.string_at
_array_view = np.ndarray.view
_ascontiguous = np.ascontiguousarray
_NDARRAY, _GENERIC = np.ndarray, np.generic
_SCALARS = frozenset(np.sctypeDict.values())


def _getter(name: str) -> Any:
    return getattr(_base, name).__get__


_shape, _dtype, _device, _layout = (_getter(n) for n in ("shape", "dtype", "device", "layout"))
_requires_grad, _grad_fn, _is_nested, _is_quantized, _itemsize = (
    _getter(n) for n in ("requires_grad", "grad_fn", "is_nested", "is_quantized", "itemsize")
)
_detach, _contiguous, _data_ptr = _base.detach, _base.contiguous, _base.data_ptr
_resolve_conj, _resolve_neg, _to_dense = _base.resolve_conj, _base.resolve_neg, _base.to_dense
_is_contiguous, _is_conj, _is_neg = _base.is_contiguous, _base.is_conj, _base.is_neg
_cpu, _untyped_storage, _offset = _base.cpu, _base.untyped_storage, _base.storage_offset
_storage_bytes = torch.UntypedStorage.nbytes

_array_shape = np.ndarray.__dict__["shape"].__get__
_array_dtype = np.ndarray.__dict__["dtype"].__get__
_generic_dtype = np.generic.__dict__["dtype"].__get__
_generic_bytes = np.generic.tobytes

_NUMPY_NAMES = {
    ("b", 1): "bool",
    **{("u", n): f"uint{8 * n}" for n in (1, 2, 4, 8)},
    **{("i", n): f"int{8 * n}" for n in (1, 2, 4, 8)},
    **{("f", n): f"float{8 * n}" for n in (2, 4, 8)},
    **{("c", n): f"complex{8 * n}" for n in (8, 16)},
}
_NUMPY_KINDS = {
    "O": "object",
    "U": "str",
    "S": "bytes",
    "V": "void",
    "M": "datetime64",
    "m": "timedelta64",
    "T": "string",
}


class Describer:
    """Describes the values of one answer; they share its bounds.

    `room` bounds the bytes of all arrays together.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._nodes = _NODES
        self._path: set[int] = set()

    def describe(self, value: object) -> dict[str, object]:
        """`value` as a described value of docs/protocol.md."""
        return self._describe(value, 0)

    def array(self, tensor: object) -> Array | None:
        """The values of a tensor or numpy array, or None where they cannot be read."""
        data = self.describe(tensor).get("data")
        return data if isinstance(data, Array) else None

    def _describe(self, value: object, depth: int) -> dict[str, object]:
        self._nodes -= 1
        kind = type(value)
        bases = _mro(kind)
        if value is None or kind is bool:
            return {"k": "plain", "v": value}
        if _Tensor in bases:
            return self._tensor(value, kind)
        if _NDARRAY in bases:
            return self._ndarray(value, kind)
        if _GENERIC in bases and str not in bases:
            return self._scalar(value, kind)
        for base in (int, float, complex, str):
            if base in bases:
                return _plain(base, value)
        if list in bases or tuple in bases or set in bases or frozenset in bases:
            return self._sequence(value, bases, depth)
        if dict in bases:
            return self._mapping(value, depth)
        return _thing(value, bases)

    def _sequence(self, value: Any, bases: tuple[type, ...], depth: int) -> dict[str, object]:
        base: Any = next(b for b in bases if b in (list, tuple, set, frozenset))
        items: list[dict[str, object]] = []
        count = base.__len__(value)
        if self._enter(value, depth):
            # A copy: nothing can change it while it is gone through.
            first = list(islice(base.__iter__(value), _ITEMS))
            items = [self._describe(item, depth + 1) for item in self._affordable(first)]
            self._path.discard(id(value))
        return {
            "k": "sequence",
            "type": type_name(value),
            "items": items,
            "cut": len(items) < count,
        }

    def _mapping(self, value: Any, depth: int) -> dict[str, object]:
        pairs: list[list[dict[str, object]]] = []
        count = dict.__len__(value)
        if self._enter(value, depth):
            first = list(islice(dict.items(value), _ITEMS))
            pairs = [
                [self._describe(key, depth + 1), self._describe(item, depth + 1)]
                for key, item in self._affordable(first)
            ]
            self._path.discard(id(value))
        return {"k": "mapping", "items": pairs, "cut": len(pairs) < count}

    def _enter(self, value: object, depth: int) -> bool:
        """Whether to look into a container: not too deep, and not inside itself."""
        if depth >= _DEPTH or id(value) in self._path:
            return False
        self._path.add(id(value))
        return True

    def _affordable(self, items: list[Any]) -> Any:
        for item in items:
            if self._nodes <= 0:
                return
            yield item

    def _tensor(self, value: Any, kind: type) -> dict[str, object]:
        found: dict[str, object] = {
            "k": "tensor",
            "dtype": "",
            "shape": [],
            "data": None,
            "library": "torch",
            "device": "",
            "layout": "",
            "requires_grad": False,
            "has_graph": False,
            "subclass": None if kind in (_Tensor, _Parameter) else type_name(value),
            "unread": None,
        }
        try:
            with _Function(), _Dispatch():
                self._read(value, found)
        except Exception as error:
            found["unread"] = found["unread"] or f"torch cannot read it ({type_name(error)})"
        return found

    def _read(self, value: Any, found: dict[str, object]) -> None:
        dtype = str(_dtype(value)).removeprefix("torch.")
        found["dtype"] = dtype
        found["device"] = str(_device(value))
        found["layout"] = layout = str(_layout(value)).removeprefix("torch.")
        found["requires_grad"] = _requires_grad(value)
        found["has_graph"] = _grad_fn(value) is not None
        if _is_nested(value):
            found["unread"] = "a nested tensor"
            return
        shape = tuple(int(size) for size in _shape(value))
        found["shape"] = list(shape)
        self._nodes -= _TENSOR_NODES + len(shape)
        found["unread"] = self._why_unreadable(value, dtype, shape)
        if found["unread"] is not None:
            return
        data = _raw(self._dense(value, layout, found["device"]), prod(shape) * ITEM_SIZES[dtype])
        if data is None:
            found["unread"] = "it has no storage"
            return
        self._room -= len(data)
        found["data"] = Array(dtype, shape, data)

    def _dense(self, value: Any, layout: str, device: object) -> Any:
        """The same values in order in the host's memory; without an operator of torch, which code
        can replace, where they are that already."""
        is_whole = layout == "strided" and device == "cpu" and _is_contiguous(value)
        if is_whole and not (_is_conj(value) or _is_neg(value)):
            return value
        dense = _detach(value)
        if layout != "strided":
            dense = _to_dense(dense)
        if device != "cpu":
            dense = _cpu(dense)
        return _contiguous(_resolve_neg(_resolve_conj(dense)))

    def _why_unreadable(self, value: Any, dtype: str, shape: tuple[int, ...]) -> str | None:
        if str(_device(value)) == "meta":
            return "a meta tensor has no values"
        if _is_quantized(value):
            return "a quantised tensor"
        if dtype not in ITEM_SIZES:
            return f"{dtype} has no exchange format"
        return self._too_large(shape, ITEM_SIZES[dtype])

    def _too_large(self, shape: tuple[int, ...], size: int) -> str | None:
        if len(shape) > _RANK:
            return "too many dimensions"
        return "too large" if prod(shape) * size > self._room else None

    def _ndarray(self, value: Any, kind: type) -> dict[str, object]:
        shape, dtype = _array_shape(value), _array_dtype(value)
        name = _NUMPY_NAMES.get((dtype.kind, dtype.itemsize))
        found = _numpy_found(name, dtype, shape, value, kind is _NDARRAY)
        self._nodes -= _TENSOR_NODES + len(shape)
        if name is None:
            return found
        found["unread"] = self._too_large(shape, dtype.itemsize)
        if found["unread"] is None:
            plain = _array_view(value, _NDARRAY)
            data = _ascontiguous(plain, dtype.newbyteorder("<")).tobytes()
            self._room -= len(data)
            found["data"] = Array(name, shape, data)
        return found

    def _scalar(self, value: Any, kind: type) -> dict[str, object]:
        dtype = _generic_dtype(value)
        name = _NUMPY_NAMES.get((dtype.kind, dtype.itemsize))
        found = _numpy_found(name, dtype, (), value, kind in _SCALARS)
        if name is not None:
            found["data"] = Array(name, (), _generic_bytes(value))
        return found


def _raw(dense: Any, count: int) -> bytes | None:
    """`count` bytes of a contiguous tensor; None where it does not hold that many."""
    if count == 0:
        return b""
    pointer = _data_ptr(dense)
    held = _storage_bytes(_untyped_storage(dense)) - _offset(dense) * _itemsize(dense)
    return _string_at(pointer, count) if pointer and held >= count else None


def _numpy_found(
    name: str | None, dtype: Any, shape: tuple[int, ...], value: object, plain: bool
) -> dict[str, object]:
    kind = _NUMPY_KINDS.get(dtype.kind, f"{dtype.kind}{dtype.itemsize}")
    return {
        "k": "tensor",
        "dtype": name or kind,
        "shape": list(shape),
        "data": None,
        "library": "numpy",
        "device": "cpu",
        "layout": "strided",
        "requires_grad": False,
        "has_graph": False,
        "subclass": None if plain else type_name(value),
        "unread": None if name else f"an array of {kind} has no exchange format",
    }


def _plain(base: type, value: Any) -> dict[str, object]:
    """A number or text as its builtin type, also where its own type is a subclass of that."""
    if base is str:
        text = str.__str__(value)
        if len(text) > _TEXT:
            return {"k": "text", "v": text[:_TEXT], "length": len(text)}
        return {"k": "plain", "v": text}
    if base is int:
        number = int.__int__(value)
        if number.bit_length() > _INT_BITS:
            return _thing(value, (int,))
        return {"k": "plain", "v": number}
    if base is float:
        return {"k": "plain", "v": float.__float__(value)}
    return {"k": "plain", "v": complex.__complex__(value)}


def _thing(value: object, bases: tuple[type, ...]) -> dict[str, object]:
    return {
        "k": "thing",
        "type": type_name(value),
        "callable": callable(value),
        "is_module": _Module in bases,
        "is_class": type in bases,
    }
