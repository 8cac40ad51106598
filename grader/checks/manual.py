"""`manual`: a person grades it. The student's answer is found for them, as well as can be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from grader.checks.base import Context
from grader.domain.outcomes import Outcome
from grader.domain.questions import Judging, Verdict
from grader.domain.rubric import Cell, CheckSpec, Place

_MAX_ANSWER = 8_000
_LABEL = re.compile(r"^[\s*_#>-]*(?:your\s+)?answer\b[\s*_]*[:.]?[\s*_]*", re.IGNORECASE)
_HEADING = re.compile(r"^\s*(?:#{1,6}\s|<h[1-6])", re.IGNORECASE)
_COMMENT = re.compile(r"<!--[^>\n]{0,200}-->|^\s*(?:#\s*)?chainrule:.*$", re.MULTILINE)
_MAX_CELL = 50_000
_PLACEHOLDER = re.compile(
    r"[\s*_.…\[\](){}<>-]*(?:(?:to\s?do|(?:type|write|put|your|add)?\s*(?:your)?\s*answer"
    r"(?:\s+(?:goes\s+)?here)?|double[- ]click to edit.*)[\s*_.…:\[\](){}<>!-]*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class AnswerPlace:
    """Where the answer is: in the cell with a marker, or below a heading."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    marker: str | None = None
    heading: str | None = None

    def __post_init__(self) -> None:
        if not (self.marker or self.heading):
            raise ValueError("an answer needs a marker or a heading to be found by")


@dataclass(frozen=True, kw_only=True)
class ManualSpec(CheckSpec):
    """A person gives the points."""

    kind: Literal["manual"] = "manual"
    answer: AnswerPlace | None = None


def places(spec: ManualSpec) -> tuple[Place, ...]:
    """Nothing is run, so the end will do."""
    return (Place(end=True),)


def judge(spec: ManualSpec, context: Context) -> Judging:
    """Pending, with the answer where there is one. Asks nothing."""
    answer = _answer(spec.answer, context.cells) if spec.answer else None
    message = "A person grades this."
    if spec.answer and answer is None:
        message = "A person grades this. No answer was found in your notebook."
    detail = {"answer": answer[:_MAX_ANSWER] if answer else None}
    return Verdict(Outcome.PENDING, 0.0, message, detail=detail)
    yield  # a generator, as every kind


def _answer(where: AnswerPlace, cells: Sequence[Cell]) -> str | None:
    """The text of the answer; None where there is none, or only a placeholder."""
    for at, cell in enumerate(cells):
        if where.marker and where.marker in cell.markers:
            found = _in_region([cell, *_below(cells, at)], whole=True)
            if found:
                return found
    for at, cell in enumerate(cells):
        line = _heading_line(where.heading, cell)
        if line is not None:
            rest = "\n".join(_lines(cell)[line + 1 :])
            found = _in_region([_with(cell, rest), *_below(cells, at)], whole=False)
            if found:
                return found
    return None


def _below(cells: Sequence[Cell], at: int) -> Iterator[Cell]:
    """The cells in words after a cell, up to the next heading or the next marked cell."""
    for cell in cells[at + 1 :]:
        if cell.kind != "markdown":
            continue
        if cell.markers or _HEADING.match(cell.source):
            return
        yield cell


def _in_region(region: Sequence[Cell], whole: bool) -> str | None:
    """What stands after an "Answer:"; without one, the text that can't be the question.

    That is all of a marked cell (`whole`), and below a heading every cell but the first.
    """
    for at, cell in enumerate(region):
        lines = _lines(cell)
        for number in reversed(range(len(lines))):
            label = _LABEL.match(lines[number])
            if label:
                own = [lines[number][label.end() :], *lines[number + 1 :]]
                texts = ["\n".join(own), *("\n".join(_lines(one)) for one in region[at + 1 :])]
                return _text(texts)
    texts = ["\n".join(_lines(cell)) for cell in (region[:1] if whole else region[1:])]
    return _text(texts)


def _text(texts: Sequence[str]) -> str | None:
    text = "\n\n".join(part.strip() for part in texts if part.strip()).strip()
    return None if _PLACEHOLDER.fullmatch(text[:200]) else text


def _lines(cell: Cell) -> list[str]:
    """A cell's words: of code only the comments, of neither the markers."""
    source = cell.source[:_MAX_CELL]
    if cell.kind == "code":
        comments = (line.strip() for line in source.split("\n"))
        source = "\n".join(line[1:].strip() for line in comments if line.startswith("#"))
    return _COMMENT.sub("", source).split("\n")


def _heading_line(heading: str | None, cell: Cell) -> int | None:
    """The line that is the heading, whatever it is decorated with."""
    if not heading:
        return None
    wanted = re.compile(rf"[\s#*_=<>h1-6]*{re.escape(heading)}(?!\w)", re.IGNORECASE)
    for number, line in enumerate(_lines(cell)):
        if wanted.match(line) and len(line) < 200:
            return number
    return None


def _with(cell: Cell, source: str) -> Cell:
    return Cell(kind="markdown", source=source, name=cell.name)
