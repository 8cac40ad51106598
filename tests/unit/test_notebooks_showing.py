"""Executed notebooks as HTML: what is shown of them, what is not, and that all of it is bounded."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.domain.outcomes import Outcome
from grader.domain.results import CellOutput, ExerciseResult
from grader.notebooks.read import parse
from grader.notebooks.showing import document as showing
from grader.notebooks.showing.document import shown
from grader.notebooks.showing.outputs import MAX_TEXT
from grader.notebooks.showing.pictures import picture
from grader.notebooks.showing.rich import safe_html, safe_markdown
from grader.notebooks.showing.texts import cut, plain, terminal
from grader.notebooks.write import executed_notebook
from grader.resultdoc import document
from tests.unit._builders import check, code, exercise, notebook, result, words


def png(width: int, height: int) -> str:
    """A picture that says to be so large."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + head
    data = (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )
    return base64.b64encode(data).decode()


def html_of(*cells: Any, outputs: Any = (), exercises: Any = (), **more: Any) -> str:
    judged = result(*exercises, outputs=[CellOutput(index=0, outputs=tuple(outputs))], **more)
    written = executed_notebook(parse("a.ipynb", notebook(*cells)), judged)
    return shown(json.loads(written), document(judged))[1]


def output_of(**data: str) -> str:
    kinds = {name.replace("_", "/"): content for name, content in data.items()}
    return html_of(code("x"), outputs=[{"output_type": "display_data", "data": kinds}])


def test_a_table_of_pandas_stays_a_table_without_its_style() -> None:
    table = (
        '<style scoped>td {color: red}</style><table border="1" class="dataframe"><tr><td>1</table>'
    )
    found = output_of(text_html=table, text_plain="1")

    assert "<table><tbody><tr><td>1</td></tr></tbody></table>" in found
    assert "dataframe" not in found
    assert "color: red" not in found


def test_html_that_shows_nothing_gives_way_to_what_does() -> None:
    found = output_of(text_html="<script>draw()</script><div id=plot></div>", text_plain="<Figure>")

    assert "&lt;Figure&gt;" in found
    assert "draw()" not in found


def test_an_output_of_an_unknown_kind_is_told() -> None:
    notebook_ = {
        "cells": [
            {
                "cell_type": "code",
                "source": "x",
                "outputs": [{"output_type": "display_data", "data": {"application/x<b>": {}}}],
            }
        ]
    }
    found = shown(notebook_, document(result()))[1]

    assert "An output that is not shown here: application/x&lt;b&gt;." in found


def test_pictures_are_what_they_say_and_of_a_size_that_can_be_shown() -> None:
    assert 'width="2" height="3"' in (picture("image/png", png(2, 3), "") or "")
    assert picture("image/png", png(60_000, 2), "") is None
    assert picture("image/png", base64.b64encode(b"<script>").decode(), "") is None
    assert picture("image/jpeg", png(2, 2), "") is None
    assert picture("image/png", '"><script>', "") is None
    assert picture("text/html", png(2, 2), "") is None


def test_a_drawing_is_the_source_of_an_image_and_never_markup() -> None:
    drawing = '<svg xmlns="http://www.w3.org/2000/svg"><script>x()</script></svg>'
    found = output_of(**{"image_svg+xml": drawing})

    assert f"data:image/svg+xml;base64,{base64.b64encode(drawing.encode()).decode()}" in found
    assert "<svg" not in found
    assert picture("image/svg+xml", '<!DOCTYPE x [<!ENTITY a "b">]><svg/>', "") is None


def test_an_attached_picture_stands_in_the_text() -> None:
    cell = words("![one](attachment:a.png) ![other](attachment:b.png)")
    cell["attachments"] = {"a.png": {"image/png": png(2, 2), "text/html": "<script>"}, "b.png": 3}
    found = html_of(cell, code("x"))

    assert f'<img src="data:image/png;base64,{png(2, 2)}" alt="one">' in found
    assert '<img alt="other">' in found


def test_links_are_words_and_formulas_stay_as_they_were_written() -> None:
    found = safe_markdown("[docs](https://example.org/a_b) $x_1 + y_1$ costs $5 and $10")

    assert "<u>docs</u> <small>(https://example.org/a_b)</small>" in found
    assert "<code>x_1 + y_1</code> costs $5 and $10" in found
    assert "<code>a_1\n\nb</code>" not in safe_markdown("$$a_1\n\nb$$")
    assert "<code>\\frac{a_1}{b_1}</code>" in safe_markdown("$$\n\\frac{a_1}{b_1}\n$$")


