"""A bundle for judging mutants: the same checks, with limits that hold nobody up.

A mutant may take some times what the right submission takes, and only where its mistake reaches
a training check is training judged.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator

from grader.checks import KINDS
from grader.domain.rubric import Bundle, CheckSpec, Exercise
from workers.pipeline import kind_of

_RERUNS = 3  # of a training that does not succeed
_ROOM = 5.0
_LEAST_S = 3.0


def specs(bundle: Bundle) -> Iterator[tuple[str, CheckSpec]]:
    """Each check with its name, `exercise/check`."""
    for exercise in bundle.rubric.exercises:
        for check in exercise.checks:
            yield f"{exercise.id}/{check.id}", check


def bounded(bundle: Bundle, alone_s: float, reached: Collection[str] | None = None) -> Bundle:
    """The bundle for a mutant, where the right submission took `alone_s` seconds.

    `reached` are the checks that the mistake may matter to; without it training is judged too.
    """
    enough = max(_LEAST_S, _ROOM * alone_s)
    dropped = {
        key
        for key, check in specs(bundle)
        if reached is not None and _trains(check) and key not in reached
    }
    exercises = []
    for exercise in bundle.rubric.exercises:
        checks = []
        for check in exercise.checks:
            key = f"{exercise.id}/{check.id}"
            needed = {name if "/" in name else f"{exercise.id}/{name}" for name in check.depends_on}
            if key in dropped or needed & dropped:
                dropped.add(key)
            else:
                checks.append(_bounded(check, enough))
        exercises.append(Exercise(id=exercise.id, title=exercise.title, checks=tuple(checks)))
    limits = dataclasses.replace(
        bundle.rubric.limits,
        wall_s=min(bundle.rubric.limits.wall_s, 2 * enough),
        cell_s=min(bundle.rubric.limits.cell_s, enough),
    )
    judged = any(_trains(check) for exercise in exercises for check in exercise.checks)
    rubric = dataclasses.replace(
        bundle.rubric,
        exercises=tuple(exercises),
        limits=limits,
        training=bundle.rubric.training if judged else None,
    )
    return dataclasses.replace(bundle, rubric=rubric)


def _trains(check: CheckSpec) -> bool:
    """Whether a check looks where models are trained: what makes a run long."""
    return any(place.trained for place in check.look or KINDS[kind_of(check)].places(check))


def _bounded(check: CheckSpec, enough: float) -> CheckSpec:
    """The check with limits that a mutant may use up without holding up the others."""
    wanted = {
        "limit_s": enough,
        "seeds": _RERUNS,
        "rerun_limit_s": enough,
        "budget_s": enough * _RERUNS,
    }
    smaller = {
        name: min(most, getattr(check, name))
        for name, most in wanted.items()
        if isinstance(getattr(check, name, None), (int, float))
    }
    return dataclasses.replace(check, **smaller)
