"""`plot`: a figure was made, of the kind, with the labels and with the data that it should show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from grader.checks.answers.patterns import check_pattern, fits
from grader.checks.base import Context
from grader.checks.calling.calls import reference_evidence
from grader.checks.looks import Asking, ReferenceFault, ask, at_each_look
from grader.checks.observed.figures import Axes, Figure, Series, Wanted, figure_of, shows, together
from grader.checks.reading import array, listing, mapping, shown
from grader.checks.verdicts import (
    Failure,
    NearMiss,
    cell_number,
    code_cells,
    failed,
    graded,
    missing,
    passed,
    unanswered,
)
from grader.domain.evidence import Answer
from grader.domain.questions import Judging, Look, Probe, Verdict
from grader.domain.rubric import CheckSpec, Place

PlotKind = Literal["line", "scatter", "hist", "bar", "image"]
# What may stand for what: bars without gaps are read as a histogram.
_SHOWN_AS: Mapping[PlotKind, frozenset[str]] = {
    "line": frozenset({"line"}),
    "scatter": frozenset({"scatter"}),
    "hist": frozenset({"hist"}),
    "bar": frozenset({"bar", "hist"}),
    "image": frozenset({"image"}),
}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Names of the numbers that are to be seen: y over x, or y from left to right without x.

    Of a histogram, y are the numbers that are counted.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    y: str
    x: str | None = None
    of: Literal["submission", "reference"] = "submission"

    @property
    def names(self) -> list[str]:
        """The names."""
        return [self.y] if self.x is None else [self.x, self.y]


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What has to be written on the axes: `true` for anything, or a pattern that it contains."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    title: bool | str = False
    x: bool | str = False
    y: bool | str = False

    def __post_init__(self) -> None:
        for label in (self.title, self.x, self.y):
            if isinstance(label, str):
                check_pattern(_anywhere(label))


@dataclass(frozen=True, kw_only=True)
class PlotSpec(CheckSpec):
    """One figure, made in the cell with the marker `cell` or anywhere, has all that is asked for.

    Each of what is asked for earns the same share; the figure that earns most counts.
    """

    kind: Literal["plot"] = "plot"
    cell: str | None = None
    kind_of_plot: PlotKind | None = None
    axes: int | None = None  # at least so many, each with something in it
    labels: Labels = Labels()
    data: Shown | None = None

    def __post_init__(self) -> None:
        if self.axes is not None and self.axes < 1:
            raise ValueError("a figure has at least one axes")
        if self.data is not None and self.kind_of_plot == "image":
            raise ValueError("the data of an image are not looked at")
        if self.data is not None and self.kind_of_plot == "hist" and self.data.x is not None:
            raise ValueError("a histogram's data have no x: y are the numbers that are counted")


def places(spec: PlotSpec) -> tuple[Place, ...]:
    """Where to look by default: after the marked cell, and at the end."""
    end = Place(end=True)
    return (end,) if spec.cell is None else (Place(marker=spec.cell), end)


def judge(spec: PlotSpec, context: Context) -> Judging:
    """Look at every figure so far; the one that has most of what is asked for counts."""
    names = [] if spec.data is None else spec.data.names
    probe = Probe("figures", {"names": names}, spec.limit_s)
    theirs = spec.data is not None and spec.data.of == "reference"

    def at_look(look: Look) -> Asking[Verdict]:
        replies = yield from ask(student=(probe,), reference=(probe,) if theirs else ())
        (answer,) = replies.student
        failure = unanswered(answer, "your figures", spec.limit_s)
        if failure is not None:
            return failed(spec, failure)
        wanted: Wanted | Failure | None = None
        if spec.data is not None:
            source = replies.reference[0] if theirs else answer
            wanted = _wanted(spec.data, source, theirs)
        found = [figure_of(one) for one in listing(mapping(answer.evidence), "figures")]
        return _verdict(spec, context, found, wanted)

    return (yield from at_each_look(spec, context, at_look))


def _wanted(data: Shown, answer: Answer, theirs: bool) -> Wanted | Failure:
    evidence = reference_evidence(answer) if theirs else mapping(answer.evidence)
    values = mapping(evidence.get("values"))
    arrays = []
    for name in data.names:
        if values.get(name) is None:
            if theirs:
                raise ReferenceFault(f"{name} is missing, or is no list of numbers")
            return missing(name) if name not in values else _no_numbers(name)
        arrays.append(array(values[name]))
    if not arrays[-1].size or len({one.size for one in arrays}) != 1:
        if theirs:
            raise ReferenceFault(f"{' and '.join(data.names)} have not equally many numbers")
        return Failure(f"{' and '.join(data.names)} do not go together.", NearMiss("other-data"))
    return Wanted(arrays[0] if data.x is not None else None, arrays[-1])


def _no_numbers(name: str) -> Failure:
    return Failure(f"{name} is no list of numbers.", NearMiss("other-data"))


def _verdict(
    spec: PlotSpec, context: Context, found: Sequence[Figure], wanted: Wanted | Failure | None
) -> Verdict:
    figures = [one for one in found if any(axes.series for axes in one.axes)]
    if spec.cell is not None:
        figures = [one for one in figures if one.cell in _marked(spec.cell, context)]
    if not figures:
        where = "" if spec.cell is None else f" in the cell {spec.cell}"
        empty = " A figure with nothing in it does not count." if found else ""
        return failed(spec, Failure(f"No figure was made{where}.{empty}", NearMiss("no-figure")))
    judged = [_judged(spec, one, wanted) for one in figures]
    best = min(judged, key=lambda one: sum(failure is not None for failure in one.values()))
    wrong = [failure for failure in best.values() if failure is not None]
    detail: dict[str, object] = {
        "figures": [_detail(context, one) for one in figures[:20]],
        "has": {name: failure is None for name, failure in best.items()},
    }
    if not wrong:
        return passed("The figure shows what it should.", detail)
    message = " ".join(failure.message for failure in wrong)
    near_miss = wrong[0].near_miss
    return graded(spec, 1 - len(wrong) / len(best), Failure(message, near_miss, detail))


def _marked(marker: str, context: Context) -> frozenset[int]:
    cells = enumerate(code_cells(context))
    return frozenset(at for at, cell in cells if marker in cell.markers)


def _judged(
    spec: PlotSpec, figure: Figure, wanted: Wanted | Failure | None
) -> dict[str, Failure | None]:
    """What is asked for, and what is wrong with it, for the axes that have most of it."""
    whole: dict[str, Failure | None] = {}
    drawn = [axes for axes in figure.axes if axes.series]
    if spec.axes is not None:
        message = f"The figure has {len(drawn)} axes with something in them; {spec.axes} needed."
        few = len(drawn) < spec.axes
        whole["axes"] = Failure(message, NearMiss("axes-missing")) if few else None
    options = [_of_axes(spec, figure, axes, wanted) for axes in drawn]
    best = min(options, key=lambda one: sum(failure is not None for failure in one.values()))
    return {**best, **whole} or {"figure": None}


def _of_axes(
    spec: PlotSpec, figure: Figure, axes: Axes, wanted: Wanted | Failure | None
) -> dict[str, Failure | None]:
    found: dict[str, Failure | None] = {}
    series = axes.series
    if spec.kind_of_plot is not None:
        series = tuple(one for one in series if one.kind in _SHOWN_AS[spec.kind_of_plot])
        kinds = ", ".join(sorted({shown(one.kind, 20) for one in axes.series}))
        message = f"The figure shows no {spec.kind_of_plot} plot, but: {kinds}."
        found["kind_of_plot"] = None if series else Failure(message, NearMiss("other-plot"))
    if wanted is not None:
        found["data"] = wanted if isinstance(wanted, Failure) else _data(spec, series, wanted)
    for name, asked, texts in (
        ("title", spec.labels.title, [axes.title, figure.title]),
        ("label at its x axis", spec.labels.x, [axes.xlabel]),
        ("label at its y axis", spec.labels.y, [axes.ylabel]),
    ):
        if asked:
            found[name] = _label(name, asked, texts)
    return found


def _label(name: str, asked: bool | str, texts: Sequence[str]) -> Failure | None:
    given = [one.strip() for one in texts if one.strip()]
    if not given:
        return Failure(f"The figure has no {name}.", NearMiss("label-missing"))
    if isinstance(asked, bool) or any(_contains(one, asked) for one in given):
        return None
    message = f"The figure's {name} is “{shown(given[0], 60)}”, which is not what is asked for."
    return Failure(message, NearMiss("other-label"))


def _anywhere(pattern: str) -> str:
    return f".*({pattern}).*"


def _contains(label: str, pattern: str) -> bool:
    return fits(_anywhere(pattern), " ".join(label.split()), exact=False)


def _data(spec: PlotSpec, series: Sequence[Series], wanted: Wanted) -> Failure | None:
    """Whether one of the series, or all points together, are the data in any order."""
    known = [one for one in series if one.x is not None and one.y is not None]
    if any(shows(one, wanted) for one in known):
        return None
    points = [one for one in known if one.kind in ("line", "scatter")]
    if len(points) > 1 and shows(together(points), wanted):
        return None
    assert spec.data is not None
    over = f" over {spec.data.x}" if spec.data.x is not None else ""
    return Failure(f"The figure does not show {spec.data.y}{over}.", NearMiss("other-points"))


def _detail(context: Context, figure: Figure) -> dict[str, object]:
    return {
        "cell_number": cell_number(context, figure.cell),
        "axes": [
            {
                "title": shown(one.title, 60),
                "xlabel": shown(one.xlabel, 60),
                "ylabel": shown(one.ylabel, 60),
                "series": [shown(each.kind, 20) for each in one.series],
            }
            for one in figure.axes[:8]
        ],
    }
