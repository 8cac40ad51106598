"""A new bundle that works from the first minute: to be changed piece by piece.

Its assignment is a linear model: a prediction, the gradients of its loss by hand, and a question
that a person grades.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from grader.errors import BadInput
from grader.safetext import one_line

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def scaffold(root: Path, slug: str) -> list[Path]:
    """Write the bundle `slug` below `root`; raise BadInput where there is one already.

    Returns the files that were written.
    """
    if not _SLUG.fullmatch(slug):
        raise BadInput(
            f"{one_line(slug, 80)!r} is no name for a bundle: small letters, digits and hyphens"
        )
    folders = [root / "rubrics" / slug, root / "reference" / slug]
    for folder in folders:
        if folder.exists():
            raise BadInput(f"there is a folder {one_line(str(folder))} already")
    written = []
    for name, text in _files(slug).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        written.append(path)
    return written


def _files(slug: str) -> Mapping[str, str]:
    return {
        f"rubrics/{slug}/rubric.yaml": _RUBRIC,
        f"rubrics/{slug}/starter.ipynb": _notebook(_STARTER),
        f"reference/{slug}/solution.py": _SOLUTION,
        f"reference/{slug}/answer.py": _ANSWER,
    }


def _notebook(cells: tuple[tuple[str, str], ...]) -> str:
    made: list[dict[str, object]] = [
        {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": source}
        | ({"execution_count": None, "outputs": []} if kind == "code" else {})
        for number, (kind, source) in enumerate(cells)
    ]
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    whole = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


_RUBRIC = """\
title: A linear model

exercises:
  - id: ex1-predict
    title: The prediction
    checks:
      - id: values
        title: predict computes x @ w + b
        kind: forward
        points: 2
        function: predict
        args: [x]
        inputs: &model
          x: {normal: [N, 3]}
          w: {normal: [3, 2]}
          b: {normal: [2]}
        cases: [{N: 20}, {N: 1}]

  - id: ex2-gradients
    title: The gradients by hand
    checks:
      - id: by-hand
        title: gradients works without autograd
        kind: source
        function: gradients
        forbid: [autograd]
      - id: values
        title: the gradients of w and b
        kind: gradient
        points: 4
        depends_on: [by-hand]
        function: gradients
        args: [x, y]
        inputs:
          <<: *model
          y: {normal: [N, 2]}
        cases: [{N: 20}, {N: 5}]
        oracle: loss
        wrt: [w, b]

  - id: ex3-outliers
    title: Outliers
    checks:
      - id: answer
        title: an explanation in words
        kind: manual
        points: 1
        answer: {marker: ex3-outliers}
"""

_SOLUTION = '''\
"""The reference: what the rubric names. It runs in a sandbox and is given to nobody."""

import torch

w, b = torch.zeros(3, 2), torch.zeros(2)


def predict(x):
    """(n, 3) -> (n, 2)"""
    return x @ w + b


def loss(x, y):
    """Autograd through it is the oracle for `gradients`."""
    return (predict(x) - y).square().mean()
'''

_ANSWER = '''\
"""A complete right submission: `chainrule rubric test` makes mistakes in it."""

import torch

w, b = torch.zeros(3, 2), torch.zeros(2)


# chainrule: ex1-predict
def predict(x):
    return x @ w + b


# chainrule: ex2-gradients
def gradients(x, y):
    error = predict(x) - y
    error_grad = 2 * error / error.numel()
    return x.T @ error_grad, error_grad.sum(dim=0)


# chainrule: ex3-outliers
"""The errors are squared, so a single point that is far off outweighs many that are near."""
'''

_STARTER = (
    ("markdown", "# A linear model\n\nHand in this notebook. It is run from top to bottom."),
    ("code", "import torch\n\nw, b = torch.zeros(3, 2), torch.zeros(2)"),
    (
        "markdown",
        "### Exercise 1\n\nWrite `predict`: for points `x` of shape `(n, 3)` it returns "
        "$x w + b$, of shape `(n, 2)`.",
    ),
    ("code", "# chainrule: ex1-predict\ndef predict(x):\n    ...  # your code"),
    (
        "markdown",
        "### Exercise 2\n\nWrite `gradients`: it returns the gradients of the mean squared error "
        "of `predict(x)` and `y` with respect to `w` and `b`, without autograd.",
    ),
    ("code", "# chainrule: ex2-gradients\ndef gradients(x, y):\n    ...  # your code"),
    ("markdown", "### Exercise 3\n\nWhy does one outlier change the fit so much?"),
    ("markdown", "<!-- chainrule: ex3-outliers -->\n*Your answer:*"),
)
