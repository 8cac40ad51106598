"""`chainrule replay` refuses what is something else, and says what differs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from grader.cli import run
from grader.domain.exhibits import Shapes
from grader.domain.results import Result
from grader.domain.visibility import student_view
from grader.notebooks.read import read_submission
from grader.resultdoc import document
from grader.rubricfile import load_bundle
from tests.unit._builders import bundle_folder, check, exercise, result
from workers import replay

RUBRIC = """\
title: Two layers
exercises:
  - id: ex1
    title: Forward
    checks: [{id: answer, kind: manual, points: 4}]
"""


class FakeZygote:
    """Stands for a warm zygote."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def __enter__(self) -> FakeZygote:
        return self

    def __exit__(self, *exc: object) -> None: ...


class Stored:
    """An attempt that was judged, on disk; `again` is what judging it once more gives."""

    def __init__(self, root: Path) -> None:
        bundle_folder(root, RUBRIC)
        self.submission = root / "mine.py"
        self.submission.write_text("x = 1\n")
        self.path = root / "result.json"
        self.judged = dataclasses.replace(
            result(),
            version=load_bundle("two-layers", root).version,
            submission=read_submission(self.submission).info,
        )
        self.again = self.judged
        self.seeds: list[int] = []
        self.write(document(self.judged))

    def write(self, made: Any) -> None:
        self.path.write_text(json.dumps(made))

    def grade(self, zygote: object, bundle: object, submission: object, seed: int) -> Result:
        self.seeds.append(seed)
        return self.again

    def replay(self) -> int:
        return run(["replay", str(self.path), str(self.submission)])


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stored:
    monkeypatch.chdir(tmp_path)
    made = Stored(tmp_path)
    monkeypatch.setattr(replay, "grade", made.grade)
    monkeypatch.setattr("workers.zygote.Zygote", FakeZygote)
    return made


def test_the_same_again_is_status_0(stored: Stored, capsys: pytest.CaptureFixture[str]) -> None:
    assert stored.replay() == 0
    assert capsys.readouterr().out == "the same again: 4 of 4 points\n"
    assert stored.seeds == [7]


def test_times_and_memory_may_differ(stored: Stored) -> None:
    used = dataclasses.replace(stored.judged.run, wall_s=9.0, cpu_s=9.0, peak_memory_bytes=1)
    stored.again = dataclasses.replace(stored.judged, run=used)

    assert stored.replay() == 0


def test_exhibits_count_where_there_were_any(stored: Stored) -> None:
    shown = check(exhibits=(Shapes(name="y", expected=(3,), received=(3, 1)),))
    stored.again = dataclasses.replace(stored.judged, exercises=(exercise(shown),))
    assert stored.replay() == 1

    before: Any = document(stored.judged)
    del before["exercises"][0]["checks"][0]["exhibits"]
    stored.write(before)
    assert stored.replay() == 0


def test_what_differs_is_said_with_its_place(
    stored: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    other = exercise(check(score=3.0, detail={"error": 0.5}))
    stored.again = dataclasses.replace(stored.judged, exercises=(other,))

    assert stored.replay() == 1
    assert capsys.readouterr().out.splitlines() == [
        "score: was 4.0, is 3.0",
        "exercises[ex1].score: was 4.0, is 3.0",
        "exercises[ex1].checks[values].score: was 4.0, is 3.0",
        "exercises[ex1].checks[values].detail.error: was not there, is 0.5",
    ]


def test_a_renamed_copy_is_the_same_file(stored: Stored) -> None:
    stored.submission = stored.submission.rename(stored.submission.with_name("copy.py"))

    assert stored.replay() == 0


def test_another_file_is_refused(stored: Stored, capsys: pytest.CaptureFixture[str]) -> None:
    stored.submission.write_text("x = 2\n")

    assert stored.replay() == 2
    assert "mine.py is not the file that was judged" in capsys.readouterr().err
    assert not stored.seeds


def test_another_version_is_refused(
    stored: Stored, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rubric = tmp_path / "rubrics" / "two-layers" / "rubric.yaml"
    rubric.write_text(RUBRIC.replace("points: 4", "points: 5"))

    assert stored.replay() == 2
    assert "the rubric, the reference or a file has changed" in capsys.readouterr().err
    assert not stored.seeds


def test_a_students_document_can_not_be_replayed(
    stored: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    stored.write(student_view(document(stored.judged), due_passed=True))

    assert stored.replay() == 2
    assert "only a staff's has the seed" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "chainrule.result/1"}', "[" * 10000])
def test_what_is_no_result_document_is_refused(
    stored: Stored, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    stored.path.write_text(text)

    assert stored.replay() == 2
    assert "is no result document" in capsys.readouterr().err
