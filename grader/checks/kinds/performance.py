"""`performance`: a function is right and does no more work than it should, by counts and not time.

Work is what PyTorch dispatches and the lines of Python that run. What counts is a number at the
largest size, or how the number grows with the size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar, Literal

from grader.checks.base import Context
from grader.checks.calling.calls import (
    Argument,
    arguments,
    call_probe,
    drawn_cases,
    reference_tensor,
    reference_values,
)
from grader.checks.calling.inputs import Draw, check_names, check_sizes, check_tolerance
from grader.checks.looks import (
    Asking,
    ReferenceFault,
    ask_reference,
    ask_student,
    at_each_look,
    wherever_defined,
)
from grader.checks.numbers.compare import Expected, compare
from grader.checks.reading import array, count, described, flag, in_words, listing, mapping
from grader.checks.verdicts import (
    Failure,
    NearMiss,
    failed,
    missing,
    passed,
    raised,
    unanswered,
)
from grader.domain.evidence import Answer, Raised, Tensor, Thing, Value
from grader.domain.questions import Judging, Look, Probe, Verdict
from grader.domain.rubric import CheckSpec, Place

Growth = Literal["constant", "linear", "quadratic"]
_POWERS: Mapping[Growth, int] = {"constant": 0, "linear": 1, "quadratic": 2}
_SLACK = 1.5  # by which growth may be faster than its name says
_PER_ELEMENT = 0.25  # a loop does at least one thing for each; less is no loop over them


@dataclass(frozen=True, kw_only=True)
class AtMost:
    """The most work at the largest size."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    operations: int | None = None
    lines: int | None = None

    def __post_init__(self) -> None:
        given = [one for one in (self.operations, self.lines) if one is not None]
        if not given or min(given) < 1:
            raise ValueError("at_most needs operations, lines or both, each at least 1")


@dataclass(frozen=True, kw_only=True)
class PerformanceSpec(CheckSpec):
    """Call `function(*args)` for each of `sizes`, which the one size of the inputs takes.

    Its results must be the reference's, and its work `at_most` so much or of that `growth`.
    """

    kind: Literal["performance"] = "performance"
    function: str
    args: tuple[Argument, ...] = ()
    inputs: Mapping[str, Draw]
    sizes: tuple[int, ...] = (16, 64, 256)
    at_most: AtMost | None = None
    growth: Growth | None = None
    tolerance: float | None = None  # relative; None: by dtype

    def __post_init__(self) -> None:
        check_tolerance(self.tolerance)
        check_names(self.inputs, self.args, "args")
        if len(self.symbols) != 1:
            raise ValueError("the inputs need exactly one size by name, as N in {normal: [N]}")
        check_sizes(self.inputs.values(), self.cases)
        if self.at_most is None and self.growth is None:
            raise ValueError("say what is fast enough: at_most, growth or both")
        if any(b < 2 * a for a, b in pairwise(self.sizes)) or (self.growth and len(self.sizes) < 3):
            raise ValueError("growth needs three sizes; each must be at least twice the one before")

    @property
    def symbols(self) -> set[str]:
        """The names of sizes among the inputs."""
        shapes = (one.shape for one in self.inputs.values())
        return {size for shape in shapes for size in shape if isinstance(size, str)}

    @property
    def cases(self) -> list[dict[str, int]]:
        """The sizes of each case."""
        return [dict.fromkeys(self.symbols, size) for size in self.sizes]


def places(spec: PerformanceSpec) -> tuple[Place, ...]:
    """Where to look by default: every state in which the function may be as it was meant."""
    return wherever_defined(spec.function)


@dataclass(frozen=True)
class _Work:
    """What the calls for one size gave (the lines and the operations have their own), and took."""

    values: Sequence[Value | Raised]
    operations: int
    lines: int
    watched: bool

    @property
    def steps(self) -> int:
        return self.operations + self.lines


