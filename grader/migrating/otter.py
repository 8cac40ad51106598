"""An assignment of otter-grader's: a master notebook, or the folders that `otter assign` makes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grader.migrating.model import CannotImport, Imported, NotebookDocument
from grader.migrating.otterchecks import Question, exercises_of
from grader.migrating.ottermaster import Master, is_master
from grader.migrating.ottertests import question_of_file, question_of_metadata
from grader.migrating.sources import copied, read_notebook, refuse_unreadable, slug_of
from grader.migrating.surroundings import surroundings
from grader.notebooks.names import python_source
from grader.safetext import one_line

_POINTS = re.compile(r"_Points:_\s*([0-9.]+)")
_CLIENT = re.compile(r"\botter\.Notebook\(|^\s*grader\.(?:check|check_all|export)\(", re.M)
_CHECK = re.compile(r"^\s*grader\.check\(['\"]([\w.-]+)['\"]\)\s*$", re.M)
_TESTS = "test_imported.py"


def read(path: Path) -> Imported:
    """The assignment at `path`. Raises CannotImport."""
    if path.is_dir():
        return _assigned(path)
    document = read_notebook(path)
    if not is_master(document):
        raise CannotImport(
            f"{one_line(path.name)} is no master notebook: no raw cell of it begins a question "
            "(# BEGIN QUESTION). Give the folder of an assigned notebook, with its tests"
        )
    master = Master(path.name, document)
    return _imported(path, master.title, master.questions, master.answer, master.starter, [])


def _assigned(folder: Path) -> Imported:
    place = folder / "autograder" if (folder / "autograder").is_dir() else folder
    path = _only_notebook(place)
    document = read_notebook(path)
    own = document.get("metadata", {}).get("otter", {})
    own = own if isinstance(own, dict) else {}
    files = sorted((place / "tests").glob("*.py"))
    questions = [question_of_file(one) for one in files if one.name != "__init__.py"]
    named = own.get("tests")
    if not questions and isinstance(named, dict):
        questions = [question_of_metadata(path.name, *item) for item in named.items()]
    if not questions:
        raise CannotImport(
            f"{one_line(str(place))} has no tests: neither tests/*.py nor in the metadata of "
            f"{one_line(path.name)}"
        )
    order = {name: at for at, name in enumerate(_checked(document))}
    questions.sort(key=lambda one: order.get(one.name, len(order)))
    manual, notes = _manual(document)
    starter = None
    student = folder / "student"
    if place != folder and student.is_dir():
        starter = _without_client(read_notebook(_only_notebook(student)))
    else:
        notes.append("the folder has no notebook for students: the bundle has no starter")
    answer = _without_client(document)
    return _imported(path, path.stem, [*questions, *manual], answer, starter, notes)


def _only_notebook(folder: Path) -> Path:
    found = sorted(folder.glob("*.ipynb"))
    if len(found) != 1:
        raise CannotImport(f"{one_line(str(folder))} holds {len(found)} notebooks, not one")
    return found[0]


def _imported(
    path: Path,
    title: str,
    questions: list[Question],
    answer: NotebookDocument,
    starter: NotebookDocument | None,
    notes: list[str],
) -> Imported:
    around = surroundings(
        (cell["source"], False) for cell in answer["cells"] if cell["cell_type"] == "code"
    )
    exercises, tests, more = exercises_of(questions, around, _TESTS)
    if not exercises:
        raise CannotImport(f"{one_line(path.name)} has no question that earns points")
    refuse_unreadable(answer, path.name)
    return Imported(
        tool="otter-grader",
        title=title,
        slug=slug_of(path.stem),
        exercises=exercises,
        tests={_TESTS: tests} if tests else {},
        reference="\n\n\n".join(_reference(answer)),
        starter=starter,
        answer=answer,
        files=_files(path.parent),
        notes=(*notes, *more),
    )


def _files(folder: Path) -> dict[str, bytes]:
    """Data that lies beside the notebook; the tool's own files and folders stay behind."""
    return {
        one.name: one.read_bytes()
        for one in sorted(folder.iterdir())
        if one.is_file()
        and one.suffix in (".csv", ".txt", ".json", ".npy", ".npz", ".pt", ".tsv", ".png", ".jpg")
        and one.name != "otter_config.json"
        and not one.name.startswith((".", "requirements"))
    }


def _reference(answer: NotebookDocument) -> Iterator[str]:
    for cell in answer["cells"]:
        if cell["cell_type"] == "code":
            source = python_source(cell["source"])
            if source and source.strip():
                yield source


def _checked(document: NotebookDocument) -> Iterator[str]:
    """The names of questions in the order in which the notebook checks them."""
    for cell in document["cells"]:
        yield from _CHECK.findall(cell["source"])
        own = cell["metadata"].get("otter")
        if isinstance(own, dict) and isinstance(own.get("tests"), list):
            yield from map(str, own["tests"])


def _without_client(document: NotebookDocument) -> NotebookDocument:
    """The notebook without the cells that speak to otter; the cell before knows its question."""
    kept: list[dict[str, Any]] = []
    for cell in document["cells"]:
        if cell["cell_type"] == "code" and _CLIENT.search(cell["source"]):
            if kept and (names := _CHECK.findall(cell["source"])):
                own = kept[-1]["metadata"].get("otter")
                before = own.get("tests", []) if isinstance(own, dict) else []
                metadata = {**kept[-1]["metadata"], "otter": {"tests": [*before, *names]}}
                kept[-1] = {**kept[-1], "metadata": metadata}
        else:
            kept.append(cell)
    return copied(document, kept)


def _manual(document: NotebookDocument) -> tuple[list[Question], list[str]]:
    """Questions for a person, as far as an assigned notebook tells of them."""
    found: list[Question] = []
    notes: list[str] = []
    for number, cell in enumerate(document["cells"], 1):
        if cell["cell_type"] != "markdown" or "<!-- BEGIN QUESTION -->" not in cell["source"]:
            continue
        words = [line for line in cell["source"].splitlines() if line and not line.startswith("<")]
        title = one_line(words[0].replace("*", "").strip("# ") if words else f"cell {number}", 80)
        points = _POINTS.search(cell["source"])
        if points:
            found.append(Question(name=title, points=float(points[1]), manual=True))
        else:
            notes.append(
                f"“{title}” (cell {number}) is for a person; an assigned notebook does not say for "
                "how many points: import the master notebook, or add a check of kind `manual`"
            )
    return found, notes
