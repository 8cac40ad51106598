"""An assignment made with nbgrader itself: the import gives its points, and cheats lose theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from grader.domain.rubric import Bundle
from grader.migrating.nbgrader import read as read_nbgrader
from grader.rubriclint import lint
from tests.peers._grading import (
    RECORDED,
    bundle_of,
    by_exercise,
    made_once,
    nbgrader_documents,
    nbgrader_points,
    nbgrader_release,
    ours,
    read,
    released,
)
from tests.peers._nbgrader_sample import CHEATS, NOISE, SUBMISSIONS
from tests.peers.record import originals
from workers.zygote import Zygote


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory.getbasetemp(), "course", nbgrader_release)


@pytest.fixture(scope="module")
def release(course: Path) -> dict[str, Any]:
    return released(course)


@pytest.fixture(scope="module")
def imported(
    course: Path, release: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Bundle:
    [found] = read_nbgrader(course / "source" / "ps1")
    return bundle_of(found, tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def recorded() -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = json.loads(RECORDED.read_text())["nbgrader"]
    return found


def test_the_import_has_every_graded_cell_with_its_points(imported: Bundle) -> None:
    points = {one.id: one.max_score for one in imported.rubric.exercises}
    assert points == {
        "mean-values": 2,
        "scale-values": 3,
        "count-partial": 4,
        "answer-value": 1,
        "account-state": 2,
        "why": 2,
    }
    assert lint(imported) == []


def test_the_starter_is_what_nbgrader_releases(imported: Bundle, release: dict[str, Any]) -> None:
    starter = read(imported.folder / "starter.ipynb")
    assert [one["source"] for one in starter["cells"]] == [
        one["source"] for one in release["cells"]
    ]


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_a_submission_gets_the_points_that_nbgrader_gives(
    name: str,
    imported: Bundle,
    release: dict[str, Any],
    recorded: dict[str, dict[str, float]],
    zygote: Zygote,
) -> None:
    [document] = nbgrader_documents(release, [name]).values()
    assert by_exercise(ours(zygote, imported, document)) == recorded[name]


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_that_fools_nbgrader_does_not_fool_the_import(
    name: str,
    imported: Bundle,
    release: dict[str, Any],
    recorded: dict[str, dict[str, float]],
    zygote: Zygote,
) -> None:
    most = {one.id: one.max_score for one in imported.rubric.exercises}
    fooled = CHEATS[name][1]
    [document] = nbgrader_documents(release, [name]).values()
    given = by_exercise(ours(zygote, imported, document))
    assert {cell: recorded[name][cell] for cell in fooled} == {cell: most[cell] for cell in fooled}
    assert {cell: given[cell] for cell in fooled} == dict.fromkeys(fooled, 0)


@pytest.mark.parametrize("name", NOISE)
def test_a_warning_or_a_later_definition_costs_points_in_nbgrader_and_not_here(
    name: str,
    imported: Bundle,
    release: dict[str, Any],
    recorded: dict[str, dict[str, float]],
    zygote: Zygote,
) -> None:
    [document] = nbgrader_documents(release, [name]).values()
    assert recorded[name]["mean-values"] == 0
    assert by_exercise(ours(zygote, imported, document)) == recorded["right"]


def test_nbgrader_still_gives_what_is_written_down(
    course: Path, release: dict[str, Any], recorded: dict[str, dict[str, float]]
) -> None:
    names = ["count-half", "asserts-that-vanish"]
    given = nbgrader_points(course, nbgrader_documents(release, names))
    assert given == {name: recorded[name] for name in names}


@pytest.mark.skipif(
    "not config.getoption('--exhaustive')", reason="takes two minutes: with --exhaustive"
)
def test_both_tools_still_give_all_that_is_written_down(tmp_path: Path) -> None:
    assert originals(tmp_path) == json.loads(RECORDED.read_text())
