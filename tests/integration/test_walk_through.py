"""The exercises that docs/writing-a-rubric.md walks through do what the page says.

All of it is taken from the page. A block of code is the file that is named last, at the beginning
of a line or a sentence, before it. What a command prints holds the lines that the page shows of
it, in their order.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent.parent / "docs" / "writing-a-rubric.md"
LINE, BATCH_NORM = "An exercise from nothing", "Another one: batch normalisation"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"(?:^|\. )`([\w/-]+\.(?:yaml|py))`", re.MULTILINE)
_COPY = re.compile(r"`([\w/-]+\.py)` is a copy of `right\.py`")
_CHANGE = re.compile(r"`wrong\.py` is the same with `(\w+ = [^`]+)`")


@dataclass(frozen=True)
class Walk:
    """A section of the page: the files that it writes, and what its commands print, in part."""

    files: dict[str, str]
    printed: dict[str, list[str]]


def walk(title: str) -> Walk:
    """The section below this heading."""
    text = PAGE.read_text("utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    files, printed, since = {}, {}, 0
    for block in _BLOCK.finditer(text):
        language, code = block.groups()
        if language:
            files[_FILE.findall(text[since : block.start()])[-1]] = code
        else:
            for part in re.split(r"^\$ chainrule ", code, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                printed[command] = output.split("\n")
        since = block.end()
    (change,) = _CHANGE.findall(text)
    files["wrong.py"] = _changed(files["right.py"], change)
    files |= dict.fromkeys(_COPY.findall(text), files["right.py"])
    return Walk(files, printed)


def _changed(code: str, assignment: str) -> str:
    """The code with its one assignment to the same name replaced."""
    name = assignment.partition(" = ")[0]
    changed, count = re.subn(rf"^( *){name} = .*$", rf"\g<1>{assignment}", code, flags=re.MULTILINE)
    assert count == 1
    return changed


def lay(files: dict[str, str], folder: Path) -> None:
    """Write the files below `folder`."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def chainrule(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as the page gives it, in `folder`."""
    boot = "from grader.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", boot, *command.split()],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def missing(wanted: list[str], output: list[str]) -> list[str]:
    """The lines that are not there, each looked for below the one before it."""
    lines = iter([line.strip() for line in output])
    return [line for line in (one.strip() for one in wanted) if line and line not in lines]


def without_numbers(lines: list[str]) -> list[str]:
    """Lines as far as they don't depend on the machine, and on how many mistakes are tried."""
    return [re.sub(r"\d+", "N", line) for line in lines]


def commands(verb: str) -> list[tuple[str, str]]:
    """The commands of the page that begin so, each with its section."""
    sections = [(title, walk(title)) for title in (LINE, BATCH_NORM)]
    return [(title, one) for title, shown in sections for one in shown.printed if verb in one]


@pytest.mark.parametrize(("title", "command"), commands("grade "))
def test_grading_prints_what_the_page_shows(title: str, command: str, tmp_path: Path) -> None:
    shown = walk(title)
    lay(shown.files, tmp_path)
    done = chainrule(command, tmp_path)
    assert done.returncode == 0, done.stderr
    assert not missing(shown.printed[command], done.stdout.split("\n")), done.stdout


@pytest.mark.parametrize(("title", "command"), commands("rubric test "))
def test_the_rubric_notices_every_mistake(title: str, command: str, tmp_path: Path) -> None:
    shown = walk(title)
    lay(shown.files, tmp_path)
    done = chainrule(command, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    wanted, printed = shown.printed[command], done.stdout.split("\n")
    assert not missing(without_numbers(wanted), without_numbers(printed)), done.stdout


def test_with_wide_inputs_two_mistakes_get_away(tmp_path: Path) -> None:
    files = walk(BATCH_NORM).files
    rubric = files["course/rubrics/batch-norm/rubric.yaml"]
    wide = rubric.replace("x: {uniform: [N, D], high: 0.2}", "x: {normal: [N, D]}")
    assert wide != rubric
    lay({**files, "course/rubrics/batch-norm/rubric.yaml": wide}, tmp_path)
    done = chainrule("rubric test course/rubrics/batch-norm --only normalised --json", tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    survivors = json.loads(done.stdout)["mutation"]["survivors"]
    assert len(survivors) == 2
    assert all("1e-5" in json.dumps(one) for one in survivors)


@pytest.mark.parametrize("title", [LINE, BATCH_NORM])
def test_the_page_grades_a_right_and_a_wrong_submission(title: str) -> None:
    graded = " ".join(walk(title).printed)
    assert "right.py" in graded
    assert "wrong.py" in graded


def test_batch_normalisation_takes_fewer_than_forty_lines() -> None:
    rubric = walk(BATCH_NORM).files["course/rubrics/batch-norm/rubric.yaml"]
    assert len(rubric.splitlines()) < 40
