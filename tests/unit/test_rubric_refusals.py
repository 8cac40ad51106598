"""A rubric that everybody, or nobody, would pass is refused when it is read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from grader.checks.kinds.forward import ForwardSpec
from grader.domain.rubric import Place, Training
from grader.errors import BadBundle
from grader.rubricfile import load_bundle

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("tolerance", [-1.0, 0.0, 1.0])
def test_a_tolerance_is_above_0_and_below_1(tolerance: float) -> None:
    with pytest.raises(ValueError, match="tolerance is relative"):
        ForwardSpec(id="a", function="f", tolerance=tolerance)


def test_a_dtype_must_be_one() -> None:
    with pytest.raises(ValueError, match="no dtype float31"):
        ForwardSpec(id="a", function="f", dtype="float31")


@pytest.mark.parametrize("place", [Place(end=True), Place(trained=True)])
def test_training_starts_at_a_cell(place: Place) -> None:
    with pytest.raises(ValueError, match="marker or at a definition"):
        Training(start=place)


def test_a_training_check_needs_to_know_where_training_starts(tmp_path: Path) -> None:
    for room in ("rubrics", "reference"):
        shutil.copytree(ROOT / room / "uw-cse447-a0", tmp_path / room / "uw-cse447-a0")
    rubric = tmp_path / "rubrics" / "uw-cse447-a0" / "rubric.yaml"
    lines = rubric.read_text().splitlines()
    at = lines.index("training:")
    rubric.write_text("\n".join(lines[:at] + lines[at + 3 :]))
    with pytest.raises(BadBundle, match=r"rubric\.yaml:\d+:\d+: .*section training"):
        load_bundle("uw-cse447-a0", tmp_path)


def changed(folder: Path, old: str, new: str) -> Path:
    """A root with a bundle whose rubric has `new` in the place of the first `old`."""
    for room in ("rubrics", "reference"):
        shutil.copytree(ROOT / room / "uw-cse447-a0", folder / room / "uw-cse447-a0")
    rubric = folder / "rubrics" / "uw-cse447-a0" / "rubric.yaml"
    rubric.write_text(rubric.read_text().replace(old, new, 1))
    return folder


@pytest.mark.parametrize("gpu", [-1, 9])
def test_an_attempt_is_given_up_to_eight_gpus(tmp_path: Path, gpu: int) -> None:
    root = changed(tmp_path, "exercises:", f"runtime: {{gpu: {gpu}}}\nexercises:")
    with pytest.raises(BadBundle, match=r"rubric\.yaml:\d+:\d+: runtime: gpu is a number of"):
        load_bundle("uw-cse447-a0", root)


def test_points_have_an_upper_bound(tmp_path: Path) -> None:
    root = changed(tmp_path, "points: ", "points: 1e300 # ")
    with pytest.raises(BadBundle, match=r"points: should be 1000000 at most"):
        load_bundle("uw-cse447-a0", root)


def test_a_rubric_has_a_bounded_number_of_checks(tmp_path: Path) -> None:
    many = "\n".join(f"      - {{kind: manual, id: c{n}, points: 1}}" for n in range(1001))
    root = changed(
        tmp_path, "", f"title: T\nexercises:\n  - id: e\n    title: E\n    checks:\n{many}\n"
    )
    rubric = root / "rubrics" / "uw-cse447-a0" / "rubric.yaml"
    rubric.write_text(rubric.read_text().partition("c1000")[0] + "c1000, points: 1}\n")
    with pytest.raises(BadBundle, match=r"exercises: should hold 1000 checks at most"):
        load_bundle("uw-cse447-a0", root)


def test_a_field_is_named_where_the_kind_of_check_is_called_as_another(tmp_path: Path) -> None:
    check = "{kind: function, id: c1, points: many, function: f}"
    rubric = tmp_path / "rubrics" / "x" / "rubric.yaml"
    rubric.parent.mkdir(parents=True)
    rubric.write_text(
        f"title: X\nexercises:\n  - id: ex1\n    title: E\n    checks:\n      - {check}\n"
    )
    (tmp_path / "reference" / "x").mkdir(parents=True)
    (tmp_path / "reference" / "x" / "solution.py").write_text("")
    with pytest.raises(BadBundle, match=r"yaml:6:42: exercises\[0\].checks\[0\].points: "):
        load_bundle("x", tmp_path)
