"""What a student sees of a result; staff see all of it.

It works on the result document as it is stored and printed, so that there is one rule for whoever
serves, prints or downloads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HIDDEN = "This check is hidden."
_LATER = "What this check found is shown after the due date."
_WITHHELD: dict[str, Any] = {"kind": "hidden", "hint": None, "exhibits": [], "detail": {}}


def student_view(document: Mapping[str, Any], *, due_passed: bool) -> dict[str, Any]:
    """The document without what is for staff alone: the seed, details, and what is hidden.

    Of the details of what a person grades, the answer stays: it is the student's own.

    Of a hidden check, and before the due date of one that is shown after it, the title, the
    points and the outcome stay.
    """
    exercises = [
        {
            **exercise,
            "checks": [_seen_by_student(check, due_passed) for check in exercise["checks"]],
        }
        for exercise in document["exercises"]
    ]
    return {**document, "seed": None, "exercises": exercises}


def _seen_by_student(check: Mapping[str, Any], due_passed: bool) -> dict[str, Any]:
    seen = {**check, "detail": _own_words(check)}
    match check["visibility"]:
        case "visible":
            return seen
        case "after_due" if due_passed:
            return seen
        case "after_due":
            return {**seen, **_WITHHELD, "message": _LATER}
    return {**seen, **_WITHHELD, "message": _HIDDEN}


def _own_words(check: Mapping[str, Any]) -> dict[str, Any]:
    answer = check["detail"].get("answer") if check["kind"] == "manual" else None
    return {"answer": answer} if isinstance(answer, str) and answer else {}
