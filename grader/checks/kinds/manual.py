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
    answer = (yield from _answer(spec, spec.answer, context)) if spec.answer else None
    message = "A person grades this."
    if spec.answer and answer is None:
        message = "A person grades this. No answer was found in your notebook."
    return Verdict(Outcome.PENDING, 0.0, message, detail={"answer": answer})


def _answer(spec: ManualSpec, where: AnswerPlace, context: Context) -> Asking[str | None]:
    try:
        found = yield from answer_at(where, context, spec.limit_s)
    except BadEvidence:
        return None
    if isinstance(found, Failure):
        return None
    return found if isinstance(found, str) else in_words(found)
