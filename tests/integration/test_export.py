"""An exported autograder, unpacked and run as Gradescope does, as far as that can be done here."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from grader.gradescope import results
from grader.notebooks.read import read_submission
from grader.resultdoc import document
from tests.submissions import ROOT
from workers.commands.exporting import exporting
from workers.pipeline import grade
from workers.zygote import Zygote

# The fields that Gradescope documents, https://gradescope-autograders.readthedocs.io/en/latest/specs
_VISIBILITIES = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
_FORMATS = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["score", "tests"],
    "properties": {
        "score": {"type": "number"},
        "execution_time": {"type": "number"},
        "output": {"type": "string"},
        "output_format": _FORMATS,
        "test_output_format": _FORMATS,
        "test_name_format": _FORMATS,
        "visibility": _VISIBILITIES,
        "stdout_visibility": _VISIBILITIES,
        "extra_data": {"type": "object"},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "score": {"type": "number"},
                    "max_score": {"type": "number"},
                    "status": {"enum": ["passed", "failed"]},
                    "name": {"type": "string"},
                    "name_format": _FORMATS,
                    "number": {"type": "string"},
                    "output": {"type": "string"},
                    "output_format": _FORMATS,
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "visibility": _VISIBILITIES,
                    "extra_data": {"type": "object"},
                },
            },
        },
        "leaderboard": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "value"],
                "properties": {"order": {"enum": ["asc", "desc"]}},
            },
        },
    },
}
_SHELLCHECK = ROOT / "build" / "peers" / "bin" / "shellcheck"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Gradescope has at /autograder before a submission comes."""
    top = tmp_path_factory.mktemp("gradescope") / "autograder"
    zipped = top.parent / "autograder.zip"
    called = CliRunner().invoke(
        exporting,
        [
            "gradescope",
            str(ROOT / "rubrics" / "uw-cse447-a0"),
            *("--out", str(zipped), "--leaderboard", "--accept-missing", "landlock"),
        ],
        catch_exceptions=False,
    )
    assert called.exit_code == 0, called.output
    for folder in ("source", "submission", "results"):
        (top / folder).mkdir(parents=True)
    with zipfile.ZipFile(zipped) as archive:
        for entry in archive.infolist():
            path = Path(archive.extract(entry, top / "source"))
            path.chmod(stat.S_IMODE(entry.external_attr >> 16))
    return top


def _run(
    top: Path, submission: Path | None, **environment: str
) -> subprocess.CompletedProcess[str]:
    for folder in ("submission", "results"):
        shutil.rmtree(top / folder)
        (top / folder).mkdir()
    if submission is not None:
        shutil.copy(submission, top / "submission")
    return subprocess.run(
        [top / "source" / "run_autograder"],
        cwd=top,
        capture_output=True,
        text=True,
        env={
            "PATH": os.environ["PATH"],
            "CHAINRULE_AUTOGRADER": str(top),
            "CHAINRULE_PYTHON": sys.executable,
            "PYTHONPATH": str(top / "source" / "chainrule"),
            **environment,
        },
    )


