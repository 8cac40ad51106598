"""What `run_autograder` of an exported autograder does: one submission, judged on Gradescope.

A failure of ours leaves no results.json: Gradescope then shows that the autograder failed, and no
zero. Why stands in the output, which staff alone see.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from grader.gradescope import refused, results
from grader.safetext import one_line
from workers.inside.layers import NEEDS

_BAD_INPUT, _MOST_NAMED = 2, 10


def main() -> int:
    """Judge what lies in the submission's folder; the exit status is 0 where that came about."""
    top = Path(os.environ.get("CHAINRULE_AUTOGRADER", "/autograder"))
    settings = json.loads((top / "source" / "settings.json").read_text("utf-8"))
    target = top / "results" / "results.json"
    try:
        submission = _chosen(top / "submission")
    except ValueError as why:
        target.write_text(json.dumps(refused(str(why))), "utf-8")
        return 0
    bundle = top / "source" / "bundle" / "rubrics" / settings["slug"]
    ran = subprocess.run(
        [sys.executable, "-m", "grader.cli", "grade", str(bundle), str(submission), "--json", "-q"],
        capture_output=True,
        text=True,
        check=False,
    )
    sys.stdout.write(ran.stderr)
    if ran.returncode == _BAD_INPUT and _is_refusal(ran.stderr, submission):
        words = ran.stderr.strip().removeprefix("chainrule: ")
        target.write_text(json.dumps(refused(words)), "utf-8")
        return 0
    if ran.returncode:
        print("Nothing was judged, and no points were given. What this machine has:")
        sys.stdout.flush()
        subprocess.run([sys.executable, "-m", "grader.cli", "doctor"], check=False)
        return ran.returncode
    document = json.loads(ran.stdout)
    held = document["run"]["sandbox"]["layers"]
    missing = [layer for layer in NEEDS if layer not in held]
    print(f"Layers of the sandbox in force: {', '.join(held)}")
    print(f"Layers that are missing: {', '.join(missing) or 'none'}")
    found = results(document, missing, leaderboard=settings["leaderboard"])
    target.write_text(json.dumps(found), "utf-8")
    return 0


def _is_refusal(said: str, submission: Path) -> bool:
    """Whether it is the student's file that was refused, and not the bundle or a setting."""
    return said.startswith(f"chainrule: {one_line(submission.name)}")


def _chosen(folder: Path) -> Path:
    """The one file that can be graded. Raises ValueError with words for the student."""
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".ipynb", ".py")
        and path.is_file()
        and not path.is_symlink()
        and not any(part.startswith((".", "__")) for part in path.relative_to(folder).parts)
    ]
    notebooks = [path for path in found if path.suffix == ".ipynb"]
    chosen = notebooks if notebooks else found
    if len(chosen) == 1:
        return chosen[0]
    if not chosen:
        raise ValueError("there is neither a notebook nor a Python file. Hand in one of these.")
    names = ", ".join(path.name for path in chosen[:_MOST_NAMED])
    raise ValueError(
        f"there are {len(chosen)} files ({names}). Hand in the one to be graded alone."
    )


if __name__ == "__main__":
    sys.exit(main())
