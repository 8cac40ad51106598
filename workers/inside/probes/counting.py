"""`counting`: how much a function does for inputs of several sizes, as counts and not as time.

Counted are the operations that PyTorch dispatches, and the lines of Python that run, calls
included: each turn of a loop, of a comprehension or of a recursion is at least one of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from ..describe import ROOM, Describer
from .inputs import Inputs, attempt, widened

_OWN = 3  # the call of `_Lines.__exit__` and its lines before tracing ends
_settrace, _gettrace = sys.settrace, sys.gettrace
_DispatchMode: Any = TorchDispatchMode


def answer(payload: dict[str, Any], namespace: dict[str, Any], room: int = ROOM) -> dict[str, Any]:
    """`{found, cases: [{value, operations, lines, watched}]}`."""
    describer = Describer(room)
    name = payload["function"]
    if name not in namespace:
        return {"found": None, "cases": []}
    function = namespace[name]
    # The first call may import or compile something, which is no part of the work.
    _case(payload["cases"][0], function, namespace, Describer(room))
    cases = [_case(case, function, namespace, describer) for case in payload["cases"]]
    return {"found": describer.describe(function), "cases": cases}


def _case(
    case: dict[str, Any], function: Any, namespace: dict[str, Any], describer: Describer
) -> dict[str, Any]:
    """Two calls: counting operations runs lines of Python itself."""
    operations, lines = _Operations(), _Lines()
    value = _call(case, _within(lines, function), function, namespace, Describer(ROOM))
    if value["k"] != "raised":
        value = _call(case, _within(operations, function), function, namespace, describer)
    return {
        "value": value,
        "operations": operations.count,
        "lines": lines.count,
        "watched": lines.whole,
    }


def _call(
    case: dict[str, Any],
    counted: Callable[..., Any],
    function: object,
    namespace: dict[str, Any],
    describer: Describer,
) -> dict[str, Any]:
    inputs = Inputs(case, dtype=widened())
    with inputs.bound(namespace, function):
        return attempt(describer, lambda: inputs.call(counted, namespace))


def _within(counter: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*args: Any, **kwargs: Any) -> Any:
        with counter:
            return function(*args, **kwargs)

    return counted


class _Operations(_DispatchMode):  # type: ignore[misc]
    """Counts what PyTorch dispatches."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.count += 1
        return operation(*args, **(kwargs or {}))


class _Lines:
    """Counts the lines and the calls of Python within a `with` block.

    `whole` says whether nothing else took the tracing over meanwhile.
    """

    def __init__(self) -> None:
        self.count = 0
        self.whole = True

    def __enter__(self) -> None:
        _settrace(self._event)

    def __exit__(self, *exc: object) -> None:
        self.whole = _gettrace() == self._event
        _settrace(None)
        self.count = max(0, self.count - _OWN)

    def _event(self, frame: Any, event: str, _: Any) -> Any:
        if event in ("line", "call"):
            self.count += 1
        return self._event
