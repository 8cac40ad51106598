"""The zygotes of a worker: one for each runtime environment, shared by all slots."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from grader.domain.rubric import Runtime
from workers.devices import Devices
from workers.zygote import Zygote

# On one machine with the web, who uploads is answered before what runs goes on. The worker itself
# does not yield: others wait for what it writes into the database.
_NICENESS = 6
_MOST = 4  # each keeps some hundred megabytes; the one that was not needed for longest goes


class _Shared:
    """A runtime's zygote, or the place for it."""

    def __init__(self) -> None:
        self.starting = threading.Lock()
        self.zygote: Zygote | None = None
        self.users = 0

    def close(self) -> None:
        if self.zygote is not None:
            self.zygote.close()
            self.zygote = None

    def close_if_dead(self) -> None:
        """Its control groups stay until then."""
        if self.zygote is not None and not self.zygote.alive:
            self.close()


class Zygotes:
    """Starts zygotes when they are asked for, and replaces those that died. For any thread."""

    def __init__(self, accept_missing: frozenset[str], gpus: Devices | None = None) -> None:
        """All hand out the same devices, `gpus`."""
        self._accept_missing = accept_missing
        self._gpus = gpus or Devices()
        self._by_runtime: dict[Runtime, _Shared] = {}
        self._lock = threading.Lock()

    @contextmanager
    def lend(self, runtime: Runtime) -> Iterator[Zygote]:
        """A warm zygote of the runtime; raises SandboxUnavailable where none can be had."""
        with self._lock:
            shared = self._by_runtime.pop(runtime, None) or _Shared()
            self._by_runtime[runtime] = shared  # the last one now
            shared.users += 1
            unused = self._unused()
        try:
            for one in unused:
                one.close()
            yield self._warm(shared, runtime)
        finally:
            with self._lock:
                shared.users -= 1

    def runtimes(self) -> list[Runtime]:
        """Those whose zygotes are warm."""
        with self._lock:
            return [
                runtime
                for runtime, shared in self._by_runtime.items()
                if shared.zygote is not None and shared.zygote.alive
            ]

    def clear_up(self) -> None:
        """Remove what those that died have left; waits for nobody."""
        with self._lock:
            every = list(self._by_runtime.values())
        for shared in every:
            if shared.starting.acquire(blocking=False):
                try:
                    shared.close_if_dead()
                finally:
                    shared.starting.release()

    def close(self) -> None:
        """End all of them, and whatever they still run."""
        with self._lock:
            every = list(self._by_runtime.values())
            self._by_runtime.clear()
        for shared in every:
            with shared.starting:
                shared.close()

    def _unused(self) -> list[_Shared]:
        """Take out what is beyond the most that are kept and lent to nobody."""
        beyond = len(self._by_runtime) - _MOST
        idle = [key for key, shared in self._by_runtime.items() if not shared.users]
        return [self._by_runtime.pop(key) for key in idle[: max(0, beyond)]]

    def _warm(self, shared: _Shared, runtime: Runtime) -> Zygote:
        with shared.starting:
            shared.close_if_dead()
            if shared.zygote is None:
                zygote = Zygote(
                    runtime,
                    accept_missing=self._accept_missing,
                    gpus=self._gpus,
                    niceness=_NICENESS,
                )
                zygote.start()
                shared.zygote = zygote
            return shared.zygote
