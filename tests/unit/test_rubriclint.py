"""`chainrule rubric lint`, `preview` and `new`: what they say, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.cli import run
from grader.rubricfile import load_bundle
from grader.rubriclint import lint
from tests.unit._builders import bundle_folder, code, notebook

RUBRIC = """\
title: Two layers
exercises:
  - id: ex1
    title: Forward
    checks:
      - id: values
        title: the right values
        kind: forward
        points: 2
        function: forward
        args: [x]
        inputs: {x: {normal: [2, 3]}}
"""


def problems(tmp_path: Path, rubric: str, *starter: str) -> list[str]:
    folder = bundle_folder(tmp_path, rubric)
    if starter:
        (folder / "starter.ipynb").write_bytes(notebook(*map(code, starter)))
    return lint(load_bundle("two-layers", tmp_path))


def test_a_sound_rubric_has_no_problems(tmp_path: Path) -> None:
    assert problems(tmp_path, RUBRIC, "x = 1") == []


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (
            "function: forward",
            "function: forwards",
            "10:19: exercises[0].checks[0].function: the reference does not define forwards",
        ),
        ("points: 2", "points: 0", "3:5: exercises[0]: ex1 is worth no points"),
        (
            "{normal: [2, 3]}",
            "{normal: [2, 3], scale: 0}",
            "12:21: exercises[0].checks[0].inputs.x: all of these numbers are 0",
        ),
        (
            "{normal: [2, 3]}",
            "{integers: [2, 3]}",
            "12:21: exercises[0].checks[0].inputs.x: all of these integers are 0",
        ),
        (
            "{normal: [2, 3]}",
            "{values: [0, 0]}",
            "12:21: exercises[0].checks[0].inputs.x: all of these values are 0",
        ),
        (
            "{normal: [2, 3]}",
            "{values: [[1, 1], [1, 1]]}",
            "12:21: exercises[0].checks[0].inputs.x: all of these values are the same",
        ),
        (
            "args: [x]",
            "args: [x]\n        look: [{marker: ex1-lost}]",
            "12:25: exercises[0].checks[0].look[0].marker: the starter has no cell with the "
            "marker ex1-lost",
        ),
        (
            "args: [x]",
            "args: [x]\n        near_misses: {slip: {function: slipped, hint: No.}}",
            "near_misses.slip.function: the reference does not define slipped",
        ),
        (
            "title: the right values",
            "visibility: hidden",
            "students see nothing but the title of this check, and it has none",
        ),
    ],
)
def test_a_problem_is_named_with_its_place(tmp_path: Path, was: str, now: str, said: str) -> None:
    [found] = problems(tmp_path, RUBRIC.replace(was, now), "# chainrule: ex1\nx = 1")

    assert found.startswith("two-layers/rubric.yaml:")
    assert said in found


def test_without_a_starter_no_marker_is_missing(tmp_path: Path) -> None:
    rubric = RUBRIC.replace("args: [x]", "args: [x]\n        look: [{marker: ex1}]")

    assert problems(tmp_path, rubric) == []


def test_lint_prints_the_sum_and_its_status_says_whether_something_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = bundle_folder(tmp_path, RUBRIC)

    assert run(["rubric", "lint", "two-layers"]) == 0
    assert capsys.readouterr().out == "two-layers: 2 points (2 ex1)\n"
    (folder / "rubric.yaml").write_text(RUBRIC.replace("forward\n", "backward\n"))
    assert run(["rubric", "lint", "two-layers"]) == 2
    assert "`backward` is not known here" in capsys.readouterr().err
    (folder / "rubric.yaml").write_text(RUBRIC.replace("function: forward", "function: gone"))
    assert run(["rubric", "lint", "two-layers"]) == 1


def test_a_preview_shows_what_students_may_know_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    hidden = (
        "      - id: more\n        title: larger batches\n        kind: forward\n"
        "        points: 1\n        visibility: hidden\n        function: secret\n"
        "        depends_on: [values]\n"
    )
    bundle_folder(tmp_path, RUBRIC + hidden)

    assert run(["rubric", "preview", "two-layers"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "Two layers",
        "3 points",
        "",
        "Forward  3 points",
        "the right values  2 points",
        "looks at forward",
        "all or nothing",
        "larger batches  1 point",
        "what it finds is not shown",
    ]


def test_a_new_bundle_is_valid_and_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rubrics").mkdir()
    monkeypatch.chdir(tmp_path)

    assert run(["rubric", "new", "my-course-hw1"]) == 0
    assert "rubrics/my-course-hw1/rubric.yaml" in capsys.readouterr().out
    assert lint(load_bundle("my-course-hw1", tmp_path)) == []


@pytest.mark.parametrize("name", ["two-layers", "../up", "Big", ""])
def test_a_new_bundle_overwrites_nothing_and_has_a_plain_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    bundle_folder(tmp_path, RUBRIC)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))

    assert run(["rubric", "new", name]) == 2
    assert sorted(tmp_path.rglob("*")) == before
