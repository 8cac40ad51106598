"""The kinds of checks: pure functions of evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from grader.checks.gradients.gradspec import GradientSpec
from grader.checks.kinds import (
    accuracy,
    autograd_function,
    choice,
    expression,
    forward,
    function,
    gradcheck,
    gradient,
    learning,
    manual,
    metric,
    module,
    performance,
    plot,
    shape,
    source,
    tensor,
    test,
    text,
    training,
    value,
)
from grader.checks.looks import Judge, guarded
from grader.checks.models import heldout
from grader.domain.rubric import CheckSpec, Place


@dataclass(frozen=True)
class Kind:
    """A kind of check: its fields, how it judges, and where it looks unless the rubric says."""

    spec: type[CheckSpec]
    judge: Judge
    places: Callable[[Any], tuple[Place, ...]]
    model: Callable[[Any], str] | None = None  # the name of what it wants to see trained


_of_model = attrgetter("model")

KINDS: dict[str, Kind] = {
    "accuracy": Kind(accuracy.AccuracySpec, guarded(accuracy.judge), heldout.places, _of_model),
    "metric": Kind(metric.MetricSpec, guarded(metric.judge), heldout.places, _of_model),
    "forward": Kind(forward.ForwardSpec, guarded(forward.judge), forward.places),
    "expression": Kind(expression.ExpressionSpec, guarded(expression.judge), expression.places),
    "function": Kind(function.FunctionSpec, guarded(function.judge), function.places),
    "gradcheck": Kind(gradcheck.GradcheckSpec, guarded(gradcheck.judge), gradcheck.places),
    "autograd_function": Kind(
        autograd_function.AutogradFunctionSpec,
        guarded(autograd_function.judge),
        autograd_function.places,
    ),
    "gradient": Kind(GradientSpec, guarded(gradient.judge), gradient.places),
    "module": Kind(module.ModuleSpec, guarded(module.judge), module.places),
    "learning": Kind(learning.LearningSpec, guarded(learning.judge), learning.places),
    "performance": Kind(
        performance.PerformanceSpec, guarded(performance.judge), performance.places
    ),
    "plot": Kind(plot.PlotSpec, guarded(plot.judge), plot.places),
    "training": Kind(training.TrainingSpec, guarded(training.judge), training.places, _of_model),
    "source": Kind(source.SourceSpec, guarded(source.judge), source.places),
    "shape": Kind(shape.ShapeSpec, guarded(shape.judge), shape.places),
    "tensor": Kind(tensor.TensorSpec, guarded(tensor.judge), tensor.places),
    "value": Kind(value.ValueSpec, guarded(value.judge), value.places),
    "choice": Kind(choice.ChoiceSpec, guarded(choice.judge), choice.places),
    "test": Kind(test.TestSpec, guarded(test.judge), test.places),
    "text": Kind(text.TextSpec, guarded(text.judge), text.places),
    "manual": Kind(manual.ManualSpec, guarded(manual.judge), manual.places),
}
