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

_settrace, _gettrace = sys.settrace, sys.gettrace
_DispatchMode: Any = TorchDispatchMode


def answer(payload: dict[str, Any], namespace: dict[str, Any], room: int = ROOM) -> dict[str, Any]:
    """`{found, cases: [{values, operations, lines, watched}]}`."""
    describer = Describer(room)
    name = payload["function"]
    if name not in namespace:
        return {"found": None, "cases": []}
    function = namespace[name]
    touched: list[str] = []
    # There is no taking it away again; it ends with the fork that the probe runs in.
    sys.addaudithook(lambda event, _: touched.append(event) if event == "sys.settrace" else None)
    # The first call may import or compile something, which is no part of the work.
    _case(payload["cases"][0], function, namespace, Describer(room), touched)
    cases = [_case(case, function, namespace, describer, touched) for case in payload["cases"]]
    return {"found": describer.describe(function), "cases": cases}


def _case(
    case: dict[str, Any],
    function: Any,
    namespace: dict[str, Any],
    describer: Describer,
    touched: list[str],
) -> dict[str, Any]:
    """Two calls: counting operations runs lines of Python itself."""
    operations, lines = _Operations(), _Lines(touched)
    return {
        "values": [
            _call(case, _within(counter, function), function, namespace, describer)
            for counter in (lines, operations)
        ],
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

    `whole` says whether all of them could be counted; `touched` takes each use of `sys.settrace`.
    """

    def __init__(self, touched: list[str]) -> None:
        self.count = 0
        self.whole = True
        self._touched = touched
        self._open = 0  # frames that have begun and not ended

    def __enter__(self) -> None:
        _settrace(self._event)
        self._touched.clear()

    def __exit__(self, *exc: object) -> None:
        self.whole &= _gettrace() == self._event and not self._touched and not self._open
        _settrace(None)

    def _event(self, frame: Any, event: str, _: Any) -> Any:
        if event == "call":
            if frame.f_code is _END:
                return None
            self._open += 1
        elif event == "return":
            self._open -= 1
            # A frame can keep its lines to itself; one that is not traced tells no end, either.
            self.whole &= frame.f_trace_lines
        if event in ("line", "call"):
            self.count += 1
        return self._event


_END = _Lines.__exit__.__code__
