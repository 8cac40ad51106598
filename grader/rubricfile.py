"""A bundle from disk: the rubric as YAML, the reference, and the assignment's files.

    <root>/rubrics/<slug>/rubric.yaml        exercises, checks, limits
    <root>/rubrics/<slug>/files/             laid into the working directory of every run
    <root>/rubrics/<slug>/starter.ipynb      what students begin with
    <root>/reference/<slug>/solution.py      never beside what is given to students
    <root>/reference/<slug>/test_*.py        tests; conftest.py and all below tests/ belong to them

A bundle that is named by its path lies the same way: `reference` stands beside the folder that the
bundle's folder is in.
"""

from __future__ import annotations

import ast
import difflib
import functools
import hashlib
import math
import operator
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, create_model

from grader.bundlefiles import read_tests, regular_files
from grader.checks import KINDS
from grader.checks.kinds.test import TestSpec
from grader.domain.rubric import (
    HIGHEST,
    Bundle,
    CheckSpec,
    Exercise,
    Limits,
    Rubric,
    Runtime,
    Training,
)
from grader.errors import BadBundle
from grader.markedyaml import Marked, read_marked
from grader.rubricerrors import first_problem
from grader.safetext import one_line

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_ID = r"^[a-z0-9][a-z0-9-]{0,63}$"
_MAX_FILES_BYTES = 60 << 20  # a sandbox gets them in one frame, their names with them
_MAX_CHECKS = 1000
_MAX_POINTS = 1_000_000


def load_bundle(name: str | Path, root: Path) -> Bundle:
    """The bundle that `name` means: a slug below `root`/rubrics, or the path of a bundle's folder.

    Raises BadBundle, with file, line, column and field path where the rubric is not valid.
    """
    folder = _folder(str(name), root)
    rubric_path = folder / "rubric.yaml"
    if not rubric_path.is_file():
        raise BadBundle(f"{_shown(folder)} holds no rubric.yaml")
    marked = read_marked(rubric_path, _shown(rubric_path))
    rubric = _rubric(marked, folder.name)
    beside = folder.parent.parent / "reference" / folder.name
    reference = _reference(beside / "solution.py")
    tests = read_tests(beside)
    _refuse_wrong_tests(rubric, marked, tests)
    files = _files(folder / "files", rubric.limits)
    content = {f"files/{path}": data for path, data in files.items()}
    content["rubric.yaml"] = rubric_path.read_bytes()
    content["reference/solution.py"] = reference.encode()
    content |= {f"reference/{path}": data for path, data in tests.items()}
    starter = folder / "starter.ipynb"
    if starter.is_file():
        content["starter.ipynb"] = starter.read_bytes()
    return Bundle(
        rubric=rubric,
        version=_version(content),
        folder=folder,
        reference=reference,
        files=files,
        tests=tests,
    )


def json_schema() -> dict[str, object]:
    """The JSON Schema of rubric.yaml, for editors."""
    schema = _document_type(_specs()).model_json_schema()
    for name, field in schema["$defs"]["Limits"]["properties"].items():
        field |= {"exclusiveMinimum": 0, "maximum": getattr(HIGHEST, name)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Made by: chainrule rubric schema",
        **schema,
    }


def _folder(name: str, root: Path) -> Path:
    if "/" not in name.rstrip("/") and name not in (".", ".."):
        folder = root / "rubrics" / name.rstrip("/")
        if not folder.is_dir() and Path(name, "rubric.yaml").is_file():
            folder = Path(name)  # a bundle of this folder, named without a path
        if not folder.is_dir():
            raise BadBundle(f"there is no assignment {one_line(name, 80)}{_near(name, root)}")
    else:
        folder = Path(name).expanduser()
        if not folder.is_dir():
            raise BadBundle(f"there is no folder {_shown(folder)}")
    folder = folder.resolve()
    if not _SLUG.fullmatch(folder.name):
        raise BadBundle(
            f"{_shown(folder)}: an assignment's folder is named with letters, digits, - and _"
        )
    return folder


def _near(name: str, root: Path) -> str:
    known = sorted(path.parent.name for path in (root / "rubrics").glob("*/rubric.yaml"))
    near = difflib.get_close_matches(name, known, 1)
    if near:
        return f"; did you mean {near[0]}?"
    listed = ", ".join(known[:10])
    return f" in {_shown(root / 'rubrics')}" + (f"; known: {listed}" if known else "")


