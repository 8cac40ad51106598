"""`test`: the instructor's own pytest file, run outside the sandbox.

Of the submission the tests see evidence alone: what a name holds, what a call gave. They are run
by `workers.tests_runner`; here their outcomes become a verdict.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from grader.checks.base import Context
from grader.checks.looks import Asking, at_each_look, run_tests
from grader.checks.verdicts import Failure, NearMiss, graded, passed
from grader.domain.outcomes import Outcome
from grader.domain.questions import (
    Judging,
    Look,
    RanOutcome,
    RanTest,
    RanTests,
    RunTests,
    Verdict,
)
from grader.domain.rubric import CheckSpec, Place

_FILE = re.compile(r"(tests/([\w-]+/)*)?test_\w+\.py", re.ASCII)
_SHOWN = 5  # failing tests that the student reads about
_KEPT = 100  # tests of which staff read


@dataclass(frozen=True, kw_only=True)
class TestSpec(CheckSpec):
    """Ordinary pytest, with the fixtures `student`, `reference` and `rng`."""

    __test__: ClassVar[bool] = False  # for pytest: no test, whatever its name

    kind: Literal["test"] = "test"
    file: str  # below the folder of the reference: test_linear.py, tests/test_linear.py
    only: tuple[str, ...] = ()  # of its tests these alone: test_a, TestLine::test_b
    values: Literal["arrays", "native"] = "arrays"
    arrays: Literal["torch", "numpy"] = "torch"
    precision: Literal["float32", "float64"] = "float32"
    operators: tuple[str, ...] = ()
    show_values: bool = False
    test_limit_s: float = 30.0
    file_limit_s: float = 120.0

    def __post_init__(self) -> None:
        if not _FILE.fullmatch(self.file):
            raise ValueError(
                "a file of tests is named test_....py and lies beside the reference solution, "
                "or below tests/ there"
            )
        for name in ("test_limit_s", "file_limit_s"):
            if not 0 < getattr(self, name) < 3600:
                raise ValueError(f"{name} should be more than 0 and less than 3600")
        if not all(name.isidentifier() for name in self.operators):
            raise ValueError("operators names classes of the submission")


class _Broken(Exception):
    """The tests have a fault: nobody's points may depend on it."""


def places(spec: TestSpec) -> tuple[Place, ...]:
    """Where everything has run."""
    return (Place(end=True),)


def judge(spec: TestSpec, context: Context) -> Judging:
    """Each test that passes earns its share."""
    request = RunTests(
        file=spec.file,
        seed=int(context.rng.integers(1 << 62)),
        cells=context.cells,
        library=spec.arrays,
        precision=spec.precision,
        operators=frozenset(spec.operators),
        names=frozenset(spec.only) or None,
        show_values=spec.show_values,
        native=spec.values == "native",
        probe_s=spec.limit_s,
        test_s=spec.test_limit_s,
        file_s=spec.file_limit_s,
    )

    def at_look(look: Look) -> Asking[Verdict]:
        return (yield from _at_look(spec, request))

    try:
        return (yield from at_each_look(spec, context, at_look))
    except _Broken as fault:
        return Verdict(
            Outcome.NOT_JUDGED,
            0.0,
            "This could not be judged: the tests of this exercise have a fault.",
            detail={"fault": str(fault)[:2000]},
        )


def _at_look(spec: TestSpec, request: RunTests) -> Asking[Verdict]:
    ran = yield from run_tests(request)
    counted = _counted(ran)
    broken = [one for one in counted if one.outcome is RanOutcome.BROKEN]
    if broken:
        yield from _blame_the_submission(request, broken)
    failing = [one for one in counted if one.outcome is not RanOutcome.PASSED]
    parts = [one for one in counted if one.outcome is RanOutcome.PASSED and one.fraction < 1]
    detail = {"tests": [_for_staff(one) for one in ran.tests[:_KEPT]]}
    count = len(counted)
    if not failing and not parts:
        return passed("The test passes." if count == 1 else f"All {count} tests pass.", detail)
    total = sum(one.weight for one in counted)
    earned = sum(one.weight * one.fraction for one in counted if one not in failing)
    cause = NearMiss((failing or parts)[0].function)
    failure = Failure(_message(failing, parts, count), cause, detail)
    return graded(spec, earned / total, failure)


def _counted(ran: RanTests) -> list[RanTest]:
    """The tests that earn something; raises where the file cannot be used."""
    if ran.fault:
        raise _Broken(ran.fault)
    counted = [one for one in ran.tests if one.outcome is not RanOutcome.LEFT_OUT]
    if not counted:
        raise _Broken("the file has no test that counts")
    return counted


def _blame_the_submission(request: RunTests, broken: Sequence[RanTest]) -> Asking[None]:
    """A test that breaks has met a value that it cannot use, if the reference passes it.

    Otherwise the test itself is at fault.
    """
    names = frozenset(one.name for one in broken)
    ran = yield from run_tests(replace(request, names=names, on_reference=True))
    right = {one.name for one in ran.tests if one.outcome is RanOutcome.PASSED}
    for one in broken:
        if one.name not in right:
            raise _Broken(f"{one.name} breaks, and does not pass on the reference: {one.said}")


def _message(failing: Sequence[RanTest], parts: Sequence[RanTest], count: int) -> str:
    lines = [] if count == 1 else [f"{count - len(failing)} of {count} tests pass."]
    lines += [
        f"{one.title}: this earns {one.fraction:.0%} of its points." for one in parts[:_SHOWN]
    ]
    for one in failing[:_SHOWN]:
        words = f"{one.title}: {one.message}"
        lines.append(words if words.endswith((".", "!", "?", "…")) else f"{words}.")
    if len(failing) > _SHOWN:
        lines.append(f"And {len(failing) - _SHOWN} more.")
    return "\n".join(lines)


def _for_staff(test: RanTest) -> dict[str, object]:
    return {
        "name": test.name,
        "outcome": str(test.outcome),
        "weight": test.weight,
        "fraction": test.fraction,
        "said": test.said,
    }
