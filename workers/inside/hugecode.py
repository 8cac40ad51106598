"""torch's machine code in huge pages.

A fork maps the pages of a library's code again, one fault after the other, wherever it computes:
about 250 faults in a probe. In huge pages of the zygote's own it takes over one entry for each
2 MiB, and has none. They cost memory once for each zygote, as much as is moved, and are shared by
all of its forks. So of 340 MB of code that is moved which a training has been seen to run.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Collection, Iterable, Sequence
from mmap import PAGESIZE

_HUGE_PAGE = 2 << 20
_GAP = 2  # huge pages of other code are moved along: each piece is one more thing to fork
_PRESENT = 0x80  # in the highest byte of a page's entry in pagemap
_LIBRARIES = ("libtorch_cpu.so", "libtorch_python.so")
_READ, _WRITE, _EXECUTE = 1, 2, 4
_PRIVATE, _ANONYMOUS = 0x02, 0x20
_MAY_MOVE, _FIXED = 1, 2
_MADV_HUGEPAGE, _MADV_COLLAPSE = 14, 25


def used_code() -> list[int]:
    """Where huge pages' worth of torch's code begin of which this process has run something since
    it was forked: a fork has no entries for the pages of files. Empty where that can't be told."""
    used = []
    try:
        with open("/proc/self/pagemap", "rb", buffering=0) as pages:
            for start, length in _code():
                entries = os.pread(pages.fileno(), length // PAGESIZE * 8, start // PAGESIZE * 8)
                highest, a_page = entries[7::8], _HUGE_PAGE // PAGESIZE
                for at in range(0, len(highest), a_page):
                    if max(highest[at : at + a_page]) & _PRESENT:
                        used.append(start + at * PAGESIZE)
    except OSError:
        return []
    return used


def move_code(libc: ctypes.CDLL, used: Collection[int]) -> int:
    """Move the code of torch's libraries that is in use, see `used_code`; how many bytes were.

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
    pieces = [
        piece
        for start, length in _code()
        for piece in _pieces([one for one in sorted(used) if start <= one < start + length])
    ]
    return sum(length for start, length in pieces if _moved(libc, start, length))


def _pieces(used: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Start and length of what is moved at a time, by the starts of huge pages of one library."""
    first = last = used[0] if used else 0
    for start in used:
        if start - last > (_GAP + 1) * _HUGE_PAGE:
            yield first, last + _HUGE_PAGE - first
            first = start
        last = start
    if used:
        yield first, last + _HUGE_PAGE - first


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
