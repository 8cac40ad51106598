"""Trainings run once more, under other seeds, in a sandbox beside the submission's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from grader.domain.evidence import Answer
from grader.domain.questions import Rerun
from workers.sandbox.session import Ending, Program, Session


class Afresh:
    """A second sandbox, for re-runs; opened when the first one is asked.

    It runs the cells before the training once more and stays there. Where a process can't be
    forked, since CUDA has begun in it, a re-run uses it up: with `once` each gets a sandbox anew.
    """

    def __init__(self, sandbox: Callable[[], Session], *, once: bool = False) -> None:
        self.in_sequence = False
        self._sandbox = sandbox
        self._once = once
        self._session: Session | None = None
        self._endings: list[Ending] = []

    def rerun(self, request: Rerun, program: Program) -> Answer:
        """The answer to `request`: the cells after the kept state of `program`, then its probe."""
        if self._session is None:
            assert program.keep is not None
            self._session = self._sandbox()
            self._session.run(replace(program, stops=frozenset([program.keep]), trained_steps=0))
        answer = self._session.rerun(request)
        self.in_sequence |= self._session.in_sequence
        if self._once:
            self.close()
        return answer

    def close(self) -> tuple[Ending, ...]:
        """How it ended, each time that there was need of one."""
        if self._session is not None:
            session, self._session = self._session, None
            self._endings.append(session.close())
        return tuple(self._endings)

    def __enter__(self) -> Afresh:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._session is not None:
            self._session.__exit__(*exc)
