"""`chainrule grade` from end to end, as root and as an ordinary user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).parent.parent.parent
SAMPLE = ROOT / "rubrics" / "uw-cse447-a0" / "sample.ipynb"
USERS = ("root", "nobody") if os.geteuid() == 0 else ("nobody",)
# Runs the command as it is installed; as nobody, in a mount namespace where it can be reached.
BOOT = """
import os, sys
sys.path.insert(0, sys.argv.pop(1))
if sys.argv.pop(1) == "nobody" and os.geteuid() == 0:
    from tests.sandbox._inside import drop_to_nobody
    drop_to_nobody()
from grader.cli import main
main()
"""


def chainrule(*arguments: object, user: str = USERS[0]) -> subprocess.CompletedProcess[str]:
    """Run the command and wait for it."""
    command = [sys.executable, "-c", BOOT, str(ROOT), user, *map(str, arguments)]
    environment = {**os.environ, "HOME": "/nonexistent"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize("user", USERS)
def test_the_sample_gets_the_same_verdict_from_everybody(user: str) -> None:
    done = chainrule("grade", "uw-cse447-a0", SAMPLE, "--json", user=user)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    jsonschema.validate(document, json.loads((ROOT / "docs" / "result.schema.json").read_text()))
    assert document["score"] == 15
    assert document["pending"] == 2
    (exercise,) = (one for one in document["exercises"] if one["id"] == "ex2-backprop")
    assert exercise["checks"][1]["detail"]["cause"] == "relu-derivative-missing"
    assert {"pid", "net", "seccomp", "landlock"} <= set(document["run"]["sandbox"]["layers"])


@pytest.mark.parametrize(
    ("assignment", "file", "says"),
    [
        ("uw-cse447-a0", "README.md", "README.md"),
        ("uw-cse447-a0", "absent.ipynb", "absent.ipynb"),
        ("no-such-course", "README.md", "no-such-course"),
    ],
)
def test_a_bad_call_is_one_line_and_status_2(assignment: str, file: str, says: str) -> None:
    done = chainrule("grade", assignment, ROOT / file)
    assert done.returncode == 2
    assert done.stdout == ""
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_gives_a_table_and_reports(tmp_path: Path) -> None:
    submissions = tmp_path / "submissions"
    submissions.mkdir()
    (submissions / "good.ipynb").write_bytes(SAMPLE.read_bytes())
    (submissions / "broken.ipynb").write_bytes(SAMPLE.read_bytes()[:1000])
    table, reports = tmp_path / "scores.csv", tmp_path / "reports"
    done = chainrule(
        "grade", "uw-cse447-a0", submissions, "--jobs", 2, "--csv", table, "--out", reports
    )
    assert done.returncode == 0
    rows = table.read_text().splitlines()
    assert len(rows) == 3
    assert rows[1].startswith("broken.ipynb,")
    assert ",completed,15.0,20.0,2.0," in rows[2]
    assert {path.name for path in reports.iterdir()} >= {"good.json", "good.ipynb", "good.txt"}
