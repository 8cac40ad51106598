"""Keeps torch's compiler out of the zygote until a submission asks for it.

Every optimiser step imports `torch._dynamo`, of which it needs two functions that do nothing
outside compiled code. The import takes a second and 70 MB, which each fork would pay for in page
tables; so the zygote has a stand-in, and whatever else is asked of it loads the real one.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import torch

_NAME = "torch._dynamo"


def stand_in() -> None:
    """Put the stand-in in place of `torch._dynamo`, unless that is loaded already."""
    if _NAME in sys.modules:
        return
    sys.modules[_NAME] = torch._dynamo = _StandIn(_NAME)
    sys.meta_path.insert(0, _Loaded())


class _StandIn(ModuleType):
    """Answers what eager code asks; anything else is the real module's."""

    @staticmethod
    def graph_break(msg: str = "") -> None:
        """Nothing: there is no graph to break."""

    @staticmethod
    def disable(fn: Callable[..., Any], recursive: bool = True, **_: object) -> Callable[..., Any]:
        """`fn`: what is never compiled need not be kept from it."""
        return fn

    def __getattr__(self, name: str) -> Any:
        return getattr(_real(self), name)


def _real(stand_in: ModuleType) -> ModuleType:
    if sys.modules.get(_NAME) is stand_in:
        del sys.modules[_NAME], torch._dynamo
    return importlib.import_module(_NAME)


class _Loaded:
    """Finds a part that came in with the real package while that very part was being imported."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        loaded = sys.modules.get(name) if name.startswith(_NAME + ".") else None
        return None if loaded is None else ModuleSpec(name, _Existing(loaded))


class _Existing(Loader):
    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """It has run."""
