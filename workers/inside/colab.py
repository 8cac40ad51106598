"""A stand-in for `google.colab`: everything can be imported and called, nothing happens.

Each call is answered by one plain line. Submodules and attributes need not be known here, since
notebooks use many of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_ROOT = "google.colab"
_WHY = "Google Colab is not here while grading"

# What a call returns where None would break the lines that follow.
_RESULTS: dict[str, Callable[[], object]] = {
    "google.colab.files.upload": dict,
    "google.colab.userdata.get": str,
}


def install(say: Callable[[str], None]) -> None:
    """Let `google.colab` be imported from here on; `say` is given the plain lines."""
    sys.meta_path.append(_Finder(say))


class _Finder(MetaPathFinder, Loader):
    """Comes last: a real `google` package, which may hold other things, goes first."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name in ("google", _ROOT) or name.startswith(_ROOT + "."):
            return ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        if spec.name == "google":
            return None
        return _StandInModule(spec.name, self._say)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


class _StandInModule(ModuleType):
    def __init__(self, name: str, say: Callable[[str], None]) -> None:
        super().__init__(name)
        self.__dict__["_say"] = say

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return _StandIn(f"{self.__name__}.{name}", self.__dict__["_say"])


class _StandIn:
    """An attribute of the stand-in: callable, false, empty, and a context manager."""

    def __init__(self, path: str, say: Callable[[str], None]) -> None:
        self._path = path
        self._say = say

    def __call__(self, *_: object, **__: object) -> object:
        self._say(f"[not done] {self._path.removeprefix('google.')}(...): {_WHY}")
        make = _RESULTS.get(self._path)
        return make() if make else _StandIn(self._path, self._say)

    def __getattr__(self, name: str) -> _StandIn:
        if name.startswith("__"):
            raise AttributeError(name)
        return _StandIn(f"{self._path}.{name}", self._say)

    def __enter__(self) -> _StandIn:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was opened."""

    def __iter__(self) -> Iterator[object]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return ""
