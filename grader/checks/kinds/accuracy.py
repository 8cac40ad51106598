"""`accuracy`: the share of held-out rows to which a trained model gives the right class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from grader.checks.arrays import Array
from grader.checks.base import Context
from grader.checks.looks import ReferenceFault
from grader.checks.models.goals import Goal, check_thresholds
from grader.checks.models.heldout import HeldOutSpec, judged
from grader.checks.numbers.metrics import accuracy, classes_of_targets
from grader.domain.questions import Judging


@dataclass(frozen=True, kw_only=True)
class AccuracySpec(HeldOutSpec):
    """The model's classes are right for more than a share of the rows of `data`."""

    kind: Literal["accuracy"] = "accuracy"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_thresholds(self.thresholds, upwards=True, linear=self.between == "linear")
        if any(not 0 <= one.limit < 1 for one in self.thresholds):
            raise ValueError("an accuracy is a share: `above` is from 0 up to, not including, 1")


def judge(spec: AccuracySpec, context: Context) -> Judging:
    """Count the rows whose class is right."""
    goal = Goal(
        name="accuracy on held-out data",
        thresholds=spec.thresholds,
        upwards=True,
        linear=spec.between == "linear",
    )

    def measure(predictions: Array, targets: Array) -> float:
        return accuracy(predictions, targets, spec.outputs)

    def worth(targets: Array) -> None:
        most = np.unique(classes_of_targets(targets), return_counts=True)[1].max()
        if goal.fraction(float(most / len(targets))) == 1:
            raise ReferenceFault("who always says the most frequent class reaches every threshold")

    return (yield from judged(spec, context, goal, measure, worth))
