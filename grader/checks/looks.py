"""Going through the looks of a check, and asking: what all kinds do alike."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Protocol, TypeVar

from grader.checks.base import Context
from grader.checks.reading import BadEvidence, shown
from grader.checks.verdicts import Failure, NearMiss, failed
from grader.domain.evidence import Answer, Raised, Value
from grader.domain.outcomes import Outcome
from grader.domain.questions import (
    Ask,
    Judging,
    Look,
    NextLook,
    Probe,
    RanTests,
    Received,
    Replies,
    Rerun,
    RunTests,
    Step,
    Verdict,
)
from grader.domain.rubric import CheckSpec, Place

Returned = TypeVar("Returned")
Asking = Generator[Step, Received, Returned]  # it asks, and comes to something
AtLook = Callable[[Look], Asking[Verdict]]


class ReferenceFault(Exception):
    """The reference solution does not answer as the rubric needs: our fault, never a zero."""


class Judge(Protocol):
    """What a kind gives: a generator for one check of one attempt."""

    def __call__(self, spec: Any, context: Context) -> Judging: ...


def guarded(judge: Judge) -> Judge:
    """`judge`, with a fault of the reference turned into a verdict of not judged."""

    def judged(spec: Any, context: Context) -> Judging:
        try:
            return (yield from judge(spec, context))
        except ReferenceFault as fault:
            return Verdict(
                Outcome.NOT_JUDGED,
                0.0,
                "This could not be judged: the reference solution has a fault.",
                detail={"fault": str(fault)[:500]},
            )

    return judged


def wherever_defined(name: str) -> tuple[Place, ...]:
    """Where to look for a function or class: every state in which it may be as it was meant."""
    return Place(first_definition=name), Place(last_definition=name), Place(end=True)


def at_each_look(spec: CheckSpec, context: Context, judge: AtLook) -> Asking[Verdict]:
    """Judge at every look until the check passes; the best verdict counts.

    Among equals one that names a cause goes before one that doesn't, and then the later one. A
    look at a run that was cut short says nothing where there was another.
    """
    look = context.look
    best: Verdict | None = None
    while True:
        if best is None or look.alive:
            verdict = yield from _readable(spec, judge(look))
            best = verdict if best is None else _better(best, verdict)
        if best.outcome is Outcome.PASSED or look.last:
            return best
        following = yield NextLook()
        if not isinstance(following, Look):
            return best
        look = following


def _readable(spec: CheckSpec, judging: Asking[Verdict]) -> Asking[Verdict]:
    try:
        return (yield from judging)
    except BadEvidence as error:
        detail = {"evidence": str(error)[:200]}
        message = "What your code gave cannot be read."
        return failed(spec, Failure(message, NearMiss("unreadable"), detail))


def _better(one: Verdict, later: Verdict) -> Verdict:
    def rank(verdict: Verdict) -> tuple[float, bool]:
        return verdict.fraction, verdict.cause is not None

    return later if rank(later) >= rank(one) else one


def ask(
    student: tuple[Probe | Rerun, ...] = (), reference: tuple[Probe, ...] = ()
) -> Asking[Replies]:
    """Ask, and receive as many answers as there were probes."""
    replies = yield Ask(student, reference)
    if not isinstance(replies, Replies):
        raise TypeError("an Ask is answered by Replies")
    if len(replies.student) != len(student) or len(replies.reference) != len(reference):
        raise ValueError("an Ask has one answer for each probe")
    return replies


def ask_student(probe: Probe | Rerun) -> Asking[Answer]:
    """One question to the submission."""
    replies = yield from ask(student=(probe,))
    return replies.student[0]


def ask_reference(probe: Probe) -> Asking[Answer]:
    """One question to the reference."""
    replies = yield from ask(reference=(probe,))
    return replies.reference[0]


def run_tests(request: RunTests) -> Asking[RanTests]:
    """Have a test file run."""
    ran = yield request
    if not isinstance(ran, RanTests):
        raise TypeError("a RunTests is answered by RanTests")
    return ran


def sound(value: Value | Raised) -> Value:
    """What the reference computed; raises ReferenceFault where it raised."""
    if isinstance(value, Raised):
        raise ReferenceFault(f"the reference raised {value.type}: {shown(value.message, 300)}")
    return value
