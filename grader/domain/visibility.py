"""What a student sees of a result; staff see all of it."""

from __future__ import annotations

from dataclasses import replace

from grader.domain.results import CheckResult, Result


def student_view(result: Result, *, due_passed: bool) -> Result:
    """The result without what is for staff alone: the seed, details, and what is hidden.

    Of a hidden check, and before the due date of one that is shown after it, the title, the
    points and the outcome stay.
    """
    exercises = tuple(
        replace(
            exercise, checks=tuple(_seen_by_student(check, due_passed) for check in exercise.checks)
        )
        for exercise in result.exercises
    )
    return replace(result, exercises=exercises, seed=None)


def _seen_by_student(check: CheckResult, due_passed: bool) -> CheckResult:
    seen = replace(check, detail={})
    match check.visibility:
        case "hidden":
            return replace(seen, kind="hidden", hint=None, message="This check is hidden.")
        case "after_due" if not due_passed:
            message = "What this check found is shown after the due date."
            return replace(seen, kind="hidden", hint=None, message=message)
    return seen
