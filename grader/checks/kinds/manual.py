"""`manual`: a person grades it. The student's answer is found for them, as well as can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from grader.checks.answers.answers import AnswerPlace, answer_at
from grader.checks.base import Context
from grader.checks.looks import Asking
from grader.checks.reading import BadEvidence, in_words
from grader.checks.verdicts import Failure
from grader.domain.outcomes import Outcome
from grader.domain.questions import Judging, Verdict
from grader.domain.rubric import CheckSpec, Place


@dataclass(frozen=True, kw_only=True)
class ManualSpec(CheckSpec):
    """A person gives the points."""

    kind: Literal["manual"] = "manual"
    answer: AnswerPlace | None = None


def places(spec: ManualSpec) -> tuple[Place, ...]:
    """The notebook as it was left."""
    return (Place(end=True),)


def judge(spec: ManualSpec, context: Context) -> Judging:
    """Pending, with the answer where there is one."""
    message, answer = "A person grades this.", None
    if spec.answer:
        found = yield from _answer(spec, spec.answer, context)
        if isinstance(found, Failure):
            message = f"{message} {found.message}"
        else:
            answer = found
    return Verdict(Outcome.PENDING, 0.0, message, detail={"answer": answer})


def _answer(spec: ManualSpec, where: AnswerPlace, context: Context) -> Asking[str | Failure]:
    try:
        found = yield from answer_at(where, context, spec.limit_s)
    except BadEvidence:
        return Failure("Your answer cannot be read.")
    return found if isinstance(found, str | Failure) else in_words(found)
