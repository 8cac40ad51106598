"""Run by the interpreter of build/peers: what the original tools make of submissions.

    python _originals.py nbgrader-release COURSE      makes release/ of source/
    python _originals.py nbgrader-grade COURSE        grades submitted/, prints the points
    python _originals.py otter-assign NOTEBOOK FOLDER
    python _originals.py otter-grade ZIP FILE...      prints the points
    python _originals.py gradescope FOLDER FILE...    prints the points

Points are one JSON document on the last line: {submission: {cell, question or test: points}}.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

warnings.simplefilter("ignore")


def _api(course: str):
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

    config = Config()
    config.CourseDirectory.root = course
    config.CourseDirectory.course_id = "peers"
    config.ExecutePreprocessor.timeout = 30
    os.chdir(course)
    return NbGraderAPI(config=config)


def nbgrader_release(course: str) -> None:
    said = _api(course).generate_assignment("ps1", force=True)
    if not said["success"]:
        raise SystemExit(said["log"])


def nbgrader_grade(course: str) -> None:
    api = _api(course)
    students = sorted(path.name for path in Path(course, "submitted").iterdir())
    found = {}
    for student in students:
        said = api.autograde("ps1", student, create=True, force=True)
        if not said["success"]:
            found[student] = {"": said["log"] or said["error"]}
            continue
        with api.gradebook as gradebook:
            submission = gradebook.find_submission("ps1", student)
            found[student] = {
                grade.name: grade.auto_score
                for book in submission.notebooks
                for grade in book.grades
                if grade.auto_score is not None
            }
    print("\n" + json.dumps(found))


def otter_assign(notebook: str, folder: str) -> None:
    from otter.assign import main

    main(notebook, folder, no_pdfs=True, no_run_tests=True)


def otter_grade(zipped: str, *files: str) -> None:
    from otter.api import grade_submission

    found = {}
    for file in files:
        try:
            results = grade_submission(file, zipped, quiet=True)
            found[Path(file).stem] = {
                name: result.score for name, result in results.results.items()
            }
        except Exception as error:
            found[Path(file).stem] = {"": repr(error)}
    print("\n" + json.dumps(found))


def gradescope(folder: str, *files: str) -> None:
    found = {}
    for file in files:
        with tempfile.TemporaryDirectory() as name:
            place = Path(name, "source")
            shutil.copytree(folder, place)
            shutil.copy(file, place / "calculator.py")
            ran = subprocess.run(
                [sys.executable, "run_tests.py"], cwd=place, capture_output=True, text=True
            )
            try:
                results = json.loads(Path(place, "results.json").read_text())
                found[Path(file).stem] = {
                    one["name"]: one.get("score", 0.0) for one in results["tests"]
                }
            except (OSError, ValueError):
                found[Path(file).stem] = {"": ran.stderr[-500:]}
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    globals()[sys.argv[1].replace("-", "_")](*sys.argv[2:])
