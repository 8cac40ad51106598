"""Finding the formula in an answer: after an equals sign, between dollars, on the last line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from grader.checks.answers.formula import Formula, readings
from grader.checks.answers.formulatokens import NotAFormula

_MATHS = re.compile(
    r"\$\$?([^$]{1,1000})\$|\\\((.{1,1000}?)\\\)|\\\[(.{1,1000}?)\\\]|`([^`]{1,1000})`"
)
_EQUALS = re.compile(r":=|=+|≈|≡|→|⇒|\\approx\b|\\equiv\b")
_MOST = 12  # texts that are tried


def formulas_in(text: str, variables: Iterable[str]) -> list[Formula]:
    """What the answer means: the first of its texts that is a formula, in either reading.

    Raises NotAFormula, with what is wrong with the first text that was tried.
    """
    names = list(variables)
    first: NotAFormula | None = None
    for at, candidate in enumerate(_candidates(text)):
        if at == _MOST:
            break
        try:
            return readings(candidate, names)
        except NotAFormula as error:
            first = first or error
    raise first or NotAFormula("it is empty")


def _candidates(text: str) -> Iterator[str]:
    """The texts that may be the formula, the likeliest first."""
    text = text[:8000]
    found = [next(filter(None, groups), "") for groups in _MATHS.findall(text)]
    lines = [line for line in text.split("\n") if line.strip()]
    for whole in [*reversed(found), *([text] if len(lines) > 1 else []), *reversed(lines)]:
        for side in reversed(_EQUALS.split(whole)):
            stripped = side.strip().strip(".,;:*_ \t\n")
            if stripped:
                yield stripped
