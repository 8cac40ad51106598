"""torch's machine code in huge pages.

A fork maps the pages of a library's code again, one fault after the other, wherever it computes:
about 250 faults in a probe. In huge pages of the zygote's own it takes over one entry for each
2 MiB, and has none. They cost memory once for each zygote, as much as the code is long (340 MB),
and are shared by all of its forks.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

_HUGE_PAGE = 2 << 20
_LIBRARIES = ("libtorch_cpu.so", "libtorch_python.so")
_READ, _WRITE, _EXECUTE = 1, 2, 4
_PRIVATE, _ANONYMOUS = 0x02, 0x20
_MAY_MOVE, _FIXED = 1, 2
_MADV_HUGEPAGE, _MADV_COLLAPSE = 14, 25


def move_code(libc: ctypes.CDLL) -> int:
    """Move the code of torch's libraries; how many bytes were.

    Nothing of it may run meanwhile. Where the kernel has no huge pages to give, or lets no memory
    of a process's own be executed, the code stays where it is.
    """
    size, address, number = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int
    libc.mmap.restype = libc.mremap.restype = address
    libc.mmap.argtypes = [address, size, number, number, number, ctypes.c_long]
    libc.mremap.argtypes = [address, size, size, number, address]
    libc.mprotect.argtypes = [address, size, number]
    libc.madvise.argtypes = [address, size, number]
    libc.munmap.argtypes = [address, size]
    return sum(length for start, length in _code() if _moved(libc, start, length))


def _moved(libc: ctypes.CDLL, start: int, length: int) -> bool:
    whole = length + _HUGE_PAGE
    room = libc.mmap(None, whole, _READ | _WRITE, _PRIVATE | _ANONYMOUS, -1, 0)
    if room is None or room == ctypes.c_void_p(-1).value:
        return False
    copy = -(-room // _HUGE_PAGE) * _HUGE_PAGE
    libc.madvise(copy, length, _MADV_HUGEPAGE)
    ctypes.memmove(copy, start, length)
    # In small pages it would be dearer than what it replaces.
    fits = libc.madvise(copy, length, _MADV_COLLAPSE) == 0
    if not fits or libc.mprotect(copy, length, _READ | _EXECUTE) != 0:
        libc.munmap(room, whole)
        return False
    moved: int | None = libc.mremap(copy, length, length, _MAY_MOVE | _FIXED, start)
    for rest, end in ((room, copy), (copy + length, room + whole)):
        if end > rest:
            libc.munmap(rest, end - rest)
    return moved == start


def _code() -> Iterable[tuple[int, int]]:
    """Start and length of whole huge pages' worth of code."""
    with open("/proc/self/maps") as maps:
        lines = maps.read().splitlines()
    for line in lines:
        where, may, *_, name = line.split(maxsplit=5)
        if may != "r-xp" or not name.endswith(_LIBRARIES):
            continue
        low, high = (int(part, 16) for part in where.split("-"))
        start = -(-low // _HUGE_PAGE) * _HUGE_PAGE
        length = high // _HUGE_PAGE * _HUGE_PAGE - start
        if length > 0:
            yield start, length