def _shown(path: Path) -> str:
    """A path as a person finds it from here."""
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return one_line(str(path))


@functools.cache
def _document_type(specs: tuple[type[CheckSpec], ...]) -> type[BaseModel]:
    """The type of rubric.yaml, with these kinds of checks."""
    closed = ConfigDict(extra="forbid", str_strip_whitespace=True)
    check: Any = Annotated[functools.reduce(operator.or_, specs), Field(discriminator="kind")]
    text = Annotated[str, StringConstraints(min_length=1)]
    parts: dict[str, Any] = {
        "id": (Annotated[str, StringConstraints(pattern=_ID)], ...),
        "title": (text, ...),
        "checks": (Annotated[tuple[check, ...], Field(min_length=1)], ...),
    }
    exercise: Any = create_model(
        "Exercise", __config__=closed, __doc__="A part with its own score.", **parts
    )
    whole: dict[str, Any] = {
        "title": (text, ...),
        "limits": (Limits, Limits()),
        "runtime": (Runtime, Runtime()),
        "training": (Training | None, None),
        "exercises": (Annotated[tuple[exercise, ...], Field(min_length=1)], ...),
    }
    return create_model(
        "Rubric", __config__=closed, __doc__="What an assignment asks for, and for what.", **whole
    )


def _specs() -> tuple[type[CheckSpec], ...]:
    return tuple(kind.spec for kind in KINDS.values())


def _rubric(marked: Marked, slug: str) -> Rubric:
    try:
        read: Any = _document_type(_specs()).model_validate(marked.data)
    except ValidationError as error:
        raise first_problem(marked, error, json_schema) from None
    rubric = Rubric(
        slug=slug,
        title=read.title,
        limits=read.limits,
        runtime=read.runtime,
        training=read.training,
        exercises=tuple(
            Exercise(id=one.id, title=one.title, checks=one.checks) for one in read.exercises
        ),
    )
    _refuse_wrong_numbers(rubric, marked)
    _refuse_wrong_names(rubric, marked)
    return rubric


def _refuse_wrong_numbers(rubric: Rubric, marked: Marked) -> None:
    for name, value in vars(rubric.limits).items():
        if not 0 < value < math.inf:
            raise marked.error(("limits", name), "should be more than 0")
        if value > getattr(HIGHEST, name):
            raise marked.error(("limits", name), f"should be {getattr(HIGHEST, name):.0f} at most")
    if rubric.training is not None and rubric.training.steps < 1:
        raise marked.error(("training", "steps"), "should be 1 or more")
    if sum(len(exercise.checks) for exercise in rubric.exercises) > _MAX_CHECKS:
        raise marked.error(("exercises",), f"should hold {_MAX_CHECKS} checks at most")
    for at, exercise in enumerate(rubric.exercises):
        for number, check in enumerate(exercise.checks):
            steps = ("exercises", at, "checks", number)
            if not 0 <= check.points < math.inf:
                raise marked.error((*steps, "points"), "should be 0 or more")
            if check.points > _MAX_POINTS:
                raise marked.error((*steps, "points"), f"should be {_MAX_POINTS} at most")
            if rubric.training is None and _looks_at_training(check):
                words = "looks where a model was trained: the rubric needs a section training"
                raise marked.error(steps, words)
            if not 0 < check.limit_s < math.inf:
                raise marked.error((*steps, "limit_s"), "should be more than 0")


def _looks_at_training(check: CheckSpec) -> bool:
    kind: str = check.kind  # type: ignore[attr-defined]
    return any(place.trained for place in check.look or KINDS[kind].places(check))


