"""How much each test earns: `@pytest.mark.points(2)`, or 1."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import pytest


def weights(items: Sequence[pytest.Item]) -> dict[pytest.Item, float]:
    """The share of each test, in proportion to those of the others.

    The cases of a parametrised function share what it earns; a case with points of its own, in
    pytest.param(..., marks=...), earns those besides. Raises pytest.UsageError.
    """
    sharing = Counter(function_of(item) for item in items if _own(item) is None)
    found = {}
    for item in items:
        own = _own(item)
        if own is None:
            marks = [mark for mark in item.iter_markers("points") if mark not in _case_marks(item)]
            found[item] = (_points(marks[0], item) if marks else 1.0) / sharing[function_of(item)]
        else:
            found[item] = _points(own, item)
    return found


def function_of(item: pytest.Item) -> tuple[object, str]:
    """The function of a test, the same for all its cases."""
    return item.parent, getattr(item, "originalname", item.name)


def _case_marks(item: pytest.Item) -> list[pytest.Mark]:
    callspec = getattr(item, "callspec", None)
    return [] if callspec is None else list(callspec.marks)


def _own(item: pytest.Item) -> pytest.Mark | None:
    """The points of this very case."""
    return next((mark for mark in _case_marks(item) if mark.name == "points"), None)


def _points(mark: pytest.Mark, item: pytest.Item) -> float:
    match mark.args:
        case (bool(),):
            pass
        case (int() | float() as number,) if 0 < number < math.inf and not mark.kwargs:
            return float(number)
    raise pytest.UsageError(f"{item.name}: points takes one number, more than 0")
