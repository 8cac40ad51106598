"""What a student sees of a result: points of everything, words of what is visible."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from grader.domain.exhibits import Shapes
from grader.domain.outcomes import Outcome
from grader.domain.results import Result
from grader.domain.rubric import Visibility
from grader.domain.visibility import student_view
from grader.notebooks.read import parse
from grader.notebooks.write import executed_notebook, retold
from grader.report import report_text
from grader.resultdoc import document, json_schema
from tests.unit._builders import check, code, exercise, notebook, result

SECRET = "the largest error is 0.5"


def judged(visibility: Visibility) -> Result:
    failed = check(
        "limits",
        Outcome.PARTIAL,
        1.0,
        4.0,
        f"Said: {SECRET}.",
        f"Hinted: {SECRET}.",
        {"found": SECRET},
        visibility,
        (Shapes(name=SECRET, expected=(3,), received=(3, 1)),),
    )
    return result(exercise(check(), failed))


def seen_by_student(visibility: Visibility, *, due_passed: bool) -> dict[str, Any]:
    """What is left of the document as it comes back from where it was stored."""
    stored = json.loads(json.dumps(document(judged(visibility))))
    return student_view(stored, due_passed=due_passed)


@pytest.mark.parametrize(
    ("visibility", "due_passed", "told"),
    [
        ("visible", False, True),
        ("visible", True, True),
        ("hidden", False, False),
        ("hidden", True, False),
        ("after_due", False, False),
        ("after_due", True, True),
    ],
)
def test_words_and_hint_are_told_when_they_may_be(
    visibility: Visibility, due_passed: bool, told: bool
) -> None:
    seen = seen_by_student(visibility, due_passed=due_passed)["exercises"][0]["checks"][1]

    assert (SECRET in seen["message"]) == told
    assert (seen["hint"] is not None) == told
    assert (seen["kind"] == "forward") == told
    assert [one["name"] for one in seen["exhibits"]] == [SECRET] * told


@pytest.mark.parametrize("visibility", ["visible", "hidden", "after_due"])
def test_title_points_and_outcome_always_are(visibility: Visibility) -> None:
    was = judged(visibility)
    seen = seen_by_student(visibility, due_passed=False)

    assert (seen["score"], seen["max_score"]) == (was.score, was.max_score)
    check = seen["exercises"][0]["checks"][1]
    assert (check["title"], check["score"], check["max_score"]) == ("the right values", 1.0, 4.0)
    assert check["outcome"] == Outcome.PARTIAL


def test_neither_seed_nor_detail_is_ever_for_students() -> None:
    seen = seen_by_student("visible", due_passed=True)

    assert seen["seed"] is None
    assert all(not check["detail"] for check in seen["exercises"][0]["checks"])


@pytest.mark.parametrize(
    ("kind", "visibility", "told"),
    [
        ("manual", "visible", {"answer": "It falls."}),
        ("manual", "hidden", {}),
        ("manual", "after_due", {}),
        ("value", "visible", {}),
    ],
)
def test_what_a_student_wrote_for_a_person_to_grade_is_theirs_to_see(
    kind: str, visibility: Visibility, told: dict[str, str]
) -> None:
    written = check(detail={"answer": "It falls.", "cause": SECRET}, visibility=visibility)
    stored = json.loads(json.dumps(document(result(exercise(replace(written, kind=kind))))))
    (seen,) = student_view(stored, due_passed=False)["exercises"][0]["checks"]

    assert seen["detail"] == told


def test_a_visibility_that_nobody_knows_hides() -> None:
    stored = json.loads(json.dumps(document(judged("visible"))))
    stored["exercises"][0]["checks"][1]["visibility"] = "whatever"

    assert SECRET not in json.dumps(student_view(stored, due_passed=True))


def test_a_document_from_before_there_were_exhibits_can_be_read() -> None:
    stored = json.loads(json.dumps(document(judged("visible"))))
    for one in stored["exercises"][0]["checks"]:
        del one["exhibits"]
    jsonschema.validate(stored, json_schema())

    seen = student_view(stored, due_passed=True)
    jsonschema.validate(seen, json_schema())
    assert SECRET in seen["exercises"][0]["checks"][1]["message"]


def test_the_stored_document_stays_as_it_is() -> None:
    stored = document(judged("hidden"))
    before = json.dumps(stored)
    student_view(stored, due_passed=True)

    assert json.dumps(stored) == before


def test_a_student_s_document_has_the_published_shape() -> None:
    seen = seen_by_student("hidden", due_passed=True)

    assert seen.keys() == document(judged("hidden")).keys()
    jsonschema.validate(seen, json_schema())


def test_nothing_of_a_hidden_check_is_in_a_students_document_report_or_notebook() -> None:
    seen = seen_by_student("hidden", due_passed=True)
    submission = parse("mine.ipynb", notebook(code("# chainrule: ex1\nx = 1")))

    assert SECRET not in json.dumps(seen)
    text = report_text(seen, submission)  # type: ignore[arg-type]
    assert SECRET not in text
    assert "seed" not in text
    executed = executed_notebook(submission, judged("hidden"))
    assert SECRET in executed.decode()
    assert SECRET not in retold(executed, seen).decode()


def test_staff_see_all_and_what_students_do_not() -> None:
    submission = parse("mine.ipynb", notebook(code("x = 1")))
    text = report_text(document(judged("hidden")), submission)
    assert SECRET in text
    assert "students see title and points only" in text
    assert "inputs were drawn from seed 7" in text
