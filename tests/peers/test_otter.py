"""Assignments made with otter itself: the import gives its points, and cheats lose theirs."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from grader.domain.rubric import Bundle
from grader.migrating.otter import read as read_otter
from grader.rubriclint import lint
from tests.peers._grading import (
    RECORDED,
    bundle_of,
    by_exercise,
    made_once,
    otter_assigned,
    otter_documents,
    otter_points,
    ours,
    read,
)
from tests.peers._otter_sample import CHEATS, MASTER, NOISE, RAISING, SUBMISSIONS
from workers.zygote import Zygote


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both masters, and what `otter assign` has made of them."""

    def make(folder: Path) -> None:
        masters = {"numbers": MASTER, "raising": RAISING}
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda item: otter_assigned(folder, *item), masters.items()))

    return made_once(tmp_path_factory.getbasetemp(), "otter", make)


@pytest.fixture(scope="module")
def assigned(folder: Path) -> Path:
    return folder / "numbers"


@pytest.fixture(scope="module")
def student(assigned: Path) -> dict[str, Any]:
    return read(assigned / "student" / "numbers.ipynb")


@pytest.fixture(scope="module", params=["master", "assigned"])
def imported(
    request: pytest.FixtureRequest,
    folder: Path,
    assigned: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Bundle:
    path = folder / "numbers.ipynb" if request.param == "master" else assigned
    return bundle_of(read_otter(path), tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def assignment(folder: Path, assigned: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle_of(read_otter(assigned), tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def recorded() -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = json.loads(RECORDED.read_text())["otter"]
    return found


def test_master_and_assigned_notebook_give_the_same_questions(imported: Bundle) -> None:
    points = {
        one.id: [(check.points, check.visibility, check.partial) for check in one.checks]
        for one in imported.rubric.exercises
        if one.id.startswith("q") and one.id != "q5"
    }
    assert points == {
        "q1": [(0.5, "visible", True), (2, "hidden", True), (0.5, "hidden", True)],
        "q2": [(2, "hidden", False)],
        "q3": [(0.5, "visible", True), (0.5, "visible", True)],
        "q4": [
            (pytest.approx(4 / 3), visibility, True)
            for visibility in ("visible", "hidden", "hidden")
        ],
    }
    assert lint(imported) == []


def test_a_question_for_a_person_comes_with_the_master(folder: Path, assigned: Path) -> None:
    master = read_otter(folder / "numbers.ipynb")
    assert [(one.kind, one.points) for one in master.exercises[-1].checks] == [("manual", 2)]
    assert any("Question 5" in line for line in read_otter(assigned).lost)


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_a_submission_gets_the_points_that_otter_gives(
    name: str,
    assignment: Bundle,
    student: dict[str, Any],
    recorded: dict[str, dict[str, float]],
    zygote: Zygote,
) -> None:
    [document] = otter_documents(student, [name]).values()
    assert by_exercise(ours(zygote, assignment, document)) == pytest.approx(recorded[name])


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_that_fools_otter_does_not_fool_the_import(
    name: str,
    assignment: Bundle,
    student: dict[str, Any],
    recorded: dict[str, dict[str, float]],
    zygote: Zygote,
) -> None:
    most = {one.id: one.max_score for one in assignment.rubric.exercises}
    fooled = CHEATS[name][1]
    [document] = otter_documents(student, [name]).values()
    given = by_exercise(ours(zygote, assignment, document))
    assert [recorded[name][one] for one in fooled] == [pytest.approx(most[one]) for one in fooled]
    # Nothing, but for the one check that it passes honestly: it does refuse what has no sum.
    earned = {"lying-numbers": {"q4": 4 / 3}}.get(name, {})
    assert {one: given[one] for one in fooled} == {
        one: pytest.approx(earned.get(one, 0), abs=1e-5) for one in fooled
    }


def test_a_print_costs_points_in_otter_and_not_here(
    assignment: Bundle,
    student: dict[str, Any],
    recorded: dict[str, dict[str, float]],
    zygote: Zygote,
) -> None:
    [name] = NOISE
    [document] = otter_documents(student, [name]).values()
    assert recorded[name]["q1"] < recorded["right"]["q1"]
    assert by_exercise(ours(zygote, assignment, document)) == pytest.approx(recorded["right"])


def test_otter_still_gives_what_is_written_down(
    assigned: Path, student: dict[str, Any], recorded: dict[str, dict[str, float]]
) -> None:
    names = ["even-for-positive", "patched-runner"]
    given = otter_points(assigned, otter_documents(student, names))
    assert given == {name: pytest.approx(recorded[name]) for name in names}


@pytest.mark.parametrize(
    ("source", "points"),
    [
        ("def double(x):\n    return 2 * x", 2),
        ("def double(x):\n    return x + x", 2),
        ("def double(x):\n    return 2.0 * x", 1),
        ("def double(x):\n    return x", 0),
        ("x = 1", 0),
    ],
)
def test_tests_that_raise_come_over_as_well(
    source: str,
    points: float,
    folder: Path,
    tmp_path: Path,
    zygote: Zygote,
) -> None:
    assignment = bundle_of(read_otter(folder / "raising"), tmp_path)
    assert lint(assignment) == []
    assert by_exercise(ours(zygote, assignment, source)) == {"r1": points}
