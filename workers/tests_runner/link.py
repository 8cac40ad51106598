"""A run's line to the worker: questions to the submission and the reference, and their clocks."""

from __future__ import annotations

import pickle
import signal
import socket
import time
from types import FrameType
from typing import Any, Literal

import numpy as np

from grader.checks.base import Context
from grader.checks.reading import BadEvidence, described, in_words, names, text
from grader.checks.verdicts import missing, raised, unanswered
from grader.domain.evidence import Answer, Raised, Value
from grader.domain.questions import Look
from grader.domain.rubric import Cell
from workers.inside import wire
from workers.tests_runner import channel
from workers.tests_runner.failing import (
    AnswerError,
    OutOfTime,
    ReferenceFailed,
    StudentError,
    failing,
)
from workers.tests_runner.steps import Step, program

Whose = Literal["student", "reference"]
_ERRORS: dict[Whose, type[AnswerError]] = {"student": StudentError, "reference": ReferenceFailed}


class Link:
    """Asks, and keeps the time of a test: its own code's, and that of what it asks."""

    def __init__(self, sock: socket.socket, request: dict[str, Any]) -> None:
        self._sock = sock
        self._request = request
        self._left = 0.0  # seconds of asking the submission, in this test
        self.last_look = ""  # what the test looked at last, in words
        self.native = False  # values and errors are to be what they are in the submission
        self._context = Context(
            look=Look(-1),
            rng=np.random.default_rng(0),
            cells=tuple(Cell(kind="code", source="", **one) for one in request["cells"]),
        )
        signal.signal(signal.SIGALRM, _out_of_time)

    def begin(self) -> None:
        """A test begins: its clocks start anew."""
        self._left = self._request["test_s"]
        self.last_look = ""
        signal.setitimer(signal.ITIMER_REAL, self._request["test_s"])

    def end(self) -> None:
        """The test is over."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def ask(self, whose: Whose, before: list[Step], step: Step) -> Value:
        """What `step` gives after the steps `before`; raises AnswerError where that is nothing."""
        kind = _ERRORS[whose]
        limit_s = self._request["probe_s"]
        if whose == "student":  # what the reference takes is not the submission's
            limit_s = min(limit_s, self._left)
        if limit_s <= 0:
            raise kind(f"{step.words} comes too late: this test has taken too long already.")
        steps = program([*before, step])
        question = {
            "steps": steps,
            "library": self._request["library"],
            "precision": self._request["precision"],
        }
        answer = self._answer({"of": whose, "ask": question, "limit_s": limit_s})
        failure = unanswered(answer, step.words, limit_s)
        if failure is not None:
            raise kind(failure.message)
        try:
            looked_up = {one["name"] for one in steps if one["do"] in ("name", "delete")}
            value = self._read(answer, kind, step, looked_up)
        except BadEvidence:
            raise kind(f"What {step.words} gave cannot be read.") from None
        if whose == "student":
            self.last_look = f"{step.words} {step.verb} {in_words(value)}"
        return value

    def _answer(self, message: dict[str, Any]) -> Answer:
        own, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        started = time.monotonic()
        try:
            channel.send(self._sock, wire.dumps(message))
            answer: Answer = pickle.loads(channel.receive(self._sock))  # made by our worker
        finally:
            if message["of"] == "student":
                self._left -= time.monotonic() - started
            signal.setitimer(signal.ITIMER_REAL, own)
        return answer

    def _read(
        self, answer: Answer, kind: type[AnswerError], step: Step, looked_up: set[str]
    ) -> Value:
        evidence = answer.evidence
        if "missing" in evidence:
            name = text(evidence, "missing")
            if name not in looked_up:
                raise BadEvidence("a name that nobody asked for")
            raise failing(kind, missing(name).message, ["AttributeError"])
        if "raised" in evidence:
            error = described(evidence["raised"])
            if not isinstance(error, Raised):
                raise BadEvidence("an exception was expected")
            words = raised(self._context, error, step.words).message
            raised_error = failing(kind, words, names(evidence, "bases"))
            if self.native:
                raised_error.shown = error.message
            raise raised_error
        if "value" not in evidence:
            raise BadEvidence("a value was expected")
        value = described(evidence["value"])
        if isinstance(value, Raised):
            raise BadEvidence("a value was expected")
        return value


def _out_of_time(number: int, frame: FrameType | None) -> None:
    raise OutOfTime("the test's own code takes too long")
