"""`expression`: a formula is the reference's function, however it is written.

The student's text is read by a parser of our own and never evaluated as code; both are compared
at points drawn fresh. With `function` it is a Python function that is called at these points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from grader.checks.answers.answers import AnswerPlace, answer_at, places_of
from grader.checks.answers.formula import Formula, Number, readings
from grader.checks.answers.formulatext import formulas_in
from grader.checks.answers.formulatokens import NotAFormula, canonical
from grader.checks.answers.formulavalue import evaluated
from grader.checks.arrays import Array, read
from grader.checks.base import Context
from grader.checks.calling.calls import calls, reference_values
from grader.checks.calling.inputs import Draw, check_tolerance, draw
from grader.checks.looks import (
    Asking,
    ReferenceFault,
    ask_reference,
    ask_student,
    at_each_look,
    wherever_defined,
)
from grader.checks.reading import described, in_words, mapping, shown
from grader.checks.verdicts import Failure, NearMiss, failed, passed, raised
from grader.domain.evidence import AnswerStatus, Raised, Tensor, Thing, Value
from grader.domain.questions import Judging, Look, Probe, Verdict
from grader.domain.rubric import CheckSpec, Place

_POINTS = 48
_NEEDED = 12  # of them, at which the reference has a value
_NEAR_ZERO = 1e-9  # what a difference may be where the right value is 0


@dataclass(frozen=True, kw_only=True)
class ExpressionSpec(CheckSpec):
    """The formula at `answer`, or the function `function`, is `expected`, or `reference`.

    `variables` says what each one's values are drawn from; they are also the arguments of both
    functions, in this order.
    """

    kind: Literal["expression"] = "expression"
    answer: AnswerPlace | None = None
    function: str | None = None
    expected: str | None = None
    reference: str | None = None
    variables: Mapping[str, Draw] = field(default_factory=dict)
    tolerance: float | None = None  # relative; None: 1e-6 of a text, 1e-4 of a function

    def __post_init__(self) -> None:
        if (self.answer is None) is (self.function is None):
            raise ValueError("an expression needs exactly one of answer and function")
        if (self.expected is None) is (self.reference is None):
            raise ValueError("an expression needs exactly one of expected and reference")
        check_tolerance(self.tolerance)
        if not self.variables:
            raise ValueError("variables is empty: a number is for the kind value")
        if any(spec.shape or spec.values is not None for spec in self.variables.values()):
            raise ValueError("each variable is drawn as one number: {uniform: [], low: 1, high: 2}")
        if len({canonical(name) for name in self.variables}) < len(self.variables):
            raise ValueError("two variables have the same name in two spellings")
        if self.expected is not None:
            try:
                meant = readings(self.expected, self.variables)
            except NotAFormula as error:
                raise ValueError(f"expected could not be read as a formula: {error}") from None
            if len(meant) > 1:
                raise ValueError("expected may mean two things: put what is below / in brackets")


def places(spec: ExpressionSpec) -> tuple[Place, ...]:
    """Where to look by default: where the answer, or the function, is as it was meant."""
    if spec.answer is not None:
        return places_of(spec.answer)
    return wherever_defined(spec.function or "")


Points = Mapping[str, Array]  # by the variable's name in the rubric


def judge(spec: ExpressionSpec, context: Context) -> Judging:
    """Compare at drawn points; a formula that may mean two things may be right as either."""
    points = _points(spec, context.rng)
    wanted = yield from _wanted(spec, points)

    def at_look(look: Look) -> Asking[Verdict]:
        if spec.answer is None:
            given = yield from _called(spec, context, points)
        else:
            given = yield from _written(spec, spec.answer, context, points)
        if isinstance(given, Failure):
            return failed(spec, given)
        return _judged(spec, points, wanted, given)

    return (yield from at_each_look(spec, context, at_look))


def _points(spec: ExpressionSpec, rng: np.random.Generator) -> Points:
    return {
        name: np.array([float(draw(one, {}, rng)) for _ in range(_POINTS)])
        for name, one in spec.variables.items()
    }


def _canonical(points: Points) -> dict[str, Array]:
    return {canonical(name): values for name, values in points.items()}


# -- what is right ----------------------------------------------------------------------------


def _wanted(spec: ExpressionSpec, points: Points) -> Asking[Array]:
    """The right value at each point; NaN where it has none."""
    if spec.expected is not None:
        values = evaluated(readings(spec.expected, spec.variables)[0], _canonical(points))
    else:
        answer = yield from ask_reference(_probe(spec, spec.reference or "", points))
        numbers = [_number(one) for one in reference_values(answer, _POINTS)]
        if any(one is None for one in numbers):
            raise ReferenceFault("the reference gave something that is no number")
        values = np.array([np.nan if one is None else one for one in numbers])
    if np.isfinite(values).sum() < _NEEDED:
        raise ReferenceFault("it has a value at too few points: draw the variables elsewhere")
    return values


def _probe(spec: ExpressionSpec, function: str, points: Points, plain: bool = False) -> Probe:
    """Call a function at every point, with tensors or with `plain` numbers."""

    def argument(values: Array, at: int) -> object:
        return float(values[at]) if plain else values[at : at + 1].reshape(())

    cases = [
        {"bind": {}, "args": [argument(values, at) for values in points.values()], "kwargs": {}}
        for at in range(_POINTS)
    ]
    payload = {"function": function, "cases": cases, "repeat": 1, "watch": False, "grad": False}
    return Probe("call", payload, spec.limit_s)


def _number(value: Value | Raised) -> float | None:
    """One real number; None where it is none."""
    if isinstance(value, Tensor):
        array = read(value) if value.shape in ((), (1,)) else None
        if array is None or array.dtype.kind not in "fiub":
            return None
        return float(array.reshape(-1)[0])
    if isinstance(value, int | float):  # a bool, too
        try:
            return float(value)
        except OverflowError:
            return float("inf")
    return None


# -- what the student has ---------------------------------------------------------------------


def _called(
    spec: ExpressionSpec, context: Context, points: Points
) -> Asking[list[Array] | Failure]:
    """The values of the student's function: called with tensors, or else with numbers."""
    name = spec.function or ""
    failure: Failure | None = None
    for plain in (False, True):
        answer = yield from ask_student(_probe(spec, name, points, plain))
        found = calls(answer, name, _POINTS, spec.limit_s)
        if isinstance(found, Failure):
            return failure or found
        results = [call.values[0] for call in found]
        error = next((one for one in results if isinstance(one, Raised)), None)
        if error is None:
            numbers = [_number(one) for one in results]
            if None not in numbers:
                return [np.array(numbers, dtype=np.float64)]
            words = f"{name}() returned {in_words(results[numbers.index(None)])}; "  # type: ignore[arg-type]
            cause = "returns-none" if results[0] is None else "not-a-number"
            return Failure(f"{words}a number was expected.", NearMiss(cause))
        failure = failure or raised(context, error, f"{name}()")
    assert failure is not None
    return failure


