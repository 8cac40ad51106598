"""What a probe finds is what it leaves, also where it can't be asked in a fork.

`Kept` goes through what names of a namespace lead to, notes what containers and objects hold, and
copies the memory of tensors and arrays where it lies; `restore` puts all of that back. Student code
is not called: everything is read and set by the methods of the builtin types, of torch and of
numpy. What no name leads to (iterators, local variables of a generator, modules and objects of
libraries other than torch) is not kept, nor what is beyond the bounds.
"""

from __future__ import annotations

import os
import random
import sys
import types
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import torch

OBJECTS = 100_000
ROOM = 4 << 30  # bytes of copies

_mro = type.__dict__["__mro__"].__get__
_dict_of = object.__getattribute__
_Tensor, _NDARRAY, _Generator = torch.Tensor, np.ndarray, torch.Generator
_base: Any = torch._C.TensorBase
_Function = torch._C.DisableTorchFunction
_Dispatch = torch._C._DisableTorchDispatch
_no_grad = torch.no_grad
_detach, _untyped_storage, _detach_in_place = _base.detach, _base.untyped_storage, _base.detach_
_requires_grad, _grad, _grad_fn = _base.requires_grad, _base.grad, _base.grad_fn.__get__
_data, _version = _base.data.__set__, _base._version.__get__
_require = _base.requires_grad_
_set_versions = getattr(torch._C._autograd, "_unsafe_set_version_counter", None)
_Storage: Any = torch.UntypedStorage
_clone_storage, _copy_storage, _resize_storage = _Storage.clone, _Storage.copy_, _Storage.resize_
_pointer, _bytes, _to_cpu = _Storage.data_ptr, _Storage.nbytes, _Storage.cpu
_array_copy, _copyto, _owner = np.ndarray.copy, np.copyto, np.ndarray.__dict__["base"].__get__
_array_bytes, _has_objects = np.ndarray.__dict__["nbytes"].__get__, np.dtype.hasobject.__get__
_array_dtype = np.ndarray.__dict__["dtype"].__get__
_streams = torch.get_rng_state, torch.set_rng_state
_cuda_begun: Any = torch.cuda.is_initialized
_cuda_streams = torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all
_numpy_state, _set_numpy_state = np.random.get_state, np.random.set_state
_python_state, _set_python_state = random.getstate, random.setstate
_default_dtype, _set_default_dtype = torch.get_default_dtype, torch.set_default_dtype
_grad_mode, _set_grad_mode = torch.is_grad_enabled, torch.set_grad_enabled
_Random, _RandomState, _NumpyGenerator = random.Random, np.random.RandomState, np.random.Generator
_bits_of = np.random.Generator.__dict__["bit_generator"].__get__
_getcwd, _modules = os.getcwd, sys.modules
_shape, _stride = _base.shape.__get__, _base.stride
_tracers = (sys.gettrace, sys.settrace), (sys.getprofile, sys.setprofile)

Undo = Callable[[], object]


