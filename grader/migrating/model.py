"""An assignment of another tool on its way to a bundle."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from grader.domain.rubric import Visibility
from grader.errors import BadInput

# How a test that asks in a session begins; grader.migrating.testfiles writes it.
_SESSION = re.compile(
    r'(?P<head>def (?P<name>\w+)\(student[^\n]*\n    """[^\n]*\n)'
    r"    (?P<proxy>\w+) = student.session\(\)\n"
)

NotebookDocument = dict[str, Any]


class CannotImport(BadInput):
    """What is to be imported is not valid; the message names the file, and the cell if there is."""


class Untranslatable(Exception):
    """A test that can't be carried over; the message says why, for the instructor."""


@dataclass(frozen=True)
class ImportedCheck:
    """One check of the bundle: tests of a file, or a person's points.

    `lost` says why what was automatic is for a person now.
    """

    id: str
    title: str
    points: float
    file: str = ""
    tests: tuple[str, ...] = ()
    visibility: Visibility = "visible"
    partial: bool = True
    look: str = ""  # a marker: tests look after the cell that carries it, and at the end
    answer: str = ""  # a marker: the cell that carries it holds what a person grades
    hints: Mapping[str, str] = field(default_factory=dict)
    lost: str = ""

    @property
    def kind(self) -> Literal["test", "manual"]:
        """A check without tests is for a person."""
        return "test" if self.tests else "manual"

    def for_a_person(self, why: str) -> ImportedCheck:
        """The same points, given by hand."""
        return replace(self, file="", tests=(), hints={}, partial=True, lost=why)


@dataclass(frozen=True)
class ImportedExercise:
    """A question or a graded cell."""

    id: str
    title: str
    checks: tuple[ImportedCheck, ...]


def _points(check: ImportedCheck) -> str:
    return "1 point" if check.points == 1 else f"{check.points:g} points"


@dataclass(frozen=True)
class Imported:
    """Everything that a bundle is written from.

    `answer` is the model answer, a notebook or the text of a Python file; None where the original
    has none. `notes` are what can't be carried over besides what checks have lost.
    """

    tool: str
    title: str
    slug: str
    exercises: tuple[ImportedExercise, ...]
    tests: Mapping[str, str]  # by path beside the reference
    reference: str
    starter: NotebookDocument | None = None
    answer: NotebookDocument | str | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def lost(self) -> Sequence[str]:
        """What a person has to know, one line each."""
        lines = [
            f"{exercise.title}: {check.title or check.id} ({_points(check)}) is for a "
            f"person now: {check.lost}"
            for exercise in self.exercises
            for check in exercise.checks
            if check.lost
        ]
        return [*lines, *self.notes]

    def without_sessions(self, tests: Collection[str]) -> Imported:
        """The same, with these tests asking anew each time.

        They may ask as often as they like then, and nothing that a call changes is seen by the
        next one.
        """

        def plain(found: re.Match[str]) -> str:
            if found["name"] not in tests:
                return found[0]
            bound = "" if found["proxy"] == "student" else f"    {found['proxy']} = student\n"
            return found["head"] + bound

        changed = {path: _SESSION.sub(plain, text) for path, text in self.tests.items()}
        return replace(self, tests=changed)

    def without(self, failed: Mapping[str, str]) -> Imported:
        """The same, with the checks named `exercise/check` given to a person, and why."""
        exercises = tuple(
            replace(
                exercise,
                checks=tuple(
                    check.for_a_person(failed[key])
                    if (key := f"{exercise.id}/{check.id}") in failed
                    else check
                    for check in exercise.checks
                ),
            )
            for exercise in self.exercises
        )
        return replace(self, exercises=exercises)