def _written(
    spec: ExpressionSpec, where: AnswerPlace, context: Context, points: Points
) -> Asking[list[Array] | Failure]:
    """The values of what the student wrote, in each of its readings."""
    found = yield from answer_at(where, context, spec.limit_s)
    if isinstance(found, Thing) and where.variable and not found.callable:
        found = yield from _of_sympy(where.variable, spec.limit_s, found)
    if isinstance(found, Failure):
        return found
    formulas: Sequence[Formula]
    number = _number(found)
    if isinstance(found, str):
        try:
            formulas = formulas_in(found, spec.variables)
        except NotAFormula as error:
            words = f"{where.subject} could not be read as a formula: {shown(str(error), 200)}."
            return Failure(words, NearMiss("no-formula"))
    elif number is not None:
        formulas = [Number(number)]
    else:
        words = f"{where.subject} is {in_words(found)}; a formula was expected, as text."
        return Failure(words, NearMiss("no-formula"))
    return [evaluated(formula, _canonical(points)) for formula in formulas]


def _of_sympy(name: str, limit_s: float, held: Thing) -> Asking[Value]:
    """The text of a formula of sympy; what is `held` where it is none."""
    answer = yield from ask_student(Probe("formula", {"name": name}, limit_s))
    if answer.status is not AnswerStatus.ANSWERED:
        return held
    text = described(mapping(answer.evidence).get("text"))
    return text if isinstance(text, str) else held


# -- the verdict ------------------------------------------------------------------------------


def _judged(spec: ExpressionSpec, points: Points, wanted: Array, given: list[Array]) -> Verdict:
    default = 1e-6 if spec.answer else 1e-4
    relative = default if spec.tolerance is None else spec.tolerance
    known = np.isfinite(wanted)
    what = f"{spec.function}()" if spec.answer is None else "your formula"
    for values in given:
        if _agrees(values[known], wanted[known], relative).all():
            return passed(f"At each of {int(known.sum())} points {what} is right.")
    values = given[0]
    wrong = known & ~_agrees(values, wanted, relative)
    at = _example(points, wrong)
    where = ", ".join(f"{name} = {one[at]:.4g}" for name, one in points.items())
    value = values[at]
    told = f"gives {value:.6g}, which is not right" if np.isfinite(value) else "has no value"
    message = f"At {where} {what} {told}."
    return failed(spec, Failure(message, _named(values[known], wanted[known], relative)))


def _agrees(values: Array, wanted: Array, relative: float) -> Array:
    with np.errstate(all="ignore"):
        near: Array = np.abs(values - wanted) <= relative * np.abs(wanted) + _NEAR_ZERO
    return near & np.isfinite(values)


def _example(points: Points, wrong: Array) -> int:
    """The wrong point that is easiest to check by hand: that of the smallest numbers."""
    sizes = np.sum([np.abs(one) for one in points.values()], axis=0)
    return int(np.argmin(np.where(wrong, sizes, np.inf)))


def _named(values: Array, wanted: Array, relative: float) -> NearMiss | None:
    """The name of a mistake that explains every point."""
    if not np.isfinite(values).all():
        return None
    if _agrees(values, -wanted, relative).all():
        return NearMiss("sign", "It has the opposite sign.")
    size = float(wanted @ wanted)
    factor = float(values @ wanted) / size if size else 0.0
    if factor and np.ptp(wanted) > relative and _agrees(values, factor * wanted, relative).all():
        return NearMiss("factor", "It is right but for a constant factor.")
    apart = values - wanted
    if np.ptp(wanted) > relative and np.ptp(apart) <= relative * np.abs(values).max() + _NEAR_ZERO:
        return NearMiss("constant", "It is right but for a constant that is added.")
    return None
