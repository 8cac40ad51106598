"""A result document as the results.json that Gradescope reads.

https://gradescope-autograders.readthedocs.io/en/latest/specs/ has its fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from grader.domain.visibility import student_view
from grader.nextstep import how_it_ended, next_step
from grader.report import points
from grader.resultdoc import ResultDocument

_VISIBILITY = {"visible": "visible", "hidden": "hidden", "after_due": "after_due_date"}


def results(
    document: Mapping[str, Any], missing: Sequence[str], *, leaderboard: bool = False
) -> dict[str, Any]:
    """The results of a judged submission.

    `missing` are the sandbox's layers that were not there: staff alone see them. What waits for a
    person has no score yet, and counts for nothing in `score`.
    """
    tests = [
        _test(exercise, check, f"{at}.{number}")
        for at, exercise in enumerate(document["exercises"], 1)
        for number, check in enumerate(exercise["checks"], 1)
    ]
    found: dict[str, Any] = {
        "score": document["score"],
        "execution_time": document["run"]["wall_s"],
        "output": _summary(document),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "stdout_visibility": "hidden",
        "tests": [*tests, _sandbox(document, missing)],
    }
    if leaderboard:
        found["leaderboard"] = [{"name": "Points", "value": _shown(document), "order": "desc"}]
    return found


def refused(why: str) -> dict[str, Any]:
    """The results of what is no submission: the student has to hand in another file."""
    return {
        "score": 0,
        "output": f"This could not be graded: {why}",
        "output_format": "text",
        "stdout_visibility": "hidden",
        "tests": [],
    }


def _shown(document: Mapping[str, Any]) -> float:
    """The points of what students see: everybody reads the leaderboard."""
    return sum(
        float(check["score"])
        for exercise in document["exercises"]
        for check in exercise["checks"]
        if check["visibility"] == "visible"
    )


def _test(exercise: Mapping[str, Any], check: Mapping[str, Any], number: str) -> dict[str, Any]:
    title = check["title"] or check["id"]
    if title != exercise["title"]:
        title = f"{exercise['title']}: {title}"
    words = [check["message"], f"Hint: {check['hint']}" if check["hint"] else ""]
    found: dict[str, Any] = {
        "name": title,
        "number": number,
        "visibility": _VISIBILITY[check["visibility"]],
        "output": "\n".join(word for word in words if word),
    }
    if check["outcome"] == "pending":
        found["output"] += f" It is worth {points(check['max_score'])} points."
        return found
    found["status"] = "passed" if check["outcome"] == "passed" else "failed"
    if check["max_score"]:
        found |= {"score": check["score"], "max_score": check["max_score"]}
    return found


def _summary(document: Mapping[str, Any]) -> str:
    """What everybody may know. Nothing of it depends on what a hidden check has found."""
    run = document["run"]
    lines = []
    if run["status"] != "completed":
        why = how_it_ended(cast(ResultDocument, document))
        lines.append(f"Your code did not run to its end. {why[:1].upper()}{why[1:]}")
    if document["pending"]:
        lines.append(f"{points(document['pending'])} points wait for a person.")
    seen = student_view(document, due_passed=False)
    if any(_is_wrong(check) for exercise in seen["exercises"] for check in exercise["checks"]):
        lines.append(f"Next: {next_step(cast(ResultDocument, seen))}")
    return "\n".join(lines)


def _is_wrong(check: Mapping[str, Any]) -> bool:
    return check["visibility"] == "visible" and check["outcome"] in ("failed", "partial")


def _sandbox(document: Mapping[str, Any], missing: Sequence[str]) -> dict[str, Any]:
    layers = document["run"]["sandbox"]["layers"]
    without = ", ".join(missing) or "none"
    return {
        "name": "The sandbox (for staff)",
        "visibility": "hidden",
        "status": "passed" if not missing else "failed",
        "output": f"Layers in force: {', '.join(layers)}.\nLayers that are missing: {without}.",
    }
