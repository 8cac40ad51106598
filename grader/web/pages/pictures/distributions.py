"""How a class did: scores as a histogram, and exercises by outcome."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from grader.domain.outcomes import Outcome
from grader.web.pages.pictures.drawing import own, percent, picture, tag, written
from grader.web.pages.words import OUTCOME_WORDS

_ORDER = (
    Outcome.PASSED,
    Outcome.PARTIAL,
    Outcome.FAILED,
    Outcome.SKIPPED,
    Outcome.PENDING,
    Outcome.NOT_JUDGED,
)
_LABELS = 6  # along the axis at most
_COUNTED = 12  # bars that have room for their numbers


@dataclass(frozen=True)
class Bin:
    """How many scores are from `low` to below `high`; `href` is where these are listed."""

    low: float
    high: float
    count: int
    href: str | None = None


def histogram(
    bins: Sequence[Bin], median: float | None, title: str = "Distribution of scores"
) -> Markup:
    """Scores by how many have them, with the median; a bar with an address is a link."""
    total = sum(one.count for one in bins)
    if not total:
        return tag("p", "No scores yet.", class_="hint")
    most = max(one.count for one in bins)
    low, high = bins[0].low, bins[-1].high
    bars = [_bar(one, at, len(bins), most) for at, one in enumerate(bins)]
    told = _told(bins, median, total)
    content = [*bars, *_axis(bins)]
    if median is not None and high > low:
        content += _median(median, min(1.0, max(0.0, (median - low) / (high - low))))
    content += _counts(bins, most)
    if any(own(one.href) for one in bins):  # an image would hide its links
        names = (tag("title", title), tag("desc", told))
        chart = tag("svg", *names, *content, role="group", aria_label=title, class_="chart bars")
    else:
        chart = picture(title, told, *content, class_="chart bars")
    return tag("figure", chart, class_="picture histogram")


def _bar(one: Bin, at: int, count: int, most: int) -> Markup:
    share = one.count / most
    words = f"{one.count:,} from {written(one.low)} to {written(one.high)}"
    place = {"x": percent(at / count), "width": percent(1 / count)}
    href = own(one.href)
    parts = [
        tag("title", words),
        tag("rect", **place, y="0", height="100%", class_="reach"),
        tag("rect", **place, y=percent(1 - share), height=percent(share), class_="bar"),
    ]
    if href is None:
        return tag("g", *parts, aria_hidden="true")  # the description has it
    return tag("a", *parts, href=href, aria_label=words)


def _counts(bins: Sequence[Bin], most: int) -> list[Markup]:
    """The number over each bar, or where there are many over the highest alone."""
    found = []
    for at, one in enumerate(bins):
        if one.count and (len(bins) <= _COUNTED or one.count == most):
            place = {"x": percent((at + 0.5) / len(bins)), "y": percent(1 - one.count / most)}
            found.append(tag("text", f"{one.count:,}", **place, dy="-0.4em", class_="count label"))
    return found


def _axis(bins: Sequence[Bin]) -> list[Markup]:
    """The bounds between bars, as many as fit."""
    bounds = [*(one.low for one in bins), bins[-1].high]
    step = -(-len(bins) // _LABELS)
    found = [tag("line", x1="0", x2="100%", y1="100%", y2="100%", class_="base")]
    for at in range(0, len(bounds), step):
        place = {"x": percent(at / len(bins)), "y": "100%", "dy": "1.5em"}
        found.append(tag("text", written(bounds[at]), **place, class_="tick middle"))
    return found


def _median(median: float, share: float) -> list[Markup]:
    x = percent(share)
    side = "label before" if share > 0.5 else "label"
    words = f"median {written(median)}"
    return [
        tag("line", x1=x, x2=x, y1="-18", y2="100%", class_="median"),
        tag("text", words, x=x, y="-22", dx=-6 if share > 0.5 else 6, class_=side),
    ]


def _told(bins: Sequence[Bin], median: float | None, total: int) -> str:
    words = f"{total:,} score{'' if total == 1 else 's'}."
    if median is not None:
        words += f" The median is {written(median)}."
    for one in bins:
        if one.count:
            words += f" {one.count:,} from {written(one.low)} to {written(one.high)}."
    return words


# -- exercises --------------------------------------------------------------------------------


def exercise_matrix(rows: Iterable[tuple[str, Mapping[str, int], Mapping[str, str]]]) -> Markup:
    """A table of exercises by how they came out: a bar of the shares, and the numbers, each a link
    to where what it counts is listed."""
    listed = [
        (title, {Outcome(key): count for key, count in counts.items() if count}, hrefs)
        for title, counts, hrefs in rows
    ]
    if not listed:
        return tag("p", "No exercises yet.", class_="hint")
    used = [outcome for outcome in _ORDER if any(outcome in counts for _, counts, _ in listed)]
    heads = [tag("th", "Exercise", scope="col"), tag("th", "Shares", scope="col")]
    heads += [tag("th", OUTCOME_WORDS[one], scope="col", class_="right") for one in used]
    body = [_exercise(title, counts, hrefs, used) for title, counts, hrefs in listed]
    table = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *body), class_="folds")
    return tag("div", table, class_="scroll picture matrix")


def _exercise(
    title: str,
    counts: Mapping[Outcome, int],
    hrefs: Mapping[str, str],
    used: Sequence[Outcome],
) -> Markup:
    numbers = [
        tag(
            "td",
            _number(title, one, counts.get(one, 0), hrefs.get(one)),
            class_="right",
            data_label=OUTCOME_WORDS[one],
        )
        for one in used
    ]
    shares = tag("td", _shares(counts), class_="does")
    return tag("tr", tag("th", title, scope="row"), shares, *numbers)


def _number(title: str, outcome: Outcome, count: int, href: str | None) -> object:
    link, words = own(href), f"{count:,}"
    if not count or link is None:
        return words
    return tag("a", words, href=link, aria_label=f"{title}, {OUTCOME_WORDS[outcome]}: {words}")


def _shares(counts: Mapping[Outcome, int]) -> Markup:
    """The numbers in the other columns say the same."""
    total = sum(counts.values())
    drawn, start = [], 0.0
    for outcome in _ORDER:
        if count := counts.get(outcome, 0):
            words = tag("title", f"{OUTCOME_WORDS[outcome]}: {count:,} of {total:,}")
            place = {"x": percent(start), "width": percent(count / total), "height": "100%"}
            drawn.append(tag("rect", words, **place, class_=f"share {outcome}"))
            start += count / total
    return tag("svg", *drawn, class_="shares", aria_hidden="true")