def judge(spec: PerformanceSpec, context: Context) -> Judging:
    """Count the function's work for every size; a wrong result makes it worth nothing."""
    drawn = drawn_cases(spec.inputs, spec.cases, context.rng)
    asked = [(inputs, spec.args) for inputs in drawn]
    answer = yield from ask_reference(call_probe(spec.function, asked, spec.limit_s))
    wanted = [reference_tensor(value) for value in reference_values(answer, len(drawn))]
    expected = [
        Expected(array=array(one), dtype=one.dtype, relative=spec.tolerance) for one in wanted
    ]
    if not any(want.array.any() for want in expected):
        raise ReferenceFault("its results are all zeros, which tells right from wrong in nothing")
    cases = [{"bind": dict(inputs), "args": arguments(spec.args)} for inputs in drawn]
    probe = Probe("counting", {"function": spec.function, "cases": cases}, spec.limit_s)

    def at_look(look: Look) -> Asking[Verdict]:
        found = _works(spec, (yield from ask_student(probe)))
        if isinstance(found, Failure):
            return failed(spec, found)
        failure = _wrong(spec, context, found, expected) or _slow(spec, found)
        detail = {
            "work": [
                {"size": size, "operations": one.operations, "lines": one.lines}
                for size, one in zip(spec.sizes, found, strict=True)
            ]
        }
        if failure is not None:
            return failed(spec, replace(failure, detail=detail))
        return passed(f"{spec.function}() is right, and does no more than it needs to.", detail)

    return (yield from at_each_look(spec, context, at_look))


def _works(spec: PerformanceSpec, answer: Answer) -> list[_Work] | Failure:
    failure = unanswered(answer, f"{spec.function}()", spec.limit_s)
    if failure is not None:
        return failure
    evidence = mapping(answer.evidence)
    found = described(evidence.get("found"))
    if found is None:
        return missing(spec.function)
    if not isinstance(found, Thing) or not found.callable or found.is_class:
        what = "an exception" if isinstance(found, Raised) else in_words(found)
        return Failure(f"{spec.function} is {what}, not a function.", NearMiss("not-callable"))
    cases = [mapping(case) for case in listing(evidence, "cases", len(spec.sizes))]
    return [
        _Work(
            [described(one) for one in listing(case, "values", 2)],
            count(case, "operations"),
            count(case, "lines"),
            flag(case, "watched"),
        )
        for case in cases
    ]


def _wrong(
    spec: PerformanceSpec, context: Context, found: Sequence[_Work], expected: Sequence[Expected]
) -> Failure | None:
    """What is wrong with the results; which library computed them is not looked at."""
    for size, work, want in zip(spec.sizes, found, expected, strict=True):
        for value in work.values:
            if isinstance(value, Raised):
                return raised(context, value, f"{spec.function}()")
            got = replace(value, library="torch") if isinstance(value, Tensor) else value
            mismatch = compare(got, want, f"The result of {spec.function}()")
            if mismatch is not None:
                return Failure(f"{mismatch.message} (Size {size}.)", NearMiss("wrong-result"))
        if not work.watched:
            message = f"{spec.function}() switches off what counts its lines."
            return Failure(message, NearMiss("not-counted"))
    return None


def _slow(spec: PerformanceSpec, found: Sequence[_Work]) -> Failure | None:
    last, size = found[-1], spec.sizes[-1]
    if spec.at_most is not None:
        limits = (
            ("operations of PyTorch", last.operations, spec.at_most.operations),
            ("lines of Python", last.lines, spec.at_most.lines),
        )
        for what, taken, most in limits:
            if most is not None and taken > most:
                message = f"For size {size}, {spec.function}() runs {taken} {what}; at most {most}"
                return Failure(f"{message} are needed.", NearMiss("too-much-work"))
    if spec.growth is None or grows_at_most(spec.growth, spec.sizes, [one.steps for one in found]):
        return None
    steps = ", ".join(str(one.steps) for one in found)
    sizes = ", ".join(map(str, spec.sizes))
    message = (
        f"{spec.function}() does more and more work: {steps} operations and lines for the sizes "
        f"{sizes}; {spec.growth} growth was expected."
    )
    return Failure(message, NearMiss("grows", variant=spec.growth))


def grows_at_most(growth: Growth, sizes: Sequence[int], steps: Sequence[int]) -> bool:
    """Whether work grows no faster than its name says.

    What is there at the smallest size is taken off first. For `linear` and `quadratic`, the rest
    may grow from each size to the next by 1.5 times the ratio that its name says; less than one
    step for every four elements is constant, whatever the ratio.
    """
    power = _POWERS[growth]
    excess = [(size, taken - steps[0]) for size, taken in zip(sizes, steps, strict=True)][1:]
    few = all(more <= _PER_ELEMENT * (size - sizes[0]) for size, more in excess)
    if few or not power:
        return few

    def ratio(one: int, other: int) -> float:
        return float((other**power - sizes[0] ** power) / (one**power - sizes[0] ** power))

    return all(
        more <= _SLACK * ratio(size, next_size) * max(before, 1)
        for (size, before), (next_size, more) in pairwise(excess)
    )
