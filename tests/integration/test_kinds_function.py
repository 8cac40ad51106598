"""`function` through real sandboxes: right answers in several spellings, wrong ones, and cheats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grader.domain.outcomes import Outcome
from tests.grading import Assignment, assignment
from workers.zygote import Zygote

REFERENCE = """
import torch

def summary(x, how, scale=1.0):
    values = {"mean": x.mean(), "sum": x.sum()}
    return {"how": how, "value": values[how].item() * scale, "top": x.topk(2).values, "n": len(x)}

def softmax(x):
    return torch.softmax(x, dim=0)

def count(words, letter):
    return sum(letter in word for word in words.split())
"""
SUMMARY: dict[str, Any] = {
    "kind": "function",
    "function": "summary",
    "args": ["x", "how"],
    "kwargs": {"scale": "scale"},
    "inputs": {
        "x": {"normal": ["N"]},
        "how": {"choices": ["mean", "sum"]},
        "scale": {"uniform": [], "low": 1, "high": 3, "python": True},
    },
    "cases": [{"N": 9}, {"N": 4}],
}
SOFTMAX: dict[str, Any] = {
    "kind": "function",
    "function": "softmax",
    "args": ["x"],
    "inputs": {"x": {"normal": ["N"], "edges": ["large", "zero"]}},
    "cases": [{"N": 9}, {"N": 4}],
    "limit_s": 2,
}
RIGHT = "def softmax(x): return torch.softmax(x, 0)"


@pytest.fixture(scope="module")
def summary(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    return assignment(zygote, tmp_path_factory.mktemp("summary"), SUMMARY, REFERENCE)


@pytest.fixture(scope="module")
def softmax(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    return assignment(zygote, tmp_path_factory.mktemp("softmax"), SOFTMAX, REFERENCE)


SPELLINGS = {
    "as the reference": """
def summary(x, how, scale=1.0):
    value = x.mean() if how == "mean" else x.sum()
    return {"how": how, "value": value.item() * scale, "top": x.topk(2).values, "n": len(x)}""",
    "a tensor for a number, in another order": """
def summary(x, how, *, scale):
    value = getattr(x, how)() * scale
    top = torch.sort(x, descending=True).values[:2]
    return {"n": torch.tensor(len(x)), "top": top, "value": value, "how": str(how)}""",
    "numpy's numbers": """
