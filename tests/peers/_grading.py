"""Both sides: what the original tools give, and what our import of the same assignment gives."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from grader.domain.results import Result
from grader.domain.rubric import Bundle
from grader.migrating.model import Imported
from grader.migrating.writing import write as write_bundle
from grader.notebooks.read import parse
from grader.rubricfile import load_bundle
from tests.peers import _gradescope_sample, _nbgrader_sample, _otter_sample
from tests.peers._notebooks import write
from workers.pipeline import grade
from workers.zygote import Zygote

ROOT = Path(__file__).parents[2]
PEERS = ROOT / "build" / "peers" / "bin"
RECORDED = Path(__file__).parent / "recorded.json"
Points = dict[str, dict[str, float]]  # by submission and by cell, question or test


def original(*arguments: str, cwd: Path) -> str:
    """The last line that one of the original tools prints."""
    python = PEERS / "python"
    assert python.is_file(), "the other tools are not here: make build/peers/.installed"
    environment = {**os.environ, "PATH": f"{PEERS}:{os.environ['PATH']}", "PYTHONPATH": ""}
    script = Path(__file__).parent / "_originals.py"
    ran = subprocess.run(
        [python, script, *arguments], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return (ran.stdout.strip().splitlines() or [""])[-1]


def made_once(basetemp: Path, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that `make` has filled, once for all processes of a test run."""
    folder = basetemp.parent / f"peers-{name}"
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            unfinished = Path(f"{folder}-unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
    return folder


def read(path: Path) -> dict[str, Any]:
    """A notebook, every cell's source one text."""
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    for cell in document["cells"]:
        cell["source"] = "".join(cell["source"])
    return document


def nbgrader_release(course: Path) -> None:
    """The sample as nbgrader releases it."""
    write(course / "source" / "ps1" / "numbers.ipynb", _nbgrader_sample.SOURCE)
    original("nbgrader-release", str(course), cwd=course)


def released(course: Path) -> dict[str, Any]:
    """The notebook that students get."""
    return read(course / "release" / "ps1" / "numbers.ipynb")


def nbgrader_points(course: Path, documents: Mapping[str, Mapping[str, Any]]) -> Points:
    """What nbgrader gives."""
    for name, document in documents.items():
        write(course / "submitted" / name / "ps1" / "numbers.ipynb", document)
    found: Points = json.loads(original("nbgrader-grade", str(course), cwd=course))
    return {
        name: {cell: one for cell, one in given.items() if cell != "why"}
        for name, given in found.items()
    }


def otter_assigned(folder: Path, name: str, master: Mapping[str, Any]) -> Path:
    """The folders that otter makes of a master notebook."""
    path = write(folder / f"{name}.ipynb", master)
    original("otter-assign", str(path), str(folder / name), cwd=folder)
    return folder / name


def otter_points(assigned: Path, documents: Mapping[str, Mapping[str, Any]]) -> Points:
    """What otter gives."""
    [zipped] = (assigned / "autograder").glob("*.zip")
    folder = assigned / "submissions"
    files = [str(write(folder / f"{name}.ipynb", one)) for name, one in documents.items()]
    found: Points = json.loads(original("otter-grade", str(zipped), *files, cwd=assigned))
    return found


def gradescope_points(autograder: Path, sources: Mapping[str, str]) -> Points:
    """What gradescope-utils gives."""
    folder = autograder.parent / "submissions"
    folder.mkdir(exist_ok=True)
    files = [folder / f"{name}.py" for name in sources]
    for file, source in zip(files, sources.values(), strict=True):
        file.write_text(source)
    found: Points = json.loads(
        original("gradescope", str(autograder), *map(str, files), cwd=autograder)
    )
    return found


def bundle_of(imported: Imported, root: Path, slug: str = "imported") -> Bundle:
    """The bundle, written and loaded."""
    return load_bundle(write_bundle(imported, root, slug), root)


def ours(zygote: Zygote, bundle: Bundle, document: Mapping[str, Any] | str) -> Result:
    """A submission graded by us."""
    if isinstance(document, str):
        submission = parse("submission.py", document.encode())
    else:
        submission = parse("submission.ipynb", json.dumps(document).encode())
    return grade(zygote, bundle, submission, seed=1)


def by_exercise(result: Result) -> dict[str, float]:
    """Points of what is graded automatically, by exercise."""
    return {
        exercise.id: sum(check.score for check in exercise.checks)
        for exercise in result.exercises
        if all(check.kind == "test" for check in exercise.checks)
    }


def nbgrader_documents(release: Mapping[str, Any], names: Iterable[str] = ()) -> dict[str, Any]:
    """Submissions of the sample, by name."""
    sample = _nbgrader_sample
    cheats = {name: cells for name, (cells, _) in sample.CHEATS.items()}
    every = {**sample.SUBMISSIONS, **sample.NOISE, **cheats}
    return {name: sample.submission(dict(release), every[name]) for name in names or every}


def otter_documents(student: Mapping[str, Any], names: Iterable[str] = ()) -> dict[str, Any]:
    """Submissions of the sample, by name."""
    sample = _otter_sample
    cheats = {name: cells for name, (cells, _) in sample.CHEATS.items()}
    every = {**sample.SUBMISSIONS, **sample.NOISE, **cheats}
    return {name: sample.submission(dict(student), every[name]) for name in names or every}


def gradescope_sources() -> dict[str, str]:
    """Submissions of the sample, by name."""
    sample = _gradescope_sample
    return {**sample.SUBMISSIONS, **{name: source for name, (source, _) in sample.CHEATS.items()}}
