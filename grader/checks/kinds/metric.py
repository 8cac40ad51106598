"""`metric`: an error or a score of a trained model on held-out data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from grader.checks.arrays import Array
from grader.checks.base import Context
from grader.checks.models.goals import Goal, check_thresholds
from grader.checks.models.heldout import HeldOutSpec, judged
from grader.checks.numbers.metrics import UPWARDS, Metric, metric
from grader.domain.questions import Judging


@dataclass(frozen=True, kw_only=True)
class MetricSpec(HeldOutSpec):
    """The model's `metric` on the rows of `data` reaches a threshold."""

    kind: Literal["metric"] = "metric"
    metric: Metric

    def __post_init__(self) -> None:
        super().__post_init__()
        linear = self.between == "linear"
        check_thresholds(self.thresholds, upwards=self.metric in UPWARDS, linear=linear)


def judge(spec: MetricSpec, context: Context) -> Judging:
    """Compute the metric from what the model predicts."""
    goal = Goal(
        name=f"{spec.metric.replace('_', ' ')} on held-out data",
        thresholds=spec.thresholds,
        upwards=spec.metric in UPWARDS,
        linear=spec.between == "linear",
    )

    def measure(predictions: Array, targets: Array) -> float:
        return metric(spec.metric, predictions, targets, spec.outputs)

    return (yield from judged(spec, context, goal, measure))
