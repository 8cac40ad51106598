"""Where an answer is: a variable, a form field, and words at a marker, a heading or a label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.checks.answers.answers import AnswerPlace, answer_at, text_at
from grader.checks.base import Context
from grader.checks.verdicts import Failure
from grader.domain.evidence import Answer, AnswerStatus, Text, Thing
from grader.domain.questions import Ask, Replies
from grader.domain.rubric import Cell
from grader.notebooks.markers import markers_of
from tests.unit.checks._play import END, Player, cells_of


def words(source: str) -> Cell:
    return Cell(kind="markdown", source=source, name="cell 1", markers=markers_of(source))


def context(*cells: Cell, answers: Mapping[str, str] | None = None) -> Context:
    rng = np.random.default_rng(0)
    return Context(look=END, rng=rng, cells=cells, answers=answers or {})


def found(*cells: Cell, **place: Any) -> str | None:
    return text_at(AnswerPlace(**{"heading": "Exercise 3", **place}), context(*cells))


def held(value: Any, **player: Any) -> Any:
    """What is found in the variable `x`."""
    student = Player(values={"x": value}, **player)
    asking = answer_at(AnswerPlace(variable="x"), context(), 10.0)
    step = next(asking)
    assert isinstance(step, Ask)
    with pytest.raises(StopIteration) as done:
        asking.send(Replies(tuple(student.answer(one) for one in step.student)))
    return done.value.value


LABELLED = [
    ("X.shape", "X.shape = (100, 2)"),
    ("X.shape", "- `X.shape`: (100, 2)"),
    ("X.shape", "1. **X.shape** = (100, 2)"),
    ("X.shape", "| X.shape | (100, 2) |"),
    ("X.shape", "X.shape is (100, 2)"),
    ("X.shape", "* X.shape → (100, 2)"),
    ("X.shape", "X.shape (100, 2)"),
    ("X.shape", "$X.shape$ = (100, 2)"),
    ("X.shape", "X.shape:\n\n(100, 2)"),
    ("x.shape", "X.SHAPE: (100, 2)"),
    ("a", "a. (100, 2)"),
    ("a", "a) (100, 2)"),
    ("a", "(a) (100, 2)"),
    ("a", "- **a)** (100, 2)"),
    ("a", "a: (100, 2)"),
    ("a)", "**(A)** (100, 2)"),
    ("a", "a. the shape of X: (100, 2)"),
    ("a", "a. What is the shape of X? (100, 2)"),
    ("a", "a. What is the shape of X?\n\n   (100, 2)"),
    ("a", "a. What is the shape of X?\n\n   Answer: (100, 2)"),
    ("a", "A good question.\n\na. (100, 2)"),
    ("3", "3. The shape of X: (100, 2)"),
]


@pytest.mark.parametrize(("label", "text"), LABELLED)
def test_a_label_picks_the_answer_of_its_line(label: str, text: str) -> None:
    below = "b. (5, 6)\nX.shapes = (7, 8)\nW.shape = (3, 4)"
    cell = words(f"## Exercise 3\nb. (5, 6)\nX.shapes = (7, 8)\n{text}\n\n{below}")
    assert found(cell, label=label) == "(100, 2)"
    assert found(words("## Exercise 3\n..."), words(f"{text}\n{below}"), label=label) == "(100, 2)"


@pytest.mark.parametrize(
    "text",
    [
        "X.shape = ...",
        "X.shape = ",
        "X.shape =\nW.shape = (3, 4)",
        "- X.shape =\n- x.sum(axis=1).shape = (3, 4)",
        "- X.shape =\n- (X @ W).shape = (3, 4)",
        "X.shape = TODO",
        "X.shape: _your answer here_",
        "X.shape = (_, _)",
        "X.shape = ???",
        "W.shape = (3, 4)",
        "The X.shape of (3, 4)",
    ],
)
def test_a_label_without_an_answer_finds_none(text: str) -> None:
    assert found(words(f"## Exercise 3\n{text}\n"), label="X.shape") is None


def test_a_filled_in_copy_counts_where_the_first_is_still_blank() -> None:
    cells = [words("## Exercise 3\nX.shape = ..."), words("X.shape = (2,)")]
    assert found(*cells, label="X.shape") == "(2,)"


def test_an_answer_to_the_exercise_above_or_below_is_not_taken() -> None:
    cell = words("## Exercise 2\na. two\n## Exercise 3\nb. three\n## Exercise 4\na. four")
    assert found(cell, label="a") is None
    assert found(cell, label="b") == "three"


def test_a_smaller_heading_does_not_end_an_exercise() -> None:
    assert found(words("## Exercise 3\nWhy?\n### Hint\nThink.\n#### Answer\nSo.")) == "So."


ON_THE_LINE = [
    ("# Exercise 3: yes, because it can", "yes, because it can"),
    ("Exercise 3: yes, because\nit can", "yes, because\nit can"),
    ("**Exercise 3** — yes", "yes"),
    ("Exercise 3 = yes", "yes"),
    ("Exercise 3. yes", "yes"),
    ("Exercise 3: " + "very " * 100 + "long", "very " * 100 + "long"),
]


@pytest.mark.parametrize(("text", "answer"), ON_THE_LINE)
def test_an_answer_may_stand_on_the_headings_own_line(text: str, answer: str) -> None:
    assert found(words("Exercise 3: what do you think?"), words(text)) == answer


def test_of_two_headings_with_words_the_last_holds_the_answer() -> None:
    assert (
        found(words("# Exercise 3: The loss"), words("# Exercise 3: yes, it can")) == "yes, it can"
    )


@pytest.mark.parametrize(
    "text",
    ["## Exercise 3 (2 points)", "## Exercise 3: can it rise?", "Exercise 3:", "Exercise 3: TODO"],
)
def test_a_title_a_question_or_a_placeholder_on_that_line_is_no_answer(text: str) -> None:
    assert found(words(text)) is None


def test_a_question_that_asks_for_an_answer_is_none() -> None:
    cell = words("## Exercise 3\nAnswer the question: can it rise?\n\nYour answer here")
    assert found(cell) is None
    assert found(cell, words("It can.")) == "It can."


def test_an_answer_below_goes_before_the_headings_own_line() -> None:
    assert found(words("## Exercise 3: The loss"), words("It can.")) == "It can."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "TODO",
        "to do",
        "your answer here",
        "_Type your answer here_",
        "...",
        "…",
        "___",
        "<your answer>",
        "[answer]",
        "Answer",
        "YOUR CODE HERE",
        "# TODO",
        "fill in",
        "(_, _)",
        "?",
    ],
)
def test_what_a_starter_leaves_is_no_answer(text: str) -> None:
    place = AnswerPlace(field="q1")
    assert text_at(place, context(answers={"q1": text})) is None
    failure = held(text)
    assert isinstance(failure, Failure)
    assert failure.message == "x holds no answer yet."


@pytest.mark.parametrize("text", ["()", "[]", "no", "None", "0", "a", "todo list", "answer B"])
def test_a_short_answer_is_one(text: str) -> None:
    assert text_at(AnswerPlace(field="q1"), context(answers={"q1": f" {text}\n"})) == text
    assert held(text) == text


@pytest.mark.parametrize("value", [None, Thing("ellipsis")])
def test_a_variable_that_is_still_blank_holds_no_answer(value: Any) -> None:
    failure = held(value)
    assert failure.near_miss.cause == "no-answer"


def test_a_variable_gives_what_it_holds() -> None:
    assert held(0.25) == 0.25
    assert held(Text("ab" * 10_000, 20_000)) == "ab" * 4_000


def test_a_variable_that_is_not_there_and_one_that_is_not_answered_say_so() -> None:
    gone = held(None, instead=lambda _: Answer(AnswerStatus.ANSWERED, {"values": {}}))
    assert gone.message == "x is not defined when your notebook is run."
    slow = held(None, instead=lambda _: Answer(AnswerStatus.TIME_LIMIT, {}))
    assert slow.near_miss.cause == "time-limit"


def test_no_words_say_where_they_were_looked_for() -> None:
    def message(**place: Any) -> str:
        asking = answer_at(AnswerPlace(**place), context(), 10.0)
        with pytest.raises(StopIteration) as done:
            next(asking)
        failure = done.value.value
        assert failure.near_miss.cause == "no-answer"
        return str(failure.message)

    assert message(heading="Exercise 3") == (
        "No answer was found below “Exercise 3”: write it into a cell of its own there, or after "
        "“Answer:”."
    )
    assert message(marker="ex3", label="a") == "No answer to “a” was found in the cell marked ex3."
    assert message(field="q1") == "The field “q1” is not filled in."


@pytest.mark.parametrize(
    "place",
    [
        {},
        {"variable": "x", "field": "y"},
        {"variable": "x", "heading": "Exercise 3"},
        {"field": "x", "marker": "ex3"},
        {"label": "a"},
        {"variable": "x", "label": "a"},
        {"heading": "Exercise 3", "label": ")"},
    ],
)
def test_a_place_that_is_not_clear_is_refused(place: dict[str, str]) -> None:
    with pytest.raises((ValidationError, ValueError)):
        AnswerPlace(**place)


HOSTILE = ["*" * 50_000, "a) " * 20_000, "((((" * 10_000, "- " * 30_000, "? " * 30_000]


@pytest.mark.parametrize("junk", [*HOSTILE, "a.\n" * 20_000, "Exercise 3: " * 5_000])
def test_hostile_cells_are_read_at_once(junk: str) -> None:
    for text in (junk, f"Exercise 3\na. {junk}", f"Exercise 3\n{junk} a = 1"):
        found(words(text), words(text), label="a")
        found(words(text), words(text))


@given(st.lists(st.builds(words, st.text()), max_size=4), st.text())
def test_any_words_are_read(cells: list[Cell], line: str) -> None:
    cells = [*cells, words(f"# Exercise 3: {line}\na) {line}"), *cells_of(line), *cells]
    for label in (None, "a", "X.shape"):
        text = found(*cells, label=label)
        assert text is None or (text.strip() and len(text) <= 8_000)
