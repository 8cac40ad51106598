"""What a reference is asked: each attempt's own questions, and those that all ask alike once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from grader.domain.evidence import Answer, AnswerStatus
from grader.domain.questions import Probe
from grader.domain.results import CellOutput
from grader.domain.rubric import Limits
from grader.errors import InternalError
from workers.references import Reference
from workers.sandbox.session import Stopped

PARAMETERS = Probe("module", {"name": "Net", "inputs": (), "seed": 1})
DRAWN = Probe("call", {"function": "f", "cases": ({"x": np.ones(3)},)})


class Answering:
    """A sandbox that counts what it is asked."""

    def __init__(self, status: AnswerStatus = AnswerStatus.ANSWERED, size: int = 1) -> None:
        self.outputs: dict[int, Any] = {}
        self.sock: Any = None
        self.asked: list[Probe] = []
        self._status, self._size = status, size

    def run(self, _: object) -> Stopped:
        return Stopped(0)

    def ask(self, probes: tuple[Probe, ...]) -> tuple[Answer, ...]:
        first = len(self.asked)
        self.asked += probes
        body = "x" * self._size
        return tuple(
            Answer(self._status, {"n": first + n, "body": body}) for n in range(len(probes))
        )


def reference(session: Answering) -> Reference:
    """A reference that works in it."""
    rubric = SimpleNamespace(limits=Limits())
    bundle = SimpleNamespace(rubric=rubric, files={}, reference="")
    zygote = SimpleNamespace(open=lambda *_, **__: session)
    return Reference(zygote, bundle)  # type: ignore[arg-type]


def numbers(answers: tuple[Answer, ...]) -> list[object]:
    return [answer.evidence["n"] for answer in answers]


def test_what_all_attempts_ask_is_computed_once_and_what_is_drawn_each_time() -> None:
    session = Answering()
    asked = reference(session)
    assert numbers(asked.ask((PARAMETERS, DRAWN))) == [0, 1]
    assert numbers(asked.ask((DRAWN, PARAMETERS))) == [2, 0]
    assert numbers(asked.ask((PARAMETERS,))) == [0]
    assert session.asked == [PARAMETERS, DRAWN, DRAWN]


def test_a_question_that_differs_in_anything_is_another_one() -> None:
    session = Answering()
    asked = reference(session)
    others = [
        Probe("values", PARAMETERS.payload),
        Probe("module", {**PARAMETERS.payload, "seed": 2}),
        Probe("module", {**PARAMETERS.payload, "seed": 1.0}),
        Probe("module", {**PARAMETERS.payload, "seed": True}),
        Probe("module", PARAMETERS.payload, limit_s=1),
    ]
    for probe in (PARAMETERS, *others):
        asked.ask((probe,))
    assert session.asked == [PARAMETERS, *others]


def test_what_calls_something_is_asked_each_time() -> None:
    session = Answering()
    asked = reference(session)
    call = Probe("call", {"function": "f", "cases": ({"x": 1},)})
    assert numbers(asked.ask((call,))) + numbers(asked.ask((call,))) == [0, 1]


def test_of_many_answers_the_last_ones_are_kept() -> None:
    session = Answering()
    asked = reference(session)
    many = tuple(Probe("values", {"names": [str(n)]}) for n in range(65))
    asked.ask(many)
    assert numbers(asked.ask(many[:0:-1])) == list(range(64, 0, -1))
    assert numbers(asked.ask(many[:1])) == [65]


def test_a_large_answer_is_not_kept() -> None:
    session = Answering(size=1 << 20)
    asked = reference(session)
    asked.ask((PARAMETERS,))
    asked.ask((PARAMETERS,))
    assert len(session.asked) == 2


def test_no_answer_is_our_failure_and_not_kept() -> None:
    session = Answering(AnswerStatus.TIME_LIMIT)
    asked = reference(session)
    for _ in range(2):
        with pytest.raises(InternalError, match="did not answer a module probe"):
            asked.ask((PARAMETERS,))
    assert len(session.asked) == 2


def test_a_reference_that_raises_says_what_in_words() -> None:
    session = Answering()
    session.outputs[0] = CellOutput(index=0, error="ValueError: boo")
    session.sock = SimpleNamespace(close=lambda: None)
    with pytest.raises(InternalError, match=r"^the reference solution does not run: ValueError: b"):
        reference(session)
