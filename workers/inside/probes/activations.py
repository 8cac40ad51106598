"""Activation functions left out or replaced while code runs: what such a mistake would give.

For the reference alone: it can be believed to call its activations by PyTorch's own functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_base: Any = torch._C.TensorBase
_BY_NAME: dict[str, Callable[..., Any]] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "": lambda x: x,
}
_NAMES: dict[Any, str] = {
    **dict.fromkeys((torch.relu, torch.relu_, functional.relu, _base.relu, _base.relu_), "relu"),
    **dict.fromkeys((torch.sigmoid, torch.special.expit, _base.sigmoid), "sigmoid"),
    **dict.fromkeys((torch.tanh, _base.tanh), "tanh"),
    **dict.fromkeys((torch.softmax, functional.softmax, _base.softmax), "softmax"),
}


class Activations(TorchFunctionMode):
    """Counts the activations of one call, in `used`, and replaces some of them.

    `at` holds the numbers of those that become the one called `use`, or nothing where that is "".
    """

    def __init__(self, at: list[int], use: str) -> None:
        super().__init__()
        self.used: list[str] = []
        self._at = frozenset(at)
        self._instead = _BY_NAME[use]

    def __enter__(self) -> Activations:
        self.used = []
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        name = _NAMES.get(func)
        if name is not None:
            self.used.append(name)
            if len(self.used) - 1 in self._at and args:
                return self._instead(args[0])
        return func(*args, **(kwargs or {}))


def replacing(payload: Mapping[str, Any]) -> AbstractContextManager[Any]:
    """What a payload wants of the activations during each call; often nothing."""
    wanted = payload.get("activations")
    return nullcontext() if wanted is None else Activations(**wanted)


def told(mode: AbstractContextManager[Any]) -> dict[str, Any]:
    """The activations of the last call, as a part of the evidence where they were asked for."""
    return {"activations": mode.used} if isinstance(mode, Activations) else {}
