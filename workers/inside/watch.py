"""Counts what autograd and the optimisers do.

Two counters for the whole run, cheap enough to stay on: calls of Python into the autograd engine,
and optimiser steps. For one watched call there is a closer look, which also sees what does not
pass through torch's own Python functions: the engine called directly, from TorchScript or through
an operator, kernels of the backward pass, and forward-mode differentiation.

All of it runs in the student's process and is evidence like any other: reading the source
(`grader.checks`) is the other half.
"""

from __future__ import annotations

import re
import sys
import threading
from types import BuiltinFunctionType, FrameType
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from .losses import note

try:  # private, and the only view of the engine below Python
    from torch._C import _profiler
    from torch._C._autograd import _disable_profiler_legacy, _enable_profiler_legacy

    _HAS_PROFILER = True
except ImportError:  # another torch: what Python sees has to do
    _HAS_PROFILER = False

_setprofile = sys.setprofile
_getprofile = sys.getprofile
_set_threads_profile = threading.setprofile
_threads_profile = threading.getprofile
_BUILTIN = BuiltinFunctionType
_name_of = BuiltinFunctionType.__dict__["__name__"].__get__

# Built-in functions by which anything enters the engine or a level of forward differentiation.
_ENTRIES = frozenset(
    {
        "run_backward",
        "_backward",
        "_enter_dual_level",
        "_jvp_increment_nesting",
        "_grad_increment_nesting",
    }
)
# What the profiler calls an evaluation of the graph, and torch's own kernels of the backward pass.
_at_work = re.compile(r"autograd::engine::evaluate_function|aten::(\w*_)?backward(_|$)").match


class _Counts:
    backward = 0
    optimiser = 0


_counts = _Counts()


def install() -> None:
    """Start counting; once, in the process that all runs are forked from."""
    run_backward = torch.autograd.graph._engine_run_backward

    def counted(*args: Any, **kwargs: Any) -> Any:
        _counts.backward += 1
        if args and kwargs.get("accumulate_grad"):  # backward(), and not grad()
            note(args[0])
        return run_backward(*args, **kwargs)

    def stepped(*_: Any) -> None:
        _counts.optimiser += 1

    torch.autograd.graph._engine_run_backward = counted
    torch.autograd._engine_run_backward = counted  # type: ignore[attr-defined]
    register_optimizer_step_post_hook(stepped)


def steps() -> int:
    """Backward passes or optimiser steps so far, whichever is more."""
    return max(_counts.backward, _counts.optimiser)


class Watch:
    """Counts in `count` how often a `with` block uses autograd.

    Calls into the engine and entries of forward-mode levels count, also from threads that it
    starts. Where only an evaluation of the graph, or kernels of the backward pass, were seen, that
    counts as one.
    """

    def __init__(self) -> None:
        self.count = 0
        self._entries = 0
        self._backward = 0

    def __enter__(self) -> Watch:
        self._backward = _counts.backward
        self._former = _getprofile(), _threads_profile()
        if _HAS_PROFILER:
            experimental = _profiler._ExperimentalConfig()
            _enable_profiler_legacy(
                _profiler.ProfilerConfig(
                    _profiler.ProfilerState.CPU, False, False, False, False, False, experimental
                )
            )
        _set_threads_profile(self._event)
        _setprofile(self._event)
        return self

    def __exit__(self, *exc: object) -> None:
        _setprofile(self._former[0])
        _set_threads_profile(self._former[1])
        evaluated = False
        if _HAS_PROFILER:
            events = _disable_profiler_legacy()
            evaluated = any(
                _at_work(event.name()) is not None for thread in events for event in thread
            )
        self.count = max(self._entries, _counts.backward - self._backward, int(evaluated))

    def _event(self, frame: FrameType, event: str, function: object) -> None:
        if event == "c_call" and type(function) is _BUILTIN and _name_of(function) in _ENTRIES:
            self._entries += 1
