"""Shapes as students write them: `torch.Size([100, 2])`, `(100, 2)`, `100 x 2`, `n by 2`, `(n, 2)`.

A size is a number or a symbol. Everything is read in passes over a bounded text; no text raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from grader.checks.answers.numerals import plain

Sizes = tuple[int | str, ...]

MAX_CHARS = 1_000
_SIZE = r"(?:\d{1,15}|[^\W\d]\w{0,30})"
_SHORT = r"(?:\d{1,15}|[^\W\d]\w{0,2}|[^\W\d_]{1,20}_\w{1,20})"  # "multiplied by 2" is none
_LIST = re.compile(rf"[\[(] ?((?:{_SIZE} ?, ?){{0,20}}{_SIZE}? ?)[\])]")
_PRODUCT = re.compile(
    rf"(?<![\w.^]){_SIZE}(?:(?: ?[×*] ?| [xX] ){_SIZE})+(?![\w.(])"
    rf"|(?<![\w.^]){_SHORT}(?: by {_SHORT})+(?![\w.(])"
    r"|(?<![\w.])\d{1,15}(?:[xX]\d{1,15})+(?![\w.])"
    r"|(?<![\w.])[a-zA-Z](?:[xX](?:\d{1,15}|[a-zA-Z]))(?![\w.])"
)
_TIMES = re.compile(r" ?[×*] ?| [xX] | by |(?<=\d)[xX](?=\d)|(?<=^[a-zA-Z])[xX](?=\w+$)")
_BARE_LIST = re.compile(rf"{_SIZE}(?: ?, ?{_SIZE})+,?")
_ONE = re.compile(r"(?<![\w.-])\d{1,15}(?![\w.])")
_SYMBOL = re.compile(r"[^\W\d]\w{0,2}")
_SCALAR = re.compile(
    r"[\[(] ?[\])]|\b(?:a )?(?:scalar|0-?d(?:imensional)?|zero-dimensional)\b", re.IGNORECASE
)
_ROWS = re.compile(r"(\w{1,20}) rows?,? (?:and|by|x|×) (\w{1,20}) col(?:umn)?s?\b", re.IGNORECASE)
_LEAD = re.compile(r"^(?:(?:the )?shape (?:of \S{1,40} )?(?:is|=|:)|it is|is|=|:) ?", re.IGNORECASE)


def shapes_in(text: str) -> tuple[Sizes, ...]:
    """The shapes that a text names, each once; more than one where it is not clear.

    Lists in brackets and products are shapes; without any, a lone number is a shape of one
    dimension, and "scalar" or `()` one of none.
    """
    text = " ".join(plain(text[:MAX_CHARS]).split()).strip(" .;")
    text = _ROWS.sub(r"\1 × \2", text.replace("-by-", " by "))
    lists = [_sizes(found[1].split(",")) for found in _LIST.finditer(text) if found[1].strip()]
    outside = _LIST.sub(" ; ", text)
    products = [_sizes(_TIMES.split(found[0])) for found in _PRODUCT.finditer(outside)]
    found = _clear([*(one for one in lists if len(one) > 1), *products])
    if found:
        return found
    # `[3]` and `(3,)`; one word in parentheses is a remark.
    found = _clear(one for one in lists if isinstance(one[0], int))
    if found:
        return found
    if _SCALAR.search(text):
        return ((),)
    bare = _LEAD.sub("", text)
    if _BARE_LIST.fullmatch(bare):
        return (_sizes(bare.rstrip(",").split(",")),)
    numbers = _clear((int(one[0]),) for one in _ONE.finditer(outside))
    if numbers:
        return numbers
    symbol = _LIST.fullmatch(bare)
    bare = symbol[1].strip(" ,") if symbol else bare
    return ((bare,),) if _SYMBOL.fullmatch(bare) else ()


def same_shape(given: Sequence[int | str], wanted: Sequence[int | str], *, measured: bool) -> bool:
    """Whether a shape is the wanted one.

    A wanted str is a symbol: any symbol may stand for it, the same one everywhere and for nothing
    else; one that the wanted shape knows, in upper or lower case, stands for itself. `measured`
    is the shape of an actual tensor: there numbers stand for symbols.
    """
    if len(given) != len(wanted):
        return False
    known = {one.casefold() for one in wanted if isinstance(one, str)}
    stands: dict[str, int | str] = {}
    for size, want in zip(given, wanted, strict=True):
        if isinstance(want, int):
            if size != want or isinstance(size, str):
                return False
            continue
        if isinstance(size, int) is not measured:
            return False
        have = size.casefold() if isinstance(size, str) else size
        if isinstance(have, str) and have in known and have != want.casefold():
            return False
        if stands.setdefault(want.casefold(), have) != have:
            return False
    return measured or len(set(stands.values())) == len(stands)


def written(shape: Sequence[int | str]) -> str:
    """A shape as Python writes it."""
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"


def _sizes(parts: Iterable[str]) -> Sizes:
    sizes = (part.strip() for part in parts)
    return tuple(int(size) if size.isdecimal() else size for size in sizes if size)


def _clear(shapes: Iterable[Sizes]) -> tuple[Sizes, ...]:
    """The shapes, each once; those of words alone only where there are no others."""
    each = tuple(dict.fromkeys(one for one in shapes if one))
    numbered = tuple(one for one in each if any(isinstance(size, int) for size in one))
    return numbered or each