def _refuse_wrong_names(rubric: Rubric, marked: Marked) -> None:
    """Ids are unique, and dependencies name checks that do not wait for one another."""
    exercises: set[str] = set()
    needs: dict[str, list[tuple[str, tuple[str | int, ...]]]] = {}
    for at, exercise in enumerate(rubric.exercises):
        if exercise.id in exercises:
            raise marked.error(("exercises", at, "id"), f"{exercise.id} stands twice")
        exercises.add(exercise.id)
        for number, check in enumerate(exercise.checks):
            steps = ("exercises", at, "checks", number)
            key = f"{exercise.id}/{check.id}"
            if not re.match(_ID, check.id):
                raise marked.error((*steps, "id"), "should be of small letters, digits and hyphens")
            if key in needs:
                raise marked.error((*steps, "id"), f"{check.id} stands twice in {exercise.id}")
            needs[key] = [
                (name if "/" in name else f"{exercise.id}/{name}", (*steps, "depends_on", place))
                for place, name in enumerate(check.depends_on)
            ]
    for wanted in needs.values():
        for name, place in wanted:
            if name not in needs:
                near = difflib.get_close_matches(name, needs, 1)
                more = f"; did you mean {near[0]}?" if near else ""
                raise marked.error(place, f"there is no check {one_line(name, 80)}{more}")
    _refuse_cycles(needs, marked)


def _refuse_cycles(
    needs: Mapping[str, list[tuple[str, tuple[str | int, ...]]]], marked: Marked
) -> None:
    decided: set[str] = set()
    while len(decided) < len(needs):
        ready = {
            key
            for key, wanted in needs.items()
            if key not in decided and all(name in decided for name, _ in wanted)
        }
        if not ready:
            key, place = next(
                (key, place)
                for key, wanted in needs.items()
                if key not in decided
                for name, place in wanted
                if name not in decided
            )
            raise marked.error(place, f"{key} waits for itself by way of this check")
        decided |= ready


def _refuse_wrong_tests(rubric: Rubric, marked: Marked, tests: Mapping[str, bytes]) -> None:
    """Raise BadBundle where a check names a file of tests that is not there or does not parse."""
    for at, exercise in enumerate(rubric.exercises):
        for number, check in enumerate(exercise.checks):
            if not isinstance(check, TestSpec):
                continue
            place = ("exercises", at, "checks", number, "file")
            if check.file not in tests:
                words = f"there is no {one_line(check.file, 80)} beside the reference solution"
                raise marked.error(place, words)
            try:
                ast.parse(tests[check.file])
            except (SyntaxError, ValueError) as error:
                raise marked.error(place, f"{check.file} does not parse: {error}") from None
            except (RecursionError, MemoryError):
                raise marked.error(place, f"{check.file} is nested too deeply") from None


def _reference(path: Path) -> str:
    try:
        source = path.read_text("utf-8")
        ast.parse(source)
    except OSError as error:
        raise BadBundle(
            f"the reference {_shown(path)} cannot be read: {error.strerror} (the bundle in "
            "rubrics/NAME has its reference in reference/NAME/solution.py beside rubrics)"
        ) from None
    except UnicodeDecodeError:
        raise BadBundle(f"the reference {_shown(path)} is not UTF-8") from None
    except SyntaxError as error:
        place = f"{_shown(path)}:{error.lineno}:{error.offset}"
        raise BadBundle(f"{place}: the reference does not parse: {error.msg}") from None
    except (RecursionError, MemoryError):
        raise BadBundle(f"{_shown(path)}: the reference is nested too deeply") from None
    return source


def _files(folder: Path, limits: Limits) -> dict[str, bytes]:
    """The assignment's files by their paths below `folder`."""
    found: dict[str, bytes] = {}
    for path in regular_files(folder):
        found[path.relative_to(folder).as_posix()] = path.read_bytes()
    size = sum(map(len, found.values()))
    if size + sum(len(name.encode()) + 16 for name in found) > _MAX_FILES_BYTES:
        raise BadBundle(
            f"{_shown(folder)} holds {size} bytes in all, more than the {_MAX_FILES_BYTES >> 20} "
            "MiB that can be laid into a sandbox"
        )
    if len(found) > limits.files or size > limits.disk_bytes:
        raise BadBundle(
            f"{_shown(folder)} holds {len(found)} files of {size} bytes in all, more than the "
            "limits of a run leave room for (limits.files, limits.disk_bytes)"
        )
    return found


def _version(content: Mapping[str, bytes]) -> str:
    """A hash of names and bytes, whatever the order and the times of the files."""
    digest = hashlib.sha256()
    for name, data in sorted(content.items()):
        for part in (name.encode(), data):
            digest.update(len(part).to_bytes(8, "little") + part)
    return f"sha256:{digest.hexdigest()}"
