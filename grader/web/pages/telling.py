"""What a student is told about their work: where it stands, what counts and why, what is next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from grader.domain.grades import Grade, GradeState
from grader.services.assignments import Stage
from grader.services.ownwork import OwnAssignment
from grader.web.pages.words import points

_FAR = datetime.max.replace(tzinfo=UTC)
_BECAUSE = {
    "best": "it has the most points",
    "last": "it is the latest",
    "chosen": "you chose it",
}


@dataclass(frozen=True)
class Standing:
    """Where an assignment stands for somebody: `look` and `words` of its state, what is `next`."""

    look: str
    words: str
    next: str


def standing(own: OwnAssignment) -> Standing:
    """Where an assignment stands."""
    stage, grade, is_open = own.seen.stage, own.grade, own.may_hand_in
    if own.released is not None:
        return Standing("done", "Released", _released_next(own, is_open))
    if stage is Stage.ANNOUNCED:
        return Standing("queued", "Not open yet", "Nothing to do before it opens.")
    match grade.state:
        case GradeState.NOTHING if is_open:
            return Standing("queued", "Not handed in", "Hand in your notebook.")
        case GradeState.NOTHING:
            return Standing("cancelled", "Nothing handed in", "It is closed.")
        case GradeState.WAITING:
            return Standing("running", "Being judged", "The result appears by itself.")
        case GradeState.NOT_JUDGED:
            return Standing("failed", "Ours to fix", "Nothing to do: staff see to it.")
        case GradeState.PENDING:
            assert grade.worth is not None
            waiting = points(grade.worth.to_come)
            verb = "waits" if grade.worth.to_come == 1 else "wait"
            words = f"{waiting} more {verb} for a person."
            if is_open and grade.can_improve:
                words = f"{words} {_judged_next(grade, is_open)}"
            return Standing("queued", "Partly judged", words)
    return Standing("done", "Judged", _judged_next(grade, is_open))


def in_order(found: Sequence[OwnAssignment]) -> list[OwnAssignment]:
    """What is due next first; then what opens later, and what is closed, the latest first."""
    open_ones = [one for one in found if one.seen.stage is Stage.OPEN]
    announced = [one for one in found if one.seen.stage is Stage.ANNOUNCED]
    rest = [one for one in found if one.seen.stage not in (Stage.OPEN, Stage.ANNOUNCED)]
    return [
        *sorted(open_ones, key=lambda one: one.seen.due_at or _FAR),
        *sorted(announced, key=lambda one: one.seen.assignment.opens_at or _FAR),
        *sorted(rest, key=lambda one: one.seen.due_at or _FAR, reverse=True),
    ]


def next_of(found: Sequence[OwnAssignment]) -> OwnAssignment | None:
    """Of assignments in order the one to do now: nothing is handed in yet, or points are left."""
    open_ones = [one for one in found if one.may_hand_in]
    for one in open_ones:
        if one.grade.state is GradeState.NOTHING:
            return one
    return next((one for one in open_ones if one.grade.can_improve), None)


def why_it_counts(grade: Grade, of: int) -> str:
    """Why the submission that counts does: the end of a sentence, empty for the only one."""
    counts = grade.policy.counts
    if of == 1 or grade.counting is None:
        return ""
    if counts == "chosen" and not grade.counting.chosen:
        return "it is the latest, until you choose another"
    if counts == "best" and grade.points is None:
        return "none is judged yet, and it is the latest"
    return _BECAUSE[counts]


def _released_next(own: OwnAssignment, is_open: bool) -> str:
    assert own.released is not None
    if own.released.score >= own.released.max_score:
        return "Nothing is left to do."
    return "Read the result; you may hand in again." if is_open else "Read the result."


def _judged_next(grade: Grade, is_open: bool) -> str:
    if not grade.can_improve:
        return "Nothing is left to do."
    return "Read what is wrong, then hand in again." if is_open else "Read the result."
