"""`function`: whatever a function returns is what the reference's returns, with a small example.

Unlike `forward` it takes and gives any values. Where a case is wrong, smaller inputs are tried,
and the smallest that still shows it is what the student reads.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from grader.checks.arrays import Array, read
from grader.checks.base import Context
from grader.checks.calling.calls import (
    Call,
    calls,
    changed_inputs,
    reference_tensor,
    reference_values,
)
from grader.checks.calling.given import Given, Input, Scalar, given_cases
from grader.checks.calling.inputs import check_names, check_sizes, check_tolerance
from grader.checks.calling.nearmiss import Case, named
from grader.checks.calling.shrink import Example, smallest
from grader.checks.calling.signature import Signature, value_text
from grader.checks.calling.unmade import unmade
from grader.checks.exhibits import of_mismatch
from grader.checks.looks import (
    Asking,
    ReferenceFault,
    ask,
    ask_reference,
    ask_student,
    at_each_look,
    wherever_defined,
)
from grader.checks.numbers.agreement import Rules, comparable, differs
from grader.checks.reading import BadEvidence, array, in_words, shown
from grader.checks.verdicts import Failure, NearMiss, failed, graded, passed, raised
from grader.domain.evidence import Answer, Mapped, Raised, Tensor, Value
from grader.domain.evidence import Sequence as Items
from grader.domain.questions import Judging, Look, Probe, Verdict
from grader.domain.rubric import CheckSpec, Place

_LONGEST = 160  # characters of a call in a message


@dataclass(frozen=True, kw_only=True)
class FunctionSpec(CheckSpec):
    """`function(*args, **kwargs)` is `reference(*args, **kwargs)`, for each of `cases`.

    A str in `args` and `kwargs` is the name of an input; tensors are bound as globals too. With
    `raises` the inputs are such that the function has to refuse them with that exception. Drawn
    cases must all be right; each edge case and each dtype then carries an equal share with them.
    """

    kind: Literal["function"] = "function"
    function: str
    reference: str | None = None  # its name in the reference; None: the same
    args: tuple[Scalar, ...] = ()
    kwargs: Mapping[str, Scalar] = field(default_factory=dict)
    inputs: Mapping[str, Input] = field(default_factory=dict)
    cases: tuple[Mapping[str, int], ...] = ({},)
    raises: tuple[str, ...] = ()
    tolerance: float | None = None  # relative; None: by dtype
    strict_type: bool = False
    may_change_inputs: bool = False
    shrink: bool = True

    def __post_init__(self) -> None:
        check_tolerance(self.tolerance)
        check_sizes(self.inputs.values(), self.cases)
        check_names(self.inputs, self.args, "args")
        check_names(self.inputs, self.kwargs.values(), "kwargs")
        used = {one for one in (*self.args, *self.kwargs.values()) if isinstance(one, str)}
        for name, spec in self.inputs.items():
            if spec.is_plain and name not in used:
                raise ValueError(f"{name} is no tensor: it has to be among args or kwargs")
            if isinstance(spec.text, str) and any(spec.text not in case for case in self.cases):
                raise ValueError(f"a case does not give the size {spec.text}")
        if self.raises and self.reference:
            raise ValueError("with raises nothing is compared: leave reference out")

    @property
    def signature(self) -> Signature:
        """How it is called."""
        return Signature(
            function=self.function, args=self.args, kwargs=self.kwargs, inputs=self.inputs
        )


def places(spec: FunctionSpec) -> tuple[Place, ...]:
    """Where to look by default: every state in which the function may be as it was meant."""
    return wherever_defined(spec.function)


def judge(spec: FunctionSpec, context: Context) -> Judging:
    """Ask both for every case; of the first that is wrong look for a small example."""
    given = given_cases(spec.inputs, spec.cases, context.rng)
    wanted: list[Value] = []
    if not spec.raises:
        answer = yield from ask_reference(_probe(spec, given, spec.reference))
        wanted = reference_values(answer, len(given))
        for want in wanted:
            comparable(want)
        _refuse_zeros(wanted)

    def at_look(look: Look) -> Asking[Verdict]:
        found = yield from _called(spec, given)
        if isinstance(found, Failure):
            return failed(spec, found)
        if spec.raises:
            return _refusals(spec, given, found)
        return (yield from _judged(spec, context, given, wanted, found))

    return (yield from at_each_look(spec, context, at_look))


def _probe(spec: FunctionSpec, given: Sequence[Given], name: str | None = None) -> Probe:
    payload = {
        "function": name or spec.function,
        "cases": [spec.signature.payload(one) for one in given],
        "repeat": 1,
        "watch": False,
        "grad": False,
    }
    return Probe("call", payload, spec.limit_s)


def _called(spec: FunctionSpec, given: Sequence[Given]) -> Asking[list[Call] | Failure]:
    answer = yield from ask_student(_probe(spec, given))
    return calls(answer, spec.function, len(given), spec.limit_s)


def _refuse_zeros(wanted: list[Value]) -> None:
    arrays = [read(want) for want in wanted if isinstance(want, Tensor)]
    if len(arrays) == len(wanted) and not any(one is not None and one.any() for one in arrays):
        raise ReferenceFault("its results are all zeros, which tells right from wrong in nothing")


# -- what has to be refused -------------------------------------------------------------------


def _refusals(spec: FunctionSpec, given: list[Given], found: list[Call]) -> Verdict:
    expected = " or ".join(spec.raises)
    right = 0
    first = ""
    for one, call in zip(given, found, strict=True):
        value = call.values[0]
        if isinstance(value, Raised) and any(_is_a(value.type, name) for name in spec.raises):
            right += 1
        elif not first:
            did = f"raised {shown(value.type)}" if isinstance(value, Raised) else "raised nothing"
            text = spec.signature.written(one, spec.function, _LONGEST) or f"{spec.function}()"
            first = f"{text} {did}; {expected} was expected."
    if not first:
        return passed(f"{spec.function}() refuses what it has to refuse.")
    message = _with_count(spec, first, right, len(given))
    return failed(spec, Failure(message, NearMiss("not-refused")))


def _is_a(name: str, wanted: str) -> bool:
    """Whether an exception of that name is one that is wanted; only Python's own have a family."""
    one, other = getattr(builtins, name, None), getattr(builtins, wanted, None)
    if isinstance(one, type) and isinstance(other, type):
        return issubclass(one, other)
    return name == wanted


