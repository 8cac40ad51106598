"""A Gradescope autograder run by gradescope-utils itself, and its import."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.domain.rubric import Bundle
from grader.migrating.gradescope import read as read_gradescope
from grader.migrating.model import Imported
from grader.rubriclint import lint
from tests.peers import _gradescope_sample
from tests.peers._gradescope_sample import CHEATS, SUBMISSIONS
from tests.peers._grading import (
    Points,
    bundle_of,
    gradescope_points,
    gradescope_sources,
    made_once,
    ours,
)
from workers.zygote import Zygote


@pytest.fixture(scope="module")
def autograder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = made_once(tmp_path_factory.getbasetemp(), "gradescope", _made)
    return folder / "autograder"


def _made(folder: Path) -> None:
    """The autograder, and what gradescope-utils gives with it."""
    autograder = _gradescope_sample.write(folder / "autograder")
    points = gradescope_points(autograder, gradescope_sources())
    (folder / "points.json").write_text(json.dumps(points))


@pytest.fixture(scope="module")
def imported(autograder: Path) -> Imported:
    return read_gradescope(autograder)


@pytest.fixture(scope="module")
def assignment(imported: Imported, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle_of(imported, tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def theirs(autograder: Path) -> Points:
    """What gradescope-utils gives, by the titles of tests."""
    found: Points = json.loads((autograder.parent / "points.json").read_text())
    return found


def _points(zygote: Zygote, assignment: Bundle, source: str) -> dict[str, float]:
    result = ours(zygote, assignment, source)
    return {
        check.title.partition(" ")[2]: check.score
        for exercise in result.exercises
        for check in exercise.checks
        if check.kind == "test"
    }


def test_weights_numbers_and_visibilities_come_over(assignment: Bundle, imported: Imported) -> None:
    [exercise] = assignment.rubric.exercises
    assert [(one.title, one.points, one.visibility) for one in exercise.checks] == [
        ("1.1 Adds", 2, "visible"),
        ("1.2 Adds negative numbers", 1, "hidden"),
        ("2.1 Refuses to divide by zero", 1.5, "visible"),
        ("2.2 Remembers", 4, "after_due"),
        ("Has a docstring", 1, "visible"),
    ]
    assert lint(assignment) == []
    assert [line.partition(":")[0] for line in imported.lost] == [
        "Calculating",
        "TestCalculator.test_memory",
        "TestCalculator.test_speed",
    ]


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_a_submission_gets_the_points_that_gradescope_gives(
    name: str, assignment: Bundle, theirs: Points, zygote: Zygote
) -> None:
    given = _points(zygote, assignment, gradescope_sources()[name])
    assert given == {title: theirs[name].get(title) for title in given}


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_that_fools_gradescope_does_not_fool_the_import(
    name: str, assignment: Bundle, theirs: Points, zygote: Zygote
) -> None:
    fooled = CHEATS[name][1]
    most = {
        one.title.partition(" ")[2]: one.points for one in assignment.rubric.exercises[0].checks
    }
    given = _points(zygote, assignment, gradescope_sources()[name])
    assert {title: theirs[name][title] for title in fooled} == {one: most[one] for one in fooled}
    assert {title: given[title] for title in fooled} == dict.fromkeys(fooled, 0)
