"""What a `tensors` probe says of the tensors of a submission."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grader.checks.calling.calls import no_function
from grader.checks.reading import BadEvidence, as_text, described, listing, mapping, names
from grader.checks.verdicts import Failure, missing, unanswered
from grader.domain.evidence import Answer, Raised, Value


@dataclass(frozen=True)
class Seen:
    """A value of the submission; `contiguous` is None of what is no tensor.

    `shares` names the others that lie in its storage; of a function's result these are inputs,
    `same` those that it is itself, and `changed` those that the call has altered.
    """

    value: Value | Raised
    contiguous: bool | None = None
    shares: frozenset[str] = frozenset()
    same: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()


def of_names(answer: Answer, wanted: Sequence[str], limit_s: float) -> list[Seen] | Failure:
    """What the first of the names holds; the others have to be there, too."""
    failure = unanswered(answer, wanted[0], limit_s)
    if failure is not None:
        return failure
    evidence = mapping(answer.evidence)
    tensors = mapping(evidence.get("tensors"))
    for name in wanted:
        if name not in tensors:
            return missing(name)
    value, contiguous = _value(tensors[wanted[0]])
    return [Seen(value, contiguous, _shared(evidence, wanted[0]))]


def of_function(answer: Answer, function: str, cases: int, limit_s: float) -> list[Seen] | Failure:
    """What the function returned in each case."""
    failure = unanswered(answer, f"{function}()", limit_s)
    if failure is not None:
        return failure
    evidence = mapping(answer.evidence)
    failure = no_function(evidence, function)
    if failure is not None:
        return failure
    return [_case(mapping(one)) for one in listing(evidence, "cases", cases)]


def _case(case: Mapping[str, object]) -> Seen:
    value, contiguous = _value(case.get("result"))
    if isinstance(value, Raised):
        return Seen(value)
    same, changed = frozenset(names(case, "same")), frozenset(names(case, "changed"))
    return Seen(value, contiguous, _shared(case, ""), same, changed)


def _value(entry: object) -> tuple[Value | Raised, bool | None]:
    fields = mapping(entry)
    contiguous = fields.get("contiguous")
    if contiguous is not None and not isinstance(contiguous, bool):
        raise BadEvidence("contiguous is not a bool")
    return described(fields.get("value")), contiguous


def _shared(evidence: Mapping[str, object], name: str) -> frozenset[str]:
    """The names in one storage with `name`."""
    for group in listing(evidence, "sharing"):
        if not isinstance(group, list):
            raise BadEvidence("sharing is not a list of lists")
        members = frozenset(as_text(one) for one in group)
        if name in members:
            return members - {name}
    return frozenset()
