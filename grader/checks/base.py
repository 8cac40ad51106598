"""What every check is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from grader.domain.questions import Look
from grader.domain.rubric import Cell


@dataclass(frozen=True, kw_only=True)
class Context:
    """One check's view of an attempt.

    `rng` is seeded from the attempt's secret seed and the check's id, so that a replay draws the
    same inputs. `code` holds the parseable Python of each code cell in order (magics replaced),
    or None for a cell that does not parse. `answers` are the form's fields by name.
    """

    look: Look
    rng: np.random.Generator
    cells: tuple[Cell, ...] = ()
    code: tuple[str | None, ...] = ()
    answers: Mapping[str, str] = field(default_factory=dict)
