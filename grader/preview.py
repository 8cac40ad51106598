"""A rubric as students may see it: exercises, titles, points, and what is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.text import Text

from grader.domain.rubric import CheckSpec, Exercise, Rubric
from grader.report import points
from grader.safetext import one_line

_HIDDEN = {
    "hidden": "what it finds is not shown",
    "after_due": "what it finds is shown after the due date",
}
# Fields that name what of a submission is looked at.
_SUBJECTS = ("function", "name", "model", "module", "variable")


def print_preview(rubric: Rubric, console: Console) -> None:
    """Print what students may know of the rubric before they hand in."""
    head = Text.assemble((one_line(rubric.title), "bold"))
    console.print(head, Text(f"{points(rubric.max_score)} points"), sep="\n")
    for exercise in rubric.exercises:
        console.print()
        for line in _exercise(exercise):
            console.print(line, soft_wrap=True)


def _exercise(exercise: Exercise) -> Iterator[Text]:
    yield Text.assemble(
        (one_line(exercise.title), "bold"), f"  {_worth(exercise.max_score) or 'no points'}"
    )
    titles = {check.id: one_line(check.title or check.id) for check in exercise.checks}
    for check in exercise.checks:
        yield Text.assemble(f"  {titles[check.id]}", (f"  {_worth(check.points)}", "dim"))
        for line in _about(check, titles):
            yield Text(f"    {line}", "dim")


def _worth(number: float) -> str:
    if not number:
        return ""
    return "1 point" if number == 1 else f"{points(number)} points"


def _about(check: CheckSpec, titles: Mapping[str, str]) -> Iterator[str]:
    if check.visibility != "visible":
        yield _HIDDEN[check.visibility]
        return
    subject = _subject(check)
    if subject:
        yield f"looks at {subject}"
    if not check.partial and check.points:
        yield "all or nothing"
    needed = [titles.get(name, name.rpartition("/")[2]) for name in check.depends_on]
    if needed:
        yield f"counts only if these pass: {', '.join(needed)}"


def _subject(check: CheckSpec) -> str:
    kind: str = check.kind  # type: ignore[attr-defined]
    if kind == "manual":
        return "your answer; a person reads it"
    where = getattr(check, "answer", None)
    for holder in (check, where):
        for field in _SUBJECTS:
            name = getattr(holder, field, None)
            if isinstance(name, str):
                return name
    return "your answer" if where is not None else ""
