"""Pictures that carry meaning: each function gives the Markup of one, drawn as SVG.

Templates have them as `pictures`. Each says in words what it shows, for who does not see it; what
comes from outside is escaped; colours and sizes are classes of static/pictures.css. What exhibits
hold is described in `grader.domain.exhibits`.
"""

from __future__ import annotations

from grader.web.pages.pictures.attempts import attempt_strip
from grader.web.pages.pictures.differences import difference
from grader.web.pages.pictures.distributions import Bin, exercise_matrix, histogram
from grader.web.pages.pictures.exhibits import exhibit, shapes
from grader.web.pages.pictures.gradients import gradients
from grader.web.pages.pictures.losses import loss_curve
from grader.web.pages.pictures.overtime import Span, arrivals, scores_over_time

__all__ = [
    "Bin",
    "Span",
    "arrivals",
    "attempt_strip",
    "difference",
    "exercise_matrix",
    "exhibit",
    "gradients",
    "histogram",
    "loss_curve",
    "scores_over_time",
    "shapes",
]
