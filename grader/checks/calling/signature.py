"""How inputs go into a call: as a probe takes them, and as a person would write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from grader.checks.arrays import Array, read
from grader.checks.calling.given import Given, Input, Plain, Scalar
from grader.checks.reading import shown
from grader.domain.evidence import Mapped, Sequence, Tensor, Value

_FEW = 24  # entries that a message can show


@dataclass(frozen=True, kw_only=True)
class Signature:
    """How the inputs go into a call: in order, and by keyword; what is in neither is a global."""

    function: str
    args: tuple[Scalar, ...]  # a str is the name of an input
    kwargs: Mapping[str, Scalar]
    inputs: Mapping[str, Input]

    def payload(self, given: Given) -> dict[str, object]:
        """The case as the probe `call` takes it: tensors are bound as globals as well."""
        bind = {
            name: value
            for name, value in given.values.items()
            if isinstance(value, np.ndarray) and not self.inputs[name].is_plain
        }

        def argument(one: Scalar) -> object:
            if not isinstance(one, str):
                return one
            return {"name": one} if one in bind else self._plain(one, given)

        return {
            "bind": bind,
            "args": [argument(one) for one in self.args],
            "kwargs": {name: argument(one) for name, one in self.kwargs.items()},
        }

    def written(self, given: Given, function: str, longest: int) -> str | None:
        """The call as a student would write it; None where it is longer than that."""
        names = [one for one in (*self.args, *self.kwargs.values()) if isinstance(one, str)]
        texts = {name: self._text(name, given) for name in {*names, *given.values}}

        def argument(one: Scalar) -> str | None:
            return texts[one] if isinstance(one, str) else repr(one)

        parts = [argument(one) for one in self.args]
        parts += [f"{name}={argument(one)}" for name, one in self.kwargs.items()]
        rest = [f"{name} = {texts[name]}" for name in given.values if name not in names]
        if None in texts.values():
            return None
        call = f"{function}({', '.join(str(one) for one in parts)})"
        if rest:
            call += f" with {', '.join(rest)}"
        return call if len(call) <= longest else None

    def _plain(self, name: str, given: Given) -> object:
        value = given.values[name]
        return value.tolist() if isinstance(value, np.ndarray) else _lists(value)

    def _text(self, name: str, given: Given) -> str | None:
        value = given.values[name]
        if not isinstance(value, np.ndarray):
            return repr(_lists(value))
        return entries(value, tensor=not self.inputs[name].python)


def _lists(value: Plain) -> object:
    return [_lists(one) for one in value] if isinstance(value, tuple) else value


def entries(array: Array, tensor: bool = True) -> str | None:
    """A small array as Python code shows it; None for a larger one."""
    if array.size > _FEW:
        return None
    if array.ndim == 0:
        text = value_text(array.item()) or ""
        return f"tensor({text})" if tensor else text
    lines = np.array2string(array, separator=", ", precision=4, threshold=_FEW + 1)
    text = " ".join(lines.split()).replace("[ ", "[")
    if array.size == 0:
        text = f"of shape {array.shape}" if array.ndim != 1 else "[]"
    return f"tensor({text})" if tensor else text


_SHORT = 120  # characters of a value in a message


def value_text(value: Value) -> str | None:
    """A result as Python code shows it; None where that is long, or can't be said."""
    text = _value_text(value, 3)
    return text if text is not None and len(text) <= _SHORT else None


def _value_text(value: Value, depth: int) -> str | None:
    match value:
        case float() | complex():
            return f"{value:.6g}"
        case int():  # a bool, too
            return str(value) if abs(value) < 10**30 else None
        case None:
            return "None"
        case str() if len(value) <= _SHORT:
            return repr(shown(value, _SHORT))
        case Tensor():
            array = read(value)
            return None if array is None else entries(array, tensor=value.library == "torch")
        case Sequence() if depth and not value.cut and len(value.items) <= _FEW:
            items = [_value_text(item, depth - 1) for item in value.items]
            if None in items:
                return None
            inside = ", ".join(str(item) for item in items)
            return f"[{inside}]" if value.type == "list" else f"({inside})"
        case Mapped() if depth and not value.cut and len(value.items) <= _FEW:
            pairs = [(_value_text(k, 0), _value_text(v, depth - 1)) for k, v in value.items]
            if any(None in pair for pair in pairs):
                return None
            return "{" + ", ".join(f"{key}: {one}" for key, one in pairs) + "}"
    return None
