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
