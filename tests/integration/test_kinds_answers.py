"""`shape`, `value`, `choice`, `text` through real sandboxes, from every place of an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from grader.domain.outcomes import Outcome
from grader.domain.results import CheckResult
from grader.domain.rubric import Bundle
from grader.notebooks.read import parse
from grader.rubricfile import load_bundle
from tests.unit._builders import Cell, code, notebook, words
from workers import pipeline
from workers.zygote import Zygote

BATCH = {"shape": ["n", 2]}
CHECKS: list[dict[str, Any]] = [
    {"id": "shape", "kind": "shape", "answer": {"variable": "x"}, **BATCH},
    {"id": "shape-words", "kind": "shape", "answer": {"heading": "Q1", "label": "a"}, **BATCH},
    {"id": "value", "kind": "value", "answer": {"variable": "loss"}, "reference": "loss"},
    {
        "id": "table",
        "kind": "value",
        "answer": {"variable": "table"},
        "expected": [True, False, True],
        "partial_elements": True,
    },
    {
        "id": "choice",
        "kind": "choice",
        "answer": {"field": "q2"},
        "options": ["A", "B", "C", "D", "E"],
        "expected": ["B", "E"],
    },
    {"id": "text", "kind": "text", "answer": {"variable": "name"}, "pattern": "soft-?max"},
    {"id": "words", "kind": "manual", "answer": {"variable": "name"}},
]
RIGHT = "import torch\nx = torch.zeros(7, 2)\nloss = torch.tensor(0.25)\nname = 'Softmax'\n"
TABLE = "table = torch.tensor([1, 2, 3]) != 2\n"


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    root = tmp_path_factory.mktemp("questions")
    for part in ("rubrics", "reference"):
        (root / part / "questions").mkdir(parents=True)
    checks = [{"points": 1, **check} for check in CHECKS]
    exercises = [{"id": "ex1", "title": "Questions", "checks": checks}]
    rubric = yaml.safe_dump({"title": "Questions", "exercises": exercises})
    (root / "rubrics" / "questions" / "rubric.yaml").write_text(rubric)
    (root / "reference" / "questions" / "solution.py").write_text("loss = 0.25\n")
    return load_bundle("questions", root)


class Grading:
    """Grades notebooks and files against the questions."""

    def __init__(self, zygote: Zygote, bundle: Bundle) -> None:
        self._zygote, self._bundle = zygote, bundle

    def cells(self, *cells: Cell, q2: str = "b and e") -> dict[str, CheckResult]:
        metadata = {"chainrule": {"answers": {"q2": q2}}}
        return self.file("a.ipynb", notebook(*cells, metadata=metadata))

    def code(self, source: str) -> dict[str, CheckResult]:
        return self.cells(words("## Q1\na) (n, 2)"), code(source))

    def file(self, name: str, data: bytes) -> dict[str, CheckResult]:
        result = pipeline.grade(self._zygote, self._bundle, parse(name, data), seed=1)
        return {check.id: check for check in result.exercises[0].checks}


@pytest.fixture(scope="module")
def grading(zygote: Zygote, questions: Bundle) -> Grading:
    return Grading(zygote, questions)


def outcomes(results: dict[str, CheckResult]) -> dict[str, Outcome]:
    return {name: check.outcome for name, check in results.items()}


ALL = dict.fromkeys([check["id"] for check in CHECKS], Outcome.PASSED) | {"words": Outcome.PENDING}


def test_right_answers_of_a_notebook_pass(grading: Grading) -> None:
    results = grading.code(RIGHT + TABLE)
    assert outcomes(results) == ALL
    assert results["words"].detail["answer"] == "Softmax"


OTHER_SPELLINGS = """
import numpy as np
x = ("N", 2)
loss = np.float32(0.25)
name = "**softmax**"
table = [True, np.bool_(False), 1 > 0]
"""


def test_other_spellings_pass_too(grading: Grading) -> None:
    results = grading.cells(
        words("## Q1\na. What is the shape?"),
        words("a. the shape: `n x 2`\n\nb. 3"),
        code(OTHER_SPELLINGS),
        q2="(E) (B)",
    )
    assert outcomes(results) == ALL


def test_a_python_file_has_them_all(grading: Grading) -> None:
    source = f"# Q1\n# a: torch.Size([n, 2])\n\n{RIGHT}{TABLE}\n# chainrule: answer q2 = E, B\n"
    assert outcomes(grading.file("a.py", source.encode())) == ALL


def test_a_variable_that_is_used_again_counts_as_it_was(grading: Grading) -> None:
    results = grading.cells(
        words("## Q1\na) (n, 2)"), code(RIGHT + TABLE), code("x = loss = table = 3")
    )
    assert outcomes(results) == ALL


def test_wrong_answers_fail_each_alone_and_say_so(grading: Grading) -> None:
    results = grading.cells(
        words("## Q1\na) (n, 3)"),
        code("x = (2, 'n')\nloss = -0.25\nname = 'relu'\ntable = [True, True, True]"),
        q2="B",
    )
    assert {name: check.detail.get("cause") for name, check in results.items()} == {
        "shape": "transposed-shape",
        "shape-words": "wrong-shape",
        "value": "sign",
        "table": None,
        "choice": "wrong-choice",
        "text": "wrong-text",
        "words": None,
    }
    assert results["table"].score == round(2 / 3, 6)


def test_an_untouched_starter_has_no_answers(grading: Grading) -> None:
    results = grading.cells(
        words("## Q1\na) What is the shape of x?\n\n_Your answer here_"),
        code("x = ...\nloss = None\nname = 'TODO'\ntable = None"),
        q2="",
    )
    causes = {check.detail.get("cause") for name, check in results.items() if name != "words"}
    assert causes == {"no-answer"}


CHEATS = {
    "equals everything": """
