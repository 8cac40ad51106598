"""What makes the zygote warm: modules loaded before the first fork, pages that forks share."""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import sys
from collections.abc import Iterable

_HUGE_PAGE = 1 << 21
_MADV_COLLAPSE = 25


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


def settle() -> None:
    """Make forks cheap: no garbage left, objects frozen, memory in huge pages.

    `gc.freeze` keeps the collector from writing to the pages that children share. A fork copies
    one entry for a huge page where it would copy 512, which more than halves its cost; a write in
    a child still copies 4 KiB alone. Where the kernel can't collapse (before 6.1), nothing
    changes but the time a fork takes.
    """
    gc.collect()
    gc.freeze()
    libc = ctypes.CDLL(None)
    for start, end in _private_writable():
        for at in range(start, end, _HUGE_PAGE):
            libc.madvise(ctypes.c_void_p(at), ctypes.c_size_t(_HUGE_PAGE), _MADV_COLLAPSE)


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
