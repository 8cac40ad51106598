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
from grader.migrating.sources import (
    copied,
    files_below,
    read_notebook,
    refuse_unreadable,
    slug_of,
    some_of,
)
from grader.migrating.surroundings import surroundings
from grader.notebooks.names import python_source
from grader.safetext import one_line

_POINTS = re.compile(r"_Points:_\s*(\d{1,6}(?:\.\d+)?)")
_CLIENT = re.compile(r"\botter\.Notebook\(|^\s*grader\.(?:check|check_all|export)\(", re.M)
_CHECK = re.compile(r"^\s*grader\.check\(['\"]([\w.-]+)['\"]\)\s*$", re.M)
_TESTS = "test_imported.py"
_SETTINGS = "otter_config.json"
# What `otter assign` lays beside the notebook for itself.
_OWN = (_SETTINGS, "requirements.txt", "requirements.R", "environment.yml", "run_otter.py")


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
    files = _named(path, master.files)
    return _imported(
        path, master.title, master.questions, master.answer, master.starter, files, master.notes
    )


def _assigned(folder: Path) -> Imported:
    place = folder / "autograder" if (folder / "autograder").is_dir() else folder
    path = _only_notebook(place)
    document = read_notebook(path)
    own = document["metadata"].get("otter", {})
    own = own if isinstance(own, dict) else {}
    paths = sorted((place / "tests").glob("*.py"))
    questions = [question_of_file(one) for one in paths if one.name != "__init__.py"]
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
    files = files_below(place, _is_data)
    student = folder / "student"
    if place != folder and student.is_dir():
        starter = _without_client(read_notebook(_only_notebook(student)))
        given = files_below(student, _is_data)
        withheld = sorted(files.keys() - given.keys())
        if withheld:
            notes.append(
                f"what students are not given ({some_of(withheld)}) is left out: their code could "
                "read it in every run"
            )
        files = given
    else:
        notes.append("the folder has no notebook for students: the bundle has no starter")
    if (place / _SETTINGS).exists():
        notes.append(f"the settings in {_SETTINGS} are left out")
    answer = _without_client(document)
    return _imported(path, path.stem, [*questions, *manual], answer, starter, files, notes)


def _is_data(path: Path) -> bool:
    """Whether a file beside an assigned notebook is the instructor's, and not otter's own."""
    is_own = path.name in _OWN or path.suffix in (".ipynb", ".zip", ".pdf")
    return path.parts[0] != "tests" and not is_own


def _named(path: Path, names: list[str]) -> dict[str, bytes]:
    """What a master says that students are given, where otter would put it."""
    found: dict[str, bytes] = {}
    for name in names:
        wanted = Path(name)
        place = path.parent / wanted
        if wanted.is_absolute() or ".." in wanted.parts or not wanted.parts:
            raise CannotImport(f"{one_line(path.name)}: files: {name} lies outside its folder")
        if place.is_dir() and not place.is_symlink():
            below = files_below(place, lambda inner: True)
            found |= {f"{wanted.name}/{inner}": data for inner, data in below.items()}
        elif place.is_file():
            found |= files_below(path.parent, lambda inner, wanted=wanted: inner == wanted)  # type: ignore[misc]
        else:
            raise CannotImport(f"{one_line(path.name)}: files: there is no {name}")
    return found


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
    files: dict[str, bytes],
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
        files=files,
        notes=(*notes, *more),
    )


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
