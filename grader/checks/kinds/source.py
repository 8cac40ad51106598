"""`source`: what a function's code may not use, or has to use, by capability.

Read from the code as far as a parse can see; for autograd also watched while the function runs.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from grader.checks.base import Context
from grader.checks.calling.calls import Argument, call_probe, calls, drawn_cases
from grader.checks.calling.inputs import Draw, check_names, check_sizes
from grader.checks.code.capabilities import Capability, Use, in_words, undecided, uses
from grader.checks.code.closure import Seen, reached
from grader.checks.looks import Asking, ask_student, at_each_look
from grader.checks.reading import shown
from grader.checks.verdicts import Failure, NearMiss, failed, missing, passed, place
from grader.domain.questions import Judging, Look, Probe, Verdict
from grader.domain.rubric import CheckSpec, Place

_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class SourceSpec(CheckSpec):
    """`function`, with what it reaches in the notebook, uses no `forbid` and every `require`.

    Where autograd is one of them, the function is watched in a call for each of `cases` too; with
    `cases: []` it is only read, which will do before a `gradient` check that watches for itself
    (`by_hand`). Worth no points, it is a gate for checks that depend on it.
    """

    kind: Literal["source"] = "source"
    function: str
    forbid: tuple[Capability, ...] = ()
    require: tuple[Capability, ...] = ()
    args: tuple[Argument, ...] = ()
    inputs: Mapping[str, Draw] = field(default_factory=dict)
    cases: tuple[Mapping[str, int], ...] = ({},)

    def __post_init__(self) -> None:
        if self.cases:
            check_sizes(self.inputs.values(), self.cases)
        check_names(self.inputs, self.args, "args")
        if not self.forbid and not self.require:
            raise ValueError("forbid or require must name a capability")
        if set(self.forbid) & set(self.require):
            raise ValueError("a capability is both forbidden and required")

    @property
    def watched(self) -> bool:
        """Whether the function has to be run."""
        return bool(self.cases) and "autograd" in (*self.forbid, *self.require)


def places(spec: SourceSpec) -> tuple[Place, ...]:
    """Where to look by default: at what stands in the end, not at first tries."""
    return (Place(last_definition=spec.function), Place(end=True))


def judge(spec: SourceSpec, context: Context) -> Judging:
    """Read the code; watch the function run where that says more."""
    drawn = drawn_cases(spec.inputs, spec.cases, context.rng)
    probe = call_probe(spec.function, [(one, spec.args) for one in drawn], spec.limit_s, watch=True)

    def at_look(look: Look) -> Asking[Verdict]:
        seen = reached(context.code, spec.function, look.cell)
        for capability in spec.forbid:
            if found := uses(capability, seen):
                return failed(spec, _forbidden(spec, context, capability, found))
        count = yield from _watched(spec, probe, len(drawn))
        if not spec.watched and not seen.found:
            count = missing(spec.function)
        if isinstance(count, Failure):
            return failed(spec, count)
        return _judged(spec, context, seen, count)

    return (yield from at_each_look(spec, context, at_look))


def _watched(spec: SourceSpec, probe: Probe, cases: int) -> Asking[int | Failure]:
    """How often autograd was used while the function ran, whether or not it raised."""
    if not spec.watched:
        return 0
    answer = yield from ask_student(probe)
    found = calls(answer, spec.function, cases, spec.limit_s)
    return found if isinstance(found, Failure) else sum(call.autograd for call in found)


def _judged(spec: SourceSpec, context: Context, seen: Seen, count: int) -> Verdict:
    detail: dict[str, object] = {"autograd_calls": min(count, 1_000_000)}
    if count and "autograd" in spec.forbid:
        message = f"{spec.function}() uses autograd: it was seen at work while the function ran."
        return failed(spec, Failure(message, NearMiss("forbidden", variant="autograd"), detail))
    for capability in spec.require:
        at_work = capability == "autograd" and count
        if not at_work and not uses(capability, seen) and not undecided(capability, seen):
            message = f"{spec.function}() does not use {in_words(capability)}."
            return failed(spec, Failure(message, NearMiss("required", variant=capability), detail))
    unsure = [use for one in spec.forbid for use in undecided(one, seen)]
    if unsure:
        detail["undecided"] = [_where(context, use) for use in unsure[:_SHOWN]]
    return passed(f"{spec.function}() keeps to what is asked.", detail)


def _forbidden(
    spec: SourceSpec, context: Context, capability: Capability, found: list[Use]
) -> Failure:
    first = found[0]
    spelling, where = _spelling(context, first), place(context, first.cell, first.line)
    message = f"{spec.function}() uses {in_words(capability)}: {spelling}"
    detail = {"uses": [_where(context, use) for use in found[:_SHOWN]]}
    near_miss = NearMiss("forbidden", variant=capability)
    return Failure(f"{message} ({where})." if where else f"{message}.", near_miss, detail)


def _where(context: Context, use: Use) -> str:
    where = place(context, use.cell, use.line)
    return f"{_spelling(context, use)} ({where})" if where else _spelling(context, use)


def _spelling(context: Context, use: Use) -> str:
    """The code as it is written, in short."""
    source = context.code[use.cell] or ""
    written = ast.get_source_segment(source, use.node) or type(use.node).__name__
    first, *rest = written.split("\n")
    return shown(first + (" …" if rest else ""), 80)
