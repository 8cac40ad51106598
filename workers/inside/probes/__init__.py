"""The questions that a sandbox answers; docs/protocol.md specifies each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..plainly import are_plain
from . import (
    autograd,
    call,
    counting,
    derivative,
    figures,
    formula,
    learning,
    module,
    predict,
    steps,
    sweep,
    tensors,
    values,
)

_KINDS: dict[str, Callable[[dict[str, Any], dict[str, Any], int], dict[str, Any]]] = {
    "autograd": autograd.answer,
    "call": call.answer,
    "module": module.answer,
    "predict": predict.answer,
    "learning": learning.answer,
    "counting": counting.answer,
    "figures": figures.answer,
    "derivative": derivative.answer,
    "formula": formula.answer,
    "steps": steps.answer,
    "sweep": sweep.answer,
    "tensors": tensors.answer,
    "values": values.answer,
}

# What these make of the namespace stays in it: the reference answers them in a fork as well.
CHANGING = frozenset({"steps"})


def only_looks(kind: str, payload: dict[str, Any], namespace: dict[str, Any]) -> bool:
    """Whether the answer takes no more than reading values that are plain."""
    if kind != "values":
        return False
    try:
        return are_plain(payload["names"], namespace)
    except Exception:  # the submission has made something of Python itself
        return False


def answer(
    kind: str, payload: dict[str, Any], namespace: dict[str, Any], room: int
) -> dict[str, Any]:
    """Evidence from the namespace of a run; `room` bounds the bytes of its arrays."""
    return _KINDS[kind](payload, namespace, room)
