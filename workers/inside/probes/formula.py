"""`formula`: the text of a formula that sympy holds."""

from __future__ import annotations

from typing import Any

from ..describe import ROOM, Describer

_LONGEST = 2000
_mro = type.__dict__["__mro__"].__get__
_str = str


def answer(payload: dict[str, Any], namespace: dict[str, Any], room: int = ROOM) -> dict[str, Any]:
    """`{text}`: described; None where the name holds nothing of sympy's."""
    value = namespace.get(payload["name"])
    describer = Describer(room)
    try:
        if any(one.__module__.startswith("sympy.") for one in _mro(type(value))):
            return {"text": describer.describe(_str.__str__(_str(value))[:_LONGEST])}
    except BaseException:  # its own methods had a part in it
        return {"text": describer.describe(None)}
    return {"text": describer.describe(None)}
