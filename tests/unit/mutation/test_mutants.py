"""Mutants keep what surrounds a mistake, have stable names, and are no repetitions."""

from __future__ import annotations

import pytest

from grader.checks.answers.answers import AnswerPlace
from grader.checks.kinds.shape import ShapeSpec
from grader.domain.rubric import Exercise, Rubric
from grader.notebooks.read import Submission, parse
from tests.unit._builders import code, notebook, words
from workers.mutation.answers import answer_mutants
from workers.mutation.hollow import with_zeros, without_results
from workers.mutation.mutants import Mutant, mutants
from workers.mutation.table import OPERATORS
from workers.mutation.words import changed
from workers.mutation.written import written_by_students

SCRIPT = b'''\
# chainrule: ex1
def f(x):
    """Says x + 1."""
    y = x + 1  # one more
    print(x - 1)
    assert x > 0, f"{x + 2}"
    return y


class M:
    def forward(self, x):
        return x + 1


total = f(3) + f(4)
'''


def by_name(right: Submission) -> dict[str, Mutant]:
    return {one.name: one for one in mutants(right)}


def test_only_the_mistake_changes_and_comments_stay() -> None:
    right = parse("answer.py", SCRIPT)
    mutant = by_name(right)["f/flip-sign/1"]

    was = next(cell.source for cell in right.cells if "def f" in cell.source)
    assert mutant.source == was.replace("y = x + 1  #", "y = x - 1  #")
    assert mutant.diff(right, lines=0).split("\n")[2:] == [
        "@@ -4 +4 @@",
        "-    y = x + 1  # one more",
        "+    y = x - 1  # one more",
    ]


def test_names_are_of_scope_operator_and_number() -> None:
    names = set(by_name(parse("answer.py", SCRIPT)))

    assert {"f/drop-term/1", "f/drop-term/2", "M.forward/flip-sign/1", "total/flip-sign/1"} <= names


def test_what_only_shows_asserts_or_documents_is_left_alone() -> None:
    for mutant in mutants(parse("answer.py", SCRIPT)):
        if mutant.definition == "f":
            assert "print(x - 1)" in mutant.source
            assert "assert x > 0" in mutant.source
            assert "Says x + 1." in mutant.source


def test_equal_mutants_and_those_that_do_not_compile_are_dropped() -> None:
    right = parse("answer.py", b"def f(a):\n    return a + a\n")
    sources = [one.source for one in mutants(right)]

    assert len(set(sources)) == len(sources)
    assert sources.count("def f(a):\n    return a") == 1


def test_magics_of_a_notebook_stay() -> None:
    right = parse("a.ipynb", notebook(code("%matplotlib inline\ny = x + 1\n!ls")))

    assert "%matplotlib inline\ny = x - 1\n!ls" in {one.source for one in mutants(right)}


def test_brackets_are_added_where_they_are_needed() -> None:
    right = parse("answer.py", b"y = (a - b) * c\n")
    found = mutants(right, {"drop-term": OPERATORS["drop-term"]})

    assert {one.source.strip() for one in found} == {"y = (a) * c", "y = (-b) * c"}


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("B and E", ["C and E", "B and F"]),
        ("(100, 2)", ["(2, 100)", "(101, 2)", "(100, 3)"]),
        ("100 x 2", ["2 x 100", "101 x 2", "100 x 3"]),
        ("about 0.25", ["about 1.25"]),
        ("Yes", ["no"]),
        ("A12 or x_3", []),
    ],
)
def test_an_answer_in_words_is_changed_in_these_ways(text: str, after: list[str]) -> None:
    assert [other for _, other in changed(text)] == after


def test_an_answer_in_words_concerns_the_checks_that_read_it() -> None:
    checks = tuple(
        ShapeSpec(id=name, points=1, answer=AnswerPlace(marker=name), shape=(2, 3))
        for name in ("one", "two")
    )
    rubric = Rubric(slug="a", title="A", exercises=(Exercise(id="ex", title="E", checks=checks),))
    right = parse(
        "a.ipynb",
        notebook(
            words("<!-- chainrule: one -->\n(2, 3)"), words("<!-- chainrule: two -->\n(2, 3)")
        ),
    )
    found = answer_mutants(rubric, right)

    assert {one.name for one in found} >= {"ex.two/answer-shape/1", "ex.two/answer-number/1"}
    assert {one.answers for one in found if one.cell == 1} == {frozenset({"ex/two"})}


def test_a_form_field_is_an_answer_too() -> None:
    check = ShapeSpec(id="a", points=1, answer=AnswerPlace(field="size"), shape=(2, 3))
    rubric = Rubric(slug="a", title="A", exercises=(Exercise(id="ex", title="E", checks=(check,)),))
    right = parse("a.py", b"# chainrule: answer size = (2, 3)\nx = 1\n")
    mutant = {one.name: one for one in answer_mutants(rubric, right)}["size/answer-shape/1"]

    assert mutant.submission(right).answers == {"size": "(3, 2)"}
    assert mutant.diff(right).split("\n")[-2:] == ["-(2, 3)", "+(3, 2)"]


def test_code_that_the_starter_gives_is_nobodys_answer() -> None:
    given, own = "def given(x):\n    return x + 1", "def own(x):\n    return x + 2"
    right = parse("answer.ipynb", notebook(code(f"{given}\n\n\n{own}")))
    starter = parse("starter.ipynb", notebook(code(given)))
    written = written_by_students(right, starter)

    assert {one.definition for one in mutants(right) if written(one)} == {"own"}


def test_a_hollow_submission_keeps_constructors_and_nothing_else() -> None:
    right = parse(
        "answer.py",
        b"class M:\n"
        b"    def __init__(self):\n        self.a = 1\n"
        b"    def f(self, x):\n        return x\n",
    )

    emptied = without_results(right).cells[0].source
    assert "self.a = 1" in emptied
    assert "return None" in emptied
    space: dict[str, type] = {}
    exec(with_zeros(right).cells[0].source, space)
    assert space["M"]().f(3) == 0
    assert space["M"]().f([2, (1.5, True)]) == [0, (0.0, True)]
