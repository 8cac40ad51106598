"""Expressions over a submission, as steps that the probe `steps` does one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workers.inside.wire import ITEM_SIZES, Array
from workers.tests_runner.torchvalues import tensor_bytes, torch_tensor

_MOST = 300
_WORDS = 80
_SYMBOLS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "truediv": "/",
    "floordiv": "//",
    "mod": "%",
    "pow": "**",
    "matmul": "@",
}


@dataclass(frozen=True, eq=False)
class Step:
    """One step; among its arguments are data, and steps whose results it takes."""

    do: str
    args: tuple[object, ...] = ()
    kwargs: Mapping[str, object] = field(default_factory=dict)
    name: str = ""

    @property
    def words(self) -> str:
        """How a person would write it, without the data: "Model().forward()"."""
        words = self._words()
        return words if len(words) <= _WORDS else f"{words[: _WORDS - 1]}…"

    @property
    def verb(self) -> str:
        """Between the words and the value."""
        return "gave" if self.do == "call" else "is"

    def _words(self) -> str:
        inner = [one.words if isinstance(one, Step) else "…" for one in self.args]
        match self.do:
            case "call":
                return f"{inner[0]}()"
            case "attribute":
                return f"{inner[0]}.{self.name}"
            case "item":
                key = self.args[1]
                shown = repr(key)[:20] if isinstance(key, int | str) else "…"
                return f"{inner[0]}[{shown}]"
            case "length":
                return f"len({inner[0]})"
            case "items":
                return f"list({inner[0]})"
            case "operator" if len(inner) == 2:
                return f"({inner[0]} {_SYMBOLS[self.name]} {inner[1]})"
            case "operator":
                return f"{self.name}({inner[0]})"
        return self.name


def program(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """The steps and all that they need, in order, each once, as the probe takes them."""
    places: dict[Step, int] = {}
    encoded: list[dict[str, Any]] = []

    def add(step: Step) -> None:
        if step in places:
            return
        for one in (*step.args, *step.kwargs.values()):
            for needed in _steps_in(one):
                add(needed)
        if len(encoded) == _MOST:
            raise ValueError(f"more than {_MOST} steps in one expression or session")
        entry = {
            "do": step.do,
            "name": step.name,
            "args": [_argument(one, places) for one in step.args],
            "kwargs": {name: _argument(one, places) for name, one in step.kwargs.items()},
        }
        places[step] = len(encoded)
        encoded.append(entry)

    for step in steps:
        add(step)
    return encoded


def _steps_in(value: object) -> Iterable[Step]:
    match value:
        case Step():
            yield value
        case list() | tuple():
            for one in value:
                yield from _steps_in(one)
        case dict():
            for one in value.values():
                yield from _steps_in(one)


def _argument(value: Any, places: Mapping[Step, int]) -> dict[str, Any]:
    match value:
        case Step():
            return {"step": places[value]}
        case None | bool() | int() | float() | complex() | str():
            return {"value": value}
        case np.generic():
            return _argument(value.item(), places)
        case np.ndarray() if str(value.dtype) in ITEM_SIZES:
            flat = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
            return {"array": Array(str(value.dtype), value.shape, flat.tobytes())}
        case _ if torch_tensor(value):
            return {"tensor": [tensor_bytes(value), bool(value.requires_grad)]}
        case list():
            return {"list": [_argument(one, places) for one in value]}
        case tuple():
            return {"tuple": [_argument(one, places) for one in value]}
        case dict():
            pairs = [[_argument(key, places), _argument(one, places)] for key, one in value.items()]
            return {"dict": pairs}
        case slice():
            ends = (value.start, value.stop, value.step)
            return {"slice": [_argument(one, places) for one in ends]}
    raise TypeError(
        f"a {type(value).__name__} can't be handed to the submission: numbers, text, numpy arrays, "
        "lists, tuples and dicts can, and what came from the submission itself"
    )