def test_nothing_of_a_student_s_html_can_look_like_ours() -> None:
    found = safe_html(
        '<p class="verdict passed" id="cell-3" style="position:fixed" title="x">Passed</p>'
    )

    assert found == "<p>Passed</p>"


def test_colours_are_classes_and_overwritten_lines_are_overwritten() -> None:
    assert terminal("\x1b[1;31mno\x1b[0m <b>") == (
        '<span class="ansi-bold ansi-fg-red">no</span> &lt;b&gt;'
    )
    assert terminal("1 %\r 50 %\r100 %\n") == "100 %\n"
    assert terminal("\x1b]8;;javascript:x\x07y\x1b]8;;\x07\x1b[2K\x1b[38;5;1mz") == "yz"


def test_controls_and_turns_of_direction_are_spelled_out() -> None:
    assert plain("a\u202eb\x00c\td\r\n") == "a\\u202eb\\u0000c\td\n"


def test_of_a_long_text_the_beginning_and_the_end_are_shown() -> None:
    found, is_cut = cut("begin " + "x" * 1000 + "\n" + "y" * 100_000 + " end", 500)

    assert is_cut
    assert found.startswith("begin")
    assert found.endswith("end") or "more)" in found
    assert len(found) < 700


def test_huge_outputs_are_cut_and_that_is_told() -> None:
    stream = {"output_type": "stream", "name": "stdout", "text": "line\n" * 200_000}
    judged = result(outputs=[CellOutput(index=0, outputs=(stream,))])
    written = executed_notebook(parse("a.ipynb", notebook(code("x"))), judged)
    index, html = shown(json.loads(written), document(judged))

    assert index["is_cut"]
    assert "are left out" in html
    assert len(html) < MAX_TEXT + 20_000


def test_a_thousand_cells_are_shown_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, "MAX_CELLS", 3)
    found = html_of(*(code(f"x = {n}") for n in range(5)))

    assert found.count('<section class="cell') == 3
    assert "2 more cells are not shown." in found


def test_verdicts_stand_beside_marked_cells_and_those_that_checks_looked_at() -> None:
    lost = check(outcome=Outcome.FAILED, score=0.0)
    looked = ExerciseResult(id="ex2", title="Two <b>", checks=(lost,), cells=(1,))
    judged = result(exercise(), looked)
    cells = [code("# chainrule: ex1\nx"), words("between"), code("y")]
    written = executed_notebook(parse("a.ipynb", notebook(*cells)), judged)
    index, html = shown(json.loads(written), document(judged))

    assert index["exercises"] == {"ex1": [1], "ex2": [3]}
    third = html.split('id="cell-3"')[1]
    assert '<span class="verdict failed">Failed</span> <span>0 of 4</span>' in third
    assert "Two &lt;b&gt;" in third


def test_what_waits_for_a_person_is_no_zero_beside_its_cell() -> None:
    waits = check(outcome=Outcome.PENDING, score=0.0)
    html = html_of(code("# chainrule: ex1\nx"), exercises=[exercise(waits)])

    assert '<span class="verdict pending">Waits</span> <span>– of 4</span>' in html


def test_cells_that_did_not_run_say_so() -> None:
    found = html_of(code("x"), code("never"), code(""))

    assert found.count("This cell did not run.") == 1


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"cell_type": st.sampled_from(["code", "markdown"]) | ANY_JSON, "source": ANY_JSON},
            optional={
                "outputs": st.lists(
                    st.fixed_dictionaries(
                        {
                            "output_type": st.sampled_from(
                                ["stream", "error", "display_data", "execute_result"]
                            )
                        },
                        optional={"text": ANY_JSON, "data": ANY_JSON, "traceback": ANY_JSON},
                    )
                )
                | ANY_JSON,
                "metadata": ANY_JSON,
                "attachments": ANY_JSON,
            },
        )
    )
)
def test_whatever_a_notebook_holds_it_is_shown(cells: list[dict[str, Any]]) -> None:
    _, html = shown({"cells": cells}, document(result()))

    assert html.endswith("</main></body></html>\n")


@given(st.text(st.sampled_from("<>/\"'= abimgsrcscriptonx&;:#!-[]()`*_$\\{}\n"), max_size=200))
def test_no_text_becomes_anything_that_runs(text: str) -> None:
    for found in (safe_html(text), safe_markdown(text)):
        again = safe_html(found)
        assert "<script" not in found
        assert " on" not in "".join(part.split(">")[0] for part in found.split("<")[1:])
        assert again == found