class Kept:
    """The state that names of `namespace` lead to at this moment."""

    def __init__(self, namespace: dict[str, Any], *, room: int = ROOM) -> None:
        self._undo: list[Undo] = []
        self._room = room
        self._seen: dict[int, object] = {}  # by id; holding the objects keeps ids theirs
        self._storages: set[tuple[str, int]] = set()
        self._tensors: list[Any] = []
        self._globals = namespace
        self._folder = f"{_getcwd()}/"
        self._settings = self._general()
        todo: list[object] = [namespace]
        while todo and len(self._seen) < OBJECTS:
            value = todo.pop()
            if id(value) in self._seen or type(value) in _PLAIN:
                continue
            self._seen[id(value)] = value
            with suppress(Exception):  # of a kind that can't be read so
                todo += self._keep(value)
        self._versions = [_version(one) for one in self._tensors]

    def restore(self) -> None:
        """Put everything back; as often as wanted."""
        with _no_grad(), _Function(), _Dispatch():
            for undo in reversed(self._undo):
                with suppress(Exception):  # the code has made something of it that takes no value
                    undo()
            if _set_versions is not None and self._tensors:
                # Otherwise a graph that waits for its backward pass would take them for changed.
                with suppress(Exception):
                    _set_versions(self._tensors, self._versions)
        for put_back in self._settings:
            put_back()

    def _general(self) -> list[Undo]:
        """The random streams and the settings of this thread."""
        get, set_ = _streams
        pairs: list[tuple[Callable[[], Any], Callable[[Any], Any]]] = [
            (get, set_),
            (_numpy_state, _set_numpy_state),
            (_python_state, _set_python_state),
            (_default_dtype, _set_default_dtype),
            (_grad_mode, _set_grad_mode),
            *_tracers,
        ]
        if _cuda_begun():
            pairs.append(_cuda_streams)
        return [partial(write, read()) for read, write in pairs]

    def _keep(self, value: Any) -> list[object]:
        """Note what `value` holds; what it leads to."""
        bases = _mro(type(value))
        if _Tensor in bases:
            return self._keep_tensor(value)
        if _NDARRAY in bases:
            return self._keep_array(value)
        for base in (OrderedDict, dict):
            if base in bases:
                return [*self._keep_dict(value, base), *self._keep_attributes(value)]
        if list in bases:
            return [*self._keep_list(value), *self._keep_attributes(value)]
        if tuple in bases or frozenset in bases:
            return list((tuple if tuple in bases else frozenset).__iter__(value))
        if set in bases:
            return self._keep_set(value)
        if deque in bases:
            return self._keep_deque(value)
        if types.FunctionType in bases:
            return self._keep_function(value)
        if types.MethodType in bases:
            return [value.__self__, value.__func__]
        if _Generator in bases:
            was = _Generator.get_state(value)
            self._undo.append(lambda: _Generator.set_state(value, was))
            return []
        return self._keep_instance(value, bases)

    def _keep_dict(self, value: Any, base: Any) -> list[object]:
        was = list(base.items(value))

        def undo() -> None:
            now = list(base.items(value))
            if len(now) != len(was) or any(
                a is not c or b is not d for (a, b), (c, d) in zip(was, now, strict=True)
            ):
                base.clear(value)
                base.update(value, was)

        self._undo.append(undo)
        return [one for pair in was for one in pair]

    def _keep_list(self, value: Any) -> list[object]:
        was = list(list.__iter__(value))
        self._undo.append(lambda: list.__setitem__(value, slice(None), was))
        return was

    def _keep_set(self, value: Any) -> list[object]:
        was = list(set.__iter__(value))

        def undo() -> None:
            set.clear(value)
            set.update(value, was)

        self._undo.append(undo)
        return was

    def _keep_deque(self, value: Any) -> list[object]:
        was = list(deque.__iter__(value))

        def undo() -> None:
            deque.clear(value)
            deque.extend(value, was)

        self._undo.append(undo)
        return was

    def _keep_function(self, value: Any) -> list[object]:
        """Of the submission's own functions: attributes, defaults, and what they close over."""
        if value.__globals__ is not self._globals:
            return []
        cells, was = [], []
        for cell in value.__closure__ or ():
            with suppress(ValueError):  # nothing has been put into it yet
                was.append(cell.cell_contents)
                cells.append(cell)

        def undo() -> None:
            for cell, content in zip(cells, was, strict=True):
                cell.cell_contents = content

        self._undo.append(undo)
        return [*was, value.__dict__, value.__defaults__, value.__kwdefaults__]

    def _keep_instance(self, value: Any, bases: tuple[type, ...]) -> list[object]:
        if types.ModuleType in bases:
            return []
        if type in bases:
            return self._keep_class(value)
        if _Random in bases:
            python = _Random.getstate(value)
            self._undo.append(lambda: _Random.setstate(value, python))
        elif _RandomState in bases:
            legacy = _RandomState.get_state(value)
            self._undo.append(lambda: _RandomState.set_state(value, legacy))
        elif _NumpyGenerator in bases:
            bits = _bits_of(value)
            bits_state = bits.state
            self._undo.append(lambda: setattr(bits, "state", bits_state))
        return self._keep_attributes(value)

    def _keep_attributes(self, value: Any) -> list[object]:
        if not any(self._is_ours(one) for one in _mro(type(value))):
            return []
        try:
            attributes = _dict_of(value, "__dict__")
        except AttributeError:
            return []
        return [attributes] if type(attributes) is dict else []

    def _keep_class(self, value: Any) -> list[object]:
        """What the submission's own classes hold beside their methods."""
        own = type.__dict__["__dict__"].__get__(value)
        if not self._is_ours(value, torch_too=False):
            return []
        was = {name: one for name, one in own.items() if not name.startswith("__")}

        def undo() -> None:
            for name in [one for one in own if not one.startswith("__") and one not in was]:
                type.__delattr__(value, name)
            for name, one in was.items():
                if own.get(name) is not one:
                    type.__setattr__(value, name, one)

        self._undo.append(undo)
        return list(was.values())

    def _is_ours(self, kind: type, *, torch_too: bool = True) -> bool:
        """Whether a class is the submission's, of a cell or a file beside it, or torch's."""
        name = type.__dict__["__dict__"].__get__(kind).get("__module__")
        if type(name) is not str:
            return False
        if name == self._globals.get("__name__") or (torch_too and name.split(".")[0] == "torch"):
            return True
        file = getattr(_modules.get(name), "__file__", None)
        return type(file) is str and file.startswith(self._folder)

    def _keep_array(self, value: Any) -> list[object]:
        owner = _owner(value)
        if _NDARRAY in _mro(type(owner)):
            return [owner]
        if self._affords(_array_bytes(value)) and not _has_objects(_array_dtype(value)):
            was = _array_copy(value)
            self._undo.append(lambda: _copyto(value, was))
        return []

    def _keep_tensor(self, value: Any) -> list[object]:
        with _no_grad(), _Function(), _Dispatch():
            same = _detach(value)  # another tensor on the same memory
            needs, gradient = _requires_grad.__get__(value), None
            has_graph = _grad_fn(value) is not None
            if not has_graph:
                gradient = _grad.__get__(value)
            self._tensors.append(value)
            place = _place(same)

            def undo() -> None:
                if not has_graph and _grad_fn(value) is not None:
                    _detach_in_place(value)
                if _place(value) != place:
                    _data(value, same)
                if not has_graph:
                    _require(value, needs)
                    _grad.__set__(value, gradient)

            self._undo.append(undo)
            self._keep_storage(_untyped_storage(same))
        return [gradient, *self._keep_attributes(value)]

    def _keep_storage(self, storage: Any) -> None:
        key = (str(storage.device), _pointer(storage))
        size = _bytes(storage)
        if key in self._storages or not self._affords(size):
            return
        self._storages.add(key)
        try:
            was = _clone_storage(storage)
        except RuntimeError:  # there is no room for it on the device
            was = _to_cpu(storage)

        def undo() -> None:
            if _bytes(storage) != size:
                _resize_storage(storage, size)
            _copy_storage(storage, was)

        self._undo.append(undo)

    def _affords(self, size: int) -> bool:
        if size > self._room:
            return False
        self._room -= size
        return True


def _place(value: Any) -> tuple[object, ...]:
    """Where a tensor's entries lie."""
    storage = _untyped_storage(value)
    return _pointer(storage), _base.storage_offset(value), _shape(value), _stride(value)


_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, types.CodeType})