# -- what has to agree ------------------------------------------------------------------------


def _judged(
    spec: FunctionSpec,
    context: Context,
    given: list[Given],
    wanted: list[Value],
    found: list[Call],
) -> Asking[Verdict]:
    for call in found:
        if call.inputs_changed and not spec.may_change_inputs:
            return failed(spec, changed_inputs(spec.function, call))
    examples = [
        _example(spec, context, one, call.values[0], want)
        for one, call, want in zip(given, found, wanted, strict=True)
    ]
    wrong = [at for at, example in enumerate(examples) if example is not None]
    detail: dict[str, object] = {
        "cases": [
            {"sizes": dict(one.sizes), "special": one.special, "right": at not in wrong}
            for at, one in enumerate(given)
        ]
    }
    if not wrong:
        return passed(f"{spec.function}() is right in {_cases(len(given))}.", detail)
    at = wrong[0]
    example = examples[at]
    assert example is not None
    near_miss = _named(spec, given, found, wanted, wrong)
    exhibits = example.exhibits  # a small example has little to see
    smallest_given = given[at]
    if spec.shrink:
        smallest_given, example = yield from smallest(
            spec.inputs, given[at], example, lambda tried: _tried(spec, context, tried)
        )
    message = _message(spec, smallest_given, example)
    if given[at].special:
        message += f" Here {given[at].special}."
    message = _with_count(spec, message, len(given) - len(wrong), len(given))
    drawn_wrong = any(not given[at].special for at in wrong)
    fraction = 0.0 if drawn_wrong else 1 - len(wrong) / len(given)
    return graded(spec, fraction, Failure(message, near_miss, detail, exhibits))


