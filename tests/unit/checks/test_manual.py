"""`manual`: pending for a person, with the student's answer where it is found."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.domain.outcomes import Outcome
from grader.domain.rubric import Cell
from grader.notebooks.markers import markers_of
from tests.unit.checks._play import Player, judge, spec

PLACE = {"marker": "ex3", "heading": "Exercise 3"}


def words(source: str) -> Cell:
    return Cell(kind="markdown", source=source, name="cell 1", markers=markers_of(source))


def code(source: str) -> Cell:
    return Cell(kind="code", source=source, name="cell 1", markers=markers_of(source))


def answer(*cells: Cell, **place: str) -> Any:
    verdict = judge(spec("manual", points=2, answer=place or PLACE), Player(), cells=cells)
    assert (verdict.outcome, verdict.fraction) == (Outcome.PENDING, 0.0)
    return verdict.detail["answer"]


QUESTION = "## Exercise 3\nCan the loss rise? Explain.\n\nHint: try it."
NEXT = words("## Exercise 4\nNow the model.")
FOUND = [
    [words(f"{QUESTION}\n\nAnswer: Yes, it can.")],
    [words(f"{QUESTION}\n\n**Answer:**\n\nYes, it can.")],
    [words(f"{QUESTION}\n\n*Your answer:* Yes, it can.")],
    [words(QUESTION), words("Answer:\n\nYes, it can."), NEXT],
    [words(QUESTION), words("Yes, it can."), NEXT],
    [words(QUESTION), code("print(1)"), words("Yes, it can."), NEXT],
    [words(QUESTION), words("<!-- chainrule: ex3 -->\nYes, it can."), NEXT],
    [words("# chainrule: ex3\n**Answer**: Yes, it can.")],
    [words("elsewhere"), words("<!-- chainrule: ex3 -->\nAnswer:\nYes, it can.")],
    [code("# chainrule: ex3\n# Answer: Yes, it can.")],
    [words("**Exercise 3**\n\nCan the loss rise?\n\nanswer: Yes, it can.")],
    [words("Exercise 3"), words("Answer: Yes, it can.")],
    [words(f"{QUESTION}\n\nAnswer: _your answer here_"), words("Yes, it can."), NEXT],
]


@pytest.mark.parametrize("cells", FOUND, ids=range(len(FOUND)))
def test_an_answer_is_found(cells: list[Cell]) -> None:
    found = answer(*cells)
    assert found is not None
    assert found.endswith("Yes, it can.")
    assert "Explain" not in found


NOTHING = [
    [],
    [words(QUESTION), NEXT],
    [words(f"{QUESTION}\n\nAnswer:"), NEXT, words("The model is small.")],
    [words(f"{QUESTION}\n\n**Your answer:** _TODO_"), NEXT],
    [words("<!-- chainrule: ex3 -->\n_Type your answer here_")],
    [words("## Exercise 30\n\nAnswer: another")],
    [words("## Exercise 2\n\nAnswer: another")],
]


@pytest.mark.parametrize("cells", NOTHING, ids=range(len(NOTHING)))
def test_no_answer_is_still_pending_and_said(cells: list[Cell]) -> None:
    check = spec("manual", answer=PLACE)
    verdict = judge(check, Player(), cells=cells)
    assert (verdict.outcome, verdict.detail["answer"]) == (Outcome.PENDING, None)
    assert "No answer was found" in verdict.message


def test_an_answer_may_have_paragraphs_and_go_on_in_the_next_cell() -> None:
    found = answer(words(f"{QUESTION}\n\nAnswer: One.\n\nTwo."), words("Three."), NEXT)
    assert found == "One.\n\nTwo.\n\nThree."


def test_the_marker_goes_before_the_heading() -> None:
    cells = [words(f"{QUESTION}\n\nAnswer: below"), words("<!-- chainrule: ex3 -->\nmarked")]
    assert answer(*cells) == "marked"


def test_a_check_without_a_place_is_simply_pending() -> None:
    verdict = judge(spec("manual"), Player())
    assert (verdict.outcome, verdict.message) == (Outcome.PENDING, "A person grades this.")


def test_an_answer_is_bounded() -> None:
    assert len(answer(words(f"{QUESTION}\nAnswer: {'a b ' * 100_000}"))) <= 8000


@pytest.mark.parametrize("junk", ["<!--" * 200_000, "_" * 300_000, "answer " * 50_000, "#" * 10**6])
def test_hostile_cells_take_no_time(junk: str) -> None:
    answer(words(f"Exercise 3\n{junk}"), words(junk))


@given(st.lists(st.builds(words, st.text()) | st.builds(code, st.text()), max_size=4))
def test_any_cells_are_read(cells: list[Cell]) -> None:
    answer(*cells, words("Exercise 3"), *cells)


def test_a_place_needs_a_marker_or_a_heading() -> None:
    with pytest.raises(ValidationError):
        spec("manual", answer={})
