"""Calling a function of the submission or of the reference: the payload, and what came back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from grader.checks.arrays import Array
from grader.checks.calling.inputs import Draw, Sizes, draw_all
from grader.checks.looks import Asking, ReferenceFault, ask_student, sound
from grader.checks.reading import (
    BadEvidence,
    count,
    described,
    in_words,
    listing,
    mapping,
    names,
    shown,
)
from grader.checks.verdicts import Failure, NearMiss, missing, unanswered
from grader.domain.evidence import Answer, AnswerStatus, Raised, Tensor, Thing, Value
from grader.domain.questions import Probe

Argument = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A function of the reference that makes a known mistake on purpose, and what to say of it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    function: str
    hint: str


@dataclass(frozen=True)
class Call:
    """What one case of a `call` probe says."""

    values: tuple[Value | Raised, ...]
    inputs_changed: tuple[str, ...]
    autograd: int


Inputs = Mapping[str, Array]


def drawn_cases(
    inputs: Mapping[str, Draw], cases: Sequence[Sizes], rng: np.random.Generator
) -> tuple[Inputs, ...]:
    """The inputs of every case."""
    return tuple(draw_all(inputs, sizes, rng) for sizes in cases)


def arguments(args: Sequence[Argument]) -> list[object]:
    """Arguments as a probe takes them: a str stands for the bound input of that name."""
    return [{"name": one} if isinstance(one, str) else one for one in args]


def call_probe(
    function: str,
    cases: Sequence[tuple[Inputs, Sequence[Argument]]],
    limit_s: float,
    *,
    repeat: int = 1,
    watch: bool = False,
) -> Probe:
    """Call `function` with each case's inputs bound and its arguments."""
    payload = {
        "function": function,
        "cases": [
            {"bind": dict(bound), "args": arguments(args), "kwargs": {}} for bound, args in cases
        ],
        "repeat": repeat,
        "watch": watch,
        "grad": False,
    }
    return Probe("call", payload, limit_s)


def calls(answer: Answer, function: str, cases: int, limit_s: float) -> list[Call] | Failure:
    """What the submission answered: a Call for each case, or why there is none."""
    failure = unanswered(answer, f"{function}()", limit_s)
    if failure is not None:
        return failure
    evidence = mapping(answer.evidence)
    failure = no_function(evidence, function)
    if failure is not None:
        return failure
    return [_call(case) for case in listing(evidence, "cases", cases)]


def no_function(evidence: Mapping[str, object], function: str) -> Failure | None:
    """Why what was `found` under the name is no function; None where it is one."""
    found = described(evidence.get("found"))
    if found is None:
        return missing(function)
    if isinstance(found, Thing) and found.callable and not found.is_class:
        return None
    what = "an exception" if isinstance(found, Raised) else in_words(found)
    return Failure(f"{function} is {what}, not a function.", NearMiss("not-callable"))


def called(
    function: str,
    cases: Sequence[tuple[Inputs, Sequence[Argument]]],
    limit_s: float,
    *,
    repeat: int = 1,
    watch: bool = False,
) -> Asking[list[Call] | Failure]:
    """Call a function of the submission; where it raises, in the precision of its own data.

    Who has gone over to float64 mixes the two when given float32, and that is not the exercise.
    """
    answer = yield from ask_student(
        call_probe(function, cases, limit_s, repeat=repeat, watch=watch)
    )
    found = calls(answer, function, len(cases), limit_s)
    if isinstance(found, Failure) or not any(isinstance(one.values[0], Raised) for one in found):
        return found
    names = sorted({name for inputs, _ in cases for name in inputs})
    answer = yield from ask_student(Probe("values", {"names": names}, limit_s))
    if answer.status is not AnswerStatus.ANSWERED:
        return found
    held = mapping(answer.evidence.get("values")).values()
    if not any(isinstance(value, Tensor) and value.dtype == "float64" for value in held):
        return found
    wide = [({name: widened(one) for name, one in bound.items()}, args) for bound, args in cases]
    answer = yield from ask_student(call_probe(function, wide, limit_s, repeat=repeat, watch=watch))
    return calls(answer, function, len(cases), limit_s)


def widened(array: Array) -> Array:
    """The same numbers in float64, where they are floating."""
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def changed_inputs(function: str, call: Call) -> Failure:
    """The call altered tensors that it was only to read."""
    names = ", ".join(shown(name, 40) for name in call.inputs_changed[:5])
    message = f"{function}() changes its inputs in place: {names}."
    return Failure(message, NearMiss("changes-inputs"))


def reference_values(answer: Answer, cases: int) -> list[Value]:
    """The reference's result for each case; raises ReferenceFault where there is none."""
    return [sound(value) for value in reference_results(answer, cases)]


def reference_results(answer: Answer, cases: int) -> list[Value | Raised]:
    """What calling the reference came to in each case, an exception too."""
    evidence = reference_evidence(answer)
    try:
        return [_call(case).values[0] for case in listing(evidence, "cases", cases)]
    except BadEvidence as error:
        raise ReferenceFault(str(error)) from None


def reference_evidence(answer: Answer) -> Mapping[str, object]:
    """The evidence of the reference; raises ReferenceFault where it has none."""
    if answer.status is not AnswerStatus.ANSWERED:
        raise ReferenceFault(f"the reference did not answer: {answer.status} {answer.detail}")
    evidence = mapping(answer.evidence)
    if "found" in evidence and evidence["found"] in (None, False):
        raise ReferenceFault("the reference does not define what the rubric names")
    return evidence


def reference_tensor(value: Value) -> Tensor:
    """A tensor that the reference computed, with values."""
    if not isinstance(value, Tensor) or value.data is None:
        raise ReferenceFault(f"the reference gave {in_words(value)}, not a tensor")
    return value


def _call(case: object) -> Call:
    entry = mapping(case)
    values = tuple(described(value) for value in listing(entry, "values"))
    if not values:
        raise BadEvidence("a call without a result")
    return Call(values, tuple(names(entry, "inputs_changed")[:20]), count(entry, "autograd"))