class Liar:
    def __eq__(self, other): return True
    def __hash__(self): return 0
    def __iter__(self): return iter([self] * 3)
    def __float__(self): return 0.25
    def __str__(self): return "softmax"
x = loss = name = table = Liar()
""",
    "subclasses": """
import torch
class Number(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
class Word(str):
    def __eq__(self, other): return True
    def casefold(self): return "softmax"
class Size(int):
    def __eq__(self, other): return True
class Tensor(torch.Tensor):
    @classmethod
    def __torch_function__(cls, *args, **kwargs): return True
x, loss, name = (Size(5), Size(5)), Number(7), Word("no")
table = torch.tensor([0, 1, 0]).as_subclass(Tensor)
""",
    "patched torch": """
import torch
torch.allclose = torch.equal = lambda *args, **kwargs: True
torch.Tensor.shape = property(lambda self: torch.Size([7, 2]))
torch.Tensor.__eq__ = lambda *args: True
x, loss = torch.zeros(7, 3), torch.tensor(3.0)
name, table = "relu", torch.tensor([0, 1, 0])
""",
    "lists of guesses": """
x = [(7, 2), ("n", 2), (2,)]
loss = [0.25, 0.5]
name = ["softmax", "relu"]
table = [[True, False, True], [False, True, False]]
""",
    "endless": """
class Endless(list):
    def __iter__(self):
        while True: yield 1
    def __len__(self): return 3
x = loss = table = Endless()
name = "softmax" * 10 ** 7
""",
    "huge": """
x = (10 ** 400, 2)
loss = 10 ** 5000
name = "softmax " + "x" * 10 ** 6
table = [True, False, True] * 10 ** 5
""",
    "raises": "raise ValueError('x = (n, 2)')",
    "ends": "raise SystemExit",
}


@pytest.mark.parametrize("source", CHEATS.values(), ids=CHEATS.keys())
def test_a_cheat_earns_nothing(grading: Grading, source: str) -> None:
    results = grading.code(source)
    held = ("shape", "value", "table", "text")
    assert {name: results[name].score for name in held} == dict.fromkeys(held, 0)
    assert results["shape-words"].outcome is Outcome.PASSED


def test_words_are_judged_though_the_process_ends_itself(grading: Grading) -> None:
    results = grading.code("import os; os._exit(0)")
    assert results["shape-words"].outcome is Outcome.PASSED
    assert results["choice"].outcome is Outcome.PASSED
    assert results["shape"].detail["cause"] == "not-run"


def test_the_pages_examples_are_rubrics(tmp_path: Path) -> None:
    pages = Path(__file__).parents[2] / "docs" / "checks"
    for kind in ("shape", "tensor", "value", "choice", "text"):
        example = (pages / f"{kind}.md").read_text().split("```yaml\n")[1].split("```")[0]
        for part in ("rubrics", "reference"):
            (tmp_path / part / kind).mkdir(parents=True)
        (tmp_path / "rubrics" / kind / "rubric.yaml").write_text(example)
        (tmp_path / "reference" / kind / "solution.py").write_text("")
        assert load_bundle(kind, tmp_path).rubric.max_score > 0
