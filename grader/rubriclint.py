"""What is valid in a rubric and wrong all the same, found without running anything."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from grader.checks.calling.inputs import Draw
from grader.domain.rubric import Bundle, CheckSpec
from grader.markedyaml import Marked, Steps, read_marked
from grader.notebooks.names import definitions
from grader.notebooks.starter import starter_cells

# Fields that hold names of the reference, whatever the kind.
_OF_REFERENCE_DATA = frozenset({"training", "accuracy", "metric"})  # whose data is its
_OF_REFERENCE = {"oracle", "architecture", "reference"}
# Fields that do so in these kinds.
_OF_KIND = {"forward": "function", "module": "name", "autograd_function": "reference"}


def lint(bundle: Bundle) -> list[str]:
    """Each problem as `file:line:column: field: what is wrong`, in the order of the file."""
    path = bundle.folder / "rubric.yaml"
    marked = read_marked(path, f"{bundle.rubric.slug}/rubric.yaml")
    reader = _Linter(bundle, marked)
    return [str(marked.error(steps, words)) for steps, words in reader.problems()]


Problem = tuple[Steps, str]


class _Linter:
    def __init__(self, bundle: Bundle, marked: Marked) -> None:
        self._bundle = bundle
        self._marked = marked
        self._known = _names_of_reference(bundle.reference)
        self._markers = _markers_of_starter(bundle)

    def problems(self) -> Iterator[Problem]:
        for at, exercise in enumerate(self._bundle.rubric.exercises):
            if not exercise.max_score:
                yield ("exercises", at), f"{exercise.id} is worth no points"
            titles: dict[str, str] = {}
            for number, check in enumerate(exercise.checks):
                steps: Steps = ("exercises", at, "checks", number)
                if check.title and titles.setdefault(check.title, check.id) != check.id:
                    words = f"has the same title as {titles[check.title]}: “{check.title}”"
                    yield (*steps, "title"), words
                yield from self._check(check, steps)
        training = self._bundle.rubric.training
        if training is not None:
            yield from self._walk(training, ("training",), "")

    def _check(self, check: CheckSpec, steps: Steps) -> Iterator[Problem]:
        kind: str = check.kind  # type: ignore[attr-defined]
        yield from self._walk(check, steps, kind)
        if check.visibility != "visible" and not check.title:
            yield steps, "students see nothing but the title of this check, and it has none"

    def _walk(self, value: object, steps: Steps, kind: str) -> Iterator[Problem]:
        """All fields at whatever depth."""
        if isinstance(value, Draw):
            if words := _tells_nothing(value):
                yield self._known_place(steps), words
        elif dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                item = getattr(value, field.name)
                here = (*steps, field.name)
                if isinstance(item, str):
                    yield from self._name(field.name, item, here, kind)
                else:
                    yield from self._walk(item, here, kind)
        elif isinstance(value, Mapping):
            for key, item in value.items():
                if steps[-1] == "data" and kind in _OF_REFERENCE_DATA and isinstance(item, str):
                    yield from self._of_reference(item, (*steps, key))
                yield from self._walk(item, (*steps, key), kind)
        elif isinstance(value, list | tuple):
            for number, item in enumerate(value):
                yield from self._walk(item, (*steps, number), kind)

    def _name(self, field: str, name: str, steps: Steps, kind: str) -> Iterator[Problem]:
        inside = steps[-2] if len(steps) > 1 else ""
        variant = len(steps) > 2 and steps[-3] == "near_misses" and field == "function"
        data = inside == "data" and kind in _OF_REFERENCE_DATA
        if field in _OF_REFERENCE or data or variant or _OF_KIND.get(kind) == field:
            yield from self._of_reference(name, steps)
        if field == "marker" and self._markers is not None and name not in self._markers:
            yield self._known_place(steps), f"the starter has no cell with the marker {name}"

    def _of_reference(self, name: str, steps: Steps) -> Iterator[Problem]:
        if self._known is not None and name.isidentifier() and name not in self._known:
            yield self._known_place(steps), f"the reference does not define {name}"

    def _known_place(self, steps: Steps) -> Steps:
        """The innermost place of `steps` that stands in the file."""
        while steps and steps not in self._marked.values:
            steps = steps[:-1]
        return steps


def _tells_nothing(draw: Draw) -> str | None:
    """Why this input can't tell a right answer from a wrong one."""
    if draw.integers is not None and np.ceil(draw.high) - np.ceil(draw.low) == 1:
        return f"all of these integers are {np.ceil(draw.low):g}: give `high`"
    if draw.normal is not None and not draw.scale:
        return "all of these numbers are 0, since `scale` is"
    if draw.values is not None:
        values = np.asarray(draw.values)
        if not values.any():
            return "all of these values are 0: most wrong answers come out right for zeros"
        if values.size > 1 and (values == values.flat[0]).all():
            return "all of these values are the same: a wrong order or axis goes unnoticed"
    return None


def _names_of_reference(source: str) -> set[str] | None:
    """What the reference binds at top level; None where that can't be told by reading."""
    stars: Any = (
        alias.name == "*"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )
    return None if any(stars) else set(definitions([source]))


def _markers_of_starter(bundle: Bundle) -> set[str] | None:
    """The markers of the starter's cells; None where there is no starter."""
    cells = starter_cells(bundle)
    return None if cells is None else {marker for cell in cells for marker in cell.markers}
