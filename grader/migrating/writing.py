"""The bundle of an imported assignment on disk, and the page that says what it has lost."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from grader.errors import BadInput
from grader.migrating.model import Imported, ImportedCheck, ImportedExercise
from grader.safetext import one_line

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_NO_REFERENCE = '''\
"""The reference: the original came without a solution. Put one here: what the tests ask of it has
to work, or a test that breaks is not judged.
"""
'''


def refuse_slug(slug: str) -> None:
    """Raise BadInput for what can't be the name of a bundle."""
    if not _SLUG.fullmatch(slug):
        raise BadInput(
            f"{one_line(slug, 80)!r} is no name for a bundle: small letters, digits and hyphens"
        )


def refuse_taken(root: Path, slug: str) -> None:
    """Raise BadInput where a bundle of that name can't be written: nothing is overwritten."""
    refuse_slug(slug)
    for folder in _folders(root, slug):
        if folder.exists() or folder.is_symlink():
            raise BadInput(
                f"there is a folder {one_line(str(folder))} already: remove it, or choose another "
                "name by --slug"
            )


def write(imported: Imported, root: Path, slug: str) -> Path:
    """Write the bundle below `root` and return its folder; raise BadInput where there is one."""
    refuse_taken(root, slug)
    contents = _contents(imported)
    try:
        _lay(contents, _folders(root, slug))
    except BaseException:
        take_back(root, slug)
        raise
    return root / "rubrics" / slug


def take_back(root: Path, slug: str) -> None:
    """Remove what `write` has written, where it came to nothing."""
    for folder in _folders(root, slug):
        shutil.rmtree(folder, ignore_errors=True)


def _folders(root: Path, slug: str) -> tuple[Path, Path]:
    return root / "rubrics" / slug, root / "reference" / slug


def write_again(imported: Imported, root: Path, slug: str) -> None:
    """Write checks and tests anew, after some have changed."""
    contents = _contents(imported)
    names = {"rubric.yaml", "README.md", *imported.tests}
    kept = {key: data for key, data in contents.items() if key[1] in names}
    _lay(kept, _folders(root, slug))


def _lay(contents: Mapping[tuple[int, str], bytes], folders: tuple[Path, Path]) -> None:
    for (room, name), data in contents.items():
        path = folders[room] / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            raise BadInput(f"{one_line(str(path))} cannot be written: {error.strerror}") from None


def _contents(imported: Imported) -> dict[tuple[int, str], bytes]:
    found = {
        (0, "rubric.yaml"): _rubric(imported).encode(),
        (1, "solution.py"): (imported.reference.strip() or _NO_REFERENCE.strip()).encode() + b"\n",
        (1, "README.md"): _readme(imported).encode(),
    }
    if imported.starter is not None:
        found[0, "starter.ipynb"] = _json(imported.starter)
    match imported.answer:
        case str(text):
            found[1, "answer.py"] = text.encode()
        case dict() as document:
            found[1, "answer.ipynb"] = _json(document)
    found |= {(0, f"files/{name}"): data for name, data in imported.files.items()}
    return found | {(1, name): text.encode() for name, text in imported.tests.items()}


def _json(document: object) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def _rubric(imported: Imported) -> str:
    marked = _markers(imported.starter)
    document = {
        "title": imported.title,
        "exercises": [_exercise(one, marked) for one in imported.exercises],
    }
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return text


def _exercise(exercise: ImportedExercise, marked: set[str]) -> dict[str, Any]:
    checks = [_check(one, marked) for one in exercise.checks]
    return {"id": exercise.id, "title": exercise.title, "checks": checks}


def _check(check: ImportedCheck, marked: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"id": check.id, "title": check.title, "kind": check.kind}
    found["points"] = int(check.points) if check.points.is_integer() else check.points
    if check.visibility != "visible":
        found["visibility"] = check.visibility
    if check.kind == "manual":
        return found | ({"answer": {"marker": check.answer}} if check.answer in marked else {})
    found |= {"file": check.file, "only": list(check.tests)}
    found |= {"arrays": "numpy", "precision": "float64", "values": "native"}
    if not check.partial:
        found["partial"] = False
    if check.look in marked:
        found["look"] = [{"marker": check.look}]
    if check.hints:
        found["hints"] = dict(check.hints)
    return found


def _markers(starter: Mapping[str, Any] | None) -> set[str]:
    """What the starter's cells can be found by, as whoever reads a submission sees it."""
    from grader.notebooks.ipynb import cells_of

    if starter is None:
        return set()
    return {marker for cell in cells_of(starter) for marker in cell.markers}


def _readme(imported: Imported) -> str:
    lines = [f"# {imported.title}", "", f"Imported from {imported.tool}.", ""]
    lines += ["## Points", "", "| exercise | check | points | by |", "|---|---|---|---|"]
    for exercise in imported.exercises:
        for check in exercise.checks:
            by = "a person" if check.kind == "manual" else check.file
            lines.append(
                f"| {_cell(exercise.title)} | {_cell(check.title)} | {check.points:g} | {by} |"
            )
    lines += ["", "## What was not carried over", ""]
    lines += [f"- {line}" for line in imported.lost] or ["Nothing is left out."]
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
