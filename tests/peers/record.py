"""Write down what nbgrader and otter give for every submission: `make peers`."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.peers import _otter_sample
from tests.peers._grading import (
    RECORDED,
    Points,
    nbgrader_documents,
    nbgrader_points,
    nbgrader_release,
    otter_assigned,
    otter_documents,
    otter_points,
    read,
    released,
)


def originals(folder: Path) -> dict[str, Points]:
    """What both tools give for everything, which takes two minutes."""
    course = folder / "course"
    course.mkdir()
    nbgrader_release(course)
    release = released(course)
    assigned = otter_assigned(folder, "numbers", _otter_sample.MASTER)
    student = read(assigned / "student" / "numbers.ipynb")
    return {
        "nbgrader": nbgrader_points(course, nbgrader_documents(release)),
        "otter": otter_points(assigned, otter_documents(student)),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        found = originals(Path(name))
    RECORDED.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
