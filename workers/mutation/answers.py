"""Mutants of what is answered in words, found as the checks find it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from grader.checks.answers.answertext import answer_below
from grader.domain.rubric import Cell, Rubric
from grader.notebooks.read import Submission
from workers.mutation.mutants import Mutant, numbered
from workers.mutation.words import changed


def answer_mutants(rubric: Rubric, right: Submission) -> tuple[Mutant, ...]:
    """Every mutant of the answers that checks, and no person, read in the submission's words."""
    return numbered(list(_all(rubric, right)))


def _all(rubric: Rubric, right: Submission) -> Iterator[Mutant]:
    yield from _fields(rubric, right)
    texts = _texts(rubric, right.cells)
    for key, text in texts.items():
        for line in filter(None, map(str.strip, text.split("\n"))):
            for name, other in changed(line):
                at = _cell_with(right.cells, line)
                if at is None:
                    continue
                source = right.cells[at].source.replace(line, other, 1)
                cells = list(right.cells)
                cells[at] = dataclasses.replace(cells[at], source=source)
                now = _texts(rubric, tuple(cells))
                differ = frozenset(one for one in texts if now.get(one) != texts[one])
                if key in differ:
                    yield Mutant(key.replace("/", ".") + f"/{name}", name, at, None, source, differ)


def _fields(rubric: Rubric, right: Submission) -> Iterator[Mutant]:
    """Mutants of what stands in form fields."""
    readers: dict[str, set[str]] = {}
    for exercise in rubric.exercises:
        for check in exercise.checks:
            name = getattr(getattr(check, "answer", None), "field", None)
            if name and getattr(check, "kind", "") != "manual":
                readers.setdefault(name, set()).add(f"{exercise.id}/{check.id}")
    for name, keys in readers.items():
        for operator, other in changed(right.answers.get(name, "")):
            source = right.cells[0].source
            yield Mutant(
                *(f"{name}/{operator}", operator, 0, None, source, frozenset(keys), (name, other))
            )


def _texts(rubric: Rubric, cells: tuple[Cell, ...]) -> dict[str, str]:
    """What each check that reads words finds, by `exercise/check`."""
    found = {}
    for exercise in rubric.exercises:
        for check in exercise.checks:
            where = getattr(check, "answer", None)
            marker, heading = getattr(where, "marker", None), getattr(where, "heading", None)
            if not (marker or heading) or getattr(check, "kind", "") == "manual":
                continue
            text = answer_below(cells, marker, heading, getattr(where, "label", None))
            if text:
                found[f"{exercise.id}/{check.id}"] = text
    return found


def _cell_with(cells: tuple[Cell, ...], line: str) -> int | None:
    """The last cell that has the line: a question that repeats it stands before its answer."""
    having = [at for at, cell in enumerate(cells) if line in cell.source]
    return having[-1] if having else None
