"""What makes the zygote warm: modules loaded before the first fork, pages that forks share."""

from __future__ import annotations

import ctypes
import gc
import importlib
import logging
import os
import sys
from collections.abc import Iterable

from .hugecode import move_code, used_code

_HUGE_PAGE = 1 << 21
_MADV_COLLAPSE = 25

# Of Python's and the C library's allocators: what they keep in classes of sizes, how much apart.
_SIZES = range(48, 513, 16)
_POOL = 16384
_CHUNK_SIZES = range(24, 1033, 16)
_CHUNK_HEAD = 8
_IN_A_ROW = 64  # chunks one behind the other: from here on the heap is whole
_AT_MOST = 100_000  # of one size: an allocator that never lies in a row is let be

_filling: list[object] = []


def load(names: Iterable[str]) -> list[str]:
    """Import each module; return the names of those that this runtime does not have."""
    absent = []
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:
            absent.append(name)
    return absent


def load_lazy_parts() -> None:
    """Import what torch imports only when a first model is trained.

    Which modules those are is found by training in a child and comparing `sys.modules`: the
    zygote itself never runs autograd, since a process that has done so cannot be forked safely
    on every build.
    """
    for name in _in_child(_names_after_training):
        try:
            importlib.import_module(name)
        except Exception:  # a module that only loads in its context stays lazy
            continue


def forget_absent_devices() -> None:
    """Have torch keep no calls for devices that its build doesn't know.

    `torch.manual_seed` would keep one for each kind of device, with a traceback for which it reads
    the source of every function on the stack: 2 ms and 380 pages in a fresh fork.
    """
    import torch

    for device, seeding in (("cuda", "cuda.random"), ("xpu", "xpu.random"), ("mtia", "mtia")):
        known = getattr(getattr(torch, device, None), "_is_compiled", None)
        module = sys.modules.get(f"torch.{seeding}")
        if known is not None and not known() and hasattr(module, "_lazy_call"):
            module._lazy_call = _nothing  # type: ignore[union-attr]


def _nothing(*_: object, **__: object) -> None:
    """What a device that there is not does."""


def _names_after_training() -> list[str]:
    import torch

    before = set(sys.modules)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    x, y = torch.randn(8, 3), torch.randn(8, 2)
    for optimiser in (
        torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        torch.optim.Adam(model.parameters()),
        torch.optim.AdamW(model.parameters()),
        torch.optim.RMSprop(model.parameters()),
    ):
        schedule = torch.optim.lr_scheduler.StepLR(optimiser, 10)
        for _ in range(2):
            optimiser.zero_grad()
            torch.nn.functional.mse_loss(model(x), y).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    repr(model), repr(x), str(torch.randn(2, requires_grad=True))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=4)
    for _batch in loader:
        pass
    return sorted(set(sys.modules) - before)


def _in_child(names: object) -> list[str]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            with os.fdopen(writer, "w") as out:
                out.write("\n".join(names()))  # type: ignore[operator]
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as found:
        listed = found.read().split("\n")
    os.waitpid(child, 0)
    return [name for name in listed if name]


def _code_used_in_training() -> list[str]:
    _names_after_training()
    return list(map(str, used_code()))


def settle() -> None:
    """Make forks cheap: no garbage left, objects frozen, holes filled, and in huge pages memory and
    what trainings run of torch's code.

    `gc.freeze` keeps the collector from writing to the pages that children share. A fork copies
    one entry for a huge page where it would copy 512, which more than halves its cost; a write in
    a child still copies 4 KiB alone. Where the kernel can't collapse (before 6.1), nothing
    changes but the time a fork takes.
    """
    libc = ctypes.CDLL(None)
    used = [int(start) for start in _in_child(_code_used_in_training)]
    gc.collect()
    _forget_locks_of_logging()
    _fill_pools()
    _fill_heap(libc)
    gc.freeze()
    for start, end in _private_writable():
        for at in range(start, end, _HUGE_PAGE):
            libc.madvise(ctypes.c_void_p(at), ctypes.c_size_t(_HUGE_PAGE), _MADV_COLLAPSE)
    move_code(libc, used)


def _forget_locks_of_logging() -> None:
    """A fork need not renew the locks of all handlers: nobody holds one when the zygote forks."""
    known = getattr(logging, "_at_fork_reinit_lock_weakset", None)
    if known is not None:
        known.clear()


def _fill_pools() -> None:
    """Fill the holes that freed objects have left, so that forks make theirs in a row.

    Each page that a fork writes to for the first time is a fault and a copy, and a new object in a
    hole is one more such page.
    """
    for size in _SIZES:
        last = in_a_row = 0
        for _ in range(_AT_MOST):
            one = bytes(size - sys.getsizeof(b""))
            _filling.append(one)
            in_a_row = in_a_row + 1 if id(one) == last + size else 0
            last = id(one)
            if in_a_row > _POOL // size - 3:
                break


def _fill_heap(libc: ctypes.CDLL) -> None:
    """The same for the C library's heap."""
    libc.malloc.restype = ctypes.c_size_t
    for size in _CHUNK_SIZES:
        last = in_a_row = 0
        for _ in range(_AT_MOST):
            at = libc.malloc(ctypes.c_size_t(size))
            in_a_row = in_a_row + 1 if at == last + size + _CHUNK_HEAD else 0
            last = at
            if in_a_row > _IN_A_ROW:
                break


def _private_writable() -> Iterable[tuple[int, int]]:
    """Whole huge pages' worth of the heap and of anonymous memory."""
    with open("/proc/self/maps") as maps:
        lines = maps.read().splitlines()
    for line in lines:
        fields = line.split()
        if "w" not in fields[1] or (len(fields) > 5 and fields[5] != "[heap]"):
            continue
        low, high = (int(part, 16) for part in fields[0].split("-"))
        start = -(-low // _HUGE_PAGE) * _HUGE_PAGE
        end = high // _HUGE_PAGE * _HUGE_PAGE
        if end > start:
            yield start, end
