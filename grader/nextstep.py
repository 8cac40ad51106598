"""The one thing to do now about a result, in words: for whoever prints or shows one."""

from __future__ import annotations

from collections.abc import Mapping

from grader.domain.outcomes import Outcome, RunStatus
from grader.resultdoc import ResultDocument
from grader.safetext import one_line

ENDED: Mapping[RunStatus, str] = {
    RunStatus.COMPLETED: "ran to the last cell",
    RunStatus.STUDENT_ERROR: "the process ended before the last cell",
    RunStatus.TIME_LIMIT: "stopped at the time limit",
    RunStatus.MEMORY_LIMIT: "stopped at the memory limit",
    RunStatus.OUTPUT_LIMIT: "stopped at the output limit",
    RunStatus.POLICY_VIOLATION: "stopped for something that no coursework needs",
    RunStatus.INTERNAL_ERROR: "stopped by a failure of ours",
}
_NOT_YOURS = "Nothing, for now: {} through a fault of ours. The staff see it; it is not a zero."


def next_step(result: ResultDocument) -> str:
    """The one thing to do now, for who sees this document: staff, or the student."""
    is_for_staff = result["seed"] is not None
    if result["run"]["status"] == RunStatus.INTERNAL_ERROR:
        if is_for_staff:
            return "Grade it again: this was a failure of ours, not the student's."
        return _NOT_YOURS.format("it could not be judged")
    wrong = [
        (exercise, check)
        for exercise in result["exercises"]
        for check in exercise["checks"]
        if check["outcome"] in (Outcome.FAILED, Outcome.PARTIAL)
    ]
    if result["run"]["status"] != RunStatus.COMPLETED and wrong:
        return f"{how_it_ended(result)} What comes after that cannot be judged."
    if wrong:
        known = [one for one in wrong if one[1]["kind"] != "hidden"]
        exercise, check = (known or wrong)[0]
        return f"{one_line(exercise['title'])}: {one_line(check['hint'] or check['message'], 1000)}"
    if any(exercise["outcome"] == Outcome.NOT_JUDGED for exercise in result["exercises"]):
        if is_for_staff:
            look = look_at_bundle(result)
            again = "Grade it again: a part could not be judged, through a fault of ours."
            return f"{look}." if look else again
        return _NOT_YOURS.format("a part could not be judged")
    if result["pending"]:
        return "Nothing is wrong; a person reads the rest."
    return "Nothing is left to do."


def bundle_faults(result: ResultDocument) -> dict[str, str]:
    """What left checks not judged and comes from the reference or the tests of the bundle, by
    `exercise/check`. A student's document tells none."""
    return {
        f"{exercise['id']}/{check['id']}": one_line(str(check["detail"]["fault"]), 500)
        for exercise in result["exercises"]
        for check in exercise["checks"]
        if check["outcome"] == Outcome.NOT_JUDGED and "fault" in check["detail"]
    }


def look_at_bundle(result: ResultDocument) -> str | None:
    """What of the bundle to look at, where every check that was not judged has that cause."""
    faults = bundle_faults(result)
    unexplained = [
        check
        for exercise in result["exercises"]
        for check in exercise["checks"]
        if check["outcome"] == Outcome.NOT_JUDGED and "fault" not in check["detail"]
    ]
    if unexplained or not faults:
        return None
    key, fault = next(iter(faults.items()))
    return f"Look at the bundle; {key} was not judged: {fault.rstrip('.')}"


def how_it_ended(result: ResultDocument) -> str:
    """Why the run ended, in a sentence."""
    message = one_line(result["run"]["message"], 500)
    if message:
        return message if message.endswith((".", "!", "?")) else f"{message}."
    return f"The run: {ENDED[result['run']['status']]}."
