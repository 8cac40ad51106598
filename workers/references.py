"""Reference solutions at work: each in a sandbox of its own, kept between attempts.

A reference is trusted, and every probe binds all that it depends on, so the same process can
answer for one attempt after another: a third of what an attempt would cost goes. What it computes
depends on the probe alone, since its random streams begin anew with each: what every attempt asks
alike, such as which parameters a model has, is computed once.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from grader.domain.evidence import Answer, AnswerStatus
from grader.domain.questions import Probe
from grader.domain.rubric import Bundle
from grader.errors import InternalError
from workers.sandbox.session import Program

if TYPE_CHECKING:
    from workers.zygote import Zygote

_SEED = 0
_ATTEMPTS = 500  # after so many a fresh one takes over, well below the limits
_VERSIONS = 8  # of which references wait; each is a process
_READING = frozenset({"values", "module"})  # probes that leave nothing behind
_KNOWN, _KNOWN_BYTES = 64, 1 << 16  # answers that are kept, and how long one may be


class Reference:
    """One reference's sandbox. For one thread at a time."""

    def __init__(self, zygote: Zygote, bundle: Bundle) -> None:
        self.attempts = 0
        self._known: dict[str, Answer] = {}
        limits = replace(bundle.rubric.limits, wall_s=3600, cpu_s=7200)  # of all its attempts
        self._session = zygote.open(limits, files=bundle.files, seed=_SEED, trusted=True)
        stopped = self._session.run(Program((bundle.reference,), ("solution.py",)))
        failed = [out.error for out in self._session.outputs.values() if out.error]
        if stopped is None or failed:
            self.close()
            why = "; ".join(failed) or "it ended"
            raise InternalError(f"the reference solution does not run: {why}")

    def ask(self, probes: tuple[Probe, ...]) -> tuple[Answer, ...]:
        """Answers to all of `probes`; raises InternalError where one is none."""
        answers = [self._known.get(_alike(probe)) for probe in probes]
        unknown = [n for n, answer in enumerate(answers) if answer is None]
        given = self._session.ask(tuple(probes[n] for n in unknown)) if unknown else ()
        for n, answer in zip(unknown, given, strict=True):
            if answer.status is not AnswerStatus.ANSWERED:
                raise InternalError(
                    f"the reference did not answer a {probes[n].kind} probe: "
                    f"{answer.status} {answer.detail}"
                )
            self._keep(probes[n], answer)
            answers[n] = answer
        return tuple(answer for answer in answers if answer is not None)

    def _keep(self, probe: Probe, answer: Answer) -> None:
        key = _alike(probe)
        if key and len(pickle.dumps(answer)) <= _KNOWN_BYTES:
            self._known[key] = answer
            if len(self._known) > _KNOWN:
                del self._known[next(iter(self._known))]

    def alive(self) -> bool:
        """Whether it still answers; it may have died while it waited."""
        return self._session.is_open()

    def close(self) -> None:
        """Kill its sandbox."""
        self._session.sock.close()


def _alike(probe: Probe) -> str:
    """What tells a probe that another attempt may ask, too. Empty where it binds arrays, which are
    drawn for each, and where it calls a function, which might leave something behind."""
    if probe.kind not in _READING or _has_arrays(probe.payload):
        return ""
    return repr(probe)


def _has_arrays(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_arrays, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_arrays, value))
    return not isinstance(value, str | int | float | bool | None)


class References:
    """The references of one zygote that wait for an attempt. For any thread.

    Those of the versions that were asked for last are kept.
    """

    def __init__(self, zygote: Zygote) -> None:
        self._zygote = zygote
        self._idle: dict[str, list[Reference]] = {}
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def lend(self, bundle: Bundle) -> Iterator[Reference]:
        """A reference for one attempt; one that failed is not used again."""
        with self._lock:
            waiting = self._idle.pop(bundle.version, [])
            self._idle[bundle.version] = waiting  # the last one now
            reference = waiting.pop() if waiting else None
            while len(self._idle) > _VERSIONS:
                for old in self._idle.pop(next(iter(self._idle))):
                    old.close()
        if reference is None or not reference.alive():
            reference = Reference(self._zygote, bundle)
        try:
            yield reference
        except BaseException:
            reference.close()
            raise
        reference.attempts += 1
        if reference.attempts >= _ATTEMPTS:
            reference.close()
            return
        with self._lock:
            if not self._closed and self._idle.get(bundle.version) is waiting:
                waiting.append(reference)
                return
        reference.close()

    def close(self) -> None:
        """Kill all that wait."""
        with self._lock:
            for references in self._idle.values():
                for reference in references:
                    reference.close()
            self._idle.clear()
            self._closed = True
