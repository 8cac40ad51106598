"""Pictures: what they draw, what they say in words, and that nothing from outside gets through."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from grader.web.pages import pictures
from grader.web.pages.pictures import Bin, Span
from grader.web.pages.pictures.drawing import spoken, written

Element = ElementTree.Element
EVIL = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
DUE = datetime(2026, 11, 14, 22, 59, tzinfo=UTC)


def parsed(markup: Markup) -> Element:
    """The picture as a tree; a picture that is not well-formed fails here."""
    assert isinstance(markup, Markup)
    return ElementTree.fromstring(str(markup))


def having(root: Element, *classes: str) -> list[Element]:
    """The elements that have all these classes."""
    return [one for one in root.iter() if set(classes) <= set(one.get("class", "").split())]


def words(root: Element) -> str:
    return " ".join(text.strip() for text in root.itertext() if text.strip())


def run(losses: list[Any], *, counts: bool = True, **more: Any) -> dict[str, Any]:
    seen = {"every": 1, "steps": len(losses), "final": None}
    return {"label": "As you ran it", "losses": losses, "counts": counts, **seen, **more}


def loss(
    *runs: dict[str, Any], thresholds: tuple[tuple[float, float], ...] = ((0.01, 2.0),)
) -> Any:
    limits = [{"loss": limit, "points": points} for limit, points in thresholds]
    return {"kind": "loss", "runs": list(runs), "thresholds": limits}


def error_map(blocks: list[list[Any]], **more: Any) -> Any:
    return {
        "kind": "difference",
        "name": "W1",
        "shape": [len(blocks), len(blocks[0])],
        "rows": len(blocks),
        "columns": len(blocks[0]),
        "blocks": blocks,
        "largest": {
            "index": [0, 1],
            "row": 0,
            "column": 1,
            "expected": "0.25",
            "received": "0.5",
        },
        **more,
    }


def gradient(**more: Any) -> dict[str, Any]:
    return {
        "name": "W1",
        "error": 0.5,
        "tolerance": 1e-4,
        "outcome": "wrong",
        "cause": None,
        **more,
    }


def panel(*parts: dict[str, Any]) -> Any:
    return {"kind": "gradients", "parts": list(parts)}


# -- losses -----------------------------------------------------------------------------------


def test_each_run_is_a_line_and_the_one_that_counts_is_bold() -> None:
    drawn = parsed(
        pictures.loss_curve(
            loss(run([1, 0.1], counts=False), run([1, 0.001]), run([2, 1], counts=False))
        )
    )
    assert len(having(drawn, "run")) == 3
    assert len(having(drawn, "run", "counting")) == 1
    assert "2 other runs" in words(drawn)


def test_the_counting_line_is_drawn_over_the_others() -> None:
    drawn = parsed(pictures.loss_curve(loss(run([1, 0.1]), run([1, 0.2], counts=False))))
    assert [one.get("class") for one in having(drawn, "run")] == ["run", "run counting"]


def test_a_threshold_stands_where_its_loss_is_on_the_log_axis() -> None:
    drawn = parsed(pictures.loss_curve(loss(run([1.0, 0.0001]), thresholds=((0.01, 2.0),))))
    (line,) = having(drawn, "threshold")
    assert line.get("y1") == line.get("y2") == "50%"
    assert "0.01: 2 points" in words(drawn)


def test_labels_of_thresholds_close_to_each_other_stay_apart() -> None:
    near = tuple((0.01 + at / 1e4, 1.0) for at in range(3))
    drawn = parsed(pictures.loss_curve(loss(run([1.0, 0.001]), thresholds=near)))
    labels = [one for one in having(drawn, "label") if "point" in words(one)]
    heights = sorted(float(one.get("y", "")) for one in labels)
    assert len(heights) == 3
    assert all(later - one >= 15 for one, later in pairwise(heights))


def test_the_end_is_labelled_with_the_loss_that_the_grader_computed() -> None:
    drawn = parsed(pictures.loss_curve(loss(run([1.0, 0.5], final=0.0042))))
    assert words(having(drawn, "value")[0]) == "0.0042"
    assert "the loss of the trained model is 0.0042" in words(drawn)


def test_ten_thousand_losses_are_thinned_and_keep_their_extremes() -> None:
    losses = [1.0] * 10_000
    losses[7_003], losses[4_001] = 1e6, 1e-6
    drawn = parsed(pictures.loss_curve(loss(run(losses), thresholds=())))
    (line,) = having(drawn, "run")
    points = re.findall(r"[ML]([\d.]+) ([\d.]+)", line.get("d", ""))
    heights = [float(y) for _, y in points]
    assert 200 < len(points) <= 400
    assert min(heights) < 30
    assert max(heights) > 970
    assert "10,000 backward passes" in words(drawn)


def test_a_line_breaks_where_the_loss_was_no_number_and_that_is_said() -> None:
    drawn = parsed(pictures.loss_curve(loss(run([1.0, None, 0.5, math.nan, math.inf]))))
    (line,) = having(drawn, "run")
    assert line.get("d", "").count("M") == 2
    assert "no finite number in the end" in words(drawn)


@pytest.mark.parametrize("losses", [[], [None], [-1.0, -2.0], [math.nan]])
def test_where_no_loss_can_be_drawn_a_sentence_stands(losses: list[Any]) -> None:
    drawn = parsed(pictures.loss_curve(loss(run(losses))))
    assert drawn.tag == "p"
    assert "No loss" in words(drawn)


def test_a_training_without_backward_passes_still_shows_its_end() -> None:
    drawn = parsed(pictures.loss_curve(loss(run([], final=0.02))))
    assert "no loss was seen on the way" in words(drawn)
    assert words(having(drawn, "value")[0]) == "0.02"


@pytest.mark.parametrize("losses", [[0.5], [0.0, 0.0], [1e300, 1e-300], [5e-324], [10**400]])
def test_extreme_losses_are_drawn_within_the_plot(losses: list[Any]) -> None:
    drawn = parsed(pictures.loss_curve(loss(run(losses, final=0.1))))
    for line in having(drawn, "run"):
        numbers = [float(one) for one in re.findall(r"[\d.]+", line.get("d", ""))]
        assert all(0 <= one <= 1000 for one in numbers)


def test_a_thinned_recording_tells_how_many_steps_there_were() -> None:
    drawn = parsed(pictures.loss_curve(loss(run([1.0, 0.5, 0.1], every=1000, steps=3000))))
    assert "from 1 to 0.1 in 3,000 steps" in words(drawn)


# -- error maps -------------------------------------------------------------------------------


def test_the_error_is_one_path_for_each_level_of_colour() -> None:
    blocks = [[(x - 32) / 32 for x in range(64)] for _ in range(64)]
    markup = pictures.difference(error_map(blocks))
    levels = [one.get("class", "") for one in having_paths(parsed(markup))]
    assert len(levels) == len(set(levels)) == 10
    assert len(markup) < 40_000


def having_paths(root: Element) -> list[Element]:
    return [one for one in root.iter() if one.tag == "path"]


def test_the_sign_of_an_error_has_a_colour_and_zero_is_neutral() -> None:
    drawn = parsed(pictures.difference(error_map([[1.0, 0.0, -1.0]])))
    assert sorted(one.get("class", "") for one in having_paths(drawn)) == ["over-5", "under-5"]


def test_what_is_not_finite_has_a_colour_of_its_own_and_a_word() -> None:
    drawn = parsed(pictures.difference(error_map([[None, 1.0], [math.nan, 0.0]])))
    assert {one.get("class") for one in having_paths(drawn)} == {"lost", "over-5"}
    assert "not finite" in words(drawn)


def test_the_largest_error_is_marked_and_told_with_both_values() -> None:
    drawn = parsed(pictures.difference(error_map([[0.0, 0.25], [0.0, 0.1]])))
    (mark,) = having(drawn, "mark")
    assert mark.get("x") == mark.get("width")  # the second column
    told = next(one for one in drawn.iter("desc"))
    assert "index (0, 1): expected 0.25, received 0.5" in words(told)


def test_blocks_are_told_of() -> None:
    drawn = parsed(pictures.difference(error_map([[0.0, 1.0]], rows=10, columns=4000)))
    assert "a block of the 10 by 4,000 values" in words(drawn)


@pytest.mark.parametrize("value", [0.0, 1e300, -1e300, 5e-324])
def test_extreme_errors_are_drawn(value: float) -> None:
    drawn = parsed(pictures.difference(error_map([[value, value]])))
    assert len(having_paths(drawn)) == (1 if value else 0)


def test_an_error_map_without_values_is_a_sentence() -> None:
    drawn = parsed(pictures.difference({**error_map([[0.0]]), "blocks": []}))
    assert words(drawn) == "W1 has no values."


# -- gradients --------------------------------------------------------------------------------


def test_a_gradient_s_bar_ends_beyond_the_tolerance_only_where_it_is_wrong() -> None:
    drawn = parsed(
        pictures.gradients(panel(gradient(), gradient(name="B1", error=1e-6, outcome="right")))
    )
    limits = {one.get("x1") for one in having(drawn, "threshold")}
    assert len(limits) == 1
    limit = float(str(limits.pop()).rstrip("%"))
    wrong, right = (float(one.get("width", "").rstrip("%")) for one in having(drawn, "bar"))
    assert right < limit < wrong
    assert [one.get("class") for one in having(drawn, "found")] == ["found wrong", "found right"]


def test_a_gradient_s_error_tolerance_and_cause_are_there_in_words() -> None:
    drawn = parsed(pictures.gradients(panel(gradient(cause="off by a factor of 2"))))
    assert "W1 off by a factor of 2 wrong : 0.5 , tolerance 0.0001".replace(" ", "") in words(
        drawn
    ).replace(" ", "")
    assert [one.get("scope") for one in drawn.iter("th")] == ["col", "col", "row"]


@pytest.mark.parametrize("error", [None, 0.0, math.nan, math.inf, 1e300, 10**400])
def test_extreme_errors_of_gradients_have_a_row(error: Any) -> None:
    drawn = parsed(pictures.gradients(panel(gradient(error=error))))
    assert len(list(drawn.iter("tr"))) == 2
    for bar in having(drawn, "bar"):
        assert 0 < float(bar.get("width", "").rstrip("%")) <= 100


def test_a_tolerance_of_zero_and_no_parts_are_drawn() -> None:
    assert parsed(pictures.gradients(panel(gradient(tolerance=0.0)))).tag == "figure"
    assert parsed(pictures.gradients(panel())).tag == "p"


def test_a_gradient_right_for_the_own_forward_pass_says_so() -> None:
    drawn = parsed(pictures.gradients(panel(gradient(outcome="followed"))))
    assert "right for your own forward pass" in words(drawn)


# -- scores -----------------------------------------------------------------------------------


def test_bars_are_links_to_what_they_count() -> None:
    bins = [Bin(0, 5, 2, "/list?below=5"), Bin(5, 10, 8, "/list?from=5")]
    drawn = parsed(pictures.histogram(bins, 7.5))
    assert [one.get("href") for one in drawn.iter("a")] == ["/list?below=5", "/list?from=5"]
    assert [one.get("aria-label") for one in drawn.iter("a")] == ["2 from 0 to 5", "8 from 5 to 10"]
    assert next(drawn.iter("svg")).get("role") == "group"  # an image would hide the links
    heights = [one.get("height") for one in having(drawn, "bar")]
    assert heights == ["25%", "100%"]


def test_the_median_stands_among_the_scores() -> None:
    drawn = parsed(pictures.histogram([Bin(0, 5, 2), Bin(5, 10, 8)], 7.5))
    (line,) = having(drawn, "median")
    assert line.get("x1") == "75%"
    assert "The median is 7.5." in words(drawn)
    assert next(drawn.iter("svg")).get("role") == "img"


def test_no_scores_are_a_sentence() -> None:
    assert words(parsed(pictures.histogram([], None))) == "No scores yet."
    assert words(parsed(pictures.histogram([Bin(0, 1, 0)], None))) == "No scores yet."


def test_a_single_score_in_a_bin_without_width_is_drawn() -> None:
    assert "1 score. The median is 0." in words(parsed(pictures.histogram([Bin(0, 0, 1)], 0.0)))


def test_exercises_are_a_table_with_the_counts_of_what_occurs() -> None:
    hrefs = {"failed": "/failed", "partial": "/partial"}
    rows = [("One", {"passed": 3, "failed": 1}, hrefs), ("Two", {"pending": 4, "failed": 0}, hrefs)]
    drawn = parsed(pictures.exercise_matrix(rows))
    heads = [words(one) for one in drawn.iter("th") if one.get("scope") == "col"]
    assert heads == ["Exercise", "Shares", "Passed", "Failed", "Waits"]
    cells = [[words(one) for one in row.iter("td")][1:] for row in list(drawn.iter("tr"))[1:]]
    assert cells == [["3", "1", "0"], ["0", "0", "4"]]
    widths = [one.get("width") for one in having(drawn, "share")]
    assert widths == ["75%", "25%", "100%"]
    links = [(one.get("href"), words(one), one.get("aria-label")) for one in drawn.iter("a")]
    assert links == [("/failed", "1", "One, Failed: 1")]


def test_an_exercise_that_nobody_handed_in_has_an_empty_bar() -> None:
    drawn = parsed(pictures.exercise_matrix([("One", {}, {})]))
    assert having(drawn, "share") == []
    assert words(parsed(pictures.exercise_matrix([]))) == "No exercises yet."


# -- attempts ---------------------------------------------------------------------------------


def test_attempts_stand_along_time_with_the_due_date() -> None:
    attempts = [
        (DUE - timedelta(hours=30), "Attempt 1", "/submissions/1", False),
        (DUE - timedelta(hours=15), "Attempt 2", "/submissions/2", True),
    ]
    drawn = parsed(pictures.attempt_strip(attempts, DUE, "Europe/Berlin"))
    assert [one.get("cx") for one in having(drawn, "dot")] == ["0%", "50%"]
    assert [one.get("x1") for one in having(drawn, "due")] == ["100%"]
    assert "due Sat 14 Nov, 23:59" in words(drawn)
    assert [one.get("aria-label") for one in drawn.iter("a")] == [
        "Attempt 1, Fri 13 Nov, 17:59",
        "Attempt 2, Sat 14 Nov, 08:59, counts",
    ]
    assert len(having(drawn, "ring")) == 1
    assert [words(one) for one in having(drawn, "spot")] == ["counts", "does not count"]


def test_attempts_in_a_hurry_lie_above_each_other() -> None:
    attempts = [(DUE + timedelta(minutes=at), f"{at}", None, False) for at in range(8)]
    attempts.append((DUE + timedelta(days=9), "late", None, False))
    drawn = parsed(pictures.attempt_strip(attempts, DUE, "UTC"))
    heights = {one.get("cy") for one in having(drawn, "dot")}
    assert len(heights) == 4


def test_one_attempt_and_none_are_drawn() -> None:
    drawn = parsed(pictures.attempt_strip([(DUE, "Attempt 1", None, True)], None, "UTC"))
    assert [one.get("cx") for one in having(drawn, "dot")] == ["50%"]
    assert [words(one) for one in having(drawn, "spot")] == ["counts"]
    assert words(parsed(pictures.attempt_strip([], DUE, "UTC"))) == "No attempts yet."


# -- of all -----------------------------------------------------------------------------------


def everything(text: str = "a name", link: str | None = "/x") -> Iterator[Markup]:
    """Every picture, with `text` wherever text comes from outside."""
    yield pictures.loss_curve(loss({**run([1.0, 0.1]), "label": text}))
    found = {**error_map([[0.1, 0.2]]), "name": text}
    found["largest"] = {**found["largest"], "expected": text, "received": text}
    yield pictures.difference(found)
    yield pictures.gradients(panel(gradient(name=text, cause=text)))
    yield pictures.exhibit({"kind": "shapes", "name": text, "expected": [text], "received": [text]})
    yield pictures.histogram([Bin(0, 1, 1, link)], 0.5)
    yield pictures.exercise_matrix([(text, {"passed": 1}, {"passed": link})])
    yield pictures.attempt_strip([(DUE, text, link, True)], DUE, "UTC")


def test_text_from_outside_is_text() -> None:
    for markup in everything(EVIL):
        tags = {one.tag for one in parsed(markup).iter()}
        assert not tags & {"script", "img"}
        assert "<script" not in markup
        assert "<img" not in markup


@pytest.mark.parametrize("link", ["javascript:alert(1)", "//elsewhere.example", "/\\elsewhere"])
def test_links_lead_to_our_own_pages_alone(link: str) -> None:
    for markup in everything(link=link):
        assert [one for one in parsed(markup).iter() if one.get("href")] == []


def test_a_policy_without_inline_styles_and_scripts_holds_for_all() -> None:
    for markup in everything():
        for one in parsed(markup).iter():
            assert one.tag not in {"style", "script"}
            assert not [key for key in one.attrib if key == "style" or key.startswith("on")]


def test_every_drawing_has_a_name_or_is_said_beside_it() -> None:
    for markup in everything():
        for drawing in parsed(markup).iter("svg"):
            named = drawing.find("title") is not None and drawing.get("role") in {"img", "group"}
            assert named or drawing.get("aria-hidden") or drawing.get("viewBox") == "0 0 1000 1000"


def test_long_names_are_cut() -> None:
    for markup in islice(everything("x" * 5000), 4):  # those with names of the student's
        assert len(markup) < 12_000


def test_an_exhibit_of_a_kind_that_is_not_known_is_nothing() -> None:
    assert pictures.exhibit({"kind": "hologram"}) == Markup()


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (2.5, "2.5"),
        (0.00871, "0.00871"),
        (3200, "3,200"),
        (-0.5, "-0.5"),
        (4.1e-7, "4.1×10⁻⁷"),
        (1e300, "10³⁰⁰"),
        (0.00099999, "0.001"),
        (999_999, "10⁶"),
        ("nan", "nan"),
    ],
)
def test_numbers_are_written_with_three_digits(number: object, text: str) -> None:
    assert written(number) == text


def test_numbers_are_read_out_in_words() -> None:
    assert spoken(-4.1e-7) == "minus 4.1 times 10 to the power of minus 7"
    assert spoken(-0.5) == "minus 0.5"


def test_scores_over_time_draw_the_median_within_the_middle_half_and_say_both() -> None:
    spans = [
        Span(date(2026, 11, 2), 4, (4.0, 10.0, 15.0)),
        Span(date(2026, 11, 3), 0),
        Span(date(2026, 11, 4), 1, (20.0, 20.0, 20.0)),
    ]
    root = parsed(pictures.scores_over_time(spans, 20.0))
    halves, medians = having(root, "half"), having(root, "median")
    assert [(float(one.get("y", "")), float(one.get("height", ""))) for one in halves] == [
        (250.0, 550.0),
        (0.0, 0.0),
    ]
    assert all(0 <= float(one.get("y", "")) <= 1000 for one in medians)
    assert len(medians) == 2
    assert "Mon 02 Nov 2026: median 10, the middle half from 4 to 15." in words(root)
    assert pictures.scores_over_time(spans[1:2], 20.0) == ""

    columns = having(parsed(pictures.arrivals(spans)), "column")
    assert [float(one.get("height", "")) for one in columns] == [1000.0, 0.0, 250.0]
    assert pictures.arrivals([]) == ""


def test_what_is_wrong_with_all_gradients_alike_is_said_once() -> None:
    parts = [
        {"name": name, "error": 0.5, "tolerance": 1e-4, "outcome": "wrong", "cause": "Half of it."}
        for name in ("W1", "W2")
    ]
    assert pictures.gradients({"parts": parts}).count("Half of it.") == 1
    parts[1]["cause"] = "Its sign."
    said = pictures.gradients({"parts": parts})
    assert (said.count("Half of it."), said.count("Its sign.")) == (1, 1)