import numpy as np
def summary(x, how, scale=1.0):
    value = getattr(np, how)(x.numpy()) * scale
    return dict(how=how, value=value, top=x.sort().values.flip(0)[:2], n=np.int64(x.shape[0]))""",
}  # fmt: skip


@pytest.mark.parametrize("cell", SPELLINGS.values(), ids=SPELLINGS)
def test_a_right_function_passes_in_any_spelling(summary: Assignment, cell: str) -> None:
    result = summary.grade("import torch", cell)
    assert result.outcome is Outcome.PASSED, result.message


def test_what_is_wrong_inside_a_result_is_named_by_its_place(summary: Assignment) -> None:
    cell = SPELLINGS["as the reference"]
    forgets = summary.grade("import torch", cell.replace("value.item() * scale", "value.item()"))
    assert "summary(tensor([" in forgets.message
    assert "The entry “value” of the result of summary() is" in forgets.message
    lists = summary.grade("import torch", cell.replace(".values", ".values.tolist()"))
    assert "The entry “top” of the result of summary() is a list of 2" in lists.message
    assert "That is so for" in lists.message


def test_a_wrong_function_is_shown_by_an_example_that_anybody_can_check(
    softmax: Assignment,
) -> None:
    result = softmax.grade("import torch", "def softmax(x): return x.exp() / x.exp().max()")
    assert result.outcome is Outcome.FAILED
    assert result.message.startswith("softmax(tensor([")
    assert result.message.split(" gave")[0].count(",") == 1


def test_an_edge_case_costs_its_share(softmax: Assignment) -> None:
    result = softmax.grade("import torch", "def softmax(x): return x.exp() / x.exp().sum()")
    assert (result.outcome, result.score) == (Outcome.PARTIAL, 0.75)
    assert "Here x is large." in result.message
    assert result.detail["cause"] == "edge-case"


CHEATS = {
    "a patched torch": (
        "torch.softmax = torch.allclose = torch.equal = lambda *a, **k: True\n"
        "def softmax(x): return torch.zeros(len(x))",
        None,
    ),
    "a result that equals everything": (
        "class Yes:\n    def __eq__(self, other): return True\ndef softmax(x): return Yes()",
        None,
    ),
    "a tensor that equals everything": (
        "class Yes(torch.Tensor):\n    def __eq__(self, other): return True\n"
        "def softmax(x): return torch.zeros(len(x)).as_subclass(Yes)",
        None,
    ),
    "a number that equals everything": (
        "class Yes(float):\n    def __eq__(self, other): return True\n"
        "    def __float__(self): return 1.0\n"
        "def softmax(x): return Yes(0)",
        None,
    ),
    "an infinite loop": ("def softmax(x):\n    while True: pass", "time-limit"),
    "an exception": ("def softmax(x): raise ValueError(x)", "raised"),
    "an exit": ("def softmax(x): raise SystemExit(0)", "raised"),
    "the end of the process": ("import os\ndef softmax(x): os._exit(0)", "died"),
    "a huge value": ("def softmax(x): return torch.zeros(1 << 24)", None),
    "a huge int": ("def softmax(x): return 7 ** 100000", None),
    "a list that holds itself": ("def softmax(x):\n    a = []; a.append(a)\n    return a", None),
    "a generator": ("def softmax(x): yield from x", None),
    "changed inputs": ("def softmax(x): return x.copy_(torch.softmax(x, 0))", "changes-inputs"),
    "not there": ("pass", "missing"),
    "a class": ("class softmax: pass", "not-callable"),
    "what a frame above knows": (
        "import sys\ndef softmax(x):\n    frame = sys._getframe()\n    while frame:\n"
        "        for value in list(frame.f_locals.values()):\n"
        "            if isinstance(value, dict) and 'want' in value: return value['want']\n"
        "        frame = frame.f_back\n    return torch.zeros(len(x))",
        None,
    ),
}


@pytest.mark.parametrize(("cell", "cause"), CHEATS.values(), ids=CHEATS)
def test_what_is_no_answer_earns_nothing(softmax: Assignment, cell: str, cause: str | None) -> None:
    result = softmax.grade("import torch", cell)
    assert (result.outcome, result.score) == (Outcome.FAILED, 0)
    if cause is not None:
        assert result.detail["cause"] == cause


def test_what_has_to_be_refused_is_asked_of_the_submission_alone(
    zygote: Zygote, tmp_path: Path
) -> None:
    check = {**SOFTMAX, "inputs": {"x": {"choices": ["text", -1]}}, "raises": ["TypeError"]}
    made = assignment(zygote, tmp_path, {**check, "cases": [{}]}, "")
    refuses = "def softmax(x):\n    if not torch.is_tensor(x): raise TypeError('a tensor')"
    assert made.grade("import torch", refuses).outcome is Outcome.PASSED
    result = made.grade("import torch", "def softmax(x): return x")
    assert "raised nothing; TypeError was expected." in result.message


def test_text_goes_in_and_an_int_comes_out(zygote: Zygote, tmp_path: Path) -> None:
    check = {
        "kind": "function",
        "function": "count",
        "args": ["words", "letter"],
        "inputs": {
            "words": {"text": "N", "alphabet": "abc ", "edges": ["empty"]},
            "letter": {"choices": ["a", "b"]},
        },
        "cases": [{"N": 40}],
    }
    made = assignment(zygote, tmp_path, check, REFERENCE)
    right = "def count(words, letter): return len([w for w in words.split() if letter in w])"
    assert made.grade(right).outcome is Outcome.PASSED
    wrong = made.grade("def count(words, letter): return words.count(letter)")
    assert wrong.score == 0
    assert wrong.message.startswith("count('")