def _results(top: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((top / "results" / "results.json").read_text())
    jsonschema.validate(found, _SCHEMA)
    return found


def test_a_submission_gets_its_points_in_the_form_that_gradescope_reads(unpacked: Path) -> None:
    ran = _run(unpacked, ROOT / "rubrics" / "uw-cse447-a0" / "sample.ipynb")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = _results(unpacked)
    scored = [one for one in found["tests"] if "score" in one]
    assert sum(one["score"] for one in scored) == pytest.approx(found["score"])
    everybodys = sum(one["score"] for one in scored if one["visibility"] == "visible")
    assert found["leaderboard"] == [{"name": "Points", "value": everybodys, "order": "desc"}]
    numbers = [one["number"] for one in found["tests"] if "number" in one]
    assert numbers == sorted(numbers, key=lambda text: [int(part) for part in text.split(".")])
    sandbox = found["tests"][-1]
    assert sandbox["visibility"] == "hidden"
    assert "seccomp" in sandbox["output"]
    assert "Layers of the sandbox in force: user" in ran.stdout


@pytest.mark.parametrize(
    ("names", "words"),
    [([], "neither a notebook nor a Python file"), (["a.ipynb", "b.ipynb"], "2 files")],
)
def test_what_cannot_be_graded_is_told_to_the_student(
    names: list[str], words: str, unpacked: Path
) -> None:
    shutil.rmtree(unpacked / "submission")
    (unpacked / "submission").mkdir()
    for name in names:
        (unpacked / "submission" / name).write_text("{}")
    ran = subprocess.run(
        [sys.executable, "-m", "workers.gradescope"],
        env={**os.environ, "CHAINRULE_AUTOGRADER": str(unpacked), "PYTHONPATH": str(ROOT)},
    )
    assert ran.returncode == 0
    assert words in _results(unpacked)["output"]


def test_an_autograder_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    there = tmp_path / "autograder.zip"
    there.write_text("another one's")
    call = ["gradescope", str(ROOT / "rubrics" / "uw-cse447-a0"), "--out", str(there)]
    called = CliRunner().invoke(exporting, call)
    assert "already" in str(called.exception)
    assert there.read_text() == "another one's"


def test_torch_comes_from_the_index_that_is_named(tmp_path: Path) -> None:
    def setup(*options: str) -> str:
        out = tmp_path / f"{len(options)}.zip"
        command = ["gradescope", "uw-cse447-a0", "--out", str(out), *options]
        done = CliRunner().invoke(exporting, command, env={"TORCH_CPU_INDEX": None})
        assert done.exit_code == 0, done.output
        assert ("several gigabytes" in done.output) is not bool(options)
        return zipfile.ZipFile(out).read("setup.sh").decode()

    assert "--index-url" not in setup()
    assert "--no-deps --index-url 'https://wheels.example/a b' torch==" in setup(
        "--torch-index", "https://wheels.example/a b"
    )


def test_a_file_that_is_no_notebook_is_the_students_to_mend(unpacked: Path, tmp_path: Path) -> None:
    broken = tmp_path / "work\x07.ipynb"  # names are shown spelled out
    broken.write_text("no notebook")
    ran = _run(unpacked, broken)
    assert ran.returncode == 0, ran.stdout
    found = _results(unpacked)
    assert found["score"] == 0
    assert r"work\x07.ipynb" in found["output"]


def test_without_a_sandbox_there_is_no_result_and_no_zero(unpacked: Path, tmp_path: Path) -> None:
    submission = tmp_path / "right.py"
    submission.write_text("x = 1\n")
    ran = _run(unpacked, submission, CHAINRULE_ACCEPT_MISSING="nothing-of-ours")
    assert ran.returncode != 0
    assert not (unpacked / "results" / "results.json").exists()
    assert "Nothing was judged, and no points were given." in ran.stdout


def test_the_zip_takes_what_grading_needs_and_no_service(unpacked: Path) -> None:
    source = unpacked / "source"
    assert (source / "bundle" / "reference" / "uw-cse447-a0" / "solution.py").is_file()
    rooms = {path.name for path in (source / "chainrule" / "grader").iterdir() if path.is_dir()}
    assert rooms - {"__pycache__"} == {"checks", "commands", "domain", "notebooks"}
    assert 'ACCEPT_MISSING-landlock}"' in (source / "run_autograder").read_text()


def test_what_setup_installs_can_be_built_from_what_is_in_the_zip(
    unpacked: Path, tmp_path: Path
) -> None:
    # As its setup.sh does, but for what comes from an index.
    source, installed = tmp_path / "chainrule", tmp_path / "installed"
    shutil.copytree(unpacked / "source" / "chainrule", source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    alone = ["--no-index", "--no-deps", "--no-build-isolation", "--target", installed]
    built = subprocess.run(
        [*pip, *alone, f"{source}[runtime,worker]"], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    shutil.rmtree(source)
    help_of = "import grader, workers.gradescope; print(grader.__file__)"
    for call in (["-c", help_of], ["-m", "grader.cli", "grade", "--help"]):
        ran = subprocess.run(
            [sys.executable, "-P", *call],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        assert str(installed) in ran.stdout or "Usage" in ran.stdout


def test_the_scripts_are_sound(unpacked: Path) -> None:
    scripts = [unpacked / "source" / name for name in ("setup.sh", "run_autograder")]
    assert subprocess.run(["bash", "-n", *scripts], check=False).returncode == 0
    assert _SHELLCHECK.is_file(), "make build/peers/.installed"
    checked = subprocess.run([_SHELLCHECK, *scripts], capture_output=True, text=True, check=False)
    assert checked.stdout == ""
    assert all(os.access(script, os.X_OK) for script in scripts)


def test_visibilities_and_points_for_a_person_are_gradescopes(zygote: Zygote, bundle: Any) -> None:
    path = ROOT / "rubrics" / "uw-cse447-a0" / "sample.ipynb"
    made: dict[str, Any] = {**document(grade(zygote, bundle, read_submission(path), seed=1))}
    first, second, third = made["exercises"][0]["checks"][0], *made["exercises"][1]["checks"][:2]
    first.update(visibility="hidden", outcome="failed", message="a secret")
    second.update(visibility="after_due")
    third.update(outcome="pending", max_score=3)
    found = results(made, ["landlock"])
    jsonschema.validate(found, _SCHEMA)
    tests = {one.get("number"): one for one in found["tests"]}
    assert tests["1.1"]["visibility"] == "hidden"
    assert tests["2.1"]["visibility"] == "after_due_date"
    assert "score" not in tests["2.2"]
    assert "It is worth 3 points." in tests["2.2"]["output"]
    assert "a secret" not in found["output"]
    assert "missing: landlock" in tests[None]["output"]
    assert "leaderboard" not in found
    [entry] = results(made, [], leaderboard=True)["leaderboard"]
    withheld = first["score"] + second["score"]
    assert withheld > 0
    assert entry["value"] == pytest.approx(made["score"] - withheld)
