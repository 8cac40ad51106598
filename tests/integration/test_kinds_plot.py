"""`plot` through real sandboxes: figures in every spelling, lacking ones, and hostile ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grader.domain.outcomes import Outcome
from tests.grading import Assignment, assignment
from workers.zygote import Zygote

pytest.importorskip("matplotlib")

IMPORTS = "import torch\nimport numpy as np\nimport matplotlib.pyplot as plt"
DATA = "losses = [1.0, 0.5, 0.25, 0.125]\nepochs = [1, 2, 3, 4]"
MARK = "# chainrule: curve\n"
CHECK: dict[str, Any] = {
    "kind": "plot",
    "cell": "curve",
    "kind_of_plot": "line",
    "labels": {"x": "epoch", "y": True, "title": True},
    "data": {"x": "epochs", "y": "losses"},
}
LABELS = "plt.xlabel('Epoch'); plt.ylabel('loss'); plt.title('Training')"


@pytest.fixture(scope="module")
def made(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    return assignment(zygote, tmp_path_factory.mktemp("plot"), CHECK, "")


RIGHT = {
    "left to the cell's end": f"plt.plot(epochs, losses); {LABELS}",
    "shown": f"plt.plot(epochs, losses); {LABELS}; plt.show()",
    "saved and closed": f"plt.plot(epochs, losses); {LABELS}; plt.savefig('x.png'); plt.close()",
    "closed by number": f"plt.figure(7); plt.plot(epochs, losses); {LABELS}; plt.close(7)",
    "closed as an object": f"f = plt.figure(); plt.plot(epochs, losses); {LABELS}; plt.close(f)",
    "axes as objects": (
        "fig, ax = plt.subplots()\nax.plot(epochs, losses)\n"
        "ax.set(xlabel='Epochs', ylabel='loss', title='Training')"
    ),
    "one of several axes, under one title": (
        "fig, (a, b) = plt.subplots(1, 2)\na.hist(losses)\nb.plot(epochs, losses)\n"
        "b.set(xlabel='Epochs', ylabel='loss')\nfig.suptitle('Training')"
    ),
    "one of several figures": f"plt.plot([1, 2]); plt.show()\nplt.plot(epochs, losses); {LABELS}",
    "one of several lines": f"plt.plot(epochs, epochs); plt.plot(epochs, losses); {LABELS}",
    "tensors": f"plt.plot(torch.tensor(epochs), torch.tensor(losses)); {LABELS}",
    "with a legend and a grid": (
        f"plt.plot(epochs, losses, 'r-o', label='loss'); {LABELS}; plt.legend(); plt.grid()"
    ),
    "by pandas": ("import pandas as pd\npd.Series(losses, index=epochs).plot()\n" + LABELS),
    "figures that stay open": f"plt.switch_backend('agg'); plt.plot(epochs, losses); {LABELS}",
}


@pytest.mark.parametrize("cell", RIGHT.values(), ids=RIGHT)
def test_a_right_figure_is_seen_however_it_is_made(made: Assignment, cell: str) -> None:
    result = made.grade(IMPORTS, DATA, MARK + cell, "losses = None")
    assert result.outcome is Outcome.PASSED, result.message


WRONG = {
    "none": ("pass", 0.0, "no-figure"),
    "an empty one": ("plt.figure()", 0.0, "no-figure"),
    "no labels": ("plt.plot(epochs, losses)", 0.4, "label-missing"),
    "another label": (
        f"plt.plot(epochs, losses); {LABELS}; plt.xlabel('time')",
        0.8,
        "other-label",
    ),
    "other data": (f"plt.plot(epochs, epochs); {LABELS}", 0.8, "other-points"),
    "another plot": (f"plt.scatter(epochs, losses); {LABELS}", 0.6, "other-plot"),
    "an error on the way": (f"plt.plot(epochs, losses); oops; {LABELS}", 0.4, "label-missing"),
}


@pytest.mark.parametrize(("cell", "score", "cause"), WRONG.values(), ids=WRONG)
def test_what_a_figure_lacks_costs_its_share(
    made: Assignment, cell: str, score: float, cause: str
) -> None:
    result = made.grade(IMPORTS, DATA, MARK + cell)
    assert (round(result.score, 6), result.detail["cause"]) == (score, cause), result.message


def test_a_figure_of_another_cell_does_not_count(made: Assignment) -> None:
    cells = (MARK + "pass", f"plt.plot(epochs, losses); {LABELS}")
    assert made.grade(IMPORTS, DATA, *cells).score == 0


OTHER: dict[str, tuple[dict[str, Any], str]] = {
    "points": ({"kind_of_plot": "scatter"}, "plt.scatter(epochs, losses)"),
    "points drawn by plot": ({"kind_of_plot": "scatter"}, "plt.plot(epochs, losses, 'o')"),
    "points class by class": (
        {"kind_of_plot": "scatter"},
        "plt.scatter(epochs[::2], losses[::2]); plt.scatter(epochs[1::2], losses[1::2])",
    ),
    "bars": ({"kind_of_plot": "bar"}, "plt.bar(epochs, losses)"),
    "lying bars": ({"kind_of_plot": "bar"}, "plt.barh(epochs, losses)"),
    "a line over nothing": ({"data": {"y": "losses"}}, "plt.plot(losses)"),
    "a histogram": ({"kind_of_plot": "hist", "data": {"y": "losses"}}, "plt.hist(losses)"),
    "a density": (
        {"kind_of_plot": "hist", "data": {"y": "losses"}},
        "plt.hist(losses, bins=3, density=True)",
    ),
    "an image": ({"kind_of_plot": "image", "data": None}, "plt.imshow(np.eye(3))"),
    "two axes": ({"axes": 2}, "_, a = plt.subplots(2); [one.plot(epochs, losses) for one in a]"),
}


@pytest.mark.parametrize(("fields", "cell"), OTHER.values(), ids=OTHER)
def test_other_kinds_of_plots(
    zygote: Zygote, tmp_path: Path, fields: dict[str, Any], cell: str
) -> None:
    check = {"kind": "plot", "data": {"x": "epochs", "y": "losses"}, **fields}
    made = assignment(zygote, tmp_path, check, "")
    right = made.grade(IMPORTS, DATA, cell)
    assert right.outcome is Outcome.PASSED, right.message
    assert made.grade(IMPORTS, DATA, "plt.plot([3, 2, 1], [1, 2, 3])").score < 1


def test_the_data_may_be_the_references(zygote: Zygote, tmp_path: Path) -> None:
    check = {"kind": "plot", "data": {"x": "xs", "y": "ys", "of": "reference"}}
    reference = "import torch\nxs = torch.linspace(-3, 3, 50)\nys = torch.relu(xs)"
    made = assignment(zygote, tmp_path, check, reference)
    x = "x = torch.linspace(-3, 3, 50)\n"
    assert made.grade(IMPORTS, x + "plt.plot(x, x.clamp(min=0))").score == 1
    assert made.grade(IMPORTS, x + "plt.plot(x, x.tanh())").score == 0


HOSTILE = {
    "labels that are no text": "plt.plot(epochs, losses); plt.gca().get_xlabel = lambda: 1 / 0",
    "artists that raise": (
        "plt.plot(epochs, losses)\n"
        "class Line(plt.Line2D):\n    def get_xdata(self, orig=True): raise SystemExit\n"
        "plt.gca().add_line(Line([1], [2]))"
    ),
    "a manager of its own": (
        "from matplotlib._pylab_helpers import Gcf\nGcf.figs[3] = 7\nplt.plot(epochs, losses)"
    ),
    "many figures": "for _ in range(40): plt.figure(); plt.plot(epochs, losses); plt.close()",
    "much data": "plt.plot(range(10 ** 6)); plt.show()\nplt.plot(epochs, losses)",
    "patched numpy": "np.asarray = np.ravel = None\nplt.plot(epochs, losses)",
}


@pytest.mark.parametrize("cell", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_figure_harms_nobody_but_itself(
    zygote: Zygote, tmp_path: Path, cell: str
) -> None:
    check = {"kind": "plot", "data": {"x": "epochs", "y": "losses"}}
    result = assignment(zygote, tmp_path, check, "").grade(IMPORTS, DATA, cell)
    assert result.outcome in (Outcome.PASSED, Outcome.FAILED), result.message