def _tried(
    spec: FunctionSpec, context: Context, given: list[Given]
) -> Asking[list[Example | None]]:
    """Of each candidate what is wrong with it; nothing where the reference has no plain answer."""
    probe = _probe(spec, given, spec.reference)
    replies = yield from ask(student=(_probe(spec, given),), reference=(probe,))
    try:
        wanted = _each(replies.reference[0], spec, len(given))
        found = _each(replies.student[0], spec, len(given))
    except BadEvidence:
        return [None] * len(given)
    examples: list[Example | None] = []
    for one, got, want in zip(given, found, wanted, strict=True):
        plain = not isinstance(want, Raised) and _finite(want)
        examples.append(_example(spec, context, one, got, want) if plain else None)  # type: ignore[arg-type]
    return examples


def _each(answer: Answer, spec: FunctionSpec, count: int) -> list[Value | Raised]:
    found = calls(answer, spec.function, count, spec.limit_s)
    if isinstance(found, Failure):
        raise BadEvidence(found.message)
    return [call.values[0] for call in found]


def _finite(want: Value | Raised) -> bool:
    values = read(want) if isinstance(want, Tensor) else None
    return values is None or bool(np.isfinite(values).all())


def _example(
    spec: FunctionSpec, context: Context, given: Given, got: Value | Raised, want: Value
) -> Example | None:
    """What is wrong with one case."""
    if isinstance(got, Raised):
        call = spec.signature.written(given, spec.function, _LONGEST) or f"{spec.function}()"
        return Example(got, want, raised(context, got, call).message)
    rules = Rules(
        relative=spec.tolerance, number_dtype=_coarsest(given), strict_type=spec.strict_type
    )
    mismatch = differs(got, want, rules, f"result of {spec.function}()")
    if mismatch is None:
        return None
    fresh = given.is_fresh(spec.inputs)
    exhibits = of_mismatch(f"{spec.function}()", mismatch, fresh=fresh)
    return Example(got, want, mismatch.message, exhibits)


def _coarsest(given: Given) -> str:
    """What a float of Python is as precise as: it may come from one of these by item()."""
    dtypes = [str(one.dtype) for one in given.values.values() if isinstance(one, np.ndarray)]
    return next((one for one in ("float16", "float32") if one in dtypes), "float64")


def _message(spec: FunctionSpec, given: Given, example: Example) -> str:
    """The call with both results, where all of it is short; else what the comparison says.

    What is right for inputs that are the same in every attempt is not told.
    """
    call = spec.signature.written(given, spec.function, _LONGEST)
    if isinstance(example.got, Raised):
        return example.message
    if call is None:
        fresh = given.is_fresh(spec.inputs)
        return example.message if fresh else f"The result of {spec.function}() is not right."
    got, want = value_text(example.got), value_text(example.want)
    if not given.is_fresh(spec.inputs):
        return f"{call} gave {got or in_words(example.got)}, which is not right."
    nested = isinstance(example.want, Items | Mapped)  # what differs in it has a place
    if got is None or want is None or got == want or nested:
        return f"{example.message} That is so for {call}."
    return f"{call} gave {got}; {want} was expected."


def _named(
    spec: FunctionSpec,
    given: list[Given],
    found: list[Call],
    wanted: list[Value],
    wrong: list[int],
) -> NearMiss | None:
    """The name of the mistake, where one explains every case."""
    first = found[wrong[0]].values[0]
    if isinstance(first, Raised):
        return NearMiss("raised")
    if first is None:
        return NearMiss("returns-none")
    if (failure := unmade(first, f"{spec.function}()", "the results")) is not None:
        return failure.near_miss
    cases = []
    for one, call, want in zip(given, found, wanted, strict=True):
        got = call.values[0]
        values = read(got) if isinstance(got, Tensor) else None
        if values is not None and isinstance(want, Tensor):
            cases.append(Case(_argument(spec, one), values, array(reference_tensor(want))))
    explained = named(cases) if len(cases) == len(given) else None
    at_edges = all(given[at].special for at in wrong)
    return explained or (NearMiss("edge-case") if at_edges else None)


def _argument(spec: FunctionSpec, given: Given) -> Array:
    """The first argument that is an array."""
    values = (given.values[name] for name in spec.args if isinstance(name, str))
    return next((one for one in values if isinstance(one, np.ndarray)), np.zeros(0))


def _with_count(spec: FunctionSpec, message: str, right: int, count: int) -> str:
    return f"{message} {right} of {_cases(count)} are right." if right else message


def _cases(count: int) -> str:
    return "1 case" if count == 1 else f"{count} cases"
