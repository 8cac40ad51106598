"""`plot`: a figure's labels and data, told by made-up evidence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from grader.domain.evidence import Answer, AnswerStatus
from grader.domain.outcomes import Outcome
from grader.domain.questions import Verdict
from grader.domain.rubric import Cell
from tests.unit.checks._play import END, Player, answered, judge, spec, tensor

X, Y = [1.0, 2.0, 3.0], [0.9, 0.5, 0.1]
FIELDS: dict[str, Any] = {
    "kind_of_plot": "line",
    "labels": {"title": True, "x": "epochs?", "y": True},
    "data": {"x": "x", "y": "y"},
}


def numbers(values: Any) -> Any:
    return None if values is None else tensor(np.asarray(values, np.float64), library="numpy")


def series(x: Any = X, y: Any = Y, kind: str = "line") -> dict[str, Any]:
    return {"kind": kind, "x": numbers(x), "y": numbers(y)}


def axes(*drawn: Any, title: str = "Loss", x: str = "Epoch", y: str = "loss") -> dict[str, Any]:
    return {"title": title, "xlabel": x, "ylabel": y, "series": list(drawn)}


def figure(*parts: Any, cell: int = 1, title: str = "") -> dict[str, Any]:
    return {"cell": cell, "title": title, "axes": list(parts)}


RIGHT = figure(axes(series()))


def judged(*figures: Any, held: Any = None, theirs: Any = None, **more: Any) -> Verdict:
    held = {"x": numbers(X), "y": numbers(Y)} if held is None else held
    student = Player(instead=lambda probe: answered(figures=list(figures), values=held))
    reference = Player(instead=lambda probe: answered(figures=[], values=theirs))
    cells = (
        Cell(kind="code", source="x", name="cell 1"),
        Cell(kind="code", source="plot", name="cell 2", markers=("curve",)),
    )
    check = spec("plot", **{**FIELDS, **more})
    return judge(check, student, reference, [END], cells=cells)


def lacks(verdict: Verdict) -> set[str]:
    has: Any = verdict.detail["has"]
    return {name for name, right in has.items() if not right}


def test_a_figure_that_has_everything_passes() -> None:
    assert judged(RIGHT).outcome is Outcome.PASSED
    assert judged(RIGHT, cell="curve").outcome is Outcome.PASSED
    titled = figure(axes(series(), title=""), title="The loss")
    assert judged(titled).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("drawn", "lost", "cause"),
    [
        (axes(series(), x=""), "label at its x axis", "label-missing"),
        (axes(series(), y="  "), "label at its y axis", "label-missing"),
        (axes(series(), title=""), "title", "label-missing"),
        (axes(series(), x="time"), "label at its x axis", "other-label"),
        (axes(series(X, X)), "data", "other-points"),
        (axes(series(X[:2], Y[:2])), "data", "other-points"),
        (axes(series(None, None)), "data", "other-points"),
    ],
)
def test_what_is_lacking_costs_its_share(drawn: Any, lost: str, cause: str) -> None:
    verdict = judged(figure(drawn))
    assert (lacks(verdict), verdict.cause) == ({lost}, cause)
    assert verdict.fraction == pytest.approx(0.8)
    assert verdict.message
    assert verdict.hint


def test_the_best_figure_and_in_it_the_best_axes_count() -> None:
    poor = figure(axes(series(X, X), x=""))
    assert judged(poor, RIGHT, poor).outcome is Outcome.PASSED
    several = figure(axes(series(X, X), x=""), axes(series()), axes())
    assert judged(several, axes=2).outcome is Outcome.PASSED
    assert lacks(judged(several, axes=3)) == {"axes"}


@pytest.mark.parametrize("figures", [(), (figure(),), (figure(axes()),)])
def test_no_figure_or_an_empty_one_earns_nothing(figures: Any) -> None:
    verdict = judged(*figures)
    assert (verdict.fraction, verdict.cause) == (0, "no-figure")


def test_a_figure_of_another_cell_does_not_count() -> None:
    elsewhere = figure(axes(series()), cell=0)
    assert judged(elsewhere, cell="curve").cause == "no-figure"
    assert judged(elsewhere).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    "drawn",
    [
        [series(X[::-1], Y[::-1])],
        [series(X, X), series()],
        [series(X[:1], Y[:1]), series(X[1:], Y[1:])],
        [series(X, np.float32(Y))],
    ],
)
def test_the_points_may_come_in_any_order_and_in_parts(drawn: Any) -> None:
    assert judged(figure(axes(*drawn))).outcome is Outcome.PASSED


def test_without_x_the_numbers_count_from_left_to_right() -> None:
    for over in ([0, 1, 2], [1, 2, 3], [0, 100, 200]):
        drawn = figure(axes(series(over)))
        assert judged(drawn, data={"y": "y"}).outcome is Outcome.PASSED
    for over in ([2, 1, 0], [0, 0, 1], [np.nan, 1, 2]):
        assert "data" in lacks(judged(figure(axes(series(over))), data={"y": "y"}))


def test_bars_show_heights_and_histograms_counts() -> None:
    bars = figure(axes(series([0, 1, 2], Y, "bar")))
    assert judged(bars, kind_of_plot="bar").outcome is Outcome.PASSED
    values = np.random.default_rng(0).standard_normal(200)
    for bins, density in ((5, False), (12, True)):
        heights, edges = np.histogram(values, bins, density=density)
        drawn = figure(axes(series(edges, heights, "hist")))
        fields: Any = {"kind_of_plot": "hist", "data": {"y": "y"}}
        assert judged(drawn, held={"y": numbers(values)}, **fields).outcome is Outcome.PASSED
        other = judged(drawn, held={"y": numbers(values[:-1])}, **fields)
        assert "data" in lacks(other) or density
        assert "data" in lacks(judged(drawn, held={"y": numbers(values * 2)}, **fields))


def test_another_kind_of_plot_is_named() -> None:
    verdict = judged(figure(axes(series(kind="scatter"))))
    assert "no line plot, but: scatter" in verdict.message


def test_the_data_may_be_the_references() -> None:
    fields: Any = {"data": {"x": "x", "y": "y", "of": "reference"}}
    theirs = {"x": numbers(X), "y": numbers(Y)}
    assert judged(RIGHT, held={}, theirs=theirs, **fields).outcome is Outcome.PASSED
    for fault in ({}, {"x": numbers(X), "y": None}, {"x": numbers(X[:1]), "y": numbers(Y)}):
        assert judged(RIGHT, theirs=fault, **fields).outcome is Outcome.NOT_JUDGED


@pytest.mark.parametrize(
    "held", [{}, {"x": numbers(X), "y": None}, {"x": numbers(X[:2]), "y": numbers(Y)}]
)
def test_names_of_the_submission_that_hold_no_such_numbers(held: Any) -> None:
    assert lacks(judged(RIGHT, held=held)) == {"data"}


@pytest.mark.parametrize(
    "broken",
    [
        {"cell": -1, "title": "", "axes": []},
        {"cell": 1, "title": 3, "axes": []},
        figure({"title": ""}),
        figure(axes({"kind": "line", "x": [1], "y": None})),
        figure(axes({"kind": "line", "x": tensor(np.eye(2)), "y": None})),
        7,
    ],
)
def test_evidence_that_is_none_earns_nothing(broken: Any) -> None:
    verdict = judged(broken)
    assert (verdict.fraction, verdict.cause) == (0, "unreadable")


def test_no_answer_is_told_in_plain_words() -> None:
    student = Player(instead=lambda probe: Answer(AnswerStatus.DIED, {}))
    assert judge(spec("plot", **FIELDS), student).cause == "died"


@pytest.mark.parametrize(
    "fields",
    [
        {"kind_of_plot": "pie"},
        {"labels": {"x": "("}},
        {"labels": {"z": True}},
        {"axes": 0},
        {"kind_of_plot": "image", "data": {"y": "y"}},
        {"kind_of_plot": "hist", "data": {"x": "x", "y": "y"}},
        {"data": {"x": "x"}},
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec("plot", **{**FIELDS, **fields})
