"""The kinds of checks: pure functions of evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grader.checks import forward, gradient, manual, module, source, training
from grader.checks.gradspec import GradientSpec
from grader.checks.looks import Judge, guarded
from grader.domain.rubric import CheckSpec, Place


@dataclass(frozen=True)
class Kind:
    """A kind of check: its fields, how it judges, and where it looks unless the rubric says."""

    spec: type[CheckSpec]
    judge: Judge
    places: Callable[[Any], tuple[Place, ...]]


KINDS: dict[str, Kind] = {
    "forward": Kind(forward.ForwardSpec, guarded(forward.judge), forward.places),
    "gradient": Kind(GradientSpec, guarded(gradient.judge), gradient.places),
    "module": Kind(module.ModuleSpec, guarded(module.judge), module.places),
    "training": Kind(training.TrainingSpec, guarded(training.judge), training.places),
    "source": Kind(source.SourceSpec, guarded(source.judge), source.places),
    "manual": Kind(manual.ManualSpec, guarded(manual.judge), manual.places),
}
